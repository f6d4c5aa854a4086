"""The four roles that the samples of a dataset play.

**Train**, **bug-fixing pool** and **validation** are drawn from a dataset's training part, **test** from its test part.
Diagnosis, heat maps, layer selection and stopping use validation; test only scores the results.
"""

import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from mode_utils.support.checks import check_choice, check_least

DIAGNOSE_ON = ("validation", "test")


@dataclass(frozen=True)
class Subset:
    """Samples in one role: their places `index` (n,) in all samples `source`, and their labels `y` (n,) int32.

    `groups` (n,) int, if they are known, say what samples share beside their label; a number is one group in all roles.
    """

    source: np.ndarray
    y: np.ndarray
    index: np.ndarray
    groups: np.ndarray | None = None
    _copy: list = field(default_factory=lambda: [lambda: None], init=False, repr=False, compare=False)
    _held: list = field(default_factory=lambda: [False, None], init=False, repr=False, compare=False)

    def __len__(self):
        return len(self.index)

    @property
    def x(self):
        """All samples (n, ...), float32: a shared copy that lasts only while it is referenced."""
        if (x := self._copy[0]()) is None:
            everything = len(self.index) == len(self.source) and (np.diff(self.index) == 1).all()
            x = self.source.view() if everything else self.source[self.index]  # the source itself stays writeable
            x.setflags(write=False)
            self._copy[0] = weakref.ref(x)
        if self._held[0]:
            self._held[1] = x
        return x

    def subset(self, positions):
        """Return the subset at some positions."""
        groups = None if self.groups is None else self.groups[positions]
        return Subset(self.source, self.y[positions], self.index[positions], groups)

    def transformed(self, function):
        """Return the subset with a function of its samples, (n, ...) to (n, ...), in their place."""
        return Subset(function(self.x), self.y, np.arange(len(self)), self.groups)

    def take(self, positions):
        """Return the samples and labels at some positions 0 .. n - 1, without a copy of the others."""
        return self.source[self.index[positions]], self.y[positions]


@dataclass(frozen=True)
class Splits:
    """The four roles."""

    train: Subset
    bug_fixing: Subset
    validation: Subset | None  #: None when the test set is used for diagnosis, as the original replication did
    test: Subset
    n_classes: int
    labelled: bool = True  #: whether the labels of the pool are known before its samples are chosen
    partly_known: np.ndarray | None = None  #: (n_pool,) int, if some labels of the pool are known; -1: not
    pool_truth: object = None  #: a `pools.PoolTruth`, to score a choice by, not to choose by

    @property
    def held_out(self):
        """The held-out samples that diagnosis, heat maps, layer selection and stopping use."""
        return self.test if self.validation is None else self.validation

    @property
    def known_labels(self):
        """Labels (n_pool,) of the pool that are known before its samples are chosen, -1 where not; None if none is."""
        return self.bug_fixing.y if self.labelled else self.partly_known

    def transformed(self, function):
        """Return the splits with a function of their samples, see `Subset.transformed`."""
        parts = {role: getattr(self, role) for role in ("train", "bug_fixing", "validation", "test")}
        return replace(self, **{role: part and part.transformed(function) for role, part in parts.items()})

    @contextmanager
    def in_memory(self, *roles):
        """Copy the samples of some roles, by default of all, once when they are first used, and keep them."""
        parts = [getattr(self, role) for role in roles or ("train", "bug_fixing", "held_out", "test")]
        held = [part._held for part in parts if not part._held[0]]  # the others are, by an outer context
        for each in held:
            each[0] = True
        try:
            yield
        finally:
            for each in held:
                each[:] = [False, None]


def split_dataset(dataset, rng, n_train=30_000, n_bug_fixing=25_000, n_validation=5_000, n_test=10_000,
                  diagnose_on="validation"):  # fmt: skip
    """Draw the four roles at random and without overlap, as `Splits`.

    Test samples come from the dataset's test part, all others from its training part. `diagnose_on="test"` reproduces
    the leak of the original replication: no validation, its share goes to the pool, and the test set has both uses.
    A group never has two roles: where there are groups, roles are drawn as whole groups, and may be a bit smaller.
    """
    check_choice("diagnose_on", diagnose_on, DIAGNOSE_ON)
    _check_sizes(dataset, n_test, n_train=n_train, n_bug_fixing=n_bug_fixing, n_validation=n_validation)
    if diagnose_on == "test":
        n_bug_fixing, n_validation = n_bug_fixing + n_validation, 0
    sizes, groups, of_test = [n_train, n_bug_fixing, n_validation], None, None
    if dataset.has_groups:
        both = np.concatenate([dataset.groups_train, dataset.groups_test])
        groups, of_test = np.split(np.unique(both, return_inverse=True)[1], [len(dataset.y_train)])
        index = np.sort(_draw_groups(of_test, rng, [n_test])[0])
        parts = _draw_groups(groups, rng, sizes, of_test[index])
    else:
        *parts, _ = np.split(rng.permutation(len(dataset.y_train)), np.cumsum(sizes))
        index = np.sort(rng.permutation(len(dataset.y_test))[:n_test])
    whole = Subset(dataset.x_train, dataset.y_train, np.arange(len(dataset.y_train)), groups)
    train, bug_fixing, validation = map(whole.subset, parts)
    test = Subset(dataset.x_test, dataset.y_test, np.arange(len(dataset.y_test)), of_test).subset(index)
    return Splits(train, bug_fixing, validation if n_validation else None, test, dataset.n_classes)


def _draw_groups(groups, rng, sizes, taken=()):
    """Return places (at most a size each) of as many parts of whole groups (n,) int, without those that are taken."""
    counts, sizes = np.bincount(groups), np.array(sizes)
    left, part_of = sizes.astype(float), np.full(len(counts), -1)
    for group in rng.permutation(np.setdiff1d(groups, taken)):
        shares = np.where((left >= counts[group]) & (sizes > 0), left / np.maximum(sizes, 1), -1)
        if shares.max() >= 0:
            part_of[group] = shares.argmax()
            left[part_of[group]] -= counts[group]
    parts = [rng.permutation(np.flatnonzero(part_of[groups] == part)) for part in range(len(sizes))]
    for part, size in zip(parts, sizes, strict=True):
        if size and not len(part):
            told = f"no group is left that fits into a role of {size} samples: of {len(counts)} groups, the smallest"
            raise ValueError(f"{told} has {counts[counts > 0].min()}")
    return parts


def _check_sizes(dataset, n_test, **sizes):
    for size, value in {**sizes, "n_test": n_test}.items():
        check_least(size, value, 1)
    for names, y, part in ((sizes, dataset.y_train, "training"), ({"n_test": n_test}, dataset.y_test, "test")):
        if (number := sum(names.values())) > len(y):
            raise ValueError(f"{' + '.join(names)} = {number}, but {dataset.name} has {len(y)} {part} samples")
