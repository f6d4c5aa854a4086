"""Tables of runs and of their outcomes with known answers, for the tests that read such tables."""

import numpy as np
import pandas as pd

NAMES = {"layer_selection": True, "space": "pixels", "heatmap": "hci", "ranking": "best",
         "overfit_selection": "random"}  # fmt: skip


def make_run(seed, mode, control, metric="euclidean", **names):
    """Return the rows of one run; `mode` and `control` are test accuracies by iteration."""
    names = {"metric": metric, **NAMES, **names}
    rows = [
        {
            "seed": seed, "strategy": strategy, **names, "iteration": i, "samples_added": 10 * i, "seconds": 1.0,
            "test_accuracy": accuracy, "weakest_label_accuracy": accuracy / 2, "train_accuracy": 1.0,
            "diagnosis_accuracy": accuracy,
            "finished_early": len(accuracies) < len(control),
        }
        for strategy, accuracies in (("control", control), ("mode", mode))
        for i, accuracy in enumerate(accuracies)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def outcomes_of(effects, n_runs=20, **names):
    """Return outcomes in which each metric's difference is its effect, the run's own luck and a little noise."""
    rng = np.random.default_rng(7)
    luck = 0.01 * rng.standard_normal(n_runs)
    rows = [
        {"metric": metric, "layer_selection": True, **names, "seed": seed, "difference": effect + luck[seed] + noise}
        for metric, effect in effects.items() for seed, noise in enumerate(0.002 * rng.standard_normal(n_runs))
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(final=lambda table: 0.9 + table["difference"])
