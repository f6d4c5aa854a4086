"""Names of classes, samples and files as people write them: compared, guessed, and listed in a sentence."""

import difflib
import unicodedata
from collections import Counter, defaultdict
from functools import cached_property

NO_LABEL = -1
MISSING = ("", "nan", "NaN", "None", "<NA>", "NaT")  # texts that stand for no label, unless a class is called so


class Names(tuple):
    """Names that are found by what a person wrote for one of them."""

    def __new__(cls, names):
        """Make texts of names."""
        return super().__new__(cls, map(str, names))

    def spelled(self, text):
        """Return the places of the names that a text spells, letter by letter: exactly, or else composed likewise."""
        found = self._spelled.get(clean(text), [])
        return [place for place in found if self[place].strip() == text.strip()] or found

    def label_of(self, text):
        """Return the label that a text spells, `NO_LABEL` of one that stands for none, and None if it is unknown."""
        found = self.spelled(text)
        return found[-1] if found else NO_LABEL if clean(text) in MISSING else None

    @cached_property
    def _spelled(self):
        return places_by_key({clean(text)} for text in self)


def places_by_key(every):
    """Return the places of each key, from the keys of each place."""
    places = defaultdict(list)
    for place, keys in enumerate(every):
        for key in keys:
            places[key].append(place)
    return places


def clean(name):
    """Return a name as it is compared: without space around it, and composed, as a Mac's are not."""
    return unicodedata.normalize("NFC", printable(str(name)).strip())


def printable(name):
    r"""Return a name in which bytes that are not UTF-8, as old archives have them, are written as ``\xe4``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def shown(name):
    """Return a name as it stands in a sentence: in one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in printable(str(name)))


def listed(names, most=10):
    """Return names as they stand in a sentence, of many the first."""
    names = list(map(str, names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def nearest_name(text, names, alike=0.6):
    """Return the name most like a text, whatever its case, or None; 1 is the same."""
    by_lower = {clean(name).lower(): clean(name) for name in reversed(list(names))}
    found = difflib.get_close_matches(clean(text).lower(), by_lower, 1, alike)
    return by_lower[found[0]] if found else None


def guess(text, names, alike=0.6):
    """Return a question whether a text should be the name most like it, or an empty text."""
    near = nearest_name(text, names, alike)
    return "" if near is None else f" (is it {near!r}?)"


def is_number(text):
    """Tell whether Python reads a text as a number."""
    try:
        return float(text) is not None
    except ValueError:
        return False


def check_class_names(names):
    """Raise a ValueError if a class has no name, or two have one."""
    names = [clean(name) for name in names]
    if "" in names:
        raise ValueError(f"the name of class {names.index('')} is empty: give each class a name")
    if twice := next((each for each in Counter(names).items() if each[1] > 1), None):
        raise ValueError(f"the class name {twice[0]!r} comes {twice[1]} times: give each class its own name")
