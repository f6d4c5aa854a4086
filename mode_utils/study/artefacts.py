"""What a notebook leaves behind: the tidy table of its runs, their timings, images of a gallery, and figures."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from mode_utils.heatmaps import HEATMAPS
from mode_utils.similarity import METRICS
from mode_utils.study.runs_table import TIMES, check_runs_table, configuration
from mode_utils.support.files import whole_file, write_text


def save_results(folder, runs, **images):
    """Write what a run of the walkthrough leaves behind, each file whole or not at all.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    runs : pandas.DataFrame
        As `repeat_runs` returns it. All but the `TIMES` goes to `runs.csv`, which is the same, bit for bit, each time;
        they go to `timings.csv`.
    **images : arrays
        Go to `gallery.npz` under their names, if there are any.
    """
    times = list(TIMES)
    timings = runs.groupby([*configuration(runs), "seed", "strategy"], sort=False, as_index=False)[times].sum()
    save_table(folder, "runs", runs.drop(columns=times))
    save_table(folder, "timings", timings)
    if images:
        save_arrays(folder, "gallery", images)


def save_table(folder, name, table):
    """Write a table to `<name>.csv`, whole or not at all."""
    with whole_file(Path(folder) / f"{name}.csv") as partial:
        table.to_csv(partial, index=False)


def save_text(folder, name, text):
    """Write a text to the file `name`, whole or not at all."""
    write_text(Path(folder) / name, text)


def load_runs(folder, timings=None):
    """Read and check `runs.csv`.

    Parameters
    ----------
    folder : path
        Has `runs.csv`.
    timings : path, optional
        A `timings.csv`, by default that of the folder, if there is one: its sums stand in a run's last row.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        If a column is missing or a number out of range, see `runs_table.check_runs_table`.
    """
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
                figure.savefig(partial, format=kind, **options)
