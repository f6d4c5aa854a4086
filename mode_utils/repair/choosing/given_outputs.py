"""Outputs of any framework that are given as arrays, in place of a model."""

import numpy as np

from mode_utils.selection.next_batch import View
from mode_utils.support.sample_parts import in_chunks, scattered

WHAT = ("features", "probabilities")
_ARRAY_OF = {"states": "features_pool", "probabilities": "probabilities_pool"}


class GivenOutputs:
    """Arrays of `array_sets.OUTPUTS` in place of `ModelOutputs`; `samples` of the pool may be its features.

    `frozen` says that these are no work of the training samples: a head was fitted to features that stayed as they are.
    """

    stays = True

    def __init__(self, arrays, samples, has_samples=True, frozen=False):
        self._arrays, self._samples, self._has_samples, self.frozen = arrays, samples, has_samples, frozen
        self.n_pool = len(samples)

    def seen_by(self, predict):
        """Return the outputs of another classifier, a function from features to probabilities, for the same samples."""
        roles = [name.removeprefix("features_") for name in self._arrays if name.startswith("features_")]
        found = {f"probabilities_{role}": predict(self._arrays[f"features_{role}"]) for role in roles}
        return GivenOutputs(self._arrays | found, self._samples, self._has_samples, self.frozen)

    def of_validation(self, layer=None):
        """Return features and probabilities of the validation samples."""
        return tuple(np.asarray(self._arrays[f"{what}_validation"], np.float32) for what in WHAT)

    def of_training(self, labels=None, layer=None):
        """Return features and labels of the training samples, or of those with some labels; None if unknown."""
        if "features_train" not in self._arrays:
            return None
        y = np.asarray(self._arrays["y_train"])
        places = np.flatnonzero(np.isin(y, labels)) if labels is not None else slice(None)
        return np.asarray(self._arrays["features_train"][places], np.float32), y[places]

    def at(self, places, names=("states", "probabilities"), layer=None):
        """Return features, probabilities or both at some places of the pool."""
        return [np.concatenate(list(scattered(self._arrays[_ARRAY_OF[name]], places))) for name in names]

    def states_at(self, places):
        """Return the features at some places of the pool."""
        return self.at(places, ("states",))[0]

    def samples_at(self, places):
        """Return the samples at some places of the pool."""
        if not self._has_samples:
            raise ValueError("the selector looks at samples: give x_pool and x_validation, too")
        return np.asarray(self._samples[places], np.float32)

    def training_states(self, rng, layer=None):
        """Return a function from a number to the features of so many training samples, drawn at random."""
        known = self.of_training()
        if known is None:
            raise ValueError("the selector looks at training samples: give features_train and y_train, too")

        def draw(number=None):
            states, n = known[0], len(known[0])
            return states if number is None else states[rng.choice(n, min(number, n), replace=False)]

        return draw

    def each_part(self, function):
        """Yield what a function makes of the pool, which is one part."""
        arrays = self._samples, *(self._arrays[f"{what}_pool"] for what in WHAT)
        parts = in_chunks(*arrays)
        yield function((start, x, *(np.asarray(part, np.float32) for part in outputs)) for start, x, *outputs in parts)

    def choose_view(self, options, fault, predictions, rng):
        """Return the one view that there is: the model's own predictions, and its features."""
        if options.space == "importance":
            raise ValueError("space 'importance' needs the weights of a model: choose pixels or neurons")
        return View(predictions)
