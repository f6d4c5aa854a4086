import pandas as pd
import pytest
from made_runs import make_run

from mode_utils.study.outcomes import paired_outcomes


@pytest.fixture
def runs():
    parts = [make_run(0, [0.5, 0.6], [0.5, 0.7, 0.9]), make_run(1, [0.6, 0.7, 0.8], [0.6, 0.6, 0.75])]
    return pd.concat(parts, ignore_index=True)


def test_control_is_read_off_at_the_number_of_samples_that_mode_used(runs):
    outcomes = paired_outcomes(runs).set_index("seed")
    assert outcomes.loc[0, ["initial", "final", "control", "control_full_budget"]].tolist() == [0.5, 0.6, 0.7, 0.9]
    assert outcomes["difference"].tolist() == pytest.approx([-0.1, 0.05])
    assert outcomes["improvement"].tolist() == pytest.approx([0.1, 0.2])
    assert outcomes["samples"].tolist() == [10, 20] and outcomes["finished_early"].tolist() == [True, False]
    assert outcomes["weakest_label"].tolist() == pytest.approx([0.3, 0.4])
    assert outcomes.loc[0, ["initial_gap", "gap", "control_gap"]].tolist() == pytest.approx([0.5, 0.4, 0.3])


def test_seconds_are_those_of_mode_in_all_its_iterations(runs):
    assert paired_outcomes(runs)["seconds"].tolist() == [2.0, 3.0]
    assert paired_outcomes(runs.drop(columns="seconds"))["seconds"].isna().all()


def test_a_run_without_anything_to_repair_differs_by_exactly_0():
    outcome = paired_outcomes(make_run(0, [0.5], [0.5, 0.7])).iloc[0]
    assert outcome["difference"] == 0 and outcome["samples"] == 0 and outcome["finished_early"]


def test_the_difference_on_the_held_out_samples_is_kept_apart(runs):
    own = runs["diagnosis_accuracy"].mask(runs["strategy"] == "mode", runs["diagnosis_accuracy"] + 0.03)
    outcomes = paired_outcomes(runs.assign(diagnosis_accuracy=own)).set_index("seed")
    assert outcomes["diagnosis_difference"].tolist() == pytest.approx([-0.1 + 0.03, 0.05 + 0.03])


def test_configurations_and_seeds_stay_in_the_order_of_the_table(runs):
    both = pd.concat([runs.assign(metric="manhattan"), runs.assign(metric="canberra")])
    assert paired_outcomes(both)["metric"].tolist() == ["manhattan"] * 2 + ["canberra"] * 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r[r["strategy"] == "mode"], "no 'control' rows"),
        (lambda r: pd.concat([r, r]), "rows twice"),
        (lambda r: r.assign(test_accuracy=r["test_accuracy"].mask((r["strategy"] == "mode"), 0.1)),
         "start from different models"),
        (lambda r: r[(r["strategy"] == "mode") | (r["iteration"] == 0)], "control has no row at MODE"),
    ],
)  # fmt: skip
def test_runs_that_are_no_pairs_are_errors_that_name_the_run(spoil, message, runs):
    with pytest.raises(ValueError, match=f"run metric=euclidean, layer_selection=True, seed=0.*{message}"):
        paired_outcomes(spoil(runs))
