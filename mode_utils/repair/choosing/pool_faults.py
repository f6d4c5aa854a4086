"""Faults of a pool, and of the roles beside it.

doubtful labels  labels that a reference, which has not seen them, contradicts with confidence (confident learning)
exact copies     samples that are the same, number for number, in the pool and across the roles
near copies      samples that are nearly the same, even shifted; looked for, like foreign ones, among some at random
foreign          samples that are unlike all known ones

Northcutt et al., JAIR 70 (2021), doi 10.1613/jair.1.12125, as implemented by cleanlab.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from mode_utils.selection import screening
from mode_utils.support.sample_parts import digest_rows, in_chunks, scattered

_COMPARED = 4_000  # samples of the pool
_ENOUGH = 50  # samples to tell chance by


@dataclass(frozen=True)
class PoolFaults:
    """What was found."""

    table: pd.DataFrame  # a row a fault: `fault`; `found`, samples; `of`, that were looked at; `meaning`, a sentence
    places: dict[str, np.ndarray]  # by fault, places (n_found,) in the pool, the clearest first
    compared: np.ndarray  # (n_compared,) places at which near copies and foreign samples were looked for

    def sentences(self):
        """Return a sentence for each fault."""
        rows = list(self.table.itertuples())
        return [(f"{row.found} of {row.of}: " if row.of else "") + f"{row.fault}; {row.meaning}" for row in rows]


class Finding(NamedTuple):
    """How many samples `of` those looked at have a fault; their places, the clearest first, if they are of the pool."""

    found: int
    of: int
    places: np.ndarray | None = None


class Fault(NamedTuple):
    """What finds a fault, from a `PoolSearch` to a `Finding` or None, and what it means: a sentence, or both to one."""

    find: Callable
    say: Callable | str


class PoolSearch:
    """What is looked for faults in: a case, and what several faults need, computed once."""

    def __init__(self, case):
        self.case, self.scan, self._rng = case, case.scan, np.random.default_rng(case.seed)
        self.n_pool = len(case.data.x_pool)
        self.some = np.sort(self._rng.permutation(self.n_pool)[:_COMPARED])

    @cached_property
    def samples(self):
        """Some samples of the pool, and samples that are known."""
        known = screening.known_samples(self.case.data.splits(), self._rng)
        return np.concatenate(list(scattered(self.case.data.x_pool, self.some))), known

    def digests(self, role):
        """Return a number (n,) for each sample of a role, the same for the same samples; None without such samples."""
        return self.scan.digests if role == "pool" else self._digests.get(role)

    @cached_property
    def _digests(self):
        given = {role: getattr(self.case.data, f"x_{role}") for role in ("train", "validation", "test")}
        dtype = given["train"].dtype
        return {
            role: np.concatenate([np.empty(0, np.uint64), *(digest_rows(part, dtype) for _, part in in_chunks(x))])
            for role, x in given.items() if x is not None
        }  # fmt: skip


def find_faults(case):
    """Look for faults of a case's pool, a `Case` or an `OutputsCase`; return those that are there, as `PoolFaults`."""
    search, rows, places = PoolSearch(case), [], {}
    for name, fault in FAULTS.items():
        finding = fault.find(search)
        if finding is not None:
            meaning = fault.say if isinstance(fault.say, str) else fault.say(search, finding)
            rows.append({"fault": name, "found": finding.found, "of": finding.of, "meaning": meaning})
            places |= {} if finding.places is None else {name: finding.places}
    return PoolFaults(pd.DataFrame(rows, columns=["fault", "found", "of", "meaning"]), places, search.some)


def doubtful_labels(labels, probabilities):
    """Return places of labels (n,) that are probably wrong, clearest first, by a reference that has not seen them."""
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


def _in_pool(places, of):
    return Finding(len(places), of, places) if len(places) else None


def _find_doubtful(search):
    data, asked = search.case.data, search.scan.reference_probabilities
    if data.y_pool is None:
        return None
    if asked is None or not data.pool_labelled:
        return Finding(0, 0)
    return _in_pool(doubtful_labels(data.y_pool, asked), search.n_pool)


def _say_doubtful(search, finding):
    data, scan = search.case.data, search.scan
    if finding.of:
        agrees = (scan.reference_probabilities.argmax(axis=1) == data.y_pool).mean()
        return f"a reference that agrees with {agrees:.0%} of all labels contradicts them: look at the clearest"
    if not data.pool_labelled:
        return "not looked for: the reference has learned from all labels that there are"
    unasked = np.isnan(scan.self_confidence).all()
    why = "the preset asks no reference" if unasked else "the pool is too large to keep what the reference says"
    return f"not looked for: {why}"


def _find_misfit(search):
    """Find out whether predictions agree with what is guessed from features only as often as by chance."""
    scan, n = search.scan, search.n_pool
    if search.case.data.y_pool is not None or hasattr(search.case, "trainer") or n < _ENOUGH:
        return None
    own = np.bincount(scan.referred) / n
    chance = float(own @ np.bincount(scan.predicted, minlength=len(own))[: len(own)] / n)
    agrees = (scan.referred == scan.predicted).mean()
    return Finding(n, n) if chance < 0.5 and agrees <= chance + 2 * np.sqrt(chance * (1 - chance) / n) else None


def _find_shared(role, search):
    digests = search.digests(role)
    if digests is None:
        return None
    found = np.flatnonzero(np.isin(search.digests("pool"), digests))
    return _in_pool(np.setdiff1d(found, search.case.used), search.n_pool)  # those used are in train by now


def _find_trained(role, search):
    digests = search.digests(role)
    n = 0 if digests is None else int(np.isin(digests, search.digests("train")).sum())
    return Finding(n, len(digests)) if n else None


def _find_near(search):
    own, known = search.samples
    scales = screening.column_scales(known)
    distances = screening.nearest_before(screening.spectra(own, scales))
    near = np.flatnonzero(distances < screening.copy_limit(screening.spectra(known, scales)))
    if len(near) <= 2 * screening.COPY_SHARE * len(own) + 2:  # no more than among known samples
        return None
    return _in_pool(search.some[near[np.argsort(distances[near])]], len(own))


def _find_foreign(search):
    scales = screening.column_scales(search.samples[1])
    own, known = (screening.outlines(x, scales) for x in search.samples)
    far = screening.nearest(own, known)
    strange = np.flatnonzero(far > screening.foreign_limit(known))
    if len(strange) <= 2 * screening.FOREIGN_SHARE * len(own) + 2:
        return None
    return _in_pool(search.some[strange[np.argsort(-far[strange])]], len(own))


def _say_passed(skip, what, search, finding):
    passes = "passes" if skip in search.case.options.skip else "does not pass"
    return f"{what}: this choice {passes} over them"


_UNLIKE = f"unlike all known samples ({screening.FOREIGN_SHARE:.0%} of those would be, too)"
_JUDGED = "do not add what the repair is judged by"
_TOO_MUCH = "the model was trained on them: its accuracy there says too much"
_HARMS = {"train": "it adds nothing new", "validation": _JUDGED, "test": _JUDGED}
FAULTS = {
    "doubtful labels": Fault(_find_doubtful, _say_doubtful),
    "rows that do not fit": Fault(_find_misfit, "probabilities and features agree by chance only: are the rows of both "
                                                "those of this pool, in order?"),
    "exact copies": Fault(lambda search: _in_pool(exact_copies(search.digests("pool")), search.n_pool),
                          "the same as a sample before them: each such picture counts once"),
    **{f"also in {role}": Fault(partial(_find_shared, role), f"the same as a sample of {role}: {harm}")
       for role, harm in _HARMS.items()},
    **{f"{role} also in train": Fault(partial(_find_trained, role), _TOO_MUCH) for role in ("validation", "test")},
    "near copies": Fault(_find_near, partial(_say_passed, "copies", "nearly the same as another of them")),
    "foreign": Fault(_find_foreign, partial(_say_passed, "foreign", _UNLIKE)),
}  # fmt: skip
