"""Selectors of other libraries, each in a few lines, as you could add yours; they come with the extra `peers`.

============= ======================================================================================================
surprise      Mahalanobis distance from the states of the training samples: surprise adequacy, by `dnn-tip`
probcover     states whose neighbourhoods cover most of the others: ProbCover, by `scikit-activeml`
============= ======================================================================================================

References
----------
Surprise adequacy: Kim et al., ICSE 2019, doi 10.1109/ICSE.2019.00108; Kim et al., ESEC/FSE 2020 (Mahalanobis), doi
10.1145/3368089.3417065; the implementation: Weiss et al., ICSE Workshops 2021, arXiv 2103.05939. ProbCover: Yehuda et
al., NeurIPS 2022, arXiv 2205.11320.
"""

import numpy as np
from dnn_tip.surprise import MDSA
from skactiveml.pool import ProbCover

from mode_utils.selection.selectors import register_selector

_N_COVERED = 1_000  # candidates of a group that cover each other: the cost grows with the square


def surprise(candidates):
    """Return the Mahalanobis distance of each state from those of the training samples, at least 0."""
    return MDSA(candidates.training_states())(candidates.states, None)


def probcover(candidates):
    """Let ProbCover choose among some candidates of each group, drawn at random; the score is minus the turn."""
    scores = np.full(len(candidates), -float(len(candidates)))
    for place, n_wanted in candidates.by_group():
        states = candidates.states[place]
        drawn = candidates.rng.permutation(len(states))[: max(_N_COVERED, 2 * n_wanted)]
        strategy = ProbCover(random_state=int(candidates.rng.integers(2**31)))
        unlabelled = np.full(len(drawn), np.nan)
        turns = strategy.query(states[drawn], unlabelled, batch_size=n_wanted) if n_wanted else []
        scores[place.start + drawn[turns]] = -np.arange(len(turns))
    return scores


def register_peers():
    """Add these selectors by their names."""
    register_selector("surprise", surprise, ("states", "training states"), one_by_one=True)
    register_selector("probcover", probcover, ("states",))
