"""Choose from a pool in shards, on the cores of this machine or of a cluster, in one pass.

Each shard hands over its best rows a label and a few sums (see `shards`), which are merged as they come. The rule is
that of `choice`; what differs is where random numbers come from, so that the choice depends neither on the number of
workers nor on the order of the shards, and that the reference has learned from validation samples alone.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from mode_utils.heatmaps import class_heatmaps
from mode_utils.repair.choice import ArraysChoice, choose_from_scan
from mode_utils.repair.outputs import diagnose_outputs, open_outputs
from mode_utils.repair.pool_faults import PoolFaults
from mode_utils.repair.pool_scan import PoolScan, lessons, score_chunk
from mode_utils.repair.reading.shard_files import find_shards
from mode_utils.repair.shards import BINS, Plan, confidence_bins, scan_shard
from mode_utils.selection.allocation import share_by_need
from mode_utils.selection.reference import StatesReference
from mode_utils.selection.schedule import Schedule
from mode_utils.selection.screening import FOREIGN_SHARE, foreign_limit, known_samples, outlines
from mode_utils.selection.selectors import SELECTORS

_SURELY = 0.05  # share of copies that a sketch cannot be wrong about
_MORE, _LEAST = 2, 64  # rows of a label that a shard hands over, for each that it is meant to get, and beside these


def choose_from_shards(arrays, pool, budget, *, workers=None, scheduler=None, on_shard=None, **options):
    """Choose rows of a pool in shards.

    Parameters
    ----------
    arrays : dict of str to array, or path of an .npz file
        `probabilities_validation`, `features_validation`, `y_validation`, and what else `outputs` has, without a pool.
    pool : str
        See `shard_files.find_shards`.
    budget : int
    workers : int, optional
        Processes on this machine; by default one a core.
    scheduler : str, optional
        Address of a running Dask cluster, such as ``tcp://10.0.0.1:8786``, in place of workers.
    on_shard : callable, optional
        Called with the number of shards that are done, and of all.
    **options
        Of `outputs.open_outputs`.

    Returns
    -------
    choice.ArraysChoice

    Raises
    ------
    FileNotFoundError, ValueError, ConnectionError
        In one sentence, what is wrong; the shard in which it is.
    """
    case = open_outputs(arrays, budget, in_shards=True, **options)
    diagnosis, shards = diagnose_outputs(case), find_shards(pool)
    plan = make_plan(case, diagnosis)
    summary = scan_shards(plan, shards, workers, scheduler, on_shard)
    n = sum(summary.rows.values())
    left = n if summary.labelled == n else n - summary.labelled
    if budget > left:
        without = "" if left == n else f" without a label, of {n}"
        raise ValueError(f"a budget of {budget} is larger than the pool, which has {left} rows{without}")
    return _chosen(case, diagnosis, summary)


def make_plan(case, diagnosis):
    """Return all that a shard is looked at with, `shards.Plan`, from validation samples."""
    options, rng = case.options, np.random.default_rng(case.seed)
    selector = SELECTORS[options.selector]
    if not selector.one_by_one or selector.blends:
        raise ValueError(
            f"selector {options.selector!r} compares samples with each other: a pool in shards needs others"
        )
    if options.allocation == "whole pool" or options.alpha < 1:
        raise ValueError("with a pool in shards all places go to labels in need: allocation by label, and alpha 1")
    known, probabilities = case.outputs.of_validation()
    y, n_classes = case.data.y_validation, case.data.n_classes
    maps = class_heatmaps(known, y, probabilities.argmax(axis=1), n_classes)
    reference = StatesReference(n_classes, *lessons(case.outputs, known, y), rng)
    beliefs = reference.believe(np.arange(len(y)), known)
    own, _, _, _, scores = score_chunk(known, probabilities, beliefs, maps, None, (options.selector,))
    errors = np.nan_to_num(diagnosis.assessment.errors, nan=1.0)
    needs = np.broadcast_to(Schedule(options).next_needs(diagnosis.assessment)[1], n_classes)  # one 0 if there are none
    quotas = share_by_need(options.batch_size, needs, np.full(n_classes, options.batch_size))
    wanted = np.where(needs > 0, np.minimum(_MORE * quotas + _LEAST, options.batch_size + _LEAST), 0)
    outlined = outlines(known_samples(case.data.splits(), rng))
    temperatures = options.temperature * (errors if options.scale_temperature else np.ones(n_classes))
    return Plan(
        reference, maps, known.shape[1], options.selector, wanted,
        _spreads(np.nan_to_num(scores[options.selector]), own, n_classes),
        temperatures, outlined, foreign_limit(outlined), case.seed, case.data.class_names,
    )  # fmt: skip


def scan_shards(plan, shards, workers=None, scheduler=None, on_shard=None):
    """Look at all shards; return their merged `shards.ShardSummary`.

    One worker is this process; more are a cluster, in which a worker that dies costs its shard: another looks at it.
    """
    from mode_utils.sweep.cluster import count_workers  # takes a second to import; a pool in one file does without

    workers = 0 if scheduler else min(count_workers(workers), len(shards))
    each = (scan_shard(plan, name, url) for name, url in shards.items())
    whole = None
    for done, summary in enumerate(each if workers == 1 else _on_cluster(plan, shards, workers, scheduler), start=1):
        whole = summary if whole is None else whole.merged(summary, plan.wanted)
        if on_shard:
            on_shard(done, len(shards))
    return whole


def _on_cluster(plan, shards, workers, scheduler):
    """Yield the summaries of shards as they come."""
    from distributed import as_completed

    from mode_utils.sweep.cluster import local_client, remote_client

    with remote_client(scheduler) if scheduler else local_client(workers) as client:
        shared = client.scatter(plan, broadcast=True)
        futures = [client.submit(scan_shard, shared, name, url, pure=False) for name, url in shards.items()]
        try:
            for future in as_completed(futures):
                yield future.result()
                future.release()
        except BaseException:
            client.cancel(futures)
            raise


def _spreads(scores, own, n_classes):
    """Return the standard deviation of each label's scores; where that says nothing, that of all."""
    overall = float(scores.std()) or 1.0
    spreads = np.full(n_classes, overall)
    for label in range(n_classes):
        few = scores[own == label]
        spreads[label] = few.std() if len(few) > 2 and few.std() > 0.05 * overall else overall
    return spreads


def _chosen(case, diagnosis, summary):
    """Choose among the candidates as among a pool of their own; what they are called is that of the whole pool."""
    place = summary.candidates.sort_values(["shard", "row"]).index.to_numpy()
    summary = replace(summary, candidates=summary.candidates.iloc[place], features=summary.features[place])
    n, keys = sum(summary.rows.values()), summary.standardised().to_numpy()
    labelled = summary.labelled == n
    open_ = (summary.candidates["group"] >= case.data.n_classes).to_numpy() == labelled
    table, keys, features = summary.candidates[open_].reset_index(drop=True), keys[open_], summary.features[open_]
    if 0 < len(table) < case.options.batch_size:
        raise ValueError(f"only {len(table)} different rows are of labels in need: choose fewer than {len(table) + 1}")
    labels, names = table["label"].to_numpy(np.int32), table["name"].to_numpy(str)
    data = replace(case.data, x_pool=features, y_pool=labels if labelled else None, names_pool=names)
    notes = (*case.notes, _say_rows(summary, n), _say_confidence(case, summary))
    case = replace(case, data=data, notes=notes, n_pool=n)
    softened = replace(case, options=replace(case.options, temperature=0.0))  # the keys are
    predicted, confidence, believed = (table[name].to_numpy() for name in ("predicted", "confidence", "believed"))
    scores = {case.options.selector: keys}
    scan = PoolScan(labels, predicted, confidence, scores, believed, np.random.default_rng(case.seed))
    chosen = choose_from_scan(softened, diagnosis, scan)
    rows = table.iloc[chosen["index"].to_numpy()]
    starts = dict(zip(summary.rows, np.cumsum([0, *summary.rows.values()]), strict=False))
    index = rows["row"].to_numpy() + rows["shard"].map(starts).to_numpy(np.int64)
    chosen = chosen.assign(index=index, score=rows["score"].to_numpy())
    return ArraysChoice(case, diagnosis, _faults(summary), chosen, summary.rows)


def _say_rows(summary, n):
    """Say how many rows there are, and how many have a label where others have none."""
    known = f"; {summary.labelled:,} of them have a label and are not chosen from" if 0 < summary.labelled < n else ""
    return f"The pool: {n:,} rows in {len(summary.rows):,} shards{known}."


def _say_confidence(case, summary):
    """Say how the model will do on the pool, by its accuracy at the same confidence on validation samples."""
    probabilities = case.outputs.of_validation()[1]
    right, bins = probabilities.argmax(axis=1) == case.data.y_validation, confidence_bins(probabilities.max(axis=1))
    seen, counts = np.bincount(bins, minlength=BINS), summary.confidences.sum(axis=0)
    shares = np.where(seen, np.bincount(bins, right, minlength=BINS) / np.maximum(seen, 1), right.mean())
    expected = (shares * counts).sum() / counts.sum()
    return (
        f"By how sure it is, the model gets about {expected:.0%} of the pool right; of validation {right.mean():.0%}."
    )


def _faults(summary):
    """Return faults of the pool, by counts and sketches."""
    n, rows = sum(summary.rows.values()), []
    if summary.labelled == n and summary.doubtful:
        meaning = f"a reference that agrees with {summary.agreeing / n:.0%} of all labels gives them at most one half"
        rows.append(("doubtful labels", summary.doubtful, n, meaning))
    share = 1 - summary.different_share()
    if share > (0 if summary.counted_exactly else _SURELY):
        rows.append(("exact copies", round(share * n), n, "the same as another row, about: one of each is chosen"))
    if summary.foreign > 2 * FOREIGN_SHARE * summary.tested + 2:
        meaning = f"unlike all validation samples ({FOREIGN_SHARE:.0%} of those would be, too), of rows drawn at random"
        rows.append(("foreign", summary.foreign, summary.tested, meaning))
    return PoolFaults(pd.DataFrame(rows, columns=["fault", "found", "of", "meaning"]), {}, np.empty(0, int))
