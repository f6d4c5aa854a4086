"""What may be chosen: of some labels or groups only, at most so many of a group; and places shared among groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_utils.options import DebugOptions
from mode_utils.selection.allocation import ALLOCATIONS, Group, parts_by_group
from mode_utils.selection.eligible import Only, draw_at_most
from mode_utils.selection.pool import Pool, draw_batch
from mode_utils.selection.pool_scan import PoolScan


@given(st.integers(1, 6), st.integers(0, 60), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_no_group_gives_more_than_it_may_and_none_less_than_it_could(most, size, n_groups, seed):
    rng = np.random.default_rng(seed)
    groups, scores, before = rng.integers(0, n_groups, 80), rng.random(80), rng.permutation(80)[:5]
    pool = Pool(rng.integers(0, 3, 80)).without(before)

    def draw(left, n):
        members = left.remaining()
        return draw_batch(left, [Group(members, n)], scores[members], rng, n)

    batch = draw_at_most(most, groups, pool, size, draw, before)
    counts, possible = np.bincount(groups[before], minlength=n_groups), np.bincount(groups, minlength=n_groups)
    room = np.minimum(np.maximum(most - counts, 0), possible - counts)
    taken = np.bincount(groups[batch.indices], minlength=n_groups)
    assert (taken <= room).all() and len(batch.indices) == min(size, room.sum())
    assert len(set(batch.indices)) == len(batch.indices) and not np.isin(batch.indices, before).any()
    is_open = np.isin(groups, np.flatnonzero(taken < room))
    left = np.setdiff1d(np.flatnonzero(is_open), np.concatenate([before, batch.indices]))
    if len(left) and len(batch.indices):  # what is left of groups that have room is worse
        assert scores[left].max() <= scores[batch.indices].min()


def test_a_group_that_is_wanted_by_several_labels_serves_them_in_turn():
    pool, groups = Pool(np.repeat([0, 1], 20)), np.zeros(40, int)

    def draw(left, n):
        own = [left.candidates(label) for label in (0, 1)]
        half = [Group(own[0], n // 2), Group(own[1], n - n // 2)]
        return draw_batch(left, half, np.arange(len(left)), np.random.default_rng(0), n)

    batch = draw_at_most(6, groups, pool, 20, draw)
    assert np.bincount(pool.labels[batch.indices]).tolist() == [3, 3]


@pytest.mark.parametrize("labelled", [True, False])
def test_a_label_is_the_known_one_or_what_model_or_reference_take_it_for(labelled):
    scan = PoolScan(np.array([0, 1, 2, 1]), np.ones(4), predicted=np.array([1, 1, 2, 0]))
    groups = np.array([5, 5, 5, 6])
    assert Only((1,)).allows(scan, labelled, None).tolist() == [not labelled, True, False, True]
    assert Only((1,), (5,)).allows(scan, labelled, groups).tolist() == [not labelled, True, False, False]
    assert Only().allows(scan, labelled, None).all() and not Only() and Only(groups=())


def test_what_is_closed_is_not_taken_and_its_copies_are_not_skipped():
    pool = Pool(np.zeros(6, int)).without([1]).closed_to(np.arange(6) > 3)
    assert pool.remaining().tolist() == [0, 2, 3] and pool.taken().tolist() == [1]
    assert pool.without([0]).taken().tolist() == [0, 1]


def test_where_groups_fail_alike_a_label_gets_as_much_as_without_them(rng):
    labels, groups, y = rng.integers(0, 3, 900), rng.integers(0, 4, 900), rng.integers(0, 3, 4_000)
    own, needs = rng.integers(0, 4, 4_000), np.array([0.2, 0.0, 0.1])
    parts, _, found = parts_by_group((labels, groups), (y, own), rng.random(4_000) < needs[y], needs)
    of_label = [found[np.unique(parts[labels == label])].sum() for label in range(3)]
    assert of_label == pytest.approx(needs, abs=0.03)
    for part in np.unique(parts):
        assert len({*labels[parts == part]}) == 1 and len({*groups[parts == part]}) in (1, 4)


def test_a_failing_group_gets_most_of_its_labels_places_and_a_small_one_little():
    labels, groups = np.zeros(300, int), np.repeat([0, 1, 2], 100)
    own, wrong = np.repeat([0, 1, 2], [50, 50, 2]), np.r_[np.zeros(50), np.ones(50), np.ones(2)].astype(bool)
    parts, known, needs = parts_by_group((labels, groups), (np.zeros(102, int), own), wrong, np.array([wrong.mean()]))
    first, failing, small = (needs[parts[groups == group][0]] for group in range(3))
    assert all(known[own == group][0] == parts[groups == group][0] for group in range(3))
    assert failing > 5 * first and parts[groups == 2][0] == 0 and small == pytest.approx(wrong.mean() / 3)


def test_a_label_that_is_one_part_needs_what_it_needs_whatever_is_measured(rng):
    labels, y, needs = rng.integers(0, 3, 300), rng.integers(0, 3, 200), np.array([0.3, 0.2, 0.0])
    own = np.where(y == 1, rng.integers(0, 2, 200), 0)  # of label 1 the pool lacks a group
    pool, held_out = (labels, np.zeros(300, int)), (y, own)
    parts, known, found = parts_by_group(pool, held_out, rng.random(200) < 0.05, needs)
    assert (parts == labels).all() and (known == y).all() and found.tolist() == needs.tolist()


def test_ten_thousand_groups_of_one_are_one_part_of_each_label(rng):
    labels, y, needs = rng.integers(0, 3, 10_000), rng.integers(0, 3, 10_000), np.array([0.1, 0.2, 0.3])
    parts, _, found = parts_by_group(
        (labels, np.arange(10_000)), (y, np.arange(10_000)), rng.random(10_000) < 0.2, needs
    )
    assert (parts == labels).all() and found == pytest.approx(needs)


@pytest.mark.parametrize("usual", [0.5, 0.0, np.nan])
def test_needs_that_are_no_errors_are_divided_by_the_errors_of_parts(usual):
    labels, own, wrong = np.zeros(20, int), np.repeat([0, 1], 10), np.repeat([False, usual > 0], 10)
    pool, held_out = (labels, np.repeat([0, 1], 10)), (labels, own)
    parts, _, needs = parts_by_group(pool, held_out, wrong, np.array([7.0]), np.array([usual]))
    first, other = needs[parts[0]], needs[parts[-1]]
    assert first + other == pytest.approx(7) and (other == pytest.approx(5 * first) if usual > 0 else first == other)


def test_groups_and_modes_are_served_where_labels_are_counted():
    for allocation in ALLOCATIONS[:4]:
        DebugOptions(serve="modes", allocation=allocation)
    with pytest.raises(ValueError, match="buggy labels or all labels or likely errors, not 'whole pool'"):
        DebugOptions(serve="groups", allocation="whole pool")
    with pytest.raises(ValueError, match="unknown serve 'sites'; choose from labels, groups"):
        DebugOptions(serve="sites")
    with pytest.raises(ValueError, match="at_most_per_group = -1; it must be at least 0"):
        DebugOptions(at_most_per_group=-1)
