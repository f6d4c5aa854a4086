"""Plots of a campaign: the gain of choosing over drawing, what the next round brings, what a label needs."""

import numpy as np
import seaborn as sns

from mode_utils.visualization.style import CONTROL, HELD_OUT, MARK, MODE


def plot_gains(rounds, ax):
    """Draw `gain` of each round, in [-1, 1], with its interval (thin: of all looks), and `true_gain` if known."""
    judged = rounds.dropna(subset="gain")
    x, mean = judged["round"], 100 * judged["gain"]
    for low, high, width in (("low_of_all", "high_of_all", 1.5), ("low", "high", 5)):
        ax.vlines(x, 100 * judged[low], 100 * judged[high], color=MODE, linewidth=width)
    label = "estimated from the arm, with 95% interval (thin: of all looks)"
    ax.plot(x, mean, "o", color=MODE, markersize=9, label=label)
    if "true_gain" in judged and judged["true_gain"].notna().any():
        ax.plot(x, 100 * judged["true_gain"], "D", color=MARK, label="true: many draws, by the test set")
    ax.axhline(0, color=CONTROL, linewidth=1)
    ax.set(title="What choosing gains over drawing as many at random", xticks=x)
    return _finished(ax, "after round", "gain (points of accuracy)")


def plot_forecasts(rounds, ax):
    """Draw the accuracy after each round, and before it what it was expected to bring, with its 95% interval."""
    total, seen = rounds["labels"], 100 * rounds["validation_accuracy"]
    told = rounds.dropna(subset="forecast").index
    ends, label = ("forecast_low", "forecast", "forecast_high"), "expected one round before, with 95% interval"
    x, (low, mean, high) = total[told] + total.diff().max(), (seen[told] + 100 * rounds.loc[told, end] for end in ends)
    ax.vlines(x, low, high, color=MODE, linewidth=5, alpha=0.4)
    ax.plot(x, mean, "_", color=MODE, markersize=16, label=label)
    ax.plot(total, seen, "o-", color=HELD_OUT, label="validation")
    if "test_accuracy" in rounds:
        ax.plot(total, 100 * rounds["test_accuracy"], "o--", color=MARK, label="test, hidden in a real campaign")
    ax.set(title="Accuracy after each round, and what was expected of it")
    return _finished(ax, "labels in all", "accuracy (%)")


def plot_label_curve(forecast, given, accuracies, ax, theta, name):
    """Draw the curve of a label by its own labels, its band, what was measured in it, and the line that it is to reach.

    Parameters
    ----------
    forecast : next_round.LabelForecast
    given, accuracies : (n_points,), labels of its own, and validation accuracy in [0, 1]
    theta : float, in [0, 1]
    name : str, of the label
    """
    known = [end for end in (forecast.labels, forecast.high) if np.isfinite(end)]
    end = max(1.1 * given[-1], min(1.2 * max([*known, given[-1]]), 4 * given[-1] + 100))
    x = np.linspace(0, end, 100)
    middle, low, high = 100 * np.array([forecast.curve.accuracy(n) for n in x]).T
    ax.fill_between(x, low, high, color=MODE, alpha=0.2, linewidth=0, label="95% band")
    ax.plot(x, middle, color=MODE, label="curve")
    ax.plot(given, 100 * np.asarray(accuracies), "o", color=HELD_OUT, label="validation")
    ax.axhline(100 * theta, color=MARK, linestyle="--", label="to reach")
    ax.hlines(100 * theta, min(forecast.low, end), min(forecast.high, end), color=MARK, linewidth=5)
    told = f"{forecast.low:.0f} to {forecast.high:.0f} labels" if forecast.is_told else "cannot tell yet"
    ax.set(title=f"{name}: {told}", ylim=(0, 102), xlim=(0, end))
    return _finished(ax, "labels of its own", "accuracy (%)")


def _finished(ax, xlabel, ylabel):
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend(frameon=False, fontsize="small")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_shown(gains, ax, looks=(1, 3, 5)):
    """Draw the share of campaigns in which choosing was shown to be better, a line a setting of `summarise_gains`."""
    for row, colour in zip(gains.itertuples(), sns.color_palette("colorblind", len(gains)), strict=True):
        shown = [100 * getattr(row, f"better_{look}") for look in looks]
        ax.plot(looks, shown, "o-", color=colour, label=f"{row.dataset}, {row.scenario}: {row.true_gain:+.1f} in truth")
    ax.set(title="Choosing is shown to be better", xticks=looks, ylim=(-3, 103))
    return _finished(ax, "after round", "% of campaigns")


def plot_arm_costs(costs, ax):
    """Draw what arms of some shares cost, with 95% intervals, a colour a setting of `summarise_costs`."""
    costs = costs[costs["control_share"] < 1]
    settings = costs.groupby(["dataset", "scenario"], sort=False)
    for place, (setting, part) in enumerate(settings):
        x, colour = (
            100 * part["control_share"] + (place - len(settings) / 2) * 0.3,
            sns.color_palette("colorblind")[place % 10],
        )
        ax.vlines(x, part["low"], part["high"], color=colour, linewidth=2)
        ax.plot(x, part["cost"], "o", color=colour, label=", ".join(setting))
    ax.axhline(0, color=CONTROL, linewidth=1)
    ax.set(title="What an arm costs", xticks=100 * costs["control_share"].unique())
    return _finished(ax, "share of the budget that is drawn at random (%)", "points of accuracy lost")
