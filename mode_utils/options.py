"""Options of a repair, checked when they are made; without TensorFlow, so that a sweep checks a grid in a moment."""

from dataclasses import dataclass

from mode_utils.heatmaps import HEATMAPS, SPACES
from mode_utils.selection.allocation import ALLOCATIONS, SERVED
from mode_utils.selection.pool import RANKINGS
from mode_utils.selection.reference import REFERENCES
from mode_utils.selection.screening import SKIPS
from mode_utils.selection.selectors import OVERFIT_SELECTIONS, SELECTORS
from mode_utils.similarity import SPATIAL, metric_name
from mode_utils.support.checks import check_choice, check_least, check_share

_BY_LABEL = {"temperature": 2.0, "scale_temperature": True, "replay": 4.0, "alpha": 1.0, "layer_selection": False}
PRESETS = {  # what differs from the defaults
    "original": {},
    # found by notebooks/sweeps/exploration.yml; docs/which-inputs.md has what became of it
    "recommended": {
        **_BY_LABEL, "allocation": "likely errors", "selector": "error or margin", "reference": "network",
        "skip": SKIPS,
    },
    # recommended before, found on validation samples of seeds 1000 to 1013 with clean, labelled pools
    "adaptive": {**_BY_LABEL, "allocation": "all labels", "selector": "adaptive"},
}  # fmt: skip
OWN_DATA = {"reference": "states"}  # of one's own data, in place of the above: what any model has
CONFIGURATION = [  # the options that tables are compared by
    "selector", "allocation", "temperature", "scale_temperature", "replay", "alpha",
    "metric", "layer_selection", "space", "heatmap", "ranking", "overfit_selection",
]  # fmt: skip


@dataclass(frozen=True)
class DebugOptions:
    """How to repair; the defaults are the original's, `preset` gives others by name. Other values are a ValueError."""

    metric: str = "cosine similarity"  #: one of `similarity.METRICS` or an alias; kept as the full name
    minkowski_p: float = 3  #: at least 1, order of the Minkowski distance
    #: whether the feature model of a selected target layer decides which samples count as correct, and candidates are
    #: compared in that layer; otherwise the model itself decides, and its last hidden layer is compared in
    layer_selection: bool = True
    similarity_threshold: float = 0.01  #: at least 0, Bhattacharyya distance under which feature models are saturated
    space: str = "pixels"  #: compared in; or "neurons", "importance": activation times the weight for the label
    heatmap: str = "hci"  #: compared with for an underfit label; or "hmi", "hwi", "dhci", "dhmi", "dhwi"
    ranking: str = "best"  #: an underfit label gets the most similar; or "worst", the least
    overfit_selection: str = "least similar to hci"  #: one of `selection.selectors.OVERFIT_SELECTIONS`
    theta: float = 0.92  #: in [0, 1]: a label is underfit below it
    gamma: float = 0.10  #: in [0, 1]: a label is overfit above this gap
    alpha: float = 0.25  #: in [0, 1]: share of a batch that is selected
    selector: str = "similarity"  #: what makes a sample wanted, one of `selection.selectors.SELECTORS`
    allocation: str = "faultiest label"  #: which labels the selected share goes to, see `selection.allocation`
    serve: str = "labels"  #: what places are shared among; or "groups", "modes", see `allocation.parts_by_group`
    at_most_per_group: int = 0  #: at least 0, samples of one group in a batch; 0: any number
    temperature: float = 0.0  #: at least 0, how far the ranking is softened, see `selection.pool.soften`
    scale_temperature: bool = False  #: whether to multiply it by the label's error on held-out samples
    skip: tuple[str, ...] = ()  #: what is passed over in a ranking: some of `selection.screening.SKIPS`
    reference: str = "states"  #: what gives pool labels probabilities; or "network", see `selection.reference`
    replay: float = 0.0  #: at least 0, old samples per new one in a retraining; the control has as many
    control_share: float = 0.0  #: in [0, 1]: share of a batch that is drawn from the whole pool, see `selection.arm`
    batch_size: int = 2_000  #: new samples an iteration
    max_iterations: int = 5  #: against one kind of fault
    epochs: int = 3  #: passes over the batch in a retraining

    def __post_init__(self):
        object.__setattr__(self, "metric", metric_name(self.metric))
        choices = {"space": SPACES, "heatmap": HEATMAPS, "ranking": RANKINGS, "reference": REFERENCES}
        choices |= {"selector": SELECTORS, "allocation": ALLOCATIONS, "serve": SERVED}
        choices |= {"overfit_selection": OVERFIT_SELECTIONS}
        for name, allowed in choices.items():
            check_choice(name, getattr(self, name), allowed)
        object.__setattr__(self, "skip", (self.skip,) if isinstance(self.skip, str) else tuple(self.skip))
        for each in self.skip:
            check_choice("skip", each, SKIPS)
        for name in ("theta", "gamma", "alpha", "control_share"):
            check_share(name, getattr(self, name))
        if self.serve != "labels" and self.allocation == "whole pool":
            raise ValueError(f"serve {self.serve!r} needs allocation {' or '.join(ALLOCATIONS[:4])}, not 'whole pool'")
        for name, value in {"at_most_per_group": 0, "batch_size": 1, "max_iterations": 1, "epochs": 1}.items():
            check_least(name, getattr(self, name), value)
        for name, value in {"temperature": 0, "replay": 0, "minkowski_p": 1, "similarity_threshold": 0}.items():
            check_least(name, getattr(self, name), value, whole=False)
        if self.metric == SPATIAL:
            self._check_images()

    @classmethod
    def preset(cls, name="original", **changes):
        """Return the options of a preset, one of `PRESETS`, with changes by name; None leaves what the preset says."""
        check_choice("preset", name, PRESETS)
        return cls(**{**PRESETS[name], **{key: value for key, value in changes.items() if value is not None}})

    def _check_images(self):
        heatmaps = {"heatmap": self.heatmap, "overfit_selection": OVERFIT_SELECTIONS[self.overfit_selection][0] or ""}
        signed = [getattr(self, name) for name, heatmap in heatmaps.items() if heatmap.startswith("d")]
        if self.space != "pixels" or signed:
            needs = f"metric {SPATIAL!r} moves the mass of images: it needs space 'pixels' and no differential heat map"
            raise ValueError(f"{needs}, not {', '.join([self.space, *signed])}")


def check_budget(options, pool_size):
    """Raise a ValueError if all batches of a repair together are larger than the pool."""
    needed = options.batch_size * options.max_iterations
    if needed > pool_size:
        sizes = f"batch_size = {options.batch_size} x max_iterations = {options.max_iterations}"
        raise ValueError(f"{sizes} needs {needed} samples, but the pool has {pool_size}")
