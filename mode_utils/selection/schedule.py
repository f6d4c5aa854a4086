"""Schedule of a repair: which fault is served next, and how much each label needs."""

import numpy as np

from mode_utils.selection.allocation import SERVE_BUGS, label_needs

PHASES = ("underfit", "overfit", "underfit")


class Schedule:
    """The order of a repair, which can take `most_iterations` in all.

    Buggy labels: underfitting first, then overfitting, and if there was any, underfitting again; each until clean or at
    its limit. The other allocations have one phase, and no fault.
    """

    def __init__(self, options):
        self._allocation, self._limit, self._used = options.allocation, options.max_iterations, 0
        self._faults = self._phases = PHASES if options.allocation in SERVE_BUGS else (None,)
        self.most_iterations = self._limit * len(self._phases)

    def next_needs(self, assessment):
        """Return the next fault, "underfit", "overfit" or None, and what each label needs, (n_classes,) float.

        Needs are all 0 if there is nothing to do, None for the whole pool.
        """
        while self._phases:
            fault = self._phases[0]
            needs = self._needs(assessment, fault)
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

    def _needs(self, assessment, fault):
        if self._allocation == "whole pool":
            return None
        deficits, buggy = assessment.deficits.get(fault), assessment.buggy.get(fault)
        return label_needs(self._allocation, assessment.likely_errors, deficits, buggy)
