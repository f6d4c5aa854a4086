import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_utils.selection.allocation import allocate, label_needs, share_by_need
from mode_utils.selection.pool import Pool

ERRORS, DEFICITS, BUGGY = np.array([0.1, 0.5, np.nan, 0.3]), np.array([-0.1, 0.3, np.nan, 0.1]), np.array([1, 3])


@pytest.mark.parametrize(
    ("allocation", "needs"),
    [
        ("faultiest label", [0, 1, 0, 0]),
        ("buggy labels", [0, 0.3, 0, 0.1]),
        ("all labels", [0.1, 0.5, 0.5, 0.3]),
    ],
)
def test_needs_are_the_faultiest_the_deficits_or_the_errors(allocation, needs):
    assert label_needs(allocation, ERRORS, DEFICITS, BUGGY).tolist() == needs


def test_without_buggy_labels_only_errors_are_a_need():
    none = np.array([], dtype=int)
    needs = {name: label_needs(name, ERRORS, DEFICITS, none) for name in ("faultiest label", "buggy labels")}
    assert not any(need.any() for need in needs.values())


labels = st.lists(st.tuples(st.floats(0, 10), st.integers(0, 30)), min_size=1, max_size=8)


@given(st.integers(0, 200), labels)
def test_shares_add_up_to_what_is_wanted_or_to_all_there_is(n, labels):
    needs, available = (np.array(values) for values in zip(*labels, strict=True))
    quotas = share_by_need(n, needs, available)
    assert quotas.sum() == min(n, available[needs > 0].sum())
    assert (quotas >= 0).all() and (quotas <= available).all() and not quotas[needs == 0].any()


@given(st.integers(0, 1000), st.lists(st.floats(0.01, 10), min_size=1, max_size=8))
def test_where_nothing_lacks_shares_are_proportional_within_one_sample(n, needs):
    needs = np.array(needs)
    quotas = share_by_need(n, needs, np.full(len(needs), 10_000))
    assert np.all(np.abs(quotas - n * needs / needs.sum()) <= 1)


def test_what_a_label_lacks_goes_to_the_others_in_need():
    assert share_by_need(90, np.array([8, 1, 0, 1]), np.array([10, 50, 50, 50])).tolist() == [10, 40, 0, 40]


def test_a_group_a_label_in_need_and_one_for_the_whole_pool():
    pool = Pool(np.repeat([0, 1, 2], 10))
    groups = allocate(pool, np.array([0.0, 3, 1]), batch_size=8, alpha=0.5)
    assert [group.n_wanted for group in groups] == [3, 1]
    assert groups[1].members.tolist() == list(range(20, 30))
    (everything,) = allocate(pool, None, batch_size=8, alpha=0.5)
    assert everything.n_wanted == 4 and len(everything.members) == 30


def test_a_label_in_need_that_has_left_the_pool_gets_nothing():
    (group,) = allocate(Pool(np.zeros(20, dtype=int)), np.array([0, 1.0]), batch_size=8, alpha=0.5)
    assert len(group.members) == 0 and group.n_wanted == 0


def test_bad_input_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="unknown allocation 'some'; choose from faultiest label, buggy labels, all"):
        label_needs("some", ERRORS, DEFICITS, BUGGY)
    with pytest.raises(ValueError, match="alpha = 2"):
        allocate(Pool([0, 1]), None, 1, 2)
    with pytest.raises(ValueError, match="a batch of 3 is larger than the pool, which has 2 samples left"):
        allocate(Pool([0, 1]), None, 3)
