import subprocess
import sys
from dataclasses import asdict

import pytest

from mode_utils.options import PRESETS, DebugOptions, RunSetup, check_parameters


def test_the_defaults_are_the_originals():
    options = DebugOptions()
    assert (options.theta, options.gamma, options.alpha, options.similarity_threshold) == (0.92, 0.10, 0.25, 0.01)
    assert (options.batch_size, options.max_iterations, options.epochs) == (2_000, 5, 3)


def test_a_preset_changes_what_it_says_and_no_more():
    recommended = DebugOptions.preset("recommended")
    differs = {name for name, value in asdict(recommended).items() if value != asdict(DebugOptions())[name]}
    assert differs == set(PRESETS["recommended"])
    assert DebugOptions.preset("original") == DebugOptions()


def test_a_change_of_none_leaves_what_the_preset_says():
    options = DebugOptions.preset("recommended", selector=None, replay=0)
    assert options.selector == PRESETS["recommended"]["selector"] and options.replay == 0


def test_a_metrics_alias_is_kept_as_its_full_name():
    assert DebugOptions(metric="l1") == DebugOptions(metric="manhattan")


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
        ({"preset": "best"}, "unknown preset 'best'; choose from original, recommended"),
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
        check_parameters(parameters)


def test_good_parameters_pass_and_unknown_names_are_not_its_business():
    check_parameters({"metric": "EMD", "n_runs": 30, "output_dir": "anywhere"})


def test_the_pool_takes_over_the_validation_samples_when_diagnosis_looks_at_test():
    assert RunSetup(diagnose_on="test").pool_size == 30_000


def test_checking_needs_no_tensorflow():
    code = "import sys, mode_utils.options; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
