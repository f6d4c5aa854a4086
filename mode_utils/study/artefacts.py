"""Files that a notebook leaves behind: the tidy table of its runs, their timings, images of a gallery, and figures."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from mode_utils.study.runs_table import TIMES, check_runs_table, configuration
from mode_utils.support.files import whole_file, write_text


def save_results(folder, runs):
    """Write runs of `repeat_runs`: the `TIMES` to `timings.csv`, all else, which is reproducible, to `runs.csv`."""
    times = list(TIMES)
    timings = runs.groupby([*configuration(runs), "seed", "strategy"], sort=False, as_index=False)[times].sum()
    save_table(folder, "runs", runs.drop(columns=times))
    save_table(folder, "timings", timings)


def save_table(folder, name, table):
    """Write a table to `<name>.csv`, whole or not at all."""
    with whole_file(Path(folder) / f"{name}.csv") as partial:
        table.to_csv(partial, index=False)


def save_text(folder, name, text):
    """Write a text to the file `name`, whole or not at all."""
    write_text(Path(folder) / name, text)


def load_runs(folder, timings=None):
    """Read and check `runs.csv`; a `timings.csv`, by default of the same folder, adds its sums to a run's last row."""
    runs = pd.read_csv(Path(folder) / "runs.csv", dtype={"target_label": "Int64", "n_ranked": "Int64"})
    check_runs_table(runs)
    timings = Path(timings or Path(folder) / "timings.csv")
    if not timings.exists():
        return runs
    timings = pd.read_csv(timings)
    keys = [name for name in timings if name not in TIMES]
    last = ~runs.duplicated(keys, keep="last")
    merged = runs.merge(timings, on=keys, how="left", validate="many_to_one")
    return merged.assign(**{name: merged[name].where(last.to_numpy(), 0.0) for name in TIMES})


def load_gallery(folders):
    """Read the first `gallery.npz` in the folders of executed walkthroughs, as each has all metrics.

    `metrics`, (n_metrics,) str; `best`, `worst`, (n_metrics, n_classes, h, w); `hci`, `hmi`, `hwi`, (n_classes, h, w).
    """
    folders = [Path(folder) for folder in folders]
    for folder in folders:
        if (folder / "gallery.npz").exists():
            return load_arrays(folder, "gallery")
    raise FileNotFoundError(f"none of {len(folders)} executed cells has a gallery: run the sweep first (make sweep)")


def save_arrays(folder, name, arrays):
    """Write arrays to `<name>.npz`, whole or not at all."""
    with whole_file(Path(folder) / f"{name}.npz") as partial, open(partial, "wb") as file:
        np.savez_compressed(file, **arrays)


def load_arrays(folder, name):
    """Read the arrays of `<name>.npz`: a dict of str to array. Nothing is unpickled."""
    with np.load(Path(folder) / f"{name}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def save_figure(folder, name, figure):
    """Write a figure to `<name>.png` and `<name>.svg`, each whole or not at all and the same bit for bit each time."""
    with matplotlib.rc_context({"svg.hashsalt": name}):
        for kind, options in {"png": {"dpi": 120}, "svg": {"metadata": {"Date": None}}}.items():
            with whole_file(Path(folder) / f"{name}.{kind}") as partial:
                figure.savefig(partial, format=kind, bbox_inches="tight", **options)  # nothing is cut off
