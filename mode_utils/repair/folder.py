"""What a repair leaves behind: a folder that appears whole or not at all, and never over an earlier one."""

import errno
import hashlib
import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd

from mode_utils.repair.conclusion import say_outcome, still_failing
from mode_utils.repair.labelling.browser_page import write_label_page
from mode_utils.repair.labelling.label_studio import write_tasks
from mode_utils.repair.labelling.label_table import as_text
from mode_utils.repair.reading.model_files import check_model_file

PAGE = "label.html"  # where the chosen samples get their labels
MAP = "map.html"  # of the pool
_CHUNK = 1 << 20  # bytes read at once


def next_folder(base):
    """Return the first of `base`-1, `base`-2, ... that does not exist."""
    return next(path for n in count(1) if not (path := Path(f"{base}-{n}")).exists())


def check_new(folder):
    """Raise an error if a file or folder exists, or cannot be made: an earlier repair is never overwritten."""
    folder = Path(folder).absolute()
    if folder.exists():
        raise ValueError(f"{folder} exists already: name another folder, or move that one away")
    above = next(parent for parent in folder.parents if parent.exists())
    if not above.is_dir():
        raise ValueError(f"{folder} cannot be made, as {above} is a file: name another folder")
    if not os.access(above, os.W_OK):
        raise PermissionError(errno.EACCES, f"nothing can be written in {above}: name another folder")


def check_files(model=None, data=None, labels=()):
    """Raise an error if a file is not there, or the model's is none of Keras: before anything slow is imported."""
    for what, path in [("model file", model), ("data file", data), *(("table", table) for table in labels)]:
        if path is not None and not Path(path).exists():
            raise FileNotFoundError(f"there is no {what} {path}")
    if model is not None:
        check_model_file(model)


def save_repair(
    folder, case, diagnosis, chosen, outcome=None, keep_new_bugs=False, added=None, labels_files=(), remarks=(),
    worth="", disagreed=None, label_studio=False, rounds=(), next_round="",
):  # fmt: skip
    """Write `selected.csv`, `diagnosis.json`, `origin.json` and, if the repair helps, `repaired.keras`.

    Where chosen samples have no label yet, there is a page to label them in, too: `label.html`.

    Parameters
    ----------
    folder : path
        Made if it does not exist; see `support.files.whole_folder` for all or nothing.
    case, diagnosis, chosen
        See `steps`.
    outcome : RepairOutcome, optional
        None while the chosen samples have no labels.
    keep_new_bugs : bool
        Save the repaired model even if it does not help, if it is another one at all.
    added : (indices, labels), optional
        What was added, by place in the pool; by default all that was chosen, of a pool with labels.
    labels_files : path or sequence of paths
        The tables that the labels are from.
    remarks : sequence of str
        Sentences to tell.
    worth : str
        What a comparison with random choice says.
    disagreed : pandas.DataFrame, optional
        Samples that people give several labels, see `labelling.agreement.GatheredLabels`; written to `disagreed.csv`.
    label_studio : bool
        Write tasks for Label Studio beside the page, `tasks.json` and `labelling.xml`.
    rounds : sequence of dict
        A line a round, this one included, see `rounds.round_of`.
    next_round : str
        What `rounds.say_next_round` says.

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
    told = _write_chosen(folder, case, chosen, remarks, label_studio, added, disagreed)
    told |= {"worth": worth, "next_round": next_round}
    summaries = {"diagnosis": _summary(case, diagnosis, outcome) | told}
    if outcome is not None:
        said = {"keep_new_bugs": keep_new_bugs, "next_round": next_round, "worth": worth}
        said["without_label"] = told["without_label"]
        summaries["diagnosis"]["told"] = say_outcome(outcome, diagnosis, case.options.theta, **said)
        summaries["origin"] = _origin(case, chosen, added, labels_files, list(rounds))
    for name, summary in summaries.items():
        (folder / f"{name}.json").write_text(json.dumps(summary, indent=1) + "\n")
    saved = outcome is not None and outcome.is_saved(keep_new_bugs)
    if saved:
        with case.trainer.at(outcome.state):
            case.model.save(folder / "repaired.keras")
    return saved


def save_choice(folder, case, diagnosis, chosen, remarks=(), label_studio=False):
    """Write what was chosen without a model: `selected.csv`, `diagnosis.json` and, without labels, `label.html`.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    case : outputs.OutputsCase
    diagnosis : choice.Diagnosis
    chosen : pandas.DataFrame
        See `steps.choose_inputs`.
    remarks, label_studio
        See `save_repair`.

    Returns
    -------
    int
        How many of the chosen samples have no label.

    Raises
    ------
    ValueError
        If the folder has a choice already.
    """
    folder = Path(folder)
    told = _write_chosen(folder, case, chosen, remarks, label_studio)
    made_with = {
        "options": asdict(case.options),
        "versions": _versions("numpy", "scikit-learn"),
        "files": _hashes(case.sources),
    }
    summary = {"notes": case.notes} | _sizes(case) | _diagnosed(diagnosis) | told | made_with
    (folder / "diagnosis.json").write_text(json.dumps(summary, indent=1) + "\n")
    return told["without_label"]


def _write_chosen(folder, case, chosen, remarks, label_studio, added=None, disagreed=None):
    """Write the table of what was chosen, and what asks for its labels; return what is to be told of it."""
    check_new(folder / "selected.csv")
    folder.mkdir(parents=True, exist_ok=True)
    _selected(case, chosen, added).to_csv(folder / "selected.csv", index=False)
    without_label = _ask(folder, case, chosen, added, disagreed, label_studio)
    return {"chosen": len(chosen), "remarks": [each for each in remarks if each], "without_label": without_label}


def _selected(case, chosen, added):
    """Return the table of what was chosen and added; where a sample has no label, with a cell to fill in."""
    table, names = chosen.copy(), case.data.class_names
    if not case.data.pool_labelled:
        table["label"] = ""
    if added is not None:
        filled = dict(zip(map(int, added[0]), added[1], strict=True))
        others = np.setdiff1d(added[0], table["index"]).astype(int)
        table = pd.concat([table, pd.DataFrame({"index": others})], ignore_index=True)
        rows = zip(table["index"], table["label"], strict=True)
        table["label"] = [names[filled[place]] if place in filled else label for place, label in rows]
        table["rank"] = range(1, len(table) + 1)
        if case.data.names_pool is not None:
            table["name"] = case.data.names_pool[table["index"].to_numpy(int)]
    texts = [name for name in ("name", "label", "guess", "predicted") if name in table]
    return table.assign(**{name: table[name].map(as_text) for name in texts})


def _ask(folder, case, chosen, added, disagreed, label_studio):
    """Write what is needed to label the chosen samples that have no label yet; return how many they are."""
    if disagreed is not None and len(disagreed):
        disagreed.to_csv(folder / "disagreed.csv", index=False)
    asked = chosen[~chosen["index"].isin([] if added is None else added[0])]
    if case.data.pool_labelled or not len(asked):
        return 0
    if disagreed is not None:
        again = asked["index"].isin(disagreed["index"])
        asked = asked.assign(reason=asked["reason"].where(~again, "people disagree on it; " + asked["reason"]))
    samples = np.asarray(case.data.x_pool[asked["index"].to_numpy()]) if case.has_samples else None
    write_label_page(folder / PAGE, asked, case.data.class_names, samples)
    if label_studio:
        write_tasks(folder, asked, case.data.class_names, samples)
    return len(asked)


def _origin(case, chosen, added, labels_files, rounds):
    """Say exactly what went in: samples and labels, what they are from, seeds and versions."""
    if added is None:
        if not case.data.pool_labelled:
            raise ValueError("not all of the pool has labels: say what was added, added=(indices, labels)")
        indices = chosen["index"].to_numpy()
        added = indices, case.data.y_pool[indices]
    names, tables = case.data.names_pool, [Path(path) for path in _several(labels_files)]
    files = case.sources | {"labels" if n == 1 else f"labels {n}": path for n, path in enumerate(tables, start=1)}
    samples = [
        {"index": int(index), "label": case.data.class_names[label]} | ({} if names is None else {"name": names[index]})
        for index, label in zip(*added, strict=True)
    ]
    return {
        "samples": samples, "earlier_samples": case.earlier.samples if case.earlier else [],
        "rounds": rounds, "seed": case.seed, "options": asdict(case.options), "batch_size": case.trainer.batch_size,
        "files": _hashes(files), "versions": _versions("tensorflow", "keras", "numpy"),
    }  # fmt: skip


def _hashes(files):
    return {what: {"name": path.name, "sha256": hash_file(path)} for what, path in files.items()}


def _versions(*names):
    return {"python": platform.python_version()} | {name: version(name) for name in ("mode_nn_debugging", *names)}


def _several(paths):
    return [paths] if isinstance(paths, (str, Path)) else paths


def hash_file(path):
    """Return the SHA-256 of a file, or the files of a folder with their names."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(os.fsencode(file.relative_to(path)) if path.is_dir() else b"")
            with open(file, "rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()


def _summary(case, diagnosis, outcome):
    summary = {"model": {"name": case.model.name, "reading": [*case.trainer.meaning.reasons, *case.notes]}}
    summary |= _sizes(case) | {"tolerance": case.tolerance} | _diagnosed(diagnosis)
    if outcome is not None:
        found = {"fixed": outcome.fixed, "broken": outcome.broken, "new_bugs": outcome.new_bugs, "helps": outcome.helps}
        found["still_failing"] = still_failing(outcome, diagnosis, case.options.theta)["label"].tolist()
        found |= {"changed": outcome.changed, "training": asdict(outcome.training)}
        found["training"] |= {"moved": None} if outcome.training.diverged else {}
        summary["outcome"] = {"labels": _rows(outcome.labels), **found, "old_samples_per_new_one": outcome.replay}
    return summary


def _sizes(case):
    sizes = {role: len(getattr(case.data, f"x_{role}")) for role in ("train", "validation")} | {"pool": case.n_pool}
    return {"data": sizes, "budget": case.options.batch_size, "seed": case.seed}


def _diagnosed(diagnosis):
    return {"labels": _rows(diagnosis.labels), "confusions": _rows(diagnosis.confusions.head(20))}


def _rows(table):
    return json.loads(table.to_json(orient="records", double_precision=6))
