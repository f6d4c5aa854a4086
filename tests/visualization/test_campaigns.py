"""Plots of a campaign show what is known, leave out what is not, and return their axes."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mode_utils import visualization as viz
from mode_utils.repair.campaign.next_round import forecast_label

pytestmark = pytest.mark.slow

ROUNDS = pd.DataFrame(
    {
        "round": [0, 1, 2], "labels": [0, 100, 200], "validation_accuracy": [0.7, 0.8, 0.85],
        "test_accuracy": [0.71, 0.79, 0.84], "gain": [np.nan, 0.02, 0.03], "low": [np.nan, -0.01, 0.01],
        "high": [np.nan, 0.05, 0.05], "low_of_all": [np.nan, -0.02, 0.0], "high_of_all": [np.nan, 0.06, 0.06],
        "forecast": [np.nan, 0.03, 0.02], "forecast_low": [np.nan, 0.0, -0.01], "forecast_high": [np.nan, 0.06, 0.05],
        "true_gain": [np.nan, 0.025, np.nan],
    }
)  # fmt: skip
UNKNOWN = dict.fromkeys(("gain", "true_gain", "forecast", "forecast_low", "forecast_high"), np.nan)


@pytest.fixture
def ax():
    fig, ax = plt.subplots(layout="constrained")
    with warnings.catch_warnings(action="error"):
        yield ax
        fig.canvas.draw()
    plt.close(fig)


@pytest.mark.parametrize("rounds", [ROUNDS, ROUNDS.assign(**UNKNOWN), ROUNDS[:1]], ids=["all", "nothing", "no round"])
@pytest.mark.parametrize("plot", [viz.plot_gains, viz.plot_forecasts])
def test_axes_come_back_with_title_and_labels_also_where_nothing_is_known(plot, rounds, ax):
    before = rounds.copy()
    assert plot(rounds, ax) is ax and ax.get_title() and ax.get_xlabel() and ax.get_ylabel()
    pd.testing.assert_frame_equal(rounds, before)


def test_a_gain_stands_after_its_round_in_points_within_its_interval(ax):
    viz.plot_gains(ROUNDS, ax)
    dots = next(line for line in ax.lines if line.get_marker() == "o")
    assert dots.get_xydata().tolist() == [[1, 2], [2, 3]] and "points" in ax.get_ylabel()
    true = next(line for line in ax.lines if line.get_marker() == "D")
    assert np.nanmax(true.get_ydata()) == 2.5


def test_a_forecast_stands_one_round_ahead_of_what_it_is_made_of(ax):
    viz.plot_forecasts(ROUNDS, ax)
    marks = next(line for line in ax.lines if line.get_marker() == "_")
    np.testing.assert_allclose(marks.get_xydata(), [[200, 83], [300, 87]])


@pytest.mark.parametrize("right", [[2, 20, 30, 34], [0, 0, 0, 0], [40, 40, 40, 40]])
def test_the_curve_of_a_label_fits_on_its_axes_whether_its_end_is_known_or_not(right, ax):
    given = np.array([0, 20, 40, 80])
    forecast = forecast_label(given, right, 40, 0.92)
    assert viz.plot_label_curve(forecast, given, np.array(right) / 40, ax, 0.92, "ship") is ax
    assert ax.get_title().startswith("ship: ") and ("cannot tell yet" in ax.get_title()) == (not forecast.is_told)
    assert np.isfinite(ax.get_xlim()).all() and ax.get_xlim()[1] >= 80
