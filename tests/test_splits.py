import weakref
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from mode_utils.data import Dataset, hold_out_samples, keep_classes
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


def with_groups(n=900, n_groups=60):
    """Return digits of scikit-learn by made writers, who write alike: clusters; some of them write in both parts."""
    x, y = load_digits(return_X_y=True)
    writers = KMeans(n_groups, n_init=1, random_state=0).fit_predict(x)
    x = (x / 16).astype(np.float32).reshape(-1, 8, 8)
    names = np.array([f"writer {writer}" for writer in writers])
    names_of_classes = tuple(map(str, range(10)))
    return Dataset("digits", x[:n], y[:n].astype(np.int32), x[n:], y[n:].astype(np.int32), names_of_classes,
                   names[:n], names[n:])  # fmt: skip


@pytest.mark.parametrize("diagnose_on", ["validation", "test"])
@pytest.mark.parametrize("seed", range(5))
def test_no_group_has_two_roles(seed, diagnose_on):
    data = with_groups()
    sizes = {"n_train": 300, "n_bug_fixing": 200, "n_validation": 100, "n_test": 300}
    splits = split_dataset(data, np.random.default_rng(seed), **sizes, diagnose_on=diagnose_on)
    parts = {role: getattr(splits, role) for role in ("train", "bug_fixing", "validation", "test")}
    parts = {role: part for role, part in parts.items() if part is not None}
    writers = {role: set((data.groups_test if role == "test" else data.groups_train)[part.index])
               for role, part in parts.items()}  # fmt: skip
    for one, other in combinations(parts, 2):
        assert not writers[one] & writers[other] and not set(parts[one].groups) & set(parts[other].groups)
    assert len(parts) == (4 if diagnose_on == "validation" else 3)
    wanted = dict(zip(("train", "bug_fixing", "validation", "test"), sizes.values(), strict=True))
    wanted |= {"bug_fixing": 300, "validation": 0} if diagnose_on == "test" else {}
    for role, part in parts.items():
        assert 0.4 * wanted[role] <= len(part) <= wanted[role]
        kept = (data.groups_test if role == "test" else data.groups_train)[part.index]
        assert len(set(zip(kept, part.groups.tolist(), strict=True))) == len(set(kept))
    again = split_dataset(data, np.random.default_rng(seed), **sizes, diagnose_on=diagnose_on)
    assert np.array_equal(again.train.index, splits.train.index)


def test_groups_that_fit_nowhere_are_told_and_so_are_groups_of_one_part():
    data = with_groups(n_groups=3)
    with pytest.raises(ValueError, match="no group is left that fits into a role of 20 samples: of 3 groups"):
        split_dataset(data, np.random.default_rng(0), 20, 20, 20, 20)
    with pytest.raises(ValueError, match=r"groups_test has shape .., not .897,.: give groups of both parts, or none"):
        replace(data, groups_test=None)
    with pytest.raises(ValueError, match=r"groups_train has shape .10,., not .900,."):
        replace(data, groups_train=np.arange(10))


def test_groups_stay_with_their_samples_and_count_in_the_fingerprint():
    data = with_groups()
    some, held = keep_classes(data, [3, 5]), hold_out_samples(data, 100)
    assert np.array_equal(some.groups_train, data.groups_train[np.isin(data.y_train, [3, 5])])
    assert np.array_equal(held.groups_test, data.groups_train[-100:]) and len(held.groups_train) == 800
    assert replace(data, groups_train=data.groups_train[::-1]).fingerprint != data.fingerprint
