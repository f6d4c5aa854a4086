"""Draw what each of the nine metrics finds similar, figures/pages/metric_*.png of docs/metrics.md: `make metrics`."""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from mode_utils.data import load_dataset
from mode_utils.similarity import METRICS, similarity_scores

FIGURES = Path(__file__).resolve().parents[1] / "figures/pages"
DIGIT, N_IMAGES, N_SHOWN = 3, 1000, 3
POINT = np.array([0.7, 0.3])  # the heat map of two features


def picture_path(metric):
    """Return where the picture of a metric is."""
    return FIGURES / f"metric_{metric.replace(' ', '_')}.png"


def draw_plane(ax, metric, n=141):
    """Draw how similar each candidate of two features is to a heat map: darker is more similar."""
    side = np.linspace(0, 1, n)
    x, y = np.meshgrid(side, side)
    scores = similarity_scores(np.stack([x.ravel(), y.ravel()], axis=1), POINT, metric).reshape(n, n)
    levels = np.unique(np.quantile(scores, np.linspace(0, 1, 11)))
    ax.contourf(x, y, scores, levels, cmap="Blues")
    ax.contour(x, y, scores, levels, colors="0.4", linewidths=0.6, linestyles="solid")
    ax.plot(*POINT, "o", color="#d55e00", markeredgecolor="white", markersize=9)
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
    ax.annotate("heat map", POINT, (0, 12), textcoords="offset points", ha="center", fontsize=11, bbox=box)
    ax.set(xlabel="feature 1", ylabel="feature 2", aspect="equal", xticks=[0, 1], yticks=[0, 1])
    ax.set_title("darker: more similar", fontsize=11)


def draw_images(axes, metric, images, heatmap):
    """Draw the heat map of a digit, and the images that are most and least similar to it, each with its score."""
    scores = similarity_scores(images, heatmap, metric)
    order = np.argsort(-scores, kind="stable")
    shown = [("heat map", heatmap), *((f"{scores[i]:.3g}", images[i]) for i in [*order[:N_SHOWN], *order[-N_SHOWN:]])]
    for ax, (title, image) in zip(axes, shown, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        ax.set_title(title, fontsize=11)
        ax.axis("off")
    for ax, text in ((axes[2], "most similar"), (axes[2 + N_SHOWN], "least similar")):
        ax.text(0.5, -0.12, text, transform=ax.transAxes, ha="center", va="top", fontsize=12)


def draw_metric(metric, images, heatmap):
    """Return the picture of a metric: a plane of two features, and images of a digit."""
    ratios = {"width_ratios": [1.9, *[1] * (1 + 2 * N_SHOWN)]}
    fig, axes = plt.subplots(1, 2 + 2 * N_SHOWN, figsize=(9, 2.3), layout="constrained", gridspec_kw=ratios)
    draw_plane(axes[0], metric)
    draw_images(axes[1:], metric, images, heatmap)
    return fig


if __name__ == "__main__":
    matplotlib.use("Agg")
    data = load_dataset("mnist")
    images = data.x_train[data.y_train == DIGIT][:N_IMAGES]
    images = images.reshape(len(images), 28, 28)
    for metric in METRICS:
        draw_metric(metric, images, images.mean(axis=0)).savefig(picture_path(metric), dpi=110)
        plt.close()
    print(f"{len(METRICS)} pictures in {FIGURES}")
