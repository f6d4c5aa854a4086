"""Selectors of other libraries, each in a few lines, as you could add yours; they come with the extra `peers`.

============= ======================================================================================================
surprise      Mahalanobis distance from the states of the training samples: surprise adequacy, by `dnn-tip`
probcover     states whose neighbourhoods cover most of the others: ProbCover, by `scikit-activeml`
typiclust     the most typical state of each cluster: TypiClust, by `scikit-activeml`
maxherding    states that resemble most of the others: MaxHerding, by `scikit-activeml`
badge         gradients of the last layer that are large and unlike: Badge, by `scikit-activeml`
falcun        close margins, and probabilities that are unlike: Falcun, by `scikit-activeml`
============= ======================================================================================================

Those of `scikit-activeml` choose one sample after the other, from some candidates of each group, drawn at random: their
cost grows with these times those that are wanted, or faster.

References
----------
Surprise adequacy: Kim et al., ICSE 2019, doi 10.1109/ICSE.2019.00108; Kim et al., ESEC/FSE 2020 (Mahalanobis), doi
10.1145/3368089.3417065; the implementation: Weiss et al., ICSE Workshops 2021, arXiv 2103.05939. ProbCover: Yehuda et
al., NeurIPS 2022, arXiv 2205.11320. TypiClust: Hacohen et al., ICML 2022, arXiv 2202.02794. MaxHerding: Bae et al.,
ECCV 2024, arXiv 2407.12212. Badge: Ash et al., ICLR 2020, arXiv 1906.03671. Falcun: Gilhuber et al., ECML PKDD 2024.
"""

import numpy as np
from dnn_tip.surprise import MDSA
from skactiveml.base import SkactivemlClassifier
from skactiveml.pool import Badge, Falcun, MaxHerding, ProbCover, TypiClust

from mode_utils.selection.selectors import register_selector

_N_COMPARED = 1_000  # candidates of a group, whose cost grows with their square
_MORE = 5  # candidates of a group, for each that is wanted, where it does not


def surprise(candidates):
    """Return the Mahalanobis distance of each state from those of the training samples, at least 0."""
    return MDSA(candidates.training_states())(candidates.states, None)


def probcover(candidates):
    """Let ProbCover choose; the score is minus the turn."""
    return _turns(candidates, _by_states(ProbCover))


def typiclust(candidates):
    """Let TypiClust choose; the score is minus the turn."""
    return _turns(candidates, _by_states(TypiClust))


def maxherding(candidates):
    """Let MaxHerding choose; the score is minus the turn."""
    return _turns(candidates, _by_states(MaxHerding))


def badge(candidates):
    """Let Badge choose; the score is minus the turn."""

    def query(states, probabilities, seed, **more):
        return Badge(random_state=seed).query(states, clf=_Known(probabilities), fit_clf=False, **more)

    return _turns(candidates, query)


def falcun(candidates):
    """Let Falcun choose; the score is minus the turn."""

    def query(states, probabilities, seed, **more):
        return Falcun(random_state=seed).query(states, clf=_Known(probabilities), fit_clf=False, **more)

    return _turns(candidates, query, _MORE)


class _Known(SkactivemlClassifier):
    """A classifier whose probabilities are known for the samples that are asked about, all at once."""

    def __init__(self, probabilities):
        super().__init__(classes=list(range(probabilities.shape[1])))
        self.probabilities = probabilities

    def fit(self, X, y, sample_weight=None):  # noqa: N803 - the interface of scikit-activeml
        return self

    def predict_proba(self, X):  # noqa: N803
        return self.probabilities


def _by_states(strategy):
    def query(states, probabilities, seed, **more):
        return strategy(random_state=seed).query(states, **more)

    return query


def _turns(candidates, query, more=2):
    """Ask for the wanted ones among some candidates of each group, and score each by minus its turn."""
    scores = np.full(len(candidates), -float(len(candidates)))
    for place, n_wanted in candidates.by_group():
        states, probabilities = candidates.states[place], candidates.probabilities[place]
        drawn = candidates.rng.permutation(len(states))[: max(_N_COMPARED, more * n_wanted)]
        seed, unlabelled = int(candidates.rng.integers(2**31)), np.full(len(drawn), np.nan)
        known = {"y": unlabelled, "batch_size": n_wanted}
        turns = query(states[drawn], probabilities[drawn], seed, **known) if n_wanted else []
        scores[place.start + drawn[turns]] = -np.arange(len(turns))
    return scores


def register_peers():
    """Add these selectors by their names."""
    register_selector("surprise", surprise, ("states", "training states"), one_by_one=True)
    for score in (probcover, typiclust, maxherding, badge, falcun):
        register_selector(score.__name__, score, ("states", "probabilities"))
