"""Outputs in place of a model: probabilities and features from any framework, as arrays of an .npz file.

Given are the probabilities (n, n_classes) and the features (n, n_features) of a pool and of validation samples. Copies
and foreign samples are looked for among the samples themselves where they are given, too, otherwise among features.
Nothing here imports a framework; arrays that are stored without compression are read from the file as they are needed.
"""

import difflib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mode_utils.diagnosis import judge_accuracies, label_accuracies
from mode_utils.options import DebugOptions
from mode_utils.repair.arrays import (
    OwnData,
    check_class_names,
    check_order,
    check_samples,
    check_span,
    in_chunks,
    labels_of,
    names_of,
    read_arrays,
    scattered,
)
from mode_utils.repair.choice import asked_of_scan, describe
from mode_utils.repair.pool_scan import scan_pool
from mode_utils.support.checks import check_least

REQUIRED = ("probabilities_pool", "features_pool", "probabilities_validation", "features_validation", "y_validation")
OPTIONAL = (
    "y_pool", "names_pool", "class_names", "features_train", "probabilities_train", "y_train", "x_pool", "x_train",
    "x_validation",
)  # fmt: skip
_ROUNDING = 0.02  # by which probabilities may miss a sum of 1, as those in half precision do
_PRESETS = ("recommended", "adaptive")


class GivenOutputs:
    """The arrays as `pool_scan.Outputs`.

    Parameters
    ----------
    arrays : dict of str to array
        Of `REQUIRED`, checked.
    """

    def __init__(self, arrays):
        self._arrays = arrays
        self.n_pool, self.n_classes = arrays["probabilities_pool"].shape

    def of_validation(self):
        """Return states and probabilities of the validation samples."""
        return tuple(np.asarray(self._arrays[f"{what}_validation"], np.float32) for what in _WHAT)

    def in_chunks(self):
        """Yield start, states and probabilities of each part of the pool in turn."""
        parts = (in_chunks(self._arrays[f"{what}_pool"]) for what in _WHAT)
        for (start, states), (_, probabilities) in zip(*parts, strict=True):
            yield start, np.asarray(states, np.float32), np.asarray(probabilities, np.float32)

    def states_at(self, places):
        """Return the states at some places of the pool."""
        return np.concatenate(list(scattered(self._arrays["features_pool"], places)))


_WHAT = ("features", "probabilities")


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


def open_outputs(arrays, budget, *, class_names=None, preset="recommended", seed=0, **changes):
    """Check outputs of a model, and make a case of them.

    Parameters
    ----------
    arrays : dict of str to array, or path
        `REQUIRED`, and any of `OPTIONAL`; or an .npz file with them.
    budget : int
        Samples to choose, at least 1.
    class_names : sequence of str, optional
        One for each label; by default the array `class_names`, or the numbers.
    preset : {"recommended", "adaptive"}
    seed : int
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
    options = DebugOptions.preset(preset, batch_size=budget, max_iterations=1, layer_selection=False, **changes)
    sources, where = {}, "the set of arrays"
    if isinstance(arrays, (str, Path)):
        where = Path(arrays)
        if not where.exists():
            raise FileNotFoundError(f"there is no data file {where}")
        arrays, sources = read_arrays(where), {"data": where}
    arrays = check_outputs(arrays, where)
    names = class_names or arrays.get("class_names")
    data = _as_data(arrays, names)
    if budget > len(data.x_pool):
        raise ValueError(f"a budget of {budget} is larger than the pool, which has {len(data.x_pool)} samples")
    predicted = np.asarray(arrays["probabilities_validation"]).argmax(axis=1)
    check_order(predicted, data.y_validation, data.class_names, "of the validation samples")
    seen = None
    if "probabilities_train" in arrays:
        seen = label_accuracies(arrays["y_train"], _predicted(arrays["probabilities_train"]), data.n_classes)
    notes = _notes(arrays, data, predicted)
    outputs, has_samples = GivenOutputs(arrays), "x_pool" in arrays
    return OutputsCase(outputs, data, options, seed, seen, notes, sources, has_samples=has_samples)


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


def scan_outputs(case):
    """Look at each sample of the pool once: `steps.look_at_pool` for outputs.

    Parameters
    ----------
    case : OutputsCase

    Returns
    -------
    pool_scan.PoolScan
    """
    divides = np.random.default_rng(case.seed).spawn(1)[0]  # as for a model
    return scan_pool(case.outputs, case.data.y_validation, divides, case.data.y_pool, *asked_of_scan(case.options))


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


def check_outputs(arrays, where="the set of arrays", required=REQUIRED):
    """Check outputs by name, and return them: labels and names as they are used, all else as it is.

    Parameters
    ----------
    arrays : dict of str to array
    where : path or str
        What an error says that they are from.
    required : sequence of str
        Names that have to be there.

    Raises
    ------
    ValueError
        In one sentence, what is wrong and what to do.
    """
    arrays = {name: np.asanyarray(array) for name, array in arrays.items()}
    _check_names(where, arrays, required)
    for name in [name for name in arrays if name.startswith("probabilities_")]:
        _check_probabilities(name, arrays[name])
    for what in ("features", "x"):
        names = [name for name in arrays if name.startswith(f"{what}_")]
        spans = {name: check_samples(name, arrays[name], arrays[names[0]], names[0]) for name in names}
        for name in names[1:]:
            check_span(name, spans[name], spans[names[0]], names[0])
    for role in ("pool", "validation", "train"):
        _check_role(role, arrays)
    widths = {name: array.shape[1] for name, array in arrays.items() if name.startswith("probabilities_")}
    if len(set(widths.values())) > 1:
        raise ValueError(f"{_listed(widths)} classes: they must be columns of the same classes, in one order")
    return arrays


def _check_names(where, arrays, required):
    lacking = [name for name in required if name not in arrays]
    if lacking:
        near = difflib.get_close_matches(lacking[0], set(arrays) - {*REQUIRED, *OPTIONAL}, 1)
        guess = f" (is it {near[0]!r}?)" if near else ""
        raise ValueError(
            f"{where} has no array {lacking[0]!r}{guess}: it needs {', '.join(required)}, and may have "
            f"{', '.join(OPTIONAL)}"
        )
    unknown = [name for name in arrays if name not in (*REQUIRED, *OPTIONAL)]
    if unknown:
        raise ValueError(f"{where} has an array {unknown[0]!r}: choose from {', '.join((*REQUIRED, *OPTIONAL))}")
    for name, other in (("x_pool", "x_validation"), ("x_validation", "x_pool"), ("x_train", "x_pool")):
        if name in arrays and other not in arrays and other not in required:
            raise ValueError(f"{where} has {name}, but no {other}: give both or none")
    of_train = [name for name in arrays if name.endswith("_train")]
    if of_train and "y_train" not in arrays:
        raise ValueError(f"{where} has {of_train[0]}, but no y_train: give both or none")
    if of_train == ["y_train"]:
        raise ValueError(f"{where} has y_train, but neither features_train nor probabilities_train: they belong to it")


def _check_probabilities(name, p):
    if p.dtype.kind not in "fiub" or p.ndim != 2 or not len(p):
        raise ValueError(f"{name} has shape {p.shape} and dtype {p.dtype}: it must be (n, n_classes) numbers")
    if p.shape[1] < 2:
        raise ValueError(f"{name} has {p.shape[1]} column: give one for each class, of two classes 1 - p and p")
    for start, chunk in in_chunks(p):
        rows = np.asarray(chunk, np.float32)
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise ValueError(f"{name} has NaN or infinite values in row {start + bad[0]}: replace them")
        bad = np.flatnonzero((rows < -1e-6).any(axis=1) | (rows > 1 + _ROUNDING).any(axis=1))
        if bad.size:
            raise ValueError(
                f"row {start + bad[0]} of {name} spans {rows[bad[0]].min():.3g} .. {rows[bad[0]].max():.3g}: these "
                "look like logits, not like probabilities; apply a softmax"
            )
        sums = rows.sum(axis=1)
        bad = np.flatnonzero(np.abs(sums - 1) > _ROUNDING)
        if bad.size:
            raise ValueError(
                f"row {start + bad[0]} of {name} sums to {sums[bad[0]]:.3g}: probabilities of one label a sample must "
                "sum to 1"
            )


def _check_role(role, arrays):
    """Check that the arrays of a role have a row each for the same samples, and its labels and names."""
    own = {name: array for name, array in arrays.items() if name.endswith(f"_{role}")}
    sizes = {name: len(array) for name, array in own.items() if array.ndim}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"{_listed(sizes)} rows: the arrays of {role} must have a row for each of its samples")
    if not own:
        return
    n, n_classes = max(sizes.values()), arrays["probabilities_validation"].shape[1]
    name = f"y_{role}"
    if name in own:
        y = arrays[name] = labels_of(name, own[name], n)
        if y.max() >= n_classes:
            raise ValueError(
                f"{name} has label {y.max()}, but probabilities_validation {n_classes} columns: labels must lie in 0 "
                f".. {n_classes - 1}"
            )
    if role == "validation" and len(np.unique(arrays[name])) == 1:
        raise ValueError(f"{name} has one class only ({arrays[name][0]}): give validation samples of several")
    if role == "pool" and "names_pool" in own:
        arrays["names_pool"] = names_of(own["names_pool"], n)


def _listed(counts):
    return ", ".join(f"{name} has {count}" for name, count in counts.items())


def _as_data(arrays, names):
    """Return the arrays as data of a repair: the samples, or features in their place."""
    n_classes = arrays["probabilities_validation"].shape[1]
    names = [str(name) for name in (range(n_classes) if names is None else np.asarray(names).ravel())]
    check_class_names(names)
    if len(names) != n_classes:
        raise ValueError(f"{len(names)} class names for {n_classes} columns of probabilities: one each is needed")
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
    if "x_pool" not in arrays:
        notes.append("Copies and foreign samples are looked for among features, as the samples are not given.")
    if "probabilities_train" not in arrays:
        notes.append(
            "Of training samples nothing is known: what is below theta counts as underfit, nothing as overfit."
        )
    counts = np.bincount(data.y_validation, minlength=data.n_classes)
    unseen = [data.class_names[label] for label in np.flatnonzero(counts == 0)]
    if unseen:
        named = ", ".join(unseen[:10]) + (", ..." if len(unseen) > 10 else "")
        notes.append(f"No validation samples of {named}: whether the model fails there cannot be seen.")
    return tuple(notes)
