"""Distances between points, and a core-set: points such that no other is far from all of them (k-center, greedily)."""

import numpy as np

_ROWS, _CENTERS = 2_048, 256  # whose distances stay in the processor's cache


def farthest_first(points, known, n):
    """Return n places of points, each the farthest from all `known` (at least one) and all before it; rows are points.

    Gonzalez, Theoretical Computer Science 38 (1985), doi 10.1016/0304-3975(85)90224-5.
    """
    nearest, turns, doubled, norms = _nearest(points, known), [], 2 * points, (points**2).sum(axis=1)
    for _ in range(n):
        turns.append(nearest.argmax())
        center = points[turns[-1] : turns[-1] + 1]
        nearest = np.minimum(nearest, _squared_distances(doubled, norms, center)[:, 0])
        nearest[turns[-1]] = -np.inf
    return np.array(turns, dtype=int)


def squared_distances(points, others):
    """Return the squared distances (n, n_others) between rows, by one product; rounding may make some negative."""
    return _squared_distances(2 * points, (points**2).sum(axis=1), others)


def _nearest(points, centers):
    """Return the squared distance (n_points,) of each point from the nearest center."""
    nearest, norms = np.full(len(points), np.inf, points.dtype), (points**2).sum(axis=1)
    for start in range(0, len(points), _ROWS):
        rows = slice(start, start + _ROWS)
        doubled = 2 * points[rows]
        for first in range(0, len(centers), _CENTERS):
            distances = _squared_distances(doubled, norms[rows], centers[first : first + _CENTERS])
            nearest[rows] = np.minimum(nearest[rows], distances.min(axis=1))
    return nearest


def _squared_distances(doubled, norms, centers):
    distances = doubled @ centers.T
    np.subtract(norms[:, None], distances, out=distances)
    distances += (centers**2).sum(axis=1)
    return distances
