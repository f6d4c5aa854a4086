import pandas as pd
import pytest
from made_runs import make_run

from mode_utils.study.comparisons import accuracy_table, format_accuracy_table


@pytest.fixture
def runs():
    """Six seeds, every other one finished early."""
    short, long = ([0.5, 0.6], [0.5, 0.7, 0.9]), ([0.6, 0.7, 0.8], [0.6, 0.6, 0.75])
    return pd.concat([make_run(seed, *(long if seed % 2 else short)) for seed in range(6)], ignore_index=True)


def test_the_accuracy_table_has_the_originals_columns_and_means_over_runs(runs):
    table = accuracy_table(runs)
    originals = ["Metric", "Initial Acc", "Final Acc", "Control Acc", "Finished Early", "Diff I-F", "Diff F-C"]
    assert table.columns[:7].tolist() == originals
    assert table.iloc[0, 1:7].tolist() == pytest.approx([0.55, 0.7, 0.725, 3, 0.15, -0.025])
    assert table[["Runs", "Samples Used"]].iloc[0].tolist() == [6, 15]


def test_the_table_holds_nothing_that_differs_each_time(runs):
    slower = runs.assign(seconds=2 * runs["seconds"])
    pd.testing.assert_frame_equal(accuracy_table(runs), accuracy_table(slower), check_exact=True)


def test_the_table_as_text_is_in_percentage_points_with_signs(runs):
    text = format_accuracy_table(accuracy_table(runs)).iloc[0]
    assert text["Diff I-F (pp)"] == "+15.00" and text["Diff F-C (pp)"] == "-2.50" and text["Final Acc"] == "0.7000"


def test_unlike_runs_make_no_table_unless_they_are_its_rows(runs):
    both = pd.concat([runs, runs.assign(layer_selection=False)])
    with pytest.raises(ValueError, match="runs with different layer_selection are mixed"):
        accuracy_table(both)
    assert len(accuracy_table(both, by="layer_selection")) == 2


def test_a_mean_of_fewer_runs_than_any_test_needs_is_no_result(runs):
    with pytest.raises(ValueError, match="5 runs of metric 'euclidean' are too few"):
        accuracy_table(runs[runs["seed"] < 5])
