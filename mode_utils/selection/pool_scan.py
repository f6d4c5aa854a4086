"""One look at a whole pool, however large it is, part by part."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from mode_utils.heatmaps import ClassHeatmaps, class_heatmaps
from mode_utils.selection.candidates import Candidates
from mode_utils.selection.reference import MANY_LABELS
from mode_utils.selection.selectors import scores_by_name
from mode_utils.support.sample_parts import digest_rows

_MOST_KEPT = 20_000_000  # probabilities of a reference that are kept of all


@dataclass(frozen=True)
class PoolScan:
    """What is known of each sample of a pool."""

    labels: np.ndarray  #: (n,) int32, true ones, or those of the reference where there are none; 0 if none was asked
    self_confidence: np.ndarray  #: (n,) float32, the reference's probability of these, or its largest; NaN without one
    reference_probabilities: np.ndarray | None = None  #: (n, n_classes) float32; None if none was asked, or too many
    predicted: np.ndarray | None = None  #: (n,) int32, the model's labels
    confidence: np.ndarray | None = None  #: (n,) float32, the model's probability of its label, in [0, 1]
    scores: dict[str, np.ndarray] = field(default_factory=dict)  #: (n,) float by selector; the higher the more wanted
    digests: np.ndarray | None = None  #: (n,) uint64, the same for samples that are the same, number for number
    referred: np.ndarray | None = None  #: (n,) int32, the labels of the reference alone
    blended: bool = False  #: whether labels are guessed by the mean probabilities of model and reference
    misled: bool = False  #: whether training samples would teach wrong guesses, and were left out


@dataclass(frozen=True)
class _Look:
    """What the look at each sample needs; it travels to the processes that look."""

    reference: object
    maps: ClassHeatmaps
    labels: np.ndarray | None
    selectors: tuple[str, ...]
    keep: bool
    dtype: str
    blended: bool


def scan_pool(outputs, splits, reference=None, selectors=(), keep=False):
    """Look at each sample of a pool once, and return a `PoolScan`.

    `reference`, of `reference.learn_reference`, must be given where not all labels are known. `selectors` score samples
    one by one, see `selectors.scanned_selectors`. `keep` keeps the reference's probabilities, however many they are.
    Of more than `MANY_LABELS`, of which a reference knows few samples each, the model has a say in what is guessed:
    alone, the reference would take most of the pool for other labels, and places meant for a label that fails would go
    to samples of others.
    """
    held_out, probabilities = outputs.of_validation()
    maps = class_heatmaps(held_out, splits.held_out.y, probabilities.argmax(axis=1), splits.n_classes)
    labels, given = splits.known_labels, splits.known_labels if splits.labelled else None
    few = reference is not None and splits.labelled and splits.n_classes * outputs.n_pool <= _MOST_KEPT
    blended = reference is not None and not splits.labelled and splits.n_classes > MANY_LABELS
    look = _Look(reference, maps, given, tuple(selectors), keep or few, splits.train.source.dtype.str, blended)
    parts = [chunk for part in outputs.each_part(partial(_look_at_part, look)) for chunk in part]
    columns = {name: np.concatenate([chunk[name] for chunk in parts]) for name in parts[0]}
    scores = {name: columns.pop(name) for name in selectors}
    if labels is not None:
        columns["labels"] = np.where(labels < 0, columns["labels"], labels).astype(np.int32)
    return PoolScan(**columns, scores=scores, blended=blended, misled=getattr(reference, "misled", False))


def _look_at_part(look, part):
    with threadpool_limits(1):  # sums of floats are the same on any worker
        return [_look_at_chunk(look, *chunk) for chunk in part]


def _look_at_chunk(look, start, samples, states, probabilities):
    places, reference = np.arange(start, start + len(states)), look.reference
    asked = np.full_like(probabilities, np.nan) if reference is None else reference.probabilities(places, states)
    given = None if look.labels is None else look.labels[places]
    told = (asked + probabilities) / 2 if look.blended else asked
    own = np.asarray(told.argmax(axis=1) if given is None else given, np.int32)
    seen = {"probabilities": probabilities, "states": states, "state_heatmaps": look.maps}
    candidates = Candidates(None, [], own, None, labelled=given is not None, reference_probabilities=told, **seen)
    sure = asked.max(axis=1) if look.blended else asked[np.arange(len(own)), own]
    columns = {"labels": own, "self_confidence": sure, "referred": asked.argmax(axis=1).astype(np.int32)}
    columns |= {"reference_probabilities": asked} if look.keep and reference is not None else {}
    columns |= {"predicted": probabilities.argmax(axis=1).astype(np.int32), "confidence": probabilities.max(axis=1)}
    return columns | {"digests": digest_rows(samples, look.dtype)} | scores_by_name(candidates, look.selectors)
