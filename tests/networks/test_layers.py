import numpy as np
import pytest

from mode_utils.model_training import build_model
from mode_utils.networks.backend import keras
from mode_utils.networks.layers import candidate_layers, layer_outputs
from mode_utils.networks.trainer import Trainer

L = keras.layers


def residual_network():
    x = keras.Input((12, 12, 1))
    h = L.Rescaling(2.0)(x)
    h = L.ReLU(name="stem")(L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(h)))
    for block in range(2):
        branch = L.ReLU()(L.Conv2D(4, 3, padding="same")(h))
        branch = L.Conv2D(4, 3, padding="same")(branch)
        h = L.ReLU(name=f"block_{block}")(L.Add()([h, branch]))
    h = L.Dropout(0.5)(L.GlobalAveragePooling2D(name="mean")(h))
    h = L.Dense(8, activation="relu", name="features")(h)
    return keras.Model(x, L.Softmax(name="probabilities")(L.Dense(3, name="logits")(h)))


def two_paths():
    x = keras.Input((6,))
    h = L.Concatenate(name="both")([L.Dense(3)(x), L.Dense(4)(x)])
    return keras.Model(x, L.Dense(3, activation="softmax", name="output")(h))


def sequential(*layers, shape):
    return keras.Sequential([keras.Input(shape), *layers, L.Dense(3, activation="softmax", name="output")])


@pytest.mark.parametrize(
    ("model", "candidates"),
    [
        (lambda: build_model("dense"), ["hidden_1", "hidden_2", "output"]),
        (lambda: build_model("cnn"), ["pool_1", "pool_2", "hidden", "output"]),
        (residual_network, ["stem", "block_0", "mean", "features", "probabilities"]),
        (two_paths, ["both", "output"]),
        (lambda: sequential(L.Flatten(), shape=(3, 3)), ["output"]),
        (lambda: sequential(L.Dense(4), L.Activation("relu", name="b"), L.Dropout(0.1), shape=(5,)), ["b", "output"]),
        (lambda: sequential(L.Normalization(), L.Dense(4, name="a"), shape=(5,)), ["a", "output"]),
        (lambda: sequential(L.Embedding(9, 4, name="w"), L.LSTM(5, name="m"), shape=(7,)), ["w", "m", "output"]),
    ],
)  # fmt: skip
def test_candidates_follow_the_rule(model, candidates):
    assert candidate_layers(model()) == candidates


def test_nothing_flows_round_a_candidate():
    """Cutting the network at a candidate and going on from there gives the same output."""
    model, x = residual_network(), np.random.default_rng(0).random((5, 12, 12, 1), np.float32)
    outputs = layer_outputs(model)
    for name in candidate_layers(model)[:-1]:
        below, above = keras.Model(model.inputs[0], outputs[name]), keras.Model(outputs[name], model.outputs)
        np.testing.assert_allclose(above(below(x)), model(x), atol=1e-6)


def test_a_subclassed_model_is_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="neither sequential nor functional"):
        candidate_layers(Own())


def test_feature_maps_are_averaged_to_the_grid():
    model = residual_network()
    model.compile(loss="sparse_categorical_crossentropy")
    x = np.random.default_rng(0).random((3, 12, 12, 1), np.float32)
    trainer = Trainer(model)
    pooled, flat = trainer.activations(x, ["block_0", "features"], grid=4)
    maps, dense = trainer.activations(x, ["block_0", "features"])
    np.testing.assert_allclose(pooled.reshape(3, 4, 4, 4), maps.reshape(3, 4, 3, 4, 3, 4).mean(axis=(2, 4)), atol=1e-6)
    np.testing.assert_array_equal(flat, dense)
    assert trainer.output_shape("block_0", grid=4) == (4, 4, 4) and trainer.output_shape("block_0") == (12, 12, 4)
    assert trainer.output_shape("features", grid=4) == (8,)
