import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mode_utils.statistics import (
    accuracy_table,
    bootstrap_interval,
    compare_with_control,
    format_accuracy_table,
    paired_outcomes,
)

NAMES = {"layer_selection": True, "space": "pixels", "heatmap": "hci", "ranking": "best",
         "overfit_selection": "random"}  # fmt: skip


def make_run(seed, mode, control, metric="euclidean", **names):
    """Return the rows of one run; `mode` and `control` are test accuracies by iteration."""
    names = {"metric": metric, **NAMES, **names}
    rows = [
        {
            "seed": seed, "strategy": strategy, **names, "iteration": i, "samples_added": 10 * i, "seconds": 1.0,
            "test_accuracy": accuracy, "weakest_label_accuracy": accuracy / 2, "train_accuracy": 1.0,
            "diagnosis_accuracy": accuracy,
            "finished_early": len(accuracies) < len(control),
        }
        for strategy, accuracies in (("control", control), ("mode", mode))
        for i, accuracy in enumerate(accuracies)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def runs():
    parts = [make_run(0, [0.5, 0.6], [0.5, 0.7, 0.9]), make_run(1, [0.6, 0.7, 0.8], [0.6, 0.6, 0.75])]
    return pd.concat(parts, ignore_index=True)


def random_runs(shift, n_runs=20, metric="euclidean", **names):
    rng = np.random.default_rng(4)
    finals = 0.9 + 0.01 * rng.standard_normal((n_runs, 2))
    return pd.concat(
        [make_run(s, [0.8, m + shift], [0.8, c], metric, **names) for s, (m, c) in enumerate(finals)], ignore_index=True
    )


def test_control_is_read_off_at_the_number_of_samples_that_mode_used(runs):
    outcomes = paired_outcomes(runs).set_index("seed")
    assert outcomes.loc[0, ["initial", "final", "control", "control_full_budget"]].tolist() == [0.5, 0.6, 0.7, 0.9]
    assert outcomes["difference"].tolist() == pytest.approx([-0.1, 0.05])
    assert outcomes["improvement"].tolist() == pytest.approx([0.1, 0.2])
    assert outcomes["samples"].tolist() == [10, 20] and outcomes["finished_early"].tolist() == [True, False]
    assert outcomes["weakest_label"].tolist() == pytest.approx([0.3, 0.4])
    assert outcomes.loc[0, ["initial_gap", "gap", "control_gap"]].tolist() == pytest.approx([0.5, 0.4, 0.3])


def test_a_run_without_anything_to_repair_differs_by_exactly_0():
    outcome = paired_outcomes(make_run(0, [0.5], [0.5, 0.7])).iloc[0]
    assert outcome["difference"] == 0 and outcome["samples"] == 0 and outcome["finished_early"]


def test_the_accuracy_table_has_the_originals_columns_and_means_over_runs(runs):
    table = accuracy_table(runs)
    originals = ["Metric", "Initial Acc", "Final Acc", "Control Acc", "Finished Early", "Diff I-F", "Diff F-C"]
    assert table.columns[:7].tolist() == originals
    assert table.iloc[0, 1:7].tolist() == pytest.approx([0.55, 0.7, 0.725, 1, 0.15, -0.025])
    assert (
        table["Runs"].tolist() == [2] and table["Seconds"].tolist() == [2.5] and table["Samples Used"].tolist() == [15]
    )


def test_the_table_as_text_is_in_percentage_points_with_signs(runs):
    text = format_accuracy_table(accuracy_table(runs)).iloc[0]
    assert text["Diff I-F (pp)"] == "+15.00" and text["Diff F-C (pp)"] == "-2.50" and text["Final Acc"] == "0.7000"


def test_p_values_are_scipys_and_adjusted_for_the_number_of_metrics():
    runs = pd.concat([random_runs(0.01, metric=metric) for metric in ("euclidean", "manhattan", "canberra")])
    outcomes = paired_outcomes(runs)
    compared = compare_with_control(outcomes)
    p = stats.wilcoxon(outcomes.loc[outcomes["metric"] == "manhattan", "difference"]).pvalue
    assert compared["p"].tolist() == pytest.approx([p] * 3)
    assert compared["p_holm"].tolist() == pytest.approx([min(1, 3 * p)] * 3)


def test_a_real_difference_is_found_and_none_is_not_made_up():
    better, same = (compare_with_control(paired_outcomes(random_runs(shift))).iloc[0] for shift in (0.02, 0))
    assert better["low"] > 0 and better["p_holm"] < 0.01 and better["low"] < better["mean"] < better["high"]
    assert same["low"] < 0 < same["high"] and same["p_holm"] > 0.05


def test_runs_that_never_differ_have_a_p_of_1_and_an_interval_of_0():
    runs = pd.concat([make_run(seed, [0.5], [0.5, 0.6]) for seed in range(5)])
    compared = compare_with_control(paired_outcomes(runs)).iloc[0]
    assert (compared["p_holm"], compared["low"], compared["high"]) == (1, 0, 0)


def test_the_interval_can_be_repeated_and_covers_the_mean():
    values = np.random.default_rng(0).normal(1, 1, 30)
    low, high = bootstrap_interval(values)
    assert (low, high) == bootstrap_interval(values) and low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(30), rel=0.1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r[r["strategy"] == "mode"], "has no 'control' rows"),
        (lambda r: pd.concat([r, r]), "rows twice"),
        (lambda r: r.assign(test_accuracy=r["test_accuracy"].mask((r["strategy"] == "mode"), 0.1)),
         "start from different models"),
        (lambda r: r[(r["strategy"] == "mode") | (r["iteration"] == 0)], "control has no row at 10 samples"),
    ],
)  # fmt: skip
def test_runs_that_are_no_pairs_are_errors_that_name_the_run(spoil, message, runs):
    with pytest.raises(ValueError, match=f"run metric=euclidean, layer_selection=True, seed=0.*{message}"):
        paired_outcomes(spoil(runs))


def test_unlike_runs_are_not_mixed():
    runs = pd.concat([random_runs(0), random_runs(0, layer_selection=False)])
    with pytest.raises(ValueError, match="runs with different layer_selection are mixed"):
        accuracy_table(runs)
    assert len(accuracy_table(runs, by="layer_selection")) == 2


def test_a_column_of_ones_own_can_name_configurations():
    runs = pd.concat([random_runs(0), random_runs(0, layer_selection=False, space="neurons")])
    outcomes = paired_outcomes(runs)
    compared = compare_with_control(outcomes.assign(view=outcomes["space"]), by="view")
    assert compared["view"].tolist() == ["pixels", "neurons"]
    with pytest.raises(ValueError, match="runs with different layer_selection, space are mixed"):
        compare_with_control(outcomes.assign(view="all"), by="view")
    with pytest.raises(ValueError, match="unknown by 'colour'"):
        compare_with_control(outcomes, by="colour")
