"""One table of all strategies in all settings (data, defect, pool): a row a strategy and number of samples."""

import pandas as pd

from mode_utils.study.comparisons import compare_with_control
from mode_utils.study.formatting import interval, p_value, points
from mode_utils.study.outcomes import paired_outcomes
from mode_utils.study.runs_table import POOL_COLUMNS
from mode_utils.study.significance import SIGNIFICANCE, holm

SETTING = ["dataset", "architecture", "scenario", "pool", "labelled", "n_validation", "fine_tune"]  # of its runs
MODEL = SETTING[:3]  # settings alike in these repair the same models: they are not independent evidence
WHOLE_POOL = "training and whole pool"  # the yardstick that knows all labels
_CLEAN = {"wrong_share": 0.0, "distinct_share": 1.0, "foreign_share": 0.0}


def setting_rows(runs, samples):
    """Compare the strategies of one setting with control, after some numbers of added `samples`, a row each.

    Of `runs`: `initial`, `final`, `control`, mean test accuracies in [0, 1]; `difference` = final - control with its
    95% interval `low`, `high`, and `p` (Wilcoxon, not adjusted); `POOL_COLUMNS` of all samples chosen up to there.
    """
    return pd.concat([_after(runs, n) for n in samples], ignore_index=True)


def _after(runs, n):
    rows = runs[runs["samples_added"] <= n]
    outcomes = paired_outcomes(rows)
    means = outcomes.groupby("name", sort=False)[["initial", "final", "control"]].mean()
    compared = compare_with_control(outcomes, by="name").set_index("name")
    compared = compared.rename(columns={"mean": "difference"})[["runs", "difference", "low", "high", "p"]]
    chosen = rows[(rows["strategy"] == "mode") & (rows["samples_added"] == n)]
    chosen = chosen if "wrong_share" in rows else chosen.assign(**_CLEAN)
    shares = chosen.groupby("name", sort=False)[list(POOL_COLUMNS)].mean()
    table = means.join(compared).join(shares).rename_axis("strategy").reset_index()
    table.insert(1, "samples", n)
    return table[["strategy", "samples", "runs", "initial", "final", "control", *table.columns[6:]]]


def yardstick_rows(yardsticks, initial):
    """Bring trainings of `train_yardsticks` into the form of `setting_rows`; `initial` is the mean accuracy before."""
    table = yardsticks.groupby(["name", "samples"], sort=False)["test_accuracy"].agg(["mean", "size"]).reset_index()
    table = table.rename(columns={"name": "strategy", "mean": "final", "size": "runs"})
    return table.assign(initial=initial)[["strategy", "samples", "runs", "initial", "final"]]


def read_settings(*paths):
    """Read the tables of some sweeps, and add `p_holm`, adjusted for the comparisons of a strategy in a sweep."""
    sweeps = [pd.read_csv(path) for path in paths]
    for sweep in sweeps:
        for _, family in sweep[sweep["p"].notna()].groupby("strategy"):
            sweep.loc[family.index, "p_holm"] = holm(family["p"], family["runs"])
    return pd.concat(sweeps, ignore_index=True)


def of_models(values):
    """Average values, indexed by the levels of `MODEL`, over repairs of the same models: these are independent."""
    return values.groupby(MODEL, sort=False).mean()


def regrets(settings):
    """Return how far each strategy stays behind the best of a setting; presets have the smallest `largest_regret`."""
    compared = settings[settings["difference"].notna()]
    wide = compared.pivot(index=[*SETTING, "samples"], columns="strategy", values="difference").dropna(axis=1)
    behind = wide.max(axis=1).to_numpy()[:, None] - wide
    table = {"largest_regret": behind.max(), "mean_regret": behind.mean()}
    table |= {"mean_difference": wide.mean(), "least_difference": wide.min()}
    return pd.DataFrame(table).sort_values("largest_regret").reset_index()


def beside_best_peer(settings, preset, peers):
    """Return the rows of a preset, and beside each what its best `peer` gains, `of_peer`, and by how much: `behind`."""
    keys = [*SETTING, "samples"]
    others = settings[settings["strategy"].isin(peers) & settings["difference"].notna()]
    best = others.loc[others.groupby(keys, sort=False)["difference"].idxmax(), [*keys, "strategy", "difference"]]
    named = best.rename(columns={"strategy": "peer", "difference": "of_peer"})
    table = settings[settings["strategy"] == preset].merge(named, on=keys)
    return table.assign(behind=table["of_peer"] - table["difference"])


def settings_page(table, peer):
    """Return rows of `beside_best_peer` as Markdown, named by their `cell`; `peer` is the title of the best peer."""
    text = table[["cell", "samples", "runs"]].astype({"runs": int})
    text = text.join(table[["initial", "final", "control"]].map("{:.3f}".format))
    gains = zip(table["difference"], table["low"], table["high"], strict=True)
    text["final - control (pp)"] = [f"{points(mean)} ({interval(*ends)})" for mean, *ends in gains]
    text["p (Holm)"] = table["p_holm"].map(p_value)
    text[f"{peer} (pp)"] = table["peer"] + " " + table["of_peer"].map(points)
    return text.to_markdown(index=False, disable_numparse=True, stralign="right")


def summarize(settings, groups, preset, peers):
    """Compare a preset with control and with its peers, a row for each of the `groups`, one of each row of settings.

    `comparisons`, settings times numbers of samples; `above`, `below`, how many differ from control (`p_holm` < 0.05);
    `gain`, mean difference from control; by the name of each other strategy, how far the preset is ahead of it on
    average; `behind`, in how many it is more than .003 behind the best peer.
    """
    rows = []
    for group, part in settings[settings["difference"].notna()].groupby(groups, sort=False):
        wide = part.pivot(index=[*SETTING, "samples"], columns="strategy", values="difference")
        own = part[part["strategy"] == preset]
        ahead = {name: (wide[preset] - wide[name]).mean() for name in wide.dropna(axis=1) if name != preset}
        behind = wide[[name for name in peers if name in wide]].max(axis=1) - wide[preset]
        found = own.loc[own["p_holm"] < SIGNIFICANCE, "difference"]
        signs = {"above": int((found > 0).sum()), "below": int((found < 0).sum())}
        means = {"gain": own["difference"].mean(), **ahead, "behind": int((behind > 0.003).sum())}
        rows.append({"group": group, "comparisons": len(own), **signs, **means})
    return pd.DataFrame(rows)
