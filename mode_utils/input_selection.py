"""Which samples of the bug-fixing pool come next?

A batch holds samples that are selected, in the original those of the target label that are most similar to its heat
map, and samples of the other labels, drawn at random. The parts of the choice are in `selection`: which labels get how
many (`allocation`), what makes a sample wanted (`selectors`), and how the batch is drawn (`pool`).
"""

from dataclasses import replace
from functools import partial

import numpy as np

from mode_utils.run_setup import reference_stream
from mode_utils.selection.allocation import allocate
from mode_utils.selection.pool import Pool, draw_batch, rank_candidates
from mode_utils.selection.reference import believe
from mode_utils.selection.schedule import Schedule
from mode_utils.selection.screening import Screen
from mode_utils.selection.selectors import looks_of, selector_scores
from mode_utils.selection.view import last_states, look_at_candidates
from mode_utils.similarity import similarity_scores


def select_inputs(
    trainer, splits, options, diagnosis, rng, pool=None, schedule=None, target_label=None, view=None, beliefs=None,
    screen=None,
):  # fmt: skip
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
        In place of `selection.view.choose_view`, if what it finds is known.
    beliefs : (n_pool, n_classes) float, optional
        Of `selection.reference.believe`, which is asked otherwise, if anybody looks at them.
    screen : selection.screening.Screen, optional
        Of this pool; made otherwise, if the options skip anything.

    Returns
    -------
    Batch or None
        `batch_size` samples, and why these; None if there is nothing to repair.

    Raises
    ------
    ValueError
        If the batch is larger than the pool, or the selector returns another number of scores.
    """
    by_label = options if target_label is None else replace(options, allocation="faultiest label")
    beliefs, screen = know_pool(trainer, splits, by_label, rng, beliefs, screen)
    pool = Pool(known_labels(splits, beliefs)) if pool is None else pool
    if target_label is None:
        fault, needs = (schedule or Schedule(options)).next_needs(diagnosis)
    else:
        overfit = target_label in diagnosis.buggy["overfit"] and target_label not in diagnosis.buggy["underfit"]
        fault, needs = "overfit" if overfit else "underfit", np.eye(splits.n_classes)[target_label]
    if needs is not None and not needs.any():
        return None
    groups = allocate(pool, needs, options.batch_size, options.alpha)
    candidates = look_at_candidates(trainer, splits, options, groups, fault, diagnosis, rng, view, pool.labels, beliefs)
    scores = selector_scores(candidates)
    batch = draw_batch(pool, groups, scores, rng, options.batch_size, candidates.temperature, screen)
    target = None if needs is None else int(np.argmax(needs))
    return replace(batch, fault=fault, target_label=target, target_layer=candidates.target_layer)


def know_pool(trainer, splits, options, rng, beliefs=None, screen=None):
    """Find out once, for all batches of a repair, what its options ask about the pool.

    Parameters
    ----------
    trainer, splits, options, rng, beliefs, screen
        See `select_inputs`; from `rng` itself nothing is drawn.

    Returns
    -------
    beliefs : (n_pool, n_classes) float or None
    screen : selection.screening.Screen or None
    """
    apart = rng.spawn(1)[0]
    if beliefs is None and asks_reference(options, splits):
        beliefs = ask_reference(trainer, splits, reference_stream(rng) or apart, options.reference)
    if screen is None and options.skip:
        labels = known_labels(splits, beliefs)
        believed = None if beliefs is None else beliefs[np.arange(len(labels)), labels]
        screen = Screen(options.skip, splits, apart, believed)
    return beliefs, screen


def asks_reference(options, splits):
    """Tell whether options look at what a reference believes, be it because the pool has no labels."""
    looks = looks_of(options.selector)
    guesses = not splits.labelled and ("labels" in looks or options.allocation != "whole pool")
    return "beliefs" in looks or "doubtful" in options.skip or guesses


def ask_reference(trainer, splits, rng, reference="states"):
    """Return what a reference believes of the pool's labels, (n_pool, n_classes); see `selection.reference.believe`."""
    return believe(trainer, splits, rng, reference, partial(last_states, trainer))


def known_labels(splits, beliefs=None):
    """Return the labels (n_pool,) of the pool: those given, or what is believed; 0 where nobody asks."""
    if splits.labelled:
        return splits.bug_fixing.y
    return np.zeros_like(splits.bug_fixing.y) if beliefs is None else beliefs.argmax(axis=1).astype(np.int32)


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
