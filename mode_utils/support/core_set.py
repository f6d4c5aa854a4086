"""Distances between points, and a core-set: points such that no other is far from all of them (k-center, greedily)."""

import numpy as np

_ROWS, _CENTERS = 2_048, 256  # whose distances stay in the processor's cache
_AT_ONCE = 8  # points that are kept up to date, for each that is wanted


def farthest_first(points, known, n):
    """Return n places of points, each the farthest from all `known` (at least one) and all before it; rows are points.

    Distances only shrink, so only points far at first are kept up to date until the rest were as far: the order is
    exact. Gonzalez, Theoretical Computer Science 38 (1985), doi 10.1016/0304-3975(85)90224-5.
    """
    nearest, turns = _nearest(points, known), np.empty(0, dtype=int)
    while len(turns) < n:
        far, rest, bound = _farthest(nearest, _AT_ONCE * n)
        taken, nearest[far] = _take_turns(points[far], nearest[far], n - len(turns), bound)
        nearest[rest] = np.minimum(nearest[rest], _nearest(points[rest], points[far[taken]]))
        turns = np.concatenate([turns, far[taken]])
    return turns


def squared_distances(points, others):
    """Return the squared distances (n, n_others) between rows, by one product; rounding may make some negative."""
    return _squared_distances(2 * points, (points**2).sum(axis=1), others)


def _farthest(nearest, number):
    """Return the positions of the farthest points and of the rest, and the largest distance in the rest."""
    if number >= len(nearest):
        return np.arange(len(nearest)), np.empty(0, dtype=int), -np.inf
    order = np.argpartition(-nearest, number)
    return np.sort(order[:number]), order[number:], nearest[order[number]]


def _take_turns(points, nearest, n, bound):
    """Take the farthest point, up to `n` times, while it is farther than the bound; return turns and distances."""
    taken, doubled, norms = [], 2 * points, (points**2).sum(axis=1)
    while len(taken) < n and (not taken or nearest.max() > bound):
        taken.append(nearest.argmax())
        center = points[taken[-1] : taken[-1] + 1]
        nearest = np.minimum(nearest, _squared_distances(doubled, norms, center)[:, 0])
        nearest[taken[-1]] = -np.inf
    return np.array(taken), nearest


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
