"""Retrain the model of a case on what was added, and say what became of it."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mode_utils.diagnosis import label_accuracies
from mode_utils.repair.retraining import Training, higher_rate, train
from mode_utils.repair.verdicts import NEW_BUG, judge_labels


@dataclass(frozen=True)
class RepairOutcome:
    """What became of a repair.

    Attributes
    ----------
    labels : pandas.DataFrame
        A row a label: `label`, `before`, `after`, validation accuracies, and `change`; `samples`, `fixed`, `broken` of
        it; `verdict`, see `verdicts.judge_labels`; `test_before` and `test_after` where there is a test set.
    fixed, broken : int, validation samples that were wrong and are right, and the other way round
    new_bugs : list of str, names of the labels that have lost more than the tolerance, beyond chance
    replay : float, old samples for each new one, in the retraining that this is the outcome of
    state : tuple of arrays, of the repaired model, for `Trainer.restore`
    training : retraining.Training, how the retraining went
    accuracies : dict of str to float
        Shares of all samples that are right, in [0, 1]: `accuracy_before`, `accuracy_after`; of a test set, if there is
        one, `test_accuracy_before`, `test_accuracy_after`.
    tries : int, retrainings that this is the best of, by the same validation samples
    added : (indices, labels) of the samples that were added, by place in the pool
    worth : str, what a comparison with random inputs says, see `worth.say_worth`
    """

    labels: pd.DataFrame
    fixed: int
    broken: int
    new_bugs: list[str]
    replay: float
    state: tuple[np.ndarray, ...]
    training: Training
    accuracies: dict[str, float]
    tries: int = 1
    added: tuple[np.ndarray, np.ndarray] = ((), ())
    worth: str = ""

    @property
    def harms(self):
        """Whether a label is a new bug, or more validation samples were broken than fixed."""
        return bool(self.new_bugs) or self.broken > self.fixed

    @property
    def changed(self):
        """Whether the model is another one than before, and one that can be used."""
        return not self.training.stands_still and not self.training.diverged

    @property
    def helps(self):
        """Whether validation samples were fixed, not more were broken, and no label is a new bug."""
        return self.changed and self.fixed > 0 and not self.harms

    def is_saved(self, keep_new_bugs=False):
        """Tell whether the repaired model is worth a file: it helps, or it is another one and wanted all the same."""
        return self.helps or (keep_new_bugs and self.changed)


def retrain(case, indices, labels):
    """Retrain the model on chosen samples, old ones beside them, and see what became of it.

    If that does harm, it is done again from the start with twice as many old samples, as long as there are more. If it
    moves nothing, at the learning rate that was saved with the model, it is done at a higher one that is known, unless
    the case says which. A ValueError names a sample without a label (-1).

    Parameters
    ----------
    case : Case
    indices, labels : (n,) int, places in the pool, and their true labels

    Returns
    -------
    RepairOutcome
        `case.trainer` holds the repaired model.
    """
    lacking = np.flatnonzero(np.asarray(labels) < 0)
    if lacking.size:
        raise ValueError(f"sample {indices[lacking[0]]} has no label: retrain on samples that have one")
    known = np.zeros(len(case.data.x_pool), np.int32)
    known[indices] = labels
    splits, replay = case.data.splits(known), case.options.replay
    with case.trainer.at(case.initial_state):
        before = _predictions(case)
    indices, rate = np.asarray(indices), case.learning_rate
    outcome = _retrain_once(case, splits, indices, replay, before, rate)
    first = outcome.training
    if rate is None and first.stands_still and first.known < 1 and (rate := higher_rate(case, first)):
        outcome = _retrain_once(case, splits, indices, replay, before, rate)
    while outcome.harms and outcome.changed and 0 < replay * len(indices) < len(splits.train):
        replay *= 2
        again, tries = _retrain_once(case, splits, indices, replay, before, rate), outcome.tries + 1
        outcome = min(outcome, again, key=lambda each: (len(each.new_bugs), each.broken - each.fixed))
        outcome = replace(outcome, tries=tries)
    case.trainer.restore(outcome.state)
    return replace(outcome, added=(indices, np.asarray(labels)))


def _retrain_once(case, splits, indices, replay, before, learning_rate):
    training = train(case, splits, indices, replay, learning_rate)
    return _outcome(case, before, _predictions(case), replay, training)


def _predictions(case):
    parts = {"validation": case.data.x_validation, "test": case.data.x_test}
    return {part: case.trainer.predict(x).argmax(axis=1) for part, x in parts.items() if x is not None}


def _outcome(case, before, after, replay, training):
    data, truth = case.data, {"validation": case.data.y_validation, "test": case.data.y_test}
    columns, overall = {"label": data.class_names}, {}
    for part in before:
        prefix = "" if part == "validation" else f"{part}_"
        for when, predictions in (("before", before), ("after", after)):
            columns[prefix + when] = label_accuracies(truth[part], predictions[part], data.n_classes)
            overall[f"{prefix}accuracy_{when}"] = float((predictions[part] == truth[part]).mean())
    labels = pd.DataFrame(columns)
    was, is_ = (predictions["validation"] == data.y_validation for predictions in (before, after))
    counts = {"samples": np.ones_like(was), "fixed": ~was & is_, "broken": was & ~is_}
    counts = {name: np.bincount(data.y_validation[part], minlength=data.n_classes) for name, part in counts.items()}
    found = {"change": labels["after"] - labels["before"], **counts}
    found |= {"verdict": judge_labels(**counts, tolerance=case.tolerance)}
    for place, (name, column) in enumerate(found.items(), start=3):
        labels.insert(place, name, column)
    new_bugs = labels.loc[labels["verdict"] == NEW_BUG, "label"].tolist()
    fixed, broken = (int(counts[name].sum()) for name in ("fixed", "broken"))
    return RepairOutcome(labels, fixed, broken, new_bugs, replay, case.trainer.state(), training, overall)
