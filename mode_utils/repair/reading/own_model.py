"""A model and its data brought together: what can be repaired, and whether the data fit it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.classifiers import read_classifier
from mode_utils.networks.keras_internals import weights_of_optimizer
from mode_utils.networks.layers import vocabulary
from mode_utils.networks.losses import single_loss
from mode_utils.networks.plain_models import model_inputs, plain_model
from mode_utils.networks.trainer import Trainer
from mode_utils.repair.reading.array_sets import of_kind
from mode_utils.repair.reading.arrays import check_arrays, check_left, fits_shape, join_arrays, with_classes
from mode_utils.repair.reading.image_folders import read_images
from mode_utils.repair.reading.own_samples import PIXELS, choose_pixels
from mode_utils.support.sample_parts import convert_samples, in_chunks


def check_model(model):
    """Raise a ValueError if it is not a Keras model, or one that has diverged."""
    if not isinstance(model, keras.Model):
        what = type(model).__name__
        raise ValueError(f"the model is a {what}: give a compiled keras.Model, or the .keras file of one")
    if broken := next((weight.path for weight in model.weights if not np.isfinite(weight.numpy()).all()), None):
        raise ValueError(f"weight {broken!r} of model {model.name!r} is not finite: its training has diverged")


def renew_optimizer(model):
    """Give a model a new optimizer if its own does not know its weights; return a sentence, as a tuple, if so.

    Keras builds that of a Sequential model from HDF5 before the model has weights, and cannot train it then.
    """
    optimizer = getattr(model, "optimizer", None)
    known = set(map(id, weights_of_optimizer(optimizer))) if optimizer is not None and optimizer.built else None
    if known is None or known.issuperset(map(id, model.trainable_variables)):
        return ()
    model.optimizer = type(optimizer).from_config(optimizer.get_config())
    return ("The optimizer that came with the model does not know its weights: it begins anew, as if never used.",)


def _followed(model, data):
    """Return a model whose inputs and outputs are known (a subclassed one becomes a layer), and notes."""
    if getattr(model, "inputs", None) and getattr(model, "outputs", None):
        return model, ()
    if isinstance(data, Path):
        told = f"model {model.name!r} is subclassed, so that it does not say how large its images are"
        wrap = "inputs = keras.Input(shape); keras.Model(inputs, model(inputs))"
        raise ValueError(f"{told}: give them as an .npz file, or wrap it: {wrap}, and compile that")
    if not model.compiled:
        raise ValueError(f"model {model.name!r} is not compiled: call model.compile(optimizer, loss) first")
    x = data.get("x_train") if isinstance(data, dict) else data.x_train
    if x is None:
        raise ValueError("the data have no array 'x_train': a subclassed model takes one input")
    whole = _wrapped(model, x.shape[1:], str(x.dtype) if x.dtype.kind in "iu" and x.dtype.itemsize > 2 else "float32")
    loss, weight = single_loss(model)
    whole.compile(optimizer=model.optimizer, loss=loss, loss_weights=weight)
    told = f"Model {model.name!r} is subclassed, so that its layers cannot be followed: its probabilities stand in for"
    return whole, (f"{told} states, by which samples of a label that it hardly knows are told apart less well.",)


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
        told = f"a sample has shape {found}, but the model takes {wanted}"
        raise ValueError(f"{told}: give samples as the model takes them")
    for layer, most in vocabulary(model).items():  # a larger number ends the prediction, or is taken for 0
        for name, x in of_kind(vars(data), "x").items():
            if (largest := max(chunk.max() for _, chunk in in_chunks(x))) >= most:
                told = f"{name} has the number {largest:.0f}, but layer {layer!r} knows 0 .. {most - 1}"
                raise ValueError(f"{told}: give in its place the number that stands for what is unknown")
    check_left(budget, data)


def read_model(model, data, how):
    """Return the trainer of a model, the model as one whose layers can be followed, and notes."""
    whole, notes = _followed(model, data)
    plain = plain_model(whole)  # which refuses what cannot be one
    meaning = read_classifier(whole, len(how.class_names) if how.class_names else None, how.output, how.labels)
    return Trainer(plain, meaning, how.batch_size), whole, (*notes, *meaning.remarks)


def read_data(data, model, trainer, how, path="the data"):
    """Return `OwnData` with the classes of a model, and notes; see `read_model`."""
    notes = ()
    if how.groups and not isinstance(data, Path):
        told = f"groups = {how.groups!r} is for a folder of images"
        raise ValueError(f"{told}: of arrays, give groups_train, groups_validation, groups_pool, groups_test")
    if isinstance(data, Path):
        data, notes = _read_folder(data, model, trainer, how)
    elif isinstance(data, dict):
        arrays, n_classes = join_arrays(data, model_inputs(model)), trainer.n_classes
        data = check_arrays(arrays, how.class_names, n_classes, path, trainer.dtype, how.even_if_weak)
    else:
        samples = of_kind(vars(data), "x").items()
        data = replace(data, **{name: convert_samples(name, x, trainer.dtype) for name, x in samples})
    data = with_classes(data, trainer.n_classes)
    return data, (*notes, *data.notes)


def _read_folder(folder, model, trainer, how):
    input_shape, n_classes = tuple(model.inputs[0].shape[1:]), trainer.n_classes
    found = read_images(folder, input_shape, how.class_names, how.skip_broken, how.groups)
    if (n_found := len(found.class_names)) != n_classes:
        raise ValueError(f"{folder} has {n_found} classes, but the model {n_classes}: give the folders of all labels")
    arrays, pixels, reason = found.arrays, how.pixels, f"Pixels are given as {how.pixels}, as stated."
    if pixels is None:
        pixels, reason = choose_pixels(trainer, arrays["x_train"], arrays["y_train"])
    if not PIXELS[pixels].fits(arrays["x_train"]):
        raise ValueError(f"pixels {pixels!r} are of images with three channels, but the model takes {input_shape}")
    as_taken = np.rint if np.dtype(trainer.dtype).kind in "iu" else np.asarray  # resized images have fractions
    arrays |= {name: as_taken(PIXELS[pixels].apply(x)) for name, x in of_kind(arrays, "x").items()}
    data = check_arrays(arrays, found.class_names, path=folder, dtype=trainer.dtype, even_if_odd=how.even_if_weak)
    return data, (reason, *found.notes)
