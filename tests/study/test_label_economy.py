import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mode_utils.study.label_economy import labelling_economy, learning_curves, samples_to_reach
from mode_utils.study.significance import interval_of_mean


def make_curves(slopes, samples, name="a"):
    """One run a slope: accuracy grows by the slope with each sample."""
    rows = [(name, seed, n, slope * n) for seed, slope in enumerate(slopes) for n in samples]
    return pd.DataFrame(rows, columns=["name", "seed", "samples_added", "test_accuracy"])


@pytest.mark.parametrize(("goal", "expected"), [(0.0, 0), (0.5, 50), (0.75, 100), (0.8, 200), (0.9, np.inf)])
def test_a_curve_is_linear_between_its_points(goal, expected):
    assert samples_to_reach([0, 50, 100, 200], [0.1, 0.5, 0.75, 0.8], goal) == pytest.approx(expected)


def test_a_curve_that_falls_is_read_where_it_first_gets_there():
    assert samples_to_reach([0, 10, 20, 30], [0.0, 0.5, 0.3, 0.6], 0.4) == pytest.approx(8)


def test_a_choice_that_learns_four_times_as_fast_saves_three_quarters():
    slopes = np.linspace(0.9, 1.1, 12) * 1e-4
    chosen, control = make_curves(4 * slopes, [0, 500]), make_curves(slopes, range(0, 4_001, 500))
    found = labelling_economy(chosen, control, 500)
    assert found["samples"] == pytest.approx(2_000) and found["ratio"] == pytest.approx(4)
    assert found["low"] == pytest.approx(4) and found["high"] == pytest.approx(4)  # the runs are pairs
    assert found["accuracy"] == pytest.approx(0.2) and found["measured"] == 4_000


def test_the_interval_ends_where_the_difference_from_control_stops_being_clear(rng):
    """The ends are those of the interval that covers, read off along control's curve."""
    samples, slope = list(range(0, 4_001, 250)), 1e-4
    control = make_curves(slope + 2e-6 * rng.standard_normal(20), samples)
    chosen = make_curves(4 * slope + 3e-6 * rng.standard_normal(20), [0, 500])
    found = labelling_economy(chosen, control, 500)
    assert 3.5 < found["low"] < found["ratio"] < found["high"] < 4.5
    goals = chosen.query("samples_added == 500").set_index("seed")["test_accuracy"]
    step = (found["high"] - found["low"]) / 4
    for end, above in ((found["low"], True), (found["high"], False)):
        for way, clear in ((-step, above), (step, not above)):
            at = control.groupby("seed").apply(
                lambda run, n=500 * (end + way): np.interp(n, run["samples_added"], run["test_accuracy"]),
                include_groups=False,
            )
            low, high = interval_of_mean(goals - at)
            assert (low > 0 or high < 0) == clear


def test_what_control_does_not_reach_is_not_made_up():
    found = labelling_economy(make_curves([4e-4] * 6, [0, 500]), make_curves([1e-4] * 6, [0, 500, 1_000]), 500)
    assert np.isinf([found["samples"], found["ratio"], found["low"], found["high"]]).all()
    assert found["measured"] == 1_000


def test_a_run_that_finishes_early_stays_where_it_is():
    runs = pd.concat([make_curves([1e-4], [0, 10]), make_curves([1e-4], [0, 10, 20, 30], name="b").assign(seed=1)])
    table = learning_curves(runs.assign(name="c"), 20, ["test_accuracy"])
    assert table["samples_added"].tolist() == [0, 10, 20] and table["runs"].tolist() == [2] * 3
    assert table["test_accuracy"].tolist() == pytest.approx([0, 1e-3, 1.5e-3])


def test_a_learning_curve_has_the_t_interval_of_its_mean(rng):
    values = rng.normal(0.9, 0.01, 12)
    runs = pd.DataFrame({"name": "a", "seed": range(12), "samples_added": 10, "test_accuracy": values})
    row = learning_curves(runs, 10, ["test_accuracy"]).iloc[0]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (row["test_accuracy_low"], row["test_accuracy_high"]) == pytest.approx((expected.low, expected.high))


def test_unpaired_runs_and_unknown_budgets_are_errors():
    with pytest.raises(ValueError, match=r"the choice has seeds \[0, 1\], control \[0\]"):
        labelling_economy(make_curves([1, 1], [0, 5]), make_curves([1], [0, 5]), 5)
    with pytest.raises(ValueError, match=r"not measured with 7 samples, only with \[0, 5\]"):
        labelling_economy(make_curves([1], [0, 5]), make_curves([1], [0, 5]), 7)
