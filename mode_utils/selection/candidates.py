"""Candidates: the pool samples that may be chosen, and what is known of them for a selector."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mode_utils.heatmaps import ClassHeatmaps, class_heatmaps
from mode_utils.selection.allocation import Group, group_places


@dataclass(frozen=True)
class Comparison:
    """Candidates and held-out samples in the space in which they are compared with heat maps."""

    features: np.ndarray  #: (n, ...) float32 of the candidates: pixels, or activations of the view's layer
    held_out: np.ndarray  #: (n_held_out, ...) float32, the same of the held-out samples
    labels: np.ndarray  #: (n_held_out,) int, true labels, or parts of these, see `allocation.parts_by_group`
    predictions: np.ndarray  #: (n_held_out,) int, labels that the view predicts, or parts if it is right
    n_classes: int  #: or parts
    weights: np.ndarray | None = None  #: (n_features, n_classes) float32, if importance is compared

    def heatmaps(self, labels=None, weight=None):
        """Return the held-out `ClassHeatmaps`, of features times `weight` (n_features,); with `labels` no DHCI."""
        part = slice(None) if labels is None else np.isin(self.labels, labels) | np.isin(self.predictions, labels)
        features = self.held_out[part] if weight is None else self.held_out[part] * weight
        return class_heatmaps(features, self.labels[part], self.predictions[part], self.n_classes)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Samples that may be chosen now; what comes after `target_layer` is None unless the selector needs it."""

    options: object  #: a `DebugOptions`
    groups: list[Group]  #: who competes with whom, for how many places
    labels: np.ndarray  #: (n,) int, as they are given, or guessed ones, group after group: the order of the scores
    label_errors: np.ndarray  #: (n_classes,) float, see `Assessment.errors`; 1 where there are no samples
    fault: str | None = None  #: "underfit" or "overfit", what is being repaired; None if the allocation does not ask
    rng: np.random.Generator | None = None
    target_layer: str | None = None  #: name of the layer of the view, if it has one
    samples: np.ndarray | None = None  #: (n, ...) float32
    probabilities: np.ndarray | None = None  #: (n, n_classes) float32 of the model
    states: np.ndarray | None = None  #: (n, n_features) float32 of the layer, maps averaged to a few cells
    state_heatmaps: ClassHeatmaps | None = None  #: of the held-out samples' states
    comparison: Comparison | None = None
    training_states: Callable | None = None  #: see `model_outputs.ModelOutputs`
    reference_probabilities: np.ndarray | None = None  #: (n, n_classes) float32 of a reference, see `reference`
    parts: np.ndarray | None = None  #: (n,) int, what heat maps are compared with, if not those of the labels
    labelled: bool = True  #: whether the labels are given, rather than guessed
    scores: dict[str, np.ndarray] = field(default_factory=dict)  #: scores (n,) float of other selectors

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
