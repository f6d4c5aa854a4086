import numpy as np
import pytest

from mode_utils.model_training import build_model, train_yardsticks


def test_the_dense_network_is_the_replications():
    widths = [layer.units for layer in build_model("dense").layers if hasattr(layer, "units")]
    assert widths == [28, 28, 10]


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3), (20, 16)])
@pytest.mark.parametrize("architecture", ["dense", "cnn"])
def test_every_architecture_takes_images_of_any_size(architecture, shape):
    model = build_model(architecture, shape, n_classes=7)
    assert model(np.zeros((2, *shape), np.float32)).shape == (2, 7)


def test_an_unknown_architecture_is_an_error_that_names_the_choices():
    with pytest.raises(ValueError, match="unknown architecture 'rnn'; choose from dense, cnn"):
        build_model("rnn")


def test_yardsticks_are_trained_afresh_on_more_than_a_repair_adds(trainer, splits):
    first, again = (train_yardsticks(trainer, splits, seed=0) for _ in range(2))
    assert [row["samples"] for row in first] == [500, 500, 1_500]
    assert [row["test_accuracy"] for row in first] == [row["test_accuracy"] for row in again]
    alone, both, everything = (row["test_accuracy"] for row in first)
    assert 0.6 < alone < min(both, everything)
