"""Which labels does the model get wrong, and in which way?

A label is *underfit* when its accuracy is low on training and diagnosis samples alike, and *overfit* when training
accuracy exceeds diagnosis accuracy by too much.
"""

from dataclasses import dataclass

import numpy as np

from mode_utils.support.checks import check_share


@dataclass(frozen=True)
class Assessment:
    """What a model gets right and wrong at one moment.

    Attributes
    ----------
    predictions : (n_diagnosis,) int
        The model's own labels for the diagnosis samples; all that follows goes by them.
    train_accuracies, diagnosis_accuracies : (n_classes,) float
        Of each label, see `label_accuracies`.
    buggy : dict of str to (n_buggy,) int
        By fault, "underfit" and "overfit": the labels that have it, faultiest first.
    deficits : dict of str to (n_classes,) float
        By fault: how far each label is from not having it; above 0 for those that do.
    scores : dict of str to float
        Columns of the runs table (see `study.runs_table`).
    """

    predictions: np.ndarray
    train_accuracies: np.ndarray
    diagnosis_accuracies: np.ndarray
    buggy: dict[str, np.ndarray]
    deficits: dict[str, np.ndarray]
    scores: dict[str, float]

    @property
    def errors(self):
        """Share of each label's diagnosis samples (n_classes,) that the model gets wrong; NaN where there are none."""
        return 1 - self.diagnosis_accuracies


def assess(trainer, splits, theta=0.92, gamma=0.10):
    """Find out what a model gets wrong.

    Parameters
    ----------
    trainer : Trainer
        Holds the model, which is not changed.
    splits : Splits
        The faults are those on `train` and `diagnosis`; `test` is only scored.
    theta, gamma : float
        See `find_underfit_labels` and `find_overfit_labels`.

    Returns
    -------
    Assessment
    """
    train, diagnosis, test = (
        trainer.predict(part.x).argmax(axis=1) for part in (splits.train, splits.diagnosis, splits.test)
    )
    seen, unseen, tested = (
        label_accuracies(part.y, predictions, splits.n_classes)
        for part, predictions in ((splits.train, train), (splits.diagnosis, diagnosis), (splits.test, test))
    )
    deficits = {"underfit": theta - unseen, "overfit": seen - unseen - gamma}
    buggy = {
        "underfit": find_underfit_labels(seen, unseen, theta),
        "overfit": find_overfit_labels(seen, unseen, gamma),
    }
    scores = {
        "test_accuracy": float((test == splits.test.y).mean()),
        "diagnosis_accuracy": float((diagnosis == splits.diagnosis.y).mean()),
        "train_accuracy": float((train == splits.train.y).mean()),
        "weakest_label_accuracy": float(np.nanmin(tested)),
        **{f"n_{fault}": len(labels) for fault, labels in buggy.items()},
    }
    return Assessment(diagnosis, seen, unseen, buggy, deficits, scores)


def label_accuracies(labels, predictions, n_classes):
    """Return the share of each label's samples that are predicted right (the recall of each label).

    Parameters
    ----------
    labels : (n,) int
        True labels 0 .. n_classes - 1.
    predictions : (n,) int
        Predicted labels.
    n_classes : int

    Returns
    -------
    (n_classes,) float64
        In [0, 1], higher is better; NaN for a label that has no sample.

    Raises
    ------
    ValueError
        If the lengths differ, or if a label lies outside 0 .. n_classes - 1.
    """
    labels, predictions = check_labels(labels, predictions, n_classes)
    counts = np.bincount(labels, minlength=n_classes)
    correct = np.bincount(labels[labels == predictions], minlength=n_classes)
    return np.divide(correct, counts, out=np.full(n_classes, np.nan), where=counts > 0)


def find_underfit_labels(train_accuracies, diagnosis_accuracies, theta=0.92):
    """Return the labels whose accuracy is below theta on training *and* on diagnosis samples.

    Parameters
    ----------
    train_accuracies, diagnosis_accuracies : (n_classes,) float
        As `label_accuracies` returns them.
    theta : float
        In [0, 1].

    Returns
    -------
    (n_underfit,) int
        Faultiest first: lowest diagnosis accuracy, the smaller label on a tie.

    Raises
    ------
    ValueError
        If theta lies outside [0, 1].

    References
    ----------
    Ma et al., ESEC/FSE 2018, doi 10.1145/3236024.3236082. The value of theta is the earlier replication's.
    """
    check_share("theta", theta)
    train, diagnosis = np.asarray(train_accuracies), np.asarray(diagnosis_accuracies)
    underfit = np.flatnonzero((train < theta) & (diagnosis < theta))
    return underfit[np.argsort(diagnosis[underfit], kind="stable")]


def find_overfit_labels(train_accuracies, diagnosis_accuracies, gamma=0.10):
    """Return the labels whose training accuracy exceeds their diagnosis accuracy by more than gamma.

    Parameters
    ----------
    train_accuracies, diagnosis_accuracies : (n_classes,) float
        As `label_accuracies` returns them.
    gamma : float
        In [0, 1].

    Returns
    -------
    (n_overfit,) int
        Faultiest first: largest gap, the smaller label on a tie.

    Raises
    ------
    ValueError
        If gamma lies outside [0, 1].

    References
    ----------
    Ma et al., ESEC/FSE 2018, doi 10.1145/3236024.3236082. The value of gamma is the earlier replication's.
    """
    check_share("gamma", gamma)
    gap = np.asarray(train_accuracies) - np.asarray(diagnosis_accuracies)
    overfit = np.flatnonzero(gap > gamma)
    return overfit[np.argsort(-gap[overfit], kind="stable")]


def check_labels(labels, predictions, n_classes):
    """Return both as integer arrays; raise a ValueError if they differ in length or leave 0 .. n_classes - 1."""
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape:
        raise ValueError(f"{labels.shape} labels and {predictions.shape} predictions; both must be of one length")
    for what, values in (("labels", labels), ("predictions", predictions)):
        if values.size and (values.min() < 0 or values.max() >= n_classes):
            raise ValueError(f"{what} span {values.min()} .. {values.max()}; they must lie in 0 .. {n_classes - 1}")
    return labels, predictions
