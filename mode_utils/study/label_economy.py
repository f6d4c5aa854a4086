"""How many samples does it save to choose them well? A choice's learning curve against that of drawing at random."""

import numpy as np
import pandas as pd
from scipy import stats

from mode_utils.study.runs_table import check_runs_table
from mode_utils.study.significance import interval_of_mean


def learning_curves(runs, n_samples, accuracies=("test_accuracy", "weakest_label_accuracy")):
    """Average what runs reach at each number of samples; a run that finishes early stays where it is.

    Parameters
    ----------
    runs : pandas.DataFrame
        A row for each `name`, `seed` and `samples_added`.
    n_samples : int
        Up to which the curves go.
    accuracies : sequence of str
        Columns to average.

    Returns
    -------
    pandas.DataFrame
        A row for each `name`, in the order of the runs, and `samples_added`: the mean of each accuracy under its name,
        the ends of its 95% t interval under `<name>_low` and `<name>_high` (NaN for one run), and how many `runs`.
    """
    check_runs_table(runs, ("name", "seed", "samples_added", *accuracies))
    rows = runs[runs["samples_added"] <= n_samples]
    parts = []
    for name in rows["name"].unique():
        table = {}
        for accuracy in accuracies:
            own = rows[rows["name"] == name].pivot(index="seed", columns="samples_added", values=accuracy)
            own = own.ffill(axis=1)
            half = stats.t.ppf(0.975, max(len(own) - 1, 1)) * own.sem()
            table |= {accuracy: own.mean(), f"{accuracy}_low": own.mean() - half, f"{accuracy}_high": own.mean() + half}
        parts.append(pd.DataFrame(table).reset_index().assign(name=name, runs=len(own)))
    table = pd.concat(parts, ignore_index=True)
    return table[["name", "samples_added", "runs", *(c for c in table if c.startswith(tuple(accuracies)))]]


def samples_to_reach(samples, accuracies, goal):
    """Return how many samples a learning curve needs to reach an accuracy.

    Parameters
    ----------
    samples : (n_points,) float
        Increasing.
    accuracies : (n_points,) float
    goal : float

    Returns
    -------
    float
        Linear between the first point that reaches the goal and the one before it; infinite if none does.
    """
    reached = np.flatnonzero(np.asarray(accuracies) >= goal)
    if not reached.size:
        return np.inf
    place = int(reached[0])
    if place == 0:
        return float(samples[0])
    (x0, x1), (y0, y1) = (values[place - 1 : place + 1] for values in (samples, accuracies))
    return float(x0 + (goal - y0) / (y1 - y0) * (x1 - x0))


def labelling_economy(chosen, control, n_samples, accuracy="test_accuracy", random_state=0):
    """Compare a choice of `n_samples` with drawing at random, at equal accuracy.

    Parameters
    ----------
    chosen, control : pandas.DataFrame
        A row for each `seed` and `samples_added`, with the column `accuracy`; control goes as far as it may have to.
    n_samples : int
        At which the choice is looked at.
    accuracy : str
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        `accuracy` that the choice reaches on average, `samples` that control needs for it on average, and the `ratio`
        of these to `n_samples` (above 1: the choice saves samples) with its 95% interval `low`, `high`: the numbers of
        samples at which the interval of the paired difference from control contains 0 (see
        `significance.interval_of_mean`). Infinite where control does not get there; `measured` is how far it went.

    Raises
    ------
    ValueError
        If the two do not have the same seeds, the choice was not looked at there, or there are too few runs.
    """
    wide = [table.pivot(index="seed", columns="samples_added", values=accuracy) for table in (chosen, control)]
    if n_samples not in wide[0]:
        raise ValueError(f"the choice was not looked at with {n_samples} samples, only with {list(wide[0])}")
    if not wide[0].index.equals(wide[1].index):
        raise ValueError(f"the choice has seeds {list(wide[0].index)}, control {list(wide[1].index)}")
    goals, curves, samples = wide[0][n_samples].to_numpy(), wide[1].to_numpy(), wide[1].columns.to_numpy()
    behind = curves - goals[:, None]  # how far control is, run by run, at each number of samples
    ends = np.array([interval_of_mean(column, random_state) for column in behind.T])
    needed = samples_to_reach(samples, curves.mean(axis=0), goals.mean())
    low, high = (samples_to_reach(samples, end, 0) for end in ends.T[::-1])
    found = {"accuracy": goals.mean(), "samples": needed, "measured": int(samples[-1])}
    return found | {"ratio": needed / n_samples, "low": low / n_samples, "high": high / n_samples}
