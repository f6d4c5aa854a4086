"""Images, heat maps among them, in a grid on one scale."""

import numpy as np

_GAP = 1  # pixels between the images of a grid


def plot_image_grid(images, ax, row_labels, column_labels, title, diverging=False, colorbar_label=None):
    """Draw images in rows and columns on one scale.

    Parameters
    ----------
    images : (n_rows, n_columns, height, width[, 3]) float
        An image of NaN is left grey: there is none. Colours are those of pixels in [0, 1].
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
    n_rows, n_columns, height, width = images.shape[:4]
    limit = np.nanmax(np.abs(images)) if np.isfinite(images).any() else 1.0
    colours = images.shape[4:]
    padding = ((0, 0), (0, 0), (0, _GAP), (0, _GAP), *[(0, 0)] * len(colours))
    sides = (n_rows * (height + _GAP), n_columns * (width + _GAP))
    mosaic = np.pad(images, padding, constant_values=np.nan).swapaxes(1, 2).reshape(*sides, *colours)
    if colours:
        mosaic = np.clip(np.nan_to_num(mosaic, nan=0.85), 0, 1)
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
    """Return images of a `Subset`, (*positions.shape, height, width[, channels]) float; NaN for position -1, none."""
    positions = np.asarray(positions)
    picked = subset.take(positions)[0].astype(float)
    picked[positions < 0] = np.nan
    return picked


def most_square(n_features):
    """Return height and width, height <= width, of the most square grid with exactly `n_features` places."""
    height = next(h for h in range(int(np.sqrt(n_features)), 0, -1) if n_features % h == 0)
    return height, n_features // height
