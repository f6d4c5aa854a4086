"""Comparisons of many runs: against control, metric against metric, with against without layer selection.

Differences are taken inside a run, and only then averaged.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mode_utils.options import CONFIGURATION
from mode_utils.study.outcomes import paired_outcomes
from mode_utils.study.runs_table import configuration
from mode_utils.study.significance import (
    SIGNIFICANCE,
    check_enough_runs,
    equivalence_p,
    holm,
    interval_of_mean,
    signed_rank,
    without_noise,
)

MARGIN = 0.002  # of accuracy: a smaller difference does not matter


def compare_with_control(runs, by="metric", random_state=0):
    """Test whether MODE ends above or below its control.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `repeated_runs.repeat_runs` returns it, or its `outcomes.paired_outcomes`, of one configuration but for `by`.
    by : str
        Column whose values are compared with control, each for itself: an option, or a column that you have added and
        that names whole configurations.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        A row a value of `by`: `runs`; `mean`, `low`, `high`, mean difference and its 95% interval, in shares; `p`,
        two-sided Wilcoxon signed-rank test, in which runs without a difference do not count; `p_holm`, adjusted for the
        number of rows, NaN where the runs are too few for so many (see `significance.holm`); `rank_biserial`, effect
        size in [-1, 1]; `won` and `lost`, shares of seeds with a difference above and below 0.

    Raises
    ------
    ValueError
        If other columns of the configuration vary, so that unlike runs would be mixed; if there are fewer runs than
        `checks.MIN_RUNS`, a seed twice, or one that is not paired.
    """
    outcomes = _as_outcomes(runs)
    _check_one_configuration(outcomes, by)
    return compare_differences(outcomes, by, random_state)


def compare_differences(outcomes, by, random_state=0):
    """Test whether paired differences lie above or below 0: `compare_with_control` for the differences of one's own.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        A row a pair, with the columns `difference` and `by`, and `seed`, if seeds are to be checked.
    by, random_state
        See `compare_with_control`.

    Returns
    -------
    pandas.DataFrame
        As `compare_with_control` returns it.
    """
    table = pd.DataFrame(
        {by: value} | _describe(_differences(group, f"{by} {value!r}"), random_state)
        for value, group in outcomes.groupby(by, sort=False)
    )
    table.insert(table.columns.get_loc("p") + 1, "p_holm", holm(table["p"], table["runs"]))
    return table


@dataclass(frozen=True)
class MetricComparison:
    """Do metrics differ from one another? All compared in the same runs.

    Attributes
    ----------
    n_runs : int
    statistic, p : float
        Of Friedman's test that none differs; p is 1 if no run tells any two apart.
    ranks : pandas.Series
        Mean rank of each metric over the runs, 1 is the best; equal values share their ranks.
    pairs : pandas.DataFrame
        As `compare_differences` returns it, a row a pair: `first` minus `second`, `p_holm` over all pairs.
    """

    n_runs: int
    statistic: float
    p: float
    ranks: pd.Series
    pairs: pd.DataFrame

    def p_matrix(self):
        """Return the adjusted p-values of the pairs as a symmetric table, 1 on its diagonal."""
        names = list(self.ranks.index)
        matrix = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
        for pair in self.pairs.itertuples():
            matrix.loc[pair.first, pair.second] = matrix.loc[pair.second, pair.first] = pair.p_holm
        return matrix


def compare_metrics(runs, by="metric", value="difference", random_state=0):
    """Test whether metrics differ from one another: Friedman's test first, then each pair.

    Parameters
    ----------
    runs : pandas.DataFrame
        See `compare_with_control`; the same seeds for each value of `by`.
    by : str
        Column whose values are compared, at least three of them.
    value : str
        Column to compare them by, higher is better.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    MetricComparison

    Raises
    ------
    ValueError
        If there are fewer than three values of `by`, too few runs, a seed twice, or one that a value of `by` lacks; and
        if unlike runs would be mixed.

    References
    ----------
    Demsar, JMLR 7 (2006); Benavoli et al., JMLR 17 (2016), for signed-rank tests instead of mean ranks afterwards.
    """
    outcomes = _as_outcomes(runs)
    _check_one_configuration(outcomes, by)
    wide = _pivot(outcomes, by, value)
    if wide.shape[1] < 3:
        raise ValueError(f"comparing metrics takes at least three, not {list(wide)}")
    pairs = [(first, second) for i, first in enumerate(wide) for second in list(wide)[i + 1 :]]
    rows = [{"first": a, "second": b} | _describe((wide[a] - wide[b]).to_numpy(), random_state) for a, b in pairs]
    pairs = pd.DataFrame(rows)
    pairs.insert(pairs.columns.get_loc("p") + 1, "p_holm", holm(pairs["p"], len(wide)))
    wide = without_noise(wide)  # only now: of what is rounded, differences are not
    equal = (wide.nunique(axis=1) == 1).all()
    statistic, p = (0.0, 1.0) if equal else stats.friedmanchisquare(*wide.to_numpy().T)
    return MetricComparison(len(wide), float(statistic), float(p), wide.rank(axis=1, ascending=False).mean(), pairs)


def compare_layer_selection(runs, by="metric", value="final", margin=MARGIN, random_state=0):
    """Test whether layer selection changes the outcome, and whether it demonstrably does not.

    Not finding a difference is no proof that there is none; so each row has both tests.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `repeated_runs.repeat_runs` returns it, or its `outcomes.paired_outcomes`, with and without layer selection
        for the same seeds. If a value of `by` has several rows for a seed, their mean counts.
    by, value, random_state
        See `compare_metrics`.
    margin : float
        The largest mean difference, to either side, that does not matter.

    Returns
    -------
    pandas.DataFrame
        A row a value of `by`: `compare_differences` of with minus without; `p_equivalence`, two one-sided tests, and
        `p_equivalence_holm`; `verdict`: "equivalent" or "different" at the 5% level after Holm, both ("different, by
        less than the margin"), or "undecided".

    Raises
    ------
    ValueError
        If a seed lacks one of the two, or there are too few runs.
    """
    means = _as_outcomes(runs).groupby([by, "seed", "layer_selection"], sort=False)[value].mean().unstack()
    if not {True, False} <= set(means) or means.isna().to_numpy().any():
        raise ValueError(f"each {by} and seed is needed with and without layer selection")
    effects = (means[True] - means[False]).rename("difference").reset_index()
    table = compare_differences(effects, by, random_state)
    p_values = [equivalence_p(group["difference"], margin) for _, group in effects.groupby(by, sort=False)]
    table = table.assign(p_equivalence=p_values, p_equivalence_holm=holm(p_values))
    return table.assign(verdict=[_verdict(*p) for p in table[["p_holm", "p_equivalence_holm"]].to_numpy()])


def _as_outcomes(runs):
    return paired_outcomes(runs) if "strategy" in runs else runs


def _describe(differences, random_state):
    low, high = interval_of_mean(differences, random_state)
    (p, rank_biserial), signs = signed_rank(differences), np.sign(without_noise(differences))
    return {
        "runs": len(differences), "mean": differences.mean(), "low": low, "high": high,
        "p": p, "rank_biserial": rank_biserial, "won": (signs > 0).mean(), "lost": (signs < 0).mean(),
    }  # fmt: skip


def _differences(group, name):
    check_enough_runs(len(group), f"runs of {name}")
    if "seed" in group:
        _check_seeds(group["seed"], name)
    return group["difference"].to_numpy()


def _pivot(outcomes, by, value):
    for name, group in outcomes.groupby(by, sort=False):
        _check_seeds(group["seed"], f"{by} {name!r}")
    wide = outcomes.pivot(index="seed", columns=by, values=value)[list(outcomes[by].unique())]
    lacking = wide.isna().stack()
    if lacking.any():
        seed, name = lacking.index[lacking.to_numpy().argmax()]
        raise ValueError(f"{by} {name!r} lacks seed {seed}: the runs are not paired")
    check_enough_runs(len(wide))
    return wide


def _check_seeds(seeds, name):
    twice = seeds[seeds.duplicated()]
    if len(twice):
        raise ValueError(f"{name} has seed {twice.iloc[0]} twice")


def _verdict(p_difference, p_equivalence):
    different = p_difference < SIGNIFICANCE  # not if there are too few runs to say
    if p_equivalence < SIGNIFICANCE:
        return "different, by less than the margin" if different else "equivalent"
    return "different" if different else "undecided"


def _check_one_configuration(outcomes, by):
    if by not in outcomes:
        raise ValueError(f"unknown by {by!r}; choose from {', '.join(CONFIGURATION)}, or add a column of this name")
    options = [name for name in configuration(outcomes) if name != by]
    per_group = outcomes.groupby(by)[options].nunique()
    varying = per_group.columns[(per_group > 1).any()]
    if by in CONFIGURATION:
        varying = [name for name in options if outcomes[name].nunique() > 1]
    if len(varying):
        raise ValueError(f"runs with different {', '.join(varying)} are mixed: take one value of each")
