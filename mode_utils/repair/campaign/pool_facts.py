"""What the pool is like, from its arm, which is a random sample of it; and whether validation samples are like it."""

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from mode_utils.study.formatting import p_value, percent
from mode_utils.study.significance import SIGNIFICANCE, holm

_ENOUGH = 10  # answered inputs of a label, from which its accuracy is told
_NAMED = 5  # labels in a sentence


def describe_pool(arm, validation, n_unanswerable, class_names):
    """Return sentences on the pool, and on validation samples beside it, and whether these are unlike it.

    `arm` and `validation` are labels (n,), and probabilities (n, n_classes) of a model that has seen neither; for the
    others see `describe_arm`.
    """
    sides = [(y, p.argmax(axis=1), p.max(axis=1)) for y, p in (arm, validation)]
    accuracies = [(y == predicted).mean() for y, predicted, _ in sides]
    said, p = describe_arm(*sides[0][:2], n_unanswerable, class_names), compare_with_validation(*sides)
    return [*said, say_validation(p, *accuracies)], min(p.values()) < SIGNIFICANCE


def describe_arm(y, predicted, n_unanswerable, class_names):
    """Return sentences on the pool: accuracy of the model, of labels, shares of labels, inputs that belong to none.

    Parameters
    ----------
    y, predicted : (n,) int, labels of the arm's inputs, and what a model that was not trained on them takes them for
    n_unanswerable : int, inputs of the arm beside them that nobody could tell
    class_names : sequence of str
    """
    n, right = len(y), y == predicted
    said = [f"By {n} inputs drawn at random, the model gets {_share(right.sum(), n)} of the pool right"]
    counts = np.bincount(y, minlength=len(class_names))
    common = [label for label in np.argsort(-counts, kind="stable")[:_NAMED] if counts[label]]
    shares = [f"{class_names[label]}: {_share(counts[label], n)}" for label in common]
    said.append(f"Labels in the pool: {'; '.join(shares)}{'; ...' if np.count_nonzero(counts) > _NAMED else ''}")
    rates = {label: right[y == label].mean() for label in np.flatnonzero(counts >= _ENOUGH)}
    weakest = sorted(rates, key=rates.get)[:_NAMED]
    if weakest:
        each = [f"{class_names[label]}: {_share(right[y == label].sum(), counts[label])}" for label in weakest]
        said.append(f"Accuracy on the pool of the weakest labels with {_ENOUGH} inputs or more: {'; '.join(each)}")
    if n_unanswerable:
        said.append(f"Inputs of the pool that nobody can tell: {_share(n_unanswerable, n + n_unanswerable)}")
    return said


def compare_with_validation(arm, validation):
    """Return p-values, adjusted (Holm), of what would tell validation samples from the pool, by what it is.

    Parameters
    ----------
    arm, validation : (y, predicted, confidence), three (n,) arrays each, of a model that has seen neither

    Returns
    -------
    dict of str to float
        "accuracy", Fisher's exact test; "shares of labels", chi-squared of those with 5 samples in all or more;
        "confidence", Kolmogorov and Smirnov's test.
    """
    (y, predicted, sure), (y_own, predicted_own, sure_own) = arm, validation
    right = [
        [(y == predicted).sum(), (y != predicted).sum()],
        [(y_own == predicted_own).sum(), (y_own != predicted_own).sum()],
    ]
    n_classes = max(y.max(), y_own.max()) + 1
    counts = np.array([np.bincount(each, minlength=n_classes) for each in (y, y_own)])
    frequent = counts[:, counts.sum(axis=0) >= 5]
    shares = stats.chi2_contingency(frequent).pvalue if frequent.shape[1] > 1 and frequent.sum(axis=1).all() else 1.0
    p = [stats.fisher_exact(right).pvalue, shares, stats.ks_2samp(sure, sure_own).pvalue]
    return dict(zip(("accuracy", "shares of labels", "confidence"), holm(p), strict=True))


def say_validation(p_values, arm_accuracy, accuracy):
    """Return a sentence on whether validation samples are like the pool, and what to do if they are not.

    `p_values` are those of `compare_with_validation`; the accuracies, in [0, 1], are those that the first compares.
    """
    differ = [f"{what} (p {p_value(p)})" for what, p in p_values.items() if p < SIGNIFICANCE]
    told = f"the model gets {percent(accuracy)} of them right, and {percent(arm_accuracy)} of the arm"
    if not differ:
        return f"Nothing tells validation samples from the pool: {told}"
    remedy = "have more of the pool labelled that is drawn at random, and validate on it, where the model is used there"
    return f"Validation samples are not like the pool, by {', '.join(differ)}: {told}; {remedy}"


def say_strange(n_labelled, n_unanswerable, n):
    """Return a sentence if inputs of the arm that are unlike all known samples belong to the pool; otherwise "".

    They do if they are a tenth of the arm's n inputs or more, and most of them have a label: `n_labelled`, at least 3,
    and not `n_unanswerable`, which nobody could tell.
    """
    found = n_labelled + n_unanswerable
    if n_labelled < 3 or 10 * found < n or 2 * n_labelled <= found:
        return ""
    told = f"{found} of {n} inputs of the arm are unlike all known samples, and {n_labelled} of these have a label"
    return f"{told}: such inputs belong to the pool, and the next rounds do not pass over them"


def _share(count, n):
    low, high = proportion_confint(count, n, method="wilson")
    return f"{count / n:.0%} ({100 * low:.0f} to {100 * high:.0f}%)"
