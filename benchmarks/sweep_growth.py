"""Measure how the wall time of a sweep grows with its runs, and what its largest kernel needs.

    python benchmarks/sweep_growth.py [notebooks/sweeps/metrics.yml] [--runs 6 15 30] [--workers N]

Each size is run afresh in an empty folder, the smallest first and once beforehand without being counted if ``--warm``
is given. Cells share a cache of initial models (see `mode_utils.runs`): empty it first to include their training.
Printed are wall time, seconds a run, parallel efficiency, memory, and how far the sizes are from a straight line.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("grid", type=Path, nargs="?", default=REPOSITORY / "notebooks" / "sweeps" / "metrics.yml")
    parser.add_argument("--runs", type=int, nargs="+", default=[6, 15, 30])
    parser.add_argument("--workers", type=int)
    parser.add_argument("--warm", action="store_true")
    given = parser.parse_args()
    if given.warm:
        measure(given.grid, max(given.runs), given.workers)
    walls = [report(given.grid, runs, given.workers) for runs in given.runs]
    if len(walls) > 2:
        slope, start = np.polyfit(given.runs, walls, 1)
        off = np.abs(np.polyval([slope, start], given.runs) - walls) / walls
        print(f"wall time = {start:.1f} s + {slope:.2f} s x runs, at most {off.max():.0%} off that line")
    return 0


def report(grid: Path, runs: int, workers: int | None) -> float:
    wall, line, manifests = measure(grid, runs, workers)
    total = runs * len(manifests)
    peak = max(manifest["peak_memory_bytes"] for manifest in manifests) / 1e9
    print(
        f"{runs} runs a cell, {total} in all: {wall:.1f} s with the report, {wall / total:.2f} s a run, {peak:.2f} GB"
    )
    print(f"  {line}", flush=True)
    return wall


def measure(grid: Path, runs: int, workers: int | None) -> tuple[float, str, list[dict]]:
    """Run a sweep; return its wall time, its own summary line and the manifests of its cells."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mode_utils.sweep", str(grid), "--output", folder, "-p", "n_runs", str(runs)]
        command += ["--workers", str(workers)] if workers else []
        started = time.monotonic()
        done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
        wall = time.monotonic() - started
        line = next(line for line in done.stdout.splitlines() if line.startswith("wall time"))
        paths = Path(folder).glob("notebooks/executed/*/*/manifest.json")
        return wall, line, [json.loads(path.read_text()) for path in paths]


if __name__ == "__main__":
    sys.exit(main())
