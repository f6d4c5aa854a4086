"""Outcomes of runs, a row a run: what MODE and its control reached from the same model."""

import numpy as np
import pandas as pd

from mode_utils.study.runs_table import TIMES, check_runs_table, configuration

_NEEDED = ("seed", "strategy", "iteration", "samples_added", "test_accuracy", "diagnosis_accuracy", "train_accuracy",
           "weakest_label_accuracy", "finished_early")  # fmt: skip


def paired_outcomes(runs):
    """Reduce each run of `repeat_runs` to its outcome: a row for each configuration and seed.

    `initial`, `final`, `control` (at MODE's number of samples) and `control_full_budget`, test accuracies in [0, 1];
    `improvement` = final - initial and `difference` = final - control, higher is better for MODE;
    `diagnosis_difference`, the same on the held-out samples of the assessment; `weakest_label`,
    `control_weakest_label`, test accuracies; `initial_gap`, `gap`, `control_gap`, training minus held-out accuracy;
    `samples` added by MODE; `finished_early`; the `TIMES` of MODE, NaN if unknown. Missing columns, numbers out of
    range, and runs that are not pairs from the same model are a ValueError.
    """
    check_runs_table(runs, _NEEDED)
    keys = [*configuration(runs), "seed"]
    names = pd.MultiIndex.from_frame(runs[keys].drop_duplicates())
    mode, control = (_rows(runs, strategy, keys, names) for strategy in ("mode", "control"))
    groups = [rows.groupby(level=keys, sort=False) for rows in (mode, control)]
    (initial, final), (start, full) = ([end.reindex(names) for end in (each.head(1), each.tail(1))] for each in groups)
    _check(initial["test_accuracy"] == start["test_accuracy"], "MODE and control start from different models")
    at_budget = control[control["samples_added"] == final["samples_added"].reindex(control.index)].reindex(names)
    _check(at_budget["iteration"].notna(), "control has no row at MODE's number of samples")
    outcomes = {
        "initial": initial["test_accuracy"], "final": final["test_accuracy"], "control": at_budget["test_accuracy"],
        "control_full_budget": full["test_accuracy"],
        "improvement": final["test_accuracy"] - initial["test_accuracy"],
        "difference": final["test_accuracy"] - at_budget["test_accuracy"],
        "diagnosis_difference": final["diagnosis_accuracy"] - at_budget["diagnosis_accuracy"],
        "weakest_label": final["weakest_label_accuracy"],
        "control_weakest_label": at_budget["weakest_label_accuracy"],
        "initial_gap": _gap(initial), "gap": _gap(final), "control_gap": _gap(at_budget),
        "samples": final["samples_added"], "finished_early": final["finished_early"].astype(bool),
        **{name: mode.groupby(level=keys)[name].sum().reindex(names) if name in mode else np.nan for name in TIMES},
    }  # fmt: skip
    return pd.DataFrame(outcomes, index=names).reset_index()


def _rows(runs, strategy, keys, names):
    """Return the rows of a strategy by run, in the order of iterations."""
    rows = runs[runs["strategy"] == strategy].sort_values("iteration", kind="stable").set_index(keys)
    _check(pd.Series(names.isin(rows.index), names), f"no {strategy!r} rows, it is not paired")
    _check(~rows.set_index("iteration", append=True).index.to_series().duplicated(), f"{strategy!r} rows twice")
    return rows


def _gap(rows):
    return rows["train_accuracy"] - rows["diagnosis_accuracy"]


def _check(fine, what):
    if not fine.all():
        run = dict(zip(fine.index.names, fine.index[fine.to_numpy().argmin()], strict=True))
        name = ", ".join(f"{key}={run[key]}" for key in ("name", "metric", "layer_selection", "seed") if key in run)
        raise ValueError(f"run {name}: {what}")
