"""Are these outputs of a classifier? Probabilities and features by name, checked before anything is made of them."""

import difflib

import numpy as np

from mode_utils.repair.arrays import check_samples, check_span, in_chunks, labels_of, names_of

REQUIRED = ("probabilities_pool", "features_pool", "probabilities_validation", "features_validation", "y_validation")
OPTIONAL = (
    "y_pool", "names_pool", "class_names", "features_train", "probabilities_train", "y_train", "x_pool", "x_train",
    "x_validation",
)  # fmt: skip
_ROUNDING = 0.02  # by which probabilities may miss a sum of 1, as those in half precision do


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
        check_probabilities(name, arrays[name])
    for name in [name for name in arrays if name.startswith("features_") and arrays[name].ndim > 2]:
        shape = arrays[name].shape
        raise ValueError(f"{name} has shape {shape}: features must be (n, n_features), feature maps averaged or flat")
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


def check_probabilities(name, p):
    """Raise a ValueError if rows (n, n_classes) are no probabilities, in one sentence."""
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
