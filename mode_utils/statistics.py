"""From the tidy runs table to the accuracy table: differences are taken inside a run, and only then averaged.

A difference between two runs says more about their seeds than about their strategies; the difference between MODE and
control of *one* run, at the same number of added samples, does not.
"""

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mode_utils.results import CONFIGURATION, TIMES, configuration

_CONFIDENCE = 0.95
_RESAMPLES = 9_999


def paired_outcomes(runs):
    """Reduce each run to its outcome: a row for each configuration and seed.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `runs.repeat_runs` returns it; with or without `seconds`.

    Returns
    -------
    pandas.DataFrame
        The configuration and `seed`; `initial`, `final`, `control` (read off at MODE's number of samples) and
        `control_full_budget`, test accuracies in [0, 1]; `improvement` = final - initial and `difference` = final -
        control, higher is better for MODE; `weakest_label`, `control_weakest_label`, test accuracies of the weakest
        label; `initial_gap`, `gap` and `control_gap`, training minus diagnosis accuracy; `samples` added by MODE;
        `finished_early`; `seconds` of MODE and how many of them selecting took, NaN if unknown.

    Raises
    ------
    ValueError
        If a run has no control or two of one strategy, or if its two strategies start from different models.
    """
    groups = runs.groupby([*configuration(runs), "seed"], sort=False)
    return pd.DataFrame([{**dict(zip(groups.keys, key, strict=True)), **_outcome(run)} for key, run in groups])


def compare_with_control(outcomes, by="metric", random_state=0):
    """Test whether MODE ends above or below its control.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        As `paired_outcomes` returns it, of one configuration but for `by`.
    by : str
        Column whose values are compared with control, each for itself: an option, or a column that you have added and
        that names whole configurations.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        A row a value of `by`: `runs`; `mean`, `low`, `high`, mean difference and its 95% bootstrap interval (BCa), in
        shares; `p`, two-sided Wilcoxon signed-rank test, in which runs without a difference do not count; `p_holm`,
        adjusted for the number of rows.

    Raises
    ------
    ValueError
        If other columns of the configuration vary, so that unlike runs would be mixed.

    References
    ----------
    Holm, Scand. J. Statist. 6 (1979); Efron, JASA 82 (1987), doi 10.1080/01621459.1987.10478410.
    """
    _check_one_configuration(outcomes, by)
    return compare_differences(outcomes, by, random_state)


def compare_differences(outcomes, by, random_state=0):
    """Test whether paired differences lie above or below 0: `compare_with_control` for the differences of one's own.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        A row a pair, with the columns `difference` and `by`.
    by, random_state
        See `compare_with_control`.

    Returns
    -------
    pandas.DataFrame
        As `compare_with_control` returns it.
    """
    rows = []
    for value, group in outcomes.groupby(by, sort=False):
        differences = group["difference"].to_numpy()
        low, high = bootstrap_interval(differences, random_state)
        interval = {"mean": differences.mean(), "low": low, "high": high}
        rows.append({by: value, "runs": len(differences), **interval, "p": _wilcoxon(differences)})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=multipletests(table["p"], method="holm")[1])


def accuracy_table(runs, by="metric"):
    """Summarize runs as the original's table does, and add what it lacked.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `runs.repeat_runs` returns it, of one configuration but for `by`.
    by : str
        What makes a row.

    Returns
    -------
    pandas.DataFrame
        A row a value of `by`, means over runs. Accuracies and their differences are in [0, 1]; `Diff I-F` is final
        minus initial, `Diff F-C` final minus control (higher is better for MODE in both); `Finished Early` counts runs.

    Raises
    ------
    ValueError
        See `paired_outcomes` and `compare_with_control`.
    """
    outcomes = paired_outcomes(runs)
    compared = compare_with_control(outcomes, by).set_index(by)
    means = outcomes.groupby(by, sort=False).mean(numeric_only=True)
    table = {
        "Initial Acc": means["initial"],
        "Final Acc": means["final"],
        "Control Acc": means["control"],
        "Finished Early": outcomes.groupby(by, sort=False)["finished_early"].sum(),
        "Diff I-F": means["improvement"],
        "Diff F-C": means["difference"],
        "Runs": compared["runs"],
        "CI Low": compared["low"],
        "CI High": compared["high"],
        "p (Holm)": compared["p_holm"],
        "Weakest Label Acc": means["weakest_label"],
        "Samples Used": means["samples"],
        "Control Acc (full budget)": means["control_full_budget"],
        "Seconds": means["seconds"],
    }
    return pd.DataFrame(table).rename_axis(by.replace("_", " ").title()).reset_index()


def format_accuracy_table(table):
    """Return the accuracy table as text: accuracies with four digits, differences in percentage points (pp)."""
    text = pd.DataFrame({table.columns[0]: table.iloc[:, 0]})
    for name in ("Initial Acc", "Final Acc", "Control Acc"):
        text[name] = table[name].map("{:.4f}".format)
    text["Finished Early"] = table["Finished Early"]
    for name in ("Diff I-F", "Diff F-C"):
        text[f"{name} (pp)"] = (100 * table[name]).map("{:+.2f}".format)
    text["95% CI (pp)"] = [
        f"{100 * low:+.2f} to {100 * high:+.2f}" for low, high in zip(table["CI Low"], table["CI High"], strict=True)
    ]
    text["p (Holm)"] = table["p (Holm)"].map("{:.3f}".format)
    text["Runs"] = table["Runs"]
    text["Weakest Label"] = table["Weakest Label Acc"].map("{:.3f}".format)
    text["Samples"] = table["Samples Used"].map("{:.0f}".format)
    text["Seconds"] = table["Seconds"].map("{:.2f}".format)
    return text


def bootstrap_interval(values, random_state=0):
    """Return low and high of the 95% BCa bootstrap interval of the mean; both the mean if all values are equal."""
    values = np.asarray(values)
    if len(values) < 2 or np.ptp(values) == 0:
        return values.mean(), values.mean()
    result = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=_CONFIDENCE,
        rng=np.random.default_rng(random_state),
    )
    return result.confidence_interval.low, result.confidence_interval.high


def _wilcoxon(differences):
    return 1.0 if np.all(differences == 0) else float(stats.wilcoxon(differences).pvalue)


def _outcome(run):
    mode, control = (_strategy(run, name) for name in ("mode", "control"))
    if mode["test_accuracy"].iloc[0] != control["test_accuracy"].iloc[0]:
        raise ValueError(f"run {_name(run)}: MODE and control start from different models, so they are no pair")
    final = mode.iloc[-1]
    same_budget = control[control["samples_added"] == final["samples_added"]]
    if same_budget.empty:
        raise ValueError(f"run {_name(run)}: control has no row at {final['samples_added']} samples")
    at_budget = same_budget.iloc[0]
    return {
        "initial": mode["test_accuracy"].iloc[0],
        "final": final["test_accuracy"],
        "control": at_budget["test_accuracy"],
        "control_full_budget": control["test_accuracy"].iloc[-1],
        "improvement": final["test_accuracy"] - mode["test_accuracy"].iloc[0],
        "difference": final["test_accuracy"] - at_budget["test_accuracy"],
        "weakest_label": final["weakest_label_accuracy"],
        "control_weakest_label": at_budget["weakest_label_accuracy"],
        "initial_gap": _gap(mode.iloc[0]),
        "gap": _gap(final),
        "control_gap": _gap(at_budget),
        "samples": final["samples_added"],
        "finished_early": bool(final["finished_early"]),
        **{name: mode[name].sum() if name in mode else np.nan for name in TIMES},
    }


def _gap(row):
    return row["train_accuracy"] - row["diagnosis_accuracy"]


def _strategy(run, name):
    rows = run[run["strategy"] == name].sort_values("iteration")
    if rows.empty:
        raise ValueError(f"run {_name(run)} has no {name!r} rows: it is not paired")
    if rows["iteration"].duplicated().any():
        raise ValueError(f"run {_name(run)} has {name!r} rows twice")
    return rows


def _name(run):
    return ", ".join(f"{column}={run[column].iloc[0]}" for column in ("metric", "layer_selection", "seed"))


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
