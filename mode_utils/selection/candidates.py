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
    features : (n, ...) float32
        Of the candidates: pixels, or activations of the view's layer.
    diagnosis : (n_held_out, ...) float32
        The same of the held-out samples.
    labels, predictions : (n_held_out,) int
        True labels, and those that the view predicts.
    n_classes : int
    weights : (n_features, n_classes) float32 or None
        How much a feature counts for a label, if it is its importance that is compared.
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

    Attributes
    ----------
    options : DebugOptions
    groups : list of allocation.Group
        Who competes with whom, for how many places.
    labels : (n,) int
        Labels as they are given, or guessed ones, group after group: the order of the scores.
    label_errors : (n_classes,) float
        Share of each label's diagnosis samples that the model gets wrong; 1 where there are none.
    fault : {"underfit", "overfit", None}
        What is being repaired; None if the allocation does not ask.
    rng : numpy.random.Generator
    target_layer : str or None
        Name of the layer that is looked at, if any is.
    samples : (n, ...) float32
    probabilities : (n, n_classes) float32
        The model's.
    states : (n, n_features) float32
        Activations of the target layer, or of the last hidden one, feature maps averaged to a few cells.
    state_heatmaps : heatmaps.ClassHeatmaps
        Of the diagnosis samples' states.
    comparison : Comparison
    training_states : callable
        From a number to the states (number, n_features) of so many training samples, drawn at random; None: of all.
    reference_probabilities : (n, n_classes) float32
        A reference's, see `reference`.
    labelled : bool
        Whether the labels are given, rather than guessed.
    scores : dict of str to (n,) float
        Scores that other selectors have given to the same candidates.

    What comes after `target_layer` is None unless the selector declares that it needs it.
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
