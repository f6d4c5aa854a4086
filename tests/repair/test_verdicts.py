import numpy as np
import pytest
from scipy.stats import binomtest

from mode_utils.repair.verdicts import NEW_BUG, judge_labels, loss_p


def test_without_tolerance_it_is_mcnemars_exact_test():
    for fixed, broken in [(0, 3), (2, 9), (5, 5), (7, 1)]:
        expected = binomtest(broken, fixed + broken, 0.5, alternative="greater").pvalue
        assert loss_p(np.array([50]), np.array([fixed]), np.array([broken]), 0)[0] == pytest.approx(expected)


def test_one_sample_of_27_is_no_new_bug_and_it_says_how_many_it_would_take():
    (verdict,) = judge_labels([27], [0], [1], 0.02)
    assert verdict.startswith("cannot tell: it would take about ") and verdict.endswith(" samples")
    assert 100 < int(verdict.split("about ")[1].split()[0].replace(",", "")) < 1_000


@pytest.mark.parametrize(
    ("samples", "fixed", "broken", "verdict"),
    [(500, 0, 40, NEW_BUG), (500, 3, 8, ""), (27, 0, 12, NEW_BUG), (0, 0, 0, "cannot tell: no validation samples")],
)
def test_a_loss_beyond_chance_is_a_new_bug_whatever_the_number_of_samples(samples, fixed, broken, verdict):
    assert judge_labels([samples], [fixed], [broken], 0.02) == [verdict]


def test_of_two_hundred_labels_hardly_one_is_a_new_bug_by_chance():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(6):
        broken, fixed = rng.binomial(25, 0.06, 200), rng.binomial(25, 0.06, 200)
        found += any(verdict == NEW_BUG for verdict in judge_labels(np.full(200, 25), fixed, broken, 0.02))
    assert found <= 1


def test_at_the_tolerance_itself_the_test_finds_a_bug_in_at_most_5_percent():
    rng, n = np.random.default_rng(1), 200
    broken = rng.binomial(n, 0.07, 4_000)
    fixed = rng.binomial(n, 0.05, 4_000)
    p = loss_p(np.full(4_000, n), fixed, broken, 0.02)
    assert (p < 0.05).mean() < 0.06


def test_a_large_loss_is_found():
    rng = np.random.default_rng(2)
    p = loss_p(np.full(500, 100), rng.binomial(100, 0.02, 500), rng.binomial(100, 0.2, 500), 0.02)
    assert (p < 0.05).mean() > 0.95
