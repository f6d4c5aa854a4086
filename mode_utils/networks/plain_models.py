"""Any model with one output as a plain one: one tensor in, one out; inputs are told apart by name, never by order."""

from typing import NamedTuple

import numpy as np

from mode_utils.networks.backend import keras, tf
from mode_utils.networks.keras_internals import all_layers
from mode_utils.networks.losses import single_loss

_CONVOLUTIONS = tuple(getattr(keras.layers, f"{kind}Conv2D") for kind in ("", "Depthwise", "Separable"))
_EXACT = 2**53  # up to which a float64 holds all whole numbers


class ModelInput(NamedTuple):
    """One input of a model: the names that its arrays may have, the best first; shape of a sample; dtype."""

    names: tuple[str, ...]
    shape: tuple[int | None, ...]
    dtype: str


def model_inputs(model):
    """Return a `ModelInput` for each of `model.inputs`, named by its key in a dict, or else by its tensor."""
    paths = [path for path, _ in keras.tree.flatten_with_path(_structure(model))]
    keys = [str(path[-1]) if path and isinstance(path[-1], str) else None for path in paths]
    names = [key or tensor.name for key, tensor in zip(keys, model.inputs, strict=True)]
    if len(set(names)) < len(names):
        names = [".".join(map(str, path)) for path in paths]
    more = [() if tensor.name in names else (tensor.name,) for tensor in model.inputs]
    named = zip(names, more, model.inputs, strict=True)
    return [ModelInput((name, *others), tuple(own.shape[1:]), str(own.dtype)) for name, others, own in named]


def call_model(model, tensors, **options):
    """Return the output of a model for one tensor per input, in the order of `model.inputs`."""
    return keras.tree.flatten(model(keras.tree.pack_sequence_as(_structure(model), list(tensors)), **options))[0]


def plain_model(model):
    """Return a model with one input that shares the layers, optimizer and loss of another, or a plain one itself.

    Several outputs, texts, sparse, ragged or stateful layers, or unknown shapes beside other inputs, are a ValueError.
    """
    if len(model.outputs) != 1:
        names = ", ".join(model.output_names) if hasattr(model, "output_names") else len(model.outputs)
        outputs = f"model {model.name!r} has {len(model.outputs)} outputs; one is needed: choose one of {names}"
        raise ValueError(f"{outputs}, and compile keras.Model(model.inputs, model.outputs[0]) or whichever it is")
    _check_inputs(model)
    if _is_plain(model):
        return model
    joined, parts = _parts(model)
    structure = keras.tree.pack_sequence_as(_structure(model), parts)
    output = keras.tree.flatten(model.call(structure))[0]  # `call`: its layers, not the model as one layer
    whole = keras.Model(joined, output, name=model.name)
    if model.compiled:
        loss, weight = single_loss(model)
        whole.compile(optimizer=model.optimizer, loss=loss, loss_weights=weight)
    return whole


def join_inputs(arrays):
    """Return arrays of inputs as (n, n_features) float32; beside integers float64, too large ones are a ValueError."""
    whole = [array for array in arrays if array.dtype.kind in "iu"]
    largest = max((max(abs(int(array.min())), abs(int(array.max()))) for array in whole if array.size), default=0)
    if largest > _EXACT:
        large = f"the number {largest} of an input is too large: beside other inputs whole numbers go up to {_EXACT}"
        raise ValueError(f"{large}, so number what it stands for anew")
    dtype = np.float64 if whole else np.float32
    return np.concatenate([np.asarray(array, dtype).reshape(len(array), -1) for array in arrays], axis=1)


def _structure(model):
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def _is_plain(model):
    structures = (_structure(model), None if isinstance(model, keras.Sequential) else model.output)
    nested = [len(each) > 1 or isinstance(each, dict) for each in structures if keras.tree.is_nested(each)]
    return len(model.inputs) == 1 and model.inputs[0].shape[0] is None and not any(nested)


def _check_inputs(model):
    for tensor, own in zip(model.inputs, model_inputs(model), strict=True):
        if own.dtype == "string":
            raise ValueError(_cut(model, tensor, own.names[0]))
        if getattr(tensor, "sparse", False) or getattr(tensor, "ragged", False):
            raise ValueError(f"input {own.names[0]!r} of model {model.name!r} is sparse or ragged: give dense inputs")
    for layer in all_layers(model):
        given = f"layer {layer.name!r} of model {model.name!r}"
        first = getattr(layer, "data_format", None) == "channels_first" and isinstance(layer, _CONVOLUTIONS)
        if first and not tf.config.list_physical_devices("GPU"):
            remedy = "build the model with data_format='channels_last', and give it these weights"
            raise ValueError(f"{given} takes channels first, which TensorFlow trains on a GPU alone: {remedy}")
        if getattr(layer, "stateful", False) and isinstance(layer, keras.layers.RNN):
            remedy = "build the model with stateful=False, and give it these weights"
            raise ValueError(f"{given} is stateful, so that a prediction depends on those before it: {remedy}")


def _cut(model, tensor, name):
    behind = next((layer.name for layer in model.layers if any(each is tensor for each in _inputs_of(layer))), None)
    cut = f"m.get_layer({behind!r}).output" if behind else "the output of the layer behind it"
    others = [f"m.inputs[{place}]" for place in range(len(model.inputs))]
    inputs = ", ".join(cut if each is tensor else other for each, other in zip(model.inputs, others, strict=True))
    told = f"input {name!r} of model {model.name!r} takes texts: cut the model behind layer {behind!r}: with m"
    new = f"the model, new = keras.Model([{inputs}], m.outputs[0])"
    compiled = "new.compile(m.optimizer.from_config(m.optimizer.get_config()), m.loss)"
    return f"{told} {new}; {compiled}, and give what keras.Model(m.inputs, {cut}) makes of the texts in their place"


def _inputs_of(layer):
    try:
        return keras.tree.flatten(layer.input)
    except AttributeError:  # it is an input, or is called several times
        return []


def _parts(model):
    """Return a new input, and the part of it for each input of a model."""
    tensors, shapes = model.inputs, [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if len(tensors) == 1:
        joined = keras.Input(shapes[0], dtype=tensors[0].dtype, name=tensors[0].name)
        return joined, [joined]
    if any(side is None for shape in shapes for side in shape):
        raise ValueError(f"model {model.name!r} has inputs of shapes {shapes}; several inputs need fixed shapes")
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    exact = any(tensor.dtype not in ("float32", "float16", "bfloat16", "bool") for tensor in tensors)
    joined = keras.Input((int(ends[-1]),), dtype="float64" if exact else "float32", name="joined_inputs")
    pieces = [joined[:, end - int(np.prod(shape)) : end] for shape, end in zip(shapes, ends, strict=True)]
    parts = [keras.ops.reshape(piece, (-1, *shape)) for piece, shape in zip(pieces, shapes, strict=True)]
    return joined, [keras.ops.cast(part, tensor.dtype) for part, tensor in zip(parts, tensors, strict=True)]
