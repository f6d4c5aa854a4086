"""Choosing is worth what it gains over random inputs in the same retraining, and no more."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mode_utils.repair import compare_with_random, say_health, say_worth


def compared(differences, sampling_error=0.0, judged_on="test"):
    table = {"difference": differences, "sampling_error": sampling_error, "judged_on": judged_on}
    return pd.DataFrame(table)


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ([0.03, 0.02, 0.04, 0.03, 0.02, 0.03], "better than random ones: +2.83 pp of accuracy"),
        ([-0.03, -0.02, -0.04, -0.03, -0.02, -0.03], "worse than random ones: -2.83 pp"),
        ([0.03, -0.02, 0.01, -0.03, 0.02, -0.01], "not told apart from random ones: 0.00 pp"),
        ([0.0] * 6, "not told apart from random ones: 0.00 pp"),
        ([0.01] * 6, "better than random ones: +1.00 pp"),
    ],
)
def test_it_says_what_the_interval_says(differences, words):
    assert words in say_worth(compared(differences))


def test_a_difference_that_other_test_samples_would_not_show_is_none():
    assert "not told apart" in say_worth(compared([0.03, 0.02, 0.04, 0.03, 0.02, 0.03], 0.02))


def test_who_judges_by_what_the_choice_was_made_by_is_told():
    assert "which favours them" in say_worth(compared([0.01] * 6, judged_on="validation"))
    assert "favours" not in say_worth(compared([0.01] * 6))


@pytest.mark.parametrize(("n_samples", "of_seeds", "of_samples"), [(100, 0.1, 0.5), (400, 0.3, 0.5), (900, 0.1, 0.9)])
def test_the_interval_covers_for_other_seeds_and_other_samples(n_samples, of_seeds, of_samples):
    """Samples are easier or harder for what was chosen, in all repairs: over seeds alone an interval covers less."""
    rng, hits = np.random.default_rng(n_samples), []
    truth = 100 * _mean_over_seeds(*_population(rng, 40_000, of_samples), of_seeds)
    for _ in range(100):
        easy, gained = _population(rng, n_samples, of_samples)
        seeds = rng.normal(0, of_seeds, (2, 6, 1)) + rng.normal(0, 0.4, (2, 6, n_samples))
        ahead = (easy + gained + seeds[0] > 0).astype(float) - (easy + seeds[1] > 0)
        said = say_worth(compared(ahead.mean(axis=1), stats.sem(ahead.mean(axis=0))))
        low, high = map(float, re.search(r"interval ([-+.0-9]+) to ([-+.0-9]+)", said).groups())
        hits.append(low - 0.01 <= truth <= high + 0.01)
    assert np.mean(hits) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 100)


def _population(rng, n_samples, of_samples):
    return rng.normal(2, 1.5, n_samples), rng.normal(0.2, of_samples, n_samples)


def _mean_over_seeds(easy, gained, of_seeds):
    spread = np.hypot(of_seeds, 0.4)
    return float((stats.norm.cdf((easy + gained) / spread) - stats.norm.cdf(easy / spread)).mean())


def test_to_compare_takes_labels():
    case = SimpleNamespace(data=SimpleNamespace(pool_labelled=False))
    with pytest.raises(ValueError, match="to compare with random choice, what is drawn needs labels"):
        compare_with_random(case, np.arange(3), np.zeros(3, int))


def test_of_a_healthy_model_it_says_that_little_is_to_be_gained_and_of_a_sick_one_nothing():
    labels = pd.DataFrame({"fault": ["", ""], "validation_accuracy": [0.97, 0.99]})
    assert "largest error 3.0%" in say_health(SimpleNamespace(labels=labels))
    assert say_health(SimpleNamespace(labels=labels.assign(fault=["underfit", ""]))) == ""
