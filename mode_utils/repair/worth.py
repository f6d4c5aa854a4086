"""Comparison of a choice with random inputs: the same budget, through the same retraining."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import sem, t

from mode_utils.study.formatting import interval, pp

SEEDS = 6  # repairs of each kind


def compare_with_random(case, indices, labels, n_seeds=SEEDS):
    """Repair with the chosen samples and with as many drawn at random, from several seeds.

    Parameters
    ----------
    case : Case, of a fully labelled pool, or it is a ValueError; the model of its trainer stays as it is
    indices, labels : (n,) int, the chosen samples
    n_seeds : int, of order, old samples, and what is drawn

    Returns
    -------
    pandas.DataFrame
        A row a seed: `seed`; `chosen` and `random`, accuracy after the repair, in [0, 1], on the test set if there is
        one and otherwise on the validation samples, which the choice was made by; `difference`; `judged_on`, "test" or
        "validation"; `sampling_error`, standard error of the mean difference by these samples, in all rows the same.
    """
    check_comparable(case)
    data, rows = case.data, []
    left = np.setdiff1d(np.arange(len(data.x_pool)), case.used)
    for seed in range(case.seed, case.seed + n_seeds):
        drawn = np.random.default_rng([seed, 1]).choice(left, len(indices), replace=False)
        own = replace(case, seed=seed)
        with case.trainer.at():
            rows.append([_right(own, *added) for added in ((indices, labels), (drawn, data.y_pool[drawn]))])
    right = np.array(rows, dtype=float)  # (seeds, 2, samples)
    accuracy, ahead = right.mean(axis=2), right[:, 0] - right[:, 1]
    table = {"seed": np.arange(case.seed, case.seed + n_seeds), "chosen": accuracy[:, 0], "random": accuracy[:, 1]}
    table |= {"difference": ahead.mean(axis=1), "judged_on": "validation" if data.x_test is None else "test"}
    return pd.DataFrame(table | {"sampling_error": sem(ahead.mean(axis=0))})


def check_comparable(case):
    """Raise a ValueError unless the whole pool has labels: what is drawn at random needs them, too."""
    if not case.data.pool_labelled:
        raise ValueError("to compare with random choice, what is drawn needs labels, too: label the whole pool")


def say_worth(compared):
    """Return a sentence on whether choosing was worth it, with the mean difference and its 95% interval.

    The interval allows for another seed and for other samples to judge on, which all repairs share: the variances of
    both add up, and the degrees of freedom are Satterthwaite's.
    """
    differences, sampled = compared["difference"], compared["sampling_error"].iloc[0] ** 2
    mean, seeds = differences.mean(), sem(differences) ** 2
    freedom = (seeds + sampled) ** 2 / (seeds**2 / (len(compared) - 1)) if seeds else np.inf
    half = t.ppf(0.975, freedom) * np.sqrt(seeds + sampled)
    low, high = mean - half, mean + half
    what = "better than" if low > 0 else "worse than" if high < 0 else "not told apart from"
    story = f"{pp(mean)} of accuracy (95% interval {interval(low, high)}) in {len(compared)} repairs each"
    doubt = ", on the validation samples that they were chosen by, which favours them"
    return f"chosen inputs are {what} random ones: {story}{doubt if compared['judged_on'].iloc[0] != 'test' else ''}"


def say_health(assessment):
    """Return a sentence if a model has no buggy label, so that there is little to gain; otherwise an empty text."""
    if (assessment.labels["fault"] != "").any():
        return ""
    told = f"no label is underfit or overfit (largest error {(1 - assessment.labels['validation_accuracy']).max():.1%})"
    return f"{told}: for such a model choosing gains hardly more than random inputs"


def _right(case, indices, labels):
    from mode_utils.repair.retraining import retrain  # imports TensorFlow, which a choice without a model does without

    retrain(case, indices, labels)
    test = case.data.splits().test  # or validation samples
    return case.trainer.predict(test.x).argmax(axis=1) == test.y
