"""Tables of chosen samples as people give them back, with labels from a hand, a spreadsheet or a tool.

They may have commas, semicolons or tabs, UTF-8 or Windows-1252, headers in any case, 8.0 for 8, blank rows, what
spreadsheets make of names (see `rewritten`), and class numbers where names are words.
"""

import csv
import io
from itertools import zip_longest
from pathlib import Path

import numpy as np

from mode_utils.repair.labelling.rewritten import FORMULA, Originals, numbers, readings
from mode_utils.repair.reading.class_names import NO_LABEL, is_number, listed, nearest_name

CANNOT_TELL = "cannot tell"  # as a label, or as a note beside none
_COLUMNS = ("index", "name", "label")
_NO_LABEL = ("-1", "-1.0", "-1,0", "nan", "none", "null", "na", "n/a", "<na>", "#n/a")  # in any case: an empty cell
_SHOWN = 3  # examples in a sentence


def as_text(value):
    """Return a text so that no spreadsheet takes it for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) and not is_number(value) else value


def read_labels(path, class_names, n_pool, names_pool=None, notes=None):
    """Return places in the pool and labels (n,) of the rows of a `selected.csv` in which `label` has been filled in.

    The label of what people cannot tell is `class_names.NO_LABEL`; these come last, unless another row has a label.
    `notes`, a list, gets a sentence on each thing that is not read as it is written. A ValueError names what does not
    exist, comes twice, can be read in two ways, or does not fit another.
    """
    path, notes = Path(path), [] if notes is None else notes
    if not path.exists():
        raise FileNotFoundError(f"there is no table {path}")
    rows = _rows(path)
    given = [row for row in rows if row["label"]]
    unsure = [row for row in rows if not row["label"] and row.get("note", "").lower() == CANNOT_TELL]
    lost = [str(name) for name in class_names if str(name).strip().lower() in _NO_LABEL[3:]]
    if lost and len(given) + len(unsure) < len(rows):
        told = f"pandas reads and writes the class name {lost[0]!r} as an empty cell"
        remedy = "if it was meant, read the table with keep_default_na=False."
        notes.append(f"{path}: {len(rows) - len(given) - len(unsure)} rows have no label. {told}: {remedy}")
    _check_twins(path, given, Originals(class_names))
    return resolve_rows(path, given + unsure, class_names, n_pool, names_pool, notes)


def resolve_rows(path, rows, class_names, n_pool, names_pool=None, notes=None):
    """Return what `read_labels` does, of rows with the texts `label`, `index` or `name`, and `where` ("line 2")."""
    notes, classes = [] if notes is None else notes, Originals(class_names)
    rows = sorted(_with_label(path, rows, classes, notes), key=lambda row: _is_unsure(row, classes))
    labels = _labels(path, [row for row in rows if not _is_unsure(row, classes)], classes, notes)
    indices = _indices(path, rows, n_pool, None if names_pool is None else Originals(names_pool), notes)
    seen = {}
    for row, index, label in zip_longest(rows, indices, labels, fillvalue=NO_LABEL):
        if label == NO_LABEL and index in seen:
            continue
        where, before = seen.setdefault(index, (row["where"], label))
        if label != before:
            raise _fault(path, row, "index", f"{index} is in {where}, too, with another label: keep one")
    return np.array([*seen]), np.array([label for _, label in seen.values()], np.int32)


def _rows(path):
    """Return the rows of a table, not the blank ones, as dicts of texts with their line."""
    raw = path.read_bytes()
    if b"\0" in raw[:1000]:
        raise ValueError(f"{path} is not a table of text: save it as CSV")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    read = _cells(path, reader)
    header = [name.strip().lower() for name in next(read, [])]
    if "label" not in header or not {"index", "name"} & set(header):
        columns = f"column {'index' if 'label' in header else 'label'!r}, but {', '.join(header) or 'nothing'}"
        raise ValueError(f"{path} has no {columns}: fill in the labels of a selected.csv")
    if twice := next((name for name in _COLUMNS if header.count(name) > 1), None):
        raise ValueError(f"{path} has {header.count(twice)} columns {twice!r}: keep one of them")
    places = {name: header.index(name) for name in (*_COLUMNS, "note") if name in header}
    rows = []
    for cells in read:
        if any(cell.strip() for cell in cells[len(header) :]):
            told = f"{path}, line {reader.line_num}: has {len(cells)} cells, but the header {len(header)}"
            raise ValueError(f"{told}: put a text with a separator in it between quotation marks")
        row = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
        again = [cell.strip().lower() for cell in cells] == header  # tables one below the other
        if any(row.values()) and not again:
            rows.append(row | {"where": f"line {reader.line_num}"})
    return rows


def _cells(path, reader):
    """Yield the cells of each row; a ValueError names the row with a quotation mark that swallows those after it."""
    line = 1
    try:
        for cells in reader:
            yield cells
            line = reader.line_num + 1
    except csv.Error as error:
        told = f"{path}, line {line}: has a quotation mark that is not closed before the next cell ({error})"
        raise ValueError(f"{told}: close it, or write a mark in a text twice") from None


def _with_label(path, rows, classes, notes):
    words = [row["label"] for row in rows if row["label"].lower() in _NO_LABEL and not classes.named(row["label"])]
    if words:
        shown = listed(map(repr, dict.fromkeys(words)), _SHOWN)
        notes.append(f"{path}: {len(words)} rows have no label but {shown}, and are left out.")
    if len(words) == len(rows):
        raise ValueError(f"{path} has no label: fill in the column 'label'")
    return [row for row in rows if row["label"] not in words]


def _is_unsure(row, classes):
    own = any(name.strip().lower() == CANNOT_TELL for name in classes)  # a class that is called so
    return not row["label"] or (row["label"].lower() == CANNOT_TELL and not own)


def _labels(path, rows, classes, notes):
    """Return the class of each row, by its name, by what a spreadsheet makes of the name, or by its number."""
    texts = list(dict.fromkeys(row["label"] for row in rows))
    named = {text: classes.named(text) for text in texts}
    alike = {text: named[text] or classes.alike(text) for text in texts}
    by_number = {text: sorted({n for n in _wholes(text).values() if 0 <= n < len(classes)}) for text in texts}
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
    text, several = row["label"], sorted({*found[row["label"]], *by_number.get(row["label"], ())})
    if len(several) > 1:
        told = f"{text!r} may be {' or '.join(repr(classes[place]) for place in several)}"
        raise _fault(path, row, "label", f"{told}: write the name, in a column that is formatted as text")
    if not several:
        near = nearest_name(text, classes)
        guess = f"did you mean {near!r}? " if near else ""
        choices = listed(map(str.strip, classes), 30)
        raise _fault(path, row, "label", f"unknown label {text!r}; {guess}choose from {choices}, or {CANNOT_TELL!r}")


def _check_twins(path, rows, classes):
    """Raise a ValueError if a label is a class's name, but a spreadsheet may have made it of another class's."""
    texts = {row["label"]: row for row in rows}
    written = {place for text in texts for place in classes.quoted(text)}
    for text, row in texts.items():
        own = classes.quoted(text) if not text.startswith("'") else []
        twins = [place for place in classes.alike(text) if own and place not in own]
        if twins and not written & set(twins):  # which a spreadsheet would not have left as it is
            told = f"{text!r} may be the class {text!r} or {classes[twins[0]]!r}, as a spreadsheet makes one of both"
            remedy = "put an apostrophe before it, in a text editor, if it is the first"
            raise _fault(path, row, "label", f"{told}: {remedy}")


def _indices(path, rows, n_pool, names, notes):
    """Return the place in the pool that each row is about, by its name, its index or both."""
    places = [_read_place(path, row, n_pool, names) for row in rows]
    signs = [set(each) for each in places if each]
    decimal = set.intersection(*signs) if signs else set()  # what divides decimals in every cell
    found, rewritten = [], {}
    for row, by_sign in zip(rows, places, strict=True):
        several = sorted({by_sign[sign] for sign in by_sign if len(decimal) != 1 or sign in decimal})
        if len(several) > 1:
            remedy = "write it without a separator" + (", or add the column 'name'" if names else "")
            raise _fault(path, row, "index", f"{row['index']!r} may be {several[0]} or {several[1]}: {remedy}")
        place = several[0] if several else _find_name(path, row, names)
        if names and row.get("name") and not Originals([names[place]]).named(row["name"]):
            rewritten[row["name"]] = place
        found.append(place)
    if rewritten:
        notes.append(f"{path}: names are what a spreadsheet makes of them: {_pairs(rewritten, names)}.")
    return found


def _read_place(path, row, n_pool, names):
    """Return the place that an index is, by the sign that divides decimals; nothing if a name alone is given."""
    index, name, rule = row.get("index"), row.get("name"), f"it must lie in 0 .. {n_pool - 1}"
    if not index and name and names is not None:
        return {}
    if not index:
        raise _fault(path, row, "index", f"is empty{', and the pool has no names' if name else ''}; {rule}")
    within = {sign: place for sign, place in _wholes(index).items() if 0 <= place < n_pool}
    if not within:
        raise _fault(path, row, "index", f"has index {index!r}; {rule}")
    if not name or names is None:
        return within
    fitting = {sign: place for sign, place in within.items() if names.says(name, place)}
    if not fitting:
        _find_name(path, row, names)
        place = next(iter(within.values()))
        told = f"{path}, {row['where']}: index {place} of the pool is {names[place]!r}, but the name is {name!r}"
        raise ValueError(f"{told}: give the table of this pool, or leave the column 'index' away")
    return fitting


def _find_name(path, row, names):
    found = names.named(row["name"])
    if not row.get("index") and readings(row["name"], True):
        found = sorted({*found, *names.alike(row["name"])})
    if not found:
        raise _fault(path, row, "name", f"{row['name']!r} is not in the pool: give the table of this pool")
    if len(found) > 1 and not row.get("index"):
        told = f"{row['name']!r} may be {listed((repr(names[place]) for place in found), _SHOWN)}"
        raise _fault(path, row, "name", f"{told}: add the column 'index', or write names as text")
    return found[0]


def _fault(path, row, column, told):
    return ValueError(f"{path}, {row['where']}, column {column!r}: {told}")


def _wholes(text):
    """Return the whole numbers that a text may be, by the sign that divides decimals; none of what may be rounded."""
    found = {} if "e" in text.lower() else numbers(text)
    return {sign: int(number) for sign, number in found.items() if number == number.to_integral_value()}


def _pairs(read, originals):
    return listed((f"{text!r} is {originals[place]!r}" for text, place in read.items()), _SHOWN)
