"""Plots of what the stages find out about one model."""

import numpy as np
import seaborn as sns

from mode_utils.visualization.map_colours import class_looks, ranked_classes
from mode_utils.visualization.style import BAD, CONTROL, HELD_OUT, MARK, MODE, TRAIN

_DRAWN = 40  # labels, one by one


def plot_layer_evidence(evidence, ax, similarity_threshold, target):
    """Draw the `evidence` of a `TargetLayer`: each layer's accuracy, its distance to the next, the target in colour."""
    colors = [MODE if layer == target else CONTROL for layer in evidence["layer"]]
    bars = ax.barh(evidence["layer"], evidence["accuracy"], color=colors)
    notes = ["" if np.isnan(d) else f"distance to the next: {d:.4f}" for d in evidence["distance"]]
    ax.bar_label(bars, notes, label_type="center", color="white")
    ax.bar_label(bars, [f"{a:.3f}" for a in evidence["accuracy"]], padding=4)
    ax.set(xlim=(0, 1.1), xlabel="accuracy of the feature model", ylabel="layer")
    ax.set_title(f"Target layer {target} (coloured); saturated below a distance of {similarity_threshold}")
    ax.invert_yaxis()
    return ax


def plot_layer_choices(choices, ax):
    """Draw in how many runs each layer was the target: a row a direction, a column a layer."""
    sns.heatmap(choices, annot=True, fmt="d", cmap="Blues", vmin=0, cbar=False, linewidths=1, ax=ax)
    ax.set(xlabel="target layer", ylabel="direction")
    ax.set_title("Runs in which a layer was the target")
    return ax


def plot_label_accuracies(train_accuracies, held_out_accuracies, ax, theta, class_names, held_out_name="validation"):
    """Draw each label's accuracy on train and held-out samples, and theta, under which a label is underfit.

    Of more than 40 labels, how many have which accuracy.
    """
    places = np.arange(len(class_names))
    underfit = np.flatnonzero(np.fmax(train_accuracies, held_out_accuracies) < theta)
    if len(class_names) > _DRAWN:
        return _plot_counts(train_accuracies, held_out_accuracies, ax, theta, held_out_name)
    ax.bar(places - 0.2, train_accuracies, 0.4, color=TRAIN, label="train")
    ax.bar(places + 0.2, held_out_accuracies, 0.4, color=HELD_OUT, label=held_out_name)
    both = np.fmax(train_accuracies, held_out_accuracies)[underfit]
    around = {"facecolor": "none", "edgecolor": BAD, "linewidth": 2, "hatch": "//"}
    ax.bar(underfit, both, 0.88, label="underfit" if len(underfit) else None, **around)
    ax.axhline(theta, color=MARK, linestyle="--", label=f"theta = {theta}")
    start = max(0.0, np.floor(np.nanmin([train_accuracies, held_out_accuracies]) * 20 - 1) / 20)
    ax.set_xticks(places, class_names)
    ax.set(ylim=(start, 1), xlabel="label", ylabel="accuracy")
    below = [str(class_names[label]) for label in underfit]
    verdict = f"underfit: {', '.join(below)}" if below else "no label is underfit"
    ax.set_title(f"Accuracy of each label; {verdict}{' (the axis does not start at 0)' if start else ''}")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=4, frameon=False)
    return ax


def _plot_counts(train, held_out, ax, theta, held_out_name):
    for accuracies, color, name in ((train, TRAIN, "train"), (held_out, HELD_OUT, held_out_name)):
        known = np.asarray(accuracies, float)[~np.isnan(accuracies)]
        if len(known):
            ax.hist(known, np.linspace(0, 1, 21), color=color, alpha=0.7, label=name)
    ax.axvline(theta, color=MARK, linestyle="--", label=f"theta = {theta}")
    ax.set(xlim=(0, 1), xlabel="accuracy", ylabel="labels")
    below = (np.asarray(held_out) < theta).sum()
    ax.set_title(f"Accuracy of {len(held_out):,} labels; {below:,} are below theta on {held_out_name} samples")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, frameon=False)
    return ax


def plot_head(predictions, labels, ax, class_names, title):
    """Draw what share of each label's held-out samples a feature model gets right, from its predictions (n,)."""
    own = [labels == label for label in range(len(class_names))]
    accuracies = np.array([np.mean(predictions[each] == labels[each]) if each.any() else np.nan for each in own])
    bars = ax.bar(class_names, 100 * accuracies, color=HELD_OUT)
    ax.bar_label(bars, ["" if np.isnan(each) else f"{each:.0%}" for each in accuracies])
    ax.set(ylim=(0, 112), xlabel="label", ylabel="right, %", title=title)
    return ax


def plot_confusions(labels, predictions, ax, class_names):
    """Draw what samples (n,) of each label 0 .. n_classes - 1 are taken for: a row a label, the shares in colour."""
    counts = np.zeros((len(class_names), len(class_names)), dtype=int)
    np.add.at(counts, (labels, predictions), 1)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(counts), dtype=bool)
    scale = {"vmin": 0, "vmax": 130, "cbar": False, "linewidths": 1, "linecolor": "0.9"}  # 100% is not too dark
    names = {"xticklabels": class_names, "yticklabels": class_names, "ax": ax, "square": True}
    written = np.where(counts > 0, counts.astype(str), "")
    reds = sns.light_palette(BAD, as_cmap=True)
    for hidden, cmap in ((~right | (counts == 0), "Blues"), (right | (counts == 0), reds)):
        sns.heatmap(shares, mask=hidden, cmap=cmap, annot=written, fmt="", **scale, **names)
    ax.tick_params(rotation=0)
    ax.set(xlabel="what the model says", ylabel="what it is", title="Right (blue) and wrong (red), samples")
    return ax


def plot_pool_positions(positions, classes, chosen, ax):
    """Draw where a pool lies, (n, 2) of `map_positions`, by class (a named Series), and which inputs are chosen."""
    texts, chosen, ranked = classes.astype(str).to_numpy(), np.asarray(chosen, bool), ranked_classes([classes])
    colours, markers = class_looks(len(ranked))
    for name, colour, marker in zip([*ranked, "others"], colours, markers, strict=True):
        own = positions[texts == name if name != "others" or name in ranked else ~np.isin(texts, ranked)]
        if len(own):
            shape = {"circle": "o", "square": "s", "triangle": "^"}[marker]
            ax.scatter(*own.T, s=4, c=colour, marker=shape, linewidths=0, alpha=0.7, label=name)
    ring = {"facecolors": "none", "edgecolors": "black", "linewidths": 0.8, "label": f"chosen ({chosen.sum():,})"}
    ax.scatter(*positions[chosen].T, s=12, **ring)
    ax.legend(title=classes.name, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, markerscale=3)
    ax.set(xticks=[], yticks=[], xlabel="first dimension of the map", ylabel="second dimension")
    ax.set_title(f"{len(positions):,} inputs of the pool: like ones lie together")
    return ax
