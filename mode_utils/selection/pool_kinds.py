"""The bug-fixing pool as users have it: with wrong labels, copies, samples of another kind, labels that are rare.

========== ============================================================================================================
clean      as it was drawn: each sample once, all labels right
noisy      a fifth of the labels are wrong, each other label with the same chance
confused   a fifth of the labels are wrong, all by the label whose mean image is the nearest
duplicated each sample ten times
shifted    each sample ten times, nine of them shifted by up to two pixels
foreign    a fifth are samples of another dataset, under labels of this one, drawn at random
rare       labels that are rare among the training samples are as rare here
========== ============================================================================================================

Each is a function of the data and the run's random generator. `PoolTruth` scores a choice; selectors do not see it.
"""

from dataclasses import dataclass, replace

import numpy as np

from mode_utils.splits import Splits, Subset
from mode_utils.support.checks import check_choice

NOISE, FOREIGN_SHARE, COPIES, LARGEST_SHIFT = 0.2, 0.2, 10, 2
_RARE = 0.5  # of the median ratio of training to pool samples


@dataclass(frozen=True)
class PoolTruth:
    """Faults of pool samples, `wrong`, `original`, `foreign`, (n,): those of one number in `original` are copies."""

    wrong: np.ndarray
    original: np.ndarray
    foreign: np.ndarray

    def shares(self, chosen):
        """Return `wrong_share`, `distinct_share` and `foreign_share`, in [0, 1], of at least one sample."""
        wrong, foreign = (float(faults[chosen].mean()) for faults in (self.wrong, self.foreign))
        distinct = len(np.unique(self.original[chosen])) / len(chosen)
        return {"wrong_share": wrong, "distinct_share": distinct, "foreign_share": foreign}


def make_pool(splits: Splits, kind, rng, foreign=None):
    """Return the splits with a pool of some kind, one of `POOLS`, and its truth, `pool_truth`.

    `foreign` are samples of another dataset, of any shape. Where a kind needs images, other samples are a ValueError.
    """
    check_choice("pool", kind, POOLS)
    pool, faults = POOLS[kind](splits, rng, foreign)
    none = np.zeros(len(pool), dtype=bool)
    truth = PoolTruth(**{"wrong": none, "original": np.arange(len(pool)), "foreign": none} | faults)
    return replace(splits, bug_fixing=pool, pool_truth=truth)


def like_images(images, shape):
    """Return images in another shape: cut or padded with 0 around their middle, channels averaged or repeated."""
    if len(shape) not in (2, 3):
        raise ValueError(f"samples of shape {shape} are not images: choose another pool than 'foreign' or 'shifted'")
    grey = images if images.ndim == 3 else images.mean(axis=3)
    for axis, side in enumerate(shape[:2], start=1):
        grey = _fit(grey, axis, side)
    return grey if len(shape) == 2 else np.repeat(grey[..., None], shape[2], axis=3)


def keep_some(labels, numbers, rng):
    """Return the places (n_kept,) of samples if only a number of some labels' stay, rounded, at least one of each."""
    kept = np.ones(len(labels), dtype=bool)
    for label, number in numbers.items():
        kept[rng.permutation(np.flatnonzero(labels == label))[max(1, round(number)) :]] = False
    return np.flatnonzero(kept)


def _fit(images, axis, side):
    missing = side - images.shape[axis]
    if missing <= 0:
        return np.take(images, np.arange(side) - missing // 2 - missing % 2, axis)
    widths = [(0, 0)] * images.ndim
    widths[axis] = (missing // 2, missing - missing // 2)
    return np.pad(images, widths)


def _noisy(splits, rng, foreign):
    steps = rng.integers(1, splits.n_classes, len(splits.bug_fixing))
    return _mislabelled(splits, rng, (splits.bug_fixing.y + steps) % splits.n_classes)


def _confused(splits, rng, foreign):
    labels, (present, places) = np.arange(splits.n_classes), np.unique(splits.train.y, return_inverse=True)
    flat = splits.train.x.reshape(len(splits.train), -1)
    means = np.stack([flat[places == place].mean(axis=0) for place in range(len(present))])
    distances = np.linalg.norm(means[:, None] - means, axis=2)
    np.fill_diagonal(distances, np.inf)
    others = (labels + 1) % splits.n_classes  # of a label that was never seen, nothing is the nearest
    if len(present) > 1:
        others[present] = present[distances.argmin(axis=1)]
    return _mislabelled(splits, rng, others[splits.bug_fixing.y])


def _duplicated(splits, rng, foreign):
    pool = splits.bug_fixing.subset(_tenfold(splits.bug_fixing, rng))
    return pool, {"original": pool.index}


def _shifted(splits, rng, foreign):
    places = _tenfold(splits.bug_fixing, rng)
    samples, _ = splits.bug_fixing.take(places)
    like_images(samples[:0], samples.shape[1:])  # raises, if they are not images
    shifts = rng.integers(-LARGEST_SHIFT, LARGEST_SHIFT + 1, (len(places), 2))
    shifts[np.unique(places, return_index=True)[1]] = 0  # the first of each
    height, width = samples.shape[1:3]
    wide = np.pad(samples, [(0, 0), *[(LARGEST_SHIFT, LARGEST_SHIFT)] * 2, *[(0, 0)] * (samples.ndim - 3)])
    corners = zip(wide, *(LARGEST_SHIFT - shifts).T, strict=True)
    moved = np.stack([image[top : top + height, left : left + width] for image, top, left in corners])
    return replace(splits.bug_fixing.subset(places), source=moved, index=np.arange(len(places))), {"original": places}


def _foreign(splits, rng, foreign):
    pool = splits.bug_fixing
    n = min(round(FOREIGN_SHARE * len(pool)), len(foreign))
    drawn, shape = foreign[rng.choice(len(foreign), n, replace=False)], pool.source.shape[1:]
    strange = drawn if drawn.shape[1:] == shape else like_images(drawn, shape)
    places = rng.permutation(len(pool))[:n]
    samples, labels = pool.x.copy(), pool.y.copy()
    samples[places], labels[places] = strange, rng.integers(0, splits.n_classes, n)
    is_foreign = np.isin(np.arange(len(pool)), places)
    made = Subset(samples, labels, np.arange(len(pool)), pool.groups)
    return made, {"wrong": is_foreign, "foreign": is_foreign}


def _rare(splits, rng, foreign):
    seen, there = (np.bincount(part.y, minlength=splits.n_classes) for part in (splits.train, splits.bug_fixing))
    ratios = seen / np.maximum(there, 1)
    usual = np.median(ratios)
    numbers = {label: there[label] * ratios[label] / usual for label in np.flatnonzero(ratios < _RARE * usual)}
    return splits.bug_fixing.subset(keep_some(splits.bug_fixing.y, numbers, rng)), {}


def _mislabelled(splits, rng, others):
    pool = splits.bug_fixing
    wrong = np.isin(np.arange(len(pool)), rng.permutation(len(pool))[: round(NOISE * len(pool))])
    return replace(pool, y=np.where(wrong, others, pool.y).astype(pool.y.dtype)), {"wrong": wrong}


def _tenfold(pool, rng):
    """Return the places of a tenth of the samples, each ten times, in random order."""
    return rng.permutation(np.tile(rng.permutation(len(pool))[: max(1, len(pool) // COPIES)], COPIES))


POOLS = {"clean": lambda splits, *_: (splits.bug_fixing, {}), "noisy": _noisy, "confused": _confused,
         "duplicated": _duplicated, "shifted": _shifted, "foreign": _foreign, "rare": _rare}  # fmt: skip
