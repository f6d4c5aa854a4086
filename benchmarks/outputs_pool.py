"""Choose from a million rows of outputs on disk: memory and time.

``python benchmarks/outputs_pool.py [N_ROWS] [FOLDER]`` writes 1.4 GB for a million rows of 256 features and 100
classes, and removes them again. Labels are given, so that all checks are made.
"""

import resource
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

N_CLASSES, N_FEATURES, N_VALIDATION, STEP = 100, 256, 10_000, 50_000


def draw(n, rng, centres, bias):
    """Draw features about a centre for each class, and the probabilities of a model that sees them with a bias."""
    y = rng.integers(N_CLASSES, size=n)
    features = centres[y] + rng.standard_normal((n, N_FEATURES), dtype=np.float32)
    logits = features @ centres.T / 4 + bias
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return features, (p / p.sum(axis=1, keepdims=True)).astype(np.float32), y


def write_outputs(path, n_rows):
    """Write outputs, the pool in pieces, so that it never is in memory: drawn once for each of its arrays."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((N_CLASSES, N_FEATURES), dtype=np.float32) / 3
    bias = np.where(np.arange(N_CLASSES) < 5, -6, 0).astype(np.float32)  # labels that the model hardly knows
    features, p, y = draw(N_VALIDATION, rng, centres, bias)
    known = {"features_validation": features, "probabilities_validation": p, "y_validation": y}
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for place, (name, width) in enumerate({"features_pool": N_FEATURES, "probabilities_pool": N_CLASSES}.items()):
            labels = []
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, width)}
                np.lib.format.write_array_header_1_0(file, header)
                for start in range(0, n_rows, STEP):
                    part = np.random.default_rng([1, start])
                    drawn = draw(min(STEP, n_rows - start), part, centres, bias)
                    file.write(drawn[place].tobytes())
                    labels.append(drawn[2])
        for name, array in (known | {"y_pool": np.concatenate(labels)}).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array)


def main(n_rows=1_000_000, folder=None):
    """Write in another process, choose, report and remove."""
    from multiprocessing import Process

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "arrays.npz"
        writer = Process(target=write_outputs, args=(path, n_rows))
        writer.start()
        writer.join()
        started = time.perf_counter()
        from mode_utils.repair.outputs import choose_from_arrays

        imported = time.perf_counter() - started
        found = choose_from_arrays(path, 2_000)
        seconds = time.perf_counter() - started
        served = found.chosen["label"].astype(int).lt(5).mean()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{n_rows:,} x {N_FEATURES} features, {N_CLASSES} classes: {len(found.chosen)} chosen in {seconds:.0f} s")
    print(f"  {imported:.1f} s of it to import; limit 180 s; {served:.0%} of them for the five labels it hardly knows")
    print(f"  peak memory of the process {peak:.2f} GB; limit 2")


if __name__ == "__main__":
    main(*(int(sys.argv[1]),) if len(sys.argv) > 1 else (), *sys.argv[2:3])
