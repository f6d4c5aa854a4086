"""Check that a model is one that can be repaired, and that its data fit it."""

from pathlib import Path

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.layers import vocabulary
from mode_utils.networks.losses import single_loss
from mode_utils.repair.reading.array_sets import of_kind
from mode_utils.repair.reading.arrays import check_left, fits_shape
from mode_utils.support.sample_parts import in_chunks


def check_model(model):
    """Raise a ValueError if it is not a Keras model, or one that has diverged."""
    if not isinstance(model, keras.Model):
        what = type(model).__name__
        raise ValueError(f"the model is a {what}: give a compiled keras.Model, or the .keras file of one")
    broken = next((weight.path for weight in model.weights if not np.isfinite(weight.numpy()).all()), None)
    if broken:
        raise ValueError(f"weight {broken!r} of model {model.name!r} is not finite: its training has diverged")


def followed(model, data):
    """Return a model whose inputs and outputs are known, and notes: a subclassed one becomes a layer.

    `data` are `OwnData`, arrays by name, or the path of a folder of images.
    """
    if getattr(model, "inputs", None) and getattr(model, "outputs", None):
        return model, ()
    if isinstance(data, Path):
        raise ValueError(
            f"model {model.name!r} is subclassed, so that it does not say how large its images are: give them as an "
            ".npz file, or wrap it: inputs = keras.Input(shape); keras.Model(inputs, model(inputs)), and compile that"
        )
    if not model.compiled:
        raise ValueError(f"model {model.name!r} is not compiled: call model.compile(optimizer, loss) first")
    x = data.get("x_train") if isinstance(data, dict) else data.x_train
    if x is None:
        raise ValueError("the data have no array 'x_train': a subclassed model takes one input")
    whole = _wrapped(model, x.shape[1:], str(x.dtype) if x.dtype.kind in "iu" and x.dtype.itemsize > 2 else "float32")
    loss, weight = single_loss(model)
    whole.compile(optimizer=model.optimizer, loss=loss, loss_weights=weight)
    return whole, (
        f"Model {model.name!r} is subclassed, so that its layers cannot be followed: its probabilities stand in for "
        "states, by which samples of a label that it hardly knows are told apart less well.",
    )


def _wrapped(model, shape, dtype):
    inputs = keras.Input(shape, dtype=dtype)
    try:
        whole = keras.Model(inputs, model(inputs), name=f"{model.name}_whole")
        if (n := len(whole(np.zeros((7, *shape), dtype)))) != 7:
            raise ValueError(f"it gives {n} rows for 7 samples")
    except Exception as error:  # whatever the model's own code raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"model {model.name!r} cannot be called on samples of shape {shape}: {reason}") from None
    return whole


def check_fit(model, data, budget):
    """Raise a ValueError if a model does not take the samples, or too few are left of the pool for the budget."""
    wanted, found = tuple(model.inputs[0].shape[1:]), data.x_train.shape[1:]
    if not fits_shape(found, wanted):
        shapes = f"a sample has shape {found}, but the model takes {wanted}"
        raise ValueError(f"{shapes}: give samples as the model takes them")
    samples = {name: x for name, x in of_kind(vars(data), "x").items() if x is not None}
    for layer, most in vocabulary(model).items():  # a larger number ends the prediction, or is taken for 0
        for name, x in samples.items():
            largest = max(chunk.max() for _, chunk in in_chunks(x))
            if largest >= most:
                knows = f"layer {layer!r} knows 0 .. {most - 1}"
                remedy = "give in its place the number that stands for what is unknown"
                raise ValueError(f"{name} has the number {largest:.0f}, but {knows}: {remedy}")
    check_left(budget, data)
