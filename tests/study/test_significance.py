import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mode_utils.study.significance import MIN_RUNS, equivalence_p, holm, interval_of_mean, runs_needed, signed_rank

N_STUDIES, N_RUNS = 1_000, 30


def half_zero(values, rng):
    """Runs of a healthy model: more than half have nothing to repair, and differ by exactly 0."""
    return values * (rng.random(values.shape) < 0.43)


SYNTHETIC = {  # runs, and the true mean
    "normal": (lambda rng: rng.normal(0.3, 1, (N_STUDIES, N_RUNS)), 0.3),
    "half of them 0": (lambda rng: half_zero(rng.normal(-1, 1.2, (N_STUDIES, N_RUNS)), rng), -0.43),
    "half of them 0, the others skewed": (lambda rng: half_zero(-rng.exponential(1, (N_STUDIES, N_RUNS)), rng), -0.43),
}


@pytest.mark.parametrize("name", list(SYNTHETIC))
def test_the_interval_covers_the_true_mean_in_95_percent_of_studies(name):
    draw, truth = SYNTHETIC[name]
    intervals = [interval_of_mean(study, seed, 1_999) for seed, study in enumerate(draw(np.random.default_rng(1)))]
    assert np.mean([low <= truth <= high for low, high in intervals]) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("zeros", [False, True])
def test_without_a_difference_nine_adjusted_tests_reject_in_at_most_5_percent_of_studies(zeros):
    """The nine share a control, as metrics do. Holm rejects any if the least p, times their number, is small enough."""
    rng = np.random.default_rng(2)
    rejected = 0
    for _ in range(N_STUDIES):
        differences = rng.normal(size=(9, N_RUNS)) + rng.normal(size=N_RUNS)
        differences = half_zero(differences, rng) if zeros else differences
        p_values = [signed_rank(metric)[0] for metric in differences]
        rejected += 9 * min(p_values) < 0.05
    assert holm(p_values).min() == pytest.approx(min(1, 9 * min(p_values)))
    assert rejected / N_STUDIES <= 0.05 + 0.02


def test_equivalence_is_claimed_of_a_difference_as_large_as_the_margin_in_at_most_5_percent_of_studies():
    studies = half_zero(np.random.default_rng(3).normal(1, 1.5, (N_STUDIES, N_RUNS)), np.random.default_rng(4))
    claimed = np.mean([equivalence_p(study, 0.43, seed, 1_999) < 0.05 for seed, study in enumerate(studies)])
    assert claimed <= 0.05 + 0.02


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
def test_the_signed_rank_test_is_scipys_exact_one_with_ties_and_without(differences):
    p, _ = signed_rank(differences)
    nonzero = [value for value in differences if value]
    exact = stats.wilcoxon(nonzero, method=stats.PermutationMethod(n_resamples=np.inf)).pvalue if nonzero[1:] else 1.0
    assert p == pytest.approx(exact)


@pytest.mark.parametrize("seed", range(3))
def test_of_many_different_values_it_is_scipys_too(seed):
    differences = np.random.default_rng(seed).normal(0.2, 1, 40)
    assert signed_rank(differences)[0] == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)


def test_the_effect_size_is_the_difference_of_rank_sums_as_a_share():
    assert signed_rank([1, 2, 3])[1] == 1 and signed_rank([-1, -2, 0])[1] == -1 and signed_rank([0, 0])[1] == 0
    assert signed_rank([1, 2, -3])[1] == pytest.approx((1 + 2 - 3) / 6)
    assert signed_rank([2, 2, -2, 5])[1] == pytest.approx((2 + 2 - 2 + 4) / 10)


def test_runs_that_never_differ_have_a_p_of_1_and_an_interval_of_0():
    assert signed_rank(np.zeros(9)) == (1.0, 0.0) and interval_of_mean(np.zeros(9)) == (0, 0)


def test_the_interval_can_be_repeated_and_is_as_wide_as_students():
    values = np.random.default_rng(0).normal(1, 1, 30)
    low, high = interval_of_mean(values)
    assert (low, high) == interval_of_mean(values) and low < values.mean() < high
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 29) * stats.sem(values), rel=0.15)


def test_of_normal_differences_equivalence_is_as_sure_as_by_two_one_sided_t_tests():
    values = np.random.default_rng(5).normal(0.05, 1, 300)
    above = stats.ttest_1samp(values, -0.15, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.15, alternative="less").pvalue
    assert equivalence_p(values, 0.15) == pytest.approx(max(above, below), abs=0.01)
    assert equivalence_p(np.full(9, 0.1), 0.2) == 0 and equivalence_p(np.full(9, 0.3), 0.2) == 1


def test_the_signed_rank_test_finds_an_effect_in_80_percent_of_studies_with_the_runs_it_needs():
    n_runs = int(runs_needed(0.5, 1.0))
    studies = np.random.default_rng(6).normal(0.5, 1.0, (N_STUDIES, n_runs))
    assert np.mean([signed_rank(study)[0] < 0.05 for study in studies]) == pytest.approx(0.8, abs=0.04)


def test_small_effects_take_more_runs_and_none_takes_infinitely_many():
    assert runs_needed(0, 1) == np.inf and runs_needed(100, 1) == MIN_RUNS
    assert runs_needed(-0.1, 1) == runs_needed(0.1, 1) > 10 * runs_needed(0.5, 1)


def test_fewer_runs_than_the_least_can_never_show_anything():
    p = [signed_rank(np.arange(1.0, n + 1))[0] for n in (MIN_RUNS - 1, MIN_RUNS)]
    assert p[1] < 0.05 < p[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interval_of_mean(np.arange(5)), "5 differences are too few.*fewer than 6"),
        (lambda: equivalence_p(np.arange(5), 0.1), "5 differences are too few"),
        (lambda: equivalence_p(np.arange(9), 0), "margin = 0; it must be greater than 0"),
        (lambda: runs_needed(0.1, 0), "spread = 0; it must be greater than 0"),
    ],
)
def test_too_little_to_conclude_from_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
