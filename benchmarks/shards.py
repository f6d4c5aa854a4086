"""Choose from pools in shards, from 10^5 rows on: seconds and memory of a worker against rows.

``python benchmarks/shards.py [LARGEST] [FOLDER]`` writes 168 bytes a row (32 features, 10 classes) in shards of 100,000
rows, and removes them again.
"""

import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil

from mode_utils.repair import Shards, choose_from_arrays

N_CLASSES, N_FEATURES, SHARD, WORKERS = 10, 32, 100_000, 2


def draw(n, seed):
    """Draw features about a centre for each class, and the probabilities of a model that hardly knows two of them."""
    rng = np.random.default_rng([7, seed])
    centres = np.random.default_rng(7).standard_normal((N_CLASSES, N_FEATURES), np.float32)
    y = rng.integers(N_CLASSES, size=n)
    features = centres[y] + 1.5 * rng.standard_normal((n, N_FEATURES), np.float32)
    logits = features @ centres.T + np.where(np.arange(N_CLASSES) < 2, -6, 0).astype(np.float32)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return features, p / p.sum(axis=1, keepdims=True), y


class WorkersMemory(threading.Thread):
    """Watch the largest resident memory of a child process."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.stopped = 0, False

    def run(self):
        """Look ten times a second."""
        while not self.stopped:
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    self.peak = max(self.peak, child.memory_info().rss)
            time.sleep(0.1)


def main(largest=10_000_000, folder=None):
    """Write, choose, report and remove, ten times as many rows each time."""
    features, p, y = draw(5_000, 0)
    base = {"features_validation": features, "probabilities_validation": p, "y_validation": y}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        written, n = 0, SHARD
        while n <= largest:
            while written < n // SHARD:
                features, p, _ = draw(SHARD, written + 1)
                np.savez(Path(scratch) / f"part-{written:05d}.npz", features_pool=features, probabilities_pool=p)
                written += 1
            watch = WorkersMemory()
            watch.start()
            started = time.perf_counter()
            found = choose_from_arrays(base, 500, pool=Shards(scratch, workers=WORKERS))
            seconds, watch.stopped = time.perf_counter() - started, True
            print(
                f"{n:>12,} rows in {len(found.case.rows):>4} shards: {seconds:6.1f} s with {WORKERS} workers, "
                f"{1e6 * seconds / n:6.2f} microseconds a row; a worker's memory {watch.peak / 1e9:.2f} GB",
                flush=True,
            )
            n *= 10


if __name__ == "__main__":
    main(*(int(sys.argv[1]),) if len(sys.argv) > 1 else (), *sys.argv[2:3])
