"""Choose the next batch from the bug-fixing pool; `selection` has the parts of the choice.

A batch holds samples that are selected, in the original those of the target label that are most similar to its heat
map, and samples of the other labels, drawn at random.
"""

from dataclasses import replace

import numpy as np

from mode_utils.selection.model_outputs import ModelOutputs
from mode_utils.selection.next_batch import InputSelection
from mode_utils.selection.pool import rank_candidates
from mode_utils.similarity import similarity_scores
from mode_utils.support.streams import repair_streams


def select_inputs(trainer, splits, options, assessment, rng, target_label=None):
    """Choose the first samples of a repair; for those after them, see `debugging.Repair`.

    Parameters
    ----------
    trainer : Trainer, which holds the model; it is not changed
    splits : Splits, whose pool must not be smaller than the batch, or it is a ValueError
    options : DebugOptions
    assessment : assessment.Assessment of the model as it is
    rng : int or numpy.random.Generator; the seed of a run, whose repair chooses these, or the stream to draw from
    target_label : int, optional; serve this label, buggy or not, instead of what the allocation says

    Returns
    -------
    Batch or None
        `batch_size` samples, and why these; None if there is nothing to repair.
    """
    if target_label is not None:
        options = replace(options, allocation="faultiest label")
    rng = rng if isinstance(rng, np.random.Generator) else repair_streams(rng)[1]
    return InputSelection(ModelOutputs(trainer, splits), splits, options, rng).next_batch(assessment, target_label)


def extreme_inputs(pool, heatmaps, features, metric="cosine similarity", minkowski_p=3):
    """Return the places, (n_classes,) int each, of the most and the least similar sample of each label of a `Subset`.

    `heatmaps` has a row (n_features,) a label, NaN where there is none: the places are -1 then, as they are without
    samples. `features` maps samples (n, ...) and their label to features (n, n_features), as in that label's heat map.
    """
    best, worst = np.full((2, len(heatmaps)), -1)
    for label, heatmap in enumerate(heatmaps):
        members = np.flatnonzero(pool.y == label)
        if members.size and not np.isnan(heatmap).any():
            samples, _ = pool.take(members)
            order = rank_candidates(similarity_scores(features(samples, label), heatmap, metric, minkowski_p))
            best[label], worst[label] = members[order[0]], members[order[-1]]
    return best, worst
