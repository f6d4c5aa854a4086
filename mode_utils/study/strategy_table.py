"""One table of all strategies on all data, defects and pools: in each cell a row a strategy and number of samples."""

import pandas as pd

from mode_utils.study.comparisons import compare_with_control
from mode_utils.study.outcomes import paired_outcomes
from mode_utils.study.runs_table import POOL_COLUMNS
from mode_utils.study.significance import SIGNIFICANCE, holm

CELL = ["dataset", "architecture", "scenario", "pool", "labelled", "n_validation", "fine_tune"]  # what its runs share
MODEL = CELL[:3]  # cells alike in these repair the same models: they are no independent evidence
WHOLE_POOL = "training and whole pool"  # the yardstick that knows all labels
_CLEAN = {"wrong_share": 0.0, "distinct_share": 1.0, "foreign_share": 0.0}


def cell_rows(runs, samples):
    """Compare the strategies of one cell with control.

    Parameters
    ----------
    runs : pandas.DataFrame
        Of one cell, as `repeated_runs.repeat_runs` returns it for several strategies by name.
    samples : sequence of int
        Numbers of added samples after which they are compared.

    Returns
    -------
    pandas.DataFrame
        A row a `strategy` and number of `samples`: `runs`; `initial`, `final`, `control`, mean test accuracies in
        [0, 1]; `difference` = final - control with its 95% interval `low`, `high`, and `p` (Wilcoxon, not adjusted);
        `wrong_share`, `distinct_share`, `foreign_share` of all samples that were chosen up to there.
    """
    return pd.concat([_after(runs, n) for n in samples], ignore_index=True)


def _after(runs, n):
    rows = runs[runs["samples_added"] <= n]
    outcomes = paired_outcomes(rows)
    means = outcomes.groupby("name", sort=False)[["initial", "final", "control"]].mean()
    compared = compare_with_control(outcomes, by="name").set_index("name")
    compared = compared.rename(columns={"mean": "difference"})[["runs", "difference", "low", "high", "p"]]
    chosen = rows[(rows["strategy"] == "mode") & (rows["samples_added"] == n)].assign(**_shares(rows))
    shares = chosen.groupby("name", sort=False)[list(POOL_COLUMNS)].mean()
    table = means.join(compared).join(shares).rename_axis("strategy").reset_index()
    table.insert(1, "samples", n)
    return table[["strategy", "samples", "runs", "initial", "final", "control", *table.columns[6:]]]


def _shares(rows):
    return {} if "wrong_share" in rows else _CLEAN


def yardstick_rows(yardsticks, initial):
    """Bring trainings on more than a repair adds into the form of `cell_rows`, without a control.

    Parameters
    ----------
    yardsticks : pandas.DataFrame
        Rows of `model_training.train_yardsticks` for each seed.
    initial : float
        Mean accuracy before.
    """
    table = yardsticks.groupby(["name", "samples"], sort=False)["test_accuracy"].agg(["mean", "size"]).reset_index()
    table = table.rename(columns={"name": "strategy", "mean": "final", "size": "runs"})
    return table.assign(initial=initial)[["strategy", "samples", "runs", "initial", "final"]]


def read_cells(*paths):
    """Read the tables of the cells of some sweeps, and adjust p for the comparisons of a strategy in a sweep.

    Each sweep asks one question of each strategy: does it end above its control there? Its comparisons are a family.

    Parameters
    ----------
    *paths : path
        At least one.

    Returns
    -------
    pandas.DataFrame
        `CELL` and the columns of `cell_rows`; `p_holm`, adjusted for all rows of the same path and strategy that have a
        p; NaN where the runs are too few for so many, see `significance.holm`.
    """
    return pd.concat([_adjusted(pd.read_csv(path)) for path in paths], ignore_index=True)


def _adjusted(cells):
    for _, family in cells[cells["p"].notna()].groupby("strategy"):
        cells.loc[family.index, "p_holm"] = holm(family["p"], family["runs"])
    return cells


def of_models(values):
    """Average what the repairs of the same models have given, from whatever pool and with however many samples.

    Parameters
    ----------
    values : pandas.Series
        Its index has the levels of `MODEL`.

    Returns
    -------
    pandas.Series
        A row for each kind of model. These are independent; its cells are not.
    """
    return values.groupby(MODEL, sort=False).mean()


def regrets(cells):
    """Say how far each strategy stays behind the best one of each cell and number of samples.

    The rule by which the presets were chosen, written down before the exploration was run: the strategy whose largest
    regret is the smallest.

    Parameters
    ----------
    cells : pandas.DataFrame
        As `read_cells` returns it; strategies that some cell lacks do not count.

    Returns
    -------
    pandas.DataFrame
        A row a strategy, the smallest largest regret first: `largest_regret`, `mean_regret`, `mean_difference` and
        `least_difference` over cells, all in shares of accuracy.
    """
    compared = cells[cells["difference"].notna()]
    wide = compared.pivot(index=[*CELL, "samples"], columns="strategy", values="difference").dropna(axis=1)
    behind = wide.max(axis=1).to_numpy()[:, None] - wide
    table = {
        "largest_regret": behind.max(),
        "mean_regret": behind.mean(),
        "mean_difference": wide.mean(),
        "least_difference": wide.min(),
    }
    return pd.DataFrame(table).sort_values("largest_regret").reset_index()


def best_peers(cells, peers):
    """Return the largest difference from control that any of some strategies has in each cell and number of samples.

    Parameters
    ----------
    cells : pandas.DataFrame
        As `read_cells` returns it.
    peers : sequence of str
        Names of strategies.

    Returns
    -------
    pandas.DataFrame
        A row a cell and number of samples: `CELL`, `samples`, `peer`, its name, and `difference`.
    """
    own = cells[cells["strategy"].isin(peers)]
    best = own.loc[own.groupby([*CELL, "samples"], sort=False)["difference"].idxmax()]
    return best.rename(columns={"strategy": "peer"})[[*CELL, "samples", "peer", "difference"]]


def summarize(cells, groups, preset, peers):
    """Say for groups of cells how a preset does against control and against its peers.

    Parameters
    ----------
    cells : pandas.DataFrame
        As `read_cells` returns it.
    groups : pandas.Series of str
        Of each row of the cells.
    preset : str
        Name of a strategy.
    peers : sequence of str
        Names of others; the best of them is what the preset is behind.

    Returns
    -------
    pandas.DataFrame
        A row a group: `group`; `comparisons`, cells times numbers of samples; `above`, `below`, in how many the
        difference is above or below 0 beyond chance (`p_holm` < 0.05); `gain`, mean difference from control; for each
        other strategy that all cells have, its name, the mean by which the preset is ahead of it; `behind`, in how many
        cells it is more than .003 behind the best peer.
    """
    rows = []
    for group, part in cells[cells["difference"].notna()].groupby(groups, sort=False):
        wide = part.pivot(index=[*CELL, "samples"], columns="strategy", values="difference")
        own = part[part["strategy"] == preset]
        ahead = {name: (wide[preset] - wide[name]).mean() for name in wide.dropna(axis=1) if name != preset}
        behind = wide[[name for name in peers if name in wide]].max(axis=1) - wide[preset]
        found = own.loc[own["p_holm"] < SIGNIFICANCE, "difference"]
        signs = {"above": int((found > 0).sum()), "below": int((found < 0).sum())}
        means = {"gain": own["difference"].mean(), **ahead, "behind": int((behind > 0.003).sum())}
        rows.append({"group": group, "comparisons": len(own), **signs, **means})
    return pd.DataFrame(rows)
