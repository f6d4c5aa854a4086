"""The layers of a network that can be the target.

A **candidate** is an output that every path passes, behind at least one layer with weights since the candidate before,
and after all normalizations and layers without weights that follow: a dense or convolutional layer after its activation
and pooling, a residual block after its sum. Dropout, flattening and reshaping, which keep values, never name it.
"""

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.keras_internals import last_node

_UNSEEN = 32  # times the size of a sample: assumed of a model whose layers cannot be followed
_NORMALIZED = ("", "Batch", "Group", "Layer", "RMS", "Unit")
_NORMALIZATIONS = tuple(getattr(keras.layers, f"{what}Normalization") for what in _NORMALIZED)
_SAME_VALUES = (keras.layers.AlphaDropout, keras.layers.Dropout, keras.layers.Flatten, keras.layers.GaussianDropout,
                keras.layers.GaussianNoise, keras.layers.Permute, keras.layers.Reshape, keras.layers.SpatialDropout1D,
                keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D)  # fmt: skip


def candidate_layers(model):
    """Return the names of the layers that can be a target, in order; the output comes last."""
    groups = []
    for segment in _segments(_sorted_nodes(model)):
        weighted = [node for node in segment if getattr(node.operation, "weights", None)]
        if not all(isinstance(node.operation, _NORMALIZATIONS) for node in weighted):
            groups.append([])
        if groups:
            groups[-1].append(segment[-1].operation)
    names = [[each.name for each in group if not isinstance(each, _SAME_VALUES)][-1] for group in groups[:-1]]
    return [*names, groups[-1][-1].name]


def layer_outputs(model):
    """Return the symbolic output of each layer by the layer's name; of a layer that is used twice, the last one."""
    return {node.operation.name: node.output_tensors[0] for node in _sorted_nodes(model)}


def largest_output(model, shape):
    """Return the size of a layer's largest output for a sample of a shape; unknown ones count as `_UNSEEN` samples."""
    longest, sample = max((1, *shape)), int(np.prod(shape))
    found = [sample]
    for node in _sorted_nodes(model):
        operation, sides = node.operation, [side or longest for side in node.output_tensors[0].shape[1:]]
        found.append(int(np.prod(sides)))
        if getattr(operation, "inputs", None) and getattr(operation, "outputs", None):
            found.append(largest_output(operation, [side or longest for side in operation.inputs[0].shape[1:]]))
        elif isinstance(operation, keras.Model):
            found.append(_UNSEEN * sample)
        elif isinstance(operation, keras.layers.MultiHeadAttention):  # a number for each two steps
            found.append(operation.num_heads * sides[0] ** 2)
    return max(found)


def vocabulary(model):
    """Return the vocabulary size of each embedding that takes the samples as they come, by the layer's name."""
    first = [node for node in _sorted_nodes(model) if not any(up.parent_nodes for up in node.parent_nodes)]
    embeddings = [node.operation for node in first if isinstance(node.operation, keras.layers.Embedding)]
    return {each.name: each.input_dim for each in embeddings}


def _sorted_nodes(model):
    """Return the nodes between input and output, each after those it depends on."""
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ValueError(f"model {model.name!r} is neither sequential nor functional: its layers cannot be followed")
    ordered, stack, seen = [], [(last_node(model.outputs[0]), False)], set()
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            ordered.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent in reversed(node.parent_nodes))
    return ordered


def _segments(nodes):
    """Cut the sorted nodes after each one that all paths pass, that is, past which no connection jumps."""
    reach = {id(parent): position for position, node in enumerate(nodes) for parent in node.parent_nodes}  # last use
    segment, furthest = [], 0
    for position, node in enumerate(nodes):
        segment.append(node)
        if furthest <= position:
            yield segment
            segment = []
        furthest = max(furthest, reach.get(id(node), 0))
