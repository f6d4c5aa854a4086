"""The model under repair: small Keras classifiers, built and trained."""

import time

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.trainer import Trainer
from mode_utils.run_setup import ARCHITECTURES, scenario_of
from mode_utils.support.checks import check_choice
from mode_utils.support.streams import run_streams

_LINEAR_RATE = 0.01  # features of length 1, as of texts, have small gradients


def build_model(architecture="dense", input_shape=(28, 28), n_classes=10, width=1):
    """Build a softmax classifier, compiled with Adam and sparse categorical cross-entropy.

    "dense" is 784-28-28-10 of the replication, "cnn" two convolutions and a dense layer, "residual" three blocks of two
    normalized convolutions, "linear" a head alone, for features of another network. `input_shape` is that of a sample,
    with or without channels; `width` is a factor on units.
    """
    check_choice("architecture", architecture, ARCHITECTURES)
    output, samples = keras.layers.Dense(n_classes, activation="softmax", name="output"), keras.Input(input_shape)
    if architecture == "residual":
        model = keras.Model(samples, output(_residual_features(samples, width)), name=architecture)
    else:
        hidden = _hidden_layers(architecture, input_shape, width)
        model = keras.Sequential([samples, *hidden, output], name=architecture)
    rate = _LINEAR_RATE if architecture == "linear" else 0.001
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy")
    return model


def new_trainer(dataset, setup):
    """Return a `Trainer` for the model of a setup, for the samples and labels of a dataset."""
    width = scenario_of(setup).width * setup.width
    return Trainer(build_model(setup.architecture, dataset.x_train.shape[1:], dataset.n_classes, width))


def train_initial_model(trainer, splits, setup, seed):
    """Train a run's model from fresh weights, by `seed`, on training samples; return the losses (epochs, steps)."""
    streams = run_streams(seed)
    trainer.initialize(streams["weights"])
    epochs = setup.initial_epochs or scenario_of(setup).epochs
    return trainer.fit(splits.train.x, splits.train.y, epochs=epochs, rng=streams["initial_training"])


def train_yardsticks(trainer, splits, seed):
    """Train the network afresh on more than a repair may add, and leave the model of `trainer` as it is.

    The labels of the pool are used, even wrong or hidden ones; `seed` decides weights and order. Returns a list of
    dicts: `name`, `samples` (labels beside those of the training samples), `test_accuracy`, `seconds`.
    """
    parts = {"validation alone": [splits.held_out], "training and validation": [splits.train, splits.held_out]}
    parts |= {"training and whole pool": [splits.train, splits.bug_fixing]}
    rows = []
    for name, subsets in parts.items():
        started, rng = time.perf_counter(), run_streams(seed)["reference"]
        x, y = (np.concatenate([getattr(part, role) for part in subsets]) for role in "xy")
        with trainer.at():
            trainer.train_afresh(x, y, rng, least_epochs=3)
            seconds, accuracy = time.perf_counter() - started, _accuracy(trainer, splits.test)
        rows.append({"name": name, "samples": len(subsets[-1]), "test_accuracy": accuracy, "seconds": seconds})
    return rows


def learning_curve_slope(trainer, splits, seed):
    """Return what the last doubling of the training samples gained; about 0 where more samples gain nothing.

    It is the difference of held-out accuracies of the network trained afresh, by `seed`, on all and on half of them.
    """
    accuracies, places = [], run_streams(seed)["reference"].permutation(len(splits.train))
    for part in (splits.train.subset(places[: max(1, len(places) // 2)]), splits.train):
        with trainer.at():
            trainer.train_afresh(part.x, part.y, run_streams(seed)["reference"])
            accuracies.append(_accuracy(trainer, splits.held_out))
    return accuracies[1] - accuracies[0]


def _accuracy(trainer, part):
    return float((trainer.predict(part.x).argmax(axis=1) == part.y).mean())


def _hidden_layers(architecture, input_shape, width):
    layers = keras.layers
    if architecture == "linear":
        return [layers.Flatten(name="flatten")]
    if architecture == "dense":
        dense = [layers.Dense(28 * width, activation="relu", name=name) for name in ("hidden_1", "hidden_2")]
        return [layers.Flatten(name="flatten"), *dense]
    return [
        layers.Reshape(_with_channel(input_shape), name="channels"),
        layers.Conv2D(8 * width, 3, activation="relu", name="conv_1"), layers.MaxPooling2D(name="pool_1"),
        layers.Conv2D(16 * width, 3, activation="relu", name="conv_2"), layers.MaxPooling2D(name="pool_2"),
        layers.Flatten(name="flatten"), layers.Dense(32 * width, activation="relu", name="hidden"),
    ]  # fmt: skip


def _residual_features(samples, width):
    layers = keras.layers
    x = layers.Reshape(_with_channel(samples.shape[1:]), name="channels")(samples)
    x = layers.Conv2D(8 * width, 3, strides=2, padding="same", use_bias=False, name="stem")(x)
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(momentum=0.9, name="stem_norm")(x))
    for place, (filters, strides) in enumerate([(8 * width, 1), (16 * width, 2), (32 * width, 2)], start=1):
        x = _residual_block(x, filters, strides, f"block_{place}")
    return layers.GlobalAveragePooling2D(name="average")(x)


def _residual_block(x, filters, strides, name):
    """Return x plus two convolutions of it; a convolution of 1 x 1 gives x itself another shape where needed."""
    layers, around = keras.layers, x
    if strides > 1 or x.shape[-1] != filters:
        around = layers.Conv2D(filters, 1, strides=strides, use_bias=False, name=f"{name}_around")(x)
        around = layers.BatchNormalization(momentum=0.9, name=f"{name}_around_norm")(around)
    for place, step in (("1", strides), ("2", 1)):
        x = layers.Conv2D(filters, 3, strides=step, padding="same", use_bias=False, name=f"{name}_conv_{place}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm_{place}")(x)
        x = layers.ReLU(name=f"{name}_relu_1")(x) if place == "1" else x
    return layers.ReLU(name=name)(layers.Add(name=f"{name}_sum")([x, around]))


def _with_channel(shape):
    return tuple(shape) if len(shape) == 3 else (*shape, 1)
