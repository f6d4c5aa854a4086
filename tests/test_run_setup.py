import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tiers import by_night

from mode_utils.assessment import assess
from mode_utils.data import Dataset
from mode_utils.model_training import train_initial_model
from mode_utils.run_setup import SCENARIOS, STARVED_LABELS, RunSetup, check_study_parameters, split_for_run

SMALL = RunSetup(n_train=10_000, n_bug_fixing=500, n_validation=2_000, n_test=2_000)


@pytest.fixture
def initial_model(mnist, one_trainer):
    """Return a function: the splits of a setup, and the assessment of the model that is trained on them."""

    def train(setup):
        splits, trainer = split_for_run(mnist, setup, 0), one_trainer(mnist, setup)
        train_initial_model(trainer, splits, setup, 0)
        return splits, assess(trainer, splits, theta=0.92, gamma=0.10)

    return train


def test_only_training_samples_differ_between_scenarios(mnist):
    healthy = split_for_run(mnist, SMALL, 3)
    for name in SCENARIOS:
        splits = split_for_run(mnist, replace(SMALL, scenario=name), 3)
        for role in ("bug_fixing", "validation", "test"):
            np.testing.assert_array_equal(getattr(splits, role).index, getattr(healthy, role).index)
        assert set(splits.train.index) <= set(healthy.train.index)
        np.testing.assert_array_equal(splits.train.y, mnist.y_train[splits.train.index])


def test_starved_labels_keep_1_percent_and_are_the_ones_that_fail(initial_model):
    splits, assessment = initial_model(replace(SMALL, scenario="starved"))
    counts = np.bincount(splits.train.y)
    assert all(5 <= counts[label] <= 15 for label in STARVED_LABELS)
    assert set(assessment.buggy["underfit"]) >= set(STARVED_LABELS)
    assert assessment.scores["test_accuracy"] < 0.8


@pytest.mark.parametrize("n_classes", [2, 10, 77])
@pytest.mark.parametrize("n_train", [100, 800, 3_000])
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "healthy"])
def test_no_scenario_is_a_healthy_one_by_another_name(n_classes, n_train, scenario, rng):
    y = np.resize(np.arange(n_classes), 2 * n_train + 100)
    data = Dataset("toy", *((rng.random((len(y), 2), np.float32), y) * 2), tuple(map(str, range(n_classes))))
    sizes = RunSetup(n_train=n_train, n_bug_fixing=50, n_validation=20, n_test=20, architecture="linear")
    healthy, sick = (len(split_for_run(data, replace(sizes, scenario=name), 1).train) for name in ("healthy", scenario))
    assert healthy == n_train and sick < healthy and (scenario == "starved" or sick <= -(-healthy // 4))


def test_the_underfit_model_is_bad_at_most_labels(initial_model):
    _, assessment = initial_model(replace(SMALL, scenario="underfit"))
    assert len(assessment.buggy["underfit"]) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("architecture", by_night(["dense", "cnn"], but=["dense"]))
def test_the_overfit_model_knows_its_samples_by_heart_and_has_three_overfit_labels(architecture, initial_model):
    _, assessment = initial_model(replace(SMALL, scenario="overfit", architecture=architecture))
    assert assessment.scores["train_accuracy"] == 1
    assert len(assessment.buggy["overfit"]) >= 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"metric": "jaccard"}, "unknown metric 'jaccard'; choose from dot product"),
        ({"metric": "sinkhorn", "space": "neurons"}, "needs space 'pixels' and no differential heat map, not neurons"),
        ({"metric": "sinkhorn", "heatmap": "dhci"}, "no differential heat map, not pixels, dhci"),
        ({"metric": "sinkhorn", "overfit_selection": "most similar to dhwi"}, "not pixels, most similar to dhwi"),
        ({"space": "layers"}, "unknown space 'layers'; choose from pixels, neurons, importance"),
        ({"heatmap": "hxi"}, "unknown heatmap 'hxi'; choose from hci"),
        ({"ranking": "middle"}, "unknown ranking 'middle'; choose from best, worst"),
        ({"overfit_selection": "all"}, "unknown overfit_selection 'all'; choose from least similar to hci, most"),
        ({"scenario": "ill"}, "unknown scenario 'ill'; choose from healthy, starved, underfit, overfit"),
        ({"preset": "best"}, "unknown preset 'best'; choose from original, recommended, adaptive"),
        ({"selector": "oracle"}, "unknown selector 'oracle'; choose from similarity"),
        ({"allocation": "none"}, "unknown allocation 'none'; choose from faultiest label, buggy labels, all labels"),
        ({"temperature": -0.1}, "temperature = -0.1; it must be at least 0"),
        ({"replay": -1}, "replay = -1; it must be at least 0"),
        ({"theta": 1.2}, "theta = 1.2"),
        ({"gamma": -1}, "gamma = -1"),
        ({"alpha": float("nan")}, "alpha = nan"),
        ({"minkowski_p": 0.5}, "minkowski_p = 0.5; it must be at least 1"),
        ({"similarity_threshold": -0.01}, "similarity_threshold = -0.01; it must be at least 0"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"epochs": 0}, "epochs = 0"),
        ({"architecture": "rnn"}, "unknown architecture 'rnn'; choose from dense, cnn"),
        ({"diagnose_on": "train"}, "unknown diagnose_on 'train'; choose from validation, test"),
        ({"n_test": 0}, "n_test = 0"),
        ({"n_runs": 0}, "n_runs = 0"),
        ({"dataset": "cifar"}, "unknown dataset 'cifar'; choose from mnist, fashion_mnist"),
        ({"n_bug_fixing": 9_999}, "needs 10000 samples, but the pool has 9999"),
    ],
)
def test_a_bad_parameter_is_an_error_that_names_value_and_choices(parameters, message):
    with pytest.raises(ValueError, match=message):
        check_study_parameters(parameters)


def test_good_parameters_pass_and_unknown_names_are_not_its_business():
    check_study_parameters({"metric": "EMD", "n_runs": 30, "output_dir": "anywhere"})


def test_the_pool_takes_over_the_validation_samples_when_the_test_set_is_assessed():
    assert RunSetup(diagnose_on="test").pool_size == 30_000


def test_checking_needs_neither_tensorflow_nor_pandas():
    code = "import sys, mode_utils.run_setup; sys.exit('tensorflow' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
