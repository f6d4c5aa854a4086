import numpy as np
import pandas as pd
import pytest

from mode_utils.study.label_economy import best_shares, fit_share_rule

ALPHAS = np.round(np.arange(0.05, 1.001, 0.05), 2)


def gains(best_alpha, noise=0.0, n_runs=12, numbers=(2, 3, 4, 5, 6, 8, 10)):
    """Runs that gain most at `best_alpha(number of classes)`."""
    rng, rows = np.random.default_rng(0), {}
    for seed in range(n_runs):
        for number in numbers:
            rows[seed, number] = -((ALPHAS - best_alpha(number)) ** 2) + noise * rng.standard_normal(len(ALPHAS))
    table = pd.DataFrame.from_dict(rows, orient="index", columns=ALPHAS)
    return table.set_index(pd.MultiIndex.from_tuples(rows, names=["seed", "n_classes"]))


def test_the_best_share_is_the_one_with_the_highest_mean():
    best = best_shares(gains(lambda number: number / 10))
    assert best.to_dict() == pytest.approx({number: number / 10 for number in (2, 3, 4, 5, 6, 8, 10)})


def test_an_equal_share_for_each_class_is_found_as_a_rule():
    rule = fit_share_rule(gains(lambda number: 1 / number, noise=0.002))
    assert rule["slope"] == pytest.approx(-1, abs=0.12) and rule["constant"] == pytest.approx(1, abs=0.2)
    assert rule["low"] <= rule["slope"] <= rule["high"] < 0


def test_where_the_best_share_is_always_the_same_no_rule_is_found():
    rule = fit_share_rule(gains(lambda number: 0.4, noise=0.05))
    assert rule["low"] <= 0 <= rule["high"]


def test_too_few_numbers_and_missing_runs_are_errors():
    with pytest.raises(ValueError, match=r"at least three numbers of classes, not \[2, 3\]"):
        fit_share_rule(gains(lambda number: 0.5, numbers=(2, 3)))
    with pytest.raises(ValueError, match="each number of classes needs the same seeds"):
        fit_share_rule(gains(lambda number: 0.5).drop(index=(0, 3)))
