"""The table of chosen samples, as people give it back: with labels filled in by hand, by a spreadsheet or by a tool.

Read are commas, semicolons and tabs, UTF-8 and Windows-1252, headers in any case, 8.0 for 8, blank rows, what
spreadsheets make of names (see `rewritten`), and class numbers where names are words; each that is not as it was
written is told. What cannot be read, or in two ways, is an error that names line, column and remedy.
"""

import csv
import difflib
import io
from pathlib import Path

import numpy as np

from mode_utils.repair.labelling.rewritten import Originals, numbers, readings

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes a text that starts so for a formula
_COLUMNS = ("index", "name", "label")
_NO_LABEL = ("-1", "nan", "none", "null", "na", "n/a", "<na>", "#n/a")  # what stands for an empty cell, in any case
_SHOWN = 3  # examples in a sentence


def as_text(value):
    """Return a text so that no spreadsheet takes it for a formula."""
    risky = isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value)
    return f"'{value}" if risky else value


def read_labels(path, class_names, n_pool, names_pool=None, notes=None):
    """Read a `selected.csv` in which the column `label` has been filled in.

    Parameters
    ----------
    path : path
    class_names : sequence of str
        Of the labels 0, 1, ...
    n_pool : int
        Samples of the pool.
    names_pool : (n_pool,) str, optional
        What they are called.
    notes : list of str, optional
        Gets a sentence on each thing that is not read as it is written.

    Returns
    -------
    indices, labels : (n,) int
        Of the rows with a label.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such table or no label in it, or if an index, a name or a label does not exist, comes twice, can
        be read in two ways, or does not fit another.
    """
    path, notes = Path(path), [] if notes is None else notes
    if not path.exists():
        raise FileNotFoundError(f"there is no table {path}")
    rows = _rows(path)
    given = [row for row in rows if row["label"]]
    lost = [str(name) for name in class_names if str(name).strip().lower() in _NO_LABEL[1:]]
    if lost and len(given) < len(rows):
        notes.append(
            f"{path}: {len(rows) - len(given)} rows have no label. pandas reads and writes the class name {lost[0]!r} "
            "as an empty cell: if it was meant, read the table with keep_default_na=False."
        )
    _check_twins(path, given, Originals(class_names))
    return resolve_rows(path, given, class_names, n_pool, names_pool, notes)


def resolve_rows(path, rows, class_names, n_pool, names_pool=None, notes=None):
    """Find out which samples and labels the rows of a table are about.

    Parameters
    ----------
    path : path
        Where the rows are from.
    rows : sequence of dict of str
        `label`, and `index`, `name` or both, as texts; `where` in the file, such as "line 2". Each has a label, if only
        one of those that stand for none, as -1 and nan do where no class is called so.
    class_names, n_pool, names_pool, notes
        See `read_labels`.

    Returns
    -------
    indices, labels : (n,) int

    Raises
    ------
    ValueError
        As `read_labels` does.
    """
    notes, classes = [] if notes is None else notes, Originals(class_names)
    rows = _with_label(path, rows, classes, notes)
    labels = _labels(path, rows, classes, notes)
    indices = _indices(path, rows, n_pool, None if names_pool is None else Originals(names_pool), notes)
    seen = {}
    for row, index, label in zip(rows, indices, labels, strict=True):
        where, before = seen.setdefault(index, (row["where"], label))
        if label != before:
            raise ValueError(
                f"{path}, {row['where']}, column 'index': {index} is in {where}, too, with another label: keep one"
            )
    return np.array([*seen]), np.array([label for _, label in seen.values()], np.int32)


def _rows(path):
    """Return the rows of a table, not the blank ones, as dicts of texts with their line."""
    raw = path.read_bytes()
    if b"\0" in raw[:1000]:
        raise ValueError(f"{path} is no table of text: save it as CSV")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    header = [name.strip().lower() for name in next(reader, [])]
    if "label" not in header or not {"index", "name"} & set(header):
        lacking = "label" if "label" not in header else "index"
        raise ValueError(
            f"{path} has no column {lacking!r}, but {', '.join(header) or 'nothing'}: fill in the labels of "
            "a selected.csv"
        )
    twice = next((name for name in _COLUMNS if header.count(name) > 1), None)
    if twice:
        raise ValueError(f"{path} has {header.count(twice)} columns {twice!r}: keep one of them")
    places = {name: header.index(name) for name in _COLUMNS if name in header}
    rows = []
    for cells in reader:
        if any(cell.strip() for cell in cells[len(header) :]):
            raise ValueError(
                f"{path}, line {reader.line_num}: has {len(cells)} cells, but the header {len(header)}: put a text "
                "with a separator in it between quotation marks"
            )
        row = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
        again = [cell.strip().lower() for cell in cells] == header  # tables one below the other
        if any(row.values()) and not again:
            rows.append(row | {"where": f"line {reader.line_num}"})
    return rows


def _with_label(path, rows, classes, notes):
    """Return the rows whose label is not a word for none."""
    empty = [row["label"].lower() in _NO_LABEL and not _named(classes, row["label"]) for row in rows]
    if any(empty):
        words = {row["label"]: "" for row, without in zip(rows, empty, strict=True) if without}
        notes.append(f"{path}: {sum(empty)} rows have no label but {_listed(map(repr, words))}, and are left out.")
    if all(empty):
        raise ValueError(f"{path} has no label: fill in the column 'label'")
    return [row for row, without in zip(rows, empty, strict=True) if not without]


def _labels(path, rows, classes, notes):
    """Return the class of each row, by its name, by what a spreadsheet makes of the name, or by its number."""
    texts = list(dict.fromkeys(row["label"] for row in rows))
    named = {text: _named(classes, text) for text in texts}
    alike = {text: named[text] or classes.alike(text) for text in texts}
    by_number = {text: _whole(text, len(classes)) for text in texts}
    counted = not any(map(numbers, classes)) and not any(named.values()) and all(by_number.values())
    found = by_number if counted and not all(alike.values()) else alike
    for row in rows:
        _check_label(path, row, found, by_number if counted else {}, classes)
    rewritten = {text: each[0] for text, each in found.items() if not named[text]}
    if rewritten:
        how = "are class numbers" if found is by_number else "are what a spreadsheet makes of class names"
        notes.append(f"{path}: labels {how}: {_pairs(rewritten, classes)}.")
    return [found[row["label"]][0] for row in rows]


def _check_label(path, row, found, by_number, classes):
    """Raise a ValueError if the label of a row is none, or may be one of several."""
    text, where = row["label"], f"{path}, {row['where']}, column 'label'"
    several = sorted({*found[text], *by_number.get(text, ())})
    if len(several) > 1:
        which = " or ".join(repr(classes[place]) for place in several)
        raise ValueError(f"{where}: {text!r} may be {which}: write the name, in a column that is formatted as text")
    if several:
        return
    names = [each.strip() for each in classes]
    near = difflib.get_close_matches(text, names, 1) or [name for name in names if name.lower() == text.lower()]
    guess = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"{where}: unknown label {text!r}; {guess}choose from {_listed(names, 30)}")


def _check_twins(path, rows, classes):
    """Raise a ValueError if a label is a class's name, but a spreadsheet may have made it of another class's."""
    texts = {row["label"]: row["where"] for row in rows}
    written = {place for text in texts for place in classes.named(text)}
    for text, where in texts.items():
        own = classes.named(text) if not text.startswith("'") else []
        twins = [place for place in classes.alike(text) if own and place not in own]
        if twins and not written & set(twins):  # which a spreadsheet would not have left as it is
            raise ValueError(
                f"{path}, {where}, column 'label': {text!r} may be the class {text!r} or {classes[twins[0]]!r}, as a "
                "spreadsheet makes one of both: put an apostrophe before it, in a text editor, if it is the first"
            )


def _indices(path, rows, n_pool, names, notes):
    """Return the place in the pool that each row is about, by its name, its index or both."""
    places = [_read_place(path, row, n_pool, names) for row in rows]
    signs = [set(each) for each in places if each]
    decimal = set.intersection(*signs) if signs else set()  # what divides decimals in every cell
    found, rewritten = [], {}
    for row, by_sign in zip(rows, places, strict=True):
        several = sorted({by_sign[sign] for sign in by_sign if len(decimal) != 1 or sign in decimal})
        if len(several) > 1:
            raise ValueError(
                f"{path}, {row['where']}, column 'index': {row['index']!r} may be {several[0]} or {several[1]}: write "
                "it without a separator" + (", or add the column 'name'" if names else "")
            )
        place = several[0] if several else _find_name(path, row, names)
        if names and row.get("name") and not _named(Originals([names[place]]), row["name"]):
            rewritten[row["name"]] = place
        found.append(place)
    if rewritten:
        notes.append(f"{path}: names are what a spreadsheet makes of them: {_pairs(rewritten, names)}.")
    return found


def _read_place(path, row, n_pool, names):
    """Return the place that an index is, by the sign that divides decimals; nothing if a name alone is given."""
    where = f"{path}, {row['where']}"
    if not row.get("index"):
        if not row.get("name") or names is None:
            without = ", and the pool has no names" if row.get("name") else ""
            raise ValueError(f"{where}, column 'index': is empty{without}; it must lie in 0 .. {n_pool - 1}")
        return {}
    within = {sign: place for sign, place in _wholes(row["index"]).items() if 0 <= place < n_pool}
    if not within:
        raise ValueError(f"{where}, column 'index': has index {row['index']!r}; it must lie in 0 .. {n_pool - 1}")
    if not row.get("name") or names is None:
        return within
    fitting = {sign: place for sign, place in within.items() if names.says(row["name"], place)}
    if not fitting:
        _find_name(path, row, names)
        index = next(iter(within.values()))
        raise ValueError(
            f"{where}: index {index} of the pool is {names[index]!r}, but the name is {row['name']!r}: "
            "give the table of this pool, or leave the column 'index' away"
        )
    return fitting


def _find_name(path, row, names):
    """Return the place of the sample that has a name, if a spreadsheet has not made the same of two."""
    found = _named(names, row["name"])
    if not row.get("index") and readings(row["name"], True):
        found = sorted({*found, *names.alike(row["name"])})
    where = f"{path}, {row['where']}, column 'name'"
    if not found:
        raise ValueError(f"{where}: {row['name']!r} is not in the pool: give the table of this pool")
    if len(found) > 1 and not row.get("index"):
        which = _listed((repr(names[place]) for place in found), _SHOWN)
        raise ValueError(f"{where}: {row['name']!r} may be {which}: add the column 'index', or write names as text")
    return found[0]


def _named(texts, cell):
    """Return the places of texts that a cell says, be it with decimals that a spreadsheet has added: 8.0 is 8."""
    return texts.named(cell) or texts.named(_plain(cell))


def _wholes(text):
    """Return the whole numbers that a text may be, by the sign that divides decimals; none of what may be rounded."""
    found = {} if "e" in text.lower() else numbers(text)
    return {sign: int(number) for sign, number in found.items() if number == number.to_integral_value()}


def _whole(text, n):
    return sorted({number for number in _wholes(text).values() if 0 <= number < n})


def _pairs(read, originals):
    return _listed((f"{text!r} is {originals[place]!r}" for text, place in read.items()), _SHOWN)


def _listed(texts, most=_SHOWN):
    texts = list(texts)
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _plain(text):
    """Return a number without the decimals that a spreadsheet has added: 8.0 and 8,0 are 8; 8.000 may be 8000."""
    whole, _, decimals = text.replace(",", ".").partition(".")
    return whole if whole.isdigit() and decimals and not decimals.strip("0") and len(decimals) != 3 else text


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
