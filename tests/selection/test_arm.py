"""The control arm is a random sample of the whole pool, whatever was chosen from it, and whenever."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_utils.assessment import assess
from mode_utils.debugging import Repair
from mode_utils.options import DebugOptions
from mode_utils.selection.arm import draw_arm
from mode_utils.selection.model_outputs import ModelOutputs
from mode_utils.selection.next_batch import InputSelection

OPTIONS = DebugOptions.preset("recommended", batch_size=100, max_iterations=3, control_share=0.2, epochs=1)


@given(st.integers(0, 99), st.integers(1, 30), st.sets(st.integers(0, 29)), st.lists(st.integers(0, 12), max_size=4))
def test_over_rounds_nothing_is_drawn_twice_and_a_smaller_arm_is_the_beginning_of_a_larger(seed, n_pool, known, sizes):
    order, known = np.random.default_rng(seed).permutation(n_pool), {place for place in known if place < n_pool}
    earlier, asked = np.empty(0, int), []
    for n_new in sizes:
        arm, more = (draw_arm(order, n, [*known], earlier) for n in (n_new, n_new + 1))
        assert len(arm.new) == min(n_new, n_pool - len(known | {*earlier}))
        assert not {*arm.new} & known and len({*arm.places}) == len(arm.places)
        assert {*arm.places} == {*earlier, *arm.new, *(known & {*arm.places})}
        assert more.places[: len(arm.places)].tolist() == arm.places.tolist() == order[: len(arm.places)].tolist()
        again = draw_arm(order, n_new, [*known, *earlier])  # all it needs to know is what has a label
        assert again.new.tolist() == arm.new.tolist()
        asked += arm.new.tolist()
        known |= {*arm.new, *order[-1:]}  # and something that was chosen
        earlier = arm.places
    assert len({*asked}) == len(asked)


def test_each_sample_is_as_likely_in_the_arm_whatever_was_chosen_before():
    n_pool, n_seeds, counts = 40, 5_000, np.zeros(40)
    for seed in range(n_seeds):
        order = np.random.default_rng(seed).permutation(n_pool)
        first = draw_arm(order, 4)
        # which the model wants most: the first places of the pool, as far as the arm has left them
        chosen = np.setdiff1d(np.arange(n_pool), first.places)[:12]
        counts[draw_arm(order, 4, [*first.places, *chosen], first.places).places] += 1
    low, high = 4 / 40 + 36 / 40 * 4 / 25, 4 / 40 + 36 / 40 * 4 / 24  # a known one never comes last
    deviation = np.sqrt(low * (1 - low) / n_seeds)
    assert np.all(counts / n_seeds > low - 4 * deviation) and np.all(counts / n_seeds < high + 4 * deviation)


def test_members_of_another_order_stay_and_what_has_a_label_joins_at_no_cost():
    arm = draw_arm(np.array([3, 1, 4, 0, 5, 2]), 2, known=[1, 5, 2], earlier=[2, 4])
    assert arm.places.tolist() == [2, 4, 3, 1, 0] and arm.new.tolist() == [3, 0]
    assert draw_arm(np.arange(3), 0, [0], [2]).places.tolist() == [2]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_the_share_is_a_share(share):
    with pytest.raises(ValueError, match=r"control_share = .*; it must lie in \[0, 1\]"):
        DebugOptions(control_share=share)


def selection_of(trainer, splits, options, **given):
    return InputSelection(ModelOutputs(trainer, splits), splits, options, np.random.default_rng(5), **given)


def test_the_arm_of_a_batch_stays_out_of_the_ranking_and_the_pool_as_it_is(trainer, splits):
    assessment = assess(trainer, splits)
    selection = selection_of(trainer, splits, OPTIONS)
    arm, batch = selection.draw_arm(), selection.next_batch(assessment)
    assert batch.arm.tolist() == arm.new.tolist() == arm.places.tolist() and len(batch.arm) == 20
    assert len(np.unique(batch.indices)) == 100 and not np.isin(batch.arm, batch.candidates).any()
    assert len(selection.pool) == len(splits.bug_fixing) and selection.next_batch(assessment).arm.tolist() == [*arm.new]
    selection.pool.take(batch.indices)
    second = selection.draw_arm()
    assert len(second.new) == 20 and not np.isin(second.new, batch.indices).any()
    assert second.places[:20].tolist() == arm.new.tolist() and set(second.places) <= {*second.new, *batch.indices}


def test_without_an_arm_nothing_else_is_drawn_differently_and_the_model_is_not_asked_for_one(trainer, splits):
    assessment = assess(trainer, splits)
    alone = selection_of(trainer, splits, replace(OPTIONS, control_share=0.0, batch_size=80, skip=()))
    beside = selection_of(trainer, splits, replace(OPTIONS, control_share=0.2, skip=()), used=[7])
    arm = beside.draw_arm()
    assert not {"pool", "known"} & set(vars(beside)) and 7 not in arm.new
    alone.pool.take(np.union1d(arm.new, [7]))
    others = beside.next_batch(assessment)
    assert alone.next_batch(assessment).indices.tolist() == np.concatenate([others.ranked, others.random]).tolist()


def test_a_repair_counts_all_that_it_adds_and_its_arm_is_that_of_its_seed(trainer, splits):
    state, repair = trainer.state(), Repair(trainer, splits, OPTIONS, 3)
    first = repair.draw_arm().new
    table = repair.run()
    assert table["samples_added"].tolist() == [0, 100, 200, 300] and table["n_ranked"][1:].tolist() == [80, 80, 80]
    trainer.restore(state)
    arm = repair.draw_arm().places
    assert not repair.pool.available[arm[:60]].any() and arm[:20].tolist() == first.tolist()
