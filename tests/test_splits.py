import weakref

import numpy as np
import pytest

from mode_utils.data import Dataset
from mode_utils.splits import Subset, split_dataset

SIZES = {"n_train": 300, "n_bug_fixing": 200, "n_validation": 50, "n_test": 100}


def test_the_default_split_uses_each_training_sample_exactly_once(mnist, rng):
    splits = split_dataset(mnist, rng)
    parts = [splits.train, splits.bug_fixing, splits.validation]
    assert [len(part) for part in parts] == [30_000, 25_000, 5_000] and len(splits.test) == 10_000
    assert np.array_equal(np.sort(np.concatenate([part.index for part in parts])), np.arange(60_000))


def test_samples_and_labels_are_those_of_the_index(mnist, rng):
    splits = split_dataset(mnist, rng, **SIZES)
    pool = splits.bug_fixing
    np.testing.assert_array_equal(pool.x, mnist.x_train[pool.index])
    np.testing.assert_array_equal(pool.y, mnist.y_train[pool.index])
    x, y = pool.take([5, 3])
    np.testing.assert_array_equal(x, pool.x[[5, 3]])
    np.testing.assert_array_equal(y, pool.y[[5, 3]])
    np.testing.assert_array_equal(splits.test.y, mnist.y_test[splits.test.index])


def test_the_whole_test_part_is_not_copied(mnist, rng):
    test = split_dataset(mnist, rng).test.x
    assert np.shares_memory(test, mnist.x_test) and len(test) == len(mnist.x_test) and not test.flags.writeable


@pytest.mark.parametrize("trained_on", [slice(None), slice(0, 5)])
def test_whoever_hands_over_arrays_can_still_write_to_them(trained_on):
    x, y = np.zeros((20, 3), np.float32), np.arange(20) % 2
    data = Dataset("own", x, y, x[trained_on], y[trained_on], ("a", "b"))
    for part in (Subset(x, y, np.arange(20)), Subset(data.x_train, data.y_train, np.arange(20)[trained_on])):
        assert not part.x.flags.writeable and np.array_equal(part.x, x[part.index])
    x[0], y[0] = 1, 1


def test_a_copy_of_samples_lasts_as_long_as_it_is_used(mnist, rng):
    train = split_dataset(mnist, rng, **SIZES).train
    held = train.x
    assert train.x is held
    gone = weakref.ref(held)
    del held
    assert gone() is None and len(train.x) == len(train)


def test_samples_of_several_roles_stay_in_memory_while_they_are_used(mnist, rng):
    splits = split_dataset(mnist, rng, **SIZES)
    with splits.in_memory("train", "held_out"):
        copies = [weakref.ref(part.x) for part in (splits.train, splits.validation)]
        assert splits.train.x is copies[0]() and splits.validation.x is copies[1]()
        pool = weakref.ref(splits.bug_fixing.x)
        assert pool() is None  # not asked for
    assert [copy() for copy in copies] == [None, None]


def test_the_same_seed_gives_the_same_split_and_another_seed_another(mnist):
    first, again, other = (split_dataset(mnist, np.random.default_rng(seed), **SIZES) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.train.index, again.train.index)
    assert not np.array_equal(first.train.index, other.train.index)


def test_diagnosis_looks_at_validation_and_never_at_test(mnist, rng):
    splits = split_dataset(mnist, rng, **SIZES)
    assert splits.held_out is splits.validation


def test_diagnosing_on_test_gives_the_validation_samples_to_the_pool(mnist, rng):
    splits = split_dataset(mnist, rng, **SIZES, diagnose_on="test")
    assert splits.held_out is splits.test and splits.validation is None
    assert len(splits.bug_fixing) == SIZES["n_bug_fixing"] + SIZES["n_validation"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_train": 59_900}, "n_train .* = 60150, but mnist has 60000 training samples"),
        ({"n_test": 10_001}, "n_test = 10001, but mnist has 10000"),
        ({"n_bug_fixing": 0}, "n_bug_fixing = 0; it must be at least 1"),
        ({"diagnose_on": "train"}, "unknown diagnose_on 'train'; choose from validation, test"),
    ],
)
def test_impossible_splits_are_errors_that_name_the_value(changes, message, mnist, rng):
    with pytest.raises(ValueError, match=message):
        split_dataset(mnist, rng, **(SIZES | changes))
