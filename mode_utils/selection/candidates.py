"""Candidates: the pool samples that may be chosen, and what is known of them for a selector."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mode_utils.heatmaps import ClassHeatmaps, class_heatmaps
from mode_utils.selection.allocation import Group, group_places


@dataclass(frozen=True)
class Comparison:
    """Candidates and held-out samples in the space in which they are compared with heat maps.

    Attributes
    ----------
    features : (n, ...) float32 of the candidates: pixels, or activations of the view's layer
    diagnosis : (n_held_out, ...) float32, the same of the held-out samples
    labels, predictions : (n_held_out,) int, true labels, and those that the view predicts
    weights : (n_features, n_classes) float32, how much a feature counts for a label, if its importance is compared
    """

    features: np.ndarray
    diagnosis: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    n_classes: int
    weights: np.ndarray | None = None

    def heatmaps(self, labels=None, weight=None):
        """Return the `ClassHeatmaps` of the held-out samples, of features times `weight` (n_features,), if given.

        Of some `labels` alone, the others' maps lack samples, and with them all DHCI.
        """
        part = slice(None)
        if labels is not None:
            part = np.isin(self.labels, labels) | np.isin(self.predictions, labels)
        features = self.diagnosis[part] if weight is None else self.diagnosis[part] * weight
        return class_heatmaps(features, self.labels[part], self.predictions[part], self.n_classes)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Samples that may be chosen now; the laboratory and the scan of a large pool both hand these to a selector.

    What comes after `target_layer` is None unless the selector declares that it needs it.

    Attributes
    ----------
    options : DebugOptions
    groups : list of allocation.Group, who competes with whom, for how many places
    labels : (n,) int, as they are given, or guessed ones, group after group: the order of the scores
    label_errors : (n_classes,) float, share of each label's diagnosis samples that are predicted wrong; 1 without any
    fault : {"underfit", "overfit", None}, what is being repaired; None if the allocation does not ask
    rng : numpy.random.Generator
    target_layer : str or None, name of the layer that is looked at, if any is
    samples : (n, ...) float32
    probabilities : (n, n_classes) float32 of the model
    states : (n, n_features) float32, activations of the target layer or the last hidden, maps averaged to a few cells
    state_heatmaps : heatmaps.ClassHeatmaps of the diagnosis samples' states
    comparison : Comparison
    training_states : callable
        From a number to the states (number, n_features) of so many training samples, drawn at random; None: of all.
    reference_probabilities : (n, n_classes) float32 of a reference, see `reference`
    labelled : bool, whether the labels are given, rather than guessed
    scores : dict of str to (n,) float, scores that other selectors have given to the same candidates
    """

    options: object
    groups: list[Group]
    labels: np.ndarray
    label_errors: np.ndarray
    fault: str | None = None
    rng: np.random.Generator | None = None
    target_layer: str | None = None
    samples: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    states: np.ndarray | None = None
    state_heatmaps: ClassHeatmaps | None = None
    comparison: Comparison | None = None
    training_states: Callable | None = None
    reference_probabilities: np.ndarray | None = None
    labelled: bool = True
    scores: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self):
        return len(self.labels)

    @property
    def temperature(self):
        """The options' temperature, or (n_groups,) if that is scaled by the labels' errors."""
        if not self.options.scale_temperature:
            return self.options.temperature
        errors = [self.label_errors[self.labels[place]] for place, _ in self.by_group()]
        return self.options.temperature * np.array([each.mean() if each.size else 0 for each in errors])

    def by_group(self):
        """Yield the places of each group among the candidates, a slice, and how many of them are wanted."""
        for place, group in zip(group_places(self.groups), self.groups, strict=True):
            yield place, group.n_wanted
