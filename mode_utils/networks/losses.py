"""Which labels a loss takes: known for a loss of Keras, however it is given, and tried for any other."""

import functools

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.keras_internals import loss_weights
from mode_utils.support.checks import check_choice

LABELS = ("sparse", "one-hot", "binary", "signed")
TAKES = {"sparse": "integers", "one-hot": "one-hot rows", "binary": "a column of 0 and 1",
         "signed": "a column of -1 and 1"}  # fmt: skip
OF_NUMBERS = ("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
              "mean_squared_logarithmic_error", "huber", "log_cosh", "poisson", "cosine_similarity")  # fmt: skip
_ONE_COLUMN = ("binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge", *OF_NUMBERS)
_ROWS = (*_ONE_COLUMN, "categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge",
         "kl_divergence", "dice", "tversky")  # fmt: skip
_SPARSE = "sparse_categorical_crossentropy"
_OF_PROBABILITIES = tuple(name for name in (_SPARSE, *_ROWS) if name.endswith("_crossentropy"))
_SURE, _CLEARLY = 0.9, 1e-4  # a probability that a loss is tried with, and how much less it must be if that is right


def single_loss(model):
    """Return the loss of a compiled model, and its weight or None; not exactly one loss is a ValueError."""
    held = (keras.tree.flatten(each) for each in (model.loss, loss_weights(model)))
    losses, weights = ([each for each in flat if each is not None] for flat in held)
    if len(losses) != 1:
        raise ValueError(f"model {model.name!r} is compiled with {len(losses)} losses; one is needed")
    return losses[0], next(iter(weights), None)


def loss_name(loss):
    """Return the name of the function of Keras that a loss applies, or None for any other function."""
    name = getattr(function := _options(loss)[0], "__name__", "")
    return name if name and getattr(keras.losses, name, None) is function else None


def say_loss(loss):
    """Return the name of a loss for a sentence."""
    name = loss_name(loss) or (loss if isinstance(loss, str) else getattr(loss, "__name__", None))
    return name or getattr(loss, "name", None) or type(loss).__name__


def takes_logits(loss):
    """Return whether a loss takes logits, True, or probabilities, False; None if it does not say."""
    stated = _options(loss)[1].get("from_logits", getattr(loss, "from_logits", None))
    return False if stated is None and loss_name(loss) in _OF_PROBABILITIES else stated


def labels_of_loss(model, n_classes, output, activation="", stated=None):
    """Return which of `LABELS` a model's loss takes, and how that is known; not known, or not fit, is a ValueError."""
    loss, width = single_loss(model)[0], model.outputs[0].shape[-1]
    name = say_loss(loss)
    known, how = _labels(loss, width, n_classes, output, activation)
    if stated is not None:
        check_choice("labels", stated, LABELS)
        if known not in (None, stated) or (width == 1) != (stated in ("binary", "signed")):
            shown = f"takes {TAKES[known]} (labels={known!r})" if known else "takes no such labels"
            where = f"the loss {name} of model {model.name!r}, whose output has width {width}"
            raise ValueError(f"labels {stated!r} do not fit {where}: it {shown}")
        return stated, f"The loss takes labels as {TAKES[stated]}, as stated."
    if known is None and loss_name(loss):
        raise ValueError(f"the loss {name} of model {model.name!r} does not fit a classifier of output width {width}")
    if known is None:
        taken = f"which labels the loss {name!r} of model {model.name!r} takes"
        choices = "'binary' or labels='signed'" if width == 1 else "'sparse' or labels='one-hot'"
        raise ValueError(f"it is not known {taken}: state labels={choices}")
    return known, f"The loss {name} takes labels as {TAKES[known]}: {how}."


def _labels(loss, width, n_classes, output, activation):
    if (name := loss_name(loss)) is None:
        column = ("signed", "binary") if activation == "tanh" else ("binary", "signed")
        tried = column if width == 1 else ("sparse", "one-hot")
        found = (labels for labels in tried if _explains(loss, labels, width, n_classes, output))
        return next(found, None), "tried with right and wrong predictions"
    if width == 1:
        signed = activation == "tanh" and name in OF_NUMBERS
        return ("signed" if signed else "binary") if name in _ONE_COLUMN else None, "as Keras defines it"
    return "sparse" if name == _SPARSE else "one-hot" if name in _ROWS else None, "as Keras defines it"


def encode_labels(y, labels, n_classes):
    """Return integer labels (n,) as a loss takes them, one of `LABELS`."""
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
    except ValueError:  # an unknown name
        return None, {}
    options = {}
    while True:
        if isinstance(loss, functools.partial):
            loss, options = loss.func, {**loss.keywords, **options}
        elif isinstance(loss, keras.losses.Loss):
            loss, options = getattr(loss, "fn", None), {**loss.get_config(), **options}
        else:
            return loss, options


def _explains(loss, labels, width, n_classes, output):
    """Tell whether a loss is lower for right predictions than for any kind of wrong ones."""
    model = keras.Sequential([keras.Input((width,)), keras.layers.Activation("linear")])
    model.compile(loss=loss)
    y = np.arange(2 * n_classes + 3) % n_classes  # no number of samples that fits the number of classes by chance

    def tried(shift):
        predictions = _predictions(y + shift, width, n_classes, output, labels)
        return float(model.compute_loss(None, encode_labels(y, labels, n_classes), predictions))

    try:
        values = [tried(shift) for shift in range(n_classes)]
    except Exception:  # of a loss, on labels that it does not take
        return False
    right, least = values[0], min(values[1:])
    return bool(np.isfinite(values).all()) and least - right > _CLEARLY * max(1, abs(right))


def _predictions(y, width, n_classes, output, labels):
    y = y % n_classes
    if width == 1:
        second = np.where(y == 1, _SURE, 1 - _SURE)[:, None]
    else:
        second = np.where(y[:, None] == np.arange(n_classes), _SURE, (1 - _SURE) / (n_classes - 1))
    if labels == "signed":
        second = 2 * second - 1
    elif "logits" in output:
        second = np.log(second) - (np.log1p(-second) if width == 1 else 0)
    return keras.ops.convert_to_tensor(second.astype(np.float32))
