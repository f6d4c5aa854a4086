"""Plots of the stages. Each draws on the given axes, titles and labels them, and returns them; none shows or saves."""

# ruff: noqa: F401, I001 (all plots go by one name, `viz`)

from mode_utils.support.pictures import most_square, shown_as
from mode_utils.visualization.campaigns import plot_arm_costs, plot_forecasts, plot_gains, plot_label_curve, plot_shown
from mode_utils.visualization.evidence import plot_critical_differences, plot_likeness, plot_runs_needed, plot_winners
from mode_utils.visualization.images import (pick_images, plot_failure_modes, plot_heatmaps, plot_image_grid,
                                             plot_samples, prediction_captions)  # fmt: skip
from mode_utils.visualization.one_model import (plot_confusions, plot_head, plot_label_accuracies, plot_layer_choices,
                                                plot_layer_evidence, plot_pool_positions)  # fmt: skip
from mode_utils.visualization.strategies import (plot_differences, plot_gain_map, plot_learning_curves, plot_rounds,
                                                 plot_settings, plot_share_map, plot_strategies)  # fmt: skip
from mode_utils.visualization.style import BAD, CONTROL, MARK, MODE
from mode_utils.visualization.turning import turn
