"""Plots of what becomes of the accuracy: MODE, its control, and other strategies."""

import numpy as np
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from scipy.optimize import isotonic_regression

from mode_utils.visualization.style import CONTROL, MODE

_MARKERS = ("^", "v", "s", "D", "P", "X")
_MOST_COLOURED = 5  # lines of different colours that are told apart at a glance
_LINE_HEIGHT = 1.6  # of a name at a line, in font sizes


def plot_learning_curves(runs, ax, accuracy="test_accuracy"):
    """Draw accuracy against samples added, MODE and control: mean and 95% interval, each point of the same runs."""
    filled, n_runs = _fill_finished_runs(runs, accuracy), runs["seed"].nunique()
    palette = {"mode": MODE, "control": CONTROL}
    sns.lineplot(filled, x="samples_added", y=accuracy, hue="strategy", style="strategy", markers=True, palette=palette,
                 hue_order=list(palette), style_order=list(palette), errorbar=("ci", 95), seed=0, ax=ax)  # fmt: skip
    what = f"mean and 95% interval of {n_runs} runs" if n_runs > 1 else "one run"
    ax.set(xlabel="samples added", ylabel=accuracy.replace("_", " "))
    ax.set_title(f"Retraining step by step ({what})")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    ax.get_legend().remove()
    ends = filled[filled["samples_added"] == filled["samples_added"].max()].groupby("strategy")[accuracy].mean()
    _name_lines(ax, {"MODE": (ends["mode"], MODE), "control": (ends["control"], "0.35")})
    return ax


def plot_strategies(curves, ax, main, accuracy="test_accuracy"):
    """Draw `label_economy.learning_curves`: at most five `main` ones by name, with a 95% band; all others in grey."""
    if len(main) > _MOST_COLOURED:
        names = ", ".join(main)
        raise ValueError(f"{len(main)} strategies in colour; at most {_MOST_COLOURED} are told apart: {names}")
    others = curves[~curves["name"].isin(main)].groupby("samples_added")[accuracy].agg(["min", "max"])
    n_others, ends = curves["name"].nunique() - len(main), {}
    if n_others:
        label = f"range of {n_others} other strategies"
        ax.fill_between(others.index, others["min"], others["max"], color="0.8", linewidth=0, label=label)
    for name, color in zip(main, sns.color_palette("colorblind", len(main)), strict=True):
        own = curves[curves["name"] == name]
        ax.plot(own["samples_added"], own[accuracy], "o-", color=color, linewidth=2, label=name, zorder=3)
        low, high = (own[f"{accuracy}_{end}"] for end in ("low", "high"))
        ax.fill_between(own["samples_added"], low, high, color=color, alpha=0.2, linewidth=0)
        ends[name] = own[accuracy].iloc[-1], color
    ax.set(xlabel="samples added", ylabel=accuracy.replace("_", " "))
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    _name_lines(ax, ends)
    if n_others:
        ax.legend(handles=ax.collections[:1], loc="lower right", frameon=False, fontsize=9)
    return ax


def plot_differences(compared, ax, outcomes=None, what="final - control", better="MODE is better"):
    """Draw a row of `compare_with_control` each, and the `outcomes` behind it; `better` tells what right of 0 means."""
    by = compared.columns[0]
    names = compared[by].astype(str)
    if outcomes is not None:
        rows = outcomes[by].astype(str).map({name: row for row, name in enumerate(names)})
        jitter = np.random.default_rng(0).uniform(-0.2, 0.2, len(rows))
        ax.scatter(100 * outcomes["difference"], rows + jitter, color=CONTROL, s=16, alpha=0.6, linewidths=0)
    _draw_intervals(ax, compared, "mean", np.arange(len(names)), names, color=MODE, capsize=3)
    ax.set(xlabel=f"{what}, percentage points (right: {better})", ylabel=by.replace("_", " "))
    ax.set_title(f"{what}: mean, 95% interval and the {compared['runs'].max()} runs")
    return ax


def plot_settings(settings, ax, strategy, peers):
    """Draw what a strategy and its peers gain in each `cell` of `read_settings`, with one number of samples."""
    rows = {name: row for row, name in enumerate(settings["cell"].unique())}
    for peer, marker, color in zip(peers, _MARKERS, sns.color_palette("colorblind", len(peers)), strict=False):
        own = settings[settings["strategy"] == peer]
        style = {"color": color, "markersize": 5, "alpha": 0.8, "label": peer}
        ax.plot(100 * own["difference"], own["cell"].map(rows), marker, **style)
    own = settings[settings["strategy"] == strategy]
    bars = {"color": "black", "capsize": 2, "markersize": 5, "label": f"{strategy}, 95% interval"}
    _draw_intervals(ax, own, "difference", own["cell"].map(rows), list(rows), **bars)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.set(xlabel="gain over control, percentage points", ylabel="data, defect, pool, labels")
    return ax


def _draw_intervals(ax, table, mean, rows, names, **style):
    """Draw means with their 95% intervals, in percentage points, at some of the named rows."""
    mean, low, high = (100 * table[name].to_numpy() for name in (mean, "low", "high"))
    ax.errorbar(mean, rows, xerr=[mean - low, high - mean], fmt="o", zorder=3, **style)
    ax.axvline(0, color="0.3", linewidth=1)
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)


def plot_gain_map(gains, ax, significant=None):
    """Draw gains, in percentage points, as a table of colours, white at 0; `significant` ones are starred and bold."""
    limit = np.nanmax(np.abs(gains.to_numpy()))
    marked = np.zeros(gains.shape, dtype=bool) if significant is None else significant.to_numpy()
    written = np.vectorize(lambda gain, mark: f"{gain:+.1f}{'*' * bool(mark)}")(gains.to_numpy(), marked)
    scale, bar = {"cmap": "RdBu", "vmin": -limit, "vmax": limit}, {"label": "gain over control, percentage points"}
    sns.heatmap(gains, annot=written, fmt="", linewidths=1, ax=ax, cbar_kws=bar, **scale)
    for text, mark, gain in zip(ax.texts, marked.ravel(), gains.to_numpy().ravel(), strict=True):
        if mark:
            text.set_weight("bold")
        elif significant is not None and abs(gain) < limit / 2:
            text.set_color("0.35")
    ax.set(xlabel="", ylabel="")
    ax.tick_params(axis="both", rotation=0)
    return ax


def plot_share_map(gains, ax, best):
    """Draw what each share (columns) gains for each number of classes (rows), and frame the `best` of each row."""
    plot_gain_map(100 * gains, ax)
    for row, number in enumerate(gains.index):
        column = list(gains.columns).index(best[number])
        ax.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor="black", linewidth=2.5, zorder=3))
    ax.set(xlabel="alpha, share of the batch that is selected", ylabel="classes")
    return ax


def _name_lines(ax, ends):
    """Write names beside the ends of their lines (by name: height and colour), moved apart where they would overlap."""
    size, (low, high) = 9, ax.get_ylim()
    points = ax.get_position().height * ax.figure.get_size_inches()[1] * 72
    apart, names = _LINE_HEIGHT * size * (high - low) / points, sorted(ends, key=lambda name: ends[name][0])
    steps = apart * np.arange(len(names))
    moved = isotonic_regression([ends[name][0] for name in names] - steps).x  # each as little as possible
    heights = np.clip(moved, low + apart / 2, high - apart / 2 - steps[-1]) + steps
    x = max(line.get_xdata()[-1] for line in ax.lines if len(line.get_xdata()))
    for name, height in zip(names, heights, strict=True):
        dark = 0.7 * np.array(to_rgb(ends[name][1]))  # enough for small print
        line = {"arrowstyle": "-", "color": dark, "linewidth": 0.7, "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 3}
        style = {"color": dark, "fontsize": size, "va": "center", "weight": "bold", "arrowprops": line}
        ax.annotate(name, (x, ends[name][0]), (18, height), textcoords=("offset points", "data"), **style)


def _fill_finished_runs(runs, accuracy):
    """Stop each control where its MODE run finished, and carry the last accuracies forward."""
    budgets = runs[runs["strategy"] == "mode"].groupby("seed")["samples_added"].max()
    paired = runs[runs["samples_added"] <= runs["seed"].map(budgets)]
    wide = paired.pivot_table(index=["strategy", "seed"], columns="samples_added", values=accuracy)
    return wide.ffill(axis=1).stack().rename(accuracy).reset_index()


def plot_rounds(rounds, ax):
    """Draw a row of `rounds` each: `total` added so far, (`test_`)`accuracy_before` and `accuracy_after`, in [0, 1]."""
    added = [0, *rounds["total"]]
    for name, prefix, colour in (("validation", "", MODE), ("test", "test_", CONTROL)):
        if f"{prefix}accuracy_after" in rounds:
            accuracies = [rounds[f"{prefix}accuracy_before"].iloc[0], *rounds[f"{prefix}accuracy_after"]]
            ax.plot(added, 100 * np.array(accuracies), "o-", color=colour, label=name)
            ax.annotate(f" {name}", (added[-1], 100 * accuracies[-1]), va="center", color=colour)
    ax.set(title="Round after round", xlabel="samples added", ylabel="accuracy (%)", xticks=added)
    ax.margins(x=0.12)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
