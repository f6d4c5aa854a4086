"""The MODE loop and its control.

Both take one path: a strategy chooses a batch from its own copy of the pool, the model is retrained on it and assessed,
until the budget is spent or the strategy finds nothing to repair. Given the same generator, batches are shuffled alike.
"""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mode_utils.allocation import SERVE_BUGS, allocate
from mode_utils.candidates import Candidates
from mode_utils.diagnosis import find_overfit_labels, find_underfit_labels, label_accuracies
from mode_utils.input_selection import Batch, Pool, select_inputs
from mode_utils.options import check_budget
from mode_utils.replay import Replay
from mode_utils.schedule import Schedule
from mode_utils.selectors import selector_scores


@dataclass(frozen=True)
class Assessment:
    """A model at one moment.

    Its buggy labels by fault and how far labels are from not being buggy, the error of each label and the predictions
    for the diagnosis samples, and scores for the table.
    """

    buggy: dict[str, np.ndarray]
    deficits: dict[str, np.ndarray]
    errors: np.ndarray
    predictions: np.ndarray
    scores: dict[str, float]


def debug_model(trainer, splits, options, rng):
    """Repair the model that `trainer` holds by MODE.

    Buggy labels: underfit ones are served first, for `max_iterations` or until there are none; then overfit ones,
    likewise; and if there were any, underfit ones again. An allocation that serves all labels takes `max_iterations`.

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
        (lowest test accuracy of a label), all in [0, 1]; `n_underfit`, `n_overfit`, buggy labels; `fault` that the
        iteration served, and `target_label` that got most; `target_layer`, if one was looked at, `n_ranked` (samples
        taken by rank; 0 if they are drawn at random, because the heat map does not exist or the options say so);
        `seconds` and how many of them were `selection_seconds`; and in every row `finished_early`: no phase was ended
        by its limit.

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
    schedule = Schedule(options)

    def choose(pool, assessment):
        return next_batch(trainer, splits, options, pool, assessment, selection, schedule)

    table = _retrain(trainer, splits, options, retraining, choose, schedule.most_iterations)
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


def next_batch(trainer, splits, options, pool, assessment, rng, schedule=None):
    """Choose the next samples of a repair.

    Parameters
    ----------
    trainer, splits, options
        See `debug_model`.
    pool : Pool
        What is left; not changed.
    assessment : Assessment
        Of the model as it is.
    rng : numpy.random.Generator
    schedule : Schedule, optional
        Of the repair that this is a step of; by default it is the first.

    Returns
    -------
    (Batch, dict) or None
        The samples, and the columns of the table that say why; None if there is nothing to do.
    """
    fault, needs = (schedule or Schedule(options)).next_needs(assessment)
    if needs is not None and not needs.any():
        return None
    groups = allocate(pool, needs, options.batch_size, options.alpha)
    candidates = Candidates(trainer, splits, options, groups, fault, assessment.predictions, rng)
    scores = selector_scores(candidates)
    batch = select_inputs(pool, groups, scores, rng, options.batch_size, candidates.temperature)
    target = pd.NA if needs is None else int(np.argmax(needs))
    why = {"fault": fault, "target_label": target, "target_layer": candidates.target_layer}
    return batch, {**why, "n_ranked": len(batch.ranked)}


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
    accuracies = seen, unseen = (
        label_accuracies(splits.train.y, train, splits.n_classes),
        label_accuracies(splits.diagnosis.y, diagnosis, splits.n_classes),
    )
    deficits = {"underfit": theta - unseen, "overfit": seen - unseen - gamma}
    buggy = {"underfit": find_underfit_labels(*accuracies, theta), "overfit": find_overfit_labels(*accuracies, gamma)}
    scores = {
        "test_accuracy": float((test == splits.test.y).mean()),
        "diagnosis_accuracy": float((diagnosis == splits.diagnosis.y).mean()),
        "train_accuracy": float((train == splits.train.y).mean()),
        "weakest_label_accuracy": float(np.nanmin(label_accuracies(splits.test.y, test, splits.n_classes))),
        **{f"n_{fault}": len(labels) for fault, labels in buggy.items()},
    }
    return Assessment(buggy, deficits, 1 - unseen, diagnosis, scores)


def _retrain(trainer, splits, options, rng, choose, n_iterations):
    """Choose, retrain and assess until the budget or the pool is spent, or `choose` returns None."""
    pool = Pool(splits.bug_fixing.y)
    check_budget(options, len(pool))
    memory = Replay(splits, options.replay, rng.spawn(1)[0])
    pools = () if options.allocation in SERVE_BUGS else (splits.bug_fixing,)
    held = [part.x for part in (splits.train, splits.diagnosis, splits.test, *pools)]  # copied once for all iterations
    assessment = assess(trainer, splits, options.theta, options.gamma)
    rows = [{"iteration": 0, "samples_added": 0, **assessment.scores, "seconds": 0.0}]
    for iteration in range(1, min(n_iterations, len(pool) // options.batch_size) + 1):
        started = time.perf_counter()
        choice = choose(pool, assessment)
        if choice is None:
            break
        batch, why = choice
        pool.take(batch.indices)
        selected = time.perf_counter()
        trainer.fit(*memory.with_old(batch.indices), epochs=options.epochs, rng=rng)
        seconds = {"seconds": time.perf_counter() - started, "selection_seconds": selected - started}
        assessment = assess(trainer, splits, options.theta, options.gamma)
        rows.append({"iteration": iteration, **assessment.scores, **why, **seconds})
        rows[-1]["samples_added"] = len(splits.bug_fixing) - len(pool)
    del held
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"target_label": "Int64", "n_ranked": "Int64"})


_COLUMNS = [
    "iteration", "samples_added", "test_accuracy", "diagnosis_accuracy", "train_accuracy", "weakest_label_accuracy",
    "n_underfit", "n_overfit", "fault", "target_label", "target_layer", "n_ranked", "seconds", "selection_seconds",
]  # fmt: skip
