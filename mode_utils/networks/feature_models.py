"""Softmax heads on features that are computed once: feature models of layers, and the last layer retrained alone."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.layers import layer_outputs
from mode_utils.networks.losses import single_loss
from mode_utils.networks.trainer import Trainer

GRID = 4  # values an axis, to which feature maps are averaged

# A head is a convex problem: on 30,000 samples five passes in batches of 1,024 come within 0.006 (Bhattacharyya) of its
# converged solution. Fewer samples make smaller batches, so that there are still some 30 steps a pass.
_HEAD_EPOCHS, _HEAD_LEARNING_RATE = 5, 0.03
_HEAD_STEPS, _HEAD_BATCH_SIZES = 30, (32, 1024)


@dataclass(frozen=True)
class FeatureModel:
    """The head of a layer: probabilities (n, n_classes), weights (n_features, n_classes), which the output lacks."""

    layer: str
    train: np.ndarray
    held_out: np.ndarray
    weights: np.ndarray | None

    @property
    def n_features(self):
        """Number of features that reach the head; for the output, of labels."""
        return self.train.shape[1] if self.weights is None else len(self.weights)


def train_feature_models(trainer, layers, train, held_out, rng):
    """Train the heads of some layers, named in the order of the network; see `layer_selection.select_target_layer`."""
    features, models = [trainer.activations(part.x, layers, grid=GRID) for part in (train, held_out)], []
    for layer, seen, unseen in zip(layers, *features, strict=True):
        if not np.isfinite(seen).all() or not np.isfinite(unseen).all():
            raise ValueError(f"layer {layer!r} of model {trainer.model.name!r} has outputs that are NaN or infinite")
        if layer == trainer.output_layer:
            models.append(FeatureModel(layer, seen, unseen, None))
            continue
        head = _head(seen.shape[1], trainer.n_classes)
        batch_size = int(np.clip(len(train.y) // _HEAD_STEPS, *_HEAD_BATCH_SIZES))
        with head.at():
            head.fit(seen, train.y, epochs=_HEAD_EPOCHS, batch_size=batch_size, rng=rng)
            models.append(FeatureModel(layer, head.predict(seen), head.predict(unseen), head.state()[0]))
    return models


@lru_cache(maxsize=32)
def _head(n_features, n_classes):
    """Return a Trainer for an untrained softmax head: built and traced once a shape, and only borrowed."""
    dense = keras.layers.Dense(n_classes, activation="softmax", kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((n_features,)), dense], name="feature_head")
    model.compile(optimizer=keras.optimizers.Adam(_HEAD_LEARNING_RATE), loss="sparse_categorical_crossentropy")
    return Trainer(model)


class FrozenBody:
    """The network of a trainer, cut below its last layer, `head`, which is retrained alone on features of the body.

    `cut` gives the head its weights in the network. A last layer that takes no vector of one layer is a ValueError.
    """

    def __init__(self, trainer):
        self._trainer, model = trainer, trainer.model
        self._last = model.get_layer(trainer.output_layer)
        features = self._last.input
        below = [name for name, tensor in layer_outputs(model).items() if tensor is features]
        if not below or len(features.shape) != 2:
            given = f"the last layer {self._last.name!r} of model {model.name!r} takes {tuple(features.shape)}"
            raise ValueError(f"{given}; a body that is kept needs one vector a sample, from one layer")
        self._below = below[0]
        last = type(self._last).from_config(self._last.get_config())
        head = keras.Sequential([keras.Input(features.shape[1:]), last], name=f"head_of_{model.name}")
        optimizer, (loss, weight) = type(model.optimizer).from_config(model.optimizer.get_config()), single_loss(model)
        head.compile(optimizer=optimizer, loss=loss, loss_weights=weight)
        self.head = Trainer(head, trainer.meaning, trainer.batch_size)

    def cut(self):
        """Give the head the weights that the last layer of the network has now, and a new optimizer."""
        self.head.initialize(np.random.default_rng(0))
        self.head.model.set_weights(self._last.get_weights())

    def features(self, x):
        """Return what the body makes of samples (n, ...): (n, n_features) float32."""
        return self._trainer.activations(x, [self._below])[0]
