"""Run one cell of the reference study anew, and hold it against its committed table: `make reproduce`.

Another processor adds in another order, and a training carries the last digit on; so means over the runs are held, to
`TOLERANCE`. The exit status is 1 if one differs by more.
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd

from mode_utils.study.outcomes import paired_outcomes
from mode_utils.support.notebook.kernels import Watch, run_notebook
from mode_utils.sweep.grid import load_sweep

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 0.002  # of means of accuracies, in [0, 1]
MEANS = {"initial": "before any repair", "final": "MODE, in the end", "control": "as many random inputs",
         "difference": "MODE - random"}  # fmt: skip


def run_cell(sweep, cell, folder):
    """Execute the notebook of a cell as a sweep does; return its table of runs."""
    source = folder / "cell.ipynb"
    source.write_text(sweep.notebook_of(cell), encoding="utf-8")
    with Watch() as watch:
        parameters = cell.parameters | {"output_dir": str(folder / "out")}
        run_notebook(source, folder / "copy.ipynb", parameters, watch, {}, cwd=folder)
    return pd.read_csv(folder / "out/runs.csv")


def outcomes(runs):
    """Return the outcome of each run, a row a seed."""
    return paired_outcomes(runs).set_index("seed").sort_index()[list(MEANS)]


def main(name="metrics", number="1"):
    """Compare a cell of a sweep, by its place in the grid from 0 on; return the exit status."""
    sweep = load_sweep(ROOT / f"notebooks/sweeps/{name}.yml")
    cell = sweep.cells()[int(number)]
    committed = pd.read_csv(ROOT / f"data/results/{name}/runs.csv")
    axes = [axis for axis in sweep.grid if axis in committed]
    committed = committed[(committed[axes] == pd.Series(cell.parameters)[axes]).all(axis=1)]
    with tempfile.TemporaryDirectory() as folder:
        pairs = outcomes(committed), outcomes(run_cell(sweep, cell, Path(folder)))
    before, anew = pairs
    same = before.index.equals(anew.index)
    table = pd.DataFrame({"committed": before.mean(), "anew": anew.mean()}).rename(MEANS)
    table["differs by"] = table["anew"] - table["committed"]
    equal = int((before == anew).all(axis=1).sum()) if same else 0
    print(
        f"{name}, {cell.name}: {equal} of {len(before)} committed and {len(anew)} new runs are equal to the last digit"
    )
    print(table.to_string(float_format="{:.4f}".format))
    good = same and bool((table["differs by"].abs() <= TOLERANCE).all())
    print("reproduced" if good else "NOT reproduced", f"(means may differ by {TOLERANCE} between processors)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
