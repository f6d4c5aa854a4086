"""Claims of MODE and of its earlier replication, each with a verdict that is computed from tables."""

from mode_utils.claims.extensions import (
    least_similar_helps_overfit,
    selection_repairs_weak_models,
    share_depends_on_classes,
)
from mode_utils.claims.metrics import (
    earth_mover_is_best,
    layer_selection_is_vain,
    looks_predict_outcome,
    metrics_differ,
    nothing_is_significant,
    selection_beats_random,
)
from mode_utils.claims.protocol import (
    leak_is_harmless,
    model_was_too_good,
    no_overfitting,
    single_differences_mean_something,
    single_runs_find_the_best,
)
from mode_utils.claims.verdict import Verdict, mean_interval, verdict_table

__all__ = [
    "Verdict",
    "earth_mover_is_best",
    "layer_selection_is_vain",
    "leak_is_harmless",
    "least_similar_helps_overfit",
    "looks_predict_outcome",
    "mean_interval",
    "metrics_differ",
    "model_was_too_good",
    "no_overfitting",
    "nothing_is_significant",
    "selection_beats_random",
    "selection_repairs_weak_models",
    "share_depends_on_classes",
    "single_differences_mean_something",
    "single_runs_find_the_best",
    "verdict_table",
]
