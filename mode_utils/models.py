"""The small Keras classifiers of the experiments."""

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
