"""The options of a case: how a model and its data are read, and how the model is retrained."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from mode_utils.options import DebugOptions
from mode_utils.repair.reading.class_names import check_class_names
from mode_utils.repair.reading.own_samples import PIXELS
from mode_utils.support.checks import check_choice, check_least, check_share


@dataclass(frozen=True)
class CaseOptions:
    """How a model and its data are read, and how the model is retrained; a ValueError says what is out of range.

    Attributes
    ----------
    class_names : sequence of str, optional
        One for each label.
    output, labels, pixels : str, optional
        What the model's output and its loss mean, see `classifiers.read_classifier`, and how it wants pixels, one of
        `own_samples.PIXELS`; each is detected by default.
    skip_broken, even_if_weak : bool
        Go on without images that cannot be read; with a model at chance on its own training samples.
    tolerance : float
        How much validation accuracy a label may lose before that counts as a new bug, in [0, 1].
    seed, batch_size : int
        Of what is drawn at random; samples a step of the retraining.
    continue_from : path, optional
        The folder of a repair with the same data, to go on from, see `rounds`.
    preset, changes : str, dict
        One of `options.PRESETS`, and options of it to change.
    epochs, learning_rate, class_weights : optional
        Of the retraining: passes over the samples, by default 3, and more while it is slow; by default the model's own
        rate, or a higher one if that moves nothing; see `class_weights.read_class_weights`, by default those that the
        model was trained with, if they can be seen.
    """

    class_names: Sequence[str] | None = None
    output: str | None = None
    labels: str | None = None
    pixels: str | None = None
    skip_broken: bool = False
    even_if_weak: bool = False
    tolerance: float = 0.02
    seed: int = 0
    batch_size: int = 32
    continue_from: str | Path | None = None
    preset: str = "recommended"
    epochs: int | None = None
    learning_rate: float | None = None
    class_weights: object = None
    changes: dict = field(default_factory=dict)

    def __post_init__(self):
        check_least("batch_size", self.batch_size, 1)
        check_least("seed", self.seed, 0)
        check_share("tolerance", self.tolerance)
        check_class_names(self.class_names or ())
        if self.pixels is not None:
            check_choice("pixels", self.pixels, PIXELS)
        if self.learning_rate is not None and not 0 < self.learning_rate < np.inf:
            raise ValueError(f"learning_rate = {self.learning_rate}; it must be above 0 and finite")

    @classmethod
    def of(cls, given):
        """Return options from a dict of them and of changes to the preset; a ValueError names one that is unknown."""
        own = [each.name for each in fields(cls) if each.name != "changes"]
        of_preset = [each.name for each in fields(DebugOptions) if each.name not in (*own, "max_iterations")]
        for name in given:
            check_choice("option", name, (*own, *of_preset))
        changes = {name: given[name] for name in of_preset if name in given}
        return cls(**{name: given[name] for name in own if name in given}, changes=changes)

    def repair_options(self, budget):
        """Return the options of a repair that adds a budget of samples in one step."""
        changes = {"reference": "states"} | self.changes  # which any model has, however it was trained
        return DebugOptions.preset(self.preset, batch_size=budget, max_iterations=1, epochs=self.epochs, **changes)
