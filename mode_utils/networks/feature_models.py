"""What does a network know by the time it reaches a layer? Softmax heads on features that are computed once.

The **feature model** of a layer is a softmax head trained on that layer's outputs, everything below it as it is. A
feature map reaches its head averaged to at most 4 x 4 cells a channel, so that a layer of any size can be asked.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.trainer import Trainer

GRID = 4  # cells an axis, to which feature maps are averaged

# A head is a convex problem: on 30,000 samples five passes in batches of 1,024 come within 0.006 (Bhattacharyya) of its
# converged solution. Fewer samples make smaller batches, so that there are still some 30 steps a pass.
_HEAD_EPOCHS, _HEAD_LEARNING_RATE = 5, 0.03
_HEAD_STEPS, _HEAD_BATCH_SIZES = 30, (32, 1024)


@dataclass(frozen=True)
class FeatureModel:
    """The head of a layer, applied: probabilities on train and diagnosis samples, (n, n_classes), and its weights.

    `weights` (n_features, n_classes) say how much a feature counts for a label; the output needs no head, and has None.
    """

    layer: str
    train: np.ndarray
    diagnosis: np.ndarray
    weights: np.ndarray | None

    @property
    def n_features(self):
        """Number of features that reach the head; for the output, of labels."""
        return self.train.shape[1] if self.weights is None else len(self.weights)


def train_feature_models(trainer, layers, train, diagnosis, rng):
    """Train the heads of some layers, on features computed once.

    Parameters
    ----------
    trainer, train, diagnosis, rng
        See `layer_selection.select_target_layer`.
    layers : sequence of str
        Names of layers; the model's output is taken as it is.

    Returns
    -------
    list of FeatureModel
    """
    train_features = trainer.activations(train.x, layers, grid=GRID)
    diagnosis_features = trainer.activations(diagnosis.x, layers, grid=GRID)
    models = []
    for layer, seen, unseen in zip(layers, train_features, diagnosis_features, strict=True):
        if not np.isfinite(seen).all() or not np.isfinite(unseen).all():
            raise ValueError(f"layer {layer!r} of model {trainer.model.name!r} has outputs that are NaN or infinite")
        weights = None
        if layer != trainer.output_layer:
            head = _trained_head(seen, train.y, trainer.n_classes, rng)
            seen, unseen, weights = head.predict(seen), head.predict(unseen), head.state()[0]
        models.append(FeatureModel(layer, seen, unseen, weights))
    return models


def _trained_head(features, labels, n_classes, rng):
    head, initial_state = _head(features.shape[1], n_classes)
    head.restore(initial_state)
    batch_size = int(np.clip(len(labels) // _HEAD_STEPS, *_HEAD_BATCH_SIZES))
    head.fit(features, labels, epochs=_HEAD_EPOCHS, batch_size=batch_size, rng=rng)
    return head


@lru_cache(maxsize=32)
def _head(n_features, n_classes):
    """Return a Trainer for a softmax head and its initial state: built and traced once a shape, restored each time."""
    dense = keras.layers.Dense(n_classes, activation="softmax", kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((n_features,)), dense], name="feature_head")
    model.compile(optimizer=keras.optimizers.Adam(_HEAD_LEARNING_RATE), loss="sparse_categorical_crossentropy")
    head = Trainer(model)
    return head, head.state()
