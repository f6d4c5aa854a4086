"""Plots of the stages. Each draws on the given axes, titles and labels them, and returns them; none shows or saves."""

import numpy as np
import seaborn as sns
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

_MODE, _CONTROL = sns.color_palette("colorblind")[0], sns.color_palette("colorblind")[7]
_TRAIN, _DIAGNOSIS, _MARK = (sns.color_palette("colorblind")[i] for i in (0, 1, 3))
_GAP = 1  # pixels between the images of a grid


def plot_image_grid(images, ax, row_labels, column_labels, title, diverging=False, colorbar_label=None):
    """Draw images in rows and columns on one scale.

    Parameters
    ----------
    images : (n_rows, n_columns, height, width) float
        An image of NaN is left grey: there is none.
    ax : matplotlib.axes.Axes
    row_labels, column_labels : sequence of str
    title : str
    diverging : bool
        Draw differences: white at 0, equal limits on both sides. Otherwise black is 0 or less.
    colorbar_label : str, optional
        Name and unit of the values; no colour bar without it.

    Returns
    -------
    matplotlib.axes.Axes
    """
    images = np.asarray(images, dtype=float)
    n_rows, n_columns, height, width = images.shape
    limit = np.nanmax(np.abs(images)) if np.isfinite(images).any() else 1.0
    padding = ((0, 0), (0, 0), (0, _GAP), (0, _GAP))
    mosaic = np.pad(images, padding, constant_values=np.nan).transpose(0, 2, 1, 3).reshape(n_rows * (height + _GAP), -1)
    scale = (
        {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit} if diverging else {"cmap": "gray", "vmin": 0, "vmax": limit}
    )
    picture = ax.imshow(mosaic[:-_GAP, :-_GAP], interpolation="nearest", **scale)
    ax.set_facecolor("0.85")
    ax.set_xticks(np.arange(n_columns) * (width + _GAP) + (width - 1) / 2, column_labels)
    ax.set_yticks(np.arange(n_rows) * (height + _GAP) + (height - 1) / 2, row_labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    if colorbar_label:
        ax.figure.colorbar(picture, cax=ax.inset_axes((1.02, 0, 0.015, 1)), label=colorbar_label)
    return ax


def plot_heatmaps(heatmaps, ax, row_labels, column_labels, title, shape=None, diverging=False, colorbar_label=None):
    """Draw heat maps, one row a kind and one column a label, each as an image.

    Parameters
    ----------
    heatmaps : sequence of (n_classes, n_features) float
        One array a row.
    shape : tuple of int, optional
        How features are laid out: height and width, or height, width and channels, which are averaged; otherwise as the
        most square grid that holds exactly all of them.
    ax, row_labels, column_labels, title, diverging, colorbar_label
        See `plot_image_grid`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    maps = np.stack(heatmaps)
    shape = shape if shape and len(shape) > 1 else most_square(maps.shape[-1])
    images = maps.reshape(*maps.shape[:2], *shape)
    images = images.mean(axis=-1) if len(shape) == 3 else images
    return plot_image_grid(images, ax, row_labels, column_labels, title, diverging, colorbar_label)


def pick_images(subset, positions):
    """Return images of a `Subset`, (*positions.shape, height, width) float; NaN for position -1, that is, for none."""
    positions = np.asarray(positions)
    picked = subset.take(positions)[0].astype(float)
    picked[positions < 0] = np.nan
    return picked


def most_square(n_features):
    """Return height and width, height <= width, of the most square grid with exactly `n_features` places."""
    height = next(h for h in range(int(np.sqrt(n_features)), 0, -1) if n_features % h == 0)
    return height, n_features // height


def plot_layer_evidence(evidence, ax, similarity_threshold, target):
    """Draw each layer's accuracy as a bar, with the distance to the next layer written on it.

    Parameters
    ----------
    evidence : pandas.DataFrame
        Of a `layer_selection.TargetLayer`.
    ax : matplotlib.axes.Axes
    similarity_threshold : float
    target : str
        Name of the target layer, which is coloured.

    Returns
    -------
    matplotlib.axes.Axes
    """
    colors = [_MODE if layer == target else _CONTROL for layer in evidence["layer"]]
    bars = ax.barh(evidence["layer"], evidence["accuracy"], color=colors)
    notes = ["" if np.isnan(d) else f"distance to the next: {d:.4f}" for d in evidence["distance"]]
    ax.bar_label(bars, notes, label_type="center", color="white")
    ax.bar_label(bars, [f"{a:.3f}" for a in evidence["accuracy"]], padding=4)
    ax.set(xlim=(0, 1.1), xlabel="accuracy of the feature model", ylabel="layer")
    ax.set_title(f"Target layer {target} (coloured); saturated below a distance of {similarity_threshold}")
    ax.invert_yaxis()
    return ax


def plot_label_accuracies(train_accuracies, diagnosis_accuracies, ax, theta, class_names, diagnosis_name="validation"):
    """Draw each label's accuracy on train and diagnosis samples, and theta, under which a label is underfit.

    Parameters
    ----------
    train_accuracies, diagnosis_accuracies : (n_classes,) float
    ax : matplotlib.axes.Axes
    theta : float
    class_names : sequence of str
    diagnosis_name : str

    Returns
    -------
    matplotlib.axes.Axes
    """
    places = np.arange(len(class_names))
    ax.bar(places - 0.2, train_accuracies, 0.4, color=_TRAIN, label="train")
    ax.bar(places + 0.2, diagnosis_accuracies, 0.4, color=_DIAGNOSIS, label=diagnosis_name)
    ax.axhline(theta, color=_MARK, linestyle="--", label=f"theta = {theta}")
    lowest = np.nanmin([train_accuracies, diagnosis_accuracies])
    ax.set_xticks(places, class_names)
    ax.set(ylim=(max(0.0, np.floor(lowest * 20 - 1) / 20), 1), xlabel="label", ylabel="accuracy")
    ax.set_title("Accuracy of each label (the axis does not start at 0)")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, frameon=False)
    return ax


def plot_learning_curves(runs, ax, accuracy="test_accuracy"):
    """Draw accuracy against samples added, MODE and control, the mean over runs and its 95% interval.

    Where MODE finishes early, the run's two curves stay where they are from there on: each point is a mean over the
    same runs, and MODE and control always have the same number of samples.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `runs.repeat_runs` returns it.
    ax : matplotlib.axes.Axes
    accuracy : str
        Name of the column to draw.

    Returns
    -------
    matplotlib.axes.Axes
    """
    filled = _fill_finished_runs(runs, accuracy)
    palette = {"mode": _MODE, "control": _CONTROL}
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
        As `economy.learning_curves` returns it.
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
        As `statistics.compare_with_control` returns it.
    ax : matplotlib.axes.Axes
    outcomes : pandas.DataFrame, optional
        As `statistics.paired_outcomes` returns it, for the single runs.
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
        ax.scatter(100 * outcomes["difference"], rows + jitter, color=_CONTROL, s=16, alpha=0.6, linewidths=0)
    mean, low, high = (100 * compared[name].to_numpy() for name in ("mean", "low", "high"))
    ax.errorbar(mean, np.arange(len(names)), xerr=[mean - low, high - mean], fmt="o", color=_MODE, capsize=3, zorder=3)
    ax.axvline(0, color="0.3", linewidth=1)
    ax.set_yticks(np.arange(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set(xlabel=f"{what}, percentage points (right: {better})", ylabel=by.replace("_", " "))
    ax.set_title(f"{what}: mean, 95% interval and the {compared['runs'].max()} runs")
    return ax


def plot_layer_choices(choices, ax):
    """Draw how often each layer was the target.

    Parameters
    ----------
    choices : (n_directions, n_layers) pandas.DataFrame of int
        Runs, by direction and layer.
    ax : matplotlib.axes.Axes

    Returns
    -------
    matplotlib.axes.Axes
    """
    sns.heatmap(choices, annot=True, fmt="d", cmap="Blues", vmin=0, cbar=False, linewidths=1, ax=ax)
    ax.set(xlabel="target layer", ylabel="direction")
    ax.set_title("Runs in which a layer was the target")
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
    ax.tick_params(axis="y", rotation=0)
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


def plot_training(losses, ax):
    """Draw the mean loss of each epoch.

    Parameters
    ----------
    losses : (epochs, steps) float
        As `Trainer.fit` returns it.
    ax : matplotlib.axes.Axes

    Returns
    -------
    matplotlib.axes.Axes
    """
    epochs = np.arange(1, len(losses) + 1)
    ax.plot(epochs, losses.mean(axis=1), "o-", color=_TRAIN)
    ax.set(xlabel="epoch", ylabel="cross-entropy", title="Training loss, mean of the epoch's steps", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def _fill_finished_runs(runs, accuracy):
    """Stop each control where its MODE run finished, and carry the last accuracies forward."""
    budgets = runs[runs["strategy"] == "mode"].groupby("seed")["samples_added"].max()
    paired = runs[runs["samples_added"] <= runs["seed"].map(budgets)]
    wide = paired.pivot_table(index=["strategy", "seed"], columns="samples_added", values=accuracy)
    return wide.ffill(axis=1).stack().rename(accuracy).reset_index()
