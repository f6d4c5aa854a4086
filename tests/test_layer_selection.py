import numpy as np
import pytest

from mode_utils.backend import keras
from mode_utils.layer_selection import bhattacharyya_distance, hidden_layers, last_hidden_layer, select_target_layer
from mode_utils.models import build_model
from mode_utils.training import Trainer


def compiled(*layers, shape=(28, 28)):
    model = keras.Sequential([keras.Input(shape), *layers, keras.layers.Dense(10, activation="softmax", name="output")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return Trainer(model)


def test_the_distance_of_equal_predictions_is_0_and_of_disjoint_ones_infinite():
    p = np.array([[0.2, 0.8], [1.0, 0.0]])
    assert bhattacharyya_distance(p, p) == pytest.approx(0, abs=1e-12)
    assert bhattacharyya_distance(np.array([[1.0, 0]]), np.array([[0.0, 1]])) == np.inf


def test_the_distance_is_minus_ln_of_the_mean_coefficient():
    p, q = np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.1, 0.9], [0.5, 0.5]])
    coefficients = np.sqrt(0.05) + np.sqrt(0.45), np.sqrt(0.5)
    assert bhattacharyya_distance(p, q) == pytest.approx(-np.log(np.mean(coefficients)))


def test_layers_that_add_nothing_are_not_the_target(splits, rng):
    """Two identity layers after `useful`: its feature model and theirs are the same."""
    identity = {"kernel_initializer": "identity", "activation": "relu"}
    trainer = compiled(
        keras.layers.Flatten(),
        keras.layers.Dense(24, activation="relu", name="useful"),
        keras.layers.Dense(24, name="same_1", **identity),
        keras.layers.Dense(24, name="same_2", **identity),
    )
    target = select_target_layer(trainer, splits.train, splits.diagnosis, rng, similarity_threshold=0.01)
    assert target.name == "useful" and "useful and same_1 predict alike" in target.reason
    assert target.evidence["layer"].tolist() == ["useful", "same_1", "same_2", "output"]
    assert target.evidence["accuracy"].iloc[0] > 0.5  # a head learns on top of untrained features
    assert (target.predictions == splits.diagnosis.y).mean() == pytest.approx(target.evidence["accuracy"].iloc[0])


def test_without_saturation_the_models_own_predictions_count(trainer, splits, rng):
    target = select_target_layer(trainer, splits.train, splits.diagnosis, rng, similarity_threshold=0)
    assert target.name == "hidden_2" and "only reached at the output" in target.reason
    np.testing.assert_array_equal(target.predictions, trainer.predict(splits.diagnosis.x).argmax(axis=1))


def test_the_model_is_not_changed(trainer, splits, rng):
    before, trainable = trainer.state(), [layer.trainable for layer in trainer.model.layers]
    select_target_layer(trainer, splits.train, splits.diagnosis, rng)
    assert all(np.array_equal(a, b) for a, b in zip(before, trainer.state(), strict=True))
    assert trainable == [layer.trainable for layer in trainer.model.layers]


def test_a_selection_can_be_repeated_bit_for_bit(trainer, splits):
    first, second = (
        select_target_layer(trainer, splits.train, splits.diagnosis, np.random.default_rng(7)) for _ in range(2)
    )
    assert first.evidence.equals(second.evidence) and np.array_equal(first.predictions, second.predictions)


def test_hidden_layers_are_the_dense_ones_before_the_output():
    assert hidden_layers(build_model("dense")) == ["hidden_1", "hidden_2"]
    assert last_hidden_layer(build_model("cnn")) == "hidden"


def test_a_model_without_hidden_layers_is_refused(splits, rng):
    with pytest.raises(ValueError, match="has no hidden dense layer"):
        select_target_layer(compiled(keras.layers.Flatten()), splits.train, splits.diagnosis, rng)


def test_a_negative_threshold_is_refused(trainer, splits, rng):
    with pytest.raises(ValueError, match=r"similarity_threshold = -0\.1; it must be at least 0"):
        select_target_layer(trainer, splits.train, splits.diagnosis, rng, similarity_threshold=-0.1)
