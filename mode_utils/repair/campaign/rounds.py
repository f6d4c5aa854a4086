"""Rounds of repair: go on from a folder, with its model, the labels so far, and the pool less what was used."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mode_utils.repair.choosing.choice import arm_of
from mode_utils.repair.reading.arrays import check_left
from mode_utils.support.files import hash_file
from mode_utils.support.sample_parts import scattered

_SAME = 0.05  # of their spread, by which marks of a sample may differ, as features that are computed again do
FIRST = "first_model.npz"  # the state of the model that a campaign began with


@dataclass(frozen=True)
class Earlier:
    """The result of earlier rounds, read from the folder of the last."""

    folder: Path
    model: Path | None  # None if the repaired model was not saved
    samples: list[dict]  # `index`, `label`, a class name, maybe `name` and `mark`, see `mark`, of all added so far
    rounds: list[dict]  # of `round_of`
    data_hash: str | None  # of the file of data
    cannot_tell: np.ndarray = field(default_factory=lambda: np.empty(0, int))  # places that nobody can give a label
    arm: np.ndarray = field(default_factory=lambda: np.empty(0, int))  # places of the control arm that are answered
    checked: np.ndarray = field(default_factory=lambda: np.empty((0, 2), int))  # see `judged.Judgement`
    strange_belong: bool = False  # see there

    def labels(self, class_names):
        """Return the labels (n,) of `samples`, as places among the class names; a ValueError names one that is none."""
        places = {name: label for label, name in enumerate(class_names)}
        unknown = next((each["label"] for each in self.samples if each["label"] not in places), None)
        if unknown is not None:
            told = f"{self.folder} has a label {unknown!r} that is not among the class names"
            raise ValueError(f"{told}: give the same names")
        return np.array([places[each["label"]] for each in self.samples], np.int32)


def read_earlier(folder):
    """Read `Earlier` from the folder of a repair; another folder, or one that waits for labels, is an error."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} to go on from")
    origin = folder / "origin.json"
    if not origin.exists() and (folder / "added.csv").exists():
        raise ValueError(f"{folder} waits for an outcome: give it with --outcome first, and go on from that folder")
    if not origin.exists() and (folder / "selected.csv").exists():
        raise ValueError(f"{folder} waits for labels: give them with --apply first, and go on from that folder")
    if not origin.exists():
        raise ValueError(f"{folder} has no origin.json: it is not the folder of a repair")
    try:
        found = json.loads(origin.read_text(encoding="utf-8"))
        samples = [*found.get("earlier_samples", []), *found["samples"]]
        told = [{name: each[name] for name in ("name", "mark") if name in each} for each in samples]
        samples = [{"index": int(each["index"]), "label": str(each["label"])} for each in samples]
        samples = [each | more for each, more in zip(samples, told, strict=True)]
        rounds, data_hash = found["rounds"], found["files"].get("data", {}).get("sha256")
        places = [np.array(found.get(name, []), int) for name in ("cannot_tell", "arm")]
        places.append(np.array(found.get("checked", []), int).reshape(-1, 2))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{origin} is damaged ({type(error).__name__}: {error}): go on from another folder") from None
    model = folder / "repaired.keras"
    belong = bool(found.get("strange_belong", False))
    return Earlier(folder, model if model.exists() else None, samples, rounds, data_hash, *places, belong)


def continue_case(case, earlier):
    """Return a case with the samples of `earlier` rounds of the same data in its training data, not in the pool."""
    data, own = case.data, case.sources.get("data")
    if own and earlier.data_hash and hash_file(own) != earlier.data_hash:
        raise ValueError(f"{own} is not what {earlier.folder} was made with: go on with the same data")
    used, labels, told = _read_used(case, earlier)
    x_train = np.concatenate([data.x_train, np.asarray(data.x_pool[used], data.x_train.dtype)])
    groups = data.groups and data.groups.with_added(used, len(data.x_train))
    data = replace(data, x_train=x_train, y_train=np.concatenate([data.y_train, labels]), groups=groups)
    options, skip = case.options, case.options.skip
    if earlier.strange_belong:
        options = replace(options, skip=tuple(each for each in skip if each != "foreign"))
    return replace(case, data=data, used=used, earlier=earlier, options=options, notes=(*case.notes, told))


def continue_outputs(case, earlier):
    """Return an `OutputsCase` that knows the labels of `earlier` rounds of the same pool, and does not choose them."""
    data, n = case.data, len(case.data.y_validation)
    used, labels, told = _read_used(case, earlier)
    before = earlier.rounds[-1].get("samples", n) if earlier.rounds else n
    if before != n:
        raise ValueError(f"{earlier.folder} was judged by {before} validation samples, not by {n}: give the same ones")
    y_pool = np.full(case.n_pool, -1, np.int32) if data.y_pool is None else np.array(data.y_pool)
    y_pool[used] = labels
    data = replace(data, y_pool=y_pool)
    return replace(case, data=data, used=used, earlier=earlier, notes=(*case.notes, told))


def _read_used(case, earlier):
    """Return places and labels of what earlier rounds have added, and a sentence; a ValueError if they do not fit."""
    data, folder = case.data, earlier.folder
    labels = earlier.labels(data.class_names)
    used = np.array([each["index"] for each in earlier.samples], int)
    closed = np.union1d(used, earlier.cannot_tell)
    if (most := max([*closed, *earlier.arm], default=0)) >= len(data.x_pool):
        raise ValueError(f"{folder} has sample {most} of a larger pool: go on with the same data")
    _check_same(case, earlier, used)
    check_left(case.options.batch_size, data, closed)
    told = f"Round {len(earlier.rounds) + 1}: {len(used)} samples were added before, and are kept."
    if len(earlier.cannot_tell):
        told += f" {len(earlier.cannot_tell)} that nobody could tell are not asked for again."
    if len(earlier.checked):
        told += f" {len(earlier.checked)} of the control arm join the validation samples in the diagnosis,"
        told += " as models take them that were not trained on them."
    if earlier.strange_belong:
        told += " Inputs unlike all known samples are not passed over: those in the control arm have labels."
    return used, labels, told


def mark(case, places):
    """Return a number (n,) by which samples of the pool are known again; None where outputs alone are known.

    These change with the model; samples, and the features that a head is fitted to, do not.
    """
    if not (hasattr(case, "trainer") or case.has_samples or case.head) or not len(places):
        return None
    rows = np.concatenate(list(scattered(case.data.x_pool, places))).reshape(len(places), -1).astype(float)
    return rows @ np.random.default_rng(0).standard_normal(rows.shape[1]) / np.sqrt(rows.shape[1])


def _check_same(case, earlier, used):
    """Raise a ValueError if samples that were labelled are not those of the pool at these places."""
    names, now = case.data.names_pool, None
    before = {name: [each[name] for each in earlier.samples if name in each] for name in ("name", "mark")}
    if names is not None and 0 < len(before["name"]) == len(used):
        other = np.asarray(names[used], str) != np.array(before["name"])
    elif 0 < len(before["mark"]) == len(used) and (now := mark(case, used)) is not None:
        then = np.array(before["mark"])
        other = ~(np.abs(now - then) <= (_SAME * then.std() if len(then) > 2 else _SAME**3 * np.abs(then)))
    else:
        return
    if other.any():
        told = f"{other.sum()} of {len(used)} samples that {earlier.folder} has labels of are others in this pool"
        first = case.data.call(used[other.argmax()])
        raise ValueError(f"{told}, the first is sample {first}: go on with the same pool, in the same order")


def take_labels(gathered, case):
    """Return gathered labels, a `labelling.agreement.GatheredLabels`, without those that earlier rounds have added.

    Notes say what is left out, what differs from the labels of the pool, and what is missing of the control arm;
    nothing left, or another label, is a ValueError.
    """
    data, old, notes = case.data, np.isin(gathered.indices, case.used), gathered.notes
    before = {each["index"]: each["label"] for each in case.earlier.samples} if case.earlier else {}
    for index, label in zip(gathered.indices[old].tolist(), gathered.labels[old], strict=True):
        if before[index] != data.class_names[label]:
            told = f"sample {data.call(index)} was added as {before[index]!r} in an earlier round, and is now"
            remedy = "leave it out, or repair anew, without --continue, with all tables"
            raise ValueError(f"{told} {data.class_names[label]!r}: {remedy}")
    if old.all():
        raise ValueError(f"all {len(old)} samples with a label were added in an earlier round: label others")
    if old.any():
        notes = (*notes, f"{old.sum()} samples were added in an earlier round, with the same labels: not added again.")
    cannot_tell = np.setdiff1d(gathered.cannot_tell, case.used)
    kept = replace(gathered, indices=gathered.indices[~old], labels=gathered.labels[~old], cannot_tell=cannot_tell)
    given = np.full(len(kept.indices), -1) if data.y_pool is None else data.y_pool[kept.indices]
    other = kept.indices[(given >= 0) & (given != kept.labels)]
    if len(other):
        which = f"such as sample {data.call(other[0])}"
        notes = (*notes, f"{len(other)} samples have another label in y_pool, {which}: that of the table is taken.")
    missing = answered_arm(case, kept.indices, cannot_tell)[1]
    return replace(kept, notes=(*notes, missing) if missing else notes)


def answered_arm(case, labelled, cannot_tell=()):
    """Return the members of the control arm, earlier rounds included, that have an answer, and what to say of others.

    `labelled` and `cannot_tell` are places of this round. If less than half of those that it asks for have an answer,
    none of them is a member, as people may have left the others out for a reason. The sentence is "" if all have one.
    """
    arm, n_earlier = arm_of(case), len(case.earlier.arm) if case.earlier else 0
    missing = arm.new[~np.isin(arm.new, np.concatenate([labelled, cannot_tell]))]
    found = f"{len(arm.new) - len(missing)} of {len(arm.new)} inputs of the control arm have an answer"
    if 2 * len(missing) > len(arm.new):
        drawn = f"seed {case.seed}, a budget of {case.options.batch_size} and a share of {case.options.control_share:g}"
        told = f"{found}: what choosing gains over drawing cannot be told in this round. The arm is drawn by {drawn}"
        return arm.places[:n_earlier], f"{told}: are these the ones that the inputs were chosen with?"
    told = f"{found}: these count, the others will be asked for again." if len(missing) else ""
    return arm.places[~np.isin(arm.places, missing)], told


def labelled_so_far(case, added, cannot_tell=()):
    """Return what is known after a round: the labels of the pool, and its arm and what was chosen, as far as labelled.

    Parameters
    ----------
    case : Case or OutputsCase
    added : (indices, labels) of this round; cannot_tell : places of it that nobody could tell

    Returns
    -------
    known : (n_pool,) int, -1 where there is no label
    arm, chosen : (n,) int, places with a label
    unanswerable : (n,) int, places of the arm that nobody could tell
    """
    known = np.full(case.n_pool, -1) if case.data.y_pool is None else np.array(case.data.y_pool, int)
    if case.earlier:
        known[case.used] = case.earlier.labels(case.data.class_names)
    known[added[0]] = added[1]
    answered = answered_arm(case, added[0], cannot_tell)[0]
    arm, unanswerable = answered[known[answered] >= 0], answered[known[answered] < 0]
    chosen = np.setdiff1d(np.concatenate([case.used, added[0]]), arm).astype(int)
    return known, arm, chosen, unanswerable


def rounds_with(case, outcome):
    """Return a line for each round of a case, that of a `repair_outcome.RepairOutcome` included, see `round_of`."""
    return [*(case.earlier.rounds if case.earlier else []), round_of(case, outcome)]


def round_of(case, outcome):
    """Return the line of a round from a `repair_outcome.RepairOutcome`.

    Counts of samples added and of validation samples fixed and broken, whether it helps, accuracies; a number a
    label: `given`, samples of it that were added, `right_before` and `right`, validation samples of it that are right;
    and the `gain` over drawing at random, with the ends of its intervals, where that was judged.
    """
    before = case.earlier.rounds if case.earlier else []
    labels, n_added = outcome.labels, len(outcome.added[0])
    line = {"round": len(before) + 1, "added": n_added, "total": n_added + len(case.used), "fixed": outcome.fixed}
    line |= {"broken": outcome.broken, "samples": int(labels["samples"].sum())}
    line |= {"helps": outcome.helps} | {name: round(value, 6) for name, value in outcome.accuracies.items()}
    given = np.bincount(np.asarray(outcome.added[1], int), minlength=len(labels))
    right = {"right_before": labels["before"], "right": labels["after"]}
    line |= {name: (share.fillna(0) * labels["samples"]).round().astype(int).tolist() for name, share in right.items()}
    gain = outcome.judged and outcome.judged.gain
    told = {name: round(value, 6) for name, value in gain.row().items()} if gain else {}
    return line | {"given": given.tolist()} | told


def first_case(case):
    """Return a case as it was before the first round of its campaign; None if the first model was not kept."""
    if case.earlier is None:
        return case
    path, n_added = case.earlier.folder / FIRST, len(case.used)
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as found:
        state = tuple(found[name] for name in found.files)
    x, y = case.data.x_train, case.data.y_train
    groups = case.data.groups and case.data.groups.of_first_trained(len(x) - n_added)
    data = replace(case.data, x_train=x[: len(x) - n_added], y_train=y[: len(y) - n_added], groups=groups)
    return replace(case, data=data, initial_state=state)


def save_first(folder, case):
    """Keep the state of the first model of a campaign beside a round, so that later ones can be judged from it."""
    first = first_case(case)
    if first is not None:
        state = (each if each.dtype.kind in "biuf" else each.astype(np.float32) for each in first.initial_state)
        np.savez(folder / FIRST, *state)
