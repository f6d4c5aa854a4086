"""Class weights of a retraining: stated, or found in what a model makes of its own training samples.

Keras does not save `class_weight`. A model that was trained with it, or on samples in which its labels were balanced,
takes many more samples for a rare label than there are, and to retrain it without would cost that label its recall.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

_ASKED = 20_000  # training samples
_AT_ONCE = 1_024
_IMBALANCED = 2  # times as frequent as the rarest is the most frequent label, at least
_MORE = 1.5  # times as many samples are taken for rare labels wrongly as are missed
_SURELY = 1e-3  # p
_FEWEST = 10  # samples of a label that say something of it
_NAMED = 10  # labels in a sentence
_PULL = 1e-3  # towards labels of equal weight, where they are hardly confused


@dataclass(frozen=True)
class ClassWeights:
    """How much the samples of each label weigh in a training.

    Attributes
    ----------
    values : (n_classes,) float
        Factors on the loss of a sample of each label, or with `of_labels` what all samples of a label weigh together.
    of_labels : bool
    """

    values: np.ndarray
    of_labels: bool = False

    def of_samples(self, y):
        """Return the weights of samples with labels `y` (n,), (n,) float32 with mean 1."""
        counts = np.bincount(y, minlength=len(self.values))[y] if self.of_labels else 1
        weights = self.values[y] / counts
        return (weights / weights.mean()).astype(np.float32)


def read_class_weights(stated, class_names):
    """Return the class weights that somebody states.

    Parameters
    ----------
    stated : "balanced", "none", str, mapping or sequence of float
        "balanced" lets all labels weigh alike; a text has numbers as "0.5,10" or "cat=0.5,dog=10"; a mapping is from
        class names, or labels, to numbers, of those left out 1.
    class_names : sequence of str

    Returns
    -------
    ClassWeights or None
        None for "none".

    Raises
    ------
    ValueError
        If it says nothing of the kind, with what it may be.
    """
    names, n = [str(name) for name in class_names], len(class_names)
    if isinstance(stated, str) and stated in ("balanced", "none"):
        return ClassWeights(np.ones(n), of_labels=True) if stated == "balanced" else None
    if isinstance(stated, str):
        parts = [part.strip() for part in stated.split(",")]
        pairs = [part.rpartition("=")[::2] for part in parts]
        stated = {name.strip(): value for name, value in pairs} if all(name for name, _ in pairs) else parts
    pairs = dict(stated) if hasattr(stated, "keys") else dict(zip(names, stated, strict=False))
    pairs = {str(name): value for name, value in pairs.items()}
    values = {**dict.fromkeys(names, 1.0), **{name: _number(value) for name, value in pairs.items()}}
    wrong = [name for name, value in values.items() if name not in names or not (0 < value < np.inf)]
    if wrong or (not hasattr(stated, "keys") and len(stated) != n):
        what = f"{len(stated)} numbers" if not wrong else f"{wrong[0]} = {pairs.get(wrong[0])}"
        raise ValueError(
            f"class weights have {what}: give balanced, none, or a number above 0 for each of the {n} labels, as "
            f"{','.join(['1'] * min(n, 3))}{',...' * (n > 3)} or {names[0]}=1"
        )
    return ClassWeights(np.array([values[name] for name in names]))


def find_class_weights(trainer, x, y, class_names):
    """Find out whether a model was trained with class weights, from what it makes of its own training samples.

    At a minimum of a weighted cross-entropy, the weight that the labels' samples give to each label, by the
    probabilities of the model, is the weight that this label's samples have: the weights are the stationary
    distribution of the mean probabilities.

    Parameters
    ----------
    trainer : Trainer
    x : (n, ...) array
        Training samples as the model gets them.
    y : (n,) int
    class_names : sequence of str

    Returns
    -------
    ClassWeights or None
        None if there is no sign of any: a model takes hardly more samples for the rare labels than there are.
    note : tuple of str
        A sentence, if there is one.
    """
    counts = np.bincount(y, minlength=trainer.n_classes)
    enough = counts >= _FEWEST
    if enough.sum() < 2 or counts.max() < _IMBALANCED * counts[enough].min():
        return None, ()
    places = np.sort(np.random.default_rng(0).permutation(len(y))[:_ASKED])
    parts = np.array_split(places, len(places) // _AT_ONCE + 1)
    probabilities = np.concatenate([trainer.predict(np.asarray(x[part])) for part in parts])
    y = np.asarray(y)[places]
    rare = enough & (counts < counts[enough].mean())
    taken, is_rare = rare[probabilities.argmax(axis=1)], rare[y]
    wrongly, missed = int((taken & ~is_rare).sum()), int((~taken & is_rare).sum())
    if not wrongly or binomtest(wrongly, wrongly + missed, _MORE / (1 + _MORE), "greater").pvalue > _SURELY:
        return None, ()
    shares = _shares(probabilities, y)
    values = np.divide(shares, counts, out=np.zeros(len(counts)), where=counts > 0)
    values = np.where(counts > 0, values / values[counts > 0].min(), values.max() / values[counts > 0].min())
    told = ", ".join(f"{name}={value:.3g}" for name, value in list(zip(class_names, values, strict=True))[:_NAMED])
    named = ", ".join(str(class_names[label]) for label in np.flatnonzero(rare)[:_NAMED])
    return ClassWeights(values), (
        f"Of {len(y)} training samples, {is_rare.sum()} are of rare labels ({named}), but the model takes "
        f"{taken.sum()} for one: it was trained with class weights, or on samples in which they are more frequent. The "
        f"retraining keeps that: samples weigh {told}; --class-weights none, balanced or numbers takes others.",
    )


def _shares(probabilities, y):
    """Return the stationary distribution of the mean probabilities of each label's samples."""
    n = probabilities.shape[1]
    seen, mean = np.unique(y), np.eye(n)
    for label in seen:
        mean[label] = probabilities[y == label].mean(axis=0)
    system = np.eye(n) - (1 - _PULL) * mean.T
    shares = np.linalg.solve(system, np.full(n, _PULL / n))
    return shares / shares.sum()


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan
