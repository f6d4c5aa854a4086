"""Find out from a model's training samples how it wants pixels, and whether labels are in order."""

from typing import NamedTuple

import numpy as np

from mode_utils.assessment import another_order
from mode_utils.networks.backend import keras
from mode_utils.networks.classifiers import looks_up
from mode_utils.repair.reading.arrays import check_order
from mode_utils.repair.reading.class_names import listed


class Scale(NamedTuple):
    """How images are given: times a factor plus a summand, for all channels or for red, green and blue."""

    factor: float | tuple[float, ...]
    summand: float | tuple[float, ...]
    blue_first: bool = False

    def apply(self, x):
        """Return images (n, height, width, channels) as the model gets them, float32."""
        x = np.multiply(x, np.float32(self.factor), dtype=np.float32)
        x += np.float32(self.summand)
        return np.ascontiguousarray(x[..., ::-1]) if self.blue_first else x

    def fits(self, x):
        """Tell whether samples have the channels that it is about."""
        return np.ndim(self.summand) == 0 or (x.ndim == 4 and x.shape[-1] == 3)


PIXELS = {
    "0..1": Scale(1 / 255, 0.0), "0..255": Scale(1.0, 0.0), "-1..1": Scale(2 / 255, -1.0),
    "caffe": Scale(1.0, (-123.68, -116.779, -103.939), blue_first=True),  # ResNet50, VGG16, ... of keras.applications
    "torch": Scale(tuple(1 / (255 * spread) for spread in (0.229, 0.224, 0.225)),  # DenseNet
                   tuple(-mean / spread for mean, spread in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225)))),
}  # fmt: skip
_OTHER_SCALES = {"divided by 255": Scale(1 / 255, 0.0), "brought into -1 .. 1": Scale(2 / 255, -1.0),
                 "times 255": Scale(255.0, 0.0), "from 0 .. 1 brought into -1 .. 1": Scale(2.0, -1.0),
                 "from -1 .. 1 brought into 0 .. 1": Scale(0.5, 0.5),
                 "from -1 .. 1 brought into 0 .. 255": Scale(127.5, 127.5),
                 "standardised as keras.applications does for caffe": PIXELS["caffe"],
                 "standardised as keras.applications does for torch": PIXELS["torch"]}  # fmt: skip
_ASKED = 2_000  # training samples
_CLEARLY = 0.05  # lower loss (nats) that speaks against what the layers say
_NOTABLY = 0.01  # of accuracy, by which standardised pixels explain the data
_ENOUGH = 20  # training samples of a label, from which a model can be expected to know it
_CHANCE = 1.05  # times the mean accuracy of guessing, up to which a model tells nothing apart
_STANDARDISED = ("caffe", "torch")
_BETTER = 0.2  # of accuracy, by which another reading explains the data


def choose_pixels(trainer, x, y):
    """Return how a model wants pixels, one of `PIXELS`, and why; x are training images with pixels in 0 .. 255."""
    if np.dtype(trainer.dtype).kind in "iu":
        return "0..255", f"Pixels are given as 0..255, as the model takes whole numbers ({trainer.dtype})."
    places = _some_places(y)
    x, y = np.asarray(x[places]), np.asarray(y)[places]
    found = _judge_scales(trainer, x, y, PIXELS)
    expected = "0..255" if takes_raw_pixels(trainer.model) else "0..1"
    best = min((name for name in found if name not in _STANDARDISED), key=lambda name: found[name][0])
    pixels = best if found[best][0] < found[expected][0] - _CLEARLY else expected
    others = [name for name in _STANDARDISED if name in found]  # of wider range: a lower loss says nothing for them
    best = max(others, key=lambda name: (found[name][1], -found[name][0]), default=pixels)
    pixels = best if found[best][1] > found[pixels][1] + _NOTABLY else pixels
    right = ", ".join(f"{name} {accuracy:.1%}" for name, (_, accuracy) in found.items())
    reason = f"Pixels are given as {pixels}; of {len(y)} training images the model gets right: {right}."
    alike = [name for name in others if name != pixels and found[name][1] >= found[pixels][1] - _NOTABLY]
    return pixels, reason + "".join(f" If it was trained with {name}, say --pixels {name}." for name in alike)


def takes_raw_pixels(model):
    """Tell whether a model scales pixels itself, in a layer of its own or of a model inside it."""
    scaling = (keras.layers.Rescaling, keras.layers.Normalization)
    inner = (layer for layer in model.layers if isinstance(layer, keras.Model))
    return any(isinstance(layer, scaling) for layer in model.layers) or any(map(takes_raw_pixels, inner))


def check_known(predictions, y, class_names):
    """Raise a ValueError on what is probably wrong if a model does not know its own training samples."""
    told, trainer, places = say_one_label(predictions, y, class_names), predictions.trainer, _some_places(y)
    x, y, probabilities = np.asarray(predictions.x[places]), np.asarray(y)[places], predictions.at(places)
    loss, accuracy = _loss_and_accuracy(probabilities, y)
    check_order(probabilities.argmax(axis=1), y, class_names, "of its own training samples")
    has_scale = x.dtype.kind == "f" and not looks_up(trainer.model)  # what numbers stand for has none
    others = _judge_scales(trainer, x, y, _OTHER_SCALES if has_scale else {})
    best = min(others, key=lambda name: others[name][0], default=None)
    story = f"the model gets {accuracy:.0%} of {len(y)} of its own training samples right"
    if best and others[best][0] < loss and others[best][1] > accuracy + _BETTER:
        raise ValueError(f"{story}, but {others[best][1]:.0%} of them {best}: give samples as it was trained on them")
    chance = 1 / len(np.unique(y))
    if chance < 1 and accuracy <= chance + 2 * np.sqrt(chance * (1 - chance) / len(y)):
        cause = "its samples are probably scaled or preprocessed in another way than in training, or the classes are in"
        remedy = "if it really knows nothing yet, say --even-if-weak"
        raise ValueError(f"{story}, no more than by guessing ({chance:.0%}): {cause} another order; {remedy}")
    if told:
        told += ": nothing is told apart, so that more inputs alone will hardly help; train it with class weights"
        raise ValueError(f"{told} first, or go on with --even-if-weak, best with --class-weights balanced")


def say_one_label(predictions, y, class_names):
    """Say whether a model takes nearly all training samples for one label; accuracy, the share of that, cannot tell."""
    y, rng = np.asarray(y), np.random.default_rng(0)
    if len(enough := np.flatnonzero(np.bincount(y, minlength=len(class_names)) >= _ENOUGH)) < 2:
        return ""
    each = max(_ENOUGH, _ASKED // len(enough))
    places = np.sort(np.concatenate([rng.permutation(np.flatnonzero(y == label))[:each] for label in enough]))
    predicted, y = predictions.at(places).argmax(axis=1), y[places]
    if np.mean([(predicted[y == label] == label).mean() for label in enough]) > _CHANCE / len(enough):
        return ""
    taken = np.bincount(predicted, minlength=len(class_names))
    first = taken.argmax()
    missed = listed(class_names[label] for label in enough[enough != first])
    told = f"the model takes {taken[first] / len(y):.1%} of {len(y)} of its own training samples for"
    return f"{told} {class_names[first]!r}, and hardly knows one of {missed}"


def _some_places(y):
    return np.sort(np.random.default_rng(0).permutation(len(y))[:_ASKED])


def _judge_scales(trainer, x, y, scales):
    """Return loss and accuracy by the name of each scale that fits, in whatever order the labels are."""
    found = {}
    for name, scale in scales.items():
        if scale.fits(x):
            probabilities = trainer.predict(scale.apply(x))
            order, _ = another_order(y, probabilities.argmax(axis=1), trainer.n_classes)
            found[name] = _loss_and_accuracy(probabilities, y if order is None else order[y])
    return found


def _loss_and_accuracy(probabilities, y):
    own = np.nan_to_num(probabilities[np.arange(len(y)), y])
    return float(-np.log(np.maximum(own, 1e-7)).mean()), float((probabilities.argmax(axis=1) == y).mean())
