"""A look at a whole pool in one pass, however large it is: what the model makes of each sample, chunk by chunk.

Where the pool has no labels they are guessed by similarity in feature space: a sample counts as the label of the
validation samples whose states are nearest to its own. A label that the model hardly knows is never predicted, but its
samples still lie together.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from mode_utils.feature_models import GRID
from mode_utils.heatmaps import class_heatmaps
from mode_utils.layer_selection import last_hidden_layer
from mode_utils.own_data import in_chunks
from mode_utils.selectors import margin, state_margin

_NEIGHBOURS = 15
_MOST_KNOWN = 200  # validation samples of a label to compare with


@dataclass(frozen=True)
class PoolScan:
    """What is known of each sample of a pool.

    Attributes
    ----------
    labels : (n,) int32
        True labels, or the guessed ones.
    predicted : (n,) int32
        The model's labels.
    confidence : (n,) float32
        The model's probability of its label, in [0, 1].
    margin, state_margin : (n,) float
        See `selectors`; the higher the more wanted.
    layer : str
        Name of the layer whose activations are the states.
    """

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    margin: np.ndarray
    state_margin: np.ndarray
    layer: str


@dataclass(frozen=True)
class _Chunk:
    """As much of `candidates.Candidates` as the selectors look at."""

    labels: np.ndarray
    probabilities: np.ndarray
    states: np.ndarray
    state_heatmaps: object


def scan_pool(trainer, x_pool, validation, rng, labels=None):
    """Look at each sample of a pool once.

    Parameters
    ----------
    trainer : Trainer
    x_pool : (n, ...) array
        May be a map of a file.
    validation : splits.Subset
        Labelled samples that the model has not seen.
    rng : numpy.random.Generator
        Draws the validation samples to compare with, at most 200 of a label.
    labels : (n,) int, optional
        True labels; guessed if there are none.

    Returns
    -------
    PoolScan
    """
    layer = last_hidden_layer(trainer.model)
    states, probabilities = _look(trainer, layer, validation.x)
    maps = class_heatmaps(states, validation.y, probabilities.argmax(axis=1), trainer.n_classes)
    known = None if labels is not None else _neighbours(states, validation.y, rng)
    parts = []
    for start, x in in_chunks(x_pool):
        states, probabilities = _look(trainer, layer, np.asarray(x, np.float32))
        own = known.predict(states) if labels is None else labels[start : start + len(x)]
        chunk = _Chunk(np.asarray(own, np.int32), probabilities, states, maps)
        best = probabilities.argmax(axis=1).astype(np.int32)
        confidence = probabilities.max(axis=1)
        parts.append((chunk.labels, best, confidence, margin(chunk), state_margin(chunk)))
    return PoolScan(*(np.concatenate(part) for part in zip(*parts, strict=True)), layer)


def _look(trainer, layer, x):
    return trainer.activations(x, [layer, trainer.output_layer], grid=GRID)


def _neighbours(states, labels, rng):
    order = rng.permutation(len(labels))
    place = np.empty(len(labels), int)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        place[members] = np.arange(len(members))
    kept = place < _MOST_KNOWN
    neighbours = min(_NEIGHBOURS, int(kept.sum()))
    return KNeighborsClassifier(neighbours, weights="distance", algorithm="brute").fit(states[kept], labels[kept])
