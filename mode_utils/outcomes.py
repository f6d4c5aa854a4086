"""From the tidy runs table to a row a run: what MODE and its control reached from the same model.

A difference between two runs says more about their seeds than about their strategies; the difference between MODE and
control of *one* run, at the same number of added samples, does not.
"""

import numpy as np
import pandas as pd

from mode_utils.results import TIMES, configuration


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
        control, higher is better for MODE; `diagnosis_difference`, the same difference on the samples that diagnosis
        looks at; `weakest_label`, `control_weakest_label`, test accuracies of the weakest label; `initial_gap`, `gap`
        and `control_gap`, training minus diagnosis accuracy; `samples` added by MODE; `finished_early`; `seconds` of
        MODE and how many of them selecting took, NaN if unknown.

    Raises
    ------
    ValueError
        If a run has no control or two of one strategy, or if its two strategies start from different models.
    """
    groups = runs.groupby([*configuration(runs), "seed"], sort=False)
    return pd.DataFrame([{**dict(zip(groups.keys, key, strict=True)), **_outcome(run)} for key, run in groups])


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
        "diagnosis_difference": final["diagnosis_accuracy"] - at_budget["diagnosis_accuracy"],
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
