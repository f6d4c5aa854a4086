import numpy as np
import pandas as pd
import pytest

from mode_utils.study.significance import runs_needed
from mode_utils.study.single_run_studies import draw_single_run_studies, image_likeness, needed_for


def outcomes(differences, samples=10):
    rows = [
        {"metric": metric, "layer_selection": True, "difference": value, "samples": samples}
        for metric, values in differences.items() for value in values
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_metric_that_is_better_in_every_run_wins_every_study():
    studies = draw_single_run_studies(outcomes({"a": [0.3, 0.4], "b": [0.1, 0.2]}), 500)
    assert studies["winner"].eq("a").all() and set(studies["difference"]) == {0.3, 0.4}


def test_metrics_that_do_not_differ_win_equally_often_and_yet_seem_to_do_well():
    """Each has a mean of 0; the best of three single runs is the expected greatest of three."""
    same = [-0.01, 0.0, 0.01]
    studies = draw_single_run_studies(outcomes(dict.fromkeys("abc", same)), 30_000)
    assert studies["winner"].value_counts(normalize=True).to_numpy() == pytest.approx([1 / 3] * 3, abs=0.02)
    assert studies["difference"].mean() == pytest.approx((19 * 0.01 + 7 * 0 - 0.01) / 27, abs=2e-4)


def test_studies_can_be_repeated():
    both = [draw_single_run_studies(outcomes({"a": [0.1, 0.2], "b": [0.0, 0.3]}), 50) for _ in range(2)]
    pd.testing.assert_frame_equal(*both)


def test_runs_in_which_nothing_was_repaired_do_not_count():
    repaired = outcomes({"a": [0.1], "b": [0.2]})
    studies = draw_single_run_studies(pd.concat([repaired, outcomes({"a": [9.0]}, samples=0)]), 100)
    assert studies["winner"].eq("b").all()
    with pytest.raises(ValueError, match="no run of b has anything to repair"):
        draw_single_run_studies(pd.concat([repaired[:1], outcomes({"b": [0.2]}, samples=0)]))


def test_the_runs_a_reported_difference_needs_follow_from_the_spread_of_paired_runs():
    reported = pd.DataFrame({"metric": ["a", "b"], "layer_selection": True, "final": [0.95, 0.94], "control": 0.94})
    needed = needed_for(reported, outcomes({"a": [0.0, 0.01, 0.02], "b": [0.0, 0.02, 0.04]}))
    assert needed["reported"].tolist() == pytest.approx([0.01, 0]) and needed["spread"].tolist() == [0.01, 0.02]
    assert needed["runs"].tolist() == [runs_needed(0.01, 0.01), np.inf]


def test_an_image_that_is_the_heat_map_looks_like_it_and_its_negative_does_not():
    heatmaps = np.random.default_rng(0).random((10, 4, 4))
    assert image_likeness(np.stack([heatmaps, 1 - heatmaps]), heatmaps) == pytest.approx([1, -1])
