"""Plots of what becomes of the accuracy: MODE, its control, and other strategies."""

import numpy as np
import seaborn as sns
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from mode_utils.visualization.style import CONTROL, MODE

_MARKERS = ("^", "v", "s", "D", "P", "X")


def plot_learning_curves(runs, ax, accuracy="test_accuracy"):
    """Draw accuracy against samples added, MODE and control, the mean over runs and its 95% interval.

    Where MODE finishes early, the run's two curves stay where they are from there on: each point is a mean over the
    same runs, and MODE and control always have the same number of samples.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `repeated_runs.repeat_runs` returns it.
    ax : matplotlib.axes.Axes
    accuracy : str
        Name of the column to draw.

    Returns
    -------
    matplotlib.axes.Axes
    """
    filled = _fill_finished_runs(runs, accuracy)
    palette = {"mode": MODE, "control": CONTROL}
    sns.lineplot(
        filled, x="samples_added", y=accuracy, hue="strategy", style="strategy", markers=True, palette=palette,
        hue_order=["mode", "control"], style_order=["mode", "control"], errorbar=("ci", 95), seed=0, ax=ax,
    )  # fmt: skip
    n_runs = runs["seed"].nunique()
    what = f"mean and 95% interval of {n_runs} runs" if n_runs > 1 else "one run"
    ax.set(xlabel="samples added", ylabel=accuracy.replace("_", " "))
    ax.set_title(f"Retraining step by step ({what})")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    ax.legend(ax.get_legend().legend_handles, ["MODE", "control"], frameon=False)
    return ax


def plot_strategies(curves, ax, main, accuracy="test_accuracy"):
    """Draw the learning curves of many strategies: some with a 95% band, the others as thin lines.

    Parameters
    ----------
    curves : pandas.DataFrame
        As `label_economy.learning_curves` returns it.
    ax : matplotlib.axes.Axes
    main : sequence of str
        Names to draw with a band, first in the legend.
    accuracy : str
        Name of the column to draw.

    Returns
    -------
    matplotlib.axes.Axes
    """
    colors = dict(zip(main, sns.color_palette("colorblind", len(main)), strict=True))
    others = [name for name in curves["name"].unique() if name not in colors]
    styles = ("-", "--", ":", "-.")
    for name, color in colors.items():
        own = curves[curves["name"] == name]
        ax.plot(own["samples_added"], own[accuracy], "o-", color=color, linewidth=2, label=name, zorder=3)
        low, high = (own[f"{accuracy}_{end}"] for end in ("low", "high"))
        ax.fill_between(own["samples_added"], low, high, color=color, alpha=0.2, linewidth=0)
    for place, name in enumerate(others):
        own, shade = curves[curves["name"] == name], str(0.35 + 0.1 * (place // len(styles)))
        style = styles[place % len(styles)]
        ax.plot(own["samples_added"], own[accuracy], style, color=shade, linewidth=1, label=name)
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    ax.set(xlabel="samples added", ylabel=accuracy.replace("_", " "))
    ax.set_xticks(curves["samples_added"].unique())
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    return ax


def plot_differences(compared, ax, outcomes=None, what="final - control", better="MODE is better"):
    """Draw a mean difference with its 95% interval, a row a metric, and the single runs behind it.

    Parameters
    ----------
    compared : pandas.DataFrame
        As `comparisons.compare_with_control` returns it.
    ax : matplotlib.axes.Axes
    outcomes : pandas.DataFrame, optional
        As `outcomes.paired_outcomes` returns it, for the single runs.
    what, better : str
        The difference, and what it means to be right of 0.

    Returns
    -------
    matplotlib.axes.Axes
    """
    by = compared.columns[0]
    names = compared[by].astype(str)
    if outcomes is not None:
        rows = outcomes[by].astype(str).map({name: row for row, name in enumerate(names)})
        jitter = np.random.default_rng(0).uniform(-0.2, 0.2, len(rows))
        ax.scatter(100 * outcomes["difference"], rows + jitter, color=CONTROL, s=16, alpha=0.6, linewidths=0)
    mean, low, high = (100 * compared[name].to_numpy() for name in ("mean", "low", "high"))
    ax.errorbar(mean, np.arange(len(names)), xerr=[mean - low, high - mean], fmt="o", color=MODE, capsize=3, zorder=3)
    ax.axvline(0, color="0.3", linewidth=1)
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set(xlabel=f"{what}, percentage points (right: {better})", ylabel=by.replace("_", " "))
    ax.set_title(f"{what}: mean, 95% interval and the {compared['runs'].max()} runs")
    return ax


def plot_cells(cells, ax, strategy, peers):
    """Draw what a strategy gains over control in each cell, with its 95% interval, and what its peers gain.

    Parameters
    ----------
    cells : pandas.DataFrame
        As `study.strategy_table.read_cells` returns it, of one number of samples; `cell` names the rows of the plot.
    ax : matplotlib.axes.Axes
    strategy : str
    peers : sequence of str

    Returns
    -------
    matplotlib.axes.Axes
    """
    rows = {name: row for row, name in enumerate(cells["cell"].unique())}
    for peer, marker, color in zip(peers, _MARKERS, sns.color_palette("colorblind", len(peers)), strict=False):
        own = cells[cells["strategy"] == peer]
        ax.plot(
            100 * own["difference"], own["cell"].map(rows), marker, color=color, markersize=5, alpha=0.8, label=peer
        )
    own = cells[cells["strategy"] == strategy]
    mean, low, high = (100 * own[name].to_numpy() for name in ("difference", "low", "high"))
    bars = {"xerr": [mean - low, high - mean], "fmt": "o", "color": "black", "capsize": 2, "markersize": 5}
    ax.errorbar(mean, own["cell"].map(rows), **bars, label=f"{strategy}, 95% interval", zorder=3)
    ax.axvline(0, color="0.3", linewidth=1)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.set(xlabel="gain over control, percentage points", ylabel="data, defect, pool, labels")
    return ax


def plot_gain_map(gains, ax):
    """Draw gains over control as a table of colours, white at 0.

    Parameters
    ----------
    gains : (n_rows, n_columns) pandas.DataFrame
        In percentage points; the colours are cut at the third quartile of their sizes.
    ax : matplotlib.axes.Axes

    Returns
    -------
    matplotlib.axes.Axes
    """
    limit = np.nanquantile(np.abs(gains.to_numpy()), 0.75)
    sns.heatmap(
        gains, annot=True, fmt="+.1f", cmap="RdBu", vmin=-limit, vmax=limit, linewidths=1, ax=ax,
        cbar_kws={"label": "gain over control, percentage points", "extend": "both"},
    )  # fmt: skip
    ax.set(xlabel="", ylabel="")
    ax.tick_params(axis="both", rotation=0)
    return ax


def plot_share_map(gains, ax, best):
    """Draw what each share gains for each number of classes, and frame the best of each row.

    Parameters
    ----------
    gains : (n_numbers, n_alphas) pandas.DataFrame
        In shares of accuracy; numbers of classes are its index, alphas its columns.
    ax : matplotlib.axes.Axes
    best : pandas.Series
        The best alpha by number of classes.

    Returns
    -------
    matplotlib.axes.Axes
    """
    plot_gain_map(100 * gains, ax)
    for row, number in enumerate(gains.index):
        column = list(gains.columns).index(best[number])
        ax.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor="black", linewidth=2.5, zorder=3))
    ax.set(xlabel="alpha, share of the batch that is selected", ylabel="classes")
    return ax


def _fill_finished_runs(runs, accuracy):
    """Stop each control where its MODE run finished, and carry the last accuracies forward."""
    budgets = runs[runs["strategy"] == "mode"].groupby("seed")["samples_added"].max()
    paired = runs[runs["samples_added"] <= runs["seed"].map(budgets)]
    wide = paired.pivot_table(index=["strategy", "seed"], columns="samples_added", values=accuracy)
    return wide.ffill(axis=1).stack().rename(accuracy).reset_index()


def plot_rounds(rounds, ax):
    """Draw what became of the accuracy, round after round.

    Parameters
    ----------
    rounds : pandas.DataFrame
        A row a round: `total`, samples added so far, `accuracy_before` and `accuracy_after`, in [0, 1], and, if there
        is a test set, `test_accuracy_before` and `test_accuracy_after`.
    ax : matplotlib.axes.Axes

    Returns
    -------
    matplotlib.axes.Axes
    """
    added = [0, *rounds["total"]]
    for name, prefix, colour in (("validation", "", MODE), ("test", "test_", CONTROL)):
        if f"{prefix}accuracy_after" not in rounds:
            continue
        accuracies = [rounds[f"{prefix}accuracy_before"].iloc[0], *rounds[f"{prefix}accuracy_after"]]
        ax.plot(added, 100 * np.array(accuracies), "o-", color=colour, label=name)
        ax.annotate(f" {name}", (added[-1], 100 * accuracies[-1]), va="center", color=colour)
    ax.set(title="Round after round", xlabel="samples added", ylabel="accuracy (%)", xticks=added)
    ax.margins(x=0.12)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
