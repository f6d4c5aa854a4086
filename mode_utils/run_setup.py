"""The setup of a run: sizes of the four roles, defect of the initial model, and the random streams of a seed.

========== =====================================================================================================
healthy    the replication's model: all training samples, 3 epochs
starved    three labels keep 1% of their training samples
underfit   1,000 training samples, 3 epochs: all labels are learned badly
overfit    a wide network, trained to the end on 1,000 samples (a convolutional one on 300: with 1,000 it still
           generalizes too well on MNIST for any label to be overfit)
========== =====================================================================================================

Of other than ten labels, every sixth is starved; of more, underfit has four training samples a label. Where there are
few, underfit and overfit have a quarter of them. A linear network is trained for 30 epochs.

Validation and test are those of a healthy run, and so is the pool, unless another is asked for (see
`selection.pool_kinds`). Nothing here needs TensorFlow, so that a sweep can check a whole grid in a moment.
"""

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np

from mode_utils.data import dataset_name, load_dataset
from mode_utils.options import PRESETS, DebugOptions, check_budget
from mode_utils.selection.pool_kinds import POOLS, keep_some, make_pool
from mode_utils.selection.selectors import SELECTORS
from mode_utils.splits import DIAGNOSE_ON, split_dataset
from mode_utils.support.checks import MIN_RUNS, check_choice, check_least
from mode_utils.support.streams import run_streams

ARCHITECTURES = ("dense", "cnn", "residual", "linear")
FINE_TUNE = ("all", "head")
STARVED_LABELS = (3, 5, 8)
_EVERY, _A_LABEL = 6, 4  # of other than ten labels, which one is starved; of more, training samples if underfit
_LINEAR_EPOCHS = 30
_FOREIGN = {"mnist": "fashion_mnist"}  # whose samples are foreign to a dataset; MNIST's to all others


@dataclass(frozen=True)
class Scenario:
    """How the initial model comes to its defect."""

    n_train: int | None = None  #: training samples that stay; None: all
    starved_share: float = 1.0  #: share of those of the starved labels that stays, at least one sample each
    starved_labels: tuple[int, ...] | None = None  #: None: those of `starved_labels`
    width: int = 1  #: factor on the width of the network's layers
    epochs: int = 3


SCENARIOS = {"healthy": Scenario(), "starved": Scenario(starved_share=0.01), "underfit": Scenario(n_train=1_000),
             "overfit": Scenario(n_train=1_000, width=10, epochs=100)}  # fmt: skip
_OVERFIT_CNN = Scenario(n_train=300, width=2, epochs=100)


@dataclass(frozen=True)
class RunSetup:
    """What all strategies of a run share; the defaults are the original's. Other values are a ValueError."""

    n_train: int = 30_000  #: samples of each of the four roles, at least 1
    n_bug_fixing: int = 25_000
    n_validation: int = 5_000
    n_test: int = 10_000
    diagnose_on: str = "validation"  #: or "test", see `splits.split_dataset`
    architecture: str = "dense"  #: or "cnn", "residual", see `model_training.build_model`
    scenario: str = "healthy"  #: or "starved", "underfit", "overfit"
    initial_epochs: int = 0  #: of the first training; 0 stands for the scenario's own
    pool: str = "clean"  #: one of `selection.pool_kinds.POOLS`
    labelled: bool = True  #: whether the labels of the pool are known before its samples are chosen, as MODE assumes
    width: int = 1  #: factor on the width of the network's layers, beside the scenario's
    fine_tune: str = "all"  #: or "head": the weights that a repair trains, see `networks.feature_models`

    def __post_init__(self):
        choices = {"diagnose_on": DIAGNOSE_ON, "architecture": ARCHITECTURES, "scenario": SCENARIOS, "pool": POOLS}
        for name, allowed in (choices | {"fine_tune": FINE_TUNE}).items():
            check_choice(name, getattr(self, name), allowed)
        for name in ("n_train", "n_bug_fixing", "n_validation", "n_test", "width"):
            check_least(name, getattr(self, name), 1)
        check_least("initial_epochs", self.initial_epochs, 0)

    @property
    def pool_size(self):
        """Samples in the bug-fixing pool, which takes over the validation samples when the test set is assessed."""
        return self.n_bug_fixing + (self.n_validation if self.diagnose_on == "test" else 0)


def scenario_of(setup):
    """Return the scenario of a `RunSetup`, which may depend on the architecture."""
    if setup.architecture == "linear":
        return replace(SCENARIOS[setup.scenario], epochs=_LINEAR_EPOCHS)
    return _OVERFIT_CNN if (setup.scenario, setup.architecture) == ("overfit", "cnn") else SCENARIOS[setup.scenario]


def split_for_run(dataset, setup, seed):
    """Draw the `Splits` of a run: training samples as the scenario leaves them, and the pool as the setup wants it."""
    sizes = (setup.n_train, setup.n_bug_fixing, setup.n_validation, setup.n_test)
    streams = run_streams(seed)
    splits = split_dataset(dataset, streams["split"], *sizes, diagnose_on=setup.diagnose_on)
    splits = replace(apply_scenario(splits, scenario_of(setup), streams["split"]), labelled=setup.labelled)
    if setup.pool == "clean":
        return splits
    foreign = _samples(_FOREIGN.get(dataset.name.split(",")[0], "mnist")) if setup.pool == "foreign" else None
    return make_pool(splits, setup.pool, streams["pool"], foreign)


@lru_cache(maxsize=1)
def _samples(name):
    return load_dataset(name).x_train


def starved_labels(n_classes):
    """Return the labels that a starved model has seen hardly anything of."""
    return STARVED_LABELS if n_classes == 10 else tuple(range(0, n_classes, _EVERY))


def apply_scenario(splits, scenario, rng):
    """Return the splits with the training samples that the scenario leaves; `rng` decides which."""
    train, starved = splits.train, ()
    if scenario.starved_share < 1:
        starved = starved_labels(splits.n_classes) if scenario.starved_labels is None else scenario.starved_labels
    positions = keep_some(train.y, {label: scenario.starved_share * (train.y == label).sum() for label in starved}, rng)
    if n_train := scenario.n_train:
        n_train = n_train if splits.n_classes <= 10 else min(n_train, _A_LABEL * splits.n_classes)
        n_train = min(n_train, -(-len(positions) // 4))  # otherwise a small training set would be a healthy one
        positions = np.sort(rng.permutation(positions)[:n_train])
    return splits if len(positions) == len(train) else replace(splits, train=train.subset(positions))


def check_study(options, setup, n_runs):
    """Raise a ValueError if the batches are larger than the pool, or the runs too few to conclude anything."""
    check_budget(options, setup.pool_size)
    check_least("n_runs", n_runs, MIN_RUNS)


def check_study_parameters(parameters):
    """Raise a ValueError as `DebugOptions`, `RunSetup`, `load_dataset`, `check_study` would for parameters, by name."""
    names = ([field.name for field in fields(kind) if field.name in parameters] for kind in (DebugOptions, RunSetup))
    changes, of_setup = ({name: parameters[name] for name in own} for own in names)
    options = DebugOptions.preset(parameters.get("preset", "original"), **changes)
    check_study(options, RunSetup(**of_setup), parameters.get("n_runs", MIN_RUNS))
    for name in parameters["compare"] if isinstance(parameters.get("compare"), list) else ():
        check_choice("compare", name, (*PRESETS, *SELECTORS))
    dataset_name(parameters.get("dataset", "mnist"))
