"""Labels and names as people have them in arrays: numbers, one-hot rows, texts, and places where there is none."""

from itertools import count

import numpy as np

from mode_utils.repair.reading.class_names import MISSING, NO_LABEL, Names, clean, guess, is_number, listed, printable
from mode_utils.repair.reading.npz_files import as_plain
from mode_utils.support.sample_parts import count_before

_MAY_LACK = ("y_pool", "label")  # arrays in which a sample may have no label
_FORMS = "integers, names of classes, or one-hot rows"
_SHOWN = 6  # classes in a sentence


def find_classes(labels, class_names=None, n_classes=None):
    """Return names of classes (None of mere numbers), their number (None where unknown), and notes.

    `labels` are arrays by name. Texts in no given order are sorted; two readings, or another number, are a ValueError.
    """
    labels = {name: as_plain(y) for name, y in labels.items()}
    if class_names is not None and len(class_names):
        names = tuple(map(clean, class_names))
        _check_numbers_as_names(labels, names)
        return names, len(names), ()
    texts = {name: y for name, y in labels.items() if y.dtype.kind == "U" and not np.isin(y, MISSING).all()}
    if texts:
        return _classes_of_texts(texts, labels, n_classes)
    widths = [y.shape[1] for y in labels.values() if y.ndim == 2 and y.shape[1] > 1]
    return None, n_classes or max(widths, default=None), ()


def _check_numbers_as_names(labels, names):
    numbers = [y.ravel() for y in labels.values() if y.dtype.kind in "iu" and y.ndim and 0 < y.size == len(y)]
    found = sorted(set(np.unique(np.concatenate(numbers)).tolist()) - {NO_LABEL}) if numbers else []
    if not found or found[0] < 0 or found[-1] >= len(names) or not {str(label) for label in found} <= set(names):
        return
    if (moved := next((label for label in found if names[label] != str(label)), None)) is not None:
        told = f"label {moved} may be the class called '{moved}', or the class at place {moved}, which is called"
        remedy = "give labels as texts, which are names, or names that are not such numbers"
        raise ValueError(f"{told} {names[moved]!r}: {remedy}")


def _classes_of_texts(texts, labels, n_classes):
    first = next(iter(texts))
    found = sorted({clean(text) for y in texts.values() for text in np.unique(y)} - set(MISSING))
    by_number = sorted(found, key=float) if all(map(is_number, found)) else found
    if by_number != found:
        told = f"{listed(found, _SHOWN)} as texts and {listed(by_number, _SHOWN)} as numbers"
        remedy = "give the class names in the model's order, or labels as integers"
        raise ValueError(f"{first} has numbers as texts, which sort in two ways, {told}: {remedy}")
    wanted = n_classes or len(found)
    if found and set(found) <= {str(label) for label in range(wanted)}:
        return None, wanted, ()
    if numbers := [name for name in labels if name not in texts and not _all_missing(labels[name])]:
        remedy = "give class names in the model's order, so that it is known which is which, or one kind of labels"
        raise ValueError(f"{first} has texts as labels, {numbers[0]} numbers: {remedy}")
    if len(found) != wanted:
        told = f"{len(found)} different ones ({listed(found, _SHOWN)}), but there are {wanted} classes"
        raise ValueError(f"labels are texts, {told}: give the class names in the model's order")
    order = f"in the order of the alphabet, as scikit-learn does: {listed(found, _SHOWN)}"
    return tuple(found), wanted, (f"Labels are texts: classes are taken {order}.",)


def labels_of(name, y, n, class_names=None, n_classes=None):
    """Return labels of n samples as int32 (n,) in -1 .. n_classes - 1; a ValueError says what is wrong, and where.

    They may be integers, whole floats or names of classes (n,) or (n, 1), or one-hot rows. In `y_pool`, and `label` of
    shards, one may be missing, -1: as -1, NaN, None, or an empty text.
    """
    y = as_plain(y)
    given = y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    n_classes = n_classes or (len(class_names) if class_names else None)
    if y.ndim not in (1, 2) or y.dtype.kind not in "fiubUMmO":
        raise ValueError(f"{name} has shape {y.shape} and dtype {y.dtype}: labels must be {_FORMS}")
    if len(y) != n:
        role = name.removeprefix("y_")
        raise ValueError(f"{name} has {len(y)} labels for {n} samples: the arrays of {role} must have a row for each")
    if y.ndim == 1 and y.dtype.kind == "U":
        y = _of_texts(name, y, class_names or range(n_classes or 0))
    else:
        y = (_of_rows if y.ndim == 2 else _of_numbers)(name, y, n_classes)
    if name not in _MAY_LACK and (lacking := np.flatnonzero(y == NO_LABEL)).size:
        told = f"{name} has label {given[lacking[0]].tolist()!r} at sample {lacking[0]}, which is none"
        raise ValueError(f"{told}, as {len(lacking)} of its {n}: give each a label, or leave the samples out")
    return y.astype(np.int32)


def names_of(names, n, name="names_pool"):
    """Return the names of n samples as texts; of a pool, what comes again is numbered. One missing is a ValueError."""
    names = as_plain(names)
    if names.dtype.kind != "U" or names.shape != (n,):
        told = f"{name} has shape {names.shape} and dtype {names.dtype}"
        raise ValueError(f"{told}: it needs a text for each of the {n} samples")
    names = np.array([printable(each) for each in names.tolist()], str)
    if (empty := np.flatnonzero(names == "")).size:
        told = f"{name} has no name for {empty.size} of {n} samples, the first is sample {empty[0]}"
        raise ValueError(f"{told}: give each its own")
    if name != "names_pool":
        return names
    texts, turns = names.tolist(), count_before(names)
    seen = set(texts)
    for place in np.flatnonzero(turns):  # two people write the same text, and labels are told apart by the name
        every = (f"{names[place]} ({n})" for n in count(int(turns[place]) + 1))
        texts[place] = next(each for each in every if each not in seen)
        seen.add(texts[place])
    return np.array(texts, str)


def _of_rows(name, y, n_classes):
    if y.dtype.kind not in "fiub":
        raise ValueError(f"{name} has rows of {y.shape[1]} and dtype {y.dtype}: give one label for each sample")
    rows = np.where(np.isnan(y), 0, y) if y.dtype.kind == "f" else y
    if (strange := np.flatnonzero(~np.isin(rows, (0, 1)).all(axis=1))).size:
        raise ValueError(_not_one_hot(name, strange[0], y, rows))
    ones = rows.sum(axis=1)
    if ones[row := int(ones.argmax())] > 1:
        raise ValueError(f"row {row} of {name} has {int(ones[row])} labels: one label a sample is needed")
    if n_classes is not None and y.shape[1] != n_classes:
        told = f"{name} has one-hot rows of {y.shape[1]} columns for {n_classes} classes"
        raise ValueError(f"{told}: give a column for each class")
    return np.where(ones == 1, rows.argmax(axis=1), NO_LABEL)


def _not_one_hot(name, row, y, rows):
    what, remedy = "not a one-hot row", ""
    if y.dtype.kind == "f" and (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=0.02):
        what, remedy = "shares of several labels", "; the largest share is y.argmax(axis=1)"
    values = listed((f"{value:g}" for value in y[row].astype(float)), _SHOWN)
    return f"row {row} of {name} is {what} ({values}): labels must be {_FORMS}{remedy}"


def _of_texts(name, y, class_names):
    classes = Names(map(clean, class_names))
    values, inverse = np.unique(y, return_inverse=True)
    labels = [classes.label_of(value) for value in values.tolist()]
    if None in labels:
        value = str(values[labels.index(None)])
        told = f"{name} has label {value!r} at sample {np.flatnonzero(y == value)[0]}, which is not among the classes"
        raise ValueError(f"{told} {listed(classes, _SHOWN)}{guess(value, classes, 0.8)}")
    return np.array(labels, np.int64)[inverse.ravel()]


def _of_numbers(name, y, n_classes):
    if y.dtype.kind not in "fiub":
        kinds = sorted({type(value).__name__ for value in y.tolist() if value is not None})
        what = "dates" if y.dtype.kind in "Mm" else f"values of several kinds ({', '.join(kinds)})"
        raise ValueError(f"{name} has {what}: labels must be {_FORMS}")
    if y.dtype.kind == "b" and n_classes not in (None, 2):
        raise ValueError(f"{name} has True and False, but there are {n_classes} classes: give the label of each sample")
    missing = np.isnan(y)
    y = np.where(missing, NO_LABEL, y) if missing.any() else y
    for bad, rule in (((y != np.floor(y)) | np.isinf(y), "be integers"), (y < NO_LABEL, "lie in 0 .. n_classes - 1")):
        if bad.any():
            raise ValueError(f"{name} has label {y[bad][0]:g} at sample {bad.argmax()}: labels must {rule}")
    if name in _MAY_LACK and n_classes in (None, 2) and set(np.unique(y[~missing]).tolist()) == {-1, 1}:
        told = f"{name} has -1 and 1 only, which may be two classes or a label and none"
        raise ValueError(f"{told}: write 0 and 1 for classes, or NaN for samples without a label")
    if len(y) and y.max() >= min(n_classes or np.inf, np.iinfo(np.int32).max):
        raise ValueError(_too_large(name, y, n_classes))
    return y


def _too_large(name, y, n_classes):
    place, largest = int(np.argmax(y)), int(y.max())
    if n_classes is None:
        return f"{name} has label {largest} at sample {place}: that is too large for a label"
    hint = "number the classes in the model's order"
    if y.dtype.kind == "u" and largest == np.iinfo(y.dtype).max:
        hint = f"it is what -1 becomes as {y.dtype}; leave out, or label, what has no label"
    elif largest == n_classes and not (y == 0).any():
        hint = "if they are counted from 1, subtract 1; if not, say which classes there are (class_names)"
    where = f"{name} has it at sample {place}, and labels must lie in 0 .. {n_classes - 1}"
    return f"label {largest} is too large for {n_classes} classes: {where}: {hint}"


def _all_missing(y):
    return y.dtype.kind in "fi" and bool(((y == NO_LABEL) | (y != y)).all())
