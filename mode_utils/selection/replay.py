"""Replay of old samples beside new ones: a model that is retrained on new samples alone forgets the others."""

import numpy as np


class Replay:
    """Hands out batches with `replay` old samples per new one, of training and of earlier batches (TOSEM 2022)."""

    def __init__(self, splits, replay, rng, added=()):
        self._splits, self._replay, self._rng = splits, replay, rng
        self._added = np.asarray(added, dtype=int)

    def with_old(self, new):
        """Return samples and labels of the new ones, given by their places in the pool, and of old ones beside them."""
        parts, n_train = [self._splits.bug_fixing.take(new)], len(self._splits.train)
        if n_old := min(round(self._replay * len(new)), n_train + len(self._added)):
            drawn = self._rng.choice(n_train + len(self._added), n_old, replace=False)
            parts.append(self._splits.train.take(drawn[drawn < n_train]))
            parts.append(self._splits.bug_fixing.take(self._added[drawn[drawn >= n_train] - n_train]))
        self._added = np.concatenate([self._added, new])
        x, y = zip(*parts, strict=True)
        return np.concatenate(x), np.concatenate(y)
