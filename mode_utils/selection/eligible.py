"""Which samples of the pool may be chosen: of some labels or groups only, and at most some of each group."""

from dataclasses import dataclass

import numpy as np

from mode_utils.selection.pool import Batch
from mode_utils.support.sample_parts import count_before


@dataclass(frozen=True)
class Only:
    """What alone may be chosen; None: anything."""

    labels: tuple[int, ...] | None = None  #: by the label if it is known, else by what model or reference takes it for
    groups: tuple[int, ...] | None = None

    def __bool__(self):
        return self.labels is not None or self.groups is not None

    def allows(self, known, labelled, groups):
        """Return whether each sample of a pool may be chosen, (n_pool,) bool, by its `PoolScan` and its groups."""
        allowed = np.ones(len(known.labels), bool)
        if self.labels is not None:
            allowed = np.isin(known.labels, self.labels)
            if not labelled and known.predicted is not None:
                allowed |= np.isin(known.predicted, self.labels)
        return allowed if self.groups is None else allowed & np.isin(groups, self.groups)


def draw_at_most(most, groups, pool, size, draw, chosen=()):
    """Draw a `Batch` with at most so many samples of each group (n_pool,) int; fewer than `size` where groups are few.

    `draw(pool, size)` draws a batch; what is too much of a group goes back, the last of each label first, and the group
    is closed. Samples that are `chosen` already count.
    """
    counts, parts = np.bincount(groups[np.asarray(chosen, int)], minlength=groups.max() + 1), []
    while True:
        pool = pool.closed_to(counts[groups] >= most)
        if not (n := min(size, len(pool))):
            break
        batch = draw(pool, n)
        places, is_random = batch.indices, np.arange(n) >= len(batch.ranked)
        order = np.lexsort([np.arange(n), count_before(pool.labels[places]), is_random])
        kept = np.empty(n, bool)
        kept[order] = count_before(groups[places[order]]) + counts[groups[places[order]]] < most
        parts.append(Batch(places[kept & ~is_random], places[kept & is_random]))
        counts += np.bincount(groups[places[kept]], minlength=len(counts))
        pool, size = pool.without(places[kept]), size - kept.sum()
    none = np.empty(0, int)
    return Batch(*(np.concatenate([none, *(getattr(part, how) for part in parts)]) for how in ("ranked", "random")))
