"""The small Keras classifiers of the experiments, and the check that any classifier has to pass."""

import numpy as np

from mode_utils.backend import keras
from mode_utils.checks import check_choice
from mode_utils.options import ARCHITECTURES


def build_model(architecture="dense", input_shape=(28, 28), n_classes=10, width=1):
    """Build and compile a classifier.

    Parameters
    ----------
    architecture : {"dense", "cnn"}
        "dense" is the network of the replication, 784-28-28-10; "cnn" has two convolutions and one dense layer.
    input_shape : tuple of int
        Shape of one sample, with or without a channel axis.
    n_classes : int
    width : int
        Factor on the number of units and filters.

    Returns
    -------
    keras.Model
        Softmax over the labels, compiled with Adam and sparse categorical cross-entropy. Its weights are drawn from
        Keras's global generator: `Trainer.initialize` draws them from a generator of yours.

    Raises
    ------
    ValueError
        If the architecture is unknown.
    """
    check_choice("architecture", architecture, ARCHITECTURES)
    hidden = _dense_layers(width) if architecture == "dense" else _cnn_layers(input_shape, width)
    output = keras.layers.Dense(n_classes, activation="softmax", name="output")
    model = keras.Sequential([keras.Input(input_shape), *hidden, output], name=architecture)
    model.compile(optimizer=keras.optimizers.Adam(), loss="sparse_categorical_crossentropy")
    return model


def check_classifier(model, n_classes):
    """Check that a model maps samples to probabilities over the labels.

    Parameters
    ----------
    model : keras.Model
        One input, one output.
    n_classes : int

    Raises
    ------
    ValueError
        If the model has several inputs or outputs, or if its output for a sample is not `n_classes` numbers in [0, 1]
        that add up to 1.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"model {model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; "
            "one of each is needed"
        )
    shape = tuple(model.outputs[0].shape)
    if shape != (None, n_classes):
        raise ValueError(f"model {model.name!r} has output shape {shape}; {n_classes} labels need (None, {n_classes})")
    # Varied input, because zeros alone would let some outputs that are no probabilities pass.
    probe = np.linspace(0, 1, 8 * int(np.prod(model.input_shape[1:])), dtype=np.float32)
    output = np.asarray(model(probe.reshape(8, *model.input_shape[1:]), training=False))
    if output.min() < 0 or output.max() > 1 or not np.allclose(output.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"the output of model {model.name!r} is no probability over the labels: end it with a softmax "
            f"(sums of a probe: {output.sum(axis=1).min():.3g} .. {output.sum(axis=1).max():.3g})"
        )


def _dense_layers(width):
    return [
        keras.layers.Flatten(name="flatten"),
        keras.layers.Dense(28 * width, activation="relu", name="hidden_1"),
        keras.layers.Dense(28 * width, activation="relu", name="hidden_2"),
    ]


def _cnn_layers(input_shape, width):
    with_channel = input_shape if len(input_shape) == 3 else (*input_shape, 1)
    return [
        keras.layers.Reshape(with_channel, name="channels"),
        keras.layers.Conv2D(8 * width, 3, activation="relu", name="conv_1"),
        keras.layers.MaxPooling2D(name="pool_1"),
        keras.layers.Conv2D(16 * width, 3, activation="relu", name="conv_2"),
        keras.layers.MaxPooling2D(name="pool_2"),
        keras.layers.Flatten(name="flatten"),
        keras.layers.Dense(32 * width, activation="relu", name="hidden"),
    ]
