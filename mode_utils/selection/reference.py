"""Label probabilities of pool samples from a reference model, which has learned from other samples.

======= ===============================================================================================================
network the model's own network, trained afresh on samples
states  logistic regression on the states of the model's last hidden layer: for any model, however it was trained;
        of more than 200 labels Gaussians, see `label_gaussians`, whom the model helps to guess, see `pool_scan`
======= ===============================================================================================================

Where the labels of the pool are given, the reference is cross-fitted: it learns from the validation samples and one
half of the pool, and is asked about the other half, so that no sample vouches for its own label. Where they are not, it
learns from the validation samples alone, and from the labels of a part where only a part has some. A label that these
lack it learns from training samples, which the model has seen, too: that is better than never to find it. Of frozen
features it learns all training samples, too, with labels weighed alike, if they help to predict validation samples:
that a head has seen them has not changed them.

Cross-fitted probabilities: Northcutt et al., JAIR 70 (2021), doi 10.1613/jair.1.12125. A model trained on other data as
the reference of a loss: Mindermann et al., ICML 2022, arXiv 2206.07137.
"""

import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from mode_utils.support.checks import check_choice
from mode_utils.support.sample_parts import count_before, joined

REFERENCES = ("network", "states")
MOST_PASSES, _MOST_LEARNED = 200, 30_000  # of the regression, and samples of the pool that it learns from
_FOLDS, _CHANCE = 3, 2.0  # parts of the validation samples that are held out in turn; standard errors
MANY_LABELS = 200  # of more, a few samples of each are learned by Gaussians, and the model helps to guess
_BLOCK = 1_024  # samples that are asked about at once: in blocks of one size, no number depends on the others


def learn_reference(outputs, splits, rng, reference="states"):
    """Train the reference of a pool; its `probabilities(places, states)` are (n, n_classes) float32.

    `outputs` are `ModelOutputs` of the model, and the model itself for a network, which is not changed. Labels of
    the pool are used if `splits` is `labelled` or some are known. If a weight of a network cannot be drawn afresh,
    it is a ValueError, see `Trainer.initialize`.
    """
    check_choice("reference", reference, REFERENCES)
    if reference == "network":
        return NetworkReference(outputs.trainer, splits, rng)
    n_classes, held_out = splits.n_classes, (outputs.of_validation()[0], splits.held_out.y)
    learned, balanced = held_out, False
    if outputs.frozen and not splits.labelled:
        training = _some_of_each(outputs.of_training(), rng)
        balanced = _teaches(training, held_out, n_classes)
        learned = joined(held_out, training) if balanced else held_out
    lacking = np.setdiff1d(np.arange(n_classes), learned[1])
    more = outputs.of_training(lacking) if lacking.size else None
    if more is not None and len(more[1]):
        learned = joined(learned, more)
    found = StatesReference(n_classes, *learned, rng, outputs.states_at, splits.known_labels, balanced)
    found.misled = outputs.frozen and not splits.labelled and not balanced
    return found


def _some_of_each(known, rng):
    """Return known (x, y), or of too many as many of each label as there may be, drawn at random."""
    x, y = known
    if len(y) <= _MOST_LEARNED:
        return known
    order, most = rng.permutation(len(y)), max(1, _MOST_LEARNED // len(np.unique(y)))
    some = np.sort(order[count_before(y[order]) < most])
    return x[some], y[some]


def _teaches(training, held_out, n_classes):
    """Return whether training samples may teach: those that are mislabelled or of another kind may not.

    With these, validation samples that are held out are predicted worse, by Brier's score and beyond chance.
    """
    x, y = held_out
    losses = np.zeros((2, len(y)))
    for part in range(_FOLDS):
        held = np.arange(len(y)) % _FOLDS == part
        if held.all() or not held.any():
            return True
        rest = x[~held], y[~held]
        for which, (known, weights) in enumerate(((rest, None), (joined(rest, training), "balanced"))):
            p = _regression(n_classes, weights)(*known)(x[held])
            losses[which, held] = (p**2).sum(axis=1) - 2 * p[np.arange(len(p)), y[held]] + 1
    worse = losses[1] - losses[0]
    return worse.mean() <= _CHANCE * worse.std() / np.sqrt(len(y))


class StatesReference:
    """Logistic regression on the states of a model; of samples that it has learned from, a second one is asked.

    It learns from the states (n_known, n_features) of validation samples, and from those of pool samples with `labels`
    (n_pool,), -1 where there is none: of a labelled pool two halves, each asked about the other. `states` gives the
    states at places in the pool, in increasing order; `rng` divides the pool. If `balanced`, labels weigh alike.
    """

    misled = False  # whether it was not taught by training samples, see `_teaches`

    def __init__(self, n_classes, known, known_labels, rng, states=None, labels=None, balanced=False):
        learn, self._second = _regression(n_classes, "balanced" if balanced else None), None
        if labels is None:
            self._models = [learn(known, known_labels)]
            return
        partly = (labels < 0).any()
        own = rng.permutation(np.flatnonzero(labels >= 0) if partly else len(labels))[:_MOST_LEARNED]
        parts = [np.sort(part) for part in np.array_split(own, 1 if partly else 2)]
        lessons = (((known, states(part)), (known_labels, labels[part])) for part in parts)
        self._models = [learn(np.concatenate(x), np.concatenate(y)) for x, y in lessons]
        if not partly:
            self._second = np.isin(np.arange(len(labels)), parts[0])

    def probabilities(self, places, states):
        """Return the probabilities (n, n_classes) float32 of samples at some places in the pool, by their states."""
        found = self._models[0](states)
        second = np.zeros(len(places), dtype=bool) if self._second is None else self._second[places]
        if second.any():
            found[second] = self._models[1](states[second])
        return found.astype(np.float32)


class NetworkReference:
    """The model's own network, trained afresh; of a labelled pool, one for each half, trained on the other."""

    def __init__(self, trainer, splits, rng):
        pool, (known, known_labels) = splits.bug_fixing, _lessons(splits)
        self._found, everything = np.empty((len(pool), splits.n_classes), np.float32), np.arange(len(pool))
        halves = np.array_split(rng.permutation(len(pool)), 2) if splits.labelled else [everything]
        learned = np.flatnonzero(splits.known_labels >= 0) if splits.known_labels is not None else everything[:0]
        for half in halves:
            x, y = pool.take(np.setdiff1d(learned, half) if splits.labelled else learned)
            with trainer.at():
                trainer.train_afresh(np.concatenate([known, x]), np.concatenate([known_labels, y]), rng)
                self._found[half] = trainer.predict(pool.take(half)[0])

    def probabilities(self, places, states=None):
        """Return the probabilities (n, n_classes) float32 of samples at some places in the pool."""
        return self._found[places]


def _lessons(splits):
    """Return samples and labels that a network learns from: of validation, and of training what that lacks."""
    known, train = splits.held_out, splits.train
    if not (lacking := np.flatnonzero(~np.isin(train.y, known.y))).size:
        return known.x, known.y
    x, y = train.take(lacking)
    return np.concatenate([known.x, x]), np.concatenate([known.y, y])


def _regression(n_classes, weights=None):
    # not on import: options are checked without it
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from mode_utils.support.label_gaussians import LabelGaussians

    def learn(x, y):
        model = LogisticRegression(max_iter=MOST_PASSES, class_weight=weights)
        model = LabelGaussians() if n_classes > MANY_LABELS else model
        return fit_classifier(make_pipeline(StandardScaler(), model), x, y, n_classes)

    return learn


def fit_classifier(model, x, y, n_classes, ask="predict_proba"):
    """Fit a classifier of scikit-learn; return a function from features (n, d) to probabilities (n, n_classes).

    Those of a label that is not in `y` are 0; of one label, nothing is fitted. `ask` is a method, or a function of the
    model and features, that returns a column for each label in `y`.
    """
    from sklearn.exceptions import ConvergenceWarning

    if len(present := np.unique(y)) == 1:
        return lambda x: np.tile(np.eye(n_classes)[present], (len(x), 1))
    # one thread: on a busy machine others take many times as long, and sums of floats would be other ones
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # probabilities do not change any more by then
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # as labels may be
        model.fit(x, y)
    asked = getattr(model, ask) if isinstance(ask, str) else lambda x: ask(model, x)

    def predict(x):
        found = np.zeros((len(x), n_classes))
        for start in range(0, len(x), _BLOCK):
            block = np.zeros((_BLOCK, *x.shape[1:]), x.dtype)
            block[: len(x) - start] = x[start : start + _BLOCK]
            found[start : start + _BLOCK, present] = asked(block)[: len(x) - start]
        return found

    return predict
