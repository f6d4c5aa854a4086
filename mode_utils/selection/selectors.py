"""Selectors: functions from candidates to scores, the higher the sooner chosen.

A selector gets `candidates.Candidates` and returns one score a candidate, NaN where it knows nothing: such samples take
their place at random. `register_selector` adds one of your own.

================== =================================================================================================
similarity         like the heat map of the label: MODE, in pixels, neurons or importance
state differential the state of the target layer is on the way from the label's HCI to its HWI
state margin       the state is nearer to another label's HCI than to its own
adaptive           margin in labels that the model knows, state margin in labels that it does not
error              the model gives the true label too little: the size of the loss's gradient (Katharopoulos et al.,
                   ICML 2018, arXiv 1803.00942; Paul et al., NeurIPS 2021, arXiv 2107.07075)
random             nothing
entropy            the predicted probabilities are spread (Settles, Active Learning Literature Survey, 2009)
margin             the two likeliest labels are close (Settles, 2009)
deepgini           two samples of these probabilities would differ (Feng et al., ISSTA 2020, 10.1145/3395363.3397357)
loss               cross-entropy with the true label
k-center           the state is far from all that are known or chosen: a core-set (Sener et al., arXiv 1708.00489)
expected error     the model gives too little to what is the label according to a reference
error or margin    that, or the two likeliest labels are close
reducible loss     the reference's loss is smaller than the model's (Mindermann et al., ICML 2022, arXiv 2206.07137)
================== =================================================================================================

The first five, and the loss, use labels, as MODE's allocation to labels does: those of the pool, or guesses where it
has none. The last three take them from a reference, see `reference`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from mode_utils.selection.pool import standardise
from mode_utils.similarity import similarity_scores
from mode_utils.support.checks import check_choice
from mode_utils.support.core_set import farthest_first

INPUTS = ("samples", "labels", "reference probabilities", "probabilities", "states", "state heatmaps",
          "training states", "comparison")  # fmt: skip
_MOST_INPUTS = tuple(name for name in INPUTS if name != "reference probabilities")
# the heat map to compare with, and the ranking
OVERFIT_SELECTIONS = {"least similar to hci": ("hci", "worst"), "most similar to dhmi": ("dhmi", "best"),
                      "most similar to dhwi": ("dhwi", "best"), "random": (None, None)}  # fmt: skip
_SMALLEST = 1e-6  # a probability below this counts as this
_N_KNOWN = 2_000  # training samples that a core-set starts from
THROUGH_LAYER = frozenset(INPUTS[INPUTS.index("states") :])  # what depends on the layer of the view
# what is at hand while a large pool is read once
_OF_A_SCAN = {"labels", "reference probabilities", "probabilities", "states", "state heatmaps"}


class Selector(NamedTuple):
    """A function from `candidates.Candidates` to scores (n,), and what has to be computed before it is called."""

    score: Callable
    needs: tuple[str, ...] = ()  #: some of `INPUTS`
    one_by_one: bool = False  #: whether a candidate's score depends on no other one: a pool is scored chunk by chunk
    blends: tuple[str, ...] = ()  #: selectors, one by one, whose scores it is given as `candidates.scores`


def selector_scores(candidates):
    """Return the scores (n,) float64 of the options' selector; NaN where it knows nothing."""
    if not len(candidates):
        return np.empty(0)
    name = candidates.options.selector
    scores = candidates.scores if name in candidates.scores else scores_by_name(candidates, [name])
    return scores[name].astype(np.float64)


def scores_by_name(candidates, names):
    """Return the scores (n,) of some selectors as a dict; a ValueError if one returns another number of them."""
    found = {name: np.asarray(SELECTORS[name].score(candidates)) for name in names}
    for name, scores in found.items():
        if scores.shape != (len(candidates),):
            raise ValueError(f"selector {name!r} returned {scores.shape} scores for {len(candidates)} candidates")
    return found


def needs_of(name):
    """Return what a selector, with those that it blends, needs: a set of `INPUTS`."""
    selector = SELECTORS[name]
    return frozenset(selector.needs).union(*(SELECTORS[other].needs for other in selector.blends))


def scanned_selectors(options):
    """Return the selectors whose scores are all that the options' needs; None, as where a target layer decides."""
    needs, blends = SELECTORS[options.selector].needs, SELECTORS[options.selector].blends
    through_layer = options.layer_selection and needs_of(options.selector) & THROUGH_LAYER
    if through_layer or (blends and not {"labels"}.issuperset(needs)):
        return None
    names = blends or (options.selector,)
    enough = all(SELECTORS[each].one_by_one and _OF_A_SCAN.issuperset(SELECTORS[each].needs) for each in names)
    return names if enough else None


def register_selector(name, score, needs=_MOST_INPUTS, one_by_one=False, blends=()):
    """Add a selector, or replace one, so that `DebugOptions(selector=name)` finds it.

    `score` maps `candidates.Candidates` to (n,) float: the higher the sooner chosen, NaN for unknown. `needs` are some
    of `INPUTS`, by default all but reference probabilities, for which a network is trained; the others: `Selector`.
    """
    for what, names, known in (("input", needs, INPUTS), ("selector", blends, SELECTORS)):
        for each in names:
            check_choice(what, each, known)
    SELECTORS[name] = Selector(score, tuple(needs), one_by_one, tuple(blends))


def similarity(candidates):
    """Score candidates by similarity to the heat map of their label, or part, as the options say for the fault."""
    options, compared = candidates.options, candidates.comparison
    of_overfit = OVERFIT_SELECTIONS[options.overfit_selection]
    heatmap, ranking = of_overfit if candidates.fault == "overfit" else (options.heatmap, options.ranking)
    scores = np.full(len(candidates), np.nan)
    if heatmap is None:
        return scores
    parts = candidates.labels if candidates.parts is None else candidates.parts
    every, weight = np.unique(parts), 1
    needed = None if heatmap == "dhci" else every
    maps = _lend_hci(compared.heatmaps(needed), parts, candidates.labels)
    for part in every:
        members = parts == part
        if compared.weights is not None:
            weight = compared.weights[:, candidates.labels[members][0]]
            maps = _lend_hci(compared.heatmaps(needed, weight), parts, candidates.labels)
        if part not in maps.missing(heatmap):
            own, wanted = compared.features[members] * weight, maps.of(part, heatmap)
            scores[members] = similarity_scores(own, wanted, options.metric, options.minkowski_p)
    return scores if ranking == "best" else -scores


def _lend_hci(maps, parts, labels):
    """Give each part of a label of which no sample is right the HCI of its other parts; return the maps."""
    n_right = maps.counts["hci"]
    for part in (each for each in np.unique(parts) if not n_right[each]):
        own = np.unique(parts[labels == labels[parts == part][0]])
        if n_right[own].any():
            maps.hci[part] = np.average(np.nan_to_num(maps.hci[own]), axis=0, weights=n_right[own])
            n_right[part] = n_right[own].sum()  # it is one of those that a DHCI is the difference from
    return maps


def state_differential(candidates):
    """Project each state on its label's DHWI: 0 at the HCI, 1 at the HWI, above 1 beyond; NaN without these."""
    maps, labels = candidates.state_heatmaps, candidates.labels
    direction = maps.dhwi[labels]
    along, length = ((candidates.states - maps.hci[labels]) * direction).sum(axis=1), (direction**2).sum(axis=1)
    return np.divide(along, length, out=np.full(len(labels), np.nan), where=length > 0)


def state_margin(candidates):
    """Return the distance of each state from its label's HCI minus that from the nearest other label's HCI.

    Above 0 where the state is another label's; NaN where the label has no HCI. Squared, it is a projection on DHCI_ik:
    |a - HCI_i|^2 - |a - HCI_k|^2 = c - 2 a . DHCI_ik.
    """
    hci, labels = candidates.state_heatmaps.hci, candidates.labels
    distances = cdist(candidates.states, np.nan_to_num(hci))
    distances[:, np.isnan(hci).any(axis=1)] = np.nan
    rows = np.arange(len(labels))
    own = distances[rows, labels].copy()
    distances[rows, labels] = np.nan
    return own - np.fmin.reduce(distances, axis=1)


def adaptive(candidates):
    """Blend `margin` and `state margin`, each standardised in its group, by the error e of the label: 1 - e to e.

    A label that the model knows gains most from samples near its border; of another, the margin says little.
    """
    near, far = candidates.scores["margin"], candidates.scores["state margin"]
    errors, scores = candidates.label_errors[candidates.labels], np.empty(len(candidates))
    for place, _ in candidates.by_group():
        share = errors[place]
        scores[place] = (1 - share) * standardise(near[place]) + share * standardise(far[place])
    return scores


def error(candidates):
    """Return ln(1 - p) of the true label: the gradient of the cross-entropy on its logit, in the order of `loss`."""
    return np.log(np.maximum(1 - _true_probability(candidates), _SMALLEST))


def random(candidates):
    """Know nothing: NaN for all."""
    return np.full(len(candidates), np.nan)


def entropy(candidates):
    """Return the entropy of the probabilities, in [0, ln n_classes]."""
    p = np.maximum(candidates.probabilities, _SMALLEST)
    return -(p * np.log(p)).sum(axis=1)


def margin(candidates):
    """Return the second highest minus the highest probability, in [-1, 0]."""
    second, first = np.partition(candidates.probabilities, -2, axis=1)[:, -2:].T
    return second - first


def deepgini(candidates):
    """Return 1 - sum of p squared, in [0, 1)."""
    return 1 - np.einsum("ij,ij->i", candidates.probabilities, candidates.probabilities)


def loss(candidates):
    """Return the cross-entropy -ln p of the true label, at least 0."""
    return -np.log(np.maximum(_true_probability(candidates), _SMALLEST))


def k_center(candidates):
    """Choose, one after the other, the candidate farthest from all known states; its score is minus its turn.

    Known are the states of 2,000 random training samples, and of all chosen before. The others share the last place.
    """
    known, scores = candidates.training_states(_N_KNOWN), np.full(len(candidates), -float(len(candidates)))
    for place, n_wanted in candidates.by_group():
        turns = farthest_first(candidates.states[place], known, n_wanted)
        scores[place.start + turns] = -np.arange(len(turns))
        known = np.concatenate([known, candidates.states[place][turns]])
    return scores


def expected_error(candidates):
    """Return the sum of b_k (1 - p_k), in [0, 1], b the reference's: over the given label k, or all without one."""
    counted = candidates.reference_probabilities
    if candidates.labelled:
        counted, rows = np.zeros_like(counted), np.arange(len(candidates))
        counted[rows, candidates.labels] = candidates.reference_probabilities[rows, candidates.labels]
    return (counted * (1 - candidates.probabilities)).sum(axis=1)


def error_or_margin(candidates):
    """Return the expected error plus half of 1 + margin, in [0, 1.5]: wrong, or near a border, or both."""
    return expected_error(candidates) + (1 + margin(candidates)) / 2


def reducible_loss(candidates):
    """Return the model's cross-entropy minus the reference's, with the given label or, without, the reference's."""
    b = candidates.reference_probabilities
    reducible = np.log(np.maximum(b, _SMALLEST)) - np.log(np.maximum(candidates.probabilities, _SMALLEST))
    if candidates.labelled:
        return reducible[np.arange(len(candidates)), candidates.labels]
    return (b * reducible).sum(axis=1)


def _true_probability(candidates):
    return candidates.probabilities[np.arange(len(candidates)), candidates.labels]


_BY_STATE = ("labels", "states", "state heatmaps")
_BY_REFERENCE = ("labels", "reference probabilities", "probabilities")
SELECTORS = {
    "similarity": Selector(similarity, ("labels", "comparison")),
    "state differential": Selector(state_differential, _BY_STATE, one_by_one=True),
    "state margin": Selector(state_margin, _BY_STATE, one_by_one=True),
    "adaptive": Selector(adaptive, blends=("margin", "state margin")),
    "error": Selector(error, ("labels", "probabilities"), one_by_one=True),
    "random": Selector(random, one_by_one=True),
    "entropy": Selector(entropy, ("probabilities",), one_by_one=True),
    "margin": Selector(margin, ("probabilities",), one_by_one=True),
    "deepgini": Selector(deepgini, ("probabilities",), one_by_one=True),
    "loss": Selector(loss, ("labels", "probabilities"), one_by_one=True),
    "k-center": Selector(k_center, ("states", "training states")),
    "expected error": Selector(expected_error, _BY_REFERENCE, one_by_one=True),
    "error or margin": Selector(error_or_margin, _BY_REFERENCE, one_by_one=True),
    "reducible loss": Selector(reducible_loss, _BY_REFERENCE, one_by_one=True),
}
