"""Which labels fail beyond chance, and what is shown of many: groups of labels that cannot be told apart."""

import numpy as np
import pandas as pd
from scipy.stats import binom, false_discovery_control

from mode_utils.repair.reading.class_names import listed
from mode_utils.support.checks import SIGNIFICANCE

_LISTED = 40  # labels that are shown one by one
_NAMED = 8  # of a group


def chances(assessment, counts, theta, gamma):
    """Return how likely each label (n_classes,) would be that far below its limit by chance, at most.

    Of labels below 0.05, at most a twentieth is expected to be so by chance (Benjamini and Hochberg, 1995). The limit
    is theta, and of an overfit label its training accuracy less gamma. `counts` (n_classes,) are validation samples; a
    label without any has 1.
    """
    limits, overfit = np.full(len(counts), float(theta)), assessment.buggy["overfit"]
    limits[overfit] = np.maximum(limits[overfit], np.asarray(assessment.train_accuracies)[overfit] - gamma)
    right = np.rint(np.nan_to_num(assessment.held_out_accuracies) * counts)
    return false_discovery_control(np.where(counts > 0, binom.cdf(right, counts, limits), 1))


def table_of_labels(report):
    """Return a table of labels for readers: a row each, or of more than 40 a row for those that look alike."""
    labels, counts = report.labels, report.counts
    if len(labels) <= _LISTED:
        return labels
    fails, sure = (labels["fault"] != "").to_numpy(), report.chances < SIGNIFICANCE
    kinds = [fails & sure, fails & ~sure, ~fails & (counts > 0), ~fails & (counts == 0)]
    told = ["fail beyond chance", "fail, but so few samples may do so by chance", "do not fail", "no validation sample"]
    rows = []
    for what, own in zip(told, kinds, strict=True):
        first = np.flatnonzero(own)[np.argsort(report.chances[own], kind="stable")]
        right = np.nan_to_num(labels["validation_accuracy"].to_numpy()[own]) @ counts[own]
        accuracy = right / counts[own].sum() if counts[own].any() else np.nan
        row = {"what": what, "labels": own.sum(), "validation samples": counts[own].sum()}
        rows.append(row | {"validation_accuracy": accuracy, "such as": listed(labels["label"].iloc[first], _NAMED)})
    return pd.DataFrame([row for row in rows if row["labels"]])
