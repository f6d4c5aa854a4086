"""Which layer should be looked at? Feature models, and the first layer after which nothing is gained.

The feature model of a layer is a softmax head trained on that layer's outputs, everything below it as it is. Going
forward, the target is the first layer whose feature model predicts like that of the next layer: what follows it adds
nothing. If that is only reached at the output, the target is the last hidden layer, seen through the model's own
predictions.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pandas as pd

from mode_utils.backend import keras
from mode_utils.training import Trainer

# A head is a convex problem: on 30,000 samples five passes in batches of 1,024 come within 0.006 (Bhattacharyya) of its
# converged solution. Fewer samples make smaller batches, so that there are still some 30 steps a pass.
_HEAD_EPOCHS, _HEAD_LEARNING_RATE = 5, 0.03
_HEAD_STEPS, _HEAD_BATCH_SIZES = 30, (32, 1024)


@dataclass(frozen=True)
class TargetLayer:
    """The layer to look at, and why.

    Attributes
    ----------
    name : str
        The layer whose activations are compared in neuron space.
    predictions : (n,) int
        Labels that its feature model predicts for the diagnosis samples.
    evidence : pandas.DataFrame
        A row a candidate, in the order of the network: `layer`; `accuracy` of its feature model on the diagnosis
        samples, in [0, 1]; `distance` to the feature model of the next layer, at least 0, NaN for the output.
    reason : str
    """

    name: str
    predictions: np.ndarray
    evidence: pd.DataFrame
    reason: str


def hidden_layers(model):
    """Return the names of the hidden dense layers, in the order of the network: the candidates for a target layer."""
    dense = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    return dense[:-1]


def last_hidden_layer(model):
    """Return the name of the last hidden dense layer, which is looked at when no layer is selected.

    Raises
    ------
    ValueError
        If the model has none.
    """
    layers = hidden_layers(model)
    if not layers:
        raise ValueError(f"model {model.name!r} has no hidden dense layer; use space='pixels' without layer selection")
    return layers[-1]


def select_target_layer(trainer, train, diagnosis, rng, similarity_threshold=0.01):
    """Go forward through the hidden layers and stop where the predictions saturate.

    Parameters
    ----------
    trainer : Trainer
        Holds the model, which is not changed.
    train, diagnosis : Subset
        Heads are trained on the first and compared on the second.
    rng : numpy.random.Generator
        Order of the samples in the training of the heads.
    similarity_threshold : float
        Bhattacharyya distance, at least 0, under which two successive feature models count as saturated.

    Returns
    -------
    TargetLayer

    Raises
    ------
    ValueError
        If the threshold is negative or the model has no hidden dense layer.

    References
    ----------
    Ma et al., ESEC/FSE 2018, doi 10.1145/3236024.3236082. Not specified by the paper: the distance's threshold and how
    far a head is trained. Unlike the earlier replication, heads are trained beside the model, whose layers stay as they
    are.
    """
    if not similarity_threshold >= 0:
        raise ValueError(f"similarity_threshold = {similarity_threshold}; it must be at least 0")
    last_hidden_layer(trainer.model)
    layers = [*hidden_layers(trainer.model), trainer.model.layers[-1].name]
    probabilities = _feature_models(trainer, layers, train, diagnosis, rng)
    evidence = _evidence(layers, probabilities, diagnosis.y)
    saturated = np.flatnonzero(evidence["distance"] < similarity_threshold)
    position = int(saturated[0]) if saturated.size else len(layers) - 1
    return TargetLayer(
        name=layers[min(position, len(layers) - 2)],
        predictions=probabilities[position].argmax(axis=1),
        evidence=evidence,
        reason=_reason(layers, position, similarity_threshold),
    )


def bhattacharyya_distance(p, q):
    """Return how far two sets of predictions are apart.

    Parameters
    ----------
    p, q : (n, n_classes) float
        Probabilities of two models for the same samples.

    Returns
    -------
    float
        -ln of the mean over samples of sum(sqrt(p q)); 0 for equal predictions, infinite for disjoint ones.
    """
    coefficient = np.sqrt(p.astype(np.float64) * q).sum(axis=1).mean()
    return float(-np.log(min(coefficient, 1.0))) if coefficient > 0 else np.inf


def _feature_models(trainer, layers, train, diagnosis, rng):
    """Return the probabilities of each layer's feature model on the diagnosis samples; the last one is the model's."""
    train_features = trainer.activations(train.x, layers[:-1])
    *diagnosis_features, output = trainer.activations(diagnosis.x, layers)
    batch_size = int(np.clip(len(train) // _HEAD_STEPS, *_HEAD_BATCH_SIZES))
    probabilities = []
    for features, looked_at in zip(train_features, diagnosis_features, strict=True):
        head, initial_state = _head(features.shape[1], trainer.n_classes)
        head.restore(initial_state)
        head.fit(features, train.y, epochs=_HEAD_EPOCHS, batch_size=batch_size, rng=rng)
        probabilities.append(head.predict(looked_at))
    return [*probabilities, output]


@lru_cache(maxsize=16)
def _head(n_features, n_classes):
    """Return a Trainer for a softmax head and its initial state: built and traced once a shape, restored each time."""
    dense = keras.layers.Dense(n_classes, activation="softmax", kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((n_features,)), dense], name="feature_head")
    model.compile(optimizer=keras.optimizers.Adam(_HEAD_LEARNING_RATE), loss="sparse_categorical_crossentropy")
    head = Trainer(model)
    return head, head.state()


def _evidence(layers, probabilities, labels):
    accuracies = [float((p.argmax(axis=1) == labels).mean()) for p in probabilities]
    distances = [bhattacharyya_distance(p, q) for p, q in pairwise(probabilities)]
    return pd.DataFrame({"layer": layers, "accuracy": accuracies, "distance": [*distances, np.nan]})


def _reason(layers, position, threshold):
    if position == len(layers) - 1:
        return f"no two successive feature models are closer than {threshold}: saturation is only reached at the output"
    return f"{layers[position]} and {layers[position + 1]} predict alike: their distance is below {threshold}"
