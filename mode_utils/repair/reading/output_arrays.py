"""Are these outputs of a classifier? Probabilities and features by name, checked before anything is made of them."""

import difflib

import numpy as np

from mode_utils.repair.reading.label_arrays import check_class_names, check_several, find_classes, labels_of, names_of
from mode_utils.repair.reading.npz_files import as_plain
from mode_utils.repair.reading.sample_scales import check_samples, check_span
from mode_utils.support.sample_parts import in_chunks

REQUIRED = ("probabilities_pool", "features_pool", "probabilities_validation", "features_validation", "y_validation")
OPTIONAL = (
    "y_pool", "names_pool", "class_names", "features_train", "probabilities_train", "y_train", "x_pool", "x_train",
    "x_validation",
)  # fmt: skip
_ROUNDING = 0.02  # by which probabilities may miss a sum of 1, as those in half precision do


def check_outputs(arrays, where="the set of arrays", required=REQUIRED, class_names=None, even_if_odd=False):
    """Check outputs by name; return them, with labels and names as they are used, and sentences on what is odd.

    Parameters
    ----------
    arrays : dict of str to array
    where : path or str
        What an error says that they are from.
    required : sequence of str
        Names that have to be there.
    class_names : sequence of str, optional
        In place of the array `class_names`, which is among what is returned if labels are texts.
    even_if_odd : bool
        See `sample_scales.check_span`.

    Raises
    ------
    ValueError
        In one sentence, what is wrong and what to do.
    """
    arrays = {name: as_plain(array) for name, array in arrays.items()}
    _check_names(where, arrays, required)
    notes = tuple(
        note
        for name in arrays if name.startswith("probabilities_")
        for note in check_probabilities(name, arrays[name])
    )  # fmt: skip
    for name in [name for name in arrays if name.startswith("features_") and arrays[name].ndim > 2]:
        shape = arrays[name].shape
        raise ValueError(f"{name} has shape {shape}: features must be (n, n_features), feature maps averaged or flat")
    for what in ("features", "x"):
        names = [name for name in arrays if name.startswith(f"{what}_")]
        spans = {name: check_samples(name, arrays[name], arrays[names[0]], names[0]) for name in names}
        if what == "features" and _are_alike([spans[name] for name in names]):
            raise ValueError(f"{', '.join(names)} have the same numbers in every row: nothing can be told from them")
        for name in names[1:]:
            notes += check_span(name, spans[name], spans[names[0]], names[0], even_if_odd)
    class_names, told = _classes(arrays, class_names)
    for role in ("pool", "validation", "train"):
        _check_role(role, arrays, class_names)
    arrays |= {} if class_names is None else {"class_names": np.array(class_names, str)}
    widths = {name: array.shape[1] for name, array in arrays.items() if name.startswith("probabilities_")}
    if len(set(widths.values())) > 1:
        raise ValueError(f"{_listed(widths)} classes: they must be columns of the same classes, in one order")
    return arrays, told + notes


def _are_alike(spans):
    """Tell whether all samples are the same, as float32."""
    low, high = (np.asarray([getattr(span, end) for span in spans], np.float32) for end in ("low", "high"))
    return sum(len(span.x) for span in spans) > len(spans) and (low.min(axis=0) == high.max(axis=0)).all()


def _classes(arrays, class_names):
    """Return the names of classes and what is to be said of them; None where nobody knows them."""
    class_names = arrays.get("class_names") if class_names is None else class_names
    n_classes = arrays["probabilities_validation"].shape[1]
    labels = {name: array for name, array in arrays.items() if name.startswith("y_")}
    if class_names is not None:
        names = [str(name) for name in np.asarray(class_names).ravel()]
        check_class_names(names)
        if len(names) != n_classes:
            raise ValueError(f"{len(names)} class names for {n_classes} columns of probabilities: one each is needed")
        return find_classes(labels, names)[0], ()
    names, _, notes = find_classes(labels, None, n_classes)
    return names, notes


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
    """Raise a ValueError if rows (n, n_classes) are no probabilities; return sentences on what is odd about them."""
    if p.dtype.kind not in "fiub" or p.ndim != 2 or not len(p):
        hint = ""
        if p.ndim == 1 and p.dtype.kind in "fiub":
            hint = ", a column for each class; of two classes, np.stack([1 - p, p], axis=1), where p is that of class 1"
        raise ValueError(f"{name} has shape {p.shape} and dtype {p.dtype}: it must be (n, n_classes) numbers{hint}")
    if p.shape[1] < 2:
        raise ValueError(f"{name} has {p.shape[1]} column: give one for each class, of two classes 1 - p and p")
    certain = True
    for start, chunk in in_chunks(p):
        rows = np.asarray(chunk, np.float32)
        sums = rows.sum(axis=1)
        bad = ~np.isfinite(sums) | (rows < -1e-6).any(axis=1) | (rows > 1 + _ROUNDING).any(axis=1)
        bad = np.flatnonzero(bad | (np.abs(sums - 1) > _ROUNDING))
        if bad.size:
            raise ValueError(_no_probabilities(name, start + bad[0], rows[bad[0]], np.asarray(chunk[bad], np.float64)))
        certain = certain and bool((rows.max(axis=1) == 1).all())
    if certain and len(p) > 1:
        return (f"{name} are 0 and 1 only: are they predicted labels? How sure the model is cannot be seen.",)
    return ()


def _no_probabilities(name, row, values, others):
    """Say what rows are that are no probabilities: the first of them, and all others in the same part."""
    if not np.isfinite(values).all() and not (np.isneginf(values).any() and (values <= 0).all()):
        return f"{name} has NaN or infinite values in row {row}: replace them"
    story = f"row {row} of {name} spans {values.min():.3g} .. {values.max():.3g}"
    with np.errstate(over="ignore"):
        if np.allclose(np.exp(others).sum(axis=1), 1, atol=_ROUNDING):
            return f"{story}: these look like logarithms of probabilities; apply np.exp"
    if (others >= 0).all() and np.allclose(others.sum(axis=1), 100, atol=1.5):
        return f"{story}: these look like percentages, not like probabilities; divide by 100"
    if (others >= 0).all() and np.allclose(others.sum(axis=1), 255, atol=len(values)):
        return f"{story}: these look like quantized probabilities; divide by 255"
    if (values < -1e-6).any() or (values > 1 + _ROUNDING).any():
        return (
            f"{story}: these look like logits, not like probabilities; apply a softmax (of scores of scikit-learn's "
            "decision_function, too)"
        )
    return f"row {row} of {name} sums to {values.sum():.3g}: probabilities of one label a sample must sum to 1"


def _check_role(role, arrays, class_names):
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
        arrays[name] = labels_of(name, own[name], n, class_names, n_classes)
    if role == "validation":
        check_several(name, arrays[name], n_classes)
    if role == "pool" and "names_pool" in own:
        arrays["names_pool"] = names_of(own["names_pool"], n)


def _listed(counts):
    return ", ".join(f"{name} has {count}" for name, count in counts.items())
