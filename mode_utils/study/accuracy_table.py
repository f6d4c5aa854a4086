"""The accuracy table of the original, over paired runs and with what it lacked."""

import pandas as pd

from mode_utils.study.comparisons import compare_with_control
from mode_utils.study.formatting import interval, p_value, points
from mode_utils.study.outcomes import paired_outcomes


def accuracy_table(runs, by="metric"):
    """Summarize runs as the original's table does, and add what it lacked.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `repeated_runs.repeat_runs` returns it, of one configuration but for `by`.
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
    }
    return pd.DataFrame(table).rename_axis(by.replace("_", " ").title()).reset_index()


def format_accuracy_table(table):
    """Return the accuracy table as text: accuracies with four digits, differences in percentage points (pp)."""
    text = pd.DataFrame({table.columns[0]: table.iloc[:, 0]})
    for name in ("Initial Acc", "Final Acc", "Control Acc"):
        text[name] = table[name].map("{:.4f}".format)
    text["Finished Early"] = table["Finished Early"]
    for name in ("Diff I-F", "Diff F-C"):
        text[f"{name} (pp)"] = table[name].map(points)
    text["95% CI (pp)"] = [interval(low, high) for low, high in zip(table["CI Low"], table["CI High"], strict=True)]
    text["p (Holm)"] = table["p (Holm)"].map(p_value)
    text["Runs"] = table["Runs"]
    text["Weakest Label"] = table["Weakest Label Acc"].map("{:.3f}".format)
    text["Samples"] = table["Samples Used"].map("{:.0f}".format)
    return text
