"""Which samples of the bug-fixing pool come next?

A batch holds samples of the target label, chosen by their similarity to its heat map, and samples of the other labels,
chosen at random.
"""

from dataclasses import dataclass

import numpy as np

from mode_utils.checks import check_choice, check_share
from mode_utils.similarity import similarity_scores

RANKINGS = ("best", "worst")


class Pool:
    """The bug-fixing pool's book-keeping: which samples are still there.

    Parameters
    ----------
    labels : (n,) int
        True labels of the pool's samples; a sample's index is its place in this array.
    """

    def __init__(self, labels):
        self.labels = np.asarray(labels)
        self._available = np.ones(len(self.labels), dtype=bool)

    def __len__(self):
        return int(self._available.sum())

    def remaining(self):
        """Return the indices (n_remaining,) of all samples left."""
        return np.flatnonzero(self._available)

    def candidates(self, label):
        """Return the indices (n_candidates,) of the samples left that have this label."""
        return np.flatnonzero(self._available & (self.labels == label))

    def take(self, indices):
        """Remove samples.

        Raises
        ------
        ValueError
            If an index is asked for twice or has left the pool before; nothing is removed then.
        """
        indices = np.asarray(indices)
        if len(np.unique(indices)) != len(indices):
            raise ValueError("a batch holds a sample twice")
        gone = indices[~self._available[indices]]
        if gone.size:
            raise ValueError(f"{gone.size} samples have left the pool before, the first is {gone[0]}")
        self._available[indices] = False


@dataclass(frozen=True)
class Batch:
    """Indices into the pool: `ranked` by similarity, best first, and drawn at `random` from other labels."""

    ranked: np.ndarray
    random: np.ndarray

    @property
    def indices(self):
        """All indices (batch_size,)."""
        return np.concatenate([self.ranked, self.random])


def rank_candidates(scores, ranking="best"):
    """Return the order (n,) of candidates: "best" puts the most similar first, "worst" the least similar.

    Raises
    ------
    ValueError
        If the ranking is unknown.
    """
    check_choice("ranking", ranking, RANKINGS)
    scores = np.asarray(scores)
    return np.argsort(-scores if ranking == "best" else scores, kind="stable")


def select_inputs(pool, label, scores, rng, batch_size=2_000, alpha=0.25, ranking="best"):
    """Choose the next batch: a share alpha of the target label by rank, the rest at random from the other labels.

    Parameters
    ----------
    pool : Pool
        Not changed; `Pool.take` removes the batch.
    label : int
        The target label.
    scores : (n_candidates,) float
        Similarity of `pool.candidates(label)`, in that order; higher is more similar.
    rng : numpy.random.Generator
    batch_size : int
        Samples in the batch.
    alpha : float
        Share selected from the target label, in [0, 1].
    ranking : {"best", "worst"}

    Returns
    -------
    Batch
        Always `batch_size` samples. Where the pool lacks samples of the target label the others make up for them, and
        the other way round; the lengths of `ranked` and `random` tell.

    Raises
    ------
    ValueError
        If alpha lies outside [0, 1], the batch is larger than the pool, or the number of scores is wrong.
    """
    check_share("alpha", alpha)
    if batch_size > len(pool):
        raise ValueError(f"a batch of {batch_size} is larger than the pool, which has {len(pool)} samples left")
    candidates = pool.candidates(label)
    if len(scores) != len(candidates):
        raise ValueError(f"{len(scores)} scores for the {len(candidates)} candidates of label {label}")
    others = np.setdiff1d(pool.remaining(), candidates, assume_unique=True)
    n_ranked = min(round(alpha * batch_size), len(candidates))
    n_ranked = max(n_ranked, batch_size - len(others))
    ranked = candidates[rank_candidates(scores, ranking)[:n_ranked]]
    return Batch(ranked, rng.choice(others, batch_size - n_ranked, replace=False))


def extreme_inputs(pool, heatmaps, features, metric="cosine similarity", minkowski_p=3):
    """Find the most and the least similar sample of each label.

    Parameters
    ----------
    pool : Subset
        Candidates.
    heatmaps : (n_classes, n_features) float
        A row a label; NaN where it does not exist.
    features : callable
        From samples (n, ...) and their label to features (n, n_features), in the space of that label's heat map.
    metric, minkowski_p
        See `similarity.similarity_scores`.

    Returns
    -------
    best, worst : (n_classes,) int
        Positions in the pool; -1 where the label has no heat map or no candidate.
    """
    best, worst = np.full((2, len(heatmaps)), -1)
    for label, heatmap in enumerate(heatmaps):
        members = np.flatnonzero(pool.y == label)
        if members.size and not np.isnan(heatmap).any():
            samples, _ = pool.take(members)
            order = rank_candidates(similarity_scores(features(samples, label), heatmap, metric, minkowski_p))
            best[label], worst[label] = members[order[0]], members[order[-1]]
    return best, worst
