"""The MODE loop and its control.

Both take one path: a strategy chooses a batch from its own copy of the pool, the model is retrained on it and assessed,
until the budget is spent or the strategy finds nothing to repair. Given the same generator, batches are shuffled alike.
"""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mode_utils.diagnosis import find_overfit_labels, find_underfit_labels, label_accuracies
from mode_utils.feature_models import GRID
from mode_utils.heatmaps import class_heatmaps
from mode_utils.input_selection import Batch, Pool, select_inputs
from mode_utils.options import OVERFIT_SELECTIONS, check_budget
from mode_utils.similarity import similarity_scores
from mode_utils.views import choose_view

PHASES = ("underfit", "overfit", "underfit")


@dataclass(frozen=True)
class Assessment:
    """A model at one moment: its buggy labels by fault, predictions for the diagnosis samples, scores for the table."""

    buggy: dict[str, np.ndarray]
    predictions: np.ndarray
    scores: dict[str, float]


def debug_model(trainer, splits, options, rng):
    """Repair the model that `trainer` holds by MODE.

    Underfit labels are served first, for `max_iterations` or until there are none; then overfit ones, likewise; and if
    there were any, underfit ones again.

    Parameters
    ----------
    trainer : Trainer
        Holds the trained model; holds the repaired one afterwards.
    splits : Splits
        Not changed.
    options : DebugOptions
    rng : numpy.random.Generator
        A control that gets a generator of the same seed is paired with this run.

    Returns
    -------
    pandas.DataFrame
        A row an iteration, 0 being the model before the repair: `iteration`, `samples_added`; `test_accuracy`,
        `diagnosis_accuracy`, `train_accuracy` (of the samples it was first trained on), `weakest_label_accuracy`
        (lowest test accuracy of a label), all in [0, 1]; `n_underfit`, `n_overfit`, buggy labels; `fault` and
        `target_label` that the iteration served, `target_layer`, `n_ranked` (samples taken by rank; 0 if the label's
        samples are drawn at random, because the heat map does not exist or the options say so); `seconds`; and in every
        row `finished_early`: no phase was ended by its limit.

    Raises
    ------
    ValueError
        If the pool is smaller than `batch_size` x `max_iterations`.

    References
    ----------
    Ma et al., ESEC/FSE 2018, doi 10.1145/3236024.3236082. Unlike the earlier replication, diagnosis does not look at
    the test set, unless the splits say so, and overfitting is met.
    """
    retraining, selection = rng.spawn(2)
    schedule = _Schedule(options.max_iterations)

    def choose(pool, assessment):
        fault, label = schedule.next_target(assessment.buggy)
        if label is None:
            return None
        view = choose_view(trainer, splits, options, fault, assessment.predictions, selection)
        candidates = pool.candidates(label)
        scores, ranking = _candidate_scores(trainer, splits, options, view, fault, label, candidates)
        ranked_by = selection.random(len(candidates)) if scores is None else scores
        batch = select_inputs(pool, label, ranked_by, selection, options.batch_size, options.alpha, ranking)
        n_ranked = 0 if scores is None else len(batch.ranked)
        return batch, {"fault": fault, "target_label": label, "target_layer": view.layer, "n_ranked": n_ranked}

    table = _retrain(trainer, splits, options, retraining, choose, options.max_iterations * len(PHASES))
    return table.assign(finished_early=not schedule.limited)


def retrain_at_random(trainer, splits, options, rng, n_iterations=None):
    """Give the model as many new samples, drawn at random from the whole pool: the control.

    Parameters, result and errors are those of `debug_model`. It takes `max_iterations` iterations, or `n_iterations`,
    as far as the pool lasts.
    """
    retraining, selection = rng.spawn(2)

    def choose(pool, _):
        drawn = selection.choice(pool.remaining(), options.batch_size, replace=False)
        return Batch(ranked=drawn[:0], random=drawn), {}

    table = _retrain(trainer, splits, options, retraining, choose, n_iterations or options.max_iterations)
    return table.assign(finished_early=False)


def assess(trainer, splits, theta, gamma):
    """Find out what a model gets wrong.

    Parameters
    ----------
    trainer : Trainer
    splits : Splits
    theta, gamma : float
        See `diagnosis`.

    Returns
    -------
    Assessment
    """
    train, diagnosis, test = (
        trainer.predict(part.x).argmax(axis=1) for part in (splits.train, splits.diagnosis, splits.test)
    )
    accuracies = (
        label_accuracies(splits.train.y, train, splits.n_classes),
        label_accuracies(splits.diagnosis.y, diagnosis, splits.n_classes),
    )
    buggy = {"underfit": find_underfit_labels(*accuracies, theta), "overfit": find_overfit_labels(*accuracies, gamma)}
    scores = {
        "test_accuracy": float((test == splits.test.y).mean()),
        "diagnosis_accuracy": float((diagnosis == splits.diagnosis.y).mean()),
        "train_accuracy": float((train == splits.train.y).mean()),
        "weakest_label_accuracy": float(np.nanmin(label_accuracies(splits.test.y, test, splits.n_classes))),
        **{f"n_{fault}": len(labels) for fault, labels in buggy.items()},
    }
    return Assessment(buggy, diagnosis, scores)


class _Schedule:
    """Underfitting first, then overfitting, and if there was any, underfitting again; each until clean or at its limit.

    `limited` says whether a phase was ended by its limit.
    """

    def __init__(self, max_iterations):
        self._phases = list(PHASES)
        self._limit = max_iterations
        self._used = 0
        self.limited = False

    def next_target(self, buggy):
        """Return the fault and the faultiest label to serve, or twice None."""
        while self._phases:
            fault = self._phases[0]
            if buggy[fault].size and self._used < self._limit:
                self._used += 1
                self.limited |= self._used == self._limit
                return fault, int(buggy[fault][0])
            self._phases = [] if fault == "overfit" and not self._used else self._phases[1:]
            self._used = 0
        return None, None


def _retrain(trainer, splits, options, rng, choose, n_iterations):
    """Choose, retrain and assess until the budget or the pool is spent, or `choose` returns None."""
    pool = Pool(splits.bug_fixing.y)
    check_budget(options, len(pool))
    held = [part.x for part in (splits.train, splits.diagnosis, splits.test)]  # copied once for all iterations
    assessment = assess(trainer, splits, options.theta, options.gamma)
    rows = [{"iteration": 0, "samples_added": 0, **assessment.scores, "seconds": 0.0}]
    for iteration in range(1, min(n_iterations, len(pool) // options.batch_size) + 1):
        started = time.perf_counter()
        choice = choose(pool, assessment)
        if choice is None:
            break
        batch, why = choice
        pool.take(batch.indices)
        trainer.fit(*splits.bug_fixing.take(batch.indices), epochs=options.epochs, rng=rng)
        seconds = time.perf_counter() - started
        assessment = assess(trainer, splits, options.theta, options.gamma)
        rows.append({"iteration": iteration, **assessment.scores, **why, "seconds": seconds})
        rows[-1]["samples_added"] = len(splits.bug_fixing) - len(pool)
    del held
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"target_label": "Int64", "n_ranked": "Int64"})


_COLUMNS = [
    "iteration", "samples_added", "test_accuracy", "diagnosis_accuracy", "train_accuracy", "weakest_label_accuracy",
    "n_underfit", "n_overfit", "fault", "target_label", "target_layer", "n_ranked", "seconds",
]  # fmt: skip


def _candidate_scores(trainer, splits, options, view, fault, label, candidates):
    """Return the candidates' similarity and the end of the ranking to take; None if they are drawn at random."""
    heatmap, ranking = (
        (options.heatmap, options.ranking) if fault == "underfit" else OVERFIT_SELECTIONS[options.overfit_selection]
    )
    if heatmap is None:
        return None, "best"
    weight = view.weights[:, label] if options.space == "importance" and view.weights is not None else 1

    def features(x):
        return x if options.space == "pixels" else trainer.activations(x, [view.layer], grid=GRID)[0] * weight

    heatmaps = class_heatmaps(features(splits.diagnosis.x), splits.diagnosis.y, view.predictions, splits.n_classes)
    if label in heatmaps.missing(heatmap) or not candidates.size:
        return None, "best"
    samples, _ = splits.bug_fixing.take(candidates)
    return similarity_scores(
        features(samples), heatmaps.of(label, heatmap), options.metric, options.minkowski_p
    ), ranking
