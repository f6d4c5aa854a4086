import numpy as np
import pytest

from mode_utils.model_training import (
    build_model,
    learning_curve_slope,
    new_trainer,
    train_initial_model,
    train_yardsticks,
)
from mode_utils.networks.layers import candidate_layers
from mode_utils.run_setup import ARCHITECTURES, RunSetup, split_for_run


def test_the_dense_network_is_the_replications():
    widths = [layer.units for layer in build_model("dense").layers if hasattr(layer, "units")]
    assert widths == [28, 28, 10]


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3), (20, 16)])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_takes_images_of_any_size(architecture, shape):
    model = build_model(architecture, shape, n_classes=7)
    assert model(np.zeros((2, *shape), np.float32)).shape == (2, 7)


def test_an_unknown_architecture_is_an_error_that_names_the_choices():
    with pytest.raises(ValueError, match="unknown architecture 'rnn'; choose from dense, cnn, residual"):
        build_model("rnn")


@pytest.mark.slow
def test_yardsticks_are_trained_afresh_on_more_than_a_repair_adds(trainer, splits):
    first, again = (train_yardsticks(trainer, splits, seed=0) for _ in range(2))
    assert [row["samples"] for row in first] == [500, 500, 1_500]
    assert [row["test_accuracy"] for row in first] == [row["test_accuracy"] for row in again]
    alone, both, everything = (row["test_accuracy"] for row in first)
    assert 0.6 < alone < min(both, everything)


def test_a_block_of_the_residual_network_is_a_target_only_as_a_whole():
    layers = candidate_layers(build_model("residual"))
    assert layers == ["stem_relu", "block_1", "block_2", "average", "output"]


@pytest.mark.slow
def test_the_residual_network_learns_its_normalization_and_starts_afresh(mnist):
    few, many = (RunSetup(n, 200, 200, 400, architecture="residual", initial_epochs=3) for n in (200, 2_400))
    splits, trainer = split_for_run(mnist, few, 0), new_trainer(mnist, few)
    train_initial_model(trainer, splits, few, 0)
    first = trainer.predict(splits.test.x)
    train_initial_model(trainer, split_for_run(mnist, many, 0), many, 0)
    learned = trainer.predict(splits.test.x)
    assert (learned.argmax(axis=1) == splits.test.y).mean() > 0.8
    norm = trainer.model.get_layer("stem_norm")
    assert np.abs(norm.moving_mean.numpy()).max() > 0.01
    train_initial_model(trainer, splits, few, 0)
    np.testing.assert_allclose(trainer.predict(splits.test.x), first, atol=1e-5)


def test_width_widens_the_network_beside_the_scenario(mnist):
    widths = [
        new_trainer(mnist, RunSetup(scenario=scenario, width=width)).model.get_layer("hidden_1").units
        for scenario, width in (("healthy", 1), ("healthy", 2), ("overfit", 2))
    ]
    assert widths == [28, 56, 560]


@pytest.mark.slow
def test_the_learning_curve_is_steep_where_samples_are_few(mnist, one_trainer):
    slopes = []
    for scenario in ("underfit", "healthy"):
        setup = RunSetup(20_000, 500, 2_000, 500, scenario=scenario)
        splits, trainer = split_for_run(mnist, setup, 0), one_trainer(mnist, setup)
        slopes.append(learning_curve_slope(trainer, splits, 0))
    assert slopes[0] > 0.01 > abs(slopes[1])
    assert learning_curve_slope(trainer, splits, 0) == slopes[1]
