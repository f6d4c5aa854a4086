from itertools import product

import numpy as np
import pytest
from tiers import by_night, cover

from mode_utils.model_training import build_model
from mode_utils.networks import trainer as trainer_module
from mode_utils.networks.backend import keras
from mode_utils.networks.flat_adam import can_be_flat
from mode_utils.networks.trainer import Trainer

pytestmark = pytest.mark.slow


def one_layer(optimizer="adam", layers=(), **options):
    model = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Flatten(), *layers, keras.layers.Dense(10, **options)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss)
    model.optimizer.build(model.trainable_variables)
    return model


def trained(model, splits, batch_size):
    trainer = Trainer(model)
    trainer.initialize(np.random.default_rng(0))
    x, y = splits.train.x[:700], splits.train.y[:700]
    losses = trainer.fit(x, y, epochs=2, rng=np.random.default_rng(1), batch_size=batch_size)
    return losses, trainer.state()


BUILD = {"dense": build_model, "cnn": lambda: build_model("cnn"), "one layer": one_layer}
WAYS = list(product(BUILD, [32, 300]))  # of 700 samples: the last step takes what is left


@pytest.mark.parametrize(("build", "batch_size"), by_night(WAYS, but=cover(WAYS)))
def test_losses_weights_and_moments_are_those_of_kerass_adam_bit_for_bit(build, batch_size, splits, monkeypatch):
    flat = trained(BUILD[build](), splits, batch_size)
    monkeypatch.setattr(trainer_module, "can_be_flat", lambda model: False)
    plain = trained(BUILD[build](), splits, batch_size)
    np.testing.assert_array_equal(flat[0], plain[0])
    for a, b in zip(flat[1], plain[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "build",
    [
        lambda: one_layer("sgd"),
        lambda: one_layer(keras.optimizers.AdamW()),
        lambda: one_layer(keras.optimizers.Adam(amsgrad=True)),
        lambda: one_layer(keras.optimizers.Adam(clipnorm=1.0)),
        lambda: one_layer(keras.optimizers.Adam(weight_decay=0.01)),
        lambda: one_layer(keras.optimizers.Adam(use_ema=True)),
        lambda: one_layer(keras.optimizers.Adam(gradient_accumulation_steps=2)),
        lambda: one_layer(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9))),
        lambda: one_layer(layers=[keras.layers.BatchNormalization()]),
        lambda: one_layer(layers=[keras.layers.Dropout(0.5)]),
        lambda: one_layer(kernel_regularizer="l2"),
        lambda: one_layer(kernel_constraint="non_neg"),
    ],
)
def test_what_is_more_than_plain_adam_is_left_to_keras(build):
    assert not can_be_flat(build())  # `test_optimizers` trains them


def test_the_networks_of_the_study_are_flat():
    for architecture in ("dense", "cnn"):
        model = build_model(architecture)
        model.optimizer.build(model.trainable_variables)
        assert can_be_flat(model)
