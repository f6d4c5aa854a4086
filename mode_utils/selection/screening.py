"""Screening of a ranking: copies, samples of another kind and labels in doubt are skipped.

======== ==============================================================================================================
copies   near-duplicates of chosen samples, even shifted
foreign  farther from all training and validation samples than these are from one another
doubtful the reference gives the label at most one half; of a pool without labels, no label gets more (see `reference`);
         where that is most of the pool, as of many labels with few validation samples, nothing is doubted
======== ==============================================================================================================

At most some twenty times as many samples as places are examined: if nearly all of a pool is unlike what is known, it is
another kind of pool, and skipping helps no more. Distance to known samples: Sun et al., ICML 2022, arXiv 2204.06507.
"""

import numpy as np

from mode_utils.support.core_set import squared_distances
from mode_utils.support.files import release_pages

SKIPS = ("copies", "foreign", "doubtful")
DOUBT, _MOST_DOUBTED = 0.5, 0.5  # probability; share of a pool
_N_KNOWN, _N_COMPARED = 3_000, 1_000  # samples that stand for all that is known, and those that limits are read off
COPY_SHARE, FOREIGN_SHARE = 0.01, 0.02  # of known samples that would be taken for a copy, and for foreign
_MORE = 1.2  # samples examined first, for each that is wanted; twice as many each time after that, up to
_AT_ONCE = 1_024  # of them
_MOST, _LEAST = 20, 1_000  # samples examined in all, for each that is wanted, and beside these
_CELLS, _FREQUENCIES = 7, 8  # an axis
_MOST_NUMBERS = 64  # of a sample that is not an image
_LARGER, _HIDES = 20, 0.99  # times as large as small columns; share of the squares, beyond which these are hidden
_FAR_OFF, _NO_SPREAD = 0.9999, 1e-7  # share of the squares that is that of the mean; of its mean, what is rounding
_ROUNDING = 1e-6  # of a distance: a limit is no smaller, so that exact copies are found


class Screen:
    """Picks from rankings of a pool what is not to be skipped.

    `skip` are some of `SKIPS`, `rng` draws the known samples of `splits` that are compared with; `self_confidence`
    (n_pool,), a reference's probability of each sample's label, given or guessed, tells doubtful ones.
    """

    def __init__(self, skip, splits, rng, self_confidence=None):
        self._pool, self._tests, self._limit = splits.bug_fixing, [], None
        if "doubtful" in skip:
            doubtful = self_confidence <= DOUBT
            if doubtful.mean() <= _MOST_DOUBTED:  # otherwise the reference knows too little to contradict
                self._tests.append(lambda indices: doubtful[indices])
        if "foreign" in skip:
            samples = known_samples(splits, rng)
            scales = column_scales(samples)
            known, own = outlines(samples, scales), _Remembered(self._pool, lambda x: outlines(x, scales))
            limit = foreign_limit(known)
            self._tests.append(lambda indices: nearest(own(indices), known) > limit)
        if "copies" in skip:
            samples = known_samples(splits, rng)
            of_columns = column_scales(samples)
            self._limit = copy_limit(spectra(samples, of_columns))
            self._spectra = _Remembered(self._pool, lambda x: spectra(x, of_columns))

    def prefetch(self, places):
        """Let a pool that reads rows one by one read those in one go that will be examined."""
        getattr(self._pool.source, "prefetch", len)(places)

    def pick(self, ranked, n, before=()):
        """Return the first `n` in a ranking that are not skipped, and those passed over for nothing but being copies.

        `ranked` are places in the pool, the most wanted first, and `before` of what was chosen before, whose copies are
        skipped. Both results are places in `ranked`; fewer than n are picked where all others examined are skipped.
        """
        picked, copies, place, size = np.empty(0, int), np.empty(0, int), 0, round(_MORE * n) + 1
        chosen = None if self._limit is None else self._spectra(np.asarray(before, int))
        end = min(len(ranked), _MOST * n + _LEAST)
        while len(picked) < n and place < end:
            part = np.arange(place, min(place + size, end))
            for test in self._tests:
                part = part[~test(ranked[part])]
            if chosen is not None and part.size:
                distinct = self._distinct(self._spectra(ranked[part]), chosen)
                copies, part = np.concatenate([copies, part[~distinct]]), part[distinct]
                chosen = np.concatenate([chosen, self._spectra(ranked[part])])
            picked, place, size = np.concatenate([picked, part]), place + size, min(2 * size, _AT_ONCE)
        return picked[:n], copies

    def _distinct(self, points, chosen):
        """Tell which points are not copies of what was chosen or of those before them."""
        free = nearest(points, chosen) >= self._limit if len(chosen) else np.ones(len(points), dtype=bool)
        near = _distances(points, points) < self._limit
        for place in np.flatnonzero(free):
            if free[place]:
                free[place + 1 :] &= ~near[place, place + 1 :]
        return free


class _Remembered:
    """Rows of a pool's samples, each computed when it is first asked for."""

    def __init__(self, pool, function):
        self._pool, self._function = pool, function
        self._place, self._rows = np.full(len(pool), -1), None

    def __call__(self, indices):
        new = np.unique(indices[self._place[indices] < 0])
        if len(new) or self._rows is None:
            rows = self._function(self._pool.take(new)[0])
            release_pages(self._pool.source)
            self._rows = rows if self._rows is None else np.concatenate([self._rows, rows])
            self._place[new] = np.arange(len(self._rows) - len(new), len(self._rows))
        return self._rows[self._place[indices]]


def outlines(x, scales=None):
    """Return samples (n, ...) as rows of length 1: images averaged over a few cells, others as few numbers.

    Rows whose columns have `scales`, see `column_scales`, are centred and divided by them instead.
    """
    if not _are_images(x):
        return _of_numbers(x, scales)
    rows = [part.mean(axis=1) for part in np.array_split(_grey(x), min(_CELLS, x.shape[1]), axis=1)]
    cells = [part.mean(axis=2) for part in np.array_split(np.stack(rows, axis=1), min(_CELLS, x.shape[2]), axis=2)]
    return _unit(np.stack(cells, axis=1))


def spectra(x, scales=None):
    """Return what `outlines` does, but a shift does not change it: of images, the size of the low frequencies."""
    if not _are_images(x):
        return _of_numbers(x, scales)
    waves = np.abs(np.fft.rfft2(_grey(x), axes=(1, 2)))[:, :, :_FREQUENCIES]
    return _unit(np.concatenate([waves[:, :_FREQUENCIES], waves[:, _FREQUENCIES:][:, 1 - _FREQUENCIES :]], axis=1))


def _are_images(x):
    """Tell whether samples have a height and a width; a long and thin one is a sequence."""
    return x.ndim in (3, 4) and min(x.shape[1:3]) >= _CELLS and (x.ndim == 3 or x.shape[3] <= 4)


def column_scales(known):
    """Return the centre and the spread of the columns of a table (n, n_columns) in which a few hide the others.

    Of a date in seconds beside shares, the direction of a row says nothing but the date. None, where directions do.
    """
    if known.ndim != 2 or known.shape[1] < 2 or not known.any():
        return None
    x = known.astype(np.float64)
    squares, center, spread = (x**2).mean(axis=0), x.mean(axis=0), x.std(axis=0)
    small = np.quantile(squares[squares > 0], 0.1, method="lower")
    hides = squares[squares > _LARGER**2 * small].sum() > _HIDES * squares.sum()
    if not hides and (center**2).sum() <= _FAR_OFF * squares.sum():
        return None
    return center, np.where(spread > _NO_SPREAD * np.abs(center), spread, np.maximum(np.abs(center), 1))


def _of_numbers(x, scales):
    if scales is None:
        return _unit(_projected(x))
    return _projected(((x - scales[0]) / scales[1]).astype(np.float32))


def _grey(x):
    return x if x.ndim == 3 else x.mean(axis=3)


def _projected(x):
    """Return rows of at most `_MOST_NUMBERS` numbers, in which distances are about those of the samples."""
    rows = x.reshape(len(x), int(np.prod(x.shape[1:])))
    if rows.shape[1] <= _MOST_NUMBERS:
        return rows
    directions = np.random.default_rng(0).standard_normal((rows.shape[1], _MOST_NUMBERS), np.float32)
    return rows.astype(np.float32) @ directions


def _unit(x):
    rows = x.reshape(len(x), int(np.prod(x.shape[1:]))).astype(np.float64)
    if rows.shape[1] == 1:  # which has no direction
        return rows
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def known_samples(splits, rng):
    """Draw known samples, in random order: validation samples first, as all labels are among them."""
    places = rng.permutation(len(splits.held_out))[:_N_KNOWN]
    more = rng.permutation(len(splits.train))[: _N_KNOWN - len(places)]
    x = np.concatenate([splits.held_out.take(places)[0], splits.train.take(more)[0]])
    return x[rng.permutation(len(x))]


def _distances(points, others):
    """Return the distances (n, n_others) between rows; those between copies are 0 but for rounding in double."""
    points, others = points.astype(np.float64), others.astype(np.float64)
    if points.shape[1] == 1:  # large numbers, such as ids, leave nothing of a difference of squares
        return np.abs(points - others.T)
    return np.sqrt(np.maximum(squared_distances(points, others), 0))


def nearest(points, known):
    """Return the distance (n,) of each point from the nearest known one."""
    return _distances(points, known).min(axis=1)


def nearest_before(points):
    """Return the distance (n,) of each point from the nearest one before it; that of the first is infinite."""
    found = np.full(len(points), np.inf)
    for start in range(0, len(points), _N_COMPARED):
        rows = points[start : start + _N_COMPARED]
        distances = _distances(rows, points[: start + len(rows)])
        distances[np.triu_indices(len(rows), start, distances.shape[1])] = np.inf
        found[start : start + len(rows)] = distances.min(axis=1)
    return found


def copy_limit(known):
    """Return the distance between spectra (n, n_numbers) of known samples below which one is taken for a copy."""
    return max(_quantile(known, COPY_SHARE), _ROUNDING)


def foreign_limit(known):
    """Return the distance between outlines (n, n_numbers) beyond which a sample is unlike all that are known."""
    return _quantile(known, 1 - FOREIGN_SHARE)


def _quantile(known, share):
    """Return the distance from the nearest other point that a share of the points do not exceed."""
    distances = _distances(known[:_N_COMPARED], known)
    np.fill_diagonal(distances, np.inf)
    return np.quantile(distances.min(axis=1), share)
