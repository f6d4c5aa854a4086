from dataclasses import replace

import numpy as np
import pytest

from mode_utils.debugging import assess
from mode_utils.options import RunSetup
from mode_utils.runs import new_trainer, split_for_run, train_initial_model
from mode_utils.scenarios import SCENARIOS, STARVED_LABELS

SMALL = RunSetup(n_train=10_000, n_bug_fixing=500, n_validation=2_000, n_test=2_000)


def initial_model(dataset, setup, seed=0):
    splits, trainer = split_for_run(dataset, setup, seed), new_trainer(dataset, setup)
    train_initial_model(trainer, splits, setup, seed)
    return splits, assess(trainer, splits, theta=0.92, gamma=0.10)


def test_only_training_samples_differ_between_scenarios(mnist):
    healthy = split_for_run(mnist, SMALL, 3)
    for name in SCENARIOS:
        splits = split_for_run(mnist, replace(SMALL, scenario=name), 3)
        for role in ("bug_fixing", "validation", "test"):
            np.testing.assert_array_equal(getattr(splits, role).index, getattr(healthy, role).index)
        assert set(splits.train.index) <= set(healthy.train.index)
        np.testing.assert_array_equal(splits.train.y, mnist.y_train[splits.train.index])


def test_starved_labels_keep_1_percent_and_are_the_ones_that_fail(mnist):
    splits, assessment = initial_model(mnist, replace(SMALL, scenario="starved"))
    counts = np.bincount(splits.train.y)
    assert all(5 <= counts[label] <= 15 for label in STARVED_LABELS)
    assert set(assessment.buggy["underfit"]) >= set(STARVED_LABELS)
    assert assessment.scores["test_accuracy"] < 0.8


def test_the_underfit_model_is_bad_at_most_labels(mnist):
    _, assessment = initial_model(mnist, replace(SMALL, scenario="underfit"))
    assert len(assessment.buggy["underfit"]) >= 5


@pytest.mark.parametrize("architecture", ["dense", "cnn"])
def test_the_overfit_model_knows_its_samples_by_heart_and_has_three_overfit_labels(architecture, mnist):
    _, assessment = initial_model(mnist, replace(SMALL, scenario="overfit", architecture=architecture))
    assert assessment.scores["train_accuracy"] == 1
    assert len(assessment.buggy["overfit"]) >= 3
