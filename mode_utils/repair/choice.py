"""A look at the pool, and what is to be added: the same for a model and for the outputs of one."""

from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from mode_utils.diagnosis import Assessment
from mode_utils.repair.pool_faults import PoolFaults
from mode_utils.repair.pool_scan import look_at_outputs, scan_pool
from mode_utils.selection.allocation import allocate
from mode_utils.selection.pool import Pool, draw_batch
from mode_utils.selection.schedule import Schedule
from mode_utils.selection.screening import Screen
from mode_utils.selection.selectors import looks_of, scanned_selectors, selector_scores


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a model.

    Attributes
    ----------
    labels : pandas.DataFrame
        A row a label: `label`, its name; `train_accuracy`, if it is known, and `validation_accuracy`; `fault`,
        "underfit", "overfit" or "".
    confusions : pandas.DataFrame
        `label`, `predicted`, `samples` and `share` of the label's validation samples, the most frequent first.
    assessment : diagnosis.Assessment
    """

    labels: pd.DataFrame
    confusions: pd.DataFrame
    assessment: Assessment


@dataclass(frozen=True)
class ArraysChoice:
    """What is wrong with a model, with the pool, and what to add, from arrays alone.

    Attributes
    ----------
    case : outputs.OutputsCase
        Its `notes` are sentences on how the arrays were read. Of a pool in shards, its samples are the candidates that
        these have handed over.
    diagnosis : Diagnosis
    faults : pool_faults.PoolFaults
    chosen : pandas.DataFrame
        See `steps.choose_inputs`. Of a pool in shards, `index` counts the rows of all in the order of their names, and
        `name` is the row's own, or that of its shard with the row's number.
    rows : dict of str to int
        Rows of each shard, if there are any.
    """

    case: object
    diagnosis: Diagnosis
    faults: PoolFaults
    chosen: pd.DataFrame
    rows: dict[str, int] = field(default_factory=dict)


def describe(data, assessment):
    """Return an assessment of a case's data as a `Diagnosis`."""
    names = np.array(data.class_names)
    faults = np.full(data.n_classes, "", dtype=object)
    for fault in ("overfit", "underfit"):  # a label that is both is underfit
        faults[assessment.buggy[fault]] = fault
    seen, unseen = assessment.train_accuracies, assessment.diagnosis_accuracies
    accuracies = ({} if seen is unseen else {"train_accuracy": seen}) | {"validation_accuracy": unseen}
    labels = pd.DataFrame({"label": names, **accuracies, "fault": faults})
    return Diagnosis(labels, _confusions(data.y_validation, assessment.predictions, names), assessment)


def look_at_pool(case):
    """Look at each sample of the pool once, as it is and as a reference sees it.

    Parameters
    ----------
    case : Case or OutputsCase

    Returns
    -------
    pool_scan.PoolScan
        For `pool_faults.find_faults` and `choose_from_scan`.
    """
    options, scanned = case.options, scanned_selectors(case.options)
    keep = scanned is None and "beliefs" in looks_of(options.selector)
    ask = "beliefs" in looks_of(options.selector) or "doubtful" in options.skip
    divides = np.random.default_rng(case.seed).spawn(1)[0]  # as the laboratory does
    return scan_pool(case.outputs, case.data.y_validation, divides, case.data.y_pool, scanned or (), ask, keep)


def choose_from_scan(case, diagnosis, scan, look=None):
    """Choose the samples of a pool that are worth adding, or worth a label, from a look at the pool.

    Parameters
    ----------
    case : Case or OutputsCase
        Its `data`, `options`, `seed` and `used`.
    diagnosis : Diagnosis
    scan : pool_scan.PoolScan
    look : callable, optional
        From groups, fault and generator to `selection.candidates.Candidates`, for a selector that needs more than the
        scan has.

    Returns
    -------
    pandas.DataFrame
        See `steps.choose_inputs`.
    """
    data, options = case.data, case.options
    rng, apart = np.random.default_rng(case.seed), deepcopy(scan.rng)
    pool, assessment = Pool(scan.labels), diagnosis.assessment
    pool.take(np.union1d(case.used, data.known_places).astype(int))
    fault, needs = Schedule(options).next_needs(assessment)
    if needs is not None and not needs.any():
        return _describe(case, scan, diagnosis, np.empty(0, int), np.empty(0), np.empty(0, bool))
    groups = allocate(pool, needs, options.batch_size, options.alpha)
    look = look or partial(look_at_outputs, case, scan, assessment)
    candidates = look(groups, fault, rng)
    scores = selector_scores(candidates)
    screen = Screen(options.skip, data.splits(scan.labels), apart, scan.believed) if options.skip else None
    batch = draw_batch(pool, groups, scores, rng, options.batch_size, candidates.temperature, screen)
    every = np.full(len(scan.labels), np.nan)
    every[batch.candidates] = scores
    wanted = np.isin(batch.indices, batch.candidates)
    return _describe(case, scan, diagnosis, batch.indices, every[batch.indices], wanted)


def _confusions(labels, predictions, names):
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (labels, predictions), 1)
    rows, columns = np.nonzero(counts * (1 - np.eye(len(names), dtype=int)))
    table = {"label": names[rows], "predicted": names[columns], "samples": counts[rows, columns]}
    table["share"] = counts[rows, columns] / counts.sum(axis=1)[rows]
    return pd.DataFrame(table).sort_values("samples", ascending=False, ignore_index=True, kind="stable")


def _describe(case, scan, diagnosis, indices, scores, wanted):
    names = np.array(case.data.class_names)
    own = case.data.known_as
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
    fails = "no validation sample is known" if np.isnan(error) else f"the model gets {error:.0%} wrong"
    return f"{how}{whose}, of which {fails}; {seen} ({row.confidence:.0%} sure)"
