"""The options of a repair, checked when they are made."""

from dataclasses import dataclass

from mode_utils.diagnosis import check_share
from mode_utils.heatmaps import HEATMAPS, SPACES
from mode_utils.input_selection import RANKINGS
from mode_utils.similarity import metric_name


@dataclass(frozen=True)
class DebugOptions:
    """How to repair; the defaults are the original's.

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
    space : {"pixels", "neurons"}
        Where heat map and candidates are compared.
    heatmap : {"hci", "hmi", "hwi", "dhci", "dhmi", "dhwi"}
        The heat map that candidates are compared with.
    ranking : {"auto", "best", "worst"}
        "auto" takes the best for an underfit label, the worst for an overfit one.
    theta, gamma, alpha : float
        In [0, 1]: underfit below theta, overfit above a gap of gamma, share of a batch that is selected.
    batch_size, max_iterations, epochs : int
        New samples an iteration, iterations, passes over the batch in a retraining.

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
    ranking: str = "auto"
    theta: float = 0.92
    gamma: float = 0.10
    alpha: float = 0.25
    batch_size: int = 2_000
    max_iterations: int = 5
    epochs: int = 3

    def __post_init__(self):
        object.__setattr__(self, "metric", metric_name(self.metric))
        for name, choices in (("space", SPACES), ("heatmap", HEATMAPS), ("ranking", ("auto", *RANKINGS))):
            if getattr(self, name) not in choices:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; choose from {', '.join(choices)}")
        for name in ("theta", "gamma", "alpha"):
            check_share(name, getattr(self, name))
        for name, least in _LEAST.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be at least {least}")


_LEAST = {"minkowski_p": 1, "similarity_threshold": 0, "batch_size": 1, "max_iterations": 1, "epochs": 1}
