"""Is a model one that can be repaired, and do its data fit it?"""

from pathlib import Path

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.layers import vocabulary
from mode_utils.networks.losses import single_loss
from mode_utils.repair.reading.arrays import check_left
from mode_utils.repair.reading.npz_files import read_arrays
from mode_utils.support.sample_parts import in_chunks

SAMPLES = ("x_train", "x_validation", "x_pool", "x_test")


def check_model(model):
    """Raise a ValueError if it is no Keras model, or one that has diverged."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"the model is a {type(model).__name__}: give a compiled keras.Model, or the .keras file of one"
        )
    broken = [weight.path for weight in model.weights if not np.isfinite(weight.numpy()).all()]
    if broken:
        raise ValueError(f"weight {broken[0]!r} of model {model.name!r} is not finite: its training has diverged")


def followed(model, data):
    """Return a model whose inputs and outputs are known, and what is to be said: a subclassed one becomes a layer."""
    if getattr(model, "inputs", None) and getattr(model, "outputs", None):
        return model, ()
    if isinstance(data, Path) and data.is_dir():
        raise ValueError(
            f"model {model.name!r} is subclassed, so that it does not say how large its images are: give them as an "
            ".npz file, or wrap it: inputs = keras.Input(shape); keras.Model(inputs, model(inputs)), and compile that"
        )
    if not model.compiled:
        raise ValueError(f"model {model.name!r} is not compiled: call model.compile(optimizer, loss) first")
    shape, dtype = _sample(data)
    inputs = keras.Input(shape, dtype=dtype)
    try:
        whole = keras.Model(inputs, model(inputs), name=f"{model.name}_whole")
        _check_rows(whole(np.zeros((7, *shape), dtype)))
    except Exception as error:  # whatever the model's own code raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"model {model.name!r} cannot be called on samples of shape {shape}: {reason}") from None
    loss, weight = single_loss(model)
    whole.compile(optimizer=model.optimizer, loss=loss, loss_weights=weight)
    return whole, (
        f"Model {model.name!r} is subclassed, so that its layers cannot be followed: its probabilities stand in for "
        "states, by which samples of a label that it hardly knows are told apart less well.",
    )


def _check_rows(output):
    if len(output) != 7:
        raise ValueError(f"it gives {len(output)} rows for 7 samples")


def _sample(data):
    """Return the shape of a sample and the dtype in which a subclassed model is given it."""
    arrays = read_arrays(data) if isinstance(data, Path) else {"x_train": data.x_train}
    if "x_train" not in arrays:
        raise ValueError(f"{data} has no array 'x_train': a subclassed model takes one input")
    x = arrays["x_train"]
    return x.shape[1:], str(x.dtype) if x.dtype.kind in "iu" and x.dtype.itemsize > 2 else "float32"


def check_fit(model, data, budget):
    """Raise a ValueError if samples are none that a model takes, or too few are left of the pool for the budget."""
    wanted, found = tuple(model.inputs[0].shape[1:]), data.x_train.shape[1:]
    if len(found) != len(wanted) or any(w not in (None, f) for w, f in zip(wanted, found, strict=True)):
        raise ValueError(
            f"a sample has shape {found}, but the model takes {wanted}: give samples as the model takes them"
        )
    _check_vocabulary(model, data)
    check_left(budget, data)


def _check_vocabulary(model, data):
    """Raise a ValueError if samples have a number that an embedding does not know: it ends the prediction, or is 0."""
    for layer, most in vocabulary(model).items():
        for name in SAMPLES:
            x = getattr(data, name)
            largest = max(chunk.max() for _, chunk in in_chunks(x)) if x is not None else 0
            if largest >= most:
                raise ValueError(
                    f"{name} has the number {largest:.0f}, but layer {layer!r} knows 0 .. {most - 1}: give in its "
                    "place the number that stands for what is unknown"
                )
