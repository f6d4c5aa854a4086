"""What a notebook leaves behind: the tidy table of its runs, their timings, images of a gallery, and figures."""

import os
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from mode_utils.heatmaps import HEATMAPS
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
        save_arrays(folder, "gallery", images)


def save_table(folder, name, table):
    """Write a table to `<name>.csv`, whole or not at all."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    _write(Path(folder) / f"{name}.csv", lambda file: table.to_csv(file, index=False))


def save_text(folder, name, text):
    """Write a text to the file `name`, whole or not at all."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    _write(Path(folder) / name, lambda file: file.write(text.encode()))


def load_runs(folder):
    """Read `runs.csv` and, where there is one, `timings.csv`, whose sums stand in a run's last row."""
    runs = pd.read_csv(Path(folder) / "runs.csv", dtype={"target_label": "Int64", "n_ranked": "Int64"})
    if not (Path(folder) / "timings.csv").exists():
        return runs
    timings = pd.read_csv(Path(folder) / "timings.csv")
    keys = [name for name in timings if name not in TIMES]
    last = ~runs.duplicated(keys, keep="last")
    merged = runs.merge(timings, on=keys, how="left", validate="many_to_one")
    return merged.assign(**{name: merged[name].where(last.to_numpy(), 0.0) for name in TIMES})


def collect_galleries(folders):
    """Put the galleries of executed walkthroughs together.

    Parameters
    ----------
    folders : iterable of path
        Each with `runs.csv` and `gallery.npz`. Of several of a metric the first counts, and only the first metric's
        heat maps are taken: they are the same for all.

    Returns
    -------
    dict of str to array
        `metrics`, in the order of `similarity.METRICS`; `best` and `worst`, (n_metrics, n_classes, height, width);
        `hci`, `hmi` and `hwi`, (n_classes, height, width).

    Raises
    ------
    FileNotFoundError
        If a folder has no gallery.
    ValueError
        If there is no folder.
    """
    galleries = {}
    for folder in map(Path, folders):
        metric = pd.read_csv(folder / "runs.csv", nrows=1)["metric"].iloc[0]
        with np.load(folder / "gallery.npz", allow_pickle=False) as arrays:
            galleries.setdefault(metric, dict(arrays))
    if not galleries:
        raise ValueError("no walkthrough to collect galleries of: run the sweep first (make sweep)")
    metrics = [metric for metric in METRICS if metric in galleries]
    collected = {end: np.stack([galleries[metric][end] for metric in metrics]) for end in ("best", "worst")}
    return {"metrics": np.array(metrics), **collected} | {kind: galleries[metrics[0]][kind] for kind in HEATMAPS[:3]}


def save_arrays(folder, name, arrays):
    """Write arrays to `<name>.npz`, whole or not at all."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    _write(Path(folder) / f"{name}.npz", lambda file: np.savez_compressed(file, **arrays))


def load_arrays(folder, name):
    """Read the arrays of `<name>.npz`: a dict of str to array. Nothing is unpickled."""
    with np.load(Path(folder) / f"{name}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def save_figure(folder, name, figure):
    """Write a figure to `<name>.png` and `<name>.svg`, each whole or not at all and the same bit for bit each time."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": name}):
        for kind, options in {"png": {"dpi": 120}, "svg": {"metadata": {"Date": None}}}.items():
            _write(Path(folder) / f"{name}.{kind}", lambda file: figure.savefig(file, format=kind, **options))  # noqa: B023


def _keys(runs):
    return [*configuration(runs), "seed", "strategy"]


def _write(path, write):
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "wb") as file:
        write(file)
    os.replace(partial, path)
