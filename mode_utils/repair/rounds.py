"""Round after round: go on from a repair, with its model, the labels so far, and the pool less what was used.

A repair's folder has all of it in `origin.json`: what was added in its round and before, and a line a round. So a round
that is killed loses nothing but itself.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from mode_utils.repair.folder import hash_file
from mode_utils.study.formatting import pp

_SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Earlier:
    """What earlier rounds have left.

    Attributes
    ----------
    folder : Path
        Of the last round.
    model : Path or None
        Its repaired model; None if it was not saved.
    samples : list of dict
        `index` and `label`, the name of a class, of all that was added so far.
    rounds : list of dict
        A line a round, see `round_of`.
    data_hash : str or None
        Of the file of data.
    """

    folder: Path
    model: Path | None
    samples: list[dict]
    rounds: list[dict]
    data_hash: str | None


def read_earlier(folder):
    """Read what a repair's folder says of its rounds.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such folder, no repair in it, or one that waits for labels.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} to go on from")
    origin = folder / "origin.json"
    if not origin.exists() and (folder / "selected.csv").exists():
        raise ValueError(f"{folder} waits for labels: give them with --apply first, and go on from that folder")
    if not origin.exists():
        raise ValueError(f"{folder} has no origin.json: it is no folder of a repair")
    try:
        found = json.loads(origin.read_text(encoding="utf-8"))
        samples = [*found.get("earlier_samples", []), *found["samples"]]
        samples = [{"index": int(each["index"]), "label": str(each["label"])} for each in samples]
        rounds, data_hash = found["rounds"], found["files"].get("data", {}).get("sha256")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{origin} is damaged ({type(error).__name__}: {error}): go on from another folder") from None
    model = folder / "repaired.keras"
    return Earlier(folder, model if model.exists() else None, samples, rounds, data_hash)


def continue_case(case, earlier):
    """Return a case in which what earlier rounds have added is training data, and no longer in the pool.

    Parameters
    ----------
    case : Case
        Of the model to go on with, and the same data as before.
    earlier : Earlier

    Raises
    ------
    ValueError
        If the data are others, or if too little is left of the pool.
    """
    data, folder = case.data, earlier.folder
    own = case.sources.get("data")
    if own and earlier.data_hash and hash_file(own) != earlier.data_hash:
        raise ValueError(f"{own} is not what {folder} was made with: go on with the same data")
    places = {name: label for label, name in enumerate(data.class_names)}
    unknown = next((each["label"] for each in earlier.samples if each["label"] not in places), None)
    if unknown is not None:
        raise ValueError(f"{folder} has a label {unknown!r} that is not among the class names: give the same names")
    used = np.array([each["index"] for each in earlier.samples], int)
    if used.size and used.max() >= len(data.x_pool):
        raise ValueError(f"{folder} has added sample {used.max()} of a larger pool: go on with the same data")
    if case.options.batch_size > len(data.x_pool) - len(used):
        left = len(data.x_pool) - len(used)
        raise ValueError(f"a budget of {case.options.batch_size} is larger than the {left} samples left of the pool")
    labels = np.array([places[each["label"]] for each in earlier.samples], np.int32)
    x_train = np.concatenate([data.x_train, np.asarray(data.x_pool[used], np.float32)])
    data = replace(data, x_train=x_train, y_train=np.concatenate([data.y_train, labels]))
    notes = (*case.notes, f"Round {len(earlier.rounds) + 1}: {len(used)} samples were added before, and are kept.")
    return replace(case, data=data, used=used, earlier=earlier, notes=notes)


def check_fresh(indices, case):
    """Raise a ValueError if a sample was added in an earlier round."""
    twice = np.intersect1d(indices, case.used)
    if twice.size:
        raise ValueError(f"sample {twice[0]} was added in an earlier round: label others")


def round_of(case, outcome, n_added):
    """Return the line of a round: `round`, `added`, `total`, `fixed`, `broken`, `samples`, `helps`, accuracies.

    Parameters
    ----------
    case : Case
    outcome : steps.RepairOutcome
    n_added : int
    """
    before = case.earlier.rounds if case.earlier else []
    line = {"round": len(before) + 1, "added": int(n_added), "total": int(n_added) + len(case.used)}
    line |= {"fixed": outcome.fixed, "broken": outcome.broken, "samples": int(outcome.labels["samples"].sum())}
    line["helps"] = outcome.helps
    return line | {name: round(value, 6) for name, value in outcome.accuracies.items()}


def say_next_round(rounds):
    """Say what the last round has gained, and whether another of its size can be expected to show.

    Parameters
    ----------
    rounds : list of dict
        Of `round_of`, at least one.

    Returns
    -------
    str
        A sentence. It says what validation samples tell of the last round (exact sign test of those that were fixed and
        broken); nothing foretells the next one surely.
    """
    last = rounds[-1]
    changed, gain = last["fixed"] + last["broken"], (last["fixed"] - last["broken"]) / last["samples"]
    p = binomtest(last["fixed"], changed, alternative="greater").pvalue if changed else 1.0
    story = (
        f"round {last['round']} fixed {last['fixed']} and broke {last['broken']} of {last['samples']} validation "
        f"samples ({pp(gain)})"
    )
    if last["accuracy_after"] == 1:
        return f"{story}: none is wrong any more, so that another round cannot show"
    if not last.get("helps", True):
        return f"{story}: as it did not help, do not pay for labels of another before that is mended"
    if p >= _SIGNIFICANCE:
        return f"{story}, no more than chance: another round of this size is not worth its labels"
    if len(rounds) > 1 and gain < _gain(rounds[-2]) / 2:
        return f"{story}, less than half of the round before: another will gain less still"
    return f"{story}, beyond chance: another round is likely to pay"


def _gain(line):
    return (line["fixed"] - line["broken"]) / line["samples"]
