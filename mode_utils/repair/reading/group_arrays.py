"""Groups of samples, what they share beside their label: from arrays of texts or integers, or from paths of images."""

import re
from dataclasses import dataclass, replace

import numpy as np

from mode_utils.repair.reading.class_names import MISSING, clean, listed
from mode_utils.repair.reading.npz_files import as_plain

PARENT = "parent"  # the folder that an image lies in


@dataclass(frozen=True)
class Groups:
    """The group of each sample; a number is one group in all roles, and a sample without a group has one of its own."""

    names: np.ndarray  # (n_groups,) str, "" of those that have no name
    of: dict[str, np.ndarray]  # by role, (n,) int; a role may lack

    def in_role(self, role, n):
        """Return the groups of the n samples of a role; None where they are not known."""
        found = self.of.get(role)
        return found if found is not None and len(found) == n else None

    def with_added(self, places, n_train):
        """Return groups in which samples of the pool come behind the n_train that are trained on."""
        train, pool = self.in_role("train", n_train), self.of.get("pool")
        if train is None or not len(places):
            return self
        n = len(self.names)
        added = np.arange(n, n + len(places)) if pool is None else pool[places]
        names = np.append(self.names, [""] * len(places)) if pool is None else self.names
        return replace(self, names=names, of=self.of | {"train": np.concatenate([train, added])})

    def of_first_trained(self, n):
        """Return groups of the first n samples that are trained on; see `with_added`."""
        return replace(self, of={role: each[:n] if role == "train" else each for role, each in self.of.items()})


def groups_of(name, array):
    """Return groups (n,) as texts, "" where there is none: an empty text, NaN or None; a ValueError names other values.

    Groups may be texts or whole numbers, (n,) or (n, 1); what is text in one role and number in another is one group.
    """
    array = as_plain(array)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim != 1 or array.dtype.kind not in "fiubUO":
        told = f"{name} has shape {array.shape} and dtype {array.dtype}"
        raise ValueError(f"{told}: groups must be (n,), a text or a whole number for each sample")
    values, places = _distinct(array)
    return np.array([_text(name, value) for value in values], str)[places] if len(array) else array.astype(str)


def gather_groups(texts):
    """Return `Groups` from texts (n,) by role, and sentences on what has no group; None without any."""
    if not texts:
        return None, ()
    every = np.concatenate(list(texts.values()))
    names = np.unique(every[every != ""])
    numbers = np.searchsorted(names, every)
    holes = every == ""
    numbers[holes] = len(names) + np.arange(holes.sum())
    of = dict(zip(texts, np.split(numbers, np.cumsum([len(each) for each in texts.values()])[:-1]), strict=True))
    lacking = [f"{n} of {len(each)} samples of {role}" for role, each in texts.items() if (n := (each == "").sum())]
    told = (f"{listed(lacking)} have no group: each counts as a group of its own.",) if lacking else ()
    return Groups(np.append(names, [""] * int(holes.sum())), of), told


def check_pattern(pattern):
    """Raise a ValueError unless it is `PARENT`, or a regular expression with one group in brackets."""
    if pattern == PARENT:
        return
    try:
        n = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"groups = {pattern!r} is not a regular expression ({error}); or say {PARENT!r}") from None
    if n != 1:
        told = f"groups = {pattern!r} has {n} groups in brackets: it must have one, such as '^(patient[0-9]+)_'"
        raise ValueError(f"{told}; or say {PARENT!r} for the folder above each image")


def groups_of_files(files, pattern):
    """Return the group (n,) of each file, a path below its role and class; "" where there is none."""
    if pattern == PARENT:
        found = [clean(file.parent.name) for file in files]
    else:
        matches = (re.search(pattern, file.name) for file in files)
        found = [clean(match[1] or "") if match else "" for match in matches]
    return np.array(found, str)


def _distinct(array):
    if array.dtype.kind != "O":
        return np.unique(array, return_inverse=True)
    found = {}  # texts beside numbers
    places = [found.setdefault(value, len(found)) for value in (_hashable(value) for value in array.tolist())]
    return list(found), np.array(places, int)


def _hashable(value):
    return value if isinstance(value, (str, int, float, bytes, type(None))) else str(value)


def _text(name, value):
    if value is None or value != value:
        return ""
    if isinstance(value, (float, np.floating)):
        if value != np.floor(value) or np.isinf(value):
            raise ValueError(f"{name} has group {value:g}: groups must be texts or whole numbers")
        value = int(value)
    text = clean(value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value)
    return "" if text in MISSING else text
