"""What a selector may look at: the pool samples that may be chosen, and all that is known of the model's view of them.

Everything is computed when it is first asked for, so that a selector costs what it uses.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mode_utils.allocation import Group, group_places
from mode_utils.diagnosis import label_accuracies
from mode_utils.feature_models import GRID
from mode_utils.heatmaps import class_heatmaps
from mode_utils.layer_selection import last_hidden_layer
from mode_utils.options import DebugOptions
from mode_utils.splits import Splits
from mode_utils.training import Trainer
from mode_utils.views import choose_view


def group_temperatures(options, errors, places):
    """Return how far to soften each group, or all: scaled by the mean of its samples' label errors (n,) if asked."""
    if not options.scale_temperature:
        return options.temperature
    return options.temperature * np.array([errors[place].mean() if errors[place].size else 0 for place in places])


@dataclass(frozen=True, eq=False)
class Candidates:
    """Samples of the pool that may be chosen now.

    Attributes
    ----------
    trainer : Trainer
        Holds the model, which a selector does not change.
    splits : Splits
        `diagnosis` is there to be looked at, `train` is what the model has seen; `test` is not for selectors.
    options : DebugOptions
    groups : list of allocation.Group
        Who competes with whom, for how many places.
    fault : {"underfit", "overfit", None}
        What is being repaired; None if the allocation does not ask.
    own_predictions : (n_diagnosis,) int
        The model's labels for the diagnosis samples.
    rng : numpy.random.Generator
    """

    trainer: Trainer
    splits: Splits
    options: DebugOptions
    groups: list[Group]
    fault: str | None
    own_predictions: np.ndarray
    rng: np.random.Generator

    def __len__(self):
        return len(self.indices)

    @cached_property
    def indices(self):
        """Places in the pool, (n,) int, group after group: the order of the scores."""
        return np.concatenate([group.members for group in self.groups])

    @cached_property
    def labels(self):
        """True labels (n,) int."""
        return self.splits.bug_fixing.y[self.indices]

    @cached_property
    def x(self):
        """Samples (n, ...) float32."""
        return self.splits.bug_fixing.take(self.indices)[0]

    @cached_property
    def probabilities(self):
        """The model's probabilities (n, n_classes) float32."""
        return self._activations([self.trainer.output_layer])[0]

    @cached_property
    def label_errors(self):
        """Share of each label's diagnosis samples (n_classes,) that the model gets wrong; 1 where there are none."""
        accuracies = label_accuracies(self.splits.diagnosis.y, self.own_predictions, self.splits.n_classes)
        return 1 - np.nan_to_num(accuracies, nan=0.0)

    @cached_property
    def view(self):
        """Through what is looked: a `views.View`, whose predictions count and at which layer, if any."""
        return choose_view(
            self.trainer, self.splits, self.options, self.fault or "underfit", self.own_predictions, self.rng
        )

    @property
    def target_layer(self):
        """Name of the layer that has been looked at; None if none was."""
        return self.view.layer if "view" in self.__dict__ else None

    @cached_property
    def layer(self):
        """Name of the layer whose activations are the states: the target layer, or the last hidden one."""
        return self.view.layer or last_hidden_layer(self.trainer.model)

    @cached_property
    def states(self):
        """Activations (n, n_features) float32 of `layer`; the probabilities come from the same pass."""
        states, self.__dict__["probabilities"] = self._activations([self.layer, self.trainer.output_layer])
        return states

    @cached_property
    def state_heatmaps(self):
        """Heat maps (`heatmaps.ClassHeatmaps`) of the diagnosis samples' states."""
        diagnosis = self.splits.diagnosis
        states = self.states_of(diagnosis.x)
        return class_heatmaps(states, diagnosis.y, self.view.predictions, self.splits.n_classes)

    @property
    def temperature(self):
        """How far to soften: the options' temperature, or (n_groups,) if that is scaled by the labels' errors."""
        errors = self.label_errors[self.labels] if self.options.scale_temperature else None
        return group_temperatures(self.options, errors, [place for place, _ in self.by_group()])

    def states_of(self, x):
        """Return the activations (len(x), n_features) of `layer`, feature maps averaged to a few cells."""
        return self.trainer.activations(x, [self.layer], grid=GRID)[0]

    def _activations(self, layers):
        """Look at the whole pool where most of it is asked for: its copy is there, one of the candidates is not."""
        pool = self.splits.bug_fixing
        if 2 * len(self) < len(pool):
            return self.trainer.activations(self.x, layers, grid=GRID)
        return [outputs[self.indices] for outputs in self.trainer.activations(pool.x, layers, grid=GRID)]

    def by_group(self):
        """Yield the places of each group among the candidates, a slice, and how many of them are wanted."""
        for place, group in zip(group_places(self.groups), self.groups, strict=True):
            yield place, group.n_wanted
