"""Allocation of the selected share of a batch to labels.

================ ===================================================================================================
faultiest label  the worst buggy label gets all; the original
buggy labels     every buggy label, by its deficit: how far it lies below theta, or its gap above gamma
all labels       every label, by its error on the held-out samples, buggy or not
likely errors    likewise, by its error as held-out samples and the pool tell together, see `likely_errors`
whole pool       no label is counted: one ranking of all that is left
================ ===================================================================================================

Where groups fail, `parts_by_group` shares the places of each label among these.
"""

from typing import NamedTuple

import numpy as np

from mode_utils.support.checks import check_choice, check_share

PHASES = ("underfit", "overfit", "underfit")


class Schedule:
    """The order of a repair, which can take `most_iterations` in all.

    Buggy labels: underfit, overfit, and if any was, underfit again, until clean or at the limit; others: one phase.
    """

    def __init__(self, options):
        self._allocation, self._limit, self._used = options.allocation, options.max_iterations, 0
        self._faults = self._phases = PHASES if options.allocation in SERVE_BUGS else (None,)
        self.most_iterations = self._limit * len(self._phases)

    def next_needs(self, assessment, errors=None):
        """Return the next fault or None, and what each label needs (n_classes,): 0 for nothing, None for any label.

        `errors` (n_classes,) stand for those of the assessment.
        """
        while self._phases:
            fault = self._phases[0]
            needs = self._needs(assessment, fault, errors)
            if self._used < self._limit and (needs is None or needs.any()):
                self._used += 1
                return fault, needs
            self._phases = () if fault == "overfit" and not self._used else self._phases[1:]
            self._used = 0
        return None, np.zeros(1)

    def has_nothing_left(self, assessment):
        """Return whether no label of a model is in need, in any phase; never so for the whole pool."""
        needs = [self._needs(assessment, fault) for fault in self._faults]
        return not any(need is None or need.any() for need in needs)

    def _needs(self, assessment, fault, errors=None):
        if self._allocation == "whole pool":
            return None
        deficits, buggy = assessment.deficits.get(fault), assessment.buggy.get(fault)
        return label_needs(self._allocation, assessment.likely_errors if errors is None else errors, deficits, buggy)


ALLOCATIONS = ("faultiest label", "buggy labels", "all labels", "likely errors", "whole pool")
BY_ERRORS = ALLOCATIONS[2:4]  # these serve every label that is wrong at all
SERVE_BUGS = ALLOCATIONS[:2]  # these end when no label is buggy
SERVED = ("labels", "groups", "modes")
_UNKNOWN = 0.01  # least error of a label of which nothing is known
_LEAST, _TINY = 0.1, 1e-9  # of the mean error, what a label is expected to have; in place of a variance of 0
_ENOUGH = 5  # held-out samples of a label in a group, from which the group has places of its own
_SHRUNK = 5  # samples more that such a group is taken to have, with the error of the label


class Group(NamedTuple):
    """Candidates that compete with each other: `members`, indices into the pool, of which `n_wanted` are chosen."""

    members: np.ndarray
    n_wanted: int


def group_places(groups):
    """Return, for each group, the slice that its members take in an array over the members of all groups."""
    ends = np.cumsum([len(group.members) for group in groups])
    return [slice(end - len(group.members), end) for end, group in zip(ends, groups, strict=True)]


def label_needs(allocation, errors, deficits, buggy):
    """Return how much each label needs, (n_classes,) float64, at least 0; all 0 if nothing is needed.

    `errors` and `deficits` (n_classes,) are those of an `Assessment`, `buggy` its labels, faultiest first. A NaN error,
    of a label of which nothing is known, is a need as large as the largest of the others', and never none.
    """
    check_choice("allocation", allocation, ALLOCATIONS[:4])
    if allocation in BY_ERRORS:
        return np.where(np.isnan(errors), np.fmax.reduce(errors, initial=_UNKNOWN), errors)
    needs = np.zeros(len(errors))
    if allocation == "faultiest label":
        needs[buggy[:1]] = 1
    else:
        needs[buggy] = np.asarray(deficits)[buggy]
    return needs


def likely_errors(errors, counts, expected):
    """Return the errors (n_classes,) of labels as held-out samples and the pool tell together, in [0, 1].

    Few held-out samples measure a label's error badly, while its samples in the pool, of which there are many, lead to
    expect one that may be wrong for all labels alike. So the expected ones are brought to the scale of the measured
    ones by a line, and each measured error is drawn towards it: by all that labels differ from it no more than chance
    would have it. Where labels have many held-out samples, what is measured stays.

    Empirical Bayes with a covariate (Fay and Herriot, JASA 74, 1979, doi 10.1080/01621459.1979.10482505), of
    beta-binomial errors, by moments (Kleinman, JASA 68, 1973, doi 10.1080/01621459.1973.10481332).

    Parameters
    ----------
    errors : (n_classes,) float in [0, 1], measured; NaN without held-out samples: what is expected stands
    counts : (n_classes,) int, held-out samples of each label
    expected : (n_classes,) float in [0, 1], see `expected_errors`; NaN of a label without samples in the pool
    """
    counts, known = np.asarray(counts, float), np.asarray(counts) > 0
    if not known.any():
        return np.where(np.isnan(expected), _UNKNOWN, expected)
    measured, both = np.where(known, errors, 0), counts * ~np.isnan(expected)
    mean = np.average(measured, weights=counts)
    usual = (both * np.nan_to_num(expected)).sum() / max(both.sum(), 1)
    apart = np.where(np.isnan(expected), 0, expected - usual)
    slope = max(0, (counts * apart * (measured - mean)).sum() / max((counts * apart**2).sum(), _TINY))
    line = np.clip(mean + slope * apart, _LEAST * mean, 1)
    spread = line * (1 - line)  # of one sample's error
    beyond = (counts * (measured - line) ** 2).sum() - spread[known].sum()
    alike = np.clip(beyond / max((spread * (counts - 1))[known].sum(), _TINY), 0, 1)  # of two samples of a label
    trust = alike * counts / np.maximum(1 + alike * (counts - 1), _TINY)
    return line + trust * (measured - line)


def expected_errors(labels, predicted, certainty, n_classes):
    """Return the share (n_classes,) of a label's samples that a model takes for another one; NaN without samples.

    `labels` and `predicted` (n,) int are of a pool, `certainty` (n,) in [0, 1] says how much each sample counts: how
    sure a reference is of its label.
    """
    counted = np.bincount(labels, certainty, minlength=n_classes)
    wrong = np.bincount(labels, certainty * (labels != predicted), minlength=n_classes)
    return np.divide(wrong, counted, out=np.full(n_classes, np.nan), where=counted > 0)


def parts_by_group(pool, held_out, wrong, needs, errors=None):
    """Divide what is in need by groups; return the part of each sample, in pool and held out, and what each part needs.

    A group with `_ENOUGH` held-out samples of a label is a part of it, and all other groups together are one. Each part
    of a label needs what the label needs, over the number of parts, times how much larger its own error is than that
    of the label, towards which it is drawn as few samples say little: where groups fail alike, a label gets as much as
    without them.

    Parameters
    ----------
    pool, held_out : (labels (n,), groups (n,)), int
    wrong : (n_held_out,) bool
    needs : (n_classes,) float, see `label_needs`
    errors : (n_classes,) float in [0, 1], of the labels; where needs are no errors
    """
    (labels, groups), (y, own), errors = pool, held_out, needs if errors is None else errors
    parts, known, found = np.array(labels), np.array(y), list(needs)
    for label in np.flatnonzero(needs):
        here = labels == label
        seen, places, counts = np.unique(own[y == label], return_inverse=True, return_counts=True)
        usual = errors[label]
        own_errors = (np.bincount(places, wrong[y == label]) + _SHRUNK * usual) / (counts + _SHRUNK)
        times = np.divide(own_errors, usual, out=np.ones(len(seen)), where=usual > 0)
        large = (counts >= _ENOUGH) & np.isin(seen, groups[here])
        others = large.sum() < len(np.unique(groups[here])) or not here.any()
        if (n := large.sum() + others) == 1:  # nothing to divide: it needs what it needs
            continue
        found[label] = others * needs[label] / n
        for group, more in zip(seen[large], times[large], strict=True):
            parts[here & (groups == group)] = known[(y == label) & (own == group)] = len(found)
            found.append(more * needs[label] / n)
    return parts, known, np.array(found, float)


def share_by_need(n, needs, available):
    """Apportion `n` samples among labels by their `needs` (n_classes,), as far as `available` (n_classes,), int.

    By largest remainders, of equal ones where more is available; what a label lacks goes to others in need. The shares
    add up to n, or to all that these have.
    """
    needs, available = np.asarray(needs, dtype=np.float64), np.asarray(available)
    quotas = np.zeros(len(needs), dtype=int)
    while True:
        weights, left = np.where(quotas < available, needs, 0), n - quotas.sum()
        if left <= 0 or not weights.any():
            return quotas
        exact = left * (weights / weights.sum())
        given = np.floor(exact).astype(int)
        given[np.lexsort([quotas - available, given - exact])[: left - given.sum()]] += 1
        quotas = np.minimum(quotas + np.where(weights > 0, given, 0), available)


def allocate(pool, needs, batch_size=2_000, alpha=0.25):
    """Return the list of `Group` that a share `alpha` in [0, 1] of a batch is chosen from: one a label in need.

    `needs` (n_classes,) are of `label_needs`; None for the whole pool, which is one group. Where the other labels have
    too few samples to fill the rest of the batch, more are selected. A batch larger than what is left is a ValueError.
    """
    check_share("alpha", alpha)
    if batch_size > len(pool):
        raise ValueError(f"a batch of {batch_size} is larger than the pool, which has {len(pool)} samples left")
    n_selected = round(alpha * batch_size)
    if needs is None:
        return [Group(pool.remaining(), n_selected)]
    members = [pool.candidates(label) if need > 0 else np.empty(0, int) for label, need in enumerate(needs)]
    available = np.array([len(group) for group in members])
    if n_others := len(pool) - available.sum():
        n_selected = max(n_selected, batch_size - n_others)
    quotas = share_by_need(n_selected, needs, available)
    return [Group(members[label], int(quotas[label])) for label in np.flatnonzero(needs)]
