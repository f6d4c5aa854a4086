"""The earth mover distance between images: how far mass must be moved to turn one picture into the other."""

import numpy as np

BLUR = 1 / 112  # of height plus width, the strength of the entropic regularization: half a pixel for 28 x 28
_ITERATIONS, _CHECK_EVERY = 400, 10
_TOLERANCE = 0.02  # share of an image's mass that may still be in the wrong place
_CHUNK = 64  # images at a time, which stay in the processor's cache


def earth_mover_distances(images, target, blur=None):
    """Return the distance (n,) of images (n, height, width[, channels]) from a target: pixels that mass moves.

    Pixels are mass, at least 0; channels are added up, both pictures have mass 1 in all, and ways are along rows and
    columns (Manhattan). The plan is regularized by its entropy (`blur` in pixels: the smaller, the more exact and
    slower) and found by Sinkhorn's algorithm. The result, 0 .. height + width - 2, is some tenths of a pixel above the
    exact distance and orders images as that does (rank correlation about 0.99); an image without mass is as far as can
    be. Cuturi, NIPS 2013, arXiv 1306.0895; separable kernel: Solomon et al. (2015), doi 10.1145/2766963.
    """
    images, target = (np.asarray(array, dtype=np.float64) for array in (images, target))
    if images.ndim not in (3, 4) or images.shape[1:] != target.shape:
        needed = f"images (n, height, width) and a target of their shape, not {images.shape} and {target.shape}"
        raise ValueError(f"the earth mover distance on the grid needs {needed}: use it in pixels")
    if images.ndim == 4:
        images, target = images.sum(axis=3), target.sum(axis=2)
    if images.min(initial=0) < 0 or target.min() < 0:
        raise ValueError("the earth mover distance needs mass, values of at least 0; a differential map has others")
    if target.sum() == 0:
        raise ValueError("the target is empty: there is nothing to move to")
    rows, columns = ((images.max(axis=0, initial=0) + target).any(axis=axis) for axis in (1, 0))  # that hold any mass
    kernels = [_kernel(np.flatnonzero(used), blur or BLUR * sum(target.shape)) for used in (rows, columns)]
    mass, distances = images.sum(axis=(1, 2)), np.full(len(images), sum(target.shape) - 2.0)
    target = target[np.ix_(rows, columns)] / target.sum()
    for chunk in np.array_split(np.flatnonzero(mass), -(-np.count_nonzero(mass) // _CHUNK) or 1):
        normalized = images[chunk][:, rows][:, :, columns] / mass[chunk, None, None]
        distances[chunk] = np.minimum(_sinkhorn(normalized, target, *kernels), distances[chunk])
    return distances


def _kernel(places, blur):
    """Return exp(-d / blur) and d exp(-d / blur) of the distances d between rows, or between columns."""
    distances = np.abs(places[:, None] - places).astype(np.float64)
    kernel = np.exp(-distances / blur)
    return kernel, distances * kernel


def _sinkhorn(images, target, rows, columns):
    """Return the cost of the regularized plan between each image (n, h, w) and the target, all of mass 1."""
    (kernel_rows, cost_rows), (kernel_columns, cost_columns) = rows, columns
    image_scale, scale = np.zeros_like(images), np.ones_like(images)
    for iteration in range(1, _ITERATIONS + 1):
        left = kernel_rows @ scale @ kernel_columns
        if iteration % _CHECK_EVERY == 0:
            misplaced = np.abs(image_scale * left - images).sum(axis=(1, 2))
            if misplaced.max(initial=0) < _TOLERANCE:
                break
        image_scale = images / left
        scale = target / (kernel_rows @ image_scale @ kernel_columns)
    cost = cost_rows @ scale @ kernel_columns + kernel_rows @ scale @ cost_columns
    return (image_scale * cost).sum(axis=(1, 2))
