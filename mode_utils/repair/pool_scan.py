"""A look at a whole pool in one pass, however large it is: what the model makes of each sample, chunk by chunk.

Where the pool has no labels they are guessed by similarity in feature space: a sample counts as the label of the
validation samples whose states are nearest to its own. A label that the model hardly knows is never predicted, but its
samples still lie together.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from mode_utils.heatmaps import class_heatmaps
from mode_utils.layer_selection import last_hidden_layer
from mode_utils.networks.feature_models import GRID
from mode_utils.repair.arrays import in_chunks
from mode_utils.selection.candidates import Candidates
from mode_utils.selection.selectors import scores_by_name

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
    scores : dict of str to (n,) float
        By selector; the higher the more wanted.
    """

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    scores: dict[str, np.ndarray]

    def candidates(self, options, groups, fault, errors, rng):
        """Return the members of some groups as a selector gets them: their scores, none of the samples themselves.

        Parameters
        ----------
        options : DebugOptions
        groups : list of allocation.Group
        fault : {"underfit", "overfit", None}
        errors : (n_classes,) float
            Share of each label's validation samples that is wrong; NaN where there are none.
        rng : numpy.random.Generator

        Returns
        -------
        Candidates
        """
        members = np.concatenate([group.members for group in groups])
        scores = {name: every[members] for name, every in self.scores.items()}
        errors = np.nan_to_num(errors, nan=1.0)
        return Candidates(options, groups, self.labels[members], errors, fault, rng, scores=scores)


def scan_pool(trainer, x_pool, validation, rng, labels=None, selectors=()):
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
    selectors : sequence of str
        Selectors that score samples one by one, see `selectors.scanned_selectors`; their states are the activations of
        the last hidden layer.

    Returns
    -------
    PoolScan
    """
    layer = last_hidden_layer(trainer.model)
    states, probabilities = _look(trainer, layer, validation.x)
    maps = class_heatmaps(states, validation.y, probabilities.argmax(axis=1), trainer.n_classes)
    known = None if labels is not None else _neighbours(states, validation.y, rng)
    parts, scores = [], []
    for start, x in in_chunks(x_pool):
        states, probabilities = _look(trainer, layer, np.asarray(x, np.float32))
        own = known.predict(states) if labels is None else labels[start : start + len(x)]
        looked_at = {"probabilities": probabilities, "states": states, "state_heatmaps": maps}
        chunk = Candidates(None, [], np.asarray(own, np.int32), None, **looked_at)
        parts.append((chunk.labels, probabilities.argmax(axis=1).astype(np.int32), probabilities.max(axis=1)))
        scores.append(scores_by_name(chunk, selectors))
    every = {name: np.concatenate([chunk[name] for chunk in scores]) for name in selectors}
    return PoolScan(*(np.concatenate(part) for part in zip(*parts, strict=True)), every)


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
