from dataclasses import replace

import numpy as np
import pytest

from mode_utils.selection.replay import Replay


def places(samples, splits):
    """Find samples again by their bytes: "train" or "pool" and the place there."""
    known = {}
    for name, part in (("pool", splits.bug_fixing), ("train", splits.train)):
        known |= {sample.tobytes(): (name, place) for place, sample in enumerate(part.x)}
    return [known[sample.tobytes()] for sample in samples]


def test_without_replay_there_is_nothing_but_the_new(splits):
    x, y = Replay(splits, 0.0, np.random.default_rng(0)).with_old(np.array([5, 3]))
    assert np.array_equal(x, splits.bug_fixing.x[[5, 3]]) and np.array_equal(y, splits.bug_fixing.y[[5, 3]])


@pytest.mark.parametrize(("replay", "n_old"), [(0.5, 10), (1, 20), (4, 80)])
def test_old_samples_come_beside_the_new_ones_each_once(replay, n_old, splits):
    x, y = Replay(splits, replay, np.random.default_rng(0)).with_old(np.arange(20))
    assert len(x) == len(y) == 20 + n_old
    old = places(x[20:], splits)
    assert {name for name, _ in old} == {"train"} and len(set(old)) == n_old
    assert np.array_equal(y[20:], splits.train.y[[place for _, place in old]])


def test_what_was_new_before_is_old_now(splits):
    few = replace(splits, train=splits.train.subset(np.arange(30)))
    replay = Replay(few, 4.0, np.random.default_rng(0))
    replay.with_old(np.arange(20))
    x, _ = replay.with_old(np.arange(20, 40))
    old = places(x[20:], few)
    assert len(old) == 50  # all there are: 30 trained on, 20 added before
    assert {place for name, place in old if name == "pool"} == set(range(20))


def test_the_same_generator_draws_the_same(splits):
    drawn = [Replay(splits, 1.0, np.random.default_rng(seed)).with_old(np.arange(20))[1] for seed in (0, 0, 1)]
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])
