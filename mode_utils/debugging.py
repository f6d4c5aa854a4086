"""The MODE loop and its control.

Both take one path: a strategy chooses a batch from its own copy of the pool, the model is retrained on it and scored,
until the budget is spent or the strategy finds nothing to repair. Given the same generator, batches are shuffled alike.
"""

import time

import numpy as np
import pandas as pd

from mode_utils.diagnosis import find_overfit_labels, find_underfit_labels, label_accuracies
from mode_utils.heatmaps import class_heatmaps
from mode_utils.input_selection import Batch, Pool, select_inputs
from mode_utils.layer_selection import last_hidden_layer, select_target_layer
from mode_utils.options import check_budget
from mode_utils.similarity import similarity_scores

_RANKING_OF_FAULT = {"underfit": "best", "overfit": "worst"}


def debug_model(trainer, splits, options, rng):
    """Repair the model that `trainer` holds by MODE.

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
        A row an iteration, 0 being the model before the repair: `iteration`, `samples_added`, `test_accuracy`,
        `diagnosis_accuracy`, `weakest_label_accuracy` (lowest test accuracy of a label), all in [0, 1]; `fault` and
        `target_label` that the iteration served, `target_layer`, `n_ranked` (samples taken by rank; 0 where the heat
        map does not exist and the label's samples are drawn at random); `seconds`; `finished_early`.

    Raises
    ------
    ValueError
        If the pool is smaller than `batch_size` x `max_iterations`.

    References
    ----------
    Ma et al., ESEC/FSE 2018, doi 10.1145/3236024.3236082. Unlike the earlier replication, diagnosis does not look at
    the test set, unless the splits say so.
    """
    retraining, selection = rng.spawn(2)

    def choose(pool):
        fault, label, predictions = _faultiest_label(trainer, splits, options)
        if label is None:
            return None
        layer, predictions = _view(trainer, splits, options, predictions, selection)
        scores = _candidate_scores(trainer, splits, options, predictions, layer, pool.candidates(label), label)
        batch = _select(pool, label, fault, scores, options, selection)
        n_ranked = 0 if scores is None else len(batch.ranked)
        return batch, {"fault": fault, "target_label": label, "target_layer": layer, "n_ranked": n_ranked}

    return _retrain(trainer, splits, options, retraining, choose)


def retrain_at_random(trainer, splits, options, rng):
    """Give the model as many new samples, drawn at random from the whole pool: the control.

    Parameters, result and errors are those of `debug_model`; of the options only `batch_size`, `max_iterations` and
    `epochs` matter.
    """
    retraining, selection = rng.spawn(2)

    def choose(pool):
        drawn = selection.choice(pool.remaining(), options.batch_size, replace=False)
        return Batch(ranked=drawn[:0], random=drawn), {}

    return _retrain(trainer, splits, options, retraining, choose)


def _retrain(trainer, splits, options, rng, choose):
    """Choose, retrain and score until the budget is spent or `choose` returns None."""
    pool = Pool(splits.bug_fixing.y)
    check_budget(options, len(pool))
    rows = [{"iteration": 0, "samples_added": 0, **_scores(trainer, splits), "seconds": 0.0}]
    for iteration in range(1, options.max_iterations + 1):
        started = time.perf_counter()
        choice = choose(pool)
        if choice is None:
            break
        batch, why = choice
        pool.take(batch.indices)
        trainer.fit(*splits.bug_fixing.take(batch.indices), epochs=options.epochs, rng=rng)
        seconds = time.perf_counter() - started
        rows.append({"iteration": iteration, **_scores(trainer, splits), **why, "seconds": seconds})
        rows[-1]["samples_added"] = len(splits.bug_fixing) - len(pool)
    table = pd.DataFrame(rows, columns=_COLUMNS).astype({"target_label": "Int64", "n_ranked": "Int64"})
    return table.assign(finished_early=len(table) <= options.max_iterations)


_COLUMNS = [
    "iteration", "samples_added", "test_accuracy", "diagnosis_accuracy", "weakest_label_accuracy",
    "fault", "target_label", "target_layer", "n_ranked", "seconds",
]  # fmt: skip


def _predict_labels(trainer, subset):
    return trainer.predict(subset.x).argmax(axis=1)


def _scores(trainer, splits):
    predictions = _predict_labels(trainer, splits.test)
    diagnosis_predictions = _predict_labels(trainer, splits.diagnosis)
    return {
        "test_accuracy": float((predictions == splits.test.y).mean()),
        "diagnosis_accuracy": float((diagnosis_predictions == splits.diagnosis.y).mean()),
        "weakest_label_accuracy": float(np.nanmin(label_accuracies(splits.test.y, predictions, splits.n_classes))),
    }


def _faultiest_label(trainer, splits, options):
    """Return fault and label, both None when no label is buggy, and the predictions for the diagnosis samples."""
    predictions = _predict_labels(trainer, splits.diagnosis)
    train = label_accuracies(splits.train.y, _predict_labels(trainer, splits.train), splits.n_classes)
    diagnosis = label_accuracies(splits.diagnosis.y, predictions, splits.n_classes)
    underfit = find_underfit_labels(train, diagnosis, options.theta)
    overfit = find_overfit_labels(train, diagnosis, options.gamma)
    if underfit.size:
        return "underfit", int(underfit[0]), predictions
    if overfit.size:
        return "overfit", int(overfit[0]), predictions
    return None, None, predictions


def _view(trainer, splits, options, predictions, rng):
    """Return the layer to look at (None if pixels are all there is to see) and whose predictions count."""
    if options.layer_selection:
        target = select_target_layer(trainer, splits.train, splits.diagnosis, rng, options.similarity_threshold)
        return target.name, target.predictions
    return (last_hidden_layer(trainer.model) if options.space == "neurons" else None), predictions


def _candidate_scores(trainer, splits, options, predictions, layer, candidates, label):
    """Score candidates of a label against its heat map, or return None when that does not exist."""

    def features(x):
        return x if options.space == "pixels" else trainer.activations(x, [layer])[0]

    heatmaps = class_heatmaps(features(splits.diagnosis.x), splits.diagnosis.y, predictions, splits.n_classes)
    if label in heatmaps.missing(options.heatmap) or not candidates.size:
        return None
    samples, _ = splits.bug_fixing.take(candidates)
    heatmap = heatmaps.of(label, options.heatmap)
    return similarity_scores(features(samples), heatmap, options.metric, options.minkowski_p)


def _select(pool, label, fault, scores, options, rng):
    scores = rng.random(len(pool.candidates(label))) if scores is None else scores
    ranking = _RANKING_OF_FAULT[fault] if options.ranking == "auto" else options.ranking
    return select_inputs(pool, label, scores, rng, options.batch_size, options.alpha, ranking)
