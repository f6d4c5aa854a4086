"""Initial models with a known defect: what a repair can be measured on.

========== =====================================================================================================
healthy    the replication's model: all training samples, 3 epochs
starved    three labels keep 1% of their training samples
underfit   1,000 training samples, 3 epochs: all labels are learned badly
overfit    a wide network, trained to the end on 1,000 samples (a convolutional one on 300: with 1,000 it still
           generalizes too well on MNIST for any label to be overfit)
========== =====================================================================================================

A scenario is a function of the data and the run's random generator; pool, validation and test are those of a healthy
run.
"""

from dataclasses import dataclass, replace

import numpy as np

STARVED_LABELS = (3, 5, 8)


@dataclass(frozen=True)
class Scenario:
    """How the initial model comes to its defect.

    Attributes
    ----------
    n_train : int or None
        Training samples kept, drawn at random; None keeps all.
    starved_share : float
        Share of their training samples that the starved labels keep.
    starved_labels : tuple of int
        Which these are.
    width : int
        Factor on the width of the network's layers.
    epochs : int
        Epochs of the first training.
    """

    n_train: int | None = None
    starved_share: float = 1.0
    starved_labels: tuple[int, ...] = STARVED_LABELS
    width: int = 1
    epochs: int = 3


SCENARIOS = {
    "healthy": Scenario(),
    "starved": Scenario(starved_share=0.01),
    "underfit": Scenario(n_train=1_000),
    "overfit": Scenario(n_train=1_000, width=10, epochs=100),
}
_OVERFIT_CNN = Scenario(n_train=300, width=2, epochs=100)


def scenario_of(setup):
    """Return the scenario of a `RunSetup`, which may depend on the architecture."""
    return _OVERFIT_CNN if (setup.scenario, setup.architecture) == ("overfit", "cnn") else SCENARIOS[setup.scenario]


def apply_scenario(splits, scenario, rng):
    """Return the splits with the training samples that the scenario leaves.

    Parameters
    ----------
    splits : Splits
    scenario : Scenario
    rng : numpy.random.Generator
        Decides which samples are kept.

    Returns
    -------
    Splits
        A label that is starved keeps at least one sample.
    """
    train = splits.train
    kept = np.ones(len(train), dtype=bool)
    for label in scenario.starved_labels if scenario.starved_share < 1 else ():
        members = np.flatnonzero(train.y == label)
        n_kept = max(1, round(scenario.starved_share * len(members)))
        kept[rng.permutation(members)[n_kept:]] = False
    positions = np.flatnonzero(kept)
    if scenario.n_train:
        positions = np.sort(rng.permutation(positions)[: scenario.n_train])
    return splits if len(positions) == len(train) else replace(splits, train=train.subset(positions))
