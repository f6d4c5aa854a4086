"""Plots of what many runs say together: which metrics differ, who wins by chance, and how many runs it takes."""

import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import StrMethodFormatter

from mode_utils.study.comparisons import SIGNIFICANCE
from mode_utils.study.formatting import p_equals
from mode_utils.visualization.style import CONTROL, MARK, MODE


def plot_critical_differences(comparison, ax, limits=None):
    """Draw mean ranks of a `MetricComparison`, and bars that join metrics not told apart (Demsar, JMLR 7, 2006)."""
    ranks = comparison.ranks.sort_values()
    rows = np.arange(len(ranks))
    low, high = limits or (ranks.min() - 0.25, ranks.max() + 0.25)
    ax.hlines(rows, low, ranks, color="0.88", linewidth=1.5)
    ax.plot(ranks, rows, "o", color=MODE)
    for row, rank in enumerate(ranks):
        ax.annotate(f"{rank:.1f}", (rank, row), (7, 0), textcoords="offset points", va="center", fontsize=9)
    for place, (first, last) in enumerate(_groups(comparison.p_matrix().loc[ranks.index, ranks.index].to_numpy())):
        x = high + (0.03 * place + 0.02) * (high - low)
        ax.plot([x, x], [first - 0.25, last + 0.25], color="black", linewidth=3, solid_capstyle="butt")
    ax.set_yticks(rows, ranks.index)
    ax.set(xlim=(low, high + 0.14 * (high - low)), ylim=(len(ranks) - 0.5, -0.5), ylabel="")
    ax.set_xlabel("mean rank, 1 is best (bars join what is not told apart)")
    ax.set_title(f"Mean rank over {comparison.n_runs} runs; Friedman {p_equals(comparison.p)}")
    return ax


def _groups(p):
    """Return first and last of each longest row of neighbours in which no pair has a p below the level."""
    n, spans = len(p), []
    for first in range(n):
        last = next((end for end in range(first, n - 1) if (p[first : end + 1, end + 1] < SIGNIFICANCE).any()), n - 1)
        if last > first and not (spans and spans[-1][1] >= last):
            spans.append((first, last))
    return spans


def plot_winners(studies, ax, highlighted):
    """Draw how often each metric is the best of `draw_single_run_studies`, the `highlighted` one in colour."""
    shares = studies["winner"].value_counts(normalize=True).sort_values()
    colors = [MARK if name == highlighted else CONTROL for name in shares.index]
    bars = ax.barh(shares.index, 100 * shares, color=colors)
    ax.bar_label(bars, [f"{100 * share:.0f}%" for share in shares], padding=3)
    ax.set(xlabel="studies that it wins, %", ylabel="metric", xlim=(0, 115 * shares.max()))
    ax.set_title("Who is best of nine, if each has a single run?")
    ax.legend(handles=[Patch(color=MARK, label="as the replication ran it")], loc="lower right", frameon=False)
    return ax


def plot_runs_needed(needed, ax):
    """Draw how many paired runs a difference takes, against its size; a table of `single_run_studies.needed_for`."""
    finite = needed[np.isfinite(needed["runs"])]
    for selected, marker in ((True, "o"), (False, "s")):
        rows = finite[finite["layer_selection"] == selected]
        style = {"marker": marker, "color": MODE if selected else MARK, "zorder": 3}
        label = f"reported {'with' if selected else 'without'} layer selection"
        ax.scatter(100 * rows["reported"].abs(), rows["runs"], label=label, **style)
    for runs, who in ((1, "the replication had 1 run"), (30, "there are 30 here")):
        ax.axhline(runs, color="0.5", linewidth=1, linestyle="--")
        place = {"xytext": (-4, 3), "textcoords": "offset points", "ha": "right"}
        ax.annotate(who, (1, runs), xycoords=("axes fraction", "data"), **place)
    ax.set(yscale="log", ylim=(0.7, None), ylabel="paired runs that it takes")
    ax.set_xlabel("size of the reported difference from control, percentage points")
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_title("Small differences take many runs: how many, for a power of 80%?")
    ax.legend(frameon=False)
    return ax


def plot_likeness(likeness, ax, highlighted):
    """Draw what metrics gain (`mean`, a share) against how good their best images look (`likeness` in [-1, 1])."""
    own = likeness["metric"] == highlighted
    for rows, color, label in ((likeness[~own], MODE, "a metric"), (likeness[own], MARK, "named best by its images")):
        ax.scatter(rows["likeness"], 100 * rows["mean"], color=color, zorder=3, label=label)
    x, y = (likeness[name].to_numpy() / np.ptp(likeness[name]) for name in ("likeness", "mean"))
    crowded = np.tril((np.abs(x[:, None] - x) < 0.2) & (np.abs(y[:, None] - y) < 0.05), -1).any(axis=1)
    for row, left in zip(likeness.itertuples(), crowded, strict=True):
        side = {"xytext": (-6, 0), "ha": "right"} if left else {"xytext": (6, 0), "ha": "left"}
        ax.annotate(row.metric, (row.likeness, 100 * row.mean), textcoords="offset points", va="center", **side)
    ax.axhline(0, color="0.3", linewidth=1)
    ax.margins(x=0.3, y=0.15)
    ax.set_xlabel("how much its best images look like the heat maps (correlation, right: more)")
    ax.set_ylabel("gain over control, percentage points")
    ax.set_title("Do metrics whose images look better repair better?")
    ax.legend(loc="lower left", frameon=False)
    return ax
