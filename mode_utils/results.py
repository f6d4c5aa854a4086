"""What a notebook leaves behind: the tidy table of its runs, their timings, and the images of its gallery."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from mode_utils.similarity import METRICS

# the options that tables are compared by
CONFIGURATION = [
    "selector", "allocation", "temperature", "scale_temperature", "replay", "alpha",
    "metric", "layer_selection", "space", "heatmap", "ranking", "overfit_selection",
]  # fmt: skip
TIMES = ["seconds", "selection_seconds"]


def configuration(table):
    """Return the columns of a table that tell repairs apart: of `name` and `CONFIGURATION` those that it has."""
    return [name for name in ("name", *CONFIGURATION) if name in table]


def save_results(folder, runs, **images):
    """Write what a run of the walkthrough leaves behind, each file whole or not at all.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    runs : pandas.DataFrame
        As `repeat_runs` returns it. All but the `TIMES` goes to `runs.csv`, the same bit for bit each time; they go to
        `timings.csv`.
    **images : arrays
        Go to `gallery.npz` under their names, if there are any.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    timings = runs.groupby(_keys(runs), sort=False, as_index=False)[TIMES].sum()
    _write(folder / "runs.csv", lambda file: runs.drop(columns=TIMES).to_csv(file, index=False))
    _write(folder / "timings.csv", lambda file: timings.to_csv(file, index=False))
    if images:
        _write(folder / "gallery.npz", lambda file: np.savez_compressed(file, **images))


def save_table(folder, name, table):
    """Write a table to `<name>.csv`, whole or not at all."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    _write(Path(folder) / f"{name}.csv", lambda file: table.to_csv(file, index=False))


def load_runs(folder):
    """Read `runs.csv` and, where there is one, `timings.csv`, whose sums stand in a run's last row."""
    runs = pd.read_csv(Path(folder) / "runs.csv", dtype={"target_label": "Int64", "n_ranked": "Int64"})
    if not (Path(folder) / "timings.csv").exists():
        return runs
    keys = _keys(runs)
    last = ~runs.duplicated(keys, keep="last")
    merged = runs.merge(pd.read_csv(Path(folder) / "timings.csv"), on=keys, how="left", validate="many_to_one")
    return merged.assign(**{name: merged[name].where(last.to_numpy(), 0.0) for name in TIMES})


def load_galleries(sweep_dir):
    """Read the gallery of each metric from the executed cells of a sweep.

    Parameters
    ----------
    sweep_dir : path
        A folder a cell, each with `runs.csv` and `gallery.npz`. Of several cells of a metric the first by name counts.

    Returns
    -------
    dict of str to dict of str to array
        By metric, in the order of `similarity.METRICS`: `heatmap`, `best`, `worst`, each (n_classes, height, width).

    Raises
    ------
    FileNotFoundError
        If there is no gallery.
    """
    galleries = {}
    for path in sorted(Path(sweep_dir).glob("*/gallery.npz")):
        metric = pd.read_csv(path.with_name("runs.csv"), nrows=1)["metric"].iloc[0]
        with np.load(path, allow_pickle=False) as arrays:
            galleries.setdefault(metric, dict(arrays))
    if not galleries:
        raise FileNotFoundError(f"no */gallery.npz below {sweep_dir}; run the sweep first (make sweep)")
    return {metric: galleries[metric] for metric in METRICS if metric in galleries}


def _keys(runs):
    return [*configuration(runs), "seed", "strategy"]


def _write(path, write):
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "wb") as file:
        write(file)
    os.replace(partial, path)
