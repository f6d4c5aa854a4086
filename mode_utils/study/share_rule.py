"""How large should the selected share of a batch be? The best alpha as a function of the number of classes."""

import numpy as np
from scipy import stats

from mode_utils.study.significance import resampled_interval


def best_shares(effects):
    """Return the alpha with the highest mean for each number of classes.

    Parameters
    ----------
    effects : pandas.DataFrame
        A row for each `seed` and `n_classes`, which are its index, and a column for each alpha: what the run gains.

    Returns
    -------
    pandas.Series
        By number of classes.
    """
    return effects.groupby("n_classes").mean().idxmax(axis=1).astype(float)


def fit_share_rule(effects, random_state=0):
    """Fit best alpha = c * n_classes ** slope, and say how sure that is.

    Parameters
    ----------
    effects
        See `best_shares`; the same seeds for each number of classes.
    random_state : int
        Seed of the bootstrap over runs.

    Returns
    -------
    dict
        `slope` and `constant` of the fit to the best alphas; `low` and `high`, the slope's 95% interval when runs are
        resampled, see `significance.resampled_interval`. An interval with 0 in it: the best share was not shown to
        depend on the number of classes; one with -1 in it: an equal share for each class was not excluded.

    Raises
    ------
    ValueError
        If there are fewer than three numbers of classes, or a run lacks one; or too few runs.
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
