"""A look at a whole pool in one pass, however large it is: what the model makes of each sample, chunk by chunk.

Where the pool has no labels they are guessed in feature space, by a reference that knows validation samples alone (see
`selection.reference`): a label that the model hardly knows is never predicted, but its samples still lie together.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from mode_utils.heatmaps import class_heatmaps
from mode_utils.layer_selection import last_hidden_layer
from mode_utils.networks.feature_models import GRID
from mode_utils.repair.arrays import in_chunks, scattered
from mode_utils.selection.candidates import Candidates
from mode_utils.selection.reference import StatesReference
from mode_utils.selection.selectors import scores_by_name

_MOST_BELIEFS = 20_000_000  # numbers that are kept of all that a reference believes


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
    believed : (n,) float32
        How far a reference believes the labels, in [0, 1]; NaN if nobody asked.
    rng : numpy.random.Generator
        As the look has left it.
    beliefs : (n, n_classes) float32, optional
        What it believes of each label, where labels are given; None if nobody asked, or if they are too many to keep.
    """

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    scores: dict[str, np.ndarray]
    believed: np.ndarray
    rng: np.random.Generator
    beliefs: np.ndarray | None = None

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


def scan_pool(trainer, x_pool, validation, rng, labels=None, selectors=(), ask=True):
    """Look at each sample of a pool once.

    Parameters
    ----------
    trainer : Trainer
    x_pool : (n, ...) array
        May be a map of a file.
    validation : splits.Subset
        Labelled samples that the model has not seen.
    rng : numpy.random.Generator
        Divides the pool for the reference.
    labels : (n,) int, optional
        Labels as they are given; guessed if there are none.
    selectors : sequence of str
        Selectors that score samples one by one, see `selectors.scanned_selectors`; their states are the activations of
        the last hidden layer.
    ask : bool
        Whether a reference is asked; it is anyway where there are no labels.

    Returns
    -------
    PoolScan
    """
    layer = last_hidden_layer(trainer.model)
    known, probabilities = _look(trainer, layer, validation.x)
    maps = class_heatmaps(known, validation.y, probabilities.argmax(axis=1), trainer.n_classes)
    reference = None
    if ask or labels is None:
        own = partial(states_at, trainer, layer, x_pool)
        reference = StatesReference(trainer.n_classes, known, validation.y, rng, own, labels)
    parts, scores, kept = [], [], []
    for start, x in in_chunks(x_pool):
        states, probabilities = _look(trainer, layer, np.asarray(x, np.float32))
        places = np.arange(start, start + len(x))
        beliefs = reference.believe(places, states) if reference else np.full_like(probabilities, np.nan)
        own = beliefs.argmax(axis=1) if labels is None else labels[places]
        looked_at = {"probabilities": probabilities, "states": states, "state_heatmaps": maps, "beliefs": beliefs}
        chunk = Candidates(None, [], np.asarray(own, np.int32), None, labelled=labels is not None, **looked_at)
        predicted, confidence = probabilities.argmax(axis=1).astype(np.int32), probabilities.max(axis=1)
        parts.append((chunk.labels, predicted, confidence, beliefs[np.arange(len(x)), chunk.labels]))
        scores.append(scores_by_name(chunk, selectors))
        if labels is not None and reference and beliefs.shape[1] * len(x_pool) <= _MOST_BELIEFS:
            kept.append(beliefs)
    every = {name: np.concatenate([chunk[name] for chunk in scores]) for name in selectors}
    own, predicted, confidence, believed = (np.concatenate(part) for part in zip(*parts, strict=True))
    return PoolScan(own, predicted, confidence, every, believed, rng, np.concatenate(kept) if kept else None)


def _look(trainer, layer, x):
    return trainer.activations(x, [layer, trainer.output_layer], grid=GRID)


def states_at(trainer, layer, x_pool, places):
    """Return the states of a layer at some places of a pool that may be larger than memory.

    Parameters
    ----------
    trainer : Trainer
    layer : str
    x_pool : (n, ...) array
    places : (m,) int

    Returns
    -------
    (m, n_features) float32
    """
    return np.concatenate([trainer.activations(x, [layer], grid=GRID)[0] for x in scattered(x_pool, places)])
