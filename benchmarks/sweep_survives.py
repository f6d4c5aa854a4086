"""Kill sweeps of small cells at random moments, resume them, and compare their tables with an uninterrupted one.

    python benchmarks/sweep_survives.py [--kills 20] [--seed 0] [--warm]

Each round starts a sweep in an empty folder, kills its whole process group with SIGKILL at a moment drawn uniformly
from the duration of an uninterrupted sweep, and runs the same command again. Throughout, cells are watched: one that
can be seen must be complete. Three seconds after the resumed sweep, no process of the round may be left: no kernel, and
with `--warm`, where kernels are forked from a process that has imported TensorFlow already, none of those either.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
FILES = {"manifest.json", "notebook.ipynb", "runs.csv", "samples.csv"}
GRID = """
notebook: small.ipynb
grid: {seed: [0, 1, 2, 3, 4, 5]}
outputs: [runs.csv, samples.csv]
collect: [runs.csv, samples.csv]
"""
WARM = "preload: [mode_utils.repeated_runs]\n"
PARAMETERS = 'seed = 0\noutput_dir = "."'
WORK = """
import random, time
from pathlib import Path
rng = random.Random(seed)
Path(output_dir, "runs.csv").write_text(f"mean\\n{rng.random()!r}\\n")
time.sleep(0.3)
Path(output_dir, "samples.csv").write_text("x\\n" + "".join(f"{rng.random()!r}\\n" for _ in range(20_000)))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--warm", action="store_true", help="start cells as the grids of this project do")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_sweep(folder, WARM if given.warm else "")
        started = time.monotonic()
        finish(folder, folder / "whole")
        duration = time.monotonic() - started
        expected = tables(folder / "whole")
        print(f"uninterrupted: {duration:.1f} s", flush=True)
        rounds = [kill_and_resume(folder, number, rng.uniform(0, duration), expected) for number in range(given.kills)]
    print(f"{sum(rounds)} of {given.kills} killed sweeps resumed to identical tables; no partial cell, no orphan")
    return 0 if all(rounds) else 1


def write_sweep(folder: Path, start: str) -> None:
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (PARAMETERS, WORK)]
    cells[0].metadata["tags"] = ["parameters"]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / "small.ipynb")
    (folder / "small.yml").write_text(GRID + start)


def start(folder: Path, root: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "mode_utils.sweep", str(folder / "small.yml"), "--output", str(root)]
    environment = os.environ | {"SWEEP_ROUND": str(root), "PYTHONPATH": str(REPOSITORY)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **quiet)


def finish(folder: Path, root: Path) -> None:
    if status := start(folder, root).wait():
        raise SystemExit(f"a sweep that nobody killed ended with status {status}")


def kill_and_resume(folder: Path, number: int, moment: float, expected: dict[str, bytes]) -> bool:
    root = folder / f"round-{number}"
    with watched(root) as partial:
        process = start(folder, root)
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        left = len(list(root.glob("notebooks/executed/small/seed=*")))
        finish(folder, root)
    same, orphans = tables(root) == expected, orphans_of(root)
    print(
        f"round {number}: killed at {moment:.1f} s with {left} of 6 cells complete; "
        f"tables {'identical' if same else 'DIFFER'}, {len(partial)} partial cells seen, {len(orphans)} orphans",
        flush=True,
    )
    return same and not partial and not orphans


def tables(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "data" / "results" / "small").iterdir()}


def orphans_of(root: Path) -> list[psutil.Process]:
    """Return the processes of a round, which inherit its environment, that do not end within seconds of its sweep."""
    mark = ("SWEEP_ROUND", str(root))
    marked = [found for found in psutil.process_iter(["environ"]) if mark in (found.info["environ"] or {}).items()]
    return psutil.wait_procs(marked, timeout=3)[1]


@contextmanager
def watched(root: Path):
    """Look at the cells all the time, and yield the set of those that were ever seen incomplete."""
    partial, over = set(), threading.Event()

    def watch():
        while not over.wait(0.002):
            for cell in root.glob("notebooks/executed/small/seed=*"):
                if {path.name for path in cell.iterdir()} != FILES:
                    partial.add(cell.name)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield partial
    finally:
        over.set()
        watcher.join()


if __name__ == "__main__":
    sys.exit(main())
