"""Selectors of other libraries, each in a few lines, as you could add yours; they come with the extra `peers`.

========== =========================================================================================================
surprise   Mahalanobis distance from the states of the training samples: surprise adequacy, by `dnn-tip` (Kim et al.,
           ICSE 2019, doi 10.1109/ICSE.2019.00108, and ESEC/FSE 2020, doi 10.1145/3368089.3417065; Weiss et al., ICSE
           Workshops 2021, arXiv 2103.05939)
probcover  states whose neighbourhoods cover most of the others (Yehuda et al., NeurIPS 2022, arXiv 2205.11320)
typiclust  the most typical state of each cluster (Hacohen et al., ICML 2022, arXiv 2202.02794)
maxherding states that resemble most of the others (Bae et al., ECCV 2024, arXiv 2407.12212)
badge      gradients of the last layer that are large and unlike (Ash et al., ICLR 2020, arXiv 1906.03671)
falcun     close margins, and probabilities that are unlike (Gilhuber et al., ECML PKDD 2024)
========== =========================================================================================================

All but the first, of `scikit-activeml`, choose one sample after the other, from some candidates of each group, drawn at
random: their cost grows with these times those that are wanted, or faster. The score is minus the turn.
"""

from functools import partial

import numpy as np
from dnn_tip.surprise import MDSA
from skactiveml.base import SkactivemlClassifier
from skactiveml.pool import Badge, Falcun, MaxHerding, ProbCover, TypiClust

from mode_utils.selection.selectors import register_selector

_N_COMPARED = 1_000  # candidates of a group, at least
# whether it goes by probabilities, and candidates of a group for each that is wanted
_STRATEGIES = {"probcover": (ProbCover, False, 2), "typiclust": (TypiClust, False, 2),
               "maxherding": (MaxHerding, False, 2), "badge": (Badge, True, 2),
               "falcun": (Falcun, True, 5)}  # fmt: skip


def surprise(candidates):
    """Return the Mahalanobis distance of each state from those of the training samples, at least 0."""
    return MDSA(candidates.training_states())(candidates.states, None)


def register_peers():
    """Add these selectors by their names."""
    register_selector("surprise", surprise, ("states", "training states"), one_by_one=True)
    for name, how in _STRATEGIES.items():
        register_selector(name, partial(_turns, *how), ("states", "probabilities"))


class _Known(SkactivemlClassifier):
    """A classifier whose probabilities are known for the samples that are asked about, all at once."""

    def __init__(self, probabilities):
        super().__init__(classes=list(range(probabilities.shape[1])))
        self.probabilities = probabilities

    def fit(self, X, y, sample_weight=None):  # noqa: N803 - the interface of scikit-activeml
        return self

    def predict_proba(self, X):  # noqa: N803
        return self.probabilities


def _turns(strategy, by_probabilities, more, candidates):
    """Ask for the wanted ones among some candidates of each group, and score each by minus its turn."""
    scores = np.full(len(candidates), -float(len(candidates)))
    for place, n_wanted in candidates.by_group():
        states, probabilities = candidates.states[place], candidates.probabilities[place]
        drawn = candidates.rng.permutation(len(states))[: max(_N_COMPARED, more * n_wanted)]
        asked = strategy(random_state=int(candidates.rng.integers(2**31)))
        known = {"clf": _Known(probabilities[drawn]), "fit_clf": False} if by_probabilities else {}
        known |= {"y": np.full(len(drawn), np.nan), "batch_size": n_wanted}
        turns = asked.query(states[drawn], **known) if n_wanted else []
        scores[place.start + drawn[turns]] = -np.arange(len(turns))
    return scores
