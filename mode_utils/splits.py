"""The four roles that the samples of a dataset play.

**Train**, **bug-fixing pool** and **validation** are drawn from a dataset's training part, **test** from its test part.
Diagnosis, heat maps, layer selection and stopping look at validation; test is scored, never looked at.
"""

import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from mode_utils.support.checks import check_choice, check_least

DIAGNOSE_ON = ("validation", "test")


@dataclass(frozen=True)
class Subset:
    """Samples in one role, known by their places in the dataset and copied only while they are used.

    Attributes
    ----------
    source : (n_source, ...) float32
        All samples of the dataset's part.
    y : (n,) int32
        Labels of the samples in this role.
    index : (n,) int
        Their places in `source`.
    """

    source: np.ndarray
    y: np.ndarray
    index: np.ndarray
    _copy: list = field(default_factory=lambda: [lambda: None], init=False, repr=False, compare=False)
    _held: list = field(default_factory=lambda: [False, None], init=False, repr=False, compare=False)

    def __len__(self):
        return len(self.index)

    @property
    def x(self):
        """All samples (n, ...), float32. The copy is shared by all who hold it, and gone when nobody does."""
        x = self._copy[0]()
        if x is None:
            everything = len(self.index) == len(self.source) and (np.diff(self.index) == 1).all()
            x = self.source.view() if everything else self.source[self.index]  # the source's own flags are its owner's
            x.setflags(write=False)  # shared
            self._copy[0] = weakref.ref(x)
        if self._held[0]:
            self._held[1] = x
        return x

    @property
    def is_held(self):
        """Whether a copy is kept from its first use on."""
        return self._held[0]

    def hold(self, held):
        """Keep the copy of the samples from its first use on, or let it go."""
        self._held[:] = [held, None]

    def subset(self, positions):
        """Return the samples at some positions in the same role."""
        return Subset(self.source, self.y[positions], self.index[positions])

    def transformed(self, function):
        """Return a function of the samples, (n, ...) to (n, ...), in the same role."""
        return Subset(function(self.x), self.y, np.arange(len(self)))

    def take(self, positions):
        """Return the samples and labels at some positions 0 .. n - 1, without a copy of the others."""
        return self.source[self.index[positions]], self.y[positions]


@dataclass(frozen=True)
class Splits:
    """The four roles.

    Attributes
    ----------
    train, bug_fixing, validation, test : Subset
        `validation` is None when diagnosis looks at the test set, as the original replication did.
    n_classes : int
    labelled : bool
        Whether the labels of the pool are known before its samples are chosen.
    partly_known : (n_pool,) int, optional
        Labels of a pool that is not `labelled` in which some are known; -1 where they are not.
    pool_truth : pools.PoolTruth, optional
        What is the matter with the pool's samples, if that is known; to score a choice by, not to choose by.
    """

    train: Subset
    bug_fixing: Subset
    validation: Subset | None
    test: Subset
    n_classes: int
    labelled: bool = True
    partly_known: np.ndarray | None = None
    pool_truth: object = None

    @property
    def diagnosis(self):
        """The samples that diagnosis, heat maps, layer selection and stopping look at."""
        return self.test if self.validation is None else self.validation

    @property
    def known_labels(self):
        """Labels (n_pool,) of the pool that are known before its samples are chosen, -1 where not; None if none is."""
        return self.bug_fixing.y if self.labelled else self.partly_known

    def transformed(self, function):
        """Return the splits with a function of the samples, (n, ...) to (n, ...), in the samples' place."""
        parts = {role: getattr(self, role) for role in ("train", "bug_fixing", "validation", "test")}
        return replace(self, **{role: part and part.transformed(function) for role, part in parts.items()})

    @contextmanager
    def in_memory(self, *roles):
        """Copy the samples of some roles once, when they are first used, and keep them while the context lasts.

        Parameters
        ----------
        *roles : {"train", "bug_fixing", "diagnosis", "test"}
            By default all of them.
        """
        parts = [getattr(self, role) for role in roles or ("train", "bug_fixing", "diagnosis", "test")]
        parts = [part for part in parts if not part.is_held]  # by a context around this one
        for part in parts:
            part.hold(True)
        try:
            yield
        finally:
            for part in parts:
                part.hold(False)


def split_dataset(
    dataset, rng, n_train=30_000, n_bug_fixing=25_000, n_validation=5_000, n_test=10_000, diagnose_on="validation"
):
    """Draw the four roles at random and without overlap.

    Parameters
    ----------
    dataset : Dataset
    rng : numpy.random.Generator
    n_train, n_bug_fixing, n_validation, n_test : int
        Sizes. Test samples come from the dataset's test part, all others from its training part.
    diagnose_on : {"validation", "test"}
        "test" reproduces the original replication: no validation, its share goes to the pool, and the test set is both
        looked at and scored. It is there to measure that leak.

    Returns
    -------
    Splits

    Raises
    ------
    ValueError
        If a size is not positive or the parts hold too few samples, or if `diagnose_on` is unknown.
    """
    check_choice("diagnose_on", diagnose_on, DIAGNOSE_ON)
    _check_sizes(dataset, n_train, n_bug_fixing, n_validation, n_test)
    if diagnose_on == "test":
        n_bug_fixing, n_validation = n_bug_fixing + n_validation, 0
    order = rng.permutation(len(dataset.y_train))
    train, bug_fixing, validation, _ = np.split(order, np.cumsum([n_train, n_bug_fixing, n_validation]))
    test = np.sort(rng.permutation(len(dataset.y_test))[:n_test])
    return Splits(
        train=_take(dataset.x_train, dataset.y_train, train),
        bug_fixing=_take(dataset.x_train, dataset.y_train, bug_fixing),
        validation=_take(dataset.x_train, dataset.y_train, validation) if n_validation else None,
        test=_take(dataset.x_test, dataset.y_test, test),
        n_classes=dataset.n_classes,
    )


def _take(x, y, index):
    return Subset(x, y[index], index)


def _check_sizes(dataset, n_train, n_bug_fixing, n_validation, n_test):
    sizes = {"n_train": n_train, "n_bug_fixing": n_bug_fixing, "n_validation": n_validation, "n_test": n_test}
    for size, value in sizes.items():
        check_least(size, value, 1)
    wanted = n_train + n_bug_fixing + n_validation
    if wanted > len(dataset.y_train):
        raise ValueError(
            f"n_train + n_bug_fixing + n_validation = {wanted}, but {dataset.name} has {len(dataset.y_train)} "
            "training samples"
        )
    if n_test > len(dataset.y_test):
        raise ValueError(f"n_test = {n_test}, but {dataset.name} has {len(dataset.y_test)} test samples")
