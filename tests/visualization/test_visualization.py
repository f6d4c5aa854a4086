from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from made_runs import make_run, outcomes_of
from matplotlib.text import Text

from mode_utils import visualization as viz
from mode_utils.splits import Subset
from mode_utils.study.comparisons import MetricComparison, compare_metrics, compare_with_control
from mode_utils.study.label_economy import learning_curves


@pytest.fixture
def ax():
    fig, ax = plt.subplots()
    yield ax
    plt.close(fig)


@pytest.fixture
def runs():
    parts = [make_run(0, [0.5, 0.6], [0.5, 0.7, 0.9]), make_run(1, [0.6, 0.7, 0.8], [0.6, 0.6, 0.75])]
    return pd.concat(parts, ignore_index=True)


def strategies(names=("a", "b", "c")):
    parts = [make_run(seed, [0.5, 0.6 + 0.1 * place, 0.8], [0.5, 0.6, 0.7]).assign(name=name)
             for place, name in enumerate(names) for seed in (0, 1)]  # fmt: skip
    runs = pd.concat(parts, ignore_index=True)
    return runs[runs["strategy"] == "mode"]


def comparison(effects=(0.01, 0.0, 0.0)):
    return compare_metrics(outcomes_of(dict(zip(("a", "b", "c"), effects, strict=True))))


def cells():
    rows = [{"cell": cell, "strategy": name, "difference": gain, "low": gain - 0.01, "high": gain + 0.02}
            for name, gains in {"own": (0.03, 0.01), "peer": (0.02, -0.01)}.items()
            for cell, gain in zip("ab", gains, strict=True)]  # fmt: skip
    return pd.DataFrame(rows)


def all_plots(runs):
    outcomes = outcomes_of({"a": 0.01, "b": 0.0})
    evidence = pd.DataFrame({"layer": ["a", "b"], "accuracy": [0.8, 0.9], "distance": [0.1, np.nan]})
    maps = np.random.default_rng(0).random((2, 10, 28))
    names = [str(label) for label in range(10)]
    needed = pd.DataFrame(
        {"layer_selection": [True, False, True], "reported": [0.01, 0.02, 0], "runs": [30, 6, np.inf]}
    )
    likeness = pd.DataFrame({"metric": ["a", "b"], "likeness": [0.2, 0.8], "mean": [0.01, -0.01]})
    shares = pd.DataFrame(maps[0, :3, :4], index=[2, 3, 4], columns=[0.1, 0.2, 0.3, 0.4])
    return {
        "image grid": lambda ax: viz.plot_image_grid(maps.reshape(2, 10, 4, 7), ax, ["a", "b"], names, "title"),
        "heat maps": lambda ax: viz.plot_heatmaps(maps, ax, ["a", "b"], names, "title", colorbar_label="mean"),
        "layers": lambda ax: viz.plot_layer_evidence(evidence, ax, 0.01, "a"),
        "labels": lambda ax: viz.plot_label_accuracies(maps[0, :, 0], maps[1, :, 0], ax, 0.92, names),
        "curves": lambda ax: viz.plot_learning_curves(runs, ax),
        "differences": lambda ax: viz.plot_differences(compare_with_control(outcomes), ax, outcomes),
        "choices": lambda ax: viz.plot_layer_choices(
            pd.DataFrame({"a": [1, 2], "b": [3, 0]}, index=["forward", "backward"]), ax
        ),
        "strategies": lambda ax: viz.plot_strategies(learning_curves(strategies(), 20), ax, ["a"]).set_title("t").axes,
        "cells": lambda ax: viz.plot_settings(cells(), ax, "own", ["peer"]).set_title("t").axes,
        "shares": lambda ax: viz.plot_share_map(shares, ax, shares.idxmax(axis=1)).set_title("t").axes,
        "critical differences": lambda ax: viz.plot_critical_differences(comparison(), ax),
        "confusions": lambda ax: viz.plot_confusions(np.arange(10), np.arange(10), ax, names),
        "winners": lambda ax: viz.plot_winners(pd.DataFrame({"winner": list("aab"), "difference": 0.1}), ax, "a"),
        "runs needed": lambda ax: viz.plot_runs_needed(needed, ax),
        "likeness": lambda ax: viz.plot_likeness(likeness, ax, "a"),
    }


@pytest.mark.parametrize("name", list(all_plots(make_run(0, [0.5, 0.6], [0.5, 0.7]))))
def test_a_plot_draws_on_the_given_axes_with_title_and_labels_and_shows_nothing(name, runs, ax, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("a plot must not show"))
    figures = plt.get_fignums()
    assert all_plots(runs)[name](ax) is ax
    assert ax.get_title() and plt.get_fignums() == figures
    if name not in ("image grid", "heat maps", "critical differences"):
        assert ax.get_xlabel() and ax.get_ylabel()


def test_cells_stand_in_their_rows_with_the_interval_of_the_strategy_alone(ax):
    viz.plot_settings(cells(), ax, "own", ["peer"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    peer, own = ax.lines[0], ax.containers[0]
    assert peer.get_xdata().tolist() == pytest.approx([2, -1]) and peer.get_ydata().tolist() == [0, 1]
    assert own.lines[0].get_xdata().tolist() == pytest.approx([3, 1])
    assert own.lines[2][0].get_segments()[0][:, 0].tolist() == pytest.approx([2, 5])


def test_differences_are_white_at_0_with_equal_limits(ax):
    images = np.zeros((1, 2, 3, 3))
    images[0, 0, 0, 0], images[0, 1, 0, 0] = 0.2, -0.7
    viz.plot_image_grid(images, ax, ["row"], ["a", "b"], "title", diverging=True)
    assert ax.images[0].get_clim() == (-0.7, 0.7)
    assert np.allclose(ax.images[0].to_rgba(np.array([0.0]))[0, :3], 1, atol=0.04)


def test_every_image_of_a_grid_stands_at_its_labels(ax):
    images = np.arange(6, dtype=float).reshape(2, 3, 1, 1) * np.ones((2, 3, 5, 4))
    viz.plot_image_grid(images, ax, ["top", "bottom"], ["a", "b", "c"], "title")
    mosaic = ax.images[0].get_array()
    for row, y in enumerate(ax.get_yticks()):
        for column, x in enumerate(ax.get_xticks()):
            assert mosaic[int(y), int(x)] == images[row, column, 0, 0]


def test_coloured_images_keep_their_colours_and_their_places(ax):
    images = np.zeros((1, 2, 3, 4, 3))
    images[0, 1, 2, 3] = (1, 0.5, 0)
    images[0, 0] = np.nan
    viz.plot_image_grid(images, ax, ["row"], ["a", "b"], "title")
    mosaic = ax.images[0].get_array()
    assert mosaic[2, -1].tolist() == [1, 0.5, 0] and mosaic[0, 0].tolist() == [0.85] * 3


def test_an_image_that_does_not_exist_stays_empty(ax):
    picked = viz.pick_images(Subset(np.ones((3, 2, 2)), np.zeros(3, int), np.arange(3)), [[2, -1]])
    assert np.isnan(picked[0, 1]).all() and (picked[0, 0] == 1).all()
    viz.plot_image_grid(picked, ax, ["row"], ["a", "b"], "title")
    assert np.isnan(ax.images[0].get_array().filled(np.nan)[0, 4])


@pytest.mark.parametrize(("n", "shape"), [(28, (4, 7)), (784, (28, 28)), (32, (4, 8)), (13, (1, 13))])
def test_neurons_are_laid_out_as_square_as_possible(n, shape):
    assert viz.most_square(n) == shape


def test_feature_maps_are_averaged_over_their_channels(ax):
    maps = np.random.default_rng(0).random((2, 3 * 4 * 5))
    viz.plot_heatmaps([maps], ax, ["HCI"], ["a", "b"], "title", shape=(3, 4, 5))
    np.testing.assert_allclose(ax.images[0].get_array()[:, 5:], maps[1].reshape(3, 4, 5).mean(axis=-1))


def test_learning_curves_compare_at_the_same_number_of_samples(runs, ax):
    """Seed 0 stops at 10 samples, so its control's 0.9 at 20 samples must not count."""
    viz.plot_learning_curves(runs, ax)
    mode, control = (line.get_ydata() for line in ax.lines[:2])
    np.testing.assert_allclose(mode, [0.55, 0.65, 0.7])
    np.testing.assert_allclose(control, [0.55, 0.65, 0.725])


def test_main_strategies_are_named_at_their_lines_and_the_others_are_one_grey_band(ax):
    viz.plot_strategies(learning_curves(strategies(), 20), ax, ["b"])
    assert [text.get_text() for text in ax.texts] == ["b"] and len(ax.lines) == 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["range of 2 other strategies"]
    at_10 = [y for x, y in ax.collections[0].get_paths()[0].vertices if x == 10]
    assert (min(at_10), max(at_10)) == pytest.approx((0.6, 0.8))
    assert ax.lines[0].get_ydata() == pytest.approx([0.5, 0.7, 0.8])


def test_no_more_than_five_strategies_are_told_apart_by_colour(ax):
    names = list("abcdef")
    with pytest.raises(ValueError, match="6 strategies in colour; at most 5 are told apart: a, b"):
        viz.plot_strategies(learning_curves(strategies(), 20), ax, names)


def test_names_at_lines_that_end_together_do_not_overlap(ax):
    viz.plot_strategies(learning_curves(strategies(), 20), ax, ["a", "b", "c"])
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # without the line that leads there
    assert len(boxes) == 3
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))
    assert all(ax.bbox.y0 <= box.y0 and box.y1 <= ax.bbox.y1 for box in boxes)


def test_a_name_that_is_near_no_other_stays_at_its_line(ax):
    table = learning_curves(strategies(), 20)
    table.loc[table["name"] == "a", "test_accuracy"] -= 0.4
    viz.plot_strategies(table, ax, ["a", "b", "c"])
    moved = {text.get_text(): text.xyann[1] - text.xy[1] for text in ax.texts}
    assert moved["a"] == pytest.approx(0) and moved["b"] != pytest.approx(0)


def test_what_is_significant_is_marked_and_no_colour_is_cut(ax):
    gains = pd.DataFrame([[4.0, -0.1], [0.2, -8.0]], index=["a", "b"], columns=["x", "y"])
    viz.plot_gain_map(gains, ax, gains.abs() > 1)
    assert [text.get_text() for text in ax.texts] == ["+4.0*", "-0.1", "+0.2", "-8.0*"]
    assert ax.collections[0].get_clim() == (-8, 8)


def test_captions_stand_beneath_their_images_and_say_what_is_right(ax):
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    captions, right = viz.prediction_captions(probabilities, [0, 0], ["cat", "dog"])
    assert captions.tolist() == ["is cat, says cat\n90% sure", "is cat, says dog\n80% sure"]
    assert right.tolist() == [True, False]
    viz.plot_image_grid(np.ones((1, 2, 8, 8)), ax, [""], ["", ""], "t", captions=[captions], right=[right])
    below = [text.get_position()[1] for text in ax.texts]
    assert [text.get_text()[0] for text in ax.texts] == ["\N{CHECK MARK}", "\N{BALLOT X}"] and min(below) >= 8
    assert not ax.texts[0].get_window_extent().overlaps(ax.texts[1].get_window_extent())


def test_confusions_count_what_is_taken_for_what(ax):
    viz.plot_confusions(np.array([0, 0, 1]), np.array([0, 1, 1]), ax, ["a", "b"])
    assert sorted(text.get_text() for text in ax.texts if text.get_text()) == ["1", "1", "1"]


def test_the_best_share_of_each_row_is_framed(ax):
    gains = pd.DataFrame([[0.0, 0.3, 0.1], [0.2, 0.1, 0.0]], index=[2, 3], columns=[0.1, 0.5, 0.9])
    viz.plot_share_map(gains, ax, gains.idxmax(axis=1))
    assert [patch.get_xy() for patch in ax.patches] == [(1, 0), (0, 1)]


def test_a_bar_joins_neighbours_that_were_not_told_apart_and_never_passes_over_a_difference(ax):
    names = list("abcd")
    pairs = pd.DataFrame(combinations(names, 2), columns=["first", "second"])
    pairs["p_holm"] = [0.01 if pair == ("b", "c") else 1.0 for pair in combinations(names, 2)]
    ranks = pd.Series([1.0, 2.0, 3.0, 4.0], index=names)
    viz.plot_critical_differences(MetricComparison(20, 1.0, 0.01, ranks, pairs), ax)
    bars = [line.get_ydata() for line in ax.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2]
    assert [(round(low), round(high)) for low, high in bars] == [(0, 1), (2, 3)]


def test_runs_needed_leaves_out_differences_of_0(ax):
    viz.plot_runs_needed(pd.DataFrame({"layer_selection": True, "reported": [0.01, 0], "runs": [30, np.inf]}), ax)
    assert len(ax.collections[0].get_offsets()) == 1


@pytest.mark.parametrize(("lowest", "said"), [(0.05, False), (0.8, True)])
def test_only_an_axis_that_does_not_start_at_0_says_so(lowest, said, ax):
    viz.plot_label_accuracies([0.9, lowest], [0.9, 0.9], ax, 0.92, ["a", "b"])
    assert (ax.get_ylim()[0] > 0) == said == ("does not start at 0" in ax.get_title())
