"""Plots of what many runs say together: which metrics differ, who wins by chance, and how many runs it takes."""

import numpy as np
import pandas as pd

from mode_utils.study.comparisons import SIGNIFICANCE
from mode_utils.visualization.style import CONTROL, MARK, MODE


def plot_critical_differences(comparison, ax):
    """Draw the mean ranks of metrics on a line, best on the left.

    A bar joins neighbours of which no two were told apart.

    Parameters
    ----------
    comparison : comparisons.MetricComparison
    ax : matplotlib.axes.Axes

    Returns
    -------
    matplotlib.axes.Axes

    References
    ----------
    Demsar, JMLR 7 (2006); here with pairwise signed-rank tests after Holm instead of Nemenyi's distance.
    """
    import scikit_posthocs as posthocs  # only needed here, and slow to import

    ranks = comparison.ranks.sort_values()
    drawn = posthocs.critical_difference_diagram(
        ranks, _neighbours(comparison.p_matrix().loc[ranks.index, ranks.index]), ax=ax, alpha=SIGNIFICANCE,
        label_props={"fontsize": 9}, text_h_margin=0.02, color_palette=dict.fromkeys(ranks.index, MODE),
    )  # fmt: skip
    _redraw_bars([line for bar in drawn["crossbars"] for line in np.ravel(bar)], ax)
    ax.set_title(f"Mean rank over {comparison.n_runs} runs (1 is best); Friedman p = {comparison.p:.2g}")
    return ax


def _redraw_bars(bars, ax):
    """Stack the bars from left to right: the order in which the library draws them is not the same each time."""
    spans = sorted((min(bar.get_xdata()), max(bar.get_xdata())) for bar in bars)
    heights = sorted((bar.get_ydata()[0] for bar in bars), reverse=True)
    for bar in bars:
        bar.remove()
    for span, height in zip(spans, heights, strict=True):
        ax.plot(span, [height, height], color="black", linewidth=2.5, solid_capstyle="butt")


def _neighbours(p):
    """Give each pair the least p of all pairs between the two, so that a bar never passes over a difference."""
    low = p.to_numpy().copy()
    for span in range(2, len(low)):
        for first in range(len(low) - span):
            last = first + span
            low[first, last] = low[last, first] = min(low[first, last], low[first + 1, last], low[first, last - 1])
    return pd.DataFrame(low, index=p.index, columns=p.columns)


def plot_winners(studies, ax, highlighted):
    """Draw how often each metric is the best of a study of single runs.

    Parameters
    ----------
    studies : pandas.DataFrame
        As `single_run_studies.draw_single_run_studies` returns it.
    ax : matplotlib.axes.Axes
    highlighted : str
        The metric to colour.

    Returns
    -------
    matplotlib.axes.Axes
    """
    shares = studies["winner"].value_counts(normalize=True).sort_values()
    colors = [MODE if name == highlighted else CONTROL for name in shares.index]
    bars = ax.barh(shares.index, 100 * shares, color=colors)
    ax.bar_label(bars, [f"{100 * share:.0f}%" for share in shares], padding=3)
    ax.set(xlabel="share of the studies that it wins, %", ylabel="metric", xlim=(0, 115 * shares.max()))
    ax.set_title("Best of nine, a single run each")
    return ax


def plot_runs_needed(needed, ax):
    """Draw how many paired runs a difference takes, against its size.

    Parameters
    ----------
    needed : pandas.DataFrame
        As `single_run_studies.needed_for` returns it.
    ax : matplotlib.axes.Axes

    Returns
    -------
    matplotlib.axes.Axes
    """
    finite = needed[np.isfinite(needed["runs"])]
    for selected, marker in ((True, "o"), (False, "s")):
        rows = finite[finite["layer_selection"] == selected]
        style = {"marker": marker, "color": MODE if selected else MARK}
        label = f"reported {'with' if selected else 'without'} layer selection"
        ax.scatter(100 * rows["reported"].abs(), rows["runs"], label=label, **style)
    ax.axhline(1, color="0.3", linewidth=1, linestyle="--", label="what the replication had")
    ax.axhline(30, color="0.3", linewidth=1, linestyle=":", label="what there is here")
    ax.set(yscale="log", xlabel="size of the difference from control, percentage points", ylabel="paired runs needed")
    ax.set_title("Runs to find the differences of the replication (power 80%)")
    ax.legend(frameon=False)
    return ax


def plot_likeness(likeness, ax, highlighted):
    """Draw what metrics gain against how good their best images look.

    Parameters
    ----------
    likeness : pandas.DataFrame
        `metric`, `likeness` in [-1, 1], and `mean` difference from control, a share.
    ax : matplotlib.axes.Axes
    highlighted : str
        The metric to colour.

    Returns
    -------
    matplotlib.axes.Axes
    """
    colors = [MARK if metric == highlighted else MODE for metric in likeness["metric"]]
    ax.scatter(likeness["likeness"], 100 * likeness["mean"], c=colors, zorder=3)
    x, y = (likeness[name].to_numpy() / np.ptp(likeness[name]) for name in ("likeness", "mean"))
    near = (np.abs(x[:, None] - x) < 0.2) & (np.abs(y[:, None] - y) < 0.05)
    crowded = np.tril(near, -1).any(axis=1)
    for row, left in zip(likeness.itertuples(), crowded, strict=True):
        side = {"xytext": (-6, 0), "ha": "right"} if left else {"xytext": (6, 0), "ha": "left"}
        ax.annotate(row.metric, (row.likeness, 100 * row.mean), textcoords="offset points", va="center", **side)
    ax.axhline(0, color="0.3", linewidth=1)
    ax.margins(x=0.3, y=0.15)
    ax.set(xlabel="likeness of the best images to the heat maps (correlation)")
    ax.set_ylabel("final - control, percentage points")
    ax.set_title("Do good looks help?")
    return ax
