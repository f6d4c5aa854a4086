"""Through what is a fault looked at? The model and its last hidden layer, or the feature model of a selected layer."""

from dataclasses import dataclass

import numpy as np

from mode_utils.feature_models import train_feature_models
from mode_utils.layer_selection import last_hidden_layer, select_target_layer

_DIRECTIONS = {"underfit": "forward", "overfit": "backward"}


@dataclass(frozen=True)
class View:
    """Whose predictions count, and for neurons which layer is looked at, with the weights of its head."""

    predictions: np.ndarray
    layer: str | None = None
    weights: np.ndarray | None = None


def choose_view(trainer, splits, options, fault, predictions, rng):
    """Choose through what a fault is looked at.

    Parameters
    ----------
    trainer : Trainer
    splits : Splits
    options : DebugOptions
    fault : {"underfit", "overfit"}
        Underfitting is sought forward, overfitting backward (see `layer_selection`).
    predictions : (n,) int
        The model's own for the diagnosis samples.
    rng : numpy.random.Generator

    Returns
    -------
    View
        With layer selection, the target layer and its feature model's predictions; without, the last hidden layer and
        the model's own.
    """
    if options.layer_selection:
        threshold, direction = options.similarity_threshold, _DIRECTIONS[fault]
        target = select_target_layer(trainer, splits.train, splits.diagnosis, rng, threshold, direction)
        return View(target.predictions, target.name, target.weights)
    if options.space == "pixels":
        return View(predictions)
    layer = last_hidden_layer(trainer.model)
    if options.space == "neurons":
        return View(predictions, layer)
    head = train_feature_models(trainer, [layer], splits.train, splits.diagnosis, rng)[0]
    return View(predictions, layer, head.weights)
