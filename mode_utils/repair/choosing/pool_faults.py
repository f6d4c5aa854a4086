"""Faults of a pool, and of the roles beside it.

doubtful labels  labels that a reference, which has not seen them, contradicts with confidence (confident learning)
exact copies     samples that are the same, number for number, in the pool and across the roles
near copies      samples that are nearly the same, even shifted
foreign          samples that are unlike all known ones

Exact copies are looked for among all samples, what takes distances among some, drawn at random. Northcutt et al., JAIR
70 (2021), doi 10.1613/jair.1.12125, as implemented by cleanlab.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mode_utils.selection.pool_scan import digest_rows
from mode_utils.selection.screening import (
    COPY_SHARE,
    FOREIGN_SHARE,
    copy_limit,
    foreign_limit,
    known_samples,
    nearest,
    outlines,
    spectra,
)
from mode_utils.support.sample_parts import in_chunks, scattered

_COMPARED = 4_000  # samples of the pool
_ENOUGH = 50  # samples to tell chance by
_ROLES = ("train", "validation", "pool", "test")


@dataclass(frozen=True)
class PoolFaults:
    """What was found.

    Attributes
    ----------
    table : pandas.DataFrame
        A row a fault: `fault`; `found`, samples; `of`, samples that were looked at; `meaning`, a sentence.
    places : dict of str to (n_found,) int
        By fault, places in the pool, the clearest first.
    compared : (n_compared,) int
        Places in the pool at which near copies and foreign samples were looked for.
    """

    table: pd.DataFrame
    places: dict[str, np.ndarray]
    compared: np.ndarray

    def sentences(self):
        """Return a sentence for each fault."""
        rows = list(self.table.itertuples())
        return [(f"{row.found} of {row.of}: " if row.of else "") + f"{row.fault}; {row.meaning}" for row in rows]


def find_faults(case):
    """Look for faults of a case's pool.

    Parameters
    ----------
    case : Case or OutputsCase

    Returns
    -------
    PoolFaults
        Only of faults that are there.
    """
    rng, rows, places, scan = np.random.default_rng(case.seed), [], {}, case.scan
    asked = scan.reference_probabilities

    def report(fault, found, looked_at, meaning):
        if len(found):
            rows.append({"fault": fault, "found": len(found), "of": looked_at, "meaning": meaning})
            places[fault] = found

    n_pool = len(case.data.x_pool)
    if case.data.pool_labelled and asked is not None:
        found, agrees = doubtful_labels(case.data.y_pool, asked), asked.argmax(axis=1) == case.data.y_pool
        meaning = (
            f"a reference that agrees with {agrees.mean():.0%} of all labels contradicts them: look at the clearest"
        )
        report("doubtful labels", found, n_pool, meaning)
    elif case.data.y_pool is not None:
        unasked = np.isnan(scan.self_confidence).all()
        why = "the preset asks no reference" if unasked else "the pool is too large to keep what the reference says"
        why = why if case.data.pool_labelled else "the reference has learned from all labels that there are"
        meaning = f"not looked for: {why}"
        rows.append({"fault": "doubtful labels", "found": 0, "of": 0, "meaning": meaning})
    if case.data.y_pool is None and not hasattr(case, "trainer") and _agree_by_chance(scan):
        meaning = "probabilities and features agree by chance only: are the rows of both those of this pool, in order?"
        rows.append({"fault": "rows that do not fit", "found": n_pool, "of": n_pool, "meaning": meaning})
    dtype = np.int64 if case.data.x_train.dtype.kind in "iu" else case.data.x_train.dtype
    given = {role: getattr(case.data, f"x_{role}") for role in _ROLES if role != "pool"}
    roles = {role: _digests(x, dtype) for role, x in given.items() if x is not None} | {"pool": scan.digests}
    found = exact_copies(roles["pool"])
    report("exact copies", found, n_pool, "the same as a sample before them: each such picture counts once")
    for role in [role for role in roles if role != "pool"]:
        found = np.setdiff1d(
            np.flatnonzero(np.isin(roles["pool"], roles[role])), case.used
        )  # these are in train by now
        report(f"also in {role}", found, n_pool, f"the same as a sample of {role}: {_harm(role)}")
    for role in [role for role in ("validation", "test") if role in roles]:
        n = int(np.isin(roles[role], roles["train"]).sum())
        if n:
            meaning = "the model was trained on them: its accuracy there says too much"
            rows.append({"fault": f"{role} also in train", "found": n, "of": len(roles[role]), "meaning": meaning})
    some = np.sort(rng.permutation(n_pool)[:_COMPARED])
    for fault, (found, meaning) in _by_distance(case, some, rng).items():
        report(fault, found, len(some), meaning)
    return PoolFaults(pd.DataFrame(rows, columns=["fault", "found", "of", "meaning"]), places, some)


def _agree_by_chance(scan):
    """Tell whether a model's predictions agree with what is guessed from features only as often as by chance."""
    n, own = len(scan.labels), np.bincount(scan.labels) / len(scan.labels)
    predicted = np.bincount(scan.predicted, minlength=len(own))[: len(own)] / n
    chance = float(own @ predicted)
    agrees = (scan.labels == scan.predicted).mean()
    return n >= _ENOUGH and chance < 0.5 and agrees <= chance + 2 * np.sqrt(chance * (1 - chance) / n)


def doubtful_labels(labels, probabilities):
    """Return the places of labels that are probably wrong, the least likely first; some are right all the same.

    Parameters
    ----------
    labels : (n,) int
    probabilities : (n, n_classes) float
        Of a reference that has not learned from a sample's own label.
    """
    from cleanlab.filter import find_label_issues  # takes seconds to import

    present = np.unique(labels)
    if len(present) < 2:
        return np.empty(0, int)
    known = probabilities[:, present].astype(np.float64)
    known /= np.maximum(known.sum(axis=1, keepdims=True), 1e-12)
    own = np.searchsorted(present, labels)
    return np.asarray(find_label_issues(own, known, return_indices_ranked_by="self_confidence", n_jobs=1))


def exact_copies(digests):
    """Return the places of what is the same as something before it."""
    return np.setdiff1d(np.arange(len(digests)), np.unique(digests, return_index=True)[1])


def _digests(x, dtype):
    digests = np.empty(len(x), np.uint64)
    for start, chunk in in_chunks(x):
        digests[start : start + len(chunk)] = digest_rows(chunk, dtype)
    return digests


def _by_distance(case, places, rng):
    """Return near copies and foreign samples among some places, if there are more than among known samples."""
    data = case.data
    known, own = known_samples(data.splits(), rng), np.concatenate(list(scattered(data.x_pool, places)))
    found, points, like = {}, spectra(own), spectra(known)
    distances = _nearest_before(points)
    near = np.flatnonzero(distances < copy_limit(like))
    if len(near) > 2 * COPY_SHARE * len(places) + 2:
        meaning = "nearly the same as another of them: recommended passes over such copies"
        found["near copies"] = places[near[np.argsort(distances[near])]], meaning
    far, limit = nearest(outlines(own), outlines(known)), foreign_limit(outlines(known))
    strange = np.flatnonzero(far > limit)
    if len(strange) > 2 * FOREIGN_SHARE * len(places) + 2:
        meaning = f"unlike all known samples ({FOREIGN_SHARE:.0%} of those would be, too): recommended passes over them"
        found["foreign"] = places[strange[np.argsort(-far[strange])]], meaning
    return found


def _nearest_before(points):
    """Return the distance of each point from the nearest one before it; that of the first is infinite."""
    later = [nearest(points[place : place + 1], points[:place])[0] for place in range(1, len(points))]
    return np.array([np.inf, *later])


def _harm(role):
    return "it adds nothing new" if role == "train" else "do not add what the repair is judged by"
