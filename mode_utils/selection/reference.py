"""What does somebody who is not the model believe of a pool sample's label? A reference, which has learned from others.

======= ===============================================================================================================
network the model's own network, trained afresh on samples
states  logistic regression on the states of the model's last hidden layer: for any model, however it was trained
======= ===============================================================================================================

Where the labels of the pool are given, the reference is cross-fitted: it learns from the validation samples and one
half of the pool, and is asked about the other half, so that no sample vouches for its own label. Where they are not, it
learns from the validation samples alone, and from the labels of a part where only a part has some. A label that these
lack it learns from training samples, which the model has seen, too: that is better than never to find it. Its beliefs
are computed once for a repair.

References
----------
Cross-fitted beliefs of labels: Northcutt et al., JAIR 70 (2021), doi 10.1613/jair.1.12125. A model trained on other
data as the reference of a loss: Mindermann et al., ICML 2022, arXiv 2206.07137.
"""

import warnings

import numpy as np

from mode_utils.support.checks import check_choice

REFERENCES = ("network", "states")
_MOST_PASSES, _MOST_LEARNED = 200, 30_000  # of the regression, and samples of the pool that it learns from


def believe(trainer, splits, rng, reference="states", states=None):
    """Ask a reference about the labels of the pool.

    Parameters
    ----------
    trainer : Trainer
        Holds the model, also afterwards.
    splits : Splits
        Of the pool, labels are looked at if it is `labelled`.
    rng : numpy.random.Generator
    reference : {"network", "states"}
    states : callable
        From samples (n, ...) to the model's states (n, n_features), for that reference.

    Returns
    -------
    (n_pool, n_classes) float32
        Probabilities.

    Raises
    ------
    ValueError
        If there is no such reference; if a weight of a network cannot be drawn afresh, see `Trainer.initialize`.
    """
    check_choice("reference", reference, REFERENCES)
    if reference == "network":
        return _ask_networks(trainer, splits, rng)
    pool, (known, y) = splits.bug_fixing, _lessons(splits)
    own, labels = states(pool.x), pool.y if splits.labelled else None
    asked = StatesReference(splits.n_classes, states(known), y, rng, own.__getitem__, labels)
    return asked.believe(np.arange(len(pool)), own)


class StatesReference:
    """Logistic regression on the states of a model; of samples that it has learned from, a second one is asked.

    Parameters
    ----------
    n_classes : int
    known : (n_known, n_features) float
        States of the validation samples.
    known_labels : (n_known,) int
    rng : numpy.random.Generator
        Divides the pool.
    states : callable, optional
        From places in the pool, in increasing order, to states (n, n_features).
    labels : (n_pool,) int, optional
        Of the pool; without them, it learns from the validation samples alone. Where some samples have none, which is
        -1, it learns from those that have one, too, and is to be asked about the others.
    """

    def __init__(self, n_classes, known, known_labels, rng, states=None, labels=None):
        learn, self._second = _learn_states(n_classes), None
        if labels is None:
            self._models = [learn(known, known_labels)]
            return
        if (labels < 0).any():
            own = np.sort(rng.permutation(np.flatnonzero(labels >= 0))[:_MOST_LEARNED])
            self._models = [learn(np.concatenate([known, states(own)]), np.concatenate([known_labels, labels[own]]))]
            return
        halves = [np.sort(half) for half in np.array_split(rng.permutation(len(labels))[:_MOST_LEARNED], 2)]
        self._models = [
            learn(np.concatenate([known, states(half)]), np.concatenate([known_labels, labels[half]]))
            for half in halves
        ]
        self._second = np.zeros(len(labels), dtype=bool)
        self._second[halves[0]] = True

    def believe(self, places, states):
        """Return what it believes of the labels, (n, n_classes) float32, of samples at some places in the pool.

        Parameters
        ----------
        places : (n,) int
        states : (n, n_features) float
        """
        beliefs = self._models[0](states)
        second = np.zeros(len(places), dtype=bool) if self._second is None else self._second[places]
        if second.any():
            beliefs[second] = self._models[1](states[second])
        return beliefs.astype(np.float32)


def _lessons(splits):
    """Return samples and labels that any reference learns from: of validation, and of training what that lacks."""
    known, train = splits.diagnosis, splits.train
    lacking = np.flatnonzero(~np.isin(train.y, known.y))
    if not lacking.size:
        return known.x, known.y
    x, y = train.take(lacking)
    return np.concatenate([known.x, x]), np.concatenate([known.y, y])


def _ask_networks(trainer, splits, rng):
    pool, (known, known_labels) = splits.bug_fixing, _lessons(splits)
    beliefs, everything = np.empty((len(pool), splits.n_classes), np.float32), np.arange(len(pool))
    halves = np.array_split(rng.permutation(len(pool)), 2) if splits.labelled else [everything]
    with trainer.at():
        for half in halves:
            others = np.setdiff1d(everything, half) if splits.labelled else np.empty(0, int)
            x, y = pool.take(others)
            trainer.train_afresh(np.concatenate([known, x]), np.concatenate([known_labels, y]), rng)
            beliefs[half] = trainer.predict(pool.take(half)[0])
    return beliefs


def _learn_states(n_classes):
    from sklearn.exceptions import ConvergenceWarning  # not on import: options are checked without it
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def learn(x, y):
        present = np.unique(y)
        if len(present) == 1:
            return lambda x: np.tile(np.eye(n_classes)[present], (len(x), 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # beliefs do not change any more by then
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_MOST_PASSES)).fit(x, y)

        def predict(x):
            beliefs = np.zeros((len(x), n_classes))
            beliefs[:, present] = model.predict_proba(x)
            return beliefs

        return predict

    return learn


def trust(beliefs, labels, labelled):
    """Return how far each label of a sample is believed.

    Parameters
    ----------
    beliefs : (n, n_classes) float
        Of `believe`.
    labels : (n,) int
    labelled : bool
        Whether these are given: then nothing else than the given label is believed, as far as the reference does.

    Returns
    -------
    (n, n_classes) float
    """
    if not labelled:
        return beliefs
    own, rows = np.zeros_like(beliefs), np.arange(len(labels))
    own[rows, labels] = beliefs[rows, labels]
    return own
