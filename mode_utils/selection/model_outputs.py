"""The outputs of a Keras model, and the choice of the layer to compare candidates in."""

from contextlib import nullcontext

import numpy as np

from mode_utils.layer_selection import last_hidden_layer, select_target_layer
from mode_utils.networks.feature_models import GRID, train_feature_models
from mode_utils.selection.next_batch import View
from mode_utils.support.sample_parts import in_chunks, scattered

_DIRECTIONS = {"underfit": "forward", "overfit": "backward"}


class ModelOutputs:
    """States (n, n_features) and probabilities (n, n_classes), both float32, that a Keras model makes of `splits`.

    A `state`, if given, is lent to the trainer for each look. `n_pool` counts the samples of the pool; a model that
    `stays` as it is needs only one look at it. Whatever else has these methods can take their place.
    """

    frozen = False  # these states are a work of the training samples

    def __init__(self, trainer, splits, state=None):
        self.trainer, self._splits, self._state = trainer, splits, state
        self._last = last_hidden_layer(trainer.model)
        self.n_pool, self.stays = len(splits.bug_fixing), state is not None

    def of_validation(self, layer=None):
        """Return states and probabilities of the held-out samples."""
        return self._look(self._splits.held_out.x, ("states", "probabilities"), layer)

    def of_training(self, labels=None, layer=None):
        """Return states and labels of the training samples, or of those with some labels."""
        train = self._splits.train
        x, y = (train.x, train.y) if labels is None else train.take(np.flatnonzero(np.isin(train.y, labels)))
        return self._look(x, ("states",), layer)[0], y

    def at(self, places, names=("states", "probabilities"), layer=None):
        """Return states, probabilities or both at some places of the pool, in increasing order, as a list."""
        pool = self._splits.bug_fixing
        if self.stays:
            with self._held():
                parts = [self._outputs(x, names, layer) for x in scattered(pool.source, places)]
            return [np.concatenate(part) for part in zip(*parts, strict=True)]
        if 2 * len(places) >= len(pool):  # of most of the pool there is a copy, of the rest none
            return [outputs[places] for outputs in self._look(pool.x, names, layer)]
        return self._look(pool.take(places)[0], names, layer)

    def states_at(self, places):
        """Return the states at some places of the pool."""
        return self.at(places, ("states",))[0]

    def samples_at(self, places):
        """Return samples at some places of the pool."""
        samples = self._splits.bug_fixing.take(places)[0]
        return np.asarray(samples, np.float32) if self.stays else samples

    def training_states(self, rng, layer=None):
        """Return a function from a number to the states of so many training samples, drawn at random; None: of all."""
        train = self._splits.train

        def draw(number=None):
            drawn = None if number is None else rng.choice(len(train), min(number, len(train)), replace=False)
            return self._look(train.x if drawn is None else train.take(drawn)[0], ("states",), layer)[0]

        return draw

    def each_part(self, function):
        """Yield what a function makes of the pool, in one part, of tuples (start, samples, states, probabilities)."""
        with self._held():
            found = function((start, x, *self._outputs(x)) for start, x in in_chunks(self._splits.bug_fixing.source))
        yield found

    def choose_view(self, options, fault, predictions, rng):
        """Return the view of the model, see `choose_view`."""
        with self._held():
            return choose_view(self.trainer, self._splits, options, fault, predictions, rng)

    def _look(self, x, names=("states", "probabilities"), layer=None):
        with self._held():
            return self._outputs(x, names, layer)

    def _outputs(self, x, names=("states", "probabilities"), layer=None):
        layers = {"states": layer or self._last, "probabilities": self.trainer.output_layer}
        return self.trainer.activations(x, [layers[name] for name in names], grid=GRID)

    def _held(self):
        return self.trainer.at(self._state) if self.stays else nullcontext()


def choose_view(trainer, splits, options, fault, predictions, rng):
    """Return the `View` of a fault: whose predictions count, and which layer candidates are compared in.

    With layer selection, the target layer, sought forward for underfitting and backward for overfitting, and its
    feature model's predictions; without, the last hidden layer, and `predictions` (n_held_out,) of the model itself.
    """
    if options.layer_selection:
        threshold, direction = options.similarity_threshold, _DIRECTIONS[fault]
        target = select_target_layer(trainer, splits.train, splits.held_out, rng, threshold, direction)
        return View(target.predictions, target.name, target.weights)
    if options.space == "pixels":
        return View(predictions)
    layer = last_hidden_layer(trainer.model)
    if options.space == "neurons":
        return View(predictions, layer)
    head = train_feature_models(trainer, [layer], splits.train, splits.held_out, rng)[0]
    return View(predictions, layer, head.weights)
