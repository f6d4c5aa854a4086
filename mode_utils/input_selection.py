"""Choose the next batch from the bug-fixing pool.

A batch holds samples that are selected, in the original those of the target label that are most similar to its heat
map, and samples of the other labels, drawn at random. The parts of the choice are in `selection`: which labels get how
many (`allocation`), what makes a sample wanted (`selectors`), and how the batch is drawn (`next_batch`, `pool`).
"""

from dataclasses import replace

import numpy as np

from mode_utils.selection.model_outputs import ModelOutputs
from mode_utils.selection.next_batch import InputSelection
from mode_utils.selection.pool import rank_candidates
from mode_utils.similarity import similarity_scores
from mode_utils.support.streams import repair_streams


def select_inputs(trainer, splits, options, assessment, rng, target_label=None):
    """Choose the first samples of a repair.

    Parameters
    ----------
    trainer : Trainer
        Holds the model, which is not changed.
    splits : Splits
    options : DebugOptions
    assessment : diagnosis.Assessment
        Of the model as it is.
    rng : int or numpy.random.Generator
        The seed of a run, whose repair chooses these, or the stream to draw from.
    target_label : int, optional
        Serve this label, buggy or not, instead of what the allocation says.

    Returns
    -------
    Batch or None
        `batch_size` samples, and why these; None if there is nothing to repair. For those after them, see
        `debugging.Repair`.

    Raises
    ------
    ValueError
        If the batch is larger than the pool, or the selector returns another number of scores.
    """
    if target_label is not None:
        options = replace(options, allocation="faultiest label")
    rng = rng if isinstance(rng, np.random.Generator) else repair_streams(rng)[1]
    chosen = InputSelection(ModelOutputs(trainer, splits), splits, options, rng)
    return chosen.next_batch(assessment, target_label)


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
