"""Choose where there are thousands of labels with a few validation samples each: what is chosen, seconds, memory.

``python benchmarks/many_labels.py [LABELS] [ROWS] [SAMPLES] [FOLDER]`` makes the outputs of a model that hardly knows a
tenth of its labels, with up to SAMPLES validation samples of each (0 leaves a tenth of the labels without any, and has
one or two of the others), chooses from a pool in shards in half precision, and removes it again: 2 bytes for each row
and label.
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

N_FEATURES, SHARD, STEP, SPREAD = 128, 10_000, 2_000, 0.72


class Made:
    """Samples about a mean for each label, and a model that takes some of the means for others."""

    def __init__(self, n_labels):
        self.rng = np.random.default_rng(7)
        far = 2 * np.sqrt(np.log(n_labels) / N_FEATURES)
        self.means = far * self.rng.standard_normal((n_labels, N_FEATURES), np.float32) / np.sqrt(2)
        self.known, self.bad = self.means.copy(), self.rng.permutation(n_labels)[: n_labels // 10]
        self.known[self.bad] += far * self.rng.standard_normal((len(self.bad), N_FEATURES), np.float32) / np.sqrt(2)

    def draw(self, y):
        """Return features and probabilities of samples with labels y (n,), in half precision."""
        x = self.means[y] + SPREAD * self.rng.standard_normal((len(y), N_FEATURES), np.float32)
        logits = x @ self.known.T - (self.known**2).sum(axis=1) / 2
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return x.astype(np.float16), (p / p.sum(axis=1, keepdims=True)).astype(np.float16)

    def rows(self, y):
        """Return what `draw` does, few rows at a time."""
        parts = [self.draw(y[start : start + STEP]) for start in range(0, len(y), STEP)]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]


class Memory(threading.Thread):
    """Watch the memory of this process and its children together, as the system counts resident pages."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.stopped = 0, False

    def run(self):
        """Look five times a second."""
        while not self.stopped:
            own = psutil.Process()
            held = 0
            for each in (own, *own.children(recursive=True)):
                with suppress(psutil.Error):
                    held += each.memory_info().rss
            self.peak = max(self.peak, held)
            time.sleep(0.2)


def main(n_labels=1_000, n_rows=30_000, most=5, folder=None):
    """Make, choose, report and remove."""
    made = Made(n_labels)
    counts = made.rng.integers(1, (most or 2) + 1, size=n_labels)
    if not most:
        counts[made.rng.permutation(n_labels)[: n_labels // 10]] = 0
    base = {"y_validation": np.repeat(np.arange(n_labels), counts)}
    base["features_validation"], base["probabilities_validation"] = made.rows(base["y_validation"])
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        y, predicted = made.rng.integers(n_labels, size=n_rows), []
        for start in range(0, n_rows, SHARD):
            features, p = made.rows(y[start : start + SHARD])
            predicted.append(p.argmax(axis=1))
            np.savez(Path(scratch) / f"part-{start:08d}.npz", features_pool=features, probabilities_pool=p)
        del features, p
        watch, started = Memory(), time.perf_counter()
        watch.start()
        found = choose_from_arrays(base, n_rows // 50, pool=Shards(scratch), control_share=0.0)
        seconds, watch.stopped = time.perf_counter() - started, True
    wrong, chosen = np.concatenate(predicted) != y, found.chosen["index"].to_numpy()
    failing = np.flatnonzero(np.bincount(y, wrong, n_labels) > 0.5 * np.bincount(y, minlength=n_labels))
    without = (np.bincount(y[chosen], minlength=n_labels)[failing] == 0).sum()
    sure, places, lie = (found.report.chances < 0.05).sum(), np.isin(y[chosen], failing), np.isin(y, failing)
    known = f"{len(base['y_validation']):,} validation samples"
    cost = f"{seconds:.0f} s, {watch.peak / 1e9:.1f} GB"
    print(f"{n_labels:,} labels, {known}, {n_rows:,} rows, {len(chosen):,} chosen; {cost}")
    print(f"the model is wrong about {wrong.mean():.1%} of the pool and {wrong[chosen].mean():.1%} of what is chosen")
    print(f"{len(failing):,} labels are wrong more often than not, {sure:,} are shown to fail beyond chance")
    shares = f"{lie.mean():.1%} of the pool and {places.mean():.1%} of what is chosen"
    print(f"those are {shares}; {without:,} of them get nothing")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *sys.argv[4:5])
