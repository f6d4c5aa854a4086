"""The options of a case: how a model and its data are read, and how the model is retrained."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from numbers import Real
from pathlib import Path

import numpy as np

from mode_utils.options import OWN_DATA, DebugOptions
from mode_utils.repair.reading.arrays import CONTROL_SHARE
from mode_utils.repair.reading.class_names import check_class_names
from mode_utils.repair.reading.own_samples import PIXELS
from mode_utils.support.checks import check_choice, check_least, check_share


@dataclass(frozen=True)
class CaseOptions:
    """How a model and its data are read, and how the model is retrained; a ValueError says what is out of range."""

    class_names: Sequence[str] | None = None  # one for each label
    output: str | None = None  # what the output means, by default detected, see `classifiers.read_classifier`
    labels: str | None = None  # what the loss takes for labels, likewise
    pixels: str | None = None  # one of `own_samples.PIXELS`, by default detected
    groups: str | None = None  # of images: "parent", or a pattern of file names, see `image_folders.read_images`
    only: Sequence[str] = ()  # what may be chosen, see `restricted.read_only`
    skip_broken: bool = False  # go on without images that cannot be read
    even_if_weak: bool = False  # go on with a model at chance on its own training samples
    tolerance: float = 0.02  # validation accuracy that a label may lose before it is a new bug, in [0, 1]
    seed: int = 0
    batch_size: int = 32  # samples a step of the retraining
    control_share: float = CONTROL_SHARE  # of the budget, in [0, 1], see `arrays.with_arm`
    continue_from: str | Path | None = None  # the folder of a repair with the same data, see `rounds`
    preset: str = "recommended"  # one of `options.PRESETS`
    epochs: int | None = None  # passes over the samples, by default 3, and more while it is slow
    learning_rate: float | None = None  # by default the model's own, or a higher one if that moves nothing
    class_weights: object = None  # see `class_weights.read_class_weights`; by default those found in the model
    changes: dict = field(default_factory=dict)  # of the preset

    def __post_init__(self):
        check_least("batch_size", self.batch_size, 1)
        check_least("seed", self.seed, 0)
        check_share("tolerance", self.tolerance)
        check_share("control_share", self.control_share)
        check_class_names(self.class_names or ())
        if self.pixels is not None:
            check_choice("pixels", self.pixels, PIXELS)
        rate = self.learning_rate
        if rate is not None and not (isinstance(rate, Real) and 0 < rate < np.inf):
            raise ValueError(f"learning_rate = {rate!r}; it must be above 0 and finite")

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
        changes = OWN_DATA | self.changes
        changes |= {"control_share": self.control_share, "epochs": self.epochs}
        return DebugOptions.preset(self.preset, batch_size=budget, max_iterations=1, **changes)
