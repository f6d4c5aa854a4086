"""What a repair leaves behind: a folder that appears whole or not at all, and never over an earlier one."""

import json
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd


def next_folder(base):
    """Return the first of `base`-1, `base`-2, ... that does not exist."""
    return next(path for n in count(1) if not (path := Path(f"{base}-{n}")).exists())


def check_new(folder):
    """Raise a ValueError if a file or folder exists: an earlier repair is never overwritten."""
    if Path(folder).exists():
        raise ValueError(f"{folder} exists already: name another folder, or move that one away")


def save_repair(folder, case, diagnosis, chosen, outcome=None, keep_new_bugs=False):
    """Write `selected.csv`, `diagnosis.json` and, if it brings no new bug, `repaired.keras`.

    Parameters
    ----------
    folder : path
        Made if it does not exist; see `support.files.whole_folder` for all or nothing.
    case, diagnosis, chosen
        See `steps`.
    outcome : RepairOutcome, optional
        None while the chosen samples have no labels.
    keep_new_bugs : bool
        Save the repaired model even if a label lost more than the tolerance.

    Returns
    -------
    bool
        Whether the repaired model was saved.

    Raises
    ------
    ValueError
        If the folder has a repair already.
    """
    folder = Path(folder)
    check_new(folder / "selected.csv")
    folder.mkdir(parents=True, exist_ok=True)
    table = chosen if case.data.y_pool is not None else chosen.assign(label="")
    table.to_csv(folder / "selected.csv", index=False)
    (folder / "diagnosis.json").write_text(json.dumps(_summary(case, diagnosis, outcome), indent=1) + "\n")
    saved = outcome is not None and (keep_new_bugs or not outcome.new_bugs)
    if saved:
        case.trainer.restore(outcome.state)
        case.model.save(folder / "repaired.keras")
    return saved


def read_labels(path, case):
    """Read a `selected.csv` in which the column `label` has been filled in.

    Parameters
    ----------
    path : path
    case : Case

    Returns
    -------
    indices, labels : (n,) int
        Of the rows with a label.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such table or no label in it, or if an index or a label does not exist.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no table {path}")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    lacking = [name for name in ("index", "label") if name not in table]
    if lacking:
        raise ValueError(f"{path} has no column {lacking[0]!r}: fill in the labels of a selected.csv")
    table = table[table["label"].str.strip() != ""]
    if table.empty:
        raise ValueError(f"{path} has no label: fill in the column 'label'")
    names = {name: label for label, name in enumerate(case.data.class_names)}
    unknown = [name for name in table["label"] if name.strip() not in names]
    if unknown:
        raise ValueError(f"{path} has an unknown label {unknown[0]!r}: choose from {', '.join(names)}")
    n_pool, indices = len(case.data.x_pool), table["index"].str.strip()
    wrong = [index for index in indices if not index.isdigit() or int(index) >= n_pool]
    wrong += list(indices[indices.duplicated()])
    if wrong:
        raise ValueError(f"{path} has index {wrong[0]!r}: each must be once in 0 .. {n_pool - 1}")
    return indices.astype(int).to_numpy(), np.array([names[name.strip()] for name in table["label"]], np.int32)


def _summary(case, diagnosis, outcome):
    options = case.options
    summary = {
        "model": {"name": case.model.name, "reading": list(case.trainer.meaning.reasons)},
        "data": {name: len(getattr(case.data, f"x_{name}")) for name in ("train", "validation", "pool")},
        "budget": options.batch_size, "tolerance": case.tolerance, "seed": case.seed,
        "labels": _rows(diagnosis.labels), "confusions": _rows(diagnosis.confusions.head(20)),
    }  # fmt: skip
    if outcome is not None:
        found = {"fixed": outcome.fixed, "broken": outcome.broken, "new_bugs": outcome.new_bugs}
        summary["outcome"] = {"labels": _rows(outcome.labels), **found, "old_samples_per_new_one": outcome.replay}
    return summary


def _rows(table):
    return json.loads(table.to_json(orient="records", double_precision=6))
