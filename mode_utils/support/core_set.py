"""A core-set: points such that no other is far from all of them (k-center, greedily)."""

import numpy as np


def farthest_first(points, known, n):
    """Return the points in an order in which each is the farthest from all that are known and all before it.

    Parameters
    ----------
    points : (n_points, n_features) float
    known : (n_known, n_features) float
        At least one.
    n : int
        Points to return, at most `n_points`.

    Returns
    -------
    (n,) int
        Positions of points.

    References
    ----------
    Gonzalez, Theoretical Computer Science 38 (1985), doi 10.1016/0304-3975(85)90224-5.
    """
    norms = (points**2).sum(axis=1)

    def distances(centers):
        return norms[:, None] - 2 * points @ centers.T + (centers**2).sum(axis=1)

    chunks = np.array_split(known, -(-len(known) // 256))
    nearest = np.min([distances(chunk).min(axis=1) for chunk in chunks], axis=0)
    turns = np.empty(n, dtype=int)
    for turn in range(n):
        turns[turn] = nearest.argmax()
        nearest = np.minimum(nearest, distances(points[turns[turn] : turns[turn] + 1])[:, 0])
        nearest[turns[turn]] = -np.inf
    return turns
