"""Selectors of others, of libraries or by their papers, in a few lines each, as you could add yours: extra `peers`.

========== =========================================================================================================
surprise   Mahalanobis distance from the states of the training samples: surprise adequacy, by `dnn-tip` (Kim et al.,
           ICSE 2019, doi 10.1109/ICSE.2019.00108, and ESEC/FSE 2020, doi 10.1145/3368089.3417065; Weiss et al., ICSE
           Workshops 2021, arXiv 2103.05939)
probcover  states whose neighbourhoods cover most of the others (Yehuda et al., NeurIPS 2022, arXiv 2205.11320)
typiclust  the most typical state of each cluster (Hacohen et al., ICML 2022, arXiv 2202.02794)
maxherding states that resemble most of the others (Bae et al., ECCV 2024, arXiv 2407.12212)
badge      gradients of the last layer that are large and unlike (Ash et al., ICLR 2020, arXiv 1906.03671)
falcun     close margins, and probabilities that are unlike (Gilhuber et al., ECML PKDD 2024)
dropquery  states whose label changes when features are left out, one of each cluster (Gupte et al., TMLR 2024)
tcm        the more typical half, as typiclust, and then the least sure (Doucet et al., ICLR workshops 2024, 2403.03728)
clasp pe   labels by turns, by entropy times noise, on a logarithmic scale (Lüth et al., TMLR 2026, arXiv 2601.13677)
========== =========================================================================================================

All but the first choose one sample after the other: the score is minus the turn. Those of `scikit-activeml` do so from
some candidates of each group, drawn at random: their cost grows with these times those that are wanted, or faster.
Badge, and the last two, which their authors use in rounds and which are here in one, are written from their papers.
"""

from functools import partial

import numpy as np
import pandas as pd
from dnn_tip.surprise import MDSA
from scipy.special import expit
from skactiveml.base import SkactivemlClassifier
from skactiveml.pool import DropQuery, Falcun, MaxHerding, ProbCover, TypiClust
from sklearn.cluster import MiniBatchKMeans

from mode_utils.selection.selectors import entropy, margin, register_selector

_N_COMPARED = 1_000  # candidates of a group, at least


def _drop_query(random_state):
    clusters = {"cluster_algo": MiniBatchKMeans, "cluster_algo_dict": {"random_state": random_state}}
    return DropQuery(random_state=random_state, **clusters)


# whether it goes by probabilities, and candidates of a group for each that is wanted
_STRATEGIES = {"probcover": (ProbCover, False, 2), "typiclust": (TypiClust, False, 2),
               "maxherding": (MaxHerding, False, 2), "dropquery": (_drop_query, True, 5),
               "falcun": (Falcun, True, 5)}  # fmt: skip


def surprise(candidates):
    """Return the Mahalanobis distance of each state from those of the training samples, at least 0."""
    return MDSA(candidates.training_states())(candidates.states, None)


def badge(candidates):
    """Draw one after the other, the farther its gradient lies from those of all before; the score is minus the turn.

    A gradient is the product of a state and an error of the probabilities, so that distances need no gradient.
    """
    scores = np.full(len(candidates), -float(len(candidates)))
    for place, n_wanted in candidates.by_group():
        states, errors = candidates.states[place], candidates.probabilities[place].copy()
        errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
        sizes = (states**2).sum(axis=1) * (errors**2).sum(axis=1)
        nearest = sizes
        for number in range(n_wanted if nearest.any() else 0):
            turn = candidates.rng.choice(len(nearest), p=nearest / nearest.sum()) if number else int(np.argmax(sizes))
            scores[place.start + turn] = -number
            products = (states @ states[turn]) * (errors @ errors[turn])
            far = np.maximum(sizes + sizes[turn] - 2 * products, 0)
            nearest = np.minimum(nearest, far) if number else far
            nearest[turn] = 0
            if not nearest.any():
                break
    return scores


def tcm(candidates):
    """Take half of the wanted as `typiclust` does, and then those with the smallest margins."""
    typical, sure = _turns(*_STRATEGIES["typiclust"], candidates), margin(candidates)
    for place, n_wanted in candidates.by_group():
        others = np.argsort(-typical[place], kind="stable")[n_wanted // 2 :]
        typical[place.start + others] = sure[place][others] - len(candidates)
    return typical


def clasp_pe(candidates):
    """Let the labels that are predicted take turns: in each, the sample of the largest entropy times noise is next."""
    noisy = np.log(np.maximum(entropy(candidates), 1e-9)) + candidates.rng.gumbel(size=len(candidates))
    predicted = candidates.probabilities.argmax(axis=1)
    scores = np.empty(len(candidates))
    for place, _ in candidates.by_group():
        ranks = pd.Series(noisy[place]).groupby(predicted[place]).rank(ascending=False)
        scores[place] = -ranks + expit(noisy[place])
    return scores


def register_peers():
    """Add these selectors by their names."""
    register_selector("surprise", surprise, ("states", "training states"), one_by_one=True)
    for score in (badge, tcm, clasp_pe):
        register_selector(score.__name__.replace("_", " "), score, ("states", "probabilities"))
    for name, how in _STRATEGIES.items():
        register_selector(name, partial(_turns, *how), ("states", "probabilities"))


class _Known(SkactivemlClassifier):
    """A classifier whose probabilities are known for the samples that are asked about, all at once.

    What it takes others for, by their states, is read off a linear head that makes these probabilities of `states`.
    """

    def __init__(self, probabilities, states=None):
        super().__init__(classes=list(range(probabilities.shape[1])))
        self.probabilities, self.states = probabilities, states

    def fit(self, X, y, sample_weight=None):  # noqa: N803 - the interface of scikit-activeml
        return self

    def predict_proba(self, X):  # noqa: N803
        return self.probabilities

    def predict(self, X):  # noqa: N803
        logits = np.log(np.maximum(self.probabilities, 1e-12))
        weights = np.linalg.lstsq(_with_one(self.states), logits - logits.mean(axis=1, keepdims=True))[0]
        return (_with_one(X) @ weights).argmax(axis=1)


def _turns(strategy, by_probabilities, more, candidates):
    """Ask for the wanted ones among some candidates of each group, and score each by minus its turn."""
    scores = np.full(len(candidates), -float(len(candidates)))
    for place, n_wanted in candidates.by_group():
        states, probabilities = candidates.states[place], candidates.probabilities[place]
        drawn = candidates.rng.permutation(len(states))[: max(_N_COMPARED, more * n_wanted)]
        asked = strategy(random_state=int(candidates.rng.integers(2**31)))
        known = {"clf": _Known(probabilities[drawn], states[drawn]), "fit_clf": False} if by_probabilities else {}
        known |= {"y": np.full(len(drawn), np.nan), "batch_size": n_wanted}
        turns = asked.query(states[drawn], **known) if n_wanted else []
        scores[place.start + drawn[turns]] = -np.arange(len(turns))
    return scores


def _with_one(x):
    return np.column_stack([x, np.ones(len(x))])
