from dataclasses import replace

import numpy as np

from mode_utils.assessment import Assessment
from mode_utils.options import DebugOptions
from mode_utils.selection.allocation import ALLOCATIONS, Schedule


def assessment(**buggy):
    """A model with these labels underfit or overfit, and errors that grow with the label."""
    buggy = {fault: np.array(buggy.get(fault, []), dtype=int) for fault in ("underfit", "overfit")}
    errors = np.linspace(0, 0.5, 6)
    return Assessment(np.empty(0), np.ones(6), 1 - errors, buggy, dict.fromkeys(buggy, errors), {})


def served(schedule, *assessments):
    """Return what a schedule serves: the fault and the labels in need."""
    steps = [schedule.next_needs(a) for a in assessments]
    return [(fault, np.flatnonzero(needs).tolist()) for fault, needs in steps]


def test_underfitting_comes_first_then_overfitting_then_underfitting_again():
    both = assessment(underfit=[4, 2], overfit=[2, 4])
    schedule = Schedule(DebugOptions(max_iterations=2))
    assert schedule.most_iterations == 6
    expected = [*[("underfit", [4])] * 2, *[("overfit", [2])] * 2, *[("underfit", [4])] * 2, (None, [])]
    assert served(schedule, *[both] * 7) == expected
    schedule = Schedule(DebugOptions(max_iterations=2))
    underfit, overfit, clean = assessment(underfit=[4]), assessment(overfit=[2]), assessment()
    expected = [("underfit", [4]), ("overfit", [2]), ("underfit", [4]), (None, [])]
    assert served(schedule, underfit, overfit, underfit, clean) == expected


def test_underfitting_is_not_served_again_if_nothing_was_overfit():
    schedule = Schedule(DebugOptions(max_iterations=1))
    assert served(schedule, *[assessment(underfit=[1])] * 2) == [("underfit", [1]), (None, [])]


def test_other_allocations_serve_all_buggy_labels_all_labels_or_no_label():
    state = assessment(underfit=[4, 2])
    assert served(Schedule(DebugOptions(allocation="buggy labels")), state) == [("underfit", [2, 4])]
    assert served(Schedule(DebugOptions(allocation="all labels")), state) == [(None, [1, 2, 3, 4, 5])]
    schedule = Schedule(DebugOptions(allocation="whole pool", max_iterations=1))
    assert schedule.next_needs(state) == (None, None)


def test_nothing_is_left_when_no_label_is_in_need_whatever_was_served():
    left = {
        (how, state): Schedule(DebugOptions(allocation=how)).has_nothing_left(
            assessment(**{state: [1]} if state else {})
        )
        for how in ALLOCATIONS
        for state in ("underfit", "overfit", "")
    }
    assert [key for key, nothing in left.items() if nothing] == [("faultiest label", ""), ("buggy labels", "")]
    perfect = replace(assessment(), held_out_accuracies=np.ones(6))
    nothing = [Schedule(DebugOptions(allocation=how)).has_nothing_left(perfect) for how in ALLOCATIONS[2:]]
    assert nothing == [True, True, False]
