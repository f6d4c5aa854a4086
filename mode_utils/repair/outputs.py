"""Outputs in place of a model: probabilities and features from any framework, as arrays of an .npz file.

Given are the probabilities (n, n_classes) and the features (n, n_features) of a pool and of validation samples. Copies
and foreign samples are looked for among the samples themselves where they are given, too, otherwise among features.
Nothing here imports a framework; arrays that are stored without compression are read from the file as they are needed.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mode_utils.diagnosis import judge_accuracies, label_accuracies
from mode_utils.options import DebugOptions
from mode_utils.repair.choice import describe
from mode_utils.repair.reading.array_sets import OUTPUTS, OUTPUTS_BESIDE_SHARDS, check_outputs
from mode_utils.repair.reading.arrays import OwnData, check_left, check_order, say_known, say_unseen, thin_labels
from mode_utils.repair.reading.npz_files import read_arrays
from mode_utils.support.checks import check_least
from mode_utils.support.sample_parts import in_chunks, scattered

_PRESETS = ("recommended", "adaptive")
_WHAT = ("features", "probabilities")


class GivenOutputs:
    """The arrays as `pool_scan.Outputs`.

    Parameters
    ----------
    arrays : dict of str to array
        Of `array_sets.OUTPUTS`, checked.
    """

    def __init__(self, arrays):
        self._arrays = arrays
        self.n_pool, self.n_classes = arrays["probabilities_pool"].shape

    def of_validation(self):
        """Return states and probabilities of the validation samples."""
        return tuple(np.asarray(self._arrays[f"{what}_validation"], np.float32) for what in _WHAT)

    def in_chunks(self):
        """Yield start, states and probabilities of each part of the pool in turn."""
        for start, states, probabilities in in_chunks(*(self._arrays[f"{what}_pool"] for what in _WHAT)):
            yield start, np.asarray(states, np.float32), np.asarray(probabilities, np.float32)

    def states_at(self, places):
        """Return the states at some places of the pool."""
        return np.concatenate(list(scattered(self._arrays["features_pool"], places)))

    def at(self, places):
        """Return states and probabilities at some places of the pool."""
        return tuple(np.concatenate(list(scattered(self._arrays[f"{what}_pool"], places))) for what in _WHAT)

    def of_training(self, labels=None):
        """Return states and labels of the training samples, or of those with some labels; None if they are unknown."""
        if "features_train" not in self._arrays:
            return None
        y = np.asarray(self._arrays["y_train"])
        places = np.flatnonzero(np.isin(y, labels)) if labels is not None else slice(None)
        return np.asarray(self._arrays["features_train"][places], np.float32), y[places]


@dataclass(frozen=True)
class OutputsCase:
    """What a choice starts from, in place of a `case.Case`.

    Attributes
    ----------
    outputs : GivenOutputs
    data : arrays.OwnData
        Its samples are features where the samples themselves are not given.
    options : DebugOptions
        `batch_size` is the budget: samples to choose.
    seed : int
    train_accuracies : (n_classes,) float or None
        Of each label on training samples, where their probabilities are given.
    notes : tuple of str
    sources : dict of str to path
        The file of `data`, if they are from one.
    used : (n_used,) int
        Places in the pool that are not chosen.
    has_samples : bool
        Whether the samples of `data` are the samples themselves.
    n_pool : int
        Samples of the pool.
    """

    outputs: GivenOutputs
    data: OwnData
    options: DebugOptions
    seed: int
    train_accuracies: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    sources: dict[str, Path] = field(default_factory=dict)
    used: np.ndarray = field(default_factory=lambda: np.empty(0, int), repr=False)
    has_samples: bool = False
    n_pool: int = 0


def open_outputs(
    arrays, budget, *, in_shards=False, class_names=None, preset="recommended", seed=0, even_if_weak=False, **changes
):  # fmt: skip
    """Check outputs of a model, and make a case of them.

    Parameters
    ----------
    arrays : dict of str to array, or path
        Those of `array_sets.OUTPUTS`; or an .npz file with them.
    budget : int
        Samples to choose, at least 1.
    in_shards : bool
        Whether the pool is elsewhere: then no array is of the pool.
    class_names : sequence of str, optional
        One for each label; by default the array `class_names`, the labels where they are texts, or the numbers.
    preset : {"recommended", "adaptive"}
    seed : int
    even_if_weak : bool
        Go on with a pool that seems to be scaled in another way than validation samples, see `sample_scales`.
    **changes
        Options of the preset to change, see `options.DebugOptions`.

    Returns
    -------
    OutputsCase

    Raises
    ------
    FileNotFoundError, ValueError
        In one sentence, what is wrong and what to do.
    """
    check_least("budget", budget, 1)
    check_least("seed", seed, 0)
    if preset not in _PRESETS:
        raise ValueError(f"preset {preset!r} needs a model: choose from {', '.join(_PRESETS)}")
    if changes.pop("layer_selection", None):
        raise ValueError("layer_selection = True needs a model, whose layers are looked at: leave it out")
    options = DebugOptions.preset(preset, batch_size=budget, max_iterations=1, layer_selection=False, **changes)
    sources, where = {}, "the set of arrays"
    if isinstance(arrays, (str, Path)):
        where = Path(arrays)
        arrays, sources = read_arrays(where), {"data": where}
    if in_shards:
        _check_no_pool(arrays, where)
    names = OUTPUTS_BESIDE_SHARDS if in_shards else OUTPUTS
    arrays, told = check_outputs(arrays, where, names, class_names or None, even_if_weak)
    if in_shards:
        arrays |= {f"{what}_pool": np.asarray(arrays[f"{what}_validation"][:0]) for what in _WHAT}
    data = _as_data(arrays, arrays.get("class_names"))
    if not in_shards:
        check_left(budget, data)
    predicted = np.asarray(arrays["probabilities_validation"]).argmax(axis=1)
    check_order(predicted, data.y_validation, data.class_names, "of the validation samples")
    if data.pool_labelled:  # of a few labels, which are of what the model gets wrong, no order can be told
        check_order(_predicted(arrays["probabilities_pool"]), data.y_pool, data.class_names, "of the pool")
    seen = None
    if "probabilities_train" in arrays:
        seen = label_accuracies(arrays["y_train"], _predicted(arrays["probabilities_train"]), data.n_classes)
    notes = told + _notes(arrays, data, predicted)
    outputs, has_samples = GivenOutputs(arrays), "x_pool" in arrays
    return OutputsCase(
        outputs, data, options, seed, seen, notes, sources, has_samples=has_samples, n_pool=outputs.n_pool
    )


def diagnose_outputs(case):
    """Find out what the model gets wrong on validation samples: `steps.diagnose` for outputs.

    Parameters
    ----------
    case : OutputsCase

    Returns
    -------
    choice.Diagnosis
        Without training accuracies where nothing is known of training samples.
    """
    predicted = case.outputs.of_validation()[1].argmax(axis=1)
    unseen = label_accuracies(case.data.y_validation, predicted, case.data.n_classes)
    seen = unseen if case.train_accuracies is None else case.train_accuracies
    return describe(case.data, judge_accuracies(predicted, seen, unseen, case.options.theta, case.options.gamma))


def make_outputs_example(seed=0):
    """Make outputs to try: handwritten digits, in whose classifier one of them is starved, and a pool without labels.

    Parameters
    ----------
    seed : int

    Returns
    -------
    dict of str to array
        As `open_outputs` takes them, with the samples.
    """
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    x, y = (x[order] / 16).astype(np.float32), y[order]
    train = np.setdiff1d(np.arange(600), np.flatnonzero(y[:600] == 3)[5:])
    model = LogisticRegression(max_iter=500).fit(x[train], y[train])
    places = {"train": train, "validation": np.arange(600, 1000), "pool": np.arange(1000, len(y))}
    arrays = {}
    for role, place in places.items():
        arrays[f"probabilities_{role}"], arrays[f"features_{role}"] = model.predict_proba(x[place]), x[place]
        arrays[f"x_{role}"], arrays[f"y_{role}"] = x[place].reshape(-1, 8, 8), y[place]
    del arrays["y_pool"]
    return arrays


def _check_no_pool(arrays, where):
    """Raise a ValueError if there is a pool in the set of arrays, too, or samples to compare with."""
    own = next((name for name in arrays if name.endswith("_pool")), None)
    if own:
        raise ValueError(f"{where} has an array {own!r}, but the pool is in shards: give one of them")
    own = next((name for name in arrays if name.startswith("x_")), None)
    if own:
        raise ValueError(f"{where} has an array {own!r}: with a pool in shards, only features are compared")


def _as_data(arrays, names):
    """Return the arrays as data of a repair: the samples, or features in their place."""
    n_classes = arrays["probabilities_validation"].shape[1]
    names = [str(name) for name in (range(n_classes) if names is None else names)]
    what = "x" if "x_pool" in arrays else "features"
    known = {role: np.asarray(arrays[f"{what}_{role}"], np.float32) for role in ("validation", "train")
             if f"{what}_{role}" in arrays}  # fmt: skip
    train = known.get("train", np.empty((0, *known["validation"].shape[1:]), np.float32))
    y_train = arrays["y_train"] if len(train) else np.empty(0, np.int32)
    return OwnData(
        train, y_train, known["validation"], arrays["y_validation"], arrays[f"{what}_pool"], arrays.get("y_pool"),
        None, None, tuple(names), arrays.get("names_pool"),
    )  # fmt: skip


def _predicted(probabilities):
    return np.concatenate([np.asarray(chunk).argmax(axis=1) for _, chunk in in_chunks(probabilities)])


def _notes(arrays, data, predicted):
    """Return sentences on what is known, and what not."""
    right = (predicted == data.y_validation).mean()
    chance = np.bincount(data.y_validation).max() / len(predicted)
    notes = [f"The model gets {right:.1%} of {len(predicted)} validation samples right."]
    if right <= chance:
        notes.append(f"That is no more than always saying the most frequent label ({chance:.1%}): is it the right y?")
    notes += say_known(data)
    if "x_pool" not in arrays:
        notes.append("Copies and foreign samples are looked for among features, as the samples are not given.")
    if "probabilities_train" not in arrays:
        notes.append(
            "Of training samples nothing is known: what is below theta counts as underfit, nothing as overfit."
        )
    return (*notes, *say_unseen(data), *thin_labels(data))
