"""What a classifier's output and labels mean: any Keras model as the stages want it, with probabilities of labels.

A model may end in a softmax, in one sigmoid for two labels, or in logits, and its loss may take labels as integers, as
one-hot rows or as a column. What is not stated is detected, and `Meaning.reasons` says from what; what is stated must
not contradict what the model shows.
"""

from dataclasses import dataclass

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.keras_internals import all_layers, last_node
from mode_utils.networks.losses import (
    LABELS,
    OF_NUMBERS,
    TAKES,
    encode_labels,
    labels_of_loss,
    loss_name,
    say_loss,
    single_loss,
    takes_logits,
)
from mode_utils.networks.plain_models import call_model, model_inputs
from mode_utils.support.checks import check_choice

OUTPUTS = ("softmax", "logits", "sigmoid", "sigmoid logits")
_N_PROBED = 8
_SIDES = (7, 64)  # of a probe, where a model leaves open how long or large a sample is
_LOOKUPS = ("Embedding", "IntegerLookup", "Hashing", "CategoryEncoding", "HashedCrossing")


@dataclass(frozen=True)
class Meaning:
    """How a model's output and its loss are to be read.

    Attributes
    ----------
    n_classes : int
    output : str
        One of `OUTPUTS`.
    labels : str
        One of `LABELS`: what the loss takes.
    reasons : tuple of str
        A sentence for each of the two, how it is known.
    remarks : tuple of str
        A sentence for each thing that does not fit the others, but does no harm.
    """

    n_classes: int
    output: str
    labels: str
    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def probabilities(self, output):
        """Return probabilities (n, n_classes) of a model's output (n, width); works on symbolic tensors, too."""
        if self.output == "logits":
            return keras.ops.softmax(output)
        if self.output.startswith("sigmoid"):
            second = output if self.output == "sigmoid" else keras.ops.sigmoid(output)
            return keras.ops.concatenate([1 - second, second], axis=-1)
        return output

    def encode(self, labels):
        """Return integer labels (n,) as the loss takes them."""
        return encode_labels(labels, self.labels, self.n_classes)


def read_classifier(model, n_classes=None, output=None, labels=None):
    """Find out what a model's output and labels mean.

    Parameters
    ----------
    model : keras.Model
        Compiled, with one output.
    n_classes : int, optional
        Number of labels; by default the width of the output, or 2 if that is 1.
    output, labels : str, optional
        One of `OUTPUTS` and of `LABELS`; detected if not stated.

    Returns
    -------
    Meaning

    Raises
    ------
    ValueError
        If the model has several outputs, is not compiled, has another number of labels, or if its output or loss leave
        open what they mean; the message says what to state.
    """
    if len(model.outputs) != 1:
        raise ValueError(f"model {model.name!r} has {len(model.outputs)} outputs; one is needed")
    if not model.compiled:
        raise ValueError(f"model {model.name!r} is not compiled: call model.compile(optimizer, loss) first")
    shape, (loss, _) = tuple(model.outputs[0].shape), single_loss(model)
    width = shape[-1]
    n_classes = n_classes or max(2, width)
    if shape[1:] not in ((n_classes,), (1,) if n_classes == 2 else ()):
        shape = (None, *shape[1:])
        raise ValueError(f"model {model.name!r} has output shape {shape}; {n_classes} labels need (None, {n_classes})")
    _check_kind(model, loss, width, output)
    output, how, remarks = _output(model, loss, width, output)
    labels, why = _labels(model, loss, width, n_classes, output, labels)
    return Meaning(n_classes, output, labels, (how, why), remarks)


def looks_up(model):
    """Tell whether a model looks numbers up, so that they stand for things and have no scale."""
    return any(type(layer).__name__ in _LOOKUPS for layer in all_layers(model))


def _activation(model):
    """Return the name of the function that a model ends in, or an empty text."""
    operation = last_node(model.outputs[0]).operation
    while isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
        operation = last_node(operation.outputs[0]).operation
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    return getattr(getattr(operation, "activation", None), "__name__", "")


def _check_kind(model, loss, width, stated):
    """Raise a ValueError if a model predicts numbers, or several labels at once."""
    name = loss_name(loss) or ""
    if width == 1 and stated is None and _activation(model) == "linear" and name in OF_NUMBERS:
        raise ValueError(
            f"model {model.name!r} is a regression (loss {name}): it has no labels, so nothing here fits it"
        )
    if width > 1 and _activation(model) == "sigmoid" and "binary" in name:
        raise ValueError(
            f"model {model.name!r} gives several labels to a sample (sigmoids, loss {name}): repair it label by label, "
            "each with a model of one output"
        )


def _output(model, loss, width, stated):
    """Return what the output is, a sentence on how that is known, and remarks."""
    if stated is not None:
        check_choice("output", stated, OUTPUTS)
        if (width == 1) != stated.startswith("sigmoid"):
            raise ValueError(f"output {stated!r} does not fit model {model.name!r}, whose output has width {width}")
    logits = takes_logits(loss)
    try:
        found, wrong = probe(model), ""
    except Exception as error:  # whatever the model's layers raise
        found, wrong = np.full((1, width), np.nan), (str(error).strip() or type(error).__name__).splitlines()[0]
    if not np.isfinite(found).all():
        if stated is None:
            why = f"cannot be called on a probe ({wrong})" if wrong else "gives NaN or infinite values for a probe"
            raise ValueError(f"model {model.name!r} {why}: state what its output means, output='softmax' or another")
        return stated, f"The output is {stated}, as stated.", ()
    shown, seen = _shown(model, found, width, logits)
    if stated is not None:
        _check_stated(model, stated, shown, seen, logits)
    if stated is None and shown is None:
        remedy = "end it with a softmax" if width > 1 else "end it with a sigmoid, or train it with from_logits=True"
        other = "logits" if width > 1 else "sigmoid logits"
        raise ValueError(
            f"the output of model {model.name!r} is no probability over the labels ({seen}): {remedy}, or state "
            f"output={other!r}"
        )
    output = stated or shown
    how = "as stated" if stated else "the loss says from_logits" if "logits" in output and logits else seen
    return output, f"The output is {output}{', ' if stated else ': '}{how}.", _remarks(output, loss, logits)


def _shown(model, found, width, logits):
    """Return what an output is by its values, or None if that is not clear, and what is seen of them."""
    seen = f"a probe gives {found.min():.3g} .. {found.max():.3g}"
    within = found.min() >= 0 and found.max() <= 1
    if width == 1:
        activation = _activation(model)
        raw = activation == "tanh" or (activation == "linear" and logits is None)  # which may lie in 0 .. 1 by chance
        if activation == "sigmoid" or (within and not logits and not raw):
            return "sigmoid", seen
        return (None if logits is False and not within else "sigmoid logits"), seen
    sums = found.sum(axis=1)
    seen = f"{seen}, with sums of {sums.min():.3g} .. {sums.max():.3g}"
    exact = model.outputs[0].dtype in ("float32", "float64")
    if within and np.allclose(sums, 1, atol=1e-3 if exact else 2e-2):
        return "softmax", seen
    return "logits" if logits else None, seen


def _check_stated(model, stated, shown, seen, logits):
    """Raise a ValueError if the values of an output are not what is stated of them."""
    if stated == shown or (shown is None and "logits" in stated):
        return
    if stated == "sigmoid logits" and _activation(model) != "sigmoid":
        return  # which may lie in 0 .. 1 by chance
    reading = f"is {shown}" if shown else "is no probability"
    raise ValueError(
        f"output {stated!r} is stated, but {seen}, so that the output of model {model.name!r} {reading}: leave output "
        "out, or give the model that it is true of"
    )


def _remarks(output, loss, logits):
    if "logits" in output and logits is False:
        return (
            f"The output is {output}, but the loss {say_loss(loss)} takes it for probabilities (from_logits=False).",
        )
    if "logits" not in output and logits:
        return (f"The output is {output}, but the loss {say_loss(loss)} takes it for logits (from_logits=True).",)
    return ()


def _labels(model, loss, width, n_classes, output, stated):
    name = say_loss(loss)
    if stated is not None:
        check_choice("labels", stated, LABELS)
    known, how = labels_of_loss(loss, width, n_classes, output, _activation(model))
    if stated is not None and (known not in (None, stated) or (width == 1) != (stated in ("binary", "signed"))):
        shown = f"takes {TAKES[known]} (labels={known!r})" if known else "takes no such labels"
        raise ValueError(
            f"labels {stated!r} do not fit the loss {name} of model {model.name!r}, whose output has width {width}: "
            f"it {shown}"
        )
    if stated is not None:
        return stated, f"The loss takes labels as {TAKES[stated]}, as stated."
    if known is None and loss_name(loss):
        raise ValueError(f"the loss {name} of model {model.name!r} does not fit a classifier of output width {width}")
    if known is None:
        choices = "'binary' or labels='signed'" if width == 1 else "'sparse' or labels='one-hot'"
        raise ValueError(
            f"it is not known which labels the loss {name!r} of model {model.name!r} takes: state labels={choices}"
        )
    return known, f"The loss {name} takes labels as {TAKES[known]}: {how}."


def probe(model):
    """Return the output for eight varied samples: for zeros alone, some look like probabilities that are none."""
    for side in _SIDES:
        try:
            samples = [_probe_samples(each, side, looks_up(model)) for each in model_inputs(model)]
            return np.asarray(call_model(model, samples, training=False), dtype=np.float64)
        except Exception:
            if side == _SIDES[-1]:
                raise
    return None


def _probe_samples(own, side, looked_up):
    """Return samples for an input: numbers in 0 .. 1, or ones and zeros behind them where they may stand for things."""
    shape = [length or side for length in own.shape]
    if own.dtype.startswith(("float", "bfloat")) and not (looked_up and len(shape) < 2):
        return np.linspace(0, 1, _N_PROBED * int(np.prod(shape))).reshape(_N_PROBED, *shape).astype(own.dtype)
    ones = np.arange(int(np.prod(shape))) % int(np.prod(shape[-1:])) <= np.arange(_N_PROBED)[:, None]
    return ones.reshape(_N_PROBED, *shape).astype(own.dtype)
