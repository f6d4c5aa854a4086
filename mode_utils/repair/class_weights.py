"""Class weights of a retraining: stated, or found in a model's predictions of its own training samples.

Keras does not save `class_weight`. A model that was trained with it, or on balanced samples, predicts a rare label much
more often than it occurs; to retrain it without would cost that label its recall.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

_PREDICTED = 20_000  # training samples
_IMBALANCED = 2  # times as frequent as the rarest is the most frequent label, at least
_MORE = 1.5  # times as many samples are taken for rare labels wrongly as are missed
_SURELY = 1e-3  # p
_FEWEST = 10  # samples of a label, to judge it
_NAMED = 10  # labels in a sentence
_PULL = 1e-3  # towards labels of equal weight, where they are hardly confused


@dataclass(frozen=True)
class ClassWeights:
    """Factors (n_classes,) on the loss of each sample of a label; with `of_labels`, what its samples weigh together."""

    values: np.ndarray
    of_labels: bool = False

    def of_samples(self, y):
        """Return the weights (n,) float32, with mean 1, of samples with labels `y` (n,)."""
        weights = self.values[y] / (np.bincount(y, minlength=len(self.values))[y] if self.of_labels else 1)
        return (weights / weights.mean()).astype(np.float32)


def read_class_weights(stated, class_names):
    """Return stated `ClassWeights`, or None for "none"; what cannot be read is a ValueError.

    "balanced" lets all labels weigh alike. A text has numbers as "0.5,10" or "cat=0.5,dog=10"; a sequence has a number
    for each label; a mapping is from class names, or labels, to numbers, 1 for those left out.
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
    values = dict.fromkeys(names, 1.0) | {name: _number(value) for name, value in pairs.items()}
    wrong = [name for name, value in values.items() if name not in names or not (0 < value < np.inf)]
    if wrong or (not hasattr(stated, "keys") and len(stated) != n):
        what = f"{len(stated)} numbers" if not wrong else f"{wrong[0]} = {pairs.get(wrong[0])}"
        example = f"{','.join(['1'] * min(n, 3))}{',...' * (n > 3)} or {names[0]}=1"
        remedy = f"give balanced, none, or a number above 0 for each of the {n} labels, as {example}"
        raise ValueError(f"class weights have {what}: {remedy}")
    return ClassWeights(np.array([values[name] for name in names]))


def find_class_weights(predictions, y, class_names):
    """Return `ClassWeights` that a model was trained with, or None, and a sentence about them, as a tuple.

    At a minimum of a weighted cross-entropy, they are the stationary distribution of the mean probabilities of each
    label's samples. There are none if a model predicts rare labels (in `trainer.Predictions`) hardly more often than
    they occur.
    """
    counts = np.bincount(y, minlength=len(class_names))
    enough = counts >= _FEWEST
    if enough.sum() < 2 or counts.max() < _IMBALANCED * counts[enough].min():
        return None, ()
    places = np.sort(np.random.default_rng(0).permutation(len(y))[:_PREDICTED])
    probabilities, y = predictions.at(places), np.asarray(y)[places]
    rare = enough & (counts < counts[enough].mean())
    taken, is_rare = rare[probabilities.argmax(axis=1)], rare[y]
    wrongly, missed = int((taken & ~is_rare).sum()), int((~taken & is_rare).sum())
    if not wrongly or binomtest(wrongly, wrongly + missed, _MORE / (1 + _MORE), "greater").pvalue > _SURELY:
        return None, ()
    values = np.divide(_shares(probabilities, y), counts, out=np.zeros(len(counts)), where=counts > 0)
    values = np.where(counts > 0, values / values[counts > 0].min(), values.max() / values[counts > 0].min())
    told = ", ".join(f"{name}={value:.3g}" for name, value in zip(class_names[:_NAMED], values[:_NAMED], strict=True))
    named = ", ".join(str(class_names[label]) for label in np.flatnonzero(rare)[:_NAMED])
    return ClassWeights(values), (
        f"Of {len(y)} training samples, {is_rare.sum()} are of rare labels ({named}), but the model takes "
        f"{taken.sum()} for one: it was trained with class weights, or on samples in which they are more frequent. The "
        f"retraining keeps that: samples weigh {told}; --class-weights none, balanced or numbers takes others.",
    )


def _shares(probabilities, y):
    """Return the stationary distribution of the mean probabilities of each label's samples."""
    n = probabilities.shape[1]
    mean = np.eye(n)
    for label in np.unique(y):
        mean[label] = probabilities[y == label].mean(axis=0)
    shares = np.linalg.solve(np.eye(n) - (1 - _PULL) * mean.T, np.full(n, _PULL / n))
    return shares / shares.sum()


def _number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan
