"""Canaries: each undocumented name of Keras that is used, alone. When one breaks, its docstring says what to do."""

import numpy as np
import pytest

from mode_utils.networks.backend import keras
from mode_utils.networks.keras_internals import (
    all_layers,
    is_random_seed,
    last_node,
    loss_weights,
    optimizer_variables,
    own_variables,
    padding_mask,
    rate_of,
    weights_of_optimizer,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def model():
    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, name="inside"), keras.layers.Dropout(0.5, name="drop")], name="inner"
    )
    image = keras.Input((4,), name="image")
    hidden = keras.layers.BatchNormalization(name="norm")(inner(image))
    return keras.Model(image, keras.layers.Dense(2, name="output")(hidden))


def test_each_variable_of_a_model_belongs_to_one_layer_also_in_a_nested_model(model):
    """`Layer._flatten_layers`, `_trainable_variables` and `_non_trainable_variables`.

    If they are gone: go through `layer.layers` of models, and take from `layer.variables` those of no sublayer.
    """
    found = {layer.name: [variable.name for variable in variables] for layer, variables in own_variables(model)}
    assert found["inside"] == ["kernel", "bias"] and found["output"] == ["kernel", "bias"]
    assert sorted(found["norm"]) == ["beta", "gamma", "moving_mean", "moving_variance"]
    listed = [variable.path for _, variables in own_variables(model) for variable in variables]
    every = [variable.path for variable in model.variables if not is_random_seed(variable)]
    assert sorted(listed) == sorted(every)


def test_the_state_of_a_random_layer_is_known_by_its_name(model):
    """The name "seed_generator_state".

    If it has changed: print `[v.path for v in keras.layers.Dropout(0.5).variables]`, and take the new name; otherwise
    `Trainer.initialize` leaves the seeds as they are, and a network with dropout is not the same each time.
    """
    seeds = [variable for variable in model.variables if is_random_seed(variable)]
    assert len(seeds) == 1 and tuple(seeds[0].shape) == (2,)
    assert not any(is_random_seed(variable) for variable in model.trainable_variables)


def test_the_graph_can_be_followed_from_the_output_to_the_input(model):
    """`KerasTensor._keras_history` and `Operation._inbound_nodes`.

    If they are gone: `model.get_config()["layers"]` has the `inbound_nodes` of each layer in a documented form.
    """
    node, names = last_node(model.outputs[0]), []
    while True:
        names.append(node.operation.name)
        assert len(node.output_tensors) == 1
        if not node.parent_nodes:
            break
        (node,) = node.parent_nodes
    assert names == ["output", "norm", "inner", "image"]


def test_a_learning_rate_is_known_as_it_was_given():
    """`optimizer._learning_rate`.

    If it is gone: take the schedule from `optimizer.get_config()`; otherwise no other rate can be held for a while.
    """
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 9)
    assert rate_of(keras.optimizers.SGD(schedule)) is schedule
    optimizer = keras.optimizers.SGD(0.5)
    assert rate_of(optimizer) is optimizer.learning_rate and isinstance(optimizer.learning_rate, keras.Variable)


def test_all_variables_of_an_optimizer_are_found_also_those_that_keras_leaves_out(model):
    """`Nadam._u_product`, which is no variable of a LossScaleOptimizer around it.

    If all are listed: take `optimizer.variables`. Otherwise a state would be restored without it.
    """
    for make in (lambda inner: inner, keras.optimizers.LossScaleOptimizer):
        optimizer = make(keras.optimizers.Nadam())
        optimizer.build(model.trainable_variables)
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        assert sum(variable is inner._u_product for variable in optimizer_variables(optimizer)) == 1


def test_calling_a_functional_models_call_hands_on_its_layers_rather_than_the_model(model):
    """Documented: `Model.call` on symbolic tensors. If it nests the model, `plain_model` must go layer by layer."""
    other = keras.Input((4,))
    again = keras.Model(other, model.call(other))
    assert [layer.name for layer in again.layers[1:]] == [layer.name for layer in model.layers[1:]]
    x = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))


def test_what_is_asked_of_masks_and_losses_is_where_it_was():
    """If not: masks may be had by `compute_mask`, weights of losses by `get_compile_config`."""
    x = keras.Input((3,))
    steps = keras.layers.Embedding(5, 2, mask_zero=True)
    inner = keras.Model(x, keras.layers.Dense(2)(keras.layers.LSTM(2, name="inner")(steps(x))))
    outer = keras.Sequential([keras.Input((3,)), inner])
    outer.compile(optimizer="adam", loss=["mse"], loss_weights=[0.5])
    assert {"inner", steps.name, inner.name} <= {layer.name for layer in all_layers(outer)}
    assert loss_weights(outer) == [0.5]
    assert padding_mask(steps(np.array([[1, 2, 0]]))).numpy().tolist() == [[True, True, False]]


@pytest.mark.parametrize("make", [lambda each: each, keras.optimizers.LossScaleOptimizer])
def test_an_optimizer_knows_the_weights_that_it_was_built_for(make, model):
    """`BaseOptimizer._trainable_variables`. If not: `renew_optimizer` may try a step with gradients of 0."""
    optimizer = make(keras.optimizers.SGD())
    optimizer.build(model.trainable_variables)
    known = [id(weight) for weight in weights_of_optimizer(optimizer)]
    assert known == [id(weight) for weight in model.trainable_variables] and known
