"""Claims of MODE and of its earlier replication, each with a verdict that is computed from tables.

verdict   what a verdict is, and what several of them are computed with
metrics   about the nine metrics, and the layer
protocol  about how it was measured, weak models, and future work
advice    about wrong labels, chance within a label, and simpler remedies
"""

from mode_utils.study.claims.advice import simpler_remedies_suffice, states_help_beyond_allocation, wrong_labels_mislead
from mode_utils.study.claims.metrics import (
    earth_mover_is_best,
    layer_selection_is_vain,
    looks_predict_outcome,
    metrics_differ,
    nothing_is_significant,
    selection_beats_random,
)
from mode_utils.study.claims.protocol import (
    leak_is_harmless,
    least_similar_helps_overfit,
    model_was_too_good,
    no_overfitting,
    selection_repairs_weak_models,
    share_depends_on_classes,
    single_differences_mean_something,
    single_runs_find_the_best,
)
from mode_utils.study.claims.verdict import Verdict, linked_verdicts, verdict_table

__all__ = [
    "Verdict",
    "earth_mover_is_best",
    "layer_selection_is_vain",
    "leak_is_harmless",
    "least_similar_helps_overfit",
    "linked_verdicts",
    "looks_predict_outcome",
    "metrics_differ",
    "model_was_too_good",
    "no_overfitting",
    "nothing_is_significant",
    "selection_beats_random",
    "selection_repairs_weak_models",
    "share_depends_on_classes",
    "simpler_remedies_suffice",
    "single_differences_mean_something",
    "single_runs_find_the_best",
    "states_help_beyond_allocation",
    "verdict_table",
    "wrong_labels_mislead",
]
