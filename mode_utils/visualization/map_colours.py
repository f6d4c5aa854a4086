"""Colours of the points of a map: by class, and by whether an input has a fault."""

import re
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np
import pandas as pd
import seaborn as sns

_COLOURS = sns.color_palette("colorblind", 10).as_hex()
_MOST = 2 * len(_COLOURS)  # classes with a look of their own: ten colours, of circles and of squares
_OTHERS, _YES, _NO, _UNKNOWN = "#949494", "#d55e00", "#8fa5b5", "#d3d9dd"
_LONGEST = 40  # characters of a name in the legend
_SHAPES = {"circle": '<circle cx="6" cy="6" r="5" {}/>', "square": '<rect x="1" y="1" width="10" height="10" {}/>',
           "triangle": '<path d="M6 1L11.5 11H.5Z" {}/>'}  # fmt: skip


class Flag(NamedTuple):
    """A title, and words for inputs that have a flag and for those that have not."""

    title: str
    yes: str
    no: str


FLAGS = {"chosen": Flag("chosen or not", "chosen", "not chosen"),
         "doubtful": Flag("suspected noise: doubtful labels", "doubtful label", "not doubted"),
         "foreign": Flag("foreign inputs", "foreign", "like known inputs"),
         "copy": Flag("copies", "copy", "no copy found")}  # fmt: skip
_CLASSES = {"label": "label", "guess": "guess", "predicted": "prediction"}


@dataclass(frozen=True)
class Colouring:
    """One way to colour points: `codes` (n,) lead into colours and markers; `legend` is HTML."""

    key: str
    title: str
    codes: np.ndarray
    colours: tuple[str, ...]
    markers: tuple[str, ...]
    legend: str


def colourings(table):
    """Return the ways, at least one, to colour a table of `pool_map`, by its columns; a class looks the same in all."""
    present = [name for name in _CLASSES if name in table]
    ranked = ranked_classes([table[name] for name in present])
    found = [_by_class(name, table[name], ranked) for name in present]
    found += [_by_flag(name, table[name]) for name in FLAGS if name in table]
    alike = np.zeros(len(table), np.uint8)
    return found or [_colouring("inputs", "nothing", alike, ["inputs"], [_COLOURS[0]], ["circle"])]


def ranked_classes(columns):
    """Return the names of the classes with a look of their own, in order, numbers as numbers."""
    if not (texts := [column.dropna().astype(str) for column in columns]):
        return []
    counts = pd.concat(texts).value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
    return sorted(counts.index[:_MOST], key=_in_order)


def _in_order(name):
    """Sort class 2 before class 11."""
    return [(int(part), "") if place % 2 else (-1, part) for place, part in enumerate(re.split(r"([0-9]+)", name))]


def class_looks(n_classes):
    """Return colours and markers of some classes, at most 20, and of all others."""
    places = range(min(n_classes, _MOST))
    colours = [_COLOURS[place % len(_COLOURS)] for place in places]
    return [*colours, _OTHERS], [*("square" if place >= len(_COLOURS) else "circle" for place in places), "triangle"]


def _by_class(name, column, ranked):
    places = {text: place for place, text in enumerate(ranked)}
    codes = column.astype(object).where(column.notna(), "").map(lambda text: places.get(str(text), len(ranked)))
    names = [*ranked, "others"]
    return _colouring(name, _CLASSES[name], codes.to_numpy(np.uint8), names, *class_looks(len(ranked)))


def _by_flag(name, column):
    flag, known = FLAGS[name], column.astype("boolean")
    codes = known.map({True: 0, False: 1}).astype(float).fillna(2).to_numpy().astype(np.uint8)
    names, colours = [flag.yes, flag.no, "not examined"], [_YES, _NO, _UNKNOWN]
    return _colouring(name, flag.title, codes, names, colours, ["circle"] * 3)


def _colouring(key, title, codes, names, colours, markers):
    counts = np.bincount(codes, minlength=len(names))
    items = "".join(_item(*each) for each in zip(names, counts, colours, markers, strict=True) if each[1])
    legend = f'<div style="display: flex; flex-wrap: wrap; gap: 2px 14px">{items}</div>'
    return Colouring(key, title, codes, tuple(colours), tuple(markers), legend)


def _item(name, count, colour, marker):
    name = name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…{name[1 - _LONGEST // 2 :]}"
    shape = _SHAPES[marker].format(f'fill="{colour}"')
    drawing = f'<svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">{shape}</svg>'
    return f"<span>{drawing} {escape(name) or '(none)'} ({count:,})</span>"
