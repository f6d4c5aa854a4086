"""What studies of one unpaired run a metric, as the earlier replication was, can and cannot find."""

import numpy as np
import pandas as pd

from mode_utils.similarity import similarity_scores
from mode_utils.study.significance import runs_needed


def draw_single_run_studies(outcomes, n_studies=10_000, random_state=0):
    """Draw a repaired run a metric: a row a study, with the `winner` over control and by how much (`difference`)."""
    rng = np.random.default_rng(random_state)
    repaired = outcomes[outcomes["samples"] > 0].groupby("metric")["difference"]
    metrics = list(outcomes["metric"].unique())
    if lacking := [metric for metric in metrics if metric not in repaired.groups]:
        raise ValueError(f"no run of {', '.join(lacking)} has anything to repair")
    drawn = np.stack([rng.choice(repaired.get_group(metric).to_numpy(), n_studies) for metric in metrics], axis=1)
    winners = (drawn + 1e-9 * rng.random(drawn.shape)).argmax(axis=1)  # ties at random
    return pd.DataFrame({"winner": np.array(metrics)[winners], "difference": drawn.max(axis=1)})


def needed_for(reported, outcomes):
    """Return how many paired `runs` each `reported` difference needs for 80% power, by the `spread` of outcomes."""
    repaired = outcomes[outcomes["samples"] > 0]
    spread = repaired.groupby(["metric", "layer_selection"])["difference"].std().rename("spread").reset_index()
    table = reported.assign(reported=reported["final"] - reported["control"]).merge(spread)
    runs = [runs_needed(row.reported, row.spread) for row in table.itertuples()]
    return table[["metric", "layer_selection", "reported", "spread"]].assign(runs=runs)


def image_likeness(images, heatmaps):
    """Return the mean correlation, (n_metrics,), of images (n_metrics, n_classes, ...) and maps (n_classes, ...)."""
    flat, maps = images.reshape(*images.shape[:2], -1), heatmaps.reshape(len(heatmaps), -1)
    return np.array([np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(own, maps, strict=True)]) for own in flat])


def image_scores(images, heatmaps, metrics):
    """Return how similar each metric finds its images to heat maps, (n_metrics, n_classes); NaN where one is absent."""
    scores = np.full(images.shape[:2], np.nan)
    for row, label in np.ndindex(scores.shape):
        image, heatmap = images[row, label].reshape(1, -1), heatmaps[label].ravel()
        if not (np.isnan(image).any() or np.isnan(heatmap).any()):
            scores[row, label] = similarity_scores(image, heatmap, str(metrics[row]))[0]
    return scores
