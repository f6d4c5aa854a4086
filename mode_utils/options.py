"""What can be chosen: the options of a repair and the setup of a run, checked when they are made.

Nothing here needs TensorFlow, so that a sweep can check a whole grid in a moment.
"""

from dataclasses import dataclass, fields

from mode_utils.allocation import ALLOCATIONS
from mode_utils.checks import MIN_RUNS, check_choice, check_least, check_share
from mode_utils.data import dataset_name
from mode_utils.heatmaps import HEATMAPS, SPACES
from mode_utils.input_selection import RANKINGS
from mode_utils.scenarios import SCENARIOS
from mode_utils.selectors import OVERFIT_SELECTIONS, SELECTORS
from mode_utils.similarity import SPATIAL, metric_name
from mode_utils.splits import DIAGNOSE_ON

ARCHITECTURES = ("dense", "cnn")
PRESETS = {  # what differs from the defaults
    "original": {},
    "recommended": {  # found on validation samples of seeds 1000 to 1013; notebooks/recommended.ipynb puts it to test
        "selector": "adaptive",
        "allocation": "all labels",
        "temperature": 2.0,
        "scale_temperature": True,
        "replay": 4.0,
        "alpha": 1.0,
        "layer_selection": False,
    },
}


@dataclass(frozen=True)
class DebugOptions:
    """How to repair; the defaults are the original's. `preset` gives others by name.

    Attributes
    ----------
    metric : str
        One of `similarity.METRICS` or an alias; kept as the full name.
    minkowski_p : float
        Order of the Minkowski distance, at least 1.
    layer_selection : bool
        Look through the feature model of a selected target layer, or through the model's own predictions and last
        hidden layer.
    similarity_threshold : float
        Bhattacharyya distance, at least 0, under which feature models count as saturated.
    space : {"pixels", "neurons", "importance"}
        Where heat map and candidates are compared; importance is each neuron's activation times its weight for the
        label.
    heatmap : {"hci", "hmi", "hwi", "dhci", "dhmi", "dhwi"}
        The heat map that candidates for an underfit label are compared with.
    ranking : {"best", "worst"}
        Whether an underfit label gets the most or the least similar.
    overfit_selection : str
        What an overfit label gets: one of `OVERFIT_SELECTIONS`.
    theta, gamma, alpha : float
        In [0, 1]: underfit below theta, overfit above a gap of gamma, share of a batch that is selected.
    selector : str
        What makes a sample wanted, one of `selectors.SELECTORS`.
    allocation : {"faultiest label", "buggy labels", "all labels", "whole pool"}
        Which labels the selected share of a batch goes to, see `allocation`. The last two do not wait for a label to be
        buggy, and go on until the iterations are spent.
    temperature : float
        At least 0: how far the ranking is softened, see `input_selection.soften`.
    scale_temperature : bool
        Multiply the temperature by the label's error on the diagnosis samples: the ranking is the softer the less the
        model knows of the label.
    replay : float
        At least 0: old samples per new one in a retraining, drawn at random from the training samples and what was
        added before. The control replays as many.
    batch_size, max_iterations, epochs : int
        New samples an iteration, iterations against one kind of fault, passes over the batch in a retraining.

    Raises
    ------
    ValueError
        If a value is none of these.
    """

    metric: str = "cosine similarity"
    minkowski_p: float = 3
    layer_selection: bool = True
    similarity_threshold: float = 0.01
    space: str = "pixels"
    heatmap: str = "hci"
    ranking: str = "best"
    overfit_selection: str = "least similar to hci"
    theta: float = 0.92
    gamma: float = 0.10
    alpha: float = 0.25
    selector: str = "similarity"
    allocation: str = "faultiest label"
    temperature: float = 0.0
    scale_temperature: bool = False
    replay: float = 0.0
    batch_size: int = 2_000
    max_iterations: int = 5
    epochs: int = 3

    def __post_init__(self):
        object.__setattr__(self, "metric", metric_name(self.metric))
        _check_choices(self, space=SPACES, heatmap=HEATMAPS, ranking=RANKINGS)
        _check_choices(self, selector=SELECTORS, allocation=ALLOCATIONS, overfit_selection=OVERFIT_SELECTIONS)
        for name in ("theta", "gamma", "alpha"):
            check_share(name, getattr(self, name))
        _check_least(self, temperature=0, replay=0, minkowski_p=1, similarity_threshold=0)
        _check_least(self, batch_size=1, max_iterations=1, epochs=1)
        if self.metric == SPATIAL:
            self._check_images()

    @classmethod
    def preset(cls, name="original", **changes):
        """Return the options of a preset, with changes; a change to None leaves what the preset says.

        Parameters
        ----------
        name : {"original", "recommended"}
        **changes
            Options by name.

        Raises
        ------
        ValueError
            If there is no such preset, or a value is none of an option's.
        """
        check_choice("preset", name, PRESETS)
        return cls(**{**PRESETS[name], **{key: value for key, value in changes.items() if value is not None}})

    def _check_images(self):
        heatmaps = {"heatmap": self.heatmap, "overfit_selection": OVERFIT_SELECTIONS[self.overfit_selection][0] or ""}
        signed = [getattr(self, name) for name, heatmap in heatmaps.items() if heatmap.startswith("d")]
        if self.space != "pixels" or signed:
            raise ValueError(
                f"metric {SPATIAL!r} moves the mass of images: it needs space 'pixels' and no differential heat map, "
                f"not {', '.join([self.space, *signed])}"
            )


@dataclass(frozen=True)
class RunSetup:
    """What all strategies of a run share; the defaults are the original's.

    Attributes
    ----------
    n_train, n_bug_fixing, n_validation, n_test : int
        Sizes of the four roles, at least 1.
    diagnose_on : {"validation", "test"}
        See `splits.split_dataset`.
    architecture : {"dense", "cnn"}
        See `models.build_model`.
    scenario : {"healthy", "starved", "underfit", "overfit"}
        The defect of the initial model, see `scenarios`.
    initial_epochs : int
        Epochs of the first training, at least 1; 0 stands for the scenario's own.

    Raises
    ------
    ValueError
        If a value is none of these.
    """

    n_train: int = 30_000
    n_bug_fixing: int = 25_000
    n_validation: int = 5_000
    n_test: int = 10_000
    diagnose_on: str = "validation"
    architecture: str = "dense"
    scenario: str = "healthy"
    initial_epochs: int = 0

    def __post_init__(self):
        _check_choices(self, diagnose_on=DIAGNOSE_ON, architecture=ARCHITECTURES, scenario=SCENARIOS)
        _check_least(self, n_train=1, n_bug_fixing=1, n_validation=1, n_test=1, initial_epochs=0)

    @property
    def pool_size(self):
        """Samples in the bug-fixing pool, which takes over the validation samples when diagnosis looks at test."""
        return self.n_bug_fixing + (self.n_validation if self.diagnose_on == "test" else 0)


def check_budget(options, pool_size):
    """Raise a ValueError if all batches of a repair together are larger than the pool."""
    needed = options.batch_size * options.max_iterations
    if needed > pool_size:
        raise ValueError(
            f"batch_size = {options.batch_size} x max_iterations = {options.max_iterations} needs {needed} samples, "
            f"but the pool has {pool_size}"
        )


def check_study(options, setup, n_runs):
    """Raise a ValueError if the batches are larger than the pool, or the runs too few to conclude anything."""
    check_budget(options, setup.pool_size)
    check_least("n_runs", n_runs, MIN_RUNS)


def check_parameters(parameters):
    """Check the parameters of a notebook, by name, as `DebugOptions`, `RunSetup` and the loading of data would.

    Parameters
    ----------
    parameters : dict of str to object
        Other names than theirs are ignored.

    Raises
    ------
    ValueError
        If a value is none of the choices or out of range; see also `check_study`.
    """
    given = [
        {f.name: parameters[f.name] for f in fields(kind) if f.name in parameters} for kind in (DebugOptions, RunSetup)
    ]
    options, setup = DebugOptions.preset(parameters.get("preset", "original"), **given[0]), RunSetup(**given[1])
    check_study(options, setup, parameters.get("n_runs", MIN_RUNS))
    dataset_name(parameters.get("dataset", "mnist"))


def _check_choices(owner, **choices):
    for name, allowed in choices.items():
        check_choice(name, getattr(owner, name), allowed)


def _check_least(owner, **least):
    for name, value in least.items():
        check_least(name, getattr(owner, name), value)
