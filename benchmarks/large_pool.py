"""Check and rank a pool of a million samples on disk: memory, and speed as a ratio to the model's own `predict`.

``python benchmarks/large_pool.py [N_SAMPLES] [FOLDER]`` writes 3 GB for a million, and removes them again.
"""

import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil

from mode_utils.data import load_dataset
from mode_utils.model_training import build_model
from mode_utils.repair import assess_case, choose_inputs, find_faults, open_case
from mode_utils.repair.reading.npz_files import read_arrays

STEP = 16_384


def write_data(path, n_samples):
    """Write digits with noise, the pool in pieces, so that it never is in memory."""
    data, rng = load_dataset("mnist"), np.random.default_rng(0)
    x = data.x_train.reshape(-1, 784)
    known = {"x_train": x[:5000], "y_train": data.y_train[:5000]}
    known |= {"x_validation": x[-5000:], "y_validation": data.y_train[-5000:]}
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for name, array in known.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array)
        with archive.open("x_pool.npy", "w", force_zip64=True) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (n_samples, 784)}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, n_samples, STEP):
                drawn = x[rng.integers(5000, 55_000, min(STEP, n_samples - start))]
                noise = 0.05 * rng.standard_normal(drawn.shape, dtype=np.float32)
                file.write(np.clip(drawn + noise, 0, 1).tobytes())


class PeakMemory(threading.Thread):
    """Watch the resident memory of this process."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.process = 0, psutil.Process()

    def run(self):
        """Look 20 times a second."""
        while True:
            self.peak = max(self.peak, self.process.memory_info().rss)
            time.sleep(0.05)


def main(n_samples=1_000_000, folder=None):
    """Write, rank, compare and remove."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "data.npz"
        write_data(path, n_samples)
        arrays = read_arrays(path)
        model = build_model("dense", (784,))
        model.fit(np.array(arrays["x_train"]), np.array(arrays["y_train"]), epochs=3, verbose=0)
        watch = PeakMemory()
        watch.start()
        started = time.perf_counter()
        case = open_case(model, path, budget=2000)
        report = assess_case(case)
        find_faults(case)
        chosen = choose_inputs(case, report)
        ranking, peak = time.perf_counter() - started, watch.peak
        started = time.perf_counter()
        for start in range(0, n_samples, STEP):
            model.predict(np.array(arrays["x_pool"][start : start + STEP]), batch_size=4096, verbose=0)
        predicting = time.perf_counter() - started
    print(
        f"{n_samples:,} x 784 float32 ({n_samples * 784 * 4 / 1e9:.1f} GB): {len(chosen)} chosen in {ranking:.1f} s, "
    )
    print(f"  {predicting / ranking:.2f} times as fast as predict in large steps ({predicting:.1f} s); limit 0.5")
    print(f"  peak memory of the process {peak / 1e9:.2f} GB; limit 2")


if __name__ == "__main__":
    main(*(int(sys.argv[1]),) if len(sys.argv) > 1 else (), *sys.argv[2:3])
