"""What labels a loss takes: of a loss of Keras by what it is, however it is given; of any other by trying it.

A model holds its loss as a name, a function, an object of any name, or one of these in a list or a dict.
"""

import functools

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.keras_internals import loss_weights

LABELS = ("sparse", "one-hot", "binary", "signed")
TAKES = {
    "sparse": "integers", "one-hot": "one-hot rows", "binary": "a column of 0 and 1", "signed": "a column of -1 and 1",
}  # fmt: skip
OF_NUMBERS = (
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "huber", "log_cosh", "poisson", "cosine_similarity",
)  # fmt: skip
_ROWS = (
    *OF_NUMBERS, "categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge", "kl_divergence",
    "binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge", "dice", "tversky",
)  # fmt: skip
_ONE_COLUMN = ("binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge", *OF_NUMBERS)
_SPARSE = "sparse_categorical_crossentropy"
_OF_PROBABILITIES = (
    _SPARSE, "categorical_crossentropy", "categorical_focal_crossentropy", "binary_crossentropy",
    "binary_focal_crossentropy",
)  # fmt: skip
_SURE, _CLEARLY = 0.9, 1e-4  # a probability that a loss is tried with, and how much less it must be if that is right


def single_loss(model):
    """Return the loss of a compiled model with one output, and its weight or None, out of whatever holds them.

    Raises
    ------
    ValueError
        If there is none, or several.
    """
    found = [
        [each for each in keras.tree.flatten(held) if each is not None] for held in (model.loss, loss_weights(model))
    ]
    if len(found[0]) != 1:
        raise ValueError(f"model {model.name!r} is compiled with {len(found[0])} losses; one is needed")
    return found[0][0], (found[1] or [None])[0]


def loss_name(loss):
    """Return the name of Keras's function that a loss applies, or None if it is another."""
    function = _options(loss)[0]
    name = getattr(function, "__name__", "")
    return name if name and getattr(keras.losses, name, None) is function else None


def say_loss(loss):
    """Return what a loss is called in a sentence."""
    name = loss_name(loss) or (loss if isinstance(loss, str) else getattr(loss, "__name__", None))
    return name or getattr(loss, "name", None) or type(loss).__name__


def takes_logits(loss):
    """Tell whether a loss says that it takes logits, True, or probabilities, False; None if it says nothing."""
    stated = _options(loss)[1].get("from_logits", getattr(loss, "from_logits", None))
    return False if stated is None and loss_name(loss) in _OF_PROBABILITIES else stated


def labels_of_loss(loss, width, n_classes, output, activation=""):
    """Find out which labels a loss takes.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
    width : int
        Of the model's output.
    n_classes : int
    output : str
        What that means, see `classifiers.OUTPUTS`.
    activation : str
        Of the last layer.

    Returns
    -------
    labels : str or None
        One of `LABELS`; None if it cannot be told.
    how : str
        How it is known, as the end of a sentence.
    """
    name = loss_name(loss)
    if name is None:
        tried = ("signed", "binary") if activation == "tanh" else ("binary", "signed")
        found = [
            labels
            for labels in (tried if width == 1 else ("sparse", "one-hot"))
            if _explains(loss, labels, width, n_classes, output)
        ]
        return (found or [None])[0], "tried with right and wrong predictions"
    if width == 1:
        signed = activation == "tanh" and name in OF_NUMBERS
        return ("signed" if signed else "binary") if name in _ONE_COLUMN else None, "as Keras defines it"
    return "sparse" if name == _SPARSE else "one-hot" if name in _ROWS else None, "as Keras defines it"


def encode_labels(y, labels, n_classes):
    """Return integer labels (n,) as a loss takes them; `labels` is one of `LABELS`."""
    if labels == "one-hot":
        return keras.ops.one_hot(y, n_classes)
    if labels == "sparse":
        return y
    column = keras.ops.cast(y[:, None], "float32")
    return 2 * column - 1 if labels == "signed" else column


def _options(loss):
    """Return the function that a loss applies, and what it is called with beside labels and predictions."""
    try:
        loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    except ValueError:  # a name that is not known
        return None, {}
    options = {}
    while True:
        if isinstance(loss, functools.partial):
            loss, options = loss.func, {**loss.keywords, **options}
        elif isinstance(loss, keras.losses.Loss):
            config = loss.get_config()
            loss, options = getattr(loss, "fn", None), {**config, **options}
        else:
            return loss, options


def _explains(loss, labels, width, n_classes, output):
    """Tell whether a loss is less for right predictions than for wrong ones, whatever is mistaken for what."""
    model = keras.Sequential([keras.Input((width,)), keras.layers.Activation("linear")])
    model.compile(loss=loss)
    y = np.arange(2 * n_classes + 3) % n_classes  # no number of samples that fits the number of classes by chance
    try:
        values = [
            float(
                model.compute_loss(
                    None, encode_labels(y, labels, n_classes), _predictions(y + shift, width, n_classes, output, labels)
                )
            )
            for shift in range(n_classes)
        ]
    except Exception:  # whatever a loss raises on labels that it does not take
        return False
    right, least = values[0], min(values[1:])
    return bool(np.isfinite(values).all()) and least - right > _CLEARLY * max(1, abs(right))


def _predictions(y, width, n_classes, output, labels):
    """Return outputs that are sure of labels `y` modulo the number of classes."""
    y = y % n_classes
    if width == 1:
        second = np.where(y == 1, _SURE, 1 - _SURE)[:, None]
    else:
        second = np.full((len(y), n_classes), (1 - _SURE) / (n_classes - 1))
        second[np.arange(len(y)), y] = _SURE
    if labels == "signed":
        second = 2 * second - 1
    elif "logits" in output:
        second = np.log(second) - (np.log1p(-second) if width == 1 else 0)
    return keras.ops.convert_to_tensor(second.astype(np.float32))
