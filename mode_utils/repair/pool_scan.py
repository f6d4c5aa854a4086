"""A look at a whole pool in one pass, however large it is: what the model makes of each sample, chunk by chunk.

Where the pool has no labels they are guessed in feature space, by a reference that knows validation samples alone (see
`selection.reference`): a label that the model hardly knows is never predicted, but its samples still lie together.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mode_utils.heatmaps import class_heatmaps
from mode_utils.selection.candidates import Candidates, Comparison
from mode_utils.selection.reference import StatesReference
from mode_utils.selection.selectors import SELECTORS, looks_of, scanned_selectors, scores_by_name

_MOST_BELIEFS = 20_000_000  # numbers that are kept of all that a reference believes


class Outputs(Protocol):
    """What a model makes of samples: states, (n, n_features), and probabilities, (n, n_classes).

    Attributes
    ----------
    n_classes : int
    n_pool : int
        Samples of the pool.
    """

    n_classes: int
    n_pool: int

    def of_validation(self):
        """Return states and probabilities of the validation samples."""

    def in_chunks(self):
        """Yield start, states and probabilities of each part of the pool in turn."""

    def states_at(self, places):
        """Return the states at some places of the pool, in increasing order."""

    def at(self, places):
        """Return states and probabilities at some places of the pool."""

    def of_training(self, labels=None):
        """Return states and labels of the training samples, or of those with some labels; None if they are unknown."""


@dataclass(frozen=True)
class PoolScan:
    """What is known of each sample of a pool.

    Attributes
    ----------
    labels : (n,) int32
        True labels, or the guessed ones where there are none.
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
        What it believes of each label, where labels are given or a selector wants it; None if nobody asked, or if they
        are too many to keep.
    """

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    scores: dict[str, np.ndarray]
    believed: np.ndarray
    rng: np.random.Generator
    beliefs: np.ndarray | None = None


def look_at_outputs(case, scan, assessment, groups, fault, rng):
    """Return the members of some groups as a selector gets them: with its scores, or with what it looks at.

    Parameters
    ----------
    case : Case or OutputsCase
    scan : PoolScan
    assessment : diagnosis.Assessment
    groups : list of allocation.Group
    fault : {"underfit", "overfit", None}
    rng : numpy.random.Generator

    Returns
    -------
    Candidates

    Raises
    ------
    ValueError
        If the selector looks at something that outputs do not have.
    """
    members, options, given = np.concatenate([group.members for group in groups]), case.options, case.data.y_pool
    labelled = given is not None and not (np.asarray(given) < 0).any()
    known = options, groups, scan.labels[members], np.nan_to_num(assessment.errors, nan=1.0), fault, rng
    if scanned_selectors(options) is not None or not len(members):
        scores = {name: every[members] for name, every in scan.scores.items()}
        return Candidates(*known, labelled=labelled, scores=scores)
    looks = looks_of(options.selector)
    candidates = Candidates(*known, labelled=labelled, **_looked_at(case, scan, assessment, members, rng, looks))
    return replace(candidates, scores=scores_by_name(candidates, SELECTORS[options.selector].blends))


def _looked_at(case, scan, assessment, members, rng, looks):
    """Return what a selector looks at, by name."""
    options, data, outputs = case.options, case.data, case.outputs
    (states, probabilities), (known, _) = outputs.at(members), outputs.of_validation()
    found = {"states": states, "probabilities": probabilities}
    found = {name: each for name, each in found.items() if name in looks}
    if "beliefs" in looks:
        found["beliefs"] = scan.beliefs[members]
    in_pixels = "comparison" in looks and options.space == "pixels"
    if (in_pixels or "samples" in looks) and not case.has_samples:
        raise ValueError(f"selector {options.selector!r} looks at samples: give x_pool and x_validation, too")
    samples = np.asarray(data.x_pool[members], np.float32) if in_pixels or "samples" in looks else None
    if "samples" in looks:
        found["samples"] = samples
    if "state heatmaps" in looks:
        found["state_heatmaps"] = class_heatmaps(known, data.y_validation, assessment.predictions, data.n_classes)
    if "comparison" in looks and options.space == "importance":
        raise ValueError("space 'importance' needs the weights of a model: choose pixels or neurons")
    if "comparison" in looks:
        both = (samples, data.x_validation) if in_pixels else (states, known)
        found["comparison"] = Comparison(*both, data.y_validation, assessment.predictions, data.n_classes)
    if "training states" in looks:
        found["training_states"] = _training_states(outputs, rng, options.selector)
    return found


def _training_states(outputs, rng, selector):
    known = outputs.of_training()
    if known is None:
        raise ValueError(f"selector {selector!r} looks at training samples: give features_train and y_train, too")
    states, _ = known

    def draw(number=None):
        drawn = slice(None) if number is None else rng.choice(len(states), min(number, len(states)), replace=False)
        return np.asarray(states[drawn], np.float32)

    return draw


def score_chunk(states, probabilities, beliefs, maps, labels, selectors):
    """Say what is made of some samples.

    Parameters
    ----------
    states : (n, n_features) float32
    probabilities, beliefs : (n, n_classes) float32
        Of the model and of a reference.
    maps : heatmaps.ClassHeatmaps
        Of the states of validation samples.
    labels : (n,) int, optional
        Guessed if they are not given.
    selectors : sequence of str

    Returns
    -------
    labels, predicted : (n,) int32
    confidence, believed : (n,) float32
        See `PoolScan`.
    scores : dict of str to (n,) float
    """
    own = np.asarray(beliefs.argmax(axis=1) if labels is None else labels, np.int32)
    looked_at = {"probabilities": probabilities, "states": states, "state_heatmaps": maps, "beliefs": beliefs}
    scores = scores_by_name(Candidates(None, [], own, None, labelled=labels is not None, **looked_at), selectors)
    predicted, confidence = probabilities.argmax(axis=1).astype(np.int32), probabilities.max(axis=1)
    return own, predicted, confidence, beliefs[np.arange(len(own)), own], scores


def lessons(outputs, known, labels):
    """Return states and labels that a reference learns from: of validation, and of training what that lacks."""
    lacking = np.setdiff1d(np.arange(outputs.n_classes), labels)
    more = outputs.of_training(lacking) if lacking.size else None
    if more is None or not len(more[1]):
        return known, labels
    return tuple(np.concatenate(both) for both in zip((known, labels), more, strict=True))


def scan_pool(outputs, known_labels, rng, labels=None, selectors=(), ask=True, keep=False):
    """Look at each sample of a pool once.

    Parameters
    ----------
    outputs : Outputs
    known_labels : (n_validation,) int
        Labels of the validation samples, which the model has not seen.
    rng : numpy.random.Generator
        Divides the pool for the reference.
    labels : (n_pool,) int, optional
        Labels as they are given; guessed if there are none, and where they are -1.
    selectors : sequence of str
        Selectors that score samples one by one, see `selectors.scanned_selectors`.
    ask : bool
        Whether a reference is asked; it is anyway where there are no labels.
    keep : bool
        Keep all that it believes, however much that is.

    Returns
    -------
    PoolScan
    """
    known, probabilities = outputs.of_validation()
    maps = class_heatmaps(known, known_labels, probabilities.argmax(axis=1), outputs.n_classes)
    reference, labelled = None, labels is not None and bool((labels >= 0).all())
    if ask or not labelled:
        known, known_labels = lessons(outputs, known, known_labels)
        reference = StatesReference(outputs.n_classes, known, known_labels, rng, outputs.states_at, labels)
    parts, scores, kept = [], [], []
    for start, states, probabilities in outputs.in_chunks():
        places = np.arange(start, start + len(states))
        beliefs = reference.believe(places, states) if reference else np.full_like(probabilities, np.nan)
        given = labels[places] if labelled else None
        *seen, found = score_chunk(states, probabilities, beliefs, maps, given, selectors)
        parts.append(seen)
        scores.append(found)
        if keep or (labelled and reference and beliefs.shape[1] * outputs.n_pool <= _MOST_BELIEFS):
            kept.append(beliefs)
    every = {name: np.concatenate([chunk[name] for chunk in scores]) for name in selectors}
    own, predicted, confidence, believed = (np.concatenate(part) for part in zip(*parts, strict=True))
    own = own if labels is None else np.where(labels < 0, own, labels).astype(np.int32)
    return PoolScan(own, predicted, confidence, every, believed, rng, np.concatenate(kept) if kept else None)
