"""Images, heat maps among them, in a grid on one scale."""

import numpy as np

from mode_utils.support.pictures import most_square
from mode_utils.visualization.style import BAD, GOOD

_GAP = 1  # pixels between the images of a grid
_CAPTION = 0.26  # room for a line of a caption, in heights of an image
_LARGEST = 9  # letters of a caption, in points


def plot_image_grid(images, ax, row_labels, column_labels, title, diverging=False, colorbar_label=None, captions=None,
                    right=None):  # fmt: skip
    """Draw images (n_rows, n_columns, height, width[, 3]) on one scale; one of NaN is grey, colours are in [0, 1].

    With `diverging`, white is 0, with equal limits on both sides; otherwise black is 0 or less. `colorbar_label` names
    values and unit (no bar without it). `captions` (n_rows, n_columns) of at most two lines stand beneath the images;
    with `right`, bool of the same shape, each gets a sign and a colour.
    """
    images = np.asarray(images, dtype=float)
    image_height = images.shape[2]
    limit = np.nanmax(np.abs(images)) if np.isfinite(images).any() else 1.0
    images = images if captions is None else _with_room(images, limit, captions)
    n_rows, n_columns, height, width, *colours = images.shape
    padding = ((0, 0), (0, 0), (0, _GAP), (0, _GAP), *[(0, 0)] * len(colours))
    sides = (n_rows * (height + _GAP), n_columns * (width + _GAP))
    mosaic = np.pad(images, padding, constant_values=np.nan).swapaxes(1, 2).reshape(*sides, *colours)
    if colours:
        mosaic = np.clip(np.nan_to_num(mosaic, nan=0.85), 0, 1)
    scale = {"cmap": "RdBu_r", "vmin": -limit} if diverging else {"cmap": "gray", "vmin": 0}
    picture = ax.imshow(mosaic[:-_GAP, :-_GAP], interpolation="nearest", vmax=limit, **scale)
    ax.set_facecolor("0.85")
    ax.set_xticks(np.arange(n_columns) * (width + _GAP) + (width - 1) / 2, column_labels)
    ax.set_yticks(np.arange(n_rows) * (height + _GAP) + (image_height - 1) / 2, row_labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    if captions is not None:
        _write_captions(ax, captions, right, image_height, height + _GAP, width + _GAP)
    if colorbar_label:
        ax.figure.colorbar(picture, cax=ax.inset_axes((1.02, 0, 0.015, 1)), label=colorbar_label)
    return ax


def plot_samples(rows, ax, row_labels, title, captions=None):
    """Draw rows of samples (n, height, width[, channels]) of any scale, in grey; the longest row has the whole width.

    `captions` (n_rows, n) stand beneath them, see `plot_image_grid`.
    """
    rows = [np.asarray(row, float) for row in rows]
    rows = [row.mean(axis=-1) if row.ndim == 4 else row for row in rows]
    low, high = min(row.min() for row in rows), max(row.max() for row in rows)
    grid = np.full((len(rows), max(map(len, rows)), *rows[0].shape[1:]), np.nan)
    for place, row in zip(grid, rows, strict=True):
        place[: len(row)] = (row - low) / (high - low or 1)
    return plot_image_grid(grid, ax, row_labels, [""] * grid.shape[1], title, captions=captions)


def prediction_captions(probabilities, labels, class_names):
    """Return captions "is 5, says 3", and below "97% sure", and who is right, for probabilities (..., n_classes)."""
    said, sure, labels = probabilities.argmax(axis=-1), probabilities.max(axis=-1), np.asarray(labels)
    names = np.asarray(list(map(str, class_names)), dtype=object)
    percent = np.vectorize("{:.0%} sure".format, otypes=[object])
    return "is " + names[labels] + ", says " + names[said] + "\n" + percent(sure), said == labels


def plot_failure_modes(modes, samples, labels, probabilities, ax, class_names, width=7):
    """Draw failure modes of images, a row each: means of right and of its wrong samples, the differential, and some.

    What is more in wrong ones is red, less blue. `samples` (n, height, width[, channels]), `labels` (n,),
    `probabilities` (n, n_classes): all that were searched.
    """
    images = np.asarray(samples, float)
    images = images.mean(axis=-1) if images.ndim == 4 else images
    grid = np.full((len(modes), 3 + width, *images.shape[1:]), np.nan)
    captions = np.full(grid.shape[:2], "", dtype=object)
    right = probabilities.argmax(axis=1) == labels
    for row, mode in enumerate(modes):
        of_label, some = right & (labels == mode.label), mode.wrong[:width]
        grid[row, 0] = images[of_label].mean(axis=0) if of_label.any() else np.nan
        grid[row, 1], grid[row, 3 : 3 + len(some)] = images[mode.wrong].mean(axis=0), images[some]
        captions[row, :2] = f"mean of\n{of_label.sum()} right", f"mean of\n{len(mode.wrong)} wrong"
        captions[row, 2] = "wrong minus\nright" if of_label.any() else ""
        for place, each in enumerate(probabilities[some], start=3):
            captions[row, place] = f"says {class_names[each.argmax()]}\n{each.max():.0%} sure"
    rows = [f"{class_names[mode.label]}: {mode.error:.0%} wrong\n(else {mode.elsewhere:.0%})" for mode in modes]
    title = "Failure modes: where a label fails, and the most typical of what is wrong there"
    plot_image_grid(grid, ax, rows, [""] * grid.shape[1], title, captions=captions)
    _draw_differentials(grid[:, 1] - grid[:, 0], ax, column=2)
    return ax


def _draw_differentials(maps, ax, column):
    """Draw maps (n_rows, height, width) on a scale of their own, around white, over a column of a grid of images."""
    n_rows, height, width = maps.shape
    limit, ends = np.nanmax(np.abs(maps), initial=0) or 1, (ax.get_xlim(), ax.get_ylim())
    x, step = column * (width + _GAP) - 0.5, (abs(np.diff(ends[1])[0]) + _GAP) / n_rows
    for row, each in enumerate(maps):
        top = row * step - 0.5
        place = (x, x + width, top + height, top)
        ax.imshow(each, cmap="RdBu_r", vmin=-limit, vmax=limit, extent=place, interpolation="nearest")
    ax.set(xlim=ends[0], ylim=ends[1])


def _with_room(images, limit, captions):
    """Put white room for a caption below images, and grey where there is none."""
    grey = np.where(np.isnan(images), 0.85 * limit, images)
    lines = 1 + max(caption.count("\n") for row in captions for caption in row)
    room = np.full((*images.shape[:2], round(lines * _CAPTION * images.shape[2]), *images.shape[3:]), np.nan)
    return np.concatenate([grey, np.ones_like(room) if images.ndim == 5 else room], axis=2)


def _write_captions(ax, captions, right, middle, height, width):
    """Write beneath each image; a sign, and not only a colour, tells what is right."""
    ax.set_facecolor("white")
    n_rows, n_columns = np.shape(captions)
    area = ax.get_position().size * ax.figure.get_size_inches() * 72
    column = min(area[0] / n_columns, area[1] / n_rows * width / height)
    longest = max(len(line) for row in captions for caption in row for line in caption.split("\n"))
    size = min(_LARGEST, column / (0.55 * (longest + 2 * (right is not None))))
    for (row, column), caption in np.ndenumerate(np.asarray(captions, dtype=object)):
        color, sign = "0.15", ""
        if right is not None:
            color, sign = (GOOD, "\N{CHECK MARK} ") if right[row][column] else (BAD, "\N{BALLOT X} ")
        place = (column * width + (width - _GAP - 1) / 2, row * height + middle)
        ax.text(*place, sign + caption, color=color, ha="center", va="top", fontsize=size, linespacing=1.1)


def plot_heatmaps(heatmaps, ax, row_labels, column_labels, title, shape=None, diverging=False, colorbar_label=None):
    """Draw rows of heat maps (n_classes, n_features), by the `shape` of features, channels averaged, or most square."""
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
