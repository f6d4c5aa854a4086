"""What Keras does not document, each name in this file alone; `tests/networks/test_keras_internals.py` has canaries."""


def own_variables(model):
    """Yield each layer of a model, nested ones included, with the weights that are its own: no seeds, no sublayers'."""
    for layer in model._flatten_layers(include_self=False, recursive=True):
        yield layer, [*layer._trainable_variables, *layer._non_trainable_variables]


def all_layers(model):
    """Return a model and its layers, those of layers and of models inside it included, unlike `Model.layers`."""
    return list(model._flatten_layers(include_self=True, recursive=True))


def loss_weights(model):
    """Return what a compiled model was given as `loss_weights`, which is kept nowhere else."""
    return model._compile_loss._user_loss_weights if getattr(model, "_compile_loss", None) is not None else None


def padding_mask(tensor):
    """Return which steps of a layer's output are not padding, (n, steps) bool, or None if there is no mask."""
    return getattr(tensor, "_keras_mask", None)


def weights_of_optimizer(optimizer):
    """Return the weights that a built optimizer was made for."""
    return list(optimizer._trainable_variables)


def is_random_seed(variable):
    """Tell whether a variable is the state of a random layer, such as dropout: a seed and a counter."""
    return variable.name == "seed_generator_state"


def last_node(tensor):
    """Return the node of the graph that makes a symbolic tensor: `operation`, `parent_nodes`, `output_tensors`."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def rate_of(optimizer):
    """Return the learning rate of an optimizer as it was given: a schedule, a function, or the variable of a number."""
    return optimizer._learning_rate


def optimizer_variables(optimizer):
    """Return all variables of a built optimizer; Keras leaves those of Nadam out where it is inside another."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    listed = {id(variable) for variable in optimizer.variables}
    own = [value for value in vars(inner).values() if hasattr(value, "assign") and hasattr(value, "path")]
    return [*optimizer.variables, *(variable for variable in own if id(variable) not in listed)]
