"""Which samples of the bug-fixing pool come next?

A batch holds samples that are selected, in the original those of the target label that are most similar to its heat
map, and samples of the other labels, drawn at random. The parts of the choice are in `selection`: which labels get how
many (`allocation`), what makes a sample wanted (`selectors`), and how the batch is drawn (`pool`).
"""

from dataclasses import replace

import numpy as np

from mode_utils.selection.allocation import allocate
from mode_utils.selection.candidates import look_at_candidates
from mode_utils.selection.pool import Pool, draw_batch, rank_candidates
from mode_utils.selection.schedule import Schedule
from mode_utils.selection.selectors import selector_scores
from mode_utils.similarity import similarity_scores


def select_inputs(trainer, splits, options, diagnosis, rng, pool=None, schedule=None, target_label=None, view=None):
    """Choose the next samples of a repair.

    Parameters
    ----------
    trainer : Trainer
        Holds the model, which is not changed.
    splits : Splits
    options : DebugOptions
    diagnosis : diagnosis.Assessment
        Of the model as it is.
    rng : numpy.random.Generator
    pool : Pool, optional
        What is left of the bug-fixing pool, by default all of it. Not changed: `Pool.take` removes the batch.
    schedule : Schedule, optional
        Of the repair that this is a step of; by default it is the first step.
    target_label : int, optional
        Serve this label, buggy or not, instead of what allocation and schedule say.
    view : callable, optional
        In place of `selection.candidates.choose_view`, if what it finds is known.

    Returns
    -------
    Batch or None
        `batch_size` samples, and why these; None if there is nothing to repair.

    Raises
    ------
    ValueError
        If the batch is larger than the pool, or the selector returns another number of scores.
    """
    pool = Pool(splits.bug_fixing.y) if pool is None else pool
    if target_label is None:
        fault, needs = (schedule or Schedule(options)).next_needs(diagnosis)
    else:
        overfit = target_label in diagnosis.buggy["overfit"] and target_label not in diagnosis.buggy["underfit"]
        fault, needs = "overfit" if overfit else "underfit", np.eye(splits.n_classes)[target_label]
    if needs is not None and not needs.any():
        return None
    groups = allocate(pool, needs, options.batch_size, options.alpha)
    candidates = look_at_candidates(trainer, splits, options, groups, fault, diagnosis, rng, view)
    scores = selector_scores(candidates)
    batch = draw_batch(pool, groups, scores, rng, options.batch_size, candidates.temperature)
    target = None if needs is None else int(np.argmax(needs))
    return replace(batch, fault=fault, target_label=target, target_layer=candidates.target_layer)


def extreme_inputs(pool, heatmaps, features, metric="cosine similarity", minkowski_p=3):
    """Find the most and the least similar sample of each label.

    Parameters
    ----------
    pool : Subset
        Candidates.
    heatmaps : (n_classes, n_features) float
        A row a label; NaN where it does not exist.
    features : callable
        From samples (n, ...) and their label to features (n, n_features), in the space of that label's heat map.
    metric, minkowski_p
        See `similarity.similarity_scores`.

    Returns
    -------
    best, worst : (n_classes,) int
        Positions in the pool; -1 where the label has no heat map or no candidate.
    """
    best, worst = np.full((2, len(heatmaps)), -1)
    for label, heatmap in enumerate(heatmaps):
        members = np.flatnonzero(pool.y == label)
        if members.size and not np.isnan(heatmap).any():
            samples, _ = pool.take(members)
            order = rank_candidates(similarity_scores(features(samples, label), heatmap, metric, minkowski_p))
            best[label], worst[label] = members[order[0]], members[order[-1]]
    return best, worst
