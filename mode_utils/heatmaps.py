"""Heat maps of a label, and their differentials.

A heat map is the mean of a group of samples in a feature space: their pixels, or the activations of a layer.

======== ===================================================================
HCI_i    samples that are i and are predicted i (correct)
HMI_i    samples that are not i but are predicted i (false positives)
HWI_i    samples that are i but are predicted otherwise (false negatives)
DHCI_i   HCI_i minus the mean of the other labels' HCI
DHMI_i   HMI_i - HCI_i
DHWI_i   HWI_i - HCI_i
======== ===================================================================
"""

from dataclasses import dataclass

import numpy as np

from mode_utils.assessment import check_labels
from mode_utils.support.checks import check_choice

HEATMAPS = ("hci", "hmi", "hwi", "dhci", "dhmi", "dhwi")
SPACES = ("pixels", "neurons", "importance")
_GROUPS = {"hci": "classified correctly", "hmi": "of another label that are mistaken for it",
           "hwi": "classified wrongly"}  # fmt: skip


@dataclass(frozen=True)
class ClassHeatmaps:
    """Heat maps of all labels, (n_classes, n_features), NaN without samples; `counts` (n_classes,) by name."""

    hci: np.ndarray
    hmi: np.ndarray
    hwi: np.ndarray
    counts: dict[str, np.ndarray]

    @property
    def dhci(self):
        """HCI_i minus the mean of the other labels' HCI, as far as those exist."""
        total, others = np.nansum(self.hci, axis=0), (self.counts["hci"] > 0).sum() - 1
        return self.hci - (total - self.hci) / others if others > 0 else np.full_like(self.hci, np.nan)

    @property
    def dhmi(self):
        """HMI_i - HCI_i."""
        return self.hmi - self.hci

    @property
    def dhwi(self):
        """HWI_i - HCI_i."""
        return self.hwi - self.hci

    def missing(self, heatmap="hci"):
        """Return the labels, (n_missing,) int, for which this heat map does not exist."""
        return np.flatnonzero(np.isnan(self._rows(heatmap)).any(axis=1))

    def of(self, label, heatmap="hci"):
        """Return one heat map (n_features,); a ValueError if label or kind is unknown, or there is no such sample."""
        rows = self._rows(heatmap)
        if label not in range(len(rows)):
            raise ValueError(f"unknown label {label!r}; choose from 0 .. {len(rows) - 1}")
        if label in self.missing(heatmap):
            lacking = [g for g in dict.fromkeys(("hci", heatmap[-3:])) if self.counts[g][label] == 0]
            why = "; ".join(f"there are no samples {_GROUPS[g]}" for g in lacking) or "no other label has an HCI"
            raise ValueError(f"{heatmap.upper()} of label {label} does not exist: {why}")
        return rows[label]

    def _rows(self, heatmap):
        check_choice("heatmap", heatmap, HEATMAPS)
        return getattr(self, heatmap)


def class_heatmaps(features, labels, predictions, n_classes):
    """Average the features of each label's correct, false-positive and false-negative samples into `ClassHeatmaps`.

    Features that contain NaN are a ValueError. Ma et al., ESEC/FSE 2018, doi 10.1145/3236024.3236082, leave open what a
    neuron's importance is; here it is its group's mean.

    Parameters
    ----------
    features : (n, ...) float, pixels or activations; all axes but the first are flattened
    labels, predictions : (n,) int, true and predicted labels 0 .. n_classes - 1
    """
    labels, predictions = check_labels(labels, predictions, n_classes)
    features = np.asarray(features)
    features = features.reshape(len(labels), int(np.prod(features.shape[1:])))  # also of no sample
    if np.isnan(features).any():
        raise ValueError("features contain NaN")
    correct = labels == predictions
    hci, n_correct = _group_means(features[correct], labels[correct], n_classes)
    hmi, n_mistaken = _group_means(features[~correct], predictions[~correct], n_classes)
    hwi, n_wrong = _group_means(features[~correct], labels[~correct], n_classes)
    return ClassHeatmaps(hci, hmi, hwi, {"hci": n_correct, "hmi": n_mistaken, "hwi": n_wrong})


def _group_means(features, groups, n_classes):
    """Return the mean of each group, (n_classes, n_features), NaN for empty groups, and the group sizes."""
    counts = np.bincount(groups, minlength=n_classes)
    sums = (groups == np.arange(n_classes)[:, None]).astype(np.float64) @ features
    return np.divide(sums, counts[:, None], out=np.full(sums.shape, np.nan), where=counts[:, None] > 0), counts
