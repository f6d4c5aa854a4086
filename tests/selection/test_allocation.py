import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_utils.selection.allocation import allocate, expected_errors, label_needs, likely_errors, share_by_need
from mode_utils.selection.pool import Pool

ERRORS, DEFICITS, BUGGY = np.array([0.1, 0.5, np.nan, 0.3]), np.array([-0.1, 0.3, np.nan, 0.1]), np.array([1, 3])


@pytest.mark.parametrize(
    ("allocation", "needs"),
    [
        ("faultiest label", [0, 1, 0, 0]),
        ("buggy labels", [0, 0.3, 0, 0.1]),
        ("all labels", [0.1, 0.5, 0.5, 0.3]),
        ("likely errors", [0.1, 0.5, 0.5, 0.3]),
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


@pytest.mark.parametrize("n_classes", [10, 77, 1_000])
@pytest.mark.parametrize("per_label", [1, 5, 50])
@pytest.mark.parametrize("sick", [0, 0.15])
def test_likely_errors_are_nearer_to_the_truth_than_what_is_measured_or_expected(n_classes, per_label, sick):
    rng, found = np.random.default_rng(n_classes + per_label), []
    for _ in range(60):
        truth = np.where(rng.random(n_classes) < sick, rng.uniform(0.5, 0.95, n_classes), rng.beta(2, 30, n_classes))
        counts = rng.poisson(per_label, n_classes)
        measured = np.divide(rng.binomial(counts, truth), counts, out=np.full(n_classes, np.nan), where=counts > 0)
        expected = np.clip(0.1 + 0.6 * truth + rng.normal(0, 0.05, n_classes), 0, 1)
        each = likely_errors(measured, counts, expected), measured, expected
        found.append([np.sqrt(np.nanmean((errors - truth) ** 2)) for errors in each])
    likely, measured, expected = np.mean(found, axis=0)
    assert likely < (1.02 if per_label == 50 else 0.85) * measured
    assert likely < expected or n_classes * per_label < 50  # of ten held-out samples nothing can be learned


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
def test_likely_errors_are_errors_whatever_is_known(labels):
    counts, measured, expected = map(np.array, zip(*labels, strict=True))
    measured = np.where(counts > 0, np.rint(measured * counts) / np.maximum(counts, 1), np.nan)
    likely = likely_errors(measured, counts, np.where(expected < 0.1, np.nan, expected))
    assert (likely >= 0).all() and (likely <= 1).all()
    if counts.any() and not np.nansum(measured):
        assert not likely.any()


def test_many_held_out_samples_are_believed_and_those_of_no_label_leave_what_is_expected():
    measured, expected = np.array([0.1, 0.9, 0.5]), np.array([0.6, 0.6, 0.1])
    assert likely_errors(measured, [100_000] * 3, expected) == pytest.approx(measured, abs=0.01)
    assert likely_errors(np.full(3, np.nan), [0, 0, 0], expected).tolist() == expected.tolist()


def test_expected_errors_count_samples_by_how_sure_their_label_is():
    labels, predicted, certainty = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), np.array([0.75, 0.25, 1, 1])
    errors = expected_errors(labels, predicted, certainty, 3)
    assert errors[:2].tolist() == [0.25, 0] and np.isnan(errors[2])


def test_places_for_some_of_many_labels_in_equal_need_do_not_go_to_those_that_come_first():
    available = np.random.default_rng(0).integers(1, 50, size=300)
    quotas = share_by_need(40, np.ones(300), available)
    assert sorted(quotas)[-40:] == [1] * 40 and quotas.sum() == 40
    assert available[quotas > 0].min() >= available[quotas == 0].max()
    again = share_by_need(40, np.ones(300), available - quotas)  # and others are next where there are as many
    assert (share_by_need(40, np.ones(300), np.full(300, 9) - quotas)[quotas > 0] == 0).all() and again.sum() == 40
