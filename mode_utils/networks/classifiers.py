"""What a classifier's output and labels mean: any Keras model as the stages want it, with probabilities of labels.

A model may end in a softmax, in one sigmoid for two labels, or in logits, and its loss may take labels as integers, as
one-hot rows or as a column of 0 and 1. What is not stated is detected, and `Meaning.reasons` says from what.
"""

from dataclasses import dataclass

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.support.checks import check_choice

OUTPUTS = ("softmax", "logits", "sigmoid", "sigmoid logits")
LABELS = ("sparse", "one-hot", "binary")
_OF_NUMBERS = ("mse", "mae", "msle", "mape", "huber", "huber_loss", "log_cosh")
_TAKES = {"sparse": "integers", "one-hot": "one-hot rows", "binary": "a column of 0 and 1"}


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
    """

    n_classes: int
    output: str
    labels: str
    reasons: tuple[str, ...] = ()

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
        if self.labels == "one-hot":
            return keras.ops.one_hot(labels, self.n_classes)
        return keras.ops.cast(labels[:, None], "float32") if self.labels == "binary" else labels


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
    width = model.outputs[0].shape[-1]
    n_classes = n_classes or max(2, width)
    if tuple(model.outputs[0].shape) not in ((None, n_classes), (None, 1) if n_classes == 2 else ()):
        shape = tuple(model.outputs[0].shape)
        raise ValueError(f"model {model.name!r} has output shape {shape}; {n_classes} labels need (None, {n_classes})")
    _check_kind(model, width, output)
    output, how = _output(model, width, output)
    labels, why = _labels(model, width, labels)
    return Meaning(n_classes, output, labels, (how, why))


def _check_kind(model, width, stated):
    """Raise a ValueError if a model predicts numbers, or several labels at once."""
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "")
    loss = _loss_name(model)
    if width == 1 and stated is None and activation == "linear" and ("mean_" in loss or loss in _OF_NUMBERS):
        raise ValueError(
            f"model {model.name!r} is a regression (loss {loss}): it has no labels, so nothing here fits it"
        )
    if width > 1 and activation == "sigmoid" and "binary" in loss:
        raise ValueError(
            f"model {model.name!r} gives several labels to a sample (sigmoids, loss {loss}): repair it label by label, "
            "each with a model of one output"
        )


def _loss_name(model):
    return model.loss if isinstance(model.loss, str) else getattr(model.loss, "name", None) or str(model.loss)


def _output(model, width, stated):
    if stated is not None:
        check_choice("output", stated, OUTPUTS)
        if (width == 1) != stated.startswith("sigmoid"):
            raise ValueError(f"output {stated!r} does not fit model {model.name!r}, whose output has width {width}")
        return stated, f"The output is {stated}, as stated."
    logits = getattr(model.loss, "from_logits", None)
    found = probe(model)
    within = found.min() >= 0 and found.max() <= 1
    if width == 1:
        output = "sigmoid logits" if logits or not within else "sigmoid"
    elif logits:
        output = "logits"
    elif within and np.allclose(found.sum(axis=1), 1, atol=1e-3):
        output = "softmax"
    else:
        raise ValueError(
            f"the output of model {model.name!r} is no probability over the labels (sums of a probe: "
            f"{found.sum(axis=1).min():.3g} .. {found.sum(axis=1).max():.3g}): end it with a softmax, or state "
            "output='logits'"
        )
    how = "the loss says from_logits" if logits else f"a probe gives {found.min():.3g} .. {found.max():.3g}"
    return output, f"The output is {output}: {how}."


def _labels(model, width, stated):
    if stated is not None:
        check_choice("labels", stated, LABELS)
        if (stated == "sparse") != _loss_name(model).startswith("sparse") and "crossentropy" in _loss_name(model):
            raise ValueError(f"labels {stated!r} do not fit the loss {_loss_name(model)} of model {model.name!r}")
        return stated, f"The loss takes labels as {_TAKES[stated]}, as stated."
    name = _loss_name(model)
    if width == 1:
        labels = "binary"
    elif name.startswith("sparse"):
        labels = "sparse"
    elif "crossentropy" in name or name in ("kl_divergence", "categorical_hinge", "mean_squared_error", "mse"):
        labels = "one-hot"
    else:
        raise ValueError(
            f"it is not known which labels the loss {name!r} of model {model.name!r} takes: state labels='sparse' "
            "or labels='one-hot'"
        )
    return labels, f"The loss {name} takes labels as {_TAKES[labels]}."


def probe(model):
    """Return the output for eight varied samples: for zeros alone, some look like probabilities that are none."""
    shapes = [tensor.shape[1:] for tensor in model.inputs]
    sizes = [[side or 7 for side in shape] for shape in shapes]
    samples = [np.linspace(0, 1, 8 * int(np.prod(size)), dtype=np.float32).reshape(8, *size) for size in sizes]
    return np.asarray(model(samples if len(samples) > 1 else samples[0], training=False), dtype=np.float64)


def single_input(model):
    """Return a model with one input that shares the layers, optimizer and loss of one with several.

    Parameters
    ----------
    model : keras.Model
        Functional; a model with one input is returned as it is.

    Returns
    -------
    keras.Model
        Its input (n, n_features) has the inputs of `model` side by side, each flattened: see `join_inputs`.

    Raises
    ------
    ValueError
        If the shape of an input is not known.
    """
    if len(model.inputs) == 1:
        return model
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if any(side is None for shape in shapes for side in shape):
        raise ValueError(f"model {model.name!r} has inputs of shapes {shapes}; several inputs need fixed shapes")
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    joined = keras.Input((int(ends[-1]),), name="joined_inputs")
    pieces = [joined[:, end - int(np.prod(shape)) : end] for shape, end in zip(shapes, ends, strict=True)]
    parts = [keras.ops.reshape(piece, (-1, *shape)) for piece, shape in zip(pieces, shapes, strict=True)]
    parts = [keras.ops.cast(part, tensor.dtype) for part, tensor in zip(parts, model.inputs, strict=True)]
    whole = keras.Model(joined, model.call(parts), name=model.name)  # `call`: its layers, not the model as one layer
    if model.compiled:
        whole.compile(optimizer=model.optimizer, loss=model.loss)
    return whole


def join_inputs(arrays):
    """Return arrays (n, ...) of several inputs side by side, (n, n_features) float32, for `single_input`."""
    return np.concatenate([np.asarray(array, np.float32).reshape(len(array), -1) for array in arrays], axis=1)
