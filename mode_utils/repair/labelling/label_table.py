"""The table of chosen samples, as people give it back: with labels filled in by hand, by a spreadsheet or by a tool.

Read are commas, semicolons and tabs, UTF-8 and Windows-1252, headers in any case, 8.0 for 8, blank rows, and class
numbers where there are names. What cannot be read is an error that names line, column and remedy.
"""

import csv
import difflib
import io
from pathlib import Path

import numpy as np

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes a text that starts so for a formula
_COLUMNS = ("index", "name", "label")


def as_text(value):
    """Return a text so that no spreadsheet takes it for a formula."""
    risky = isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value)
    return f"'{value}" if risky else value


def read_labels(path, class_names, n_pool, names_pool=None):
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

    Returns
    -------
    indices, labels : (n,) int
        Of the rows with a label.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such table or no label in it, or if an index, a name or a label does not exist, comes twice, or
        does not fit another.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no table {path}")
    rows = [row for row in _rows(path) if row["label"]]
    if not rows:
        raise ValueError(f"{path} has no label: fill in the column 'label'")
    return resolve_rows(path, rows, class_names, n_pool, names_pool)


def resolve_rows(path, rows, class_names, n_pool, names_pool=None):
    """Find out which samples and labels the rows of a table are about.

    Parameters
    ----------
    path : path
        Where the rows are from.
    rows : sequence of dict of str
        `label`, and `index`, `name` or both, as texts; `where` in the file, such as "line 2". Each has a label.
    class_names, n_pool, names_pool
        See `read_labels`.

    Returns
    -------
    indices, labels : (n,) int

    Raises
    ------
    ValueError
        As `read_labels` does.
    """
    labels = _labels(path, rows, class_names)
    indices = [_index(path, row, n_pool, names_pool) for row in rows]
    seen = {}
    for row, index in zip(rows, indices, strict=True):
        if index in seen:
            raise ValueError(
                f"{path}, {row['where']}, column 'index': {index} is in {seen[index]}, too: keep one of them"
            )
        seen[index] = row["where"]
    return np.array(indices), np.array(labels, np.int32)


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
    places = {name: header.index(name) for name in _COLUMNS if name in header}
    rows = []
    for cells in reader:
        row = {name: cells[place].strip() if place < len(cells) else "" for name, place in places.items()}
        if any(row.values()):
            rows.append(row | {"where": f"line {reader.line_num}"})
    return rows


def _labels(path, rows, class_names):
    known = {str(name).strip(): label for label, name in enumerate(class_names)}
    texts = [row["label"].removeprefix("'") if row["label"] not in known else row["label"] for row in rows]
    texts = [_plain(text) if text not in known else text for text in texts]
    numbers = {str(label): label for label in known.values()}
    if all(text in numbers and text not in known for text in texts):  # numbers in place of all names
        known = numbers
    for row, text in zip(rows, texts, strict=True):
        if text not in known:
            near = difflib.get_close_matches(text, known, 1) or [name for name in known if name.lower() == text.lower()]
            guess = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"{path}, {row['where']}, column 'label': unknown label {row['label']!r}; {guess}choose from "
                f"{', '.join(list(known)[:30])}{', ...' if len(known) > 30 else ''}"
            )
    return [known[text] for text in texts]


def _index(path, row, n_pool, names_pool):
    """Return the place in the pool that a row is about, by its name if there is one."""
    where, index = f"{path}, {row['where']}", None
    if row.get("index"):
        text = _plain(row["index"])
        if not text.isdigit() or int(text) >= n_pool:
            raise ValueError(f"{where}, column 'index': has index {row['index']!r}; it must lie in 0 .. {n_pool - 1}")
        index = int(text)
    if not row.get("name") or names_pool is None:
        if index is None:
            raise ValueError(f"{where}, column 'index': is empty; it must lie in 0 .. {n_pool - 1}")
        return index
    names = (row["name"], row["name"].removeprefix("'"))
    found = np.flatnonzero(np.isin(names_pool, names))
    if not len(found):
        raise ValueError(f"{where}, column 'name': {row['name']!r} is not in the pool: give the table of this pool")
    if index is not None and index != found[0]:
        raise ValueError(
            f"{where}: index {index} of the pool is {str(names_pool[index])!r}, but the name is {row['name']!r}: "
            "give the table of this pool, or leave the column 'index' away"
        )
    return int(found[0])


def _plain(text):
    """Return a number without the decimals that a spreadsheet has added: 8.0 and 8,0 are 8."""
    whole, _, decimals = text.replace(",", ".").partition(".")
    return whole if whole.isdigit() and decimals and not decimals.strip("0") else text


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
