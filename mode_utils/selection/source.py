"""Sources of outputs, and the view in which candidates are compared."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class View:
    """Whose predictions count, and which layer candidates are compared in."""

    predictions: np.ndarray  #: (n_held_out,) int, by the model itself, or by a target layer's feature model
    layer: str | None = None  #: None where only pixels are compared, and of outputs without a model
    weights: np.ndarray | None = None  #: (n_features, n_classes) float32 of the layer's feature model


class Outputs(Protocol):
    """What a model makes of samples: states, (n, n_features), and probabilities, (n, n_classes), both float32.

    `n_pool` counts the samples of the pool; a model that `stays` as it is needs only one look at the pool.
    """

    n_pool: int
    stays: bool

    def of_validation(self, layer=None):
        """Return states and probabilities of the held-out samples."""

    def of_training(self, labels=None, layer=None):
        """Return states and labels of the training samples, or of those with some labels; None if they are unknown."""

    def at(self, places, names, layer=None):
        """Return "states", "probabilities" or both at some places of the pool, in increasing order, as a list."""

    def states_at(self, places):
        """Return the states at some places of the pool, in increasing order."""

    def samples_at(self, places):
        """Return samples (n, ...) at some places of the pool."""

    def training_states(self, rng, layer=None):
        """Return a function from a number to the states of so many training samples, drawn at random; None: of all."""

    def each_part(self, function):
        """Yield what a function makes of each part of the pool, of tuples (start, samples, states, probabilities)."""

    def choose_view(self, options, fault, predictions, rng):
        """Return the `View` in which candidates are compared while a fault is repaired."""
