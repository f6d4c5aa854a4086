"""What a retraining keeps of what worked: old samples that are kept back tell which labels lose by it, and how much."""

from dataclasses import dataclass, replace

import numpy as np

from mode_utils.repair.contract import OLD, VALIDATION, as_labels, count_changes
from mode_utils.splits import Splits

MORE_REPLAY = 2.0  # old samples for each new one, of labels that lose, beside the others
TRIES = 3  # trainings
_LOST, _LOSES = 0.05, 0.02  # of a label's old samples, from which it is retrained again, and from which it gets more
_LEAST_BACK, _MOST_BACK, _MOST_BYTES = 0.2, 10_000, 400e6  # share, number and size of training samples kept back
_UNCHANGED = 10  # old samples of each label that are taken to stay as they are, so that few decide little


@dataclass(frozen=True)
class KeptBack:
    """A case's samples by what they are for: `splits` to retrain on, (x, y) that choose, by part those that judge."""

    splits: Splits
    choose: tuple
    judge: dict


def keep_back(case, indices, labels):
    """Return the `KeptBack` of a case and what is added to it, by places in the pool (n,) and labels (n,)."""
    known = np.zeros(len(case.data.x_pool), np.int32)
    known[indices] = labels
    splits, data = case.data.splits(known), case.data
    n, needed = len(splits.train), round((case.options.replay + MORE_REPLAY) * len(indices))
    most = min(_MOST_BACK, _MOST_BYTES // max(1, splits.train.source[:1].nbytes))
    n_back = int(np.clip(n - needed, min(_LEAST_BACK * n, most), most))
    places = np.random.default_rng([case.seed, 4]).permutation(n)
    choose, judge = (splits.train.take(np.sort(part)) for part in np.array_split(places[:n_back], 2))
    parts = {VALIDATION: (data.x_validation, data.y_validation), "test": (data.x_test, data.y_test), OLD: judge}
    parts = {part: each for part, each in parts.items() if each[0] is not None and len(each[1])}
    return KeptBack(replace(splits, train=splits.train.subset(np.sort(places[n_back:]))), choose, parts)


def losses_of_labels(y, before, after):
    """Return the shares (n_classes,) that labels of samples (n,) have lost, by probabilities (n, n_classes)."""
    samples, fixed, broken = count_changes(y, as_labels(before), as_labels(after), before.shape[1])
    return (broken - fixed) / (samples + _UNCHANGED)


def losing(losses):
    """Return the labels that are to get more old samples: all that lose noticeably, if any loses much; or none."""
    return tuple(np.flatnonzero(losses > _LOSES).tolist()) if losses.max() > _LOST else ()
