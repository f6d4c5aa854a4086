"""Means and tests by groups: known answers, and how often intervals and tests are right where samples are alike."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from mode_utils.repair.verdicts import judge_labels, loss_p
from mode_utils.study.significance import holm
from mode_utils.support.clustered import (
    accuracy_interval,
    difference_interval,
    excess_p,
    holm_of_possible,
    mean_variance,
    more_wrong_p,
)


def made(rng, n_groups, accuracy, alike=0.5, unequal=False):
    """Return right (n,) and groups (n,) of some 20 samples each, whose intraclass correlation is `alike`."""
    sizes = 1 + rng.geometric(1 / 20, n_groups) if unequal else np.full(n_groups, 20)
    shape = (1 - alike) / alike
    groups = np.repeat(np.arange(n_groups), sizes)
    return rng.random(len(groups)) < rng.beta(accuracy * shape, (1 - accuracy) * shape, n_groups)[groups], groups


@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize(("n_groups", "accuracy"), [(6, 0.7), (20, 0.8), (50, 0.7), (20, 0.9)])
def test_an_interval_covers_where_samples_of_a_group_are_alike(n_groups, accuracy, unequal):
    """At least 93% of 300 studies, less two standard errors; with samples resampled one by one it is a half at best."""
    rng, covered, of_samples = np.random.default_rng(n_groups), [], []
    for _ in range(300):
        right, groups = made(rng, n_groups, accuracy, unequal=unequal)
        for each, found in ((groups, covered), (None, of_samples)):
            low, high = accuracy_interval(right, each)
            found.append(low <= accuracy <= high)
    assert np.mean(covered) >= 0.93 - 2 * np.sqrt(0.93 * 0.07 / 300) and np.mean(of_samples) < 0.6


@pytest.mark.parametrize("n_groups", [10, 40])
def test_a_difference_of_other_groups_covers_too(n_groups):
    rng, covered = np.random.default_rng(1), 0
    for _ in range(300):
        (right, groups), (others, own) = made(rng, n_groups, 0.9), made(rng, n_groups, 0.75)
        low, high = difference_interval(right, others, groups, own)
        covered += low <= 0.15 <= high
    assert covered / 300 >= 0.93 - 2 * np.sqrt(0.93 * 0.07 / 300)


def test_of_groups_of_one_size_the_variance_is_that_of_their_means(rng):
    values, groups = rng.random(60), np.repeat(np.arange(12), 5)
    means = values.reshape(12, 5).mean(axis=1)
    assert mean_variance(values, groups) == pytest.approx((means.var(ddof=1) / 12, 11))
    assert mean_variance(values, rng.permutation(60)) == pytest.approx(mean_variance(values))
    order = rng.permutation(60)
    assert mean_variance(values[order], groups[order]) == pytest.approx(mean_variance(values, groups))


def test_groups_of_one_sample_change_nothing_but_the_quantile_and_few_groups_tell_nothing(rng):
    right = rng.random(4_000) < 0.9
    wilson = proportion_confint(right.sum(), 4_000, method="wilson")
    assert accuracy_interval(right, np.arange(4_000)) == pytest.approx(wilson, abs=1e-4)
    assert accuracy_interval(right) == pytest.approx(wilson, abs=1e-4)
    assert np.isnan(accuracy_interval(right, np.arange(4_000) % 4)).all()
    low, high = accuracy_interval(np.ones(600), np.arange(600) % 6)
    assert high == pytest.approx(1) and 0.3 < low < 0.7  # six groups say this much, whatever their sizes


@pytest.mark.parametrize("tolerance", [0.02, 0.1])
def test_a_loss_in_a_few_groups_is_seldom_taken_for_one_beyond_the_tolerance(tolerance):
    """The true loss is the tolerance: at most 5% of 200; sample by sample, it is more than 15%."""
    rng, of_groups, of_samples = np.random.default_rng(3), 0, 0
    for _ in range(200):
        broken, groups = made(rng, 30, tolerance + 0.03)
        fixed = ~broken & (rng.random(len(groups)) < 0.03 / (0.97 - tolerance))
        p = loss_p([len(groups)], [fixed.sum()], [broken.sum()], tolerance)[0]
        of_samples += p < 0.05
        of_groups += max(p, excess_p(broken * 1 - fixed, groups, tolerance)) < 0.05
    assert of_groups <= 10 and of_samples > 30


def test_a_verdict_needs_more_groups_where_all_that_is_lost_is_lost_in_one():
    lost, groups = np.repeat([1, 0], [40, 360]), np.repeat(np.arange(10), 40)
    counts = {"samples": [400], "fixed": [0], "broken": [40], "tolerance": 0.02}
    assert judge_labels(**counts) == ["new bug"]
    assert judge_labels(**counts, least_p=[excess_p(lost, groups, 0.02)]) == ["cannot tell: it would take more groups"]
    spread = excess_p(lost, np.arange(400) % 10, 0.02)
    assert judge_labels(**counts, least_p=[spread]) == ["new bug"]
    assert excess_p(lost, np.zeros(400), 0.02) == 1 and excess_p(-lost, groups, 0.02) == 1


def test_a_part_is_compared_with_the_rest_by_fishers_test():
    p, least = more_wrong_p([6], [10], 9, 50)
    table = [[6, 4], [3, 37]]
    assert p[0] == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue) and least[0] < p[0]


def test_parts_that_can_show_nothing_do_not_hide_one_that_fails():
    wrong, samples = np.r_[12, np.zeros(10_000, int)], np.r_[20, np.ones(10_000, int)]
    p, least = more_wrong_p(wrong, samples, 500, 10_020)
    adjusted = holm_of_possible(p, least, holm)
    assert adjusted[0] < 0.001 and (adjusted[1:] == 1).all()
    assert (holm_of_possible([0.5, 0.9], [0.5, 0.9], holm) == 1).all()
    some = np.array([0.001, 0.02, 0.3])
    assert holm_of_possible(some, np.zeros(3), holm) == pytest.approx(holm(some))


def test_among_parts_that_fail_alike_one_is_told_in_at_most_5_percent():
    rng, told = np.random.default_rng(5), 0
    for _ in range(300):
        groups, wrong = rng.integers(0, 40, 600), rng.random(600) < 0.15
        samples = np.bincount(groups, minlength=40)
        p, least = more_wrong_p(np.bincount(groups, wrong, minlength=40), samples, wrong.sum(), 600)
        told += (holm_of_possible(p, least, holm) < 0.05).any()
    assert told / 300 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)
