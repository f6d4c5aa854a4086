"""What studies of one unpaired run a metric can and cannot find: the earlier replication was one of them."""

import numpy as np
import pandas as pd

from mode_utils.similarity import similarity_scores
from mode_utils.study.significance import runs_needed


def draw_single_run_studies(outcomes, n_studies=10_000, random_state=0):
    """Repeat the replication's study many times: for each metric one run of its own, and the best of them wins.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        A row a run, with `metric`, `difference` and `samples`, see `outcomes.paired_outcomes`. A run in which nothing
        was repaired is left out: there is nothing to report of it.
    n_studies : int
    random_state : int

    Returns
    -------
    pandas.DataFrame
        A row a study: `winner`, the metric whose run ends highest above its control, and by how much (`difference`).

    Raises
    ------
    ValueError
        If a metric has no run with anything to repair.
    """
    rng = np.random.default_rng(random_state)
    repaired = outcomes[outcomes["samples"] > 0].groupby("metric")["difference"]
    metrics = list(outcomes["metric"].unique())
    lacking = [metric for metric in metrics if metric not in repaired.groups]
    if lacking:
        raise ValueError(f"no run of {', '.join(lacking)} has anything to repair")
    drawn = np.stack([rng.choice(repaired.get_group(metric).to_numpy(), n_studies) for metric in metrics], axis=1)
    ties_at_random = drawn + 1e-9 * rng.random(drawn.shape)
    winners = ties_at_random.argmax(axis=1)
    return pd.DataFrame({"winner": np.array(metrics)[winners], "difference": drawn.max(axis=1)})


def needed_for(reported, outcomes):
    """Return how many paired runs each difference of the replication would have needed.

    Parameters
    ----------
    reported : pandas.DataFrame
        `metric`, `layer_selection`, `final` and `control`, a row a single run: `data/replication.csv`.
    outcomes : pandas.DataFrame
        The paired runs of the same metrics and layer selections, whose spread counts.

    Returns
    -------
    pandas.DataFrame
        `metric`, `layer_selection`; `reported`, final minus control; `spread`, the standard deviation of the difference
        between the paired runs that had anything to repair; `runs`, how many find it with a power of 80%.
    """
    repaired = outcomes[outcomes["samples"] > 0]
    spread = repaired.groupby(["metric", "layer_selection"])["difference"].std().rename("spread").reset_index()
    table = reported.assign(reported=reported["final"] - reported["control"]).merge(spread)
    runs = [runs_needed(row.reported, row.spread) for row in table.itertuples()]
    return table[["metric", "layer_selection", "reported", "spread"]].assign(runs=runs)


def image_likeness(images, heatmaps):
    """Return how much images look like the heat map of their label.

    Parameters
    ----------
    images : (n_metrics, n_classes, height, width) float
        The image of each label that a metric likes best.
    heatmaps : (n_classes, height, width) float

    Returns
    -------
    (n_metrics,) float
        Mean over the labels of the pixels' Pearson correlation, in [-1, 1].
    """
    flat, maps = images.reshape(*images.shape[:2], -1), heatmaps.reshape(len(heatmaps), -1)
    return np.array([np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(own, maps, strict=True)]) for own in flat])


def image_scores(images, heatmaps, metrics):
    """Return how similar each metric finds its images to the heat map of their label, in pixels.

    Parameters
    ----------
    images : (n_metrics, n_classes, height, width) float
    heatmaps : (n_classes, height, width) float
    metrics : sequence of str

    Returns
    -------
    (n_metrics, n_classes) float
        Higher is more similar, on the scale of the metric of the row; NaN where there is no image or no heat map.
    """
    scores = np.full(images.shape[:2], np.nan)
    for row, label in np.ndindex(scores.shape):
        image, heatmap = images[row, label], heatmaps[label]
        if not (np.isnan(image).any() or np.isnan(heatmap).any()):
            scores[row, label] = similarity_scores(image.reshape(1, -1), heatmap.ravel(), str(metrics[row]))[0]
    return scores
