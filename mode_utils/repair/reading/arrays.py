"""Somebody's own data: the named arrays of an .npz file; for folders of images see `image_folders`.

How files are read is in `npz_files`, what labels may look like in `label_arrays`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mode_utils.diagnosis import another_order
from mode_utils.repair.reading.label_arrays import check_class_names, check_several, find_classes, labels_of, names_of
from mode_utils.repair.reading.npz_files import as_plain, read_arrays
from mode_utils.repair.reading.sample_scales import are_numbers_of_things, check_samples, check_span
from mode_utils.splits import Splits, Subset
from mode_utils.support.sample_parts import convert_samples

REQUIRED = ("x_train", "y_train", "x_validation", "y_validation", "x_pool")
OPTIONAL = ("y_pool", "names_pool", "x_test", "y_test")
FEW = 10  # validation samples of a label
_NAMED = 10  # labels in a sentence


@dataclass(frozen=True)
class OwnData:
    """Samples and labels in their roles.

    Attributes
    ----------
    x_train, x_validation, x_pool : (n, ...) arrays
        What the model was trained on, what diagnosis looks at, and what a repair may add. `x_test` only scores; None
        if there is none. Integers stay what they are for a model that takes integers; all else is float32, or float64
        if the model takes that. The pool stays as it is in its file.
    y_train, y_validation : (n,) int32
        Labels 0 .. n_classes - 1; `y_test` is None if there is no test set.
    y_pool : (n,) int32, optional
        Labels of the pool, -1 where a sample has none; None if no sample has one.
    class_names : tuple of str
    names_pool : (n,) str, optional
        What the samples of the pool are called, such as the files that they are from.
    notes : tuple of str
        Sentences on how the arrays were read, and what is odd about them.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_pool: np.ndarray
    y_pool: np.ndarray | None
    x_test: np.ndarray | None
    y_test: np.ndarray | None
    class_names: tuple[str, ...]
    names_pool: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def n_classes(self):
        """Number of labels."""
        return len(self.class_names)

    @property
    def pool_labelled(self):
        """Whether each sample of the pool has a label."""
        return self.y_pool is not None and bool((self.y_pool >= 0).all())

    @property
    def known_places(self):
        """Places (n_known,) of the samples that have a label in a pool in which others have none.

        They are not chosen from.
        """
        known = np.empty(0, int) if self.y_pool is None else np.flatnonzero(self.y_pool >= 0)
        return known[: 0 if self.pool_labelled else None]

    @property
    def known_as(self):
        """What the label of a chosen sample is called: its "label", or a "guess" where it has none."""
        return "label" if self.pool_labelled else "guess"

    def call(self, place):
        """Return what a sample of the pool is called in a sentence."""
        return str(place) if self.names_pool is None else f"{place} ({str(self.names_pool[place])!r})"

    def splits(self, pool_labels=None):
        """Return the roles as `splits.Splits`, the pool with labels as they are given, or as they have become known.

        Validation stands in for a test.
        """
        labelled, partly = self.pool_labelled or pool_labels is not None, None
        if pool_labels is None:
            pool_labels = np.zeros(len(self.x_pool)) if self.y_pool is None else self.y_pool
            partly = None if labelled else self.y_pool
        parts = {"train": (self.x_train, self.y_train), "validation": (self.x_validation, self.y_validation)}
        parts |= {"bug_fixing": (self.x_pool, pool_labels)}
        parts |= {"test": parts["validation"] if self.x_test is None else (self.x_test, self.y_test)}
        subsets = {role: Subset(x, np.asarray(y, np.int32), np.arange(len(y))) for role, (x, y) in parts.items()}
        return Splits(**subsets, n_classes=self.n_classes, labelled=labelled, partly_known=partly)


def load_own_data(path, class_names=None, n_classes=None, inputs=(), dtype=None, even_if_odd=False):
    """Load and check somebody's own data.

    Parameters
    ----------
    path : path
        An .npz file with `x_train`, `y_train`, `x_validation`, `y_validation`, `x_pool`, and if there are any `y_pool`,
        `names_pool`, `x_test`, `y_test`; of a model with several inputs `x_train.<input>` and so on for each.
    class_names : sequence of str, optional
        By default the labels themselves, those that are texts in the order of the alphabet.
    n_classes : int, optional
        Number of labels; by default that of the class names, or the largest label plus 1.
    inputs : sequence of networks.plain_models.ModelInput
        Of a model with several inputs, or one that has a name.
    dtype : str, optional
        Of the samples that the model takes, see `convert_samples`.
    even_if_odd : bool
        Go on with samples that seem to be scaled in another way than those of training, see `check_span`.

    Returns
    -------
    OwnData

    Raises
    ------
    FileNotFoundError, ValueError
        In one sentence, what is wrong and what to do.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no data file {path}")
    return check_arrays(_join(read_arrays(path), inputs), class_names, n_classes, path, dtype, even_if_odd)


def check_arrays(arrays, class_names=None, n_classes=None, path="the data", dtype=None, even_if_odd=False):
    """Check arrays by name and make `OwnData` of them; see `load_own_data`."""
    _check_names(path, arrays)
    arrays, spans = {name: as_plain(array) for name, array in arrays.items()}, {}
    check_class_names(() if class_names is None else class_names)
    labels = {name: array for name, array in arrays.items() if name.startswith("y_")}
    class_names, n_classes, notes = find_classes(labels, class_names, n_classes)
    for part in ("train", "validation", "pool", "test"):
        if f"x_{part}" in arrays:
            spans[f"x_{part}"] = check_samples(f"x_{part}", arrays[f"x_{part}"], arrays["x_train"])
            if not (are_numbers_of_things(arrays["x_train"]) and are_numbers_of_things(arrays[f"x_{part}"])):
                notes += check_span(f"x_{part}", spans[f"x_{part}"], spans["x_train"], even_if_odd=even_if_odd)
        if (name := f"y_{part}") in arrays:
            arrays[name] = labels_of(name, arrays[name], len(arrays[f"x_{part}"]), class_names, n_classes)
    arrays |= {name: convert_samples(name, x, dtype) for name, x in arrays.items() if name.startswith("x_")}
    if "names_pool" in arrays:
        arrays["names_pool"] = names_of(arrays["names_pool"], len(arrays["x_pool"]))
    largest = max(int(array.max()) for name, array in arrays.items() if name.startswith("y_"))
    names = tuple(map(str, class_names or range(n_classes or largest + 1)))
    check_several("y_validation", arrays["y_validation"], len(names))
    if "y_pool" in arrays:
        arrays["y_pool"] = any_known(arrays["y_pool"])
    data = OwnData(**{name: arrays.get(name) for name in (*REQUIRED, *OPTIONAL)}, class_names=names)
    return replace(data, notes=notes + thin_labels(data))


def check_order(predicted, y, class_names, whose):
    """Raise a ValueError if labels explain predictions far better in another order, see `diagnosis.another_order`."""
    order, another = another_order(y, predicted, len(class_names))
    if order is None:
        return
    moved = np.intersect1d(np.flatnonzero(order != np.arange(len(order))), y)
    first = max(moved, key=lambda label: ((y == label) & (predicted == order[label])).sum())
    raise ValueError(
        f"the classes are probably in another order: the model gets {(predicted == y).mean():.0%} {whose} right, "
        f"but {another:.0%} if {len(moved)} labels are exchanged; what the data call {class_names[first]!r} it takes "
        f"for label {order[first]} ({class_names[order[first]]!r}): give the classes in its order (--class-names)"
    )


def say_unseen(data):
    """Return what is to be said of labels without validation samples; an empty text where there are none."""
    unseen, unknown = (~np.isin(np.arange(data.n_classes), y) for y in (data.y_validation, data.y_train))
    if not unseen.any():
        return ""
    told = (
        f"No validation samples of {listed(data, unseen)}: whether the model fails there cannot be seen; it is taken "
        "to fail as often as in training, or as in the other labels."
    )
    unknown &= unseen
    if unknown.any() and data.y_pool is None:
        told += f" Nor are training samples of {listed(data, unknown)} known: no sample of the pool is taken for one."
    return told


def listed(data, marked):
    """Return the names of some labels, (n_classes,) bool, as they stand in a sentence, of many the first."""
    names = [data.class_names[label] for label in np.flatnonzero(marked)]
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _join(arrays, inputs):
    """Put the arrays of several inputs, `x_train.<input>` and so on, side by side."""
    if not inputs:
        return arrays
    joined = {name: array for name, array in arrays.items() if "." not in name}
    for part in sorted({name.split(".", 1)[0] for name in arrays if "." in name}):
        if part in joined:
            raise ValueError(f"there is an array {part!r} beside {part!r} of an input: give one or the other")
        own = {name.split(".", 1)[1]: array for name, array in arrays.items() if name.startswith(f"{part}.")}
        joined[part] = _side_by_side(part, own, inputs)
    return joined


def _side_by_side(part, own, inputs):
    """Return the arrays of a part by the names of inputs as one array."""
    from mode_utils.networks.plain_models import join_inputs  # imports TensorFlow

    ordered, left, known = [], dict(own), ", ".join(each.names[0] for each in inputs)
    for each in inputs:
        name = next((name for name in each.names if name in left), None)
        if name is None:
            raise ValueError(
                f"the model has the inputs {known}, but there is no array '{part}.{each.names[0]}': add it"
            )
        ordered.append(_of_input(f"{part}.{name}", left.pop(name), each))
    if left:
        raise ValueError(
            f"the model has the inputs {known}, so that '{part}.{next(iter(left))}' is for none: remove it"
        )
    lengths = [len(array) for array in ordered]
    if len(set(lengths)) > 1:
        raise ValueError(f"the arrays {part}.{known} have {lengths} samples: they must have the same, in one order")
    return ordered[0] if len(ordered) == 1 else join_inputs(ordered)


def _of_input(name, array, own):
    """Return the array of an input, checked against what it takes."""
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {array.dtype}: samples must be numbers")
    array = array[:, None] if array.ndim == 1 and own.shape == (1,) else array
    found = array.shape[1:]
    if len(found) != len(own.shape) or any(w not in (None, f) for w, f in zip(own.shape, found, strict=True)):
        raise ValueError(f"a sample of {name} has shape {found}, but the input takes {own.shape}: give it as it does")
    is_whole = own.dtype == "bool" or np.dtype(own.dtype).kind in "iu"
    return convert_samples(name, array, own.dtype) if is_whole else array


def _check_names(path, arrays):
    lacking = [name for name in REQUIRED if name not in arrays]
    if lacking:
        raise ValueError(
            f"{path} has no array {lacking[0]!r}: it needs {', '.join(REQUIRED)}, and may have {', '.join(OPTIONAL)}"
        )
    unknown = [name for name in arrays if name not in (*REQUIRED, *OPTIONAL)]
    if unknown:
        raise ValueError(f"{path} has an array {unknown[0]!r}: choose from {', '.join((*REQUIRED, *OPTIONAL))}")
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise ValueError(f"{path} has only one of x_test and y_test: give both or none")


def any_known(labels):
    """Return labels (n,) of a pool, or None if it is not known of any sample."""
    return labels if (labels >= 0).any() else None


def say_known(data):
    """Return a sentence on a pool in which some samples have labels and others none; otherwise nothing."""
    n = len(data.known_places)
    return n and (
        f"{n} of {len(data.x_pool)} samples of the pool have a label: they teach the reference and are not chosen "
        "from; the model is not trained on them unless they are in x_train."
    )


def check_left(budget, data, used=()):
    """Raise a ValueError if a budget is larger than what is left to choose from."""
    n, closed = len(data.x_pool), len(np.union1d(used, data.known_places))
    why = f" to choose from, as {closed} of {n} have a label or were added before" if closed else ""
    if budget > n - closed:
        raise ValueError(f"a budget of {budget} is larger than the pool, which has {n - closed} samples{why}")


def with_classes(data, n_classes):
    """Return data with as many classes as a model has; raise a ValueError if these are others.

    Parameters
    ----------
    data : OwnData
        May have fewer classes, if nobody has given them names: then the last ones have no sample.
    n_classes : int
    """
    if data.n_classes < n_classes and data.class_names == tuple(map(str, range(data.n_classes))):
        return replace(data, class_names=tuple(map(str, range(n_classes))))
    if data.n_classes != n_classes:
        raise ValueError(
            f"the data have {data.n_classes} classes ({listed(data, np.ones(data.n_classes, bool))}), but the model "
            f"{n_classes}: number the labels 0 .. {n_classes - 1} in its order, and give a name for each class"
        )
    return data


def thin_labels(data):
    """Return sentences on labels of which training or validation samples say little."""
    notes = []
    seen, counts = (np.bincount(y, minlength=data.n_classes) for y in (data.y_train, data.y_validation))
    if len(data.y_train) and (unknown := listed(data, seen == 0)):
        notes.append(f"No training samples of {unknown} are given.")
    if few := listed(data, (counts > 0) & (counts < FEW)):
        notes.append(f"Fewer than {FEW} validation samples of {few}: how often the model fails there is hardly known.")
    return tuple(notes)
