from dataclasses import replace

import numpy as np
import pytest

from mode_utils.run_setup import RunSetup, split_for_run
from mode_utils.selection.pool_kinds import COPIES, POOLS, like_images, make_pool

SIZES = {"n_train": 3_000, "n_bug_fixing": 2_000, "n_validation": 500, "n_test": 100}


@pytest.fixture
def pool_of(mnist):
    def pool_of(kind, **changes):
        splits = split_for_run(mnist, RunSetup(**SIZES, pool=kind, scenario="starved", **changes), seed=0)
        return splits, splits.pool_truth

    return pool_of


@pytest.fixture
def clean(mnist):
    return split_for_run(mnist, RunSetup(**SIZES, scenario="starved"), seed=0).bug_fixing


@pytest.mark.parametrize("kind", [kind for kind in POOLS if kind not in ("clean", "foreign")])
def test_a_pool_is_a_function_of_data_and_seed_and_leaves_the_other_roles_alone(kind, mnist, pool_of, clean):
    (first, _), (again, _) = pool_of(kind), pool_of(kind)
    assert np.array_equal(first.bug_fixing.x, again.bug_fixing.x)
    assert np.array_equal(first.bug_fixing.y, again.bug_fixing.y)
    untouched = split_for_run(mnist, RunSetup(**SIZES, scenario="starved"), seed=0)
    for role in ("train", "validation", "test"):
        assert np.array_equal(getattr(first, role).index, getattr(untouched, role).index)
    assert len(first.pool_truth.wrong) == len(first.bug_fixing)


@pytest.mark.parametrize("kind", ["noisy", "confused"])
def test_a_fifth_of_the_labels_is_wrong_and_the_truth_says_which(kind, pool_of, clean):
    splits, truth = pool_of(kind)
    assert np.array_equal(splits.bug_fixing.y != clean.y, truth.wrong)
    assert truth.wrong.mean() == pytest.approx(0.2)
    assert splits.bug_fixing.y.max() == 9


def test_a_label_is_confused_with_one_other_and_noise_with_all(pool_of, clean):
    taken_for = {}
    for kind in ("noisy", "confused"):
        splits, truth = pool_of(kind)
        taken_for[kind] = set(splits.bug_fixing.y[truth.wrong & (clean.y == 4)])
    assert taken_for == {"noisy": set(range(10)) - {4}, "confused": {9}}  # a four looks like a nine


@pytest.mark.parametrize("kind", ["duplicated", "shifted"])
def test_each_sample_is_there_ten_times(kind, pool_of):
    splits, truth = pool_of(kind)
    numbers, counts = np.unique(truth.original, return_counts=True)
    assert len(numbers) == 200 and set(counts) == {COPIES}
    own = np.flatnonzero(truth.original == numbers[0])
    samples, labels = splits.bug_fixing.take(own)
    assert len(set(labels)) == 1
    alike = sum(np.array_equal(samples[0], sample) for sample in samples)
    assert alike == 10 if kind == "duplicated" else alike < 5
    assert samples.sum(axis=(1, 2)) == pytest.approx(samples[0].sum(), rel=0.02)  # digits do not leave the picture
    assert truth.shares(own) == {"wrong_share": 0.0, "distinct_share": 0.1, "foreign_share": 0.0}


def test_a_label_that_is_rare_in_training_is_as_rare_in_the_pool(pool_of, clean):
    splits, _ = pool_of("rare")
    counts, before = (np.bincount(part.y, minlength=10) for part in (splits.bug_fixing, clean))
    starved = np.isin(np.arange(10), (3, 5, 8))
    assert np.array_equal(counts[~starved], before[~starved])
    assert (counts[starved] <= 3).all() and (counts[starved] >= 1).all()


def test_a_fifth_is_foreign_and_the_rest_is_as_it_was(splits, rng):
    foreign = np.full((1_000, 20, 30, 3), 0.5, np.float32)
    made = make_pool(splits, "foreign", rng, foreign)
    truth, pool = made.pool_truth, made.bug_fixing
    assert truth.foreign.mean() == pytest.approx(0.2) and np.array_equal(truth.wrong, truth.foreign)
    assert np.array_equal(pool.x[~truth.foreign], splits.bug_fixing.x[~truth.foreign])
    strange = pool.x[truth.foreign][0]
    assert (strange[4:24] == 0.5).all() and not strange[:4].any() and not strange[24:].any()


@pytest.mark.parametrize("shape", [(28, 28), (32, 32, 3), (7, 50, 1), (28, 29)])
def test_images_are_cut_or_padded_around_their_middle(shape):
    image = np.zeros((1, 28, 28), np.float32)
    image[0, 13:15, 13:15] = 1
    other = like_images(image, shape)
    assert other.shape == (1, *shape)
    grey = other[0] if len(shape) == 2 else other[0, :, :, 0]
    height, width = shape[0] // 2, shape[1] // 2
    assert grey.sum() == 4 and grey[height - 1 : height + 1, width - 1 : width + 1].sum() >= 2


def test_what_is_no_image_is_not_shifted_and_a_pool_that_does_not_exist_is_refused(splits, rng):
    with pytest.raises(ValueError, match=r"samples of shape \(5,\) are not images"):
        like_images(np.zeros((1, 28, 28)), (5,))
    with pytest.raises(ValueError, match="unknown pool 'dirty'; choose from clean, noisy"):
        make_pool(splits, "dirty", rng)
    with pytest.raises(ValueError, match="unknown pool 'dirty'"):
        RunSetup(pool="dirty")


@pytest.mark.parametrize("present", [(4,), (0, 7), (1, 2, 3, 4, 5, 6, 7, 8, 9)])
@pytest.mark.parametrize("kind", [kind for kind in POOLS if kind != "foreign"])
def test_a_pool_can_be_made_where_training_lacks_labels(kind, present, mnist):
    splits = split_for_run(mnist, RunSetup(**SIZES | {"n_train": 300, "n_bug_fixing": 200}), seed=0)
    lacking = replace(splits, train=splits.train.subset(np.flatnonzero(np.isin(splits.train.y, present))))
    pool = make_pool(lacking, kind, np.random.default_rng(0))
    if kind in ("noisy", "confused"):
        assert np.array_equal(pool.bug_fixing.y != splits.bug_fixing.y, pool.pool_truth.wrong)
    if kind == "confused":  # with what is there, wherever there is something else
        wrong = pool.pool_truth.wrong & np.isin(splits.bug_fixing.y, present)
        assert len(present) == 1 or set(pool.bug_fixing.y[wrong]) <= set(present)
