"""Does a model know its own training samples? If it does not, they are not what it was trained on.

Pixels may lie in 0 .. 1, in 0 .. 255 or in -1 .. 1; the classes may be in another order. A wrong one of these makes a
good model look sick, and every sentence about it false, so it is found out from the training samples, which a trained
model gets right.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import confusion_matrix

from mode_utils.networks.backend import keras

PIXELS = {"0..1": (1 / 255, 0.0), "0..255": (1.0, 0.0), "-1..1": (2 / 255, -1.0)}  # factor and summand
_OTHER_SCALES = {
    "divided by 255": (1 / 255, 0.0), "brought into -1 .. 1": (2 / 255, -1.0), "times 255": (255.0, 0.0),
    "from 0 .. 1 brought into -1 .. 1": (2.0, -1.0), "from -1 .. 1 brought into 0 .. 1": (0.5, 0.5),
    "from -1 .. 1 brought into 0 .. 255": (127.5, 127.5),
}  # fmt: skip
_ASKED = 2_000  # training samples
_CLEARLY = 0.05  # lower loss (nats) that speaks against what the layers say
_BETTER = 0.2  # of accuracy, by which another reading explains the data


def choose_pixels(trainer, x, y):
    """Find out how a model wants pixels, from the loss on some of its training images.

    Parameters
    ----------
    trainer : Trainer
    x : (n, height, width, channels) float32
        Training images, pixels in 0 .. 255.
    y : (n,) int
        Labels.

    Returns
    -------
    pixels : str
        One of `PIXELS`.
    reason : str
        A sentence.
    """
    x, y = _some(x, y)
    found = _judge_scales(trainer, x, y, PIXELS)
    expected = "0..255" if takes_raw_pixels(trainer.model) else "0..1"
    best = min(found, key=lambda name: found[name][0])
    pixels = best if found[best][0] < found[expected][0] - _CLEARLY else expected
    right = ", ".join(f"{name} {accuracy:.0%}" for name, (_, accuracy) in found.items())
    return pixels, f"Pixels are given as {pixels}; of {len(y)} training images the model gets right: {right}."


def takes_raw_pixels(model):
    """Tell whether a model scales pixels itself, in a layer of its own or of a model inside it."""
    return any(isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization)) for layer in _layers(model))


def check_known(trainer, x, y, class_names):
    """Raise a ValueError that says what is probably wrong if a model does not know its own training samples.

    Parameters
    ----------
    trainer : Trainer
    x : (n, ...) float32
        Training samples as the model gets them.
    y : (n,) int
        Labels.
    class_names : sequence of str
    """
    x, y = _some(x, y)
    probabilities = trainer.predict(x)
    loss, accuracy = _loss_and_accuracy(probabilities, y)
    _check_order(probabilities.argmax(axis=1), y, class_names, accuracy)
    others = _judge_scales(trainer, x, y, _OTHER_SCALES)
    best = min(others, key=lambda name: others[name][0])
    story = f"the model gets {accuracy:.0%} of {len(y)} of its own training samples right"
    if others[best][0] < loss and others[best][1] > accuracy + _BETTER:
        raise ValueError(f"{story}, but {others[best][1]:.0%} of them {best}: give samples as it was trained on them")
    chance = 1 / len(np.unique(y))
    if len(np.unique(y)) > 1 and accuracy <= chance + 2 * np.sqrt(chance * (1 - chance) / len(y)):
        raise ValueError(
            f"{story}, no more than by guessing ({chance:.0%}): its samples are probably scaled or preprocessed in "
            "another way than in training, or the classes are in another order; if it really knows nothing yet, say "
            "--even-if-weak"
        )


def _check_order(predicted, y, class_names, accuracy):
    counts = confusion_matrix(y, predicted, labels=np.arange(len(class_names)))
    rows, columns = linear_sum_assignment(-counts)
    another = counts[rows, columns].sum() / len(y)
    if another <= accuracy + 2 * _BETTER or another < 0.5:
        return
    moved = [place for place in rows[rows != columns] if counts[place].any()]
    first = max(moved, key=lambda place: counts[place, columns[place]])
    raise ValueError(
        f"the classes are probably in another order: the model gets {accuracy:.0%} of its own training samples right, "
        f"but {another:.0%} if {len(moved)} labels are exchanged; what the data call {class_names[first]!r} it takes "
        f"for label {columns[first]} ({class_names[columns[first]]!r}): give --class-names in its order"
    )


def _some(x, y):
    places = np.sort(np.random.default_rng(0).permutation(len(y))[:_ASKED])
    return np.asarray(x[places], np.float32), np.asarray(y)[places]


def _judge_scales(trainer, x, y, scales):
    """Return loss and accuracy by the name of each scale, a factor and a summand."""
    return {
        name: _loss_and_accuracy(trainer.predict(factor * x + summand), y) for name, (factor, summand) in scales.items()
    }


def _loss_and_accuracy(probabilities, y):
    own = np.nan_to_num(probabilities[np.arange(len(y)), y])
    return float(-np.log(np.maximum(own, 1e-7)).mean()), float((probabilities.argmax(axis=1) == y).mean())


def _layers(model):
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
