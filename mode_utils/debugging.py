"""The MODE loop and its control.

Both take one path: a strategy chooses a batch from its own copy of the pool, the model is retrained on it and assessed,
until the budget is spent or the strategy finds nothing to repair. Given the same generator, batches are shuffled alike.
"""

import time

import numpy as np
import pandas as pd

from mode_utils.diagnosis import assess
from mode_utils.input_selection import know_pool, known_labels, select_inputs
from mode_utils.options import check_budget
from mode_utils.selection.allocation import SERVE_BUGS
from mode_utils.selection.pool import Pool
from mode_utils.selection.replay import Replay
from mode_utils.selection.schedule import Schedule
from mode_utils.study.runs_table import ITERATION_COLUMNS, POOL_COLUMNS, TIMES


def debug_model(trainer, splits, options, rng, diagnosis=None, first_view=None, beliefs=None):
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
    diagnosis : diagnosis.Assessment, optional
        Of the model as it is, with the options' theta and gamma, if it is known.
    first_view : callable, optional
        In place of `selection.view.choose_view` in the first iteration, if what it finds is known.
    beliefs : (n_pool, n_classes) float, optional
        Of `selection.reference.believe`, if they are known.

    Returns
    -------
    pandas.DataFrame
        A row an iteration, 0 being the model before the repair: `iteration`, `samples_added`; `test_accuracy`,
        `diagnosis_accuracy`, `train_accuracy` (of the samples it was first trained on), `weakest_label_accuracy`
        (lowest test accuracy of a label), all in [0, 1]; `n_underfit`, `n_overfit`, buggy labels; `fault` that the
        iteration served, and `target_label` that got most; `target_layer`, if one was looked at, `n_ranked` (samples
        taken by rank; 0 if they are drawn at random, because the heat map does not exist or the options say so);
        `seconds` and how many of them were `selection_seconds`; and in every row `finished_early`: at the end no label
        was in need, neither buggy nor, for an allocation that serves all labels, wrong at all. If the truth about the
        pool is known: `wrong_share`, `distinct_share`, `foreign_share` of all samples added so far.

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
    schedule, views = Schedule(options), iter([first_view])
    beliefs, screen = know_pool(trainer, splits, options, selection, beliefs)
    known = {"beliefs": beliefs, "screen": screen}

    def choose(pool, diagnosis):
        view = next(views, None)
        batch = select_inputs(trainer, splits, options, diagnosis, selection, pool, schedule, view=view, **known)
        return batch and (batch.indices, _why(batch))

    pool = Pool(known_labels(splits, beliefs))
    table, end = _retrain(trainer, splits, options, retraining, choose, schedule.most_iterations, pool, diagnosis)
    return table.assign(finished_early=schedule.has_nothing_left(end))


def retrain_at_random(trainer, splits, options, rng, n_iterations=None, diagnosis=None):
    """Give the model as many new samples, drawn at random from the whole pool: the control.

    Parameters, result and errors are those of `debug_model`. It takes `n_iterations`, by default as many as a repair
    with these options can take, so that it has a row wherever that may end; as far as the pool lasts.
    """
    retraining, selection = rng.spawn(2)

    def choose(pool, _):
        drawn = selection.choice(pool.remaining(), options.batch_size, replace=False)
        return drawn, {}

    pool = Pool(splits.bug_fixing.y)
    n_iterations = n_iterations or Schedule(options).most_iterations
    table, _ = _retrain(trainer, splits, options, retraining, choose, n_iterations, pool, diagnosis)
    return table.assign(finished_early=False)


def _retrain(trainer, splits, options, rng, choose, n_iterations, pool, diagnosis=None):
    """Choose, retrain and assess until the budget or the pool is spent, or `choose` returns None.

    Returns the table, and the assessment of the model as it is then.
    """
    check_budget(options, len(pool))
    memory = Replay(splits, options.replay, rng.spawn(1)[0])
    ranks_all = () if options.allocation in SERVE_BUGS else ("bug_fixing",)
    with splits.in_memory("train", "diagnosis", "test", *ranks_all):
        diagnosis = diagnosis or assess(trainer, splits, options.theta, options.gamma)
        rows = [{"iteration": 0, "samples_added": 0, **diagnosis.scores, "seconds": 0.0}]
        for iteration in range(1, min(n_iterations, len(pool) // options.batch_size) + 1):
            started = time.perf_counter()
            choice = choose(pool, diagnosis)
            if choice is None:
                break
            indices, why = choice
            pool.take(indices)
            selected = time.perf_counter()
            trainer.fit(*memory.with_old(indices), epochs=options.epochs, rng=rng)
            times = dict(zip(TIMES, (time.perf_counter() - started, selected - started), strict=True))
            diagnosis = assess(trainer, splits, options.theta, options.gamma)
            rows.append({"iteration": iteration, **diagnosis.scores, **why, **times})
            rows[-1]["samples_added"] = len(splits.bug_fixing) - len(pool)
            if splits.pool_truth:
                rows[-1] |= splits.pool_truth.shares(np.flatnonzero(~pool.available))
    columns = [*ITERATION_COLUMNS, *(POOL_COLUMNS if splits.pool_truth else ())]
    return pd.DataFrame(rows, columns=columns).astype({"target_label": "Int64", "n_ranked": "Int64"}), diagnosis


def _why(batch):
    """Return the columns of the table that say why a batch was chosen."""
    target = pd.NA if batch.target_label is None else batch.target_label
    why = {"fault": batch.fault, "target_label": target, "target_layer": batch.target_layer}
    return why | {"n_ranked": len(batch.ranked)}
