import numpy as np
import pytest

from mode_utils.layer_selection import bhattacharyya_distance, last_hidden_layer, select_target_layer
from mode_utils.model_training import build_model
from mode_utils.networks.backend import keras
from mode_utils.networks.trainer import Trainer
from mode_utils.splits import Subset, split_dataset


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
    target = select_target_layer(trainer, splits.train, splits.held_out, rng, similarity_threshold=0.01)
    assert target.name == "useful" and "useful and same_1 predict alike" in target.reason
    assert target.evidence["layer"].tolist() == ["useful", "same_1", "same_2", "output"]
    assert target.evidence["accuracy"].iloc[0] > 0.5  # a head learns on top of untrained features
    assert (target.predictions == splits.held_out.y).mean() == pytest.approx(target.evidence["accuracy"].iloc[0])


def test_without_saturation_the_models_own_predictions_count(trainer, splits, rng):
    target = select_target_layer(trainer, splits.train, splits.held_out, rng, similarity_threshold=0)
    assert target.name == "hidden_2" and "only reached at the output" in target.reason
    np.testing.assert_array_equal(target.predictions, trainer.predict(splits.held_out.x).argmax(axis=1))


def test_the_model_is_not_changed(trainer, splits, rng):
    before, trainable = trainer.state(), [layer.trainable for layer in trainer.model.layers]
    select_target_layer(trainer, splits.train, splits.held_out, rng)
    assert all(np.array_equal(a, b) for a, b in zip(before, trainer.state(), strict=True))
    assert trainable == [layer.trainable for layer in trainer.model.layers]


def test_a_selection_can_be_repeated_bit_for_bit(trainer, splits):
    first, second = (
        select_target_layer(trainer, splits.train, splits.held_out, np.random.default_rng(7)) for _ in range(2)
    )
    assert first.evidence.equals(second.evidence) and np.array_equal(first.predictions, second.predictions)


def test_the_last_hidden_layer_is_the_last_candidate_before_the_output():
    assert last_hidden_layer(build_model("dense")) == "hidden_2"
    assert last_hidden_layer(build_model("cnn")) == "hidden"


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_model_with_one_layer_is_looked_at_through_its_output(direction, splits, rng):
    trainer = compiled(keras.layers.Flatten())
    target = select_target_layer(trainer, splits.train, splits.held_out, rng, direction=direction)
    assert target.name == "output" and target.reason == "it is the only layer with weights"
    np.testing.assert_array_equal(target.predictions, trainer.predict(splits.held_out.x).argmax(axis=1))


def test_layers_that_memorize_are_behind_the_backward_target(mnist, rng):
    """Two layers learn from 4,000 samples; wide ones on top learn 300 samples, some mislabelled, by heart."""
    splits = split_dataset(mnist, rng, 4_000, 100, 1_000, 100)
    general = compiled(
        keras.layers.Flatten(),
        keras.layers.Dense(32, activation="relu", name="general_1"),
        keras.layers.Dense(12, activation="relu", name="general_2"),
    )
    general.initialize(rng)
    general.fit(splits.train.x, splits.train.y, epochs=6, rng=rng)
    frozen = [layer for layer in general.model.layers if layer.name != "output"]
    for layer in frozen:
        layer.trainable = False
    memory = compiled(
        *frozen,
        keras.layers.Dense(256, activation="relu", name="memory_1"),
        keras.layers.Dense(256, activation="relu", name="memory_2"),
    )
    few = splits.train.subset(np.arange(300))
    few = Subset(few.source, np.where(rng.random(300) < 0.3, rng.integers(0, 10, 300), few.y), few.index)
    memory.fit(few.x, few.y, epochs=100, rng=rng)
    target = select_target_layer(memory, few, splits.held_out, rng, direction="backward")
    assert target.name.startswith("general"), target.evidence
    assert "only widens the gap to training" in target.reason


def test_backward_stays_at_the_output_of_a_model_that_does_not_memorize(trainer, mnist, rng):
    splits = split_dataset(mnist, rng, 10_000, 100, 2_000, 100)
    trainer.initialize(rng)
    trainer.fit(splits.train.x, splits.train.y, epochs=1, rng=rng)
    target = select_target_layer(trainer, splits.train, splits.held_out, rng, direction="backward")
    assert "no layer before the output" in target.reason and target.name == "hidden_2"
    np.testing.assert_array_equal(target.predictions, trainer.predict(splits.held_out.x).argmax(axis=1))


def test_head_weights_belong_to_the_target_layer(trainer, splits, rng):
    target = select_target_layer(trainer, splits.train, splits.held_out, rng, similarity_threshold=1)
    features = trainer.activations(splits.held_out.x, [target.name], grid=4)[0]
    assert target.weights.shape == (28, 10)
    assert ((features @ target.weights).argmax(axis=1) == target.predictions).mean() > 0.9  # all but the bias


def test_evidence_is_complete(trainer, splits, rng):
    evidence = select_target_layer(trainer, splits.train, splits.held_out, rng).evidence
    assert evidence.columns.tolist() == ["layer", "features", "train_accuracy", "accuracy", "gap", "distance"]
    np.testing.assert_allclose(evidence["gap"], evidence["train_accuracy"] - evidence["accuracy"])
    assert evidence["distance"].isna().tolist() == [False, False, True]


def test_activations_that_are_not_finite_are_refused(trainer, splits, rng):
    kernel, bias = trainer.model.get_layer("output").get_weights()
    trainer.model.get_layer("output").set_weights([kernel * np.nan, bias])
    with pytest.raises(ValueError, match="layer 'output' of model 'dense' has outputs that are NaN"):
        select_target_layer(trainer, splits.train, splits.held_out, rng)


def test_an_unknown_direction_is_refused(trainer, splits, rng):
    with pytest.raises(ValueError, match="unknown direction 'up'; choose from forward, backward"):
        select_target_layer(trainer, splits.train, splits.held_out, rng, direction="up")


def test_a_negative_threshold_is_refused(trainer, splits, rng):
    with pytest.raises(ValueError, match=r"similarity_threshold = -0\.1; it must be at least 0"):
        select_target_layer(trainer, splits.train, splits.held_out, rng, similarity_threshold=-0.1)
