"""Comparisons of many runs by differences inside each run: against control, metrics, layer selection."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from mode_utils.options import CONFIGURATION
from mode_utils.study.formatting import interval, p_value, points
from mode_utils.study.outcomes import paired_outcomes
from mode_utils.study.runs_table import configuration
from mode_utils.study.significance import SIGNIFICANCE, check_enough_runs, describe, equivalence_p, holm, without_noise

MARGIN = 0.002  # of accuracy: a smaller difference does not matter
# whether there is a difference, not if there are too few runs to say, and whether they are equivalent
_VERDICTS = {(True, True): "different, by less than the margin", (False, True): "equivalent",
             (True, False): "different", (False, False): "undecided"}  # fmt: skip
_ACCURACY_TABLE = {"initial": "Initial Acc", "final": "Final Acc", "control": "Control Acc",
                   "finished_early": "Finished Early", "improvement": "Diff I-F", "difference": "Diff F-C",
                   "runs": "Runs", "low": "CI Low", "high": "CI High", "p_holm": "p (Holm)",
                   "weakest_label": "Weakest Label Acc", "samples": "Samples Used",
                   "control_full_budget": "Control Acc (full budget)"}  # fmt: skip


def compare_with_control(runs, by="metric", random_state=0):
    """Test whether MODE ends above or below its control, for each value of `by`: an option, or a column of names.

    `runs` are of `repeat_runs` or `paired_outcomes`, of one configuration but for `by`. Mixed configurations, a seed
    that comes twice or is not paired, and fewer runs than `MIN_RUNS` are a ValueError.

    A row a value of `by`: `runs`; `mean`, `low`, `high`, mean difference and its 95% interval, in shares; `p`, two-
    sided Wilcoxon signed-rank test without differences of 0; `p_holm`, adjusted for the number of rows, NaN where the
    runs are too few for so many; `rank_biserial`, effect size in [-1, 1]; `won`, `lost`, shares of seeds beyond 0.
    """
    return compare_differences(_outcomes_of_one_configuration(runs, by), by, random_state)


def compare_differences(outcomes, by, random_state=0):
    """Test whether paired differences, a row of `outcomes` each, lie above or below 0; see `compare_with_control`."""
    rows = []
    for value, group in outcomes.groupby(by, sort=False):
        check_enough_runs(len(group), f"runs of {by} {value!r}")
        if "seed" in group:
            _check_seeds(group["seed"], f"{by} {value!r}")
        rows.append({by: value} | describe(group["difference"].to_numpy(), random_state))
    return _with_holm(rows)


@dataclass(frozen=True)
class MetricComparison:
    """Whether metrics differ from one another, all compared in the same runs.

    `statistic` and `p` are of Friedman's test that none differs (p is 1 if no run tells any two apart); `ranks` the
    mean rank of each metric, 1 is the best; `pairs` as of `compare_differences`, `first` minus `second`, Holm over all.
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
    """Test whether at least three metrics differ by `value`, higher is better: Friedman's test first, then each pair.

    Errors as of `compare_with_control`. Demsar, JMLR 7 (2006); signed-rank tests then: Benavoli et al., JMLR 17 (2016).
    """
    wide = _pivot(_outcomes_of_one_configuration(runs, by), by, value)
    if wide.shape[1] < 3:
        raise ValueError(f"comparing metrics takes at least three, not {list(wide)}")
    pairs = combinations(wide, 2)
    pairs = [{"first": a, "second": b} | describe((wide[a] - wide[b]).to_numpy(), random_state) for a, b in pairs]
    wide = without_noise(wide)  # only now: of what is rounded, differences are not
    statistic, p = (0.0, 1.0) if (wide.nunique(axis=1) == 1).all() else stats.friedmanchisquare(*wide.to_numpy().T)
    ranks = wide.rank(axis=1, ascending=False).mean()
    return MetricComparison(len(wide), float(statistic), float(p), ranks, _with_holm(pairs))


def compare_layer_selection(runs, by="metric", value="final", margin=MARGIN, random_state=0):
    """Test whether layer selection changes the outcome, and whether it demonstrably does not: is less than `margin`.

    A row a value of `by`: `compare_differences` of with minus without, of a seed's means; `p_equivalence`, two one-
    sided tests, and `p_equivalence_holm`; `verdict`: "equivalent" or "different" at the 5% level after Holm, both
    ("different, by less than the margin"), or "undecided".
    """
    outcomes = paired_outcomes(runs) if "strategy" in runs else runs
    means = outcomes.groupby([by, "seed", "layer_selection"], sort=False)[value].mean().unstack()
    if not {True, False} <= set(means) or means.isna().to_numpy().any():
        raise ValueError(f"each {by} and seed is needed with and without layer selection")
    effects = (means[True] - means[False]).rename("difference").reset_index()
    table = compare_differences(effects, by, random_state)
    p_values = [equivalence_p(group["difference"], margin) for _, group in effects.groupby(by, sort=False)]
    table = table.assign(p_equivalence=p_values, p_equivalence_holm=holm(p_values))
    found = (table[["p_holm", "p_equivalence_holm"]] < SIGNIFICANCE).itertuples(index=False, name=None)
    return table.assign(verdict=[_VERDICTS[each] for each in found])


def accuracy_table(runs, by="metric"):
    """Return means over runs of one configuration but for `by`, which makes the rows, as the original's table and more.

    Accuracies and differences are in [0, 1]; `Diff I-F` is final minus initial, `Diff F-C` final minus control (higher
    is better for MODE in both); `Finished Early` counts runs.
    """
    outcomes = paired_outcomes(runs)
    compared = compare_with_control(outcomes, by).set_index(by)[["runs", "low", "high", "p_holm"]]
    groups = outcomes.groupby(by, sort=False)
    means = groups.mean(numeric_only=True).assign(finished_early=groups["finished_early"].sum())
    table = means.join(compared)[list(_ACCURACY_TABLE)].rename(columns=_ACCURACY_TABLE)
    return table.rename_axis(by.replace("_", " ").title()).reset_index()


def format_accuracy_table(table):
    """Return the accuracy table as text: accuracies with four digits, differences in percentage points (pp)."""
    text = pd.DataFrame({table.columns[0]: table.iloc[:, 0]})
    accuracies = ["Initial Acc", "Final Acc", "Control Acc"]
    text[accuracies] = table[accuracies].map("{:.4f}".format)
    text["Finished Early"] = table["Finished Early"]
    for name in ("Diff I-F", "Diff F-C"):
        text[f"{name} (pp)"] = table[name].map(points)
    text["95% CI (pp)"] = [interval(low, high) for low, high in zip(table["CI Low"], table["CI High"], strict=True)]
    text["p (Holm)"] = table["p (Holm)"].map(p_value)
    weakest, samples = table["Weakest Label Acc"].map("{:.3f}".format), table["Samples Used"].map("{:.0f}".format)
    return text.assign(**{"Runs": table["Runs"], "Weakest Label": weakest, "Samples": samples})


def _with_holm(rows):
    table = pd.DataFrame(rows)
    table.insert(table.columns.get_loc("p") + 1, "p_holm", holm(table["p"], table["runs"]))
    return table


def _pivot(outcomes, by, value):
    for name, group in outcomes.groupby(by, sort=False):
        _check_seeds(group["seed"], f"{by} {name!r}")
    wide = outcomes.pivot(index="seed", columns=by, values=value)[list(outcomes[by].unique())]
    if (lacking := wide.isna().stack()).any():
        seed, name = lacking.index[lacking.to_numpy().argmax()]
        raise ValueError(f"{by} {name!r} lacks seed {seed}: the runs are not paired")
    check_enough_runs(len(wide))
    return wide


def _check_seeds(seeds, name):
    if len(twice := seeds[seeds.duplicated()]):
        raise ValueError(f"{name} has seed {twice.iloc[0]} twice")


def _outcomes_of_one_configuration(runs, by):
    outcomes = paired_outcomes(runs) if "strategy" in runs else runs
    if by not in outcomes:
        raise ValueError(f"unknown by {by!r}; choose from {', '.join(CONFIGURATION)}, or add a column of this name")
    options = [name for name in configuration(outcomes) if name != by]
    per_group = outcomes.groupby(by)[options].nunique()
    varying = per_group.columns[(per_group > 1).any()]
    if by in CONFIGURATION:
        varying = [name for name in options if outcomes[name].nunique() > 1]
    if len(varying):
        raise ValueError(f"runs with different {', '.join(varying)} are mixed: take one value of each")
    return outcomes
