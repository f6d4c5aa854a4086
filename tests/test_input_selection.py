from dataclasses import replace

import numpy as np
import pytest

from mode_utils.assessment import assess
from mode_utils.input_selection import extreme_inputs, select_inputs
from mode_utils.options import DebugOptions
from mode_utils.selection.model_outputs import ModelOutputs
from mode_utils.selection.next_batch import InputSelection
from mode_utils.splits import Subset

pytestmark = pytest.mark.slow


def generator():
    return np.random.default_rng(11)


def test_the_first_batch_of_a_repair_can_be_looked_at_without_retraining(trainer, splits):
    options, shares = DebugOptions.preset("recommended", batch_size=100), {}
    state = assess(trainer, splits, options.theta, options.gamma)
    for allocation in ("all labels", "likely errors"):
        batch = select_inputs(trainer, splits, replace(options, allocation=allocation), state, generator())
        assert len(batch.indices) == len(batch.ranked) == 100
        shares[allocation] = np.bincount(splits.bug_fixing.y[batch.indices], minlength=10) / 100
    assert options.allocation == "likely errors" and (state.errors == 0).any()
    assert np.allclose(shares["all labels"], state.errors / state.errors.sum(), atol=0.02)
    assert (shares["likely errors"] > 0).all() and np.corrcoef(shares["likely errors"], state.errors)[0, 1] > 0.8
    clean = assess(trainer, splits, theta=0, gamma=1)
    assert select_inputs(trainer, splits, DebugOptions(), clean, generator()) is None


def test_a_batch_says_what_it_is_for_and_how_the_candidates_rank(trainer, splits):
    options = DebugOptions(metric="l2", layer_selection=False, batch_size=100, theta=1.0, gamma=1.0)
    assessment = assess(trainer, splits, options.theta, options.gamma)
    batch = select_inputs(trainer, splits, options, assessment, generator())
    assert (batch.fault, batch.target_label) == ("underfit", assessment.buggy["underfit"][0])
    assert (splits.bug_fixing.y[batch.candidates] == batch.target_label).all() and len(batch.random) == 75
    assert batch.ranking()[:25].tolist() == batch.ranked.tolist()
    assert np.sort(batch.ranking()).tolist() == np.sort(batch.candidates).tolist()


@pytest.mark.parametrize(("buggy", "fault"), [({}, "underfit"), ({"overfit": [4]}, "overfit")])
def test_a_label_can_be_served_that_is_not_buggy(buggy, fault, trainer, splits):
    options = DebugOptions(metric="l2", layer_selection=False, batch_size=40)
    clean = assess(trainer, splits, theta=0, gamma=1)
    clean.buggy.update({name: np.array(labels) for name, labels in buggy.items()})
    batch = select_inputs(trainer, splits, options, clean, generator(), target_label=4)
    assert (batch.fault, batch.target_label) == (fault, 4)
    assert set(splits.bug_fixing.y[batch.ranked]) == {4} and 4 not in splits.bug_fixing.y[batch.random]


def test_what_has_left_the_pool_is_not_chosen_again(trainer, splits):
    options = DebugOptions.preset("recommended", batch_size=100, max_iterations=3)
    assessment, batches = assess(trainer, splits), []
    selection = InputSelection(ModelOutputs(trainer, splits), splits, options, generator())
    for _ in range(3):
        batches.append(selection.next_batch(assessment).indices)
        assert len(selection.pool) == len(splits.bug_fixing) - 100 * (len(batches) - 1)
        selection.pool.take(batches[-1])
    assert len(np.unique(np.concatenate(batches))) == 300


def test_extreme_inputs_are_the_ends_of_each_labels_ranking():
    pool = Subset(np.array([[0.0], [5], [9], [2]]), np.array([0, 0, 0, 1]), np.arange(4))
    heatmaps = np.array([[16.0], [2], [1], [np.nan]])
    best, worst = extreme_inputs(pool, heatmaps, lambda x, label: x * (2 - label), "manhattan")
    assert best.tolist() == [2, 3, -1, -1] and worst.tolist() == [0, 3, -1, -1]


def test_a_target_label_is_guessed_where_the_pool_has_no_labels(trainer, splits):
    options = DebugOptions(selector="margin", allocation="whole pool", batch_size=100, alpha=1.0)
    hidden = replace(splits, labelled=False)
    batch = select_inputs(trainer, hidden, options, assess(trainer, splits), generator(), target_label=3)
    assert (splits.bug_fixing.y[batch.indices] == 3).mean() > 0.5


def test_of_a_partly_labelled_pool_labels_are_known_or_guessed_and_only_those_without_are_chosen(trainer, splits):
    known = np.where(np.arange(len(splits.bug_fixing)) % 2, splits.bug_fixing.y, -1).astype(np.int32)
    hidden = replace(splits, labelled=False, partly_known=known, bug_fixing=replace(splits.bug_fixing, y=known))
    options = DebugOptions.preset("recommended", batch_size=100, reference="states")
    selection = InputSelection(ModelOutputs(trainer, hidden), hidden, options, generator())
    batch = selection.next_batch(assess(trainer, splits))
    assert not (batch.indices % 2).any() and len(batch.indices) == 100
    labels = selection.known.labels
    assert np.array_equal(labels[1::2], splits.bug_fixing.y[1::2]) and (labels == splits.bug_fixing.y).mean() > 0.8
