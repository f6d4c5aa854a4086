"""Choosing is worth what it gains over random inputs in the same retraining, and no more."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mode_utils.repair import compare_with_random, say_health, say_worth


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ([0.03, 0.02, 0.04, 0.03, 0.02, 0.03], "better than random ones: +2.83 pp of accuracy"),
        ([-0.03, -0.02, -0.04, -0.03, -0.02, -0.03], "worse than random ones: -2.83 pp"),
        ([0.03, -0.02, 0.01, -0.03, 0.02, -0.01], "not told apart from random ones: 0.00 pp"),
    ],
)
def test_it_says_what_the_interval_says(differences, words):
    assert words in say_worth(pd.DataFrame({"difference": differences}))


def test_to_compare_takes_labels():
    case = SimpleNamespace(data=SimpleNamespace(pool_labelled=False))
    with pytest.raises(ValueError, match="to compare with random choice, what is drawn needs labels"):
        compare_with_random(case, np.arange(3), np.zeros(3, int))


def test_of_a_healthy_model_it_says_that_little_is_to_be_gained_and_of_a_sick_one_nothing():
    labels = pd.DataFrame({"fault": ["", ""], "validation_accuracy": [0.97, 0.99]})
    assert "largest error 3.0%" in say_health(SimpleNamespace(labels=labels))
    assert say_health(SimpleNamespace(labels=labels.assign(fault=["underfit", ""]))) == ""
