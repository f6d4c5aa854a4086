"""How similar candidates are to a heat map: nine metrics and more. Higher means more similar, always."""

import numpy as np
from scipy.spatial.distance import cdist

from mode_utils.support.checks import check_least
from mode_utils.support.earth_mover import earth_mover_distances


def similarity_scores(candidates, heatmap, metric="cosine similarity", minkowski_p=3):
    """Score each candidate against one heat map; spaces of other sizes and NaN are a ValueError.

    Parameters
    ----------
    candidates : (n_candidates, ...) float, pixels or activations; all axes but the first are flattened
    heatmap : (...) float, in the same space, flattened
    metric : str, of `METRICS`, "spatial earth mover", of `register_metric`, or an alias such as "l1" or "wasserstein"
    minkowski_p : float, at least 1, order of the Minkowski distance; the other metrics ignore it

    Returns
    -------
    (n_candidates,) float64
        Higher means more similar, for every metric. Distances, negated, lie in (-inf, 0], cosine similarity in [-1, 1]
        (0 for a candidate of zeros); the dot product has no bounds and grows with the norm of the candidate.

    Notes
    -----
    Earth mover is, as in the replication, the Wasserstein distance between the *distributions of values*, mean
    |sort(u) - sort(v)|: where a value sits does not matter to it, so a shuffled image has distance 0.
    """
    metric = metric_name(metric)
    check_least("minkowski_p", minkowski_p, 1, whole=False)
    candidates, heatmap = np.asarray(candidates), np.asarray(heatmap)
    if not np.issubdtype(candidates.dtype, np.floating):
        candidates = candidates.astype(np.float64)
    shape = candidates.shape[1:]
    if np.prod(shape) != heatmap.size:
        raise ValueError(f"candidates have {np.prod(shape):.0f} features, the heat map {heatmap.size}")
    if np.isnan(candidates.min(initial=0)) or np.isnan(heatmap).any():  # min propagates NaN
        raise ValueError(f"{'the heat map contains' if np.isnan(heatmap).any() else 'candidates contain'} NaN")
    return np.asarray(_METRICS[metric](candidates, heatmap.reshape(shape), minkowski_p), dtype=np.float64)


def register_metric(name, scores):
    """Add a metric by its name in lower case: `scores` maps candidates, a heat map and `minkowski_p` to (n,)."""
    _METRICS[name] = scores


def metric_name(metric):
    """Return the full name of a metric given by its name or an alias, in any case; otherwise a ValueError."""
    key = str(metric).lower().replace("_", " ").replace("-", " ").strip()
    if (name := _ALIASES.get(key, key)) not in _METRICS:
        raise ValueError(f"unknown metric {metric!r}; choose from {', '.join(_METRICS)}")
    return name


def _flat(scores):
    """Make a metric of a function of rows, (n, n_features) and (1, n_features)."""

    def metric(candidates, heatmap, _):
        return scores(candidates.reshape(len(candidates), heatmap.size), heatmap.reshape(1, -1))

    return metric


def _negated(distance):
    return _flat(lambda candidates, heatmap: -cdist(candidates, heatmap, distance)[:, 0])


def _dot_product(candidates, heatmap):
    return candidates @ heatmap[0].astype(np.float64)


def _cosine_similarity(candidates, heatmap):
    norms = np.linalg.norm(candidates, axis=1).astype(np.float64) * np.linalg.norm(heatmap)
    return np.divide(_dot_product(candidates, heatmap), norms, out=np.zeros(len(candidates)), where=norms > 0)


def _minkowski(candidates, heatmap, p):
    candidates, heatmap = candidates.reshape(len(candidates), heatmap.size), heatmap.reshape(1, -1)
    if p != 3:
        return -cdist(candidates, heatmap, "minkowski", p=p)[:, 0]

    def cubes(chunk):  # two products in place of cdist's pow(): four times as fast
        difference = np.abs(chunk - heatmap)
        return np.einsum("ij,ij->i", difference * difference, difference)

    return -np.cbrt(_by_chunk(cubes, candidates))


def _earth_mover(candidates, heatmap):
    sorted_heatmap = np.sort(heatmap, axis=1).astype(candidates.dtype)

    def mean_shift(chunk):
        difference = np.sort(chunk, axis=1) - sorted_heatmap
        return np.abs(difference, out=difference).mean(axis=1, dtype=np.float64)

    return -_by_chunk(mean_shift, candidates)


def _by_chunk(distance, candidates, size=128):
    """Apply a function of rows to a few rows at a time, which stay in the processor's cache."""
    chunks = [distance(candidates[start : start + size]) for start in range(0, len(candidates), size)]
    return np.concatenate(chunks) if chunks else np.empty(0)


def _bray_curtis(candidates, heatmap):
    with np.errstate(invalid="ignore"):
        distances = cdist(candidates, heatmap, "braycurtis")[:, 0]
    return -np.where(np.isnan(distances), 0, distances)  # 0 / 0: both are all zeros, hence identical


_METRICS = {"dot product": _flat(_dot_product), "cosine similarity": _flat(_cosine_similarity),
            "manhattan": _negated("cityblock"), "euclidean": _negated("euclidean"), "minkowski": _minkowski,
            "chebyshev": _negated("chebyshev"), "earth mover": _flat(_earth_mover),
            "canberra": _negated("canberra"), "bray curtis": _flat(_bray_curtis)}  # fmt: skip
METRICS = tuple(_METRICS)  # the nine of the study
SPATIAL = "spatial earth mover"
_METRICS[SPATIAL] = lambda candidates, heatmap, _: -earth_mover_distances(candidates, heatmap)
_ALIASES = {"dot": "dot product", "inner product": "dot product", "cosine": "cosine similarity", "l1": "manhattan",
            "cityblock": "manhattan", "city block": "manhattan", "taxicab": "manhattan", "l2": "euclidean",
            "lp": "minkowski", "l inf": "chebyshev", "linf": "chebyshev", "earth mover distance": "earth mover",
            "earth movers": "earth mover", "emd": "earth mover", "wasserstein": "earth mover",
            "position aware earth mover": SPATIAL, "sinkhorn": SPATIAL, "braycurtis": "bray curtis"}  # fmt: skip
