"""Labels and names as people have them in arrays: numbers, one-hot rows, texts, and places where there is none."""

import difflib
import unicodedata

import numpy as np

from mode_utils.repair.reading.npz_files import as_plain

NO_LABEL = -1
_MAY_LACK = ("y_pool", "label")  # roles in which a sample may have no label
_MISSING = ("", "nan", "NaN", "None", "<NA>", "NaT")  # texts that stand for no label, unless a class is called so
_FORMS = "integers, names of classes, or one-hot rows"
_SHOWN = 6  # classes in a sentence


def find_classes(labels, class_names=None, n_classes=None):
    """Find out which classes labels are of: where they are texts, these in the order of the alphabet.

    Parameters
    ----------
    labels : dict of str to array
        By the name of their array.
    class_names : sequence of str, optional
        Then these are the classes.
    n_classes : int, optional
        Of the model, where it is known.

    Returns
    -------
    class_names : tuple of str or None
        None if labels are numbers, and nobody says what they mean.
    n_classes : int or None
        Number of classes, or None where only the largest label tells.
    notes : tuple of str

    Raises
    ------
    ValueError
        If texts are not as many as classes, stand beside numbers, or may be read as numbers in another order.
    """
    labels = {name: as_plain(y) for name, y in labels.items()}
    if class_names is not None and len(class_names):
        names = tuple(map(clean, class_names))
        _check_numbers_as_names(labels, names)
        return names, len(names), ()
    texts = {name: y for name, y in labels.items() if y.dtype.kind == "U" and not np.isin(y, _MISSING).all()}
    if not texts:
        widths = {y.shape[1] for y in labels.values() if y.ndim == 2 and y.shape[1] > 1}
        return None, n_classes or (max(widths) if widths else None), ()
    found = sorted({clean(text) for y in texts.values() for text in np.unique(y)} - set(_MISSING))
    return _classes_of_texts(found, texts, labels, n_classes)


def _check_numbers_as_names(labels, names):
    """Raise a ValueError if each label may be the name of a class, or its place, and that is not the same."""
    numbers = [y.ravel() for y in labels.values() if y.dtype.kind in "iu" and y.ndim and 0 < y.size == len(y)]
    found = sorted(set(np.unique(np.concatenate(numbers)).tolist()) - {NO_LABEL}) if numbers else []
    if not found or found[0] < 0 or found[-1] >= len(names) or not {str(label) for label in found} <= set(names):
        return
    moved = [label for label in found if names[label] != str(label)]
    if moved:
        raise ValueError(
            f"label {moved[0]} may be the class called '{moved[0]}', or the class at place {moved[0]}, which is called "
            f"{names[moved[0]]!r}: give labels as texts, which are names, or names that are no such numbers"
        )


def _classes_of_texts(found, texts, labels, n_classes):
    first = next(iter(texts))
    by_number = sorted(found, key=_number) if all(_number(text) is not None for text in found) else found
    if by_number != found:
        raise ValueError(
            f"{first} has numbers as texts, which sort in two ways, {_some(found)} as texts and {_some(by_number)} as "
            "numbers: give the class names in the model's order, or labels as integers"
        )
    wanted = n_classes or len(found)
    if found and set(found) <= {str(label) for label in range(wanted)}:
        return None, wanted, ()
    if numbers := [name for name in labels if name not in texts and not _all_missing(labels[name])]:
        raise ValueError(
            f"{first} has texts as labels, {numbers[0]} numbers: give class names in the model's order, so that it is "
            "known which is which, or one kind of labels"
        )
    if len(found) != wanted:
        raise ValueError(
            f"labels are texts, {len(found)} different ones ({_some(found)}), but there are {wanted} classes: give the "
            "class names in the model's order"
        )
    note = f"Labels are texts: classes are taken in the order of the alphabet, as scikit-learn does: {_some(found)}."
    return tuple(found), wanted, (note,)


def labels_of(name, y, n, class_names=None, n_classes=None):
    """Return labels as integers (n,); raise a ValueError if they are none, that says what and where.

    Parameters
    ----------
    name : str
        Of the array. In `y_pool`, and `label` of shards, a label may be missing: -1, NaN, None, or an empty text.
    y : array
        Integers, whole floats or names of classes (n,) or (n, 1), or one-hot rows.
    n : int
        Samples.
    class_names : sequence of str, optional
    n_classes : int, optional

    Returns
    -------
    (n,) int32
        In -1 .. n_classes - 1; -1 where a label is missing.
    """
    y = as_plain(y)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    n_classes = n_classes or (len(class_names) if class_names else None)
    if y.ndim not in (1, 2) or y.dtype.kind not in "fiubUMmO":
        raise ValueError(f"{name} has shape {y.shape} and dtype {y.dtype}: labels must be {_FORMS}")
    if len(y) != n:
        raise ValueError(f"{name} has {len(y)} labels for {n} samples: one each is needed")
    given = y
    if y.ndim == 2:
        y = _of_rows(name, y, n_classes)
    elif y.dtype.kind == "U":
        y = _of_texts(name, y, class_names or range(n_classes or 0))
    else:
        y = _of_numbers(name, y, n_classes)
    if name not in _MAY_LACK and (y == NO_LABEL).any():
        lacking = np.flatnonzero(y == NO_LABEL)
        value = given[lacking[0]].tolist()
        raise ValueError(
            f"{name} has label {value!r} at sample {lacking[0]}, which is none, as {len(lacking)} of its {n}: give "
            "each a label, or leave the samples out"
        )
    return y.astype(np.int32)


def names_of(names, n):
    """Return names as texts (n,); raise a ValueError if they are none, one is missing, or two are the same."""
    names = as_plain(names)
    if names.dtype.kind != "U" or names.shape != (n,):
        raise ValueError(
            f"names_pool has shape {names.shape} and dtype {names.dtype}: it needs a text for each of the {n} samples"
        )
    names = np.array([printable(name) for name in names.tolist()], str)
    if (names == "").any():
        raise ValueError(
            f"names_pool has no name for {(names == '').sum()} of {n} samples, the first is sample "
            f"{np.flatnonzero(names == '')[0]}: give each a name of its own"
        )
    values, counts = np.unique(names, return_counts=True)
    if counts.max() > 1:
        raise ValueError(
            f"names_pool has {str(values[counts.argmax()])!r} {counts.max()} times: each name must be there once"
        )
    return names


def check_class_names(names):
    """Raise a ValueError if a class has no name, or two have one."""
    names = [clean(name) for name in names]
    if "" in names:
        raise ValueError(f"the name of class {names.index('')} is empty: give each class a name")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(
            f"the class name {twice!r} comes {names.count(twice)} times: give each class a name of its own"
        )


def check_several(name, y, n_classes):
    """Raise a ValueError if samples by which a model is judged are all of one class."""
    if n_classes > 1 and len(np.unique(y)) == 1:
        raise ValueError(f"{name} has one class only ({y[0]}), in {len(y)} samples: give validation samples of several")


def clean(name):
    """Return the name of a class as it is compared: without space around it, and composed, as a Mac's are not."""
    return unicodedata.normalize("NFC", printable(str(name)).strip())


def printable(name):
    r"""Return a name in which bytes that are not UTF-8, as old archives have them, are written as ``\xe4``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def shown(name):
    """Return a name as it stands in a sentence: in one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in printable(str(name)))


def _of_rows(name, y, n_classes):
    """Return the label of each one-hot row, -1 of those that are empty."""
    if y.dtype.kind not in "fiub":
        raise ValueError(f"{name} has rows of {y.shape[1]} and dtype {y.dtype}: give one label for each sample")
    rows = np.where(np.isnan(y), 0, y) if y.dtype.kind == "f" else y
    if strange := np.flatnonzero(~np.isin(rows, (0, 1)).all(axis=1)).tolist():
        row = y[strange[0]]
        soft = y.dtype.kind == "f" and (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=0.02)
        what = "shares of several labels" if soft else "no one-hot row"
        raise ValueError(
            f"row {strange[0]} of {name} is {what} ({', '.join(f'{value:g}' for value in row[:_SHOWN].astype(float))}"
            f"{', ...' if len(row) > _SHOWN else ''}): labels must be {_FORMS}"
            + ("; the largest share is y.argmax(axis=1)" if soft else "")
        )
    ones = rows.sum(axis=1)
    if (ones > 1).any():
        row = int((ones > 1).argmax())
        raise ValueError(f"row {row} of {name} has {int(ones[row])} labels: one label a sample is needed")
    if n_classes is not None and y.shape[1] != n_classes:
        raise ValueError(
            f"{name} has one-hot rows of {y.shape[1]} columns for {n_classes} classes: give a column for each class"
        )
    return np.where(ones == 1, rows.argmax(axis=1), NO_LABEL)


def _of_texts(name, y, class_names):
    """Return the place of each text among the names of classes, -1 of those that stand for no label."""
    places = {clean(known): place for place, known in enumerate(class_names)}
    values, inverse = np.unique(y, return_inverse=True)
    labels = [places.get(clean(value), NO_LABEL if clean(value) in _MISSING else None) for value in values.tolist()]
    if None in labels:
        value = str(values[labels.index(None)])
        near = difflib.get_close_matches(clean(value).lower(), {known.lower(): known for known in places}, 1, 0.8)
        guess = next((f" (is it {known!r}?)" for known in places if near and known.lower() == near[0]), "")
        raise ValueError(
            f"{name} has label {value!r} at sample {np.flatnonzero(y == value)[0]}, which is not among the classes "
            f"{_some(list(places))}{guess}"
        )
    return np.array(labels, np.int64)[inverse.ravel()]


def _of_numbers(name, y, n_classes):
    """Return numbers as labels, -1 where there is none; raise a ValueError at the first that is no label."""
    if y.dtype.kind not in "fiub":
        values = [value for value in y.tolist() if value is not None]
        kinds = sorted({type(value).__name__ for value in values})
        what = "dates" if y.dtype.kind in "Mm" else f"values of several kinds ({', '.join(kinds)})"
        raise ValueError(f"{name} has {what}: labels must be {_FORMS}")
    if y.dtype.kind == "b" and n_classes not in (None, 2):
        raise ValueError(f"{name} has True and False, but there are {n_classes} classes: give the label of each sample")
    missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(len(y), bool)
    y = np.where(missing, NO_LABEL, y) if missing.any() else y
    if (bad := np.flatnonzero((y != np.floor(y)) | np.isinf(y))).size:
        raise ValueError(f"{name} has label {y[bad[0]]:g} at sample {bad[0]}: labels must be integers")
    if (bad := np.flatnonzero(y < NO_LABEL)).size:
        raise ValueError(f"{name} has label {y[bad[0]]:g} at sample {bad[0]}: labels must lie in 0 .. n_classes - 1")
    if name in _MAY_LACK and n_classes in (None, 2) and set(np.unique(y[~missing]).tolist()) == {-1, 1}:
        raise ValueError(
            f"{name} has -1 and 1 only, which may be two classes or a label and none: write 0 and 1 for classes, or "
            "NaN for samples without a label"
        )
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
    return (
        f"label {largest} is too large for {n_classes} classes: {name} has it at sample {place}, and labels must lie "
        f"in 0 .. {n_classes - 1}: {hint}"
    )


def _all_missing(y):
    return y.dtype.kind in "fi" and bool(((y == NO_LABEL) | (y != y)).all())


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _some(names):
    return ", ".join(map(str, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
