"""Measure what a cell costs over the import that every cell needs.

    python benchmarks/sweep_overhead.py [--repeats 5]

The wall time of a cell that does nothing but import the stages of `mode_utils`, over that of
``python -c "import tensorflow"``, with its pieces. Repeats alternate, and medians are printed.
"""

import argparse
import pkgutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

import mode_utils  # noqa: E402
from mode_utils.sweep.cells import run_cell  # noqa: E402
from mode_utils.sweep.manifest import fingerprint  # noqa: E402
from mode_utils.sweep.stores import LocalStore  # noqa: E402
from mode_utils.sweep.tasks import Task  # noqa: E402

STAGES = [f"mode_utils.{module.name}" for module in pkgutil.iter_modules(mode_utils.__path__) if module.name != "sweep"]
LIMIT = 1.8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    imports = f"import {', '.join(STAGES)}"
    pieces = {
        'python -c "import tensorflow"': lambda: run_python("import tensorflow"),
        "python -c, import of the stages": lambda: run_python(imports),
        "empty cell": lambda: run_notebook("pass"),
        "cell that imports tensorflow": lambda: run_notebook("import tensorflow"),
        "cell that imports the stages": lambda: run_notebook(imports),
    }
    seconds = {name: [] for name in pieces}
    for _ in range(given.repeats):
        for name, piece in pieces.items():
            seconds[name].append(piece())
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"{name:35s} {median:6.2f} s  ({min(seconds[name]):.2f} to {max(seconds[name]):.2f})")
    ratio = medians["cell that imports the stages"] / medians['python -c "import tensorflow"']
    print(f"cell overhead: {ratio:.2f} (at most {LIMIT})")
    return 0 if ratio <= LIMIT else 1


def run_python(source: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", source], check=True, stderr=subprocess.DEVNULL, cwd=REPOSITORY)
    return time.perf_counter() - started


def run_notebook(source: str) -> float:
    """Run a cell as a worker does, and return its seconds from the task to the published result."""
    cells = [nbformat.v4.new_code_cell('output_dir = "."', metadata={"tags": ["parameters"]})]
    cells.append(nbformat.v4.new_code_cell(source))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    text = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata))
    with tempfile.TemporaryDirectory() as folder:
        task = Task("overhead", "cell", text, fingerprint(text, {}), {}, (), LocalStore(Path(folder)))
        started = time.perf_counter()
        outcome = run_cell(task)
    if outcome.error:
        raise SystemExit(outcome.error)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
