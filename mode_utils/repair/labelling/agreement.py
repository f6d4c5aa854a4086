"""Labels of several people: what they agree on is taken, what they disagree on is to be asked again."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mode_utils.repair.labelling.label_studio import read_export
from mode_utils.repair.labelling.label_table import CANNOT_TELL, as_text, read_labels
from mode_utils.repair.reading.class_names import NO_LABEL


@dataclass(frozen=True)
class GatheredLabels:
    """Labels of one or several people."""

    indices: np.ndarray  # (n,) places in the pool of samples to which all annotators give the same label
    labels: np.ndarray  # (n,) int
    disagreed: pd.DataFrame  # a row a sample with several labels: `index`, maybe `name`, the label of each annotator
    agreement: str  # how far people agree, in a sentence; "" of one person
    notes: tuple[str, ...] = ()  # what is not read as it is written, see `label_table.read_labels`
    files: tuple[Path, ...] = ()
    cannot_tell: np.ndarray = field(default_factory=lambda: np.empty(0, int))  # (n,) places, that no one can

    def say_disagreed(self, most=20):
        """Return a line for each of the first samples with several labels, and how many more there are."""
        lines = [_say(row) for row in self.disagreed.head(most).to_dict("records")]
        more = len(self.disagreed) - len(lines)
        return [*lines, *([f"... and {more} more"] if more > 0 else [])]


def gather_labels(paths, class_names, n_pool, names_pool=None):
    """Read tables of labels and exports; return `GatheredLabels` on what all agree on, in the order samples come.

    A path is a table of one annotator (`label_table.read_labels`, also for the other parameters) or an export of Label
    Studio (.json); what one has left blank is taken from the others. A ValueError says that nothing is agreed on.
    """
    paths = [Path(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
    if not paths:
        raise ValueError("no table of labels is given: give a labels.csv, a selected.csv or an export.json")
    notes = []
    said = _read_all(paths, class_names, n_pool, names_pool, notes)
    table = pd.concat({who: pd.Series(labels, indices) for who, (indices, labels) in said.items()}, axis=1, sort=False)
    order, votes = table.index.to_numpy(), table.fillna(NO_LABEL).to_numpy(int)
    highest = votes.max(axis=1)
    agreed, unsure = ((votes == highest[:, None]) | (votes == NO_LABEL)).all(axis=1), highest == NO_LABEL
    disagreed = _table(order[~agreed], votes[~agreed], list(said), class_names, names_pool)
    agreed &= ~unsure
    if unsure.all():
        raise ValueError(f"no label is given, as all {len(order)} answers are {CANNOT_TELL!r}: label others")
    if not agreed.any():
        first = "; ".join(map(_say, disagreed.head(3).to_dict("records")))
        raise ValueError(f"nothing is agreed on, so that no label is left: {first}")
    labels, agreement = highest[agreed].astype(np.int32), _agreement(votes, list(said))
    return GatheredLabels(order[agreed], labels, disagreed, agreement, tuple(notes), tuple(paths), order[unsure])


def _read_all(paths, class_names, n_pool, names_pool, notes):
    """Return the labels of each annotator, called by the file, and in an export of several by the person."""
    said = {}
    for path, name in zip(paths, _short_names(paths), strict=True):
        if path.suffix.lower() != ".json":
            said[name] = read_labels(path, class_names, n_pool, names_pool, notes)
            continue
        export = read_export(path, class_names, n_pool, names_pool, notes)
        said |= {name if len(export) == 1 else f"{name}, {who}": labels for who, labels in export.items()}
    return said


def _short_names(paths):
    """Return the names of files; where two have one name, whole paths."""
    whole = [path.resolve() for path in paths]
    twice = next((path for path in whole if whole.count(path) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice} is given {whole.count(twice)} times: give each table once")
    names = [path.name for path in paths]
    return [name if names.count(name) == 1 else str(path) for name, path in zip(names, paths, strict=True)]


def _table(indices, votes, annotators, class_names, names_pool):
    table = pd.DataFrame({"index": indices})
    if names_pool is not None:
        table["name"] = [as_text(str(names_pool[index])) for index in indices]
    texts = np.array([*(as_text(str(name)) for name in class_names), ""], dtype=object)
    for annotator, column in zip(annotators, votes.T, strict=True):
        table[annotator] = texts[column]  # no label is -1, the last of the texts
    return table


def _say(row):
    said = [f"{text} ({who})" for who, text in row.items() if who not in ("index", "name") and text]
    name = f" ({row['name']})" if "name" in row else ""
    return f"sample {row['index']}{name}: {', '.join(said)}"


def _agreement(votes, annotators):
    if len(annotators) == 1:
        return ""
    shared = votes[(votes != NO_LABEL).sum(axis=1) > 1]
    who = f"{annotators[0]} and {annotators[1]}" if len(annotators) == 2 else f"{len(annotators)} annotators"
    if not len(shared):
        return f"{who} have no labelled sample in common: whether they agree cannot be told."
    same = int(((shared == shared.max(axis=1, keepdims=True)) | (shared == NO_LABEL)).all(axis=1).sum())
    common, kappa = ("both", _kappa(shared)) if len(annotators) == 2 else ("two or more of them", "")
    share = f"{same} ({same / len(shared):.0%})"
    return f"{who}: of {len(shared)} samples that {common} labelled, they agree on {share}{kappa}."


def _kappa(shared):
    if len(np.unique(shared)) == 1:
        return "; Cohen's kappa is not defined, as all have one label"
    from sklearn.metrics import cohen_kappa_score  # slow to import, and one annotator alone does not need it

    return f"; Cohen's kappa, which is 0 for agreement by chance and 1 for full, is {cohen_kappa_score(*shared.T):.2f}"
