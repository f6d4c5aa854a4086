"""What a classifier's output and labels mean: detected, or stated and checked against the model."""

from dataclasses import dataclass

import numpy as np

from mode_utils.networks import losses
from mode_utils.networks.backend import keras
from mode_utils.networks.keras_internals import all_layers, last_node
from mode_utils.networks.plain_models import call_model, model_inputs
from mode_utils.support.checks import check_choice

OUTPUTS = ("softmax", "logits", "sigmoid", "sigmoid logits")
_N_PROBED = 8
_SHORT, _LONG = 7, 64  # sides of a probe, where a model leaves open how long or large a sample is
_LOOKUPS = ("Embedding", "IntegerLookup", "Hashing", "CategoryEncoding", "HashedCrossing")


@dataclass(frozen=True)
class Meaning:
    """What a model's output is, one of `OUTPUTS`, and which labels its loss takes, one of `losses.LABELS`.

    `reasons` are two sentences on how that is known, `remarks` sentences on what does not fit, but does no harm.
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
        return losses.encode_labels(labels, self.labels, self.n_classes)


def read_classifier(model, n_classes=None, output=None, labels=None):
    """Return the `Meaning` of a compiled model with one output; `output` and `labels` are detected if not stated.

    A ValueError says what to state, or what does not fit. `n_classes` is by default the width of the output, or 2.
    """
    if len(model.outputs) != 1:
        raise ValueError(f"model {model.name!r} has {len(model.outputs)} outputs; one is needed")
    if not model.compiled:
        raise ValueError(f"model {model.name!r} is not compiled: call model.compile(optimizer, loss) first")
    shape, (loss, _) = tuple(model.outputs[0].shape), losses.single_loss(model)
    width = shape[-1]
    n_classes = n_classes or max(2, width)
    if shape[1:] not in ((n_classes,), (1,) if n_classes == 2 else ()):
        shape = (None, *shape[1:])
        raise ValueError(f"model {model.name!r} has output shape {shape}; {n_classes} labels need (None, {n_classes})")
    _check_kind(model, loss, width, output)
    output, how, remarks = _output(model, loss, width, output)
    labels, why = losses.labels_of_loss(model, n_classes, output, _activation(model), labels)
    return Meaning(n_classes, output, labels, (how, why), remarks)


def looks_up(model):
    """Tell whether a model looks numbers up, so that they have no scale."""
    return any(type(layer).__name__ in _LOOKUPS for layer in all_layers(model))


def _activation(model):
    """Return the name of the model's last function, or an empty text."""
    operation = last_node(model.outputs[0]).operation
    while isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
        operation = last_node(operation.outputs[0]).operation
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    return getattr(getattr(operation, "activation", None), "__name__", "")


def _check_kind(model, loss, width, stated):
    """Raise a ValueError for a regression, and for several labels a sample."""
    name = losses.loss_name(loss) or ""
    if width == 1 and stated is None and _activation(model) == "linear" and name in losses.OF_NUMBERS:
        raise ValueError(f"model {model.name!r} is a regression (loss {name}): it has no labels to repair")
    if width > 1 and _activation(model) == "sigmoid" and "binary" in name:
        several = f"model {model.name!r} gives several labels to a sample (sigmoids, loss {name})"
        raise ValueError(f"{several}: repair it label by label, each with a model of one output")


def _output(model, loss, width, stated):
    """Return what the output is, a sentence on how that is known, and remarks."""
    if stated is not None:
        check_choice("output", stated, OUTPUTS)
        if (width == 1) != stated.startswith("sigmoid"):
            raise ValueError(f"output {stated!r} does not fit model {model.name!r}, whose output has width {width}")
    logits = losses.takes_logits(loss)
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
        _check_stated(model, stated, shown, seen)
    elif shown is None:
        remedy = "end it with a softmax" if width > 1 else "end it with a sigmoid, or train it with from_logits=True"
        remedy += f", or state output={'logits' if width > 1 else 'sigmoid logits'!r}"
        raise ValueError(f"the output of model {model.name!r} is not a probability over the labels ({seen}): {remedy}")
    output = stated or shown
    how = "as stated" if stated else "the loss says from_logits" if "logits" in output and logits else seen
    return output, f"The output is {output}{', ' if stated else ': '}{how}.", _remarks(output, loss, logits)


def _shown(model, found, width, logits):
    """Return what an output is by its values, or None if that is not clear, and their range in words."""
    seen, within = f"a probe gives {found.min():.3g} .. {found.max():.3g}", found.min() >= 0 and found.max() <= 1
    if width == 1:
        activation = _activation(model)
        raw = activation == "tanh" or (activation == "linear" and logits is None)  # which may lie in 0 .. 1 by chance
        if activation == "sigmoid" or (within and not logits and not raw):
            return "sigmoid", seen
        return (None if logits is False and not within else "sigmoid logits"), seen
    sums = found.sum(axis=1)
    seen = f"{seen}, with sums of {sums.min():.3g} .. {sums.max():.3g}"
    tolerance = 1e-3 if model.outputs[0].dtype in ("float32", "float64") else 2e-2
    return "softmax" if within and np.allclose(sums, 1, atol=tolerance) else "logits" if logits else None, seen


def _check_stated(model, stated, shown, seen):
    """Raise a ValueError if the values of an output contradict what is stated."""
    may_lie_within = stated == "sigmoid logits" and _activation(model) != "sigmoid"  # in 0 .. 1, by chance
    if stated != shown and not (shown is None and "logits" in stated) and not may_lie_within:
        reading = f"{seen}, so that the output of model {model.name!r} is {shown or 'not a probability'}"
        remedy = "leave output out, or give the model that it is true of"
        raise ValueError(f"output {stated!r} is stated, but {reading}: {remedy}")


def _remarks(output, loss, logits):
    if logits is None or logits == ("logits" in output):
        return ()
    name, taken = losses.say_loss(loss), "logits" if logits else "probabilities"
    return (f"The output is {output}, but the loss {name} takes it for {taken} (from_logits={logits}).",)


def probe(model):
    """Return the output for eight varied samples: for zeros alone, logits may look like probabilities."""

    def output(side):
        samples = [_probe_samples(each, side, looks_up(model)) for each in model_inputs(model)]
        return np.asarray(call_model(model, samples, training=False), dtype=np.float64)

    try:
        return output(_SHORT)
    except Exception:  # a layer may need longer samples
        return output(_LONG)


def _probe_samples(own, side, looked_up):
    """Return samples for an input: numbers in 0 .. 1, or ones followed by zeros where they may stand for things."""
    shape = [length or side for length in own.shape]
    if own.dtype.startswith(("float", "bfloat")) and not (looked_up and len(shape) < 2):
        return np.linspace(0, 1, _N_PROBED * int(np.prod(shape))).reshape(_N_PROBED, *shape).astype(own.dtype)
    ones = np.arange(int(np.prod(shape))) % int(np.prod(shape[-1:])) <= np.arange(_N_PROBED)[:, None]
    return ones.reshape(_N_PROBED, *shape).astype(own.dtype)
