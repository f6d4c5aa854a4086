"""Intervals cover what they say and tests reject no oftener than they say, for the numbers of runs in use here."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mode_utils.study.significance import (
    MIN_RUNS,
    equivalence_p,
    holm,
    interval_of_mean,
    resampled_interval,
    runs_needed,
    signed_rank,
    smallest_p,
    without_noise,
)

RESULTS = Path(__file__).parents[2] / "data/results"
N_STUDIES = 100


def noise(level, n_studies=N_STUDIES):
    """Return three standard errors of the share of simulated studies."""
    return 3 * np.sqrt(level * (1 - level) / n_studies)


def half_zero(values, rng):
    """Runs of a healthy model: more than half have nothing to repair, and differ by exactly 0."""
    return values * (rng.random(values.shape) < 0.43)


DIFFERENCES = {  # of runs, and their true mean
    "normal": (lambda rng, shape: rng.normal(0.3, 1, shape), 0.3),
    "skewed": (lambda rng, shape: rng.lognormal(0, 0.5, shape), np.exp(0.125)),
    "few values": (lambda rng, shape: rng.choice([-1.0, 0, 0, 1, 1], shape), 0.2),
    "heavy tails": (lambda rng, shape: rng.standard_t(4, shape), 0.0),
    "half of them 0": (lambda rng, shape: half_zero(rng.normal(-1, 1.2, shape), rng), -0.43),
    "half of them 0, the others skewed": (lambda rng, shape: half_zero(-rng.exponential(1, shape), rng), -0.43),
}


@pytest.mark.parametrize(
    ("n_runs", "name"),
    [(n, name) for n in (6, 12, 30) for name in DIFFERENCES if n >= 20 or "half" not in name],
)
def test_the_interval_covers_the_true_mean_in_95_percent_of_studies(n_runs, name):
    draw, truth = DIFFERENCES[name]
    studies = draw(np.random.default_rng(n_runs), (N_STUDIES, n_runs))
    intervals = [interval_of_mean(study, seed, 399) for seed, study in enumerate(studies)]
    assert np.mean([low <= truth <= high for low, high in intervals]) >= 0.94 - noise(0.05)


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=12))
def test_no_end_is_beyond_all_differences_unless_students_is(differences):
    low, high = interval_of_mean(differences, n_resamples=199)
    half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    mean = np.mean(differences)
    assert low >= min(min(differences), mean - half) - 1e-8 and high <= max(max(differences), mean + half) + 1e-8
    assert low <= mean - half + 1e-8 and high >= mean + half - 1e-8


@pytest.mark.parametrize(("n_runs", "zeros"), [(6, False), (10, True), (30, True)])
def test_without_a_difference_nine_adjusted_tests_reject_in_at_most_5_percent_of_studies(n_runs, zeros):
    """The nine share a control, as metrics do."""
    rng = np.random.default_rng(2)
    rejected = 0
    for _ in range(N_STUDIES):
        differences = np.rint(3 * (rng.normal(size=(9, n_runs)) + rng.normal(size=n_runs)))
        differences = half_zero(differences, rng) if zeros else differences
        rejected += holm([signed_rank(metric)[0] for metric in differences], n_runs).min() < 0.05
    assert rejected / N_STUDIES <= 0.05 + noise(0.05)


@pytest.mark.parametrize("n_runs", [6, 10, 30])
def test_equivalence_is_claimed_of_a_difference_as_large_as_the_margin_in_at_most_5_percent_of_studies(n_runs):
    studies = np.random.default_rng(3).normal(1, 1.5, (N_STUDIES, n_runs))
    studies = half_zero(studies, np.random.default_rng(4)) if n_runs >= 20 else studies
    margin = 0.43 if n_runs >= 20 else 1
    claimed = np.mean([equivalence_p(study, margin, seed, 399) < 0.05 for seed, study in enumerate(studies)])
    assert claimed <= 0.05 + noise(0.05)


@pytest.mark.parametrize("n_runs", [6, 20])
def test_the_interval_of_a_median_covers(n_runs):
    studies = np.random.default_rng(5).normal(0, 1, (60, n_runs))
    found = [resampled_interval(lambda runs, s=s: np.median(s[runs]), n_runs, n, 199) for n, s in enumerate(studies)]
    assert np.mean([low <= 0 <= high for low, high in found]) >= 0.95 - noise(0.05, 60)


@given(
    st.lists(st.tuples(st.integers(9_000, 9_400), st.integers(9_000, 9_400)), min_size=6, max_size=30),
    st.sampled_from([9_973, 10_000, 12_345]),
)
def test_equal_differences_are_ties_whatever_floats_make_of_them(counts, n_test):
    """Accuracies are counts over the number of test samples: of them follows what follows of the counts."""
    final, control = np.array(counts).T
    of_counts, of_floats = final - control, final / n_test - control / n_test
    assert signed_rank(of_floats) == signed_rank(of_counts)
    assert (np.sign(without_noise(of_floats)) == np.sign(of_counts)).all()
    assert (stats.rankdata(without_noise(of_floats)) == stats.rankdata(of_counts)).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_that_of_statsmodels(p_values):
    with patch("gc.collect"):  # statsmodels does at each call
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(st.integers(6, 16), st.integers(1, 4_000))
@settings(max_examples=30)
def test_p_is_left_out_just_where_no_outcome_of_so_many_runs_could_show_anything(n_runs, family):
    clearest = signed_rank(np.arange(1.0, n_runs + 1))[0]
    assert clearest == smallest_p(n_runs)
    adjusted = holm([clearest] * family, n_runs)
    assert np.isnan(adjusted).all() if clearest * family >= 0.05 else (adjusted < 0.05).all()


FAMILIES = {  # of the tables with an adjusted p: what their rows share, and the runs where no column says that
    "metrics/accuracy_table_with_layer_selection": ([], None),
    "metrics/accuracy_table_without_layer_selection": ([], None),
    "neurons/accuracy_table_with_layer_selection": ([], None),
    "neurons/accuracy_table_without_layer_selection": ([], None),
    "leak/accuracy_table_without_layer_selection": ([], None),
    "earth_mover/against_any": (["scenario"], None),
    "earth_mover/against_control": (["scenario"], None),
    "layers/selection": (["architecture"], None),
    "layers/views": (["architecture"], None),
    "overfitting/against_random": (["dataset", "architecture"], None),
    "overfitting/summary": (["dataset", "architecture"], 20),
    "pools/all_cells": (["group", "strategy"], None),
    "selectors/adaptive": ([], 30),
    "selectors/against_deepgini": (["dataset", "scenario"], None),
    "selectors/summary": (["dataset", "scenario", "samples"], None),
}
ADJUSTED = {"p_holm", "p (Holm)", "accuracy_p_holm", "gap_p_holm", "p control", "p DeepGini"}


def test_each_adjusted_p_that_is_in_git_could_have_shown_something():
    for path in sorted(RESULTS.glob("**/*.csv")):
        table = pd.read_csv(path, low_memory=False)
        if not (columns := ADJUSTED & set(table)):
            continue
        shared, runs = FAMILIES[str(path.relative_to(RESULTS).with_suffix(""))]
        families = [rows for _, rows in table.groupby(shared)] if shared else [table]
        for rows in families:
            own = rows[rows[list(columns)].notna().any(axis=1)]
            for column in columns:
                n_runs = runs or own[next(name for name in ("runs", "Runs") if name in own)]
                assert (len(own) * smallest_p(n_runs) < 0.05).all(), (path, column)
                raw = column.removesuffix("_holm")
                if raw in own and raw != column:
                    assert holm(own[raw], n_runs) == pytest.approx(own[column].to_numpy()), path


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
    studies = np.random.default_rng(6).normal(0.5, 1.0, (300, n_runs))
    assert np.mean([signed_rank(study)[0] < 0.05 for study in studies]) == pytest.approx(0.8, abs=0.06)


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
