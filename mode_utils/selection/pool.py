"""The bug-fixing pool, and how a batch is drawn from it once its candidates have scores."""

from dataclasses import dataclass, field

import numpy as np

from mode_utils.selection.allocation import group_places, share_by_need
from mode_utils.support.checks import check_choice, check_least

RANKINGS = ("best", "worst")


class Pool:
    """The samples that are left: `labels` (n,) int as far as they are known, and `available` (n,) bool, by place.

    `parts` (n,) int is what places are shared among; by default the labels.
    """

    def __init__(self, labels, parts=None):
        self.labels = np.asarray(labels)
        self.parts = self.labels if parts is None else parts
        self.available = np.ones(len(self.labels), dtype=bool)
        self.closed = ~self.available

    def __len__(self):
        return int(self.available.sum())

    def remaining(self):
        """Return the places (n_remaining,) of all samples left."""
        return np.flatnonzero(self.available)

    def candidates(self, part):
        """Return the places of the samples left that have this label, or are of this part, in increasing order."""
        return np.flatnonzero(self.available & (self.parts == part))

    def take(self, indices):
        """Remove samples; a ValueError, and nothing removed, if one is asked for twice or has left before."""
        indices = np.asarray(indices)
        if len(np.unique(indices)) != len(indices):
            raise ValueError("a batch holds a sample twice")
        gone = indices[~self.available[indices]]
        if gone.size:
            raise ValueError(f"{gone.size} samples have left the pool before, the first is {gone[0]}")
        self.available[indices] = False

    def without(self, indices):
        """Return a pool from which these have been taken, too; this one keeps them."""
        other = Pool(self.labels, self.parts)
        other.available, other.closed = self.available.copy(), self.closed
        other.take(indices)
        return other

    def closed_to(self, marked, parts=None):
        """Return a pool without the `marked` (n,) bool, which are not taken, maybe with other `parts`."""
        other = Pool(self.labels, self.parts if parts is None else parts)
        other.available, other.closed = self.available & ~marked, self.closed | (self.available & marked)
        return other

    def taken(self):
        """Return the places of all samples that have left."""
        return np.flatnonzero(~self.available & ~self.closed)


@dataclass(frozen=True)
class Batch:
    """The next samples, as places in the pool, and why these."""

    ranked: np.ndarray  #: (n_ranked,) int, taken by their score, a group's best first
    random: np.ndarray  #: (n_random,) int, drawn from the other labels, and where nothing is known of a candidate
    fault: str | None = None  #: "underfit" or "overfit", what it is to repair; None if the allocation does not ask
    target_label: int | None = None  #: the label that gets most; None if the whole pool is ranked at once
    target_layer: str | None = None  #: name of the layer of the view, if it had one
    candidates: np.ndarray | None = None  #: (n_candidates,) int, all samples that competed, group after group
    scores: np.ndarray | None = None  #: (n_candidates,) float, the higher the more wanted in their group; NaN: unknown
    arm: np.ndarray = field(default_factory=lambda: np.empty(0, int))  #: (n_arm,) int, drawn from the whole pool

    @property
    def indices(self):
        """All samples (batch_size,)."""
        return np.concatenate([self.ranked, self.random, self.arm])

    def ranking(self):
        """Return the candidates in the order of their scores, the most wanted first, those without a score last."""
        return self.candidates[rank_candidates(self.scores)]


def rank_candidates(scores, ranking="best"):
    """Return the order (n,) of candidates: "best" puts the highest score first, "worst" the lowest."""
    check_choice("ranking", ranking, RANKINGS)
    scores = np.asarray(scores)
    return np.argsort(-scores if ranking == "best" else scores, kind="stable")


def soften(scores, temperature, rng):
    """Return random keys (n,) for scores (n,), whose order is a sample without replacement: the Gumbel top-k trick.

    A `temperature` of 0 keeps the scores: greedy; 1 shifts each standardised score by as much as scores differ among
    each other; the larger, the nearer to a random order. Kool et al., ICML 2019, arXiv 1903.06059.
    """
    if temperature == 0 or len(scores) == 0:
        return scores
    return standardise(scores) + temperature * rng.gumbel(size=len(scores))


def standardise(scores):
    """Return scores (n,) with mean 0 and deviation 1; infinite ones count as the ends of the others, NaN stays."""
    if np.isinf(scores).any():
        finite = scores[np.isfinite(scores)]
        scores = np.clip(scores, finite.min(), finite.max()) if finite.size else np.sign(scores)
    known = scores[~np.isnan(scores)]
    spread = known.std() if known.size else 0
    return (scores - known.mean()) / spread if spread > 0 else scores * 0


def draw_batch(pool, groups, scores, rng, batch_size=2_000, temperature=0.0, screen=None):
    """Choose the next `Batch`: from each group its best, the rest at random from the labels that are in no group.

    It has always `batch_size` samples, which `pool` keeps. If every label is in a group, the rest comes from what the
    groups leave. `scores` (n_candidates,) are of the members of all groups, in their order: higher is wanted more;
    those that are NaN take a place at random in the order of their group. `temperature`, at least 0, is for all groups
    or for each (n_groups,), see `soften`. A `screening.Screen` skips some of a ranking.
    """
    temperatures = np.broadcast_to(temperature, len(groups))
    check_least("temperature", temperatures.min(), 0, whole=False)
    members = np.concatenate([group.members for group in groups])
    if len(scores) != len(members):
        raise ValueError(f"{len(scores)} scores for {len(members)} candidates")
    scores = np.asarray(scores, dtype=np.float64)
    known, drawn = ~np.isnan(scores), np.zeros(len(scores))
    drawn[~known] = rng.random((~known).sum())
    orders = [
        place.start + _order(scores[place], drawn[place], each, rng)
        for place, each in zip(group_places(groups), temperatures, strict=True)
    ]
    wanted = [group.n_wanted for group in groups]
    if screen:
        chosen = _screened(screen, members, orders, wanted, pool.taken())
    else:
        chosen = np.concatenate([order[:n] for order, n in zip(orders, wanted, strict=True)])
    others = np.setdiff1d(pool.remaining(), members, assume_unique=True)
    if not others.size:
        others = np.delete(members, chosen)
    random = rng.choice(others, batch_size - len(chosen), replace=False)
    ranked = chosen[known[chosen]]
    random = np.concatenate([members[chosen[~known[chosen]]], random])
    return Batch(members[ranked], random, candidates=members, scores=scores)


def _screened(screen, members, orders, wanted, taken):
    """Take the first of each ranking that are not skipped, then copies; what a group lacks goes to the others.

    Where too few are left that are not, the first of those that were skipped fill the batch, shared as was wanted.
    """
    chosen, missing, more, needs = np.empty(0, int), sum(wanted), np.array(wanted), np.array(wanted)
    first = [members[order[: 2 * n + 16]] for order, n in zip(orders, wanted, strict=True) if n]
    screen.prefetch(np.concatenate([taken, *first]).astype(int))
    while missing and more.any():
        for place, n in zip(np.flatnonzero(more), more[more > 0], strict=True):
            first, copies = screen.pick(members[orders[place]], n, np.concatenate([taken, members[chosen]]))
            first = np.concatenate([first, copies])[:n]
            chosen = np.concatenate([chosen, orders[place][first]])
            orders[place] = np.delete(orders[place], first)
            missing, wanted[place] = missing - len(first), wanted[place] if len(first) == n else 0
        more = share_by_need(missing, wanted, [len(order) for order in orders])
    shares = share_by_need(missing, needs, [len(order) for order in orders])
    return np.concatenate([chosen, *(order[:n] for order, n in zip(orders, shares, strict=True))])


def _order(scores, drawn, temperature, rng):
    """Return the order (n,) of a group's candidates: known scores become ranks, as `drawn` has no unit, in [0, 1)."""
    known = ~np.isnan(scores)
    if not known.any():
        return rank_candidates(soften(drawn, temperature, rng))
    keys = soften(scores, temperature, rng).copy()
    order, n = rank_candidates(keys[known]), known.sum()
    places = np.flatnonzero(known)[order]
    keys[places], keys[~known] = 1 - np.arange(1, n + 1) / (n + 1), drawn[~known]
    return rank_candidates(keys)
