"""Assessment of a model: which labels fail, and in which way.

A label is *underfit* if its accuracy is low on training and held-out samples alike, and *overfit* if its training
accuracy exceeds its held-out accuracy by too much.
"""

from dataclasses import dataclass, replace

import numpy as np

from mode_utils.support.checks import check_share

_FAR_BETTER = 0.4  # of accuracy, that another order of the labels has to bring


@dataclass(frozen=True)
class Assessment:
    """What a model gets right and wrong at one moment."""

    predictions: np.ndarray  #: (n_diagnosis,) int, the model's own labels for the held-out samples
    train_accuracies: np.ndarray  #: (n_classes,) float, see `label_accuracies`
    held_out_accuracies: np.ndarray  #: (n_classes,) float
    buggy: dict[str, np.ndarray]  #: by fault, "underfit" and "overfit": labels (n_buggy,), faultiest first
    deficits: dict[str, np.ndarray]  #: by fault, how far each label (n_classes,) is from health; above 0 if buggy
    scores: dict[str, float]  #: columns of the runs table (see `study.runs_table`)

    @property
    def errors(self):
        """Share of each label's held-out samples (n_classes,) that the model gets wrong; NaN where there are none."""
        return 1 - self.held_out_accuracies

    @property
    def likely_errors(self):
        """The errors; of a label without held-out samples that on training samples, or the others' mean if worse."""
        unknown = np.isnan(self.errors)
        if not unknown.any() or unknown.all():
            return 1 - _either(self.held_out_accuracies, self.train_accuracies)
        return np.where(unknown, np.maximum(1 - self.train_accuracies, np.nanmean(self.errors)), self.errors)


def assess(trainer, splits, theta=0.92, gamma=0.10):
    """Find out what a model, which is not changed, gets wrong, as an `Assessment`.

    Parameters
    ----------
    trainer : Trainer, which holds the model
    splits : Splits; the faults are those on `train` and `held_out`, `test` is only scored
    theta, gamma : float in [0, 1], see `find_underfit_labels` and `find_overfit_labels`
    """
    parts = {"test": splits.test, "diagnosis": splits.held_out, "train": splits.train}  # as the columns are called
    predicted = {role: trainer.predict(part.x).argmax(axis=1) for role, part in parts.items()}
    by_label = {role: label_accuracies(part.y, predicted[role], splits.n_classes) for role, part in parts.items()}
    found = judge_accuracies(predicted["diagnosis"], by_label["train"], by_label["diagnosis"], theta, gamma)
    scores = {f"{role}_accuracy": float((predicted[role] == part.y).mean()) for role, part in parts.items()}
    scores["weakest_label_accuracy"] = float(np.nanmin(by_label["test"]))
    return replace(found, scores=scores | {f"n_{fault}": len(labels) for fault, labels in found.buggy.items()})


def judge_accuracies(predictions, seen, unseen, theta=0.92, gamma=0.10):
    """Return an `Assessment` without scores, by recalls (n_classes,); nothing is overfit if both are the same."""
    deficits = {"underfit": theta - _either(unseen, seen), "overfit": seen - unseen - gamma}
    buggy = {"underfit": find_underfit_labels(seen, unseen, theta), "overfit": find_overfit_labels(seen, unseen, gamma)}
    return Assessment(predictions, seen, unseen, buggy, deficits, {})


def another_order(labels, predictions, n_classes):
    """Return the order of classes that explains predictions far better: by 40 points, and at least half of them.

    The order (n_classes,) holds the prediction of each label, or is None; with it comes the share that it explains.
    """
    from scipy.sparse import csr_array  # takes longer to import than all else here
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    pairs, counts = np.unique(labels.astype(np.int64) * n_classes + predictions, return_counts=True)
    every, gains = np.arange(n_classes), np.concatenate([2.0 * n_classes * counts, np.ones(n_classes)])
    rows, columns = np.divmod(pairs, n_classes)
    places = np.concatenate([rows, every]), np.concatenate([columns, every + n_classes])  # a label may also stay alone
    graph = csr_array((gains, places), shape=(n_classes, 2 * n_classes))
    order = min_weight_full_bipartite_matching(graph, maximize=True)[1]
    order[order >= n_classes] = np.setdiff1d(every, order)
    share = (order[labels] == predictions).mean()
    better = share > (predictions == labels).mean() + _FAR_BETTER and share >= 0.5
    return (order, float(share)) if better else (None, 0.0)


def label_accuracies(labels, predictions, n_classes):
    """Return the recall (n_classes,) of each label in [0, 1], NaN without samples, by labels and predictions (n,)."""
    labels, predictions = check_labels(labels, predictions, n_classes)
    counts = np.bincount(labels, minlength=n_classes)
    correct = np.bincount(labels[labels == predictions], minlength=n_classes)
    return np.divide(correct, counts, out=np.full(n_classes, np.nan), where=counts > 0)


def find_underfit_labels(train_accuracies, held_out_accuracies, theta=0.92):
    """Return the labels whose accuracy is below theta on training *and* held-out samples, the lowest held-out first.

    Of a label without samples in one role (NaN), the other decides. Ma et al., ESEC/FSE 2018; theta: the replication.
    """
    check_share("theta", theta)
    train, held_out = _either(train_accuracies, held_out_accuracies), _either(held_out_accuracies, train_accuracies)
    underfit = np.flatnonzero((train < theta) & (held_out < theta))
    return underfit[np.argsort(held_out[underfit], kind="stable")]


def find_overfit_labels(train_accuracies, held_out_accuracies, gamma=0.10):
    """Return the labels whose training accuracy exceeds held-out accuracy by more than gamma, largest gap first."""
    check_share("gamma", gamma)
    gap = np.asarray(train_accuracies) - np.asarray(held_out_accuracies)
    overfit = np.flatnonzero(gap > gamma)
    return overfit[np.argsort(-gap[overfit], kind="stable")]


def _either(values, others):
    """Return values, and others where they are NaN."""
    return np.where(np.isnan(values), others, values)


def check_labels(labels, predictions, n_classes):
    """Return both as integer arrays; raise a ValueError if they differ in length or leave 0 .. n_classes - 1."""
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape:
        raise ValueError(f"{labels.shape} labels and {predictions.shape} predictions; both must be of one length")
    for what, values in (("labels", labels), ("predictions", predictions)):
        if values.size and (values.min() < 0 or values.max() >= n_classes):
            raise ValueError(f"{what} span {values.min()} .. {values.max()}; they must lie in 0 .. {n_classes - 1}")
    return labels, predictions
