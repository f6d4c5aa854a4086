"""What a choice of samples is worth: how many it saves, whether it will pay, and how large its share should be.

A label k of which the model gets a share e_k wrong gets samples in proportion to e_k. A sample that is drawn so meets a
mistake with probability sum of e_k^2 / sum of e_k; one that is drawn at random from labels alike, with the mean of e_k.
The surplus is the difference: 0 where all labels are equally good, large where few labels are bad.
"""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import nnls

from mode_utils.study.runs_table import check_runs_table
from mode_utils.study.significance import interval_of_mean, resampled_interval

SIGNS = ["surplus", "slope"]  # columns of the table of settings
PAYS = 0.003  # of accuracy: a smaller gain over random choice is none


def learning_curves(runs, n_samples, accuracies=("test_accuracy", "weakest_label_accuracy")):
    """Average accuracies by `name` and `samples_added`: means, 95% t intervals (`_low`, `_high`), number of `runs`."""
    check_runs_table(runs, ("name", "seed", "samples_added", *accuracies))
    rows, parts = runs[runs["samples_added"] <= n_samples], []
    for name in rows["name"].unique():
        table = {}
        for accuracy in accuracies:
            own = rows[rows["name"] == name].pivot(index="seed", columns="samples_added", values=accuracy).ffill(axis=1)
            half = stats.t.ppf(0.975, max(len(own) - 1, 1)) * own.sem()
            table |= {accuracy: own.mean(), f"{accuracy}_low": own.mean() - half, f"{accuracy}_high": own.mean() + half}
        parts.append(pd.DataFrame(table).reset_index().assign(name=name, runs=len(own)))
    table = pd.concat(parts, ignore_index=True)
    return table[["name", "samples_added", "runs", *(c for c in table if c.startswith(tuple(accuracies)))]]


def samples_to_reach(samples, accuracies, goal):
    """Return at how many samples a curve reaches a goal, linear between its points; infinite if it never does."""
    place = next((place for place, accuracy in enumerate(accuracies) if accuracy >= goal), None)
    if not place:  # at once, or never
        return np.inf if place is None else float(samples[0])
    (x0, x1), (y0, y1) = (values[place - 1 : place + 1] for values in (samples, accuracies))
    return float(x0 + (goal - y0) / (y1 - y0) * (x1 - x0))


def labelling_economy(chosen, control, n_samples, accuracy="test_accuracy", random_state=0):
    """Compare a choice of `n_samples` with drawing at random, at equal accuracy; both tables have the same seeds.

    A dict: `accuracy` that the choice reaches on average, `samples` that control needs for it, and the `ratio` of these
    to `n_samples` (above 1: the choice saves samples) with its 95% interval `low`, `high`, where that of the paired
    difference contains 0. Infinite where control does not get there; `measured` is how far it went.
    """
    wide = [table.pivot(index="seed", columns="samples_added", values=accuracy) for table in (chosen, control)]
    if n_samples not in wide[0]:
        raise ValueError(f"the choice was not measured with {n_samples} samples, only with {list(wide[0])}")
    if not wide[0].index.equals(wide[1].index):
        raise ValueError(f"the choice has seeds {list(wide[0].index)}, control {list(wide[1].index)}")
    goals, curves, samples = wide[0][n_samples].to_numpy(), wide[1].to_numpy(), wide[1].columns.to_numpy()
    behind = curves - goals[:, None]  # how far control is, run by run, at each number of samples
    ends = np.array([interval_of_mean(column, random_state) for column in behind.T])
    needed = samples_to_reach(samples, curves.mean(axis=0), goals.mean())
    low, high = (samples_to_reach(samples, end, 0) for end in ends.T[::-1])
    found = {"accuracy": goals.mean(), "samples": needed, "measured": int(samples[-1])}
    return found | {"ratio": needed / n_samples, "low": low / n_samples, "high": high / n_samples}


def surplus(errors):
    """Return how much more often, in [0, 1], samples meet a mistake if labels are served by (..., n_classes) errors."""
    errors = np.asarray(errors, dtype=np.float64)
    total, squares = np.nansum(errors, axis=-1), np.nansum(errors**2, axis=-1)
    return np.divide(squares, total, out=np.zeros_like(total), where=total > 0) - np.nanmean(errors, axis=-1)


def fit_payoff(settings):
    """Fit `difference` = a x surplus + b x slope; a and b are at least 0: neither sign speaks against a gain."""
    return nnls(settings[SIGNS].to_numpy(), settings["difference"].to_numpy())[0]


def predict_gain(calibrated_on, settings):
    """Add `foretold`, the predicted gain; whether it (`says`) and the true one (`pays`) are worth it; and the `hit`."""
    foretold = settings[SIGNS].to_numpy() @ fit_payoff(calibrated_on)
    says, pays = foretold > PAYS, settings["difference"] > PAYS
    return settings.assign(foretold=foretold, says=says, pays=pays, hit=says == pays)


def best_shares(effects):
    """Return the alpha with the highest mean gain for each number of classes; see `fit_share_rule`."""
    return effects.groupby("n_classes").mean().idxmax(axis=1).astype(float)


def fit_share_rule(effects, random_state=0):
    """Fit best alpha = c * n_classes ** slope to `effects`: gains by `seed` and `n_classes`, at least three, and alpha.

    A dict: `slope`, `constant`; the slope's 95% interval `low`, `high`. With 0 in it, the best share was not shown to
    depend on the number of classes; with -1 in it, an equal share for each class was not excluded.
    """
    numbers = effects.index.unique("n_classes")
    by_seed = [effects.xs(number, level="n_classes") for number in numbers]
    if len(numbers) < 3:
        raise ValueError(f"a rule needs at least three numbers of classes, not {list(numbers)}")
    if any(not table.index.equals(by_seed[0].index) for table in by_seed):
        raise ValueError("each number of classes needs the same seeds")
    gains, alphas = np.stack([table.to_numpy() for table in by_seed]), effects.columns.to_numpy(dtype=float)

    def line(runs):
        best = alphas[gains[:, runs].mean(axis=1).argmax(axis=1)]
        return stats.linregress(np.log(np.asarray(numbers, dtype=float)), np.log(best))

    fit = line(np.arange(gains.shape[1]))
    low, high = resampled_interval(lambda runs: line(runs).slope, gains.shape[1], random_state)
    return {"slope": fit.slope, "constant": float(np.exp(fit.intercept)), "low": low, "high": high}
