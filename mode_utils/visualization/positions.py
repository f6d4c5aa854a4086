"""Positions of a pool's inputs in two dimensions of a state space, in which like is near like.

t-SNE (van der Maaten and Hinton, JMLR 9, 2008) of random landmarks; see ``python benchmarks/pool_map.py`` for why.
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from mode_utils.support.checks import check_least

LANDMARKS = 3_000
_COMPONENTS = 50  # that landmarks are compared in
_NEIGHBOURS = 10  # landmarks that place another point, as far as they lie together
_TOGETHER = 4  # times the usual way from a landmark to the next
_ITERATIONS, _ANGLE = 350, 0.8  # of t-SNE; more of them, or a smaller angle, take longer and do not agree better
_PERPLEXITY = 30  # about the neighbours that a landmark keeps near
_AT_ONCE = 4_096  # points that are projected in one go
_NOTHING = 1e-6  # share of the spread that is rounding


def map_positions(features, seed=0, n_landmarks=LANDMARKS):
    """Place points of a state space in a plane, so that like is near like; how far apart unlike ones are means nothing.

    `features` (n, d) count as they are, so scale columns of unlike units; a ValueError if they are not numbers, NaN or
    infinite. t-SNE arranges `n_landmarks`, at least 10, which place the others. Positions are (n, 2) float32, -1 .. 1,
    the same for a `seed`; of one varying feature the second one is random, two are kept, equal points are at 0.
    """
    features = _checked(features)
    check_least("n_landmarks", n_landmarks, 10)
    rng = np.random.default_rng(seed)
    landmarks = np.sort(rng.permutation(len(features))[:n_landmarks])
    with threadpool_limits(1), np.errstate(invalid="ignore", divide="ignore"):  # other sums are another map
        points = _main_components(features, landmarks, seed)
        if points.shape[1] > 2:
            points = _arrange(points, landmarks, seed)
    return _framed(points, rng)


def _checked(features):
    features = np.asarray(features)
    if features.ndim != 2 or features.dtype.kind not in "fiub" or not features.size:
        given = f"shape {features.shape} and dtype {features.dtype}"
        raise ValueError(f"features have {given}: they must be (n, d) numbers, n > 0")
    for start in range(0, len(features), _AT_ONCE):
        if (bad := ~np.isfinite(features[start : start + _AT_ONCE]).all(axis=1)).any():
            raise ValueError(f"features of point {start + bad.argmax()} are NaN or infinite: replace them")
    return features


def _main_components(features, landmarks, seed):
    """Project points on the main components of the landmarks, those that vary."""
    scale = max(abs(float(end)) for end in (features.min(), features.max())) or 1.0
    known = features[landmarks] / scale
    solver = "randomized" if min(known.shape) > 4 * _COMPONENTS else "full"
    found = PCA(min(_COMPONENTS, *known.shape), svd_solver=solver, random_state=seed).fit(known)
    spread = np.sqrt(found.explained_variance_)
    axes = found.components_[spread > _NOTHING * max(spread.max(), 1e-3)]
    chunks = np.array_split(features, len(features) // _AT_ONCE + 1)
    return np.concatenate([(chunk / scale - found.mean_) @ axes.T for chunk in chunks]).astype(np.float32)


def _arrange(points, landmarks, seed):
    """Arrange the landmarks by t-SNE, and put each other point among those that are nearest to it."""
    known = np.unique(points[landmarks], axis=0)  # copies have one place
    start, perplexity = known[:, :2] / known[:, 0].std() * 1e-4, min(_PERPLEXITY, (len(known) - 1) / 3)
    how = {"perplexity": perplexity, "max_iter": _ITERATIONS, "angle": _ANGLE, "init": start, "random_state": seed}
    arranged = TSNE(**how).fit_transform(known)
    distances, near = _nearest(known, points, _NEIGHBOURS)
    apart = np.linalg.norm(arranged[near] - arranged[near[:, :1]], axis=-1)
    usual = np.median(_nearest(arranged, arranged, 2)[0][:, -1])
    weights = 1 / np.maximum(distances, 1e-6 * distances.max() or 1.0) ** 2
    weights *= apart <= _TOGETHER * usual  # the middle between two groups is nowhere
    return (arranged[near] * weights[..., None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)


def _nearest(known, points, n):
    return NearestNeighbors(n_neighbors=min(n, len(known))).fit(known).kneighbors(points)


def _framed(points, rng):
    """Bring points into [-1, 1]; missing dimensions are 0, or drawn."""
    if points.shape[1] == 1:
        points = np.column_stack([points, rng.uniform(-0.2, 0.2, len(points)) * np.abs(points).max()])
    if points.shape[1] == 0:
        return np.zeros((len(points), 2), np.float32)
    points = points - (points.max(axis=0) + points.min(axis=0)) / 2
    return (points / np.abs(points).max()).astype(np.float32)
