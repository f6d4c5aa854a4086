"""The steps of a repair: what is wrong, what to add, and what became of it."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from mode_utils.diagnosis import Assessment, assess, label_accuracies
from mode_utils.repair.pool_scan import scan_pool
from mode_utils.repair.verdicts import NEW_BUG, judge_labels
from mode_utils.selection.allocation import allocate
from mode_utils.selection.candidates import look_at_candidates
from mode_utils.selection.pool import Pool, draw_batch
from mode_utils.selection.replay import Replay
from mode_utils.selection.schedule import Schedule
from mode_utils.selection.screening import Screen
from mode_utils.selection.selectors import looks_of, scanned_selectors, selector_scores


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a model.

    Attributes
    ----------
    labels : pandas.DataFrame
        A row a label: `label`, its name; `train_accuracy`, `validation_accuracy`; `fault`, "underfit", "overfit" or "".
    confusions : pandas.DataFrame
        `label`, `predicted`, `samples` and `share` of the label's validation samples, the most frequent first.
    assessment : diagnosis.Assessment
    """

    labels: pd.DataFrame
    confusions: pd.DataFrame
    assessment: Assessment


@dataclass(frozen=True)
class RepairOutcome:
    """What became of a repair.

    Attributes
    ----------
    labels : pandas.DataFrame
        A row a label: `label`, `before`, `after`, validation accuracies, and `change`; `samples`, `fixed`, `broken` of
        it; `verdict`, see `verdicts.judge_labels`; `test_before` and `test_after` where there is a test set.
    fixed, broken : int
        Validation samples that were wrong and are right, and the other way round.
    new_bugs : list of str
        Names of the labels that have lost more than the tolerance, beyond chance.
    replay : float
        Old samples for each new one, in the retraining that this is the outcome of.
    state : tuple of arrays
        Of the repaired model, for `Trainer.restore`.
    """

    labels: pd.DataFrame
    fixed: int
    broken: int
    new_bugs: list[str]
    replay: float
    state: tuple[np.ndarray, ...]

    @property
    def helps(self):
        """Whether no label is a new bug, and not more validation samples were broken than fixed."""
        return not self.new_bugs and self.broken <= self.fixed


def diagnose(case):
    """Find out what the model gets wrong on validation samples.

    Parameters
    ----------
    case : Case

    Returns
    -------
    Diagnosis
    """
    case.trainer.restore(case.initial_state)
    data, names = case.data, np.array(case.data.class_names)
    assessment = assess(case.trainer, data.splits(), case.options.theta, case.options.gamma)
    faults = np.full(data.n_classes, "", dtype=object)
    for fault in ("overfit", "underfit"):  # a label that is both is underfit
        faults[assessment.buggy[fault]] = fault
    accuracies = {
        "train_accuracy": assessment.train_accuracies,
        "validation_accuracy": assessment.diagnosis_accuracies,
    }
    labels = pd.DataFrame({"label": names, **accuracies, "fault": faults})
    return Diagnosis(labels, _confusions(data.y_validation, assessment.predictions, names), assessment)


def look_at_pool(case):
    """Look at each sample of the pool once, as it is and as a reference sees it.

    Parameters
    ----------
    case : Case

    Returns
    -------
    pool_scan.PoolScan
        For `pool_faults.find_faults` and `choose`.
    """
    data, options = case.data, case.options
    case.trainer.restore(case.initial_state)
    scanned = None if options.layer_selection else scanned_selectors(options.selector)
    ask = "beliefs" in looks_of(options.selector) or "doubtful" in options.skip
    divides = np.random.default_rng(case.seed).spawn(1)[0]  # as the laboratory does
    return scan_pool(case.trainer, data.x_pool, data.splits().validation, divides, data.y_pool, scanned or (), ask)


def choose(case, diagnosis, scan=None):
    """Choose the samples of the pool that are worth adding, or worth a label where the pool has none.

    Parameters
    ----------
    case : Case
    diagnosis : Diagnosis
    scan : pool_scan.PoolScan, optional
        Of `look_at_pool`, if that has been done.

    Returns
    -------
    pandas.DataFrame
        A row a sample, the most wanted first: `rank`, from 1; `index`, its place in the pool; `name`, if the pool has
        names; `score`, the higher the more wanted among those of its label, NaN of those drawn at random; `label`, its
        true label, or `guess`, what the reference takes it for; `predicted` and `confidence`, the model's label and its
        probability; `reason`, a sentence. Labels take turns as often as they get places, so that each beginning of the
        table serves them alike; what was only drawn to fill the batch comes last. No row if no label needs any.
    """
    data, options = case.data, case.options
    scan = scan or look_at_pool(case)
    case.trainer.restore(case.initial_state)
    rng, apart = np.random.default_rng(case.seed), deepcopy(scan.rng)
    pool, assessment = Pool(scan.labels), diagnosis.assessment
    fault, needs = Schedule(options).next_needs(assessment)
    if needs is not None and not needs.any():
        return _describe(case, scan, diagnosis, np.empty(0, int), np.empty(0), np.empty(0, bool))
    groups = allocate(pool, needs, options.batch_size, options.alpha)
    if (
        options.layer_selection or scanned_selectors(options.selector) is None
    ):  # the selector looks at the samples themselves, which have to fit into memory
        splits = data.splits(scan.labels)
        candidates = look_at_candidates(case.trainer, splits, options, groups, fault, assessment, rng)
    else:
        candidates = scan.candidates(options, groups, fault, assessment.errors, rng)
    scores = selector_scores(candidates)
    screen = Screen(options.skip, data.splits(scan.labels), apart, scan.believed) if options.skip else None
    batch = draw_batch(pool, groups, scores, rng, options.batch_size, candidates.temperature, screen)
    every = np.full(len(scan.labels), np.nan)
    every[batch.candidates] = scores
    wanted = np.isin(batch.indices, batch.candidates)
    return _describe(case, scan, diagnosis, batch.indices, every[batch.indices], wanted)


def retrain(case, indices, labels):
    """Retrain the model on chosen samples, old ones beside them, and see what became of it.

    If that does not help, it is done again from the start with twice as many old samples, as long as there are more.

    Parameters
    ----------
    case : Case
    indices : (n,) int
        Places in the pool.
    labels : (n,) int
        True labels.

    Returns
    -------
    RepairOutcome
        `case.trainer` holds the repaired model.
    """
    known = np.zeros(len(case.data.x_pool), np.int32)
    known[indices] = labels
    splits, replay = case.data.splits(known), case.options.replay
    case.trainer.restore(case.initial_state)
    before = _predictions(case)
    outcome = _retrain_once(case, splits, indices, replay, before)
    while not outcome.helps and 0 < replay * len(indices) < len(splits.train):
        replay *= 2
        again = _retrain_once(case, splits, indices, replay, before)
        outcome = min(outcome, again, key=lambda each: (len(each.new_bugs), each.broken - each.fixed))
    case.trainer.restore(outcome.state)
    return outcome


def _retrain_once(case, splits, indices, replay, before):
    rng = np.random.default_rng(case.seed)
    case.trainer.restore(case.initial_state)
    memory = Replay(splits, replay, rng.spawn(1)[0])
    case.trainer.fit(*memory.with_old(np.asarray(indices)), epochs=case.options.epochs, rng=rng)
    return _outcome(case, before, _predictions(case), replay)


def _predictions(case):
    parts = {"validation": case.data.x_validation, "test": case.data.x_test}
    return {part: case.trainer.predict(x).argmax(axis=1) for part, x in parts.items() if x is not None}


def _outcome(case, before, after, replay):
    data = case.data
    truth = {"validation": data.y_validation, "test": data.y_test}
    columns = {"label": data.class_names}
    for part in before:
        prefix = "" if part == "validation" else f"{part}_"
        for when, predictions in (("before", before), ("after", after)):
            columns[prefix + when] = label_accuracies(truth[part], predictions[part], data.n_classes)
    labels = pd.DataFrame(columns)
    was, is_ = (predictions["validation"] == data.y_validation for predictions in (before, after))
    counts = {"samples": np.ones_like(was), "fixed": ~was & is_, "broken": was & ~is_}
    counts = {name: np.bincount(data.y_validation[part], minlength=data.n_classes) for name, part in counts.items()}
    found = {
        "change": labels["after"] - labels["before"],
        **counts,
        "verdict": judge_labels(**counts, tolerance=case.tolerance),
    }
    for place, (name, column) in enumerate(found.items(), start=3):
        labels.insert(place, name, column)
    new_bugs = labels.loc[labels["verdict"] == NEW_BUG, "label"].tolist()
    fixed, broken = (int(counts[name].sum()) for name in ("fixed", "broken"))
    return RepairOutcome(labels, fixed, broken, new_bugs, replay, case.trainer.state())


def _confusions(labels, predictions, names):
    counts = confusion_matrix(labels, predictions, labels=np.arange(len(names)))
    rows, columns = np.nonzero(counts * (1 - np.eye(len(names), dtype=int)))
    table = {"label": names[rows], "predicted": names[columns], "samples": counts[rows, columns]}
    table["share"] = counts[rows, columns] / counts.sum(axis=1)[rows]
    return pd.DataFrame(table).sort_values("samples", ascending=False, ignore_index=True, kind="stable")


def _describe(case, scan, diagnosis, indices, scores, wanted):
    names = np.array(case.data.class_names)
    own = "guess" if case.data.y_pool is None else "label"
    errors = diagnosis.assessment.errors[scan.labels[indices]]
    table = pd.DataFrame({
        "rank": 0, "index": indices, "score": scores, own: names[scan.labels[indices]],
        "predicted": names[scan.predicted[indices]], "confidence": scan.confidence[indices],
    })  # fmt: skip
    if case.data.names_pool is not None:
        table.insert(2, "name", case.data.names_pool[indices])
    turns = table.groupby(own)["score"].rank(ascending=False, method="first", na_option="bottom") - 0.5
    shares = turns / table.groupby(own)["index"].transform("size")
    table["rank"] = shares.where(wanted, np.inf).rank(method="first").astype(int)
    reasons = [_reason(row, own, error) for row, error in zip(table.itertuples(), errors, strict=True)]
    return table.assign(reason=reasons).sort_values("rank", ignore_index=True)


def _reason(row, own, error):
    label = getattr(row, own)
    whose = f"the reference takes it for {label}" if own == "guess" else f"it is {label}"
    seen = "the model agrees" if row.predicted == label else f"the model takes it for {row.predicted}"
    how = "drawn at random, as nothing ranks it; " if np.isnan(row.score) else ""
    return f"{how}{whose}, of which the model gets {error:.0%} wrong; {seen} ({row.confidence:.0%} sure)"
