"""The answer of a command in a few lines: what fails, is chosen, has come of it, where it is, what to do next."""

import re
import sys
from collections import namedtuple
from itertools import count
from pathlib import Path
from shutil import which

from mode_utils.repair.reading.class_names import listed
from mode_utils.support.checks import SIGNIFICANCE

FILES = {  # of a folder, in the order in which a person wants them
    "repaired.keras": "the repaired model", "repaired_head.npz": "the head with the new labels",
    "label.html": "a page to label them in",
    "report.html": "all of it to look at",
    "selected.csv": "what was chosen, and why", "added.csv": "what to retrain on",
    "trainings.csv": "what judges the choice",
    "disagreed.csv": "what people disagree on", "groups.csv": "accuracy by group", "map.html": "the pool to look at",
    "head.npz": "the head that chose",
    "tasks.json": "for Label Studio", "labelling.xml": "its configuration", "diagnosis.json": "all figures",
    "origin.json": "what went in",
}  # fmt: skip


_MODES = 3  # that are told
Line = namedtuple("Line", "word text command", defaults=[""])  # the command can be pasted


def answer(summary, names, given, command, compare=""):
    """Return the answer, a list of `Line`: what fails, what was chosen, accuracy, gain, files, and what to do next.

    Parameters
    ----------
    summary : dict, of `diagnosis.json`
    names : names of the files in the folder
    given : argparse.Namespace of the command; its `output_dir` is where the folder is
    command : callable, of changed options, which returns the command line with a new folder
    compare : str, the command that measures the gain over drawing where it is not known, if there is one
    """
    outcome = summary.get("outcome")
    there = [f"{name} ({said})" for name, said in FILES.items() if name in names]
    gain = (summary["gain"],) if summary.get("gain") else _say_no_gain(summary, compare)
    return [
        Line("Fails", _say_failing(summary)), *(Line("Mode", told) for told in summary["failure_modes"][:_MODES]),
        Line("Chosen", _say_chosen(summary)),
        Line("Accuracy", _say_accuracy(summary, outcome) if outcome else _say_before(summary)), Line("Gain", *gain),
        Line("Files", f"in {given.output_dir}: {', '.join(there)}"),
        Line("Next", *_next(summary, names, given, command)),
    ]  # fmt: skip


def in_terminal(lines):
    """Return the answer as text: a word and its sentence a line, each command in a line of its own."""
    width = max(len(line.word) for line in lines) + 2
    return "\n".join(f"{line.word:{width}}{line.text}" + (f"\n{'':{width}}{line.command}" if line.command else "")
                     for line in lines)  # fmt: skip


def _say_failing(summary):
    rows = [row for row in summary["labels"] if row["fault"]]
    if not rows:
        return f"none of {len(summary['labels'])} labels is underfit or overfit"
    sure = sum(row["chance"] < SIGNIFICANCE for row in rows)
    rows = sorted(rows, key=lambda row: (row["chance"] >= SIGNIFICANCE, row["validation_accuracy"], row["chance"]))
    after = {row["label"]: row["after"] for row in (summary.get("outcome") or {"labels": ()})["labels"]}
    each = [f"{row['label']} ({_percent(row['validation_accuracy'], after.get(row['label']))})" for row in rows]
    told = f"{len(rows)} of {len(summary['labels'])} labels"
    told += f", {sure or 'none'} of them beyond chance" if sure < len(rows) else ""
    return f"{told}, with the share of validation samples that are right: {listed(each)}"


def _say_chosen(summary):
    if not summary["chosen"]:
        return "nothing: the model gets all validation samples right"
    told = f"{summary['chosen']:,} of {summary['data']['pool']:,} inputs of the pool"
    drawn, asked = summary["drawn_at_random"], summary["without_label"]
    told += f", {drawn} of them drawn at random as a control arm" if drawn else ""
    return told + (f"; {asked:,} have no label yet" if asked else "")


def _say_before(summary):
    right = summary["accuracy"]
    return f"{right:.1%} of {summary['data']['validation']:,} validation samples are right; nothing is retrained yet"


def _say_accuracy(summary, outcome):
    last, terms = summary["rounds"][-1], [row["outcome"] for row in outcome["contract"]["terms"]]
    told = f"{_percent(last['accuracy_before'], last['accuracy_after'], 1)} ({last['samples']:,} validation samples)"
    if "test_accuracy_after" in last:
        told += f", {_percent(last['test_accuracy_before'], last['test_accuracy_after'], 1)} (test samples)"
    kept = f"{terms.count('kept')} of {len(terms)} terms are kept, {terms.count('broken')} broken"
    return f"{told}; contract: {outcome['contract']['outcome']} ({kept}, {terms.count('cannot tell')} cannot be told)"


def _percent(before, after=None, digits=0):
    return f"{before:.{digits}%}" if after is None else f"{before:.{digits}%} before, {after:.{digits}%} after"


def _say_no_gain(summary, compare):
    if not summary["chosen"]:
        return ("none, as nothing was chosen",)
    told = "over drawing at random: not known"
    if compare and summary["pool_labelled"]:
        return f"{told}; this measures it:", compare
    return (f"{told} {'from the labels so far' if summary.get('outcome') else 'before labels and a retraining'}",)


def _next(summary, names, given, command):
    folder, outcome = given.output_dir, summary.get("outcome")
    if not summary["chosen"]:
        return ("nothing",)
    if summary["without_label"]:
        before = [folder / "selected.csv"] if outcome or "added.csv" in names else getattr(given, "apply", [])
        told = f"label them in {folder / 'label.html'}, put the labels.csv that it downloads here, and run"
        return told, command(apply=[*before, Path("labels.csv")], outcome=None)
    if "added.csv" in names and not outcome:
        told = f"retrain on {folder / 'added.csv'}, save what the models predict as outcome.npz, and run"
        return told, command(outcome=Path("outcome.npz"))
    if not outcome:
        return (f"retrain your model on the inputs in {folder / 'selected.csv'} beside its old training data",)
    training = outcome.get("training")
    if training and "repaired.keras" not in names:
        return _mend(outcome, command)
    advice, why = (summary["next_round"].get(key, "") for key in ("advice", "why"))
    saved = next((name for name in ("repaired.keras", "repaired_head.npz") if name in names), None)
    model = f"use {folder / saved}" if saved else "use the retrained model"
    if advice in ("stop", "mend"):
        return (f"{model}; {why}" if advice == "stop" else why,)
    if not (left := summary["left"]):
        return (f"{model}; nothing is left of the pool that may be chosen",)
    model += f" ({left:,} inputs are left to choose)" if left < given.budget else ""
    anew = {"budget": min(given.budget, left), "apply": None, "outcome": None}
    anew |= {"continue_from": folder, "model_path": None}
    same = training or getattr(given, "fit", False)  # a head goes on with the same features
    anew |= {} if same else {"data_path": Path(f"outputs-{len(summary['rounds']) + 1}.npz")}
    anew |= {"control_share": 1.0} if advice == "draw" else {}
    return f"{model}, or {why}" if why else f"{model}, or add more", command(**anew)


def _mend(outcome, command):
    training, diverged = outcome["training"], outcome["training"]["moved"] is None
    if diverged or not outcome["changed"]:
        how, times = ("lower", 0.1) if diverged else ("higher", 10)
        return f"try a {how} learning rate", command(learning_rate=float(f"{training['rate'] * times:.1g}"))
    return "see what it broke, and have it saved all the same if that is no loss to you", command(keep_new_bugs=True)


def folder_after(folder):
    """Return the next folder of a row, out-2 after out or out-1, that does not exist."""
    stem, number = re.fullmatch(r"(.*?)(?:-(\d+))?", folder.name).groups()
    every = (folder.with_name(f"{stem}-{n}") for n in count(int(number or 1) + 1))
    return next(path for path in every if not path.exists())


def program(name, module):
    """Return how a command is called from here: by its name, by the path it has beside Python, or as a module."""
    if which(name):
        return name
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else f"{sys.executable} -m {module}"
