"""Put the cells' tables together."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from .grid import Cell, Sweep
from .stores import place_file


def collect_tables(sweep: Sweep, folders: Mapping[str, Path], results_dir: Path) -> list[Path]:
    """Concatenate each collected table over the cells, in the order of the grid.

    Values are copied as text, so that no number is rounded on the way. Axes of the grid that a table has no column for
    are put in front, so that rows of different cells can be told apart.

    Parameters
    ----------
    sweep : Sweep
        The sweep.
    folders : mapping of str to Path
        Folder of each cell, by the cell's name.
    results_dir : Path
        Where the tables go.

    Returns
    -------
    list of Path
        The tables written.
    """
    written = []
    for name in sweep.collect:
        parts = [_read_part(folders[cell.name] / name, cell, sweep.grid) for cell in sweep.cells()]
        with tempfile.TemporaryDirectory() as scratch:
            table = Path(scratch) / name
            pd.concat(parts, ignore_index=True).to_csv(table, index=False, lineterminator="\n")
            place_file(table, results_dir / name)
        written.append(results_dir / name)
    return written


def _read_part(path: Path, cell: Cell, axes: Mapping) -> pd.DataFrame:
    part = pd.read_csv(path, dtype=str, keep_default_na=False)
    for axis in reversed([axis for axis in axes if axis not in part.columns]):
        part.insert(0, axis, str(cell.parameters[axis]))
    return part
