import numpy as np
import pytest

from mode_utils.backend import keras
from mode_utils.models import build_model, check_classifier


def network(units, activation, **options):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation=activation, **options)])
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def test_the_dense_network_is_the_replications():
    widths = [layer.units for layer in build_model("dense").layers if hasattr(layer, "units")]
    assert widths == [28, 28, 10]


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3), (20, 16)])
@pytest.mark.parametrize("architecture", ["dense", "cnn"])
def test_every_architecture_takes_images_of_any_size(architecture, shape):
    model = build_model(architecture, shape, n_classes=7)
    check_classifier(model, 7)
    assert model(np.zeros((2, *shape), np.float32)).shape == (2, 7)


def test_an_unknown_architecture_is_an_error_that_names_the_choices():
    with pytest.raises(ValueError, match="unknown architecture 'rnn'; choose from dense, cnn"):
        build_model("rnn")


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "relu", "tanh"])
def test_an_output_that_is_no_probability_is_refused(activation):
    with pytest.raises(ValueError, match="no probability over the labels: end it with a softmax"):
        check_classifier(network(3, activation), 3)


def test_another_number_of_labels_is_refused():
    with pytest.raises(ValueError, match=r"output shape \(None, 3\); 5 labels need \(None, 5\)"):
        check_classifier(network(3, "softmax"), 5)


def test_several_outputs_are_refused():
    x = keras.Input((4,))
    model = keras.Model(x, [keras.layers.Dense(3, activation="softmax")(x) for _ in range(2)])
    with pytest.raises(ValueError, match="1 inputs and 2 outputs"):
        check_classifier(model, 3)
