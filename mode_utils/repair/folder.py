"""What a repair leaves behind: a folder that appears whole or not at all, and never over an earlier one."""

import errno
import json
import os
import platform
from dataclasses import asdict
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd

from mode_utils.repair.campaign.rounds import answered_arm, mark, rounds_with, save_first
from mode_utils.repair.choosing.choice import arm_of
from mode_utils.repair.choosing.told_modes import say_modes
from mode_utils.repair.conclusion import say_outcome, still_failing
from mode_utils.repair.labelling.browser_page import write_label_page
from mode_utils.repair.labelling.label_studio import write_tasks
from mode_utils.repair.labelling.label_table import CANNOT_TELL, as_text
from mode_utils.repair.reading.model_files import check_model_file
from mode_utils.support.code_hash import version_of
from mode_utils.support.files import hash_file

PAGE = "label.html"  # where the chosen samples get their labels
MAP = "map.html"  # of the pool


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


def save_repair(folder, case, report, chosen, outcome=None, labels=None, remarks=(), keep_new_bugs=False):
    """Write `selected.csv`, `diagnosis.json` and, of a repair, `origin.json` and `repaired.keras`, if it helps.

    Where chosen samples have no label yet, there is a page to label them in, too: `label.html`.

    Parameters
    ----------
    folder : path, made if it does not exist; a ValueError if it has a repair already
    case, report : Case or OutputsCase, and its choosing.choice.Report
    chosen : pandas.DataFrame, see `choosing.choice.choose_inputs`
    outcome : repair_outcome.RepairOutcome, None while the chosen samples have no labels, and without a model
    labels : labelling.agreement.GatheredLabels, optional
        That people have given; what they disagree on is written to `disagreed.csv`.
    remarks : sequence of str, sentences to tell
    keep_new_bugs : bool, save the repaired model even if it does not help or seems to lose a lot, if it is another one

    Returns
    -------
    bool
        Whether the repaired model was saved.
    """
    folder = Path(folder)
    check_new(folder / "selected.csv")
    folder.mkdir(parents=True, exist_ok=True)
    _selected(case, chosen, _added(outcome, labels), labels).to_csv(folder / "selected.csv", index=False)
    asked = inputs_to_label(case, chosen, outcome, labels)
    if report.groups:
        table = report.groups.table
        texts = {name: table[name].map(as_text) for name in ("label", "group")}
        table.assign(**texts).to_csv(folder / "groups.csv", index=False)
    if labels is not None and len(labels.disagreed):
        labels.disagreed.to_csv(folder / "disagreed.csv", index=False)
    if len(asked):
        independent = len(arm_of(case).new) > 0  # labels of a control arm are to owe nothing to the model
        write_label_page(folder / PAGE, asked, case.data.class_names, samples_of(case, asked), hints=not independent)
    sizes = {role: len(getattr(case.data, f"x_{role}")) for role in ("train", "validation")} | {"pool": case.n_pool}
    summary = case.about() | {"data": sizes, "budget": case.options.batch_size, "seed": case.seed}
    summary |= {"labels": _rows(report.labels.assign(chance=report.chances))}
    summary |= {"confusions": _rows(report.confusions.head(20))}
    summary |= _groups(report.groups) if report.groups else {}
    summary |= {"failure_modes": say_modes(case, report) if report.modes else []}
    summary |= {"drawn_at_random": len(arm_of(case).new) if len(chosen) else 0}
    right = report.assessment.predictions == np.asarray(case.data.y_validation)
    summary |= {"accuracy": float(right.mean()), "pool_labelled": bool(case.data.pool_labelled)}
    summary |= {"chosen": len(chosen), "remarks": [each for each in remarks if each], "without_label": len(asked)}
    if outcome is not None:
        rounds = rounds_with(case, outcome)
        summary |= _told(case, report, outcome, rounds, keep_new_bugs, len(asked))
        summary |= {"left": case.n_left(np.union1d(chosen["index"], outcome.added[0]).astype(int))}
        _write(folder / "origin.json", _origin(case, outcome, labels, rounds))
    _write(folder / "diagnosis.json", summary)
    if outcome is not None and outcome.training and not case.data.pool_labelled:
        save_first(folder, case)
    saved = outcome is not None and outcome.is_saved(keep_new_bugs)
    if saved:
        with case.trainer.at(outcome.state):
            case.model.save(folder / "repaired.keras")
    return saved


def _groups(found):
    failing = found.table[found.table["fails"].astype(bool)]
    return {"groups": {"shared": found.shared, "facts": found.facts, "failing": _rows(failing)}}


def save_tasks(folder, case, chosen, outcome=None, labels=None):
    """Write tasks for Label Studio where chosen samples have no label yet; see `save_repair` for the parameters."""
    asked = inputs_to_label(case, chosen, outcome, labels)
    if len(asked):
        write_tasks(folder, asked, case.data.class_names, samples_of(case, asked))


def inputs_to_label(case, chosen, outcome=None, labels=None):
    """Return the rows of what was chosen that have no label yet, with the reason to look at them."""
    if case.data.pool_labelled:
        return chosen[:0]
    added = _added(outcome, labels)
    asked = chosen[~chosen["index"].isin(added[0] if added else [])]
    if labels is None:
        return asked
    asked = asked[~asked["index"].isin(labels.cannot_tell)]
    again = asked["index"].isin(labels.disagreed["index"])
    return asked.assign(reason=asked["reason"].where(~again, "people disagree on it; " + asked["reason"]))


def samples_of(case, rows):
    """Return the samples of some rows of what was chosen; None where only their outputs are known."""
    return np.asarray(case.data.x_pool[rows["index"].to_numpy()]) if case.has_samples else None


def _added(outcome, labels):
    """Return places and labels of what is added, by a retraining or, of outputs, before there is one; None if not."""
    return outcome.added if outcome else (labels.indices, labels.labels) if labels else None


def _write(path, summary):
    path.write_text(json.dumps(summary, indent=1) + "\n")


def _selected(case, chosen, added, labels):
    """Return the table of what was chosen and added; where a sample has no label, with a field to fill in."""
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
    if labels is not None and CANNOT_TELL not in map(str.lower, names):
        table.loc[table["index"].isin(labels.cannot_tell) & (table["label"] == ""), "label"] = CANNOT_TELL
    texts = [name for name in ("name", "group", "label", "guess", "predicted") if name in table]
    return table.assign(**{name: table[name].map(as_text) for name in texts})


def _origin(case, outcome, labels, rounds):
    marks = mark(case, outcome.added[0])
    names, tables = case.data.names_pool, [Path(path) for path in (labels.files if labels else ())]
    cannot_tell = labels.cannot_tell if labels else np.empty(0, int)
    arm = answered_arm(case, outcome.added[0], cannot_tell)[0].tolist()
    cannot_tell = np.union1d(case.earlier.cannot_tell, cannot_tell) if case.earlier else cannot_tell
    cannot_tell = np.setdiff1d(cannot_tell, np.concatenate([case.used, outcome.added[0]])).tolist()
    files = case.sources | {"labels" if n == 1 else f"labels {n}": path for n, path in enumerate(tables, start=1)}
    samples = [
        {"index": int(index), "label": case.data.class_names[label]}
        | ({} if names is None else {"name": str(names[index])})
        | ({} if marks is None else {"mark": float(marks[n])})
        for n, (index, label) in enumerate(zip(*outcome.added, strict=True))
    ]
    return {
        "samples": samples, "earlier_samples": case.earlier.samples if case.earlier else [],
        "cannot_tell": cannot_tell, "arm": arm, **_of_arm(outcome.judged),
        "rounds": rounds, "seed": case.seed, "options": asdict(case.options), "files": hash_files(files),
        **(_of_training(case, outcome) if outcome.training else {}),
        "contract": about_contract(outcome.contract),
        "versions": versions_of(*case.libraries),
    }  # fmt: skip


def _of_training(case, outcome):
    more = [case.data.class_names[label] for label in outcome.more]
    return {"batch_size": case.trainer.batch_size, "more_old_samples_of": more}


def about_contract(verdict):
    """Return what files say of a contract: its outcome, its terms, trades, and how many right samples are wrong now."""
    found = {"outcome": verdict.outcome, "terms": _rows(verdict.terms), "large": verdict.large}
    return found | {"trades": [asdict(each) for each in verdict.trades], "negative_flips": len(verdict.flips)}


def _of_arm(judged):
    """Return what the next round is to know from the arm, see `campaign.judged.Judgement`."""
    return {"checked": judged.checked.tolist(), "strange_belong": judged.strange_belong} if judged else {}


def hash_files(files):
    """Return name and SHA-256 of files, by what they are."""
    return {what: {"name": path.name, "sha256": hash_file(path)} for what, path in files.items()}


def versions_of(*names):
    """Return the versions of Python, of this package and of some libraries."""
    return {"python": platform.python_version()} | {name: version_of(name) for name in ("mode_nn_debugging", *names)}


def _told(case, report, outcome, rounds, keep_new_bugs, without_label):
    judged, theta = outcome.judged, case.options.theta
    found = {name: getattr(outcome, name) for name in ("fixed", "broken", "new_bugs", "helps", "changed")}
    found = {"labels": _rows(outcome.labels)} | found
    found |= {"still_failing": still_failing(outcome, report, theta)["label"].tolist()}
    if outcome.training:
        training = asdict(outcome.training) | ({"moved": None} if outcome.training.diverged else {})
        found |= {"training": training, "old_samples_per_new_one": outcome.replay, **_of_training(case, outcome)}
    found |= {"contract": about_contract(outcome.contract), "asks": outcome.asks}
    found["saved"] = outcome.is_saved(keep_new_bugs)
    found["contract"]["flips"] = _rows(outcome.contract.flips)
    told = say_outcome(outcome, report, theta, keep_new_bugs, without_label)
    next_round = {"advice": judged.advice, "why": judged.why} if judged else {}
    gain = judged.gain.say() + judged.doubt if judged and judged.gain else ""
    return {"outcome": found, "told": told, "gain": gain, "next_round": next_round, "rounds": rounds}


def _rows(table):
    return json.loads(table.to_json(orient="records", double_precision=6))
