"""A sweep from its grid file to its tables: what is missing is run, what is complete is put together."""

import csv
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from distributed import Client
from filelock import FileLock, Timeout

from mode_utils.notebook.orphans import end_orphans
from mode_utils.support.files import remove_partial, whole_file

from .cluster import count_workers, local_client, remote_client, run_tasks, thread_environment
from .grid import Cell, Sweep, check_sweep
from .live_view import LiveView
from .manifest import PACKAGE, fingerprint, why_outdated
from .stores import LocalStore, RemoteStore, open_store, upload_files
from .tasks import CellOutcome, Task


@dataclass(frozen=True)
class Options:
    """How a sweep is run; see ``python -m mode_utils.sweep --help``."""

    output: Path
    store: str | None = None
    workers: int | None = None
    scheduler: str | None = None
    host: str = "127.0.0.1"
    timeout: float | None = None
    log_dir: Path | None = None
    fresh: bool = False


def default_output() -> Path:
    """Return the folder above the package if that is a checkout, else the current one."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def list_cells(sweep: Sweep, options: Options) -> list[tuple[Cell, str | None]]:
    """Pair each cell with the reason why it has to run, or None if its result is up to date."""
    store = open_store(options.output, sweep.name, options.store)

    def reason(cell: Cell) -> str | None:
        if options.fresh:
            return "fresh"
        wanted = fingerprint(sweep.notebook_of(cell), cell.parameters)
        return why_outdated(store.manifest(cell.name), wanted, sweep.outputs, store.damage(cell.name))

    return [(cell, reason(cell)) for cell in sweep.cells()]


def run_sweep(sweep: Sweep, options: Options) -> list[CellOutcome]:
    """Run the cells that need it; if all are complete then, collect the tables and make the report.

    Parameters
    ----------
    sweep : Sweep
        The sweep, from `load_sweep`.
    options : Options
        Where and how.

    Returns
    -------
    list of CellOutcome
        Of the cells that ran, and of the report if it ran; the sweep is complete if none has an `error`.

    Raises
    ------
    KeyError, ValueError
        If a parameter does not fit its notebook; nothing has been started then.
    OSError
        If another sweep of this name is running here, or the scheduler or the store cannot be reached.
    """
    check_sweep(sweep)
    count_workers(options.workers)
    store = open_store(options.output, sweep.name, options.store)
    folder = options.output / "notebooks" / "executed" / sweep.name
    with _only_one(folder):
        end_orphans()
        store.clean()
        remove_partial(options.output / "data" / "results" / sweep.name)
        remove_partial(options.output / "figures")
        todo = _choose_cells(sweep, options, store)
        outcomes = _run_cells(sweep, options, store, todo) if todo else []
        if all(outcome.error is None for outcome in outcomes):
            outcomes += _finish(sweep, options, store)
    return outcomes


def _only_one(folder: Path) -> AbstractContextManager:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(f"another sweep is running in {folder}") from None


def describe_plan(sweep: Sweep, listed: Sequence[tuple[Cell, str | None]]) -> str:
    """Say in a line how many cells are up to date, and why the others run."""
    reasons = [reason for _, reason in listed if reason]
    counts = [f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons)]
    return f"{sweep.name}: {len(listed)} cells, {', '.join([f'{len(listed) - len(reasons)} up to date', *counts])}"


def _choose_cells(sweep: Sweep, options: Options, store: LocalStore | RemoteStore) -> list[Cell]:
    listed = list_cells(sweep, options)
    print(describe_plan(sweep, listed), flush=True)
    todo = [cell for cell, reason in listed if reason]
    if options.fresh:
        for cell in todo:  # now rather than when it is replaced: a fresh sweep that is killed can be resumed
            store.discard(cell.name)
    return todo


def _tasks(sweep: Sweep, options: Options, store: LocalStore | RemoteStore, cells: Sequence[Cell]) -> list[Task]:
    # on a running cluster each worker uses one thread a kernel, or what its own environment says
    environment = {} if options.scheduler else thread_environment(count_workers(options.workers))
    return [
        Task(
            sweep_id="",
            cell=cell.name,
            notebook=notebook,
            fingerprint=fingerprint(notebook, cell.parameters),
            parameters=cell.parameters,
            outputs=sweep.outputs,
            store=store,
            timeout=options.timeout,
            environment=environment,
            log_dir=str(options.log_dir.resolve()) if options.log_dir else None,
            preload=sweep.preload,
        )
        for cell, notebook in ((cell, sweep.notebook_of(cell)) for cell in cells)
    ]


def _connect(options: Options, cells: int) -> AbstractContextManager[Client]:
    if options.scheduler:
        return remote_client(options.scheduler)
    return local_client(min(cells, count_workers(options.workers)), options.host)


def _run_cells(sweep: Sweep, options: Options, store: LocalStore | RemoteStore, cells: list[Cell]) -> list[CellOutcome]:
    started = time.monotonic()
    tasks = _tasks(sweep, options, store, cells)
    with _connect(options, len(cells)) as client:
        workers = _count_slots(client)
        dashboard = f", dashboard: {client.dashboard_link}" if client.dashboard_link else ""
        print(f"{len(cells)} to run on {workers} workers{dashboard}", flush=True)
        with LiveView(len(cells), max(1, workers)) as view:
            outcomes = run_tasks(client, tasks, view.start, view.end, view.tick)
        workers = max(1, workers, _count_slots(client))  # a cluster may have grown
    wall = time.monotonic() - started
    print(summarise_time(outcomes, workers, wall), flush=True)
    return [_confirm(outcome, store) for outcome in outcomes]


def _count_slots(client: Client) -> int:
    """Count the cells that can run at a time."""
    return sum(client.nthreads().values())


def _confirm(outcome: CellOutcome, store: LocalStore | RemoteStore) -> CellOutcome:
    """Check that what a worker has published is seen from here."""
    if outcome.error is None and store.manifest(outcome.cell) is None:
        error = f"published as {outcome.place}, which is not seen from here: workers that share no disk need --store"
        return replace(outcome, error=error)
    return outcome


def summarise_time(outcomes: Sequence[CellOutcome], workers: int, wall: float) -> str:
    """Put wall time, processor time and parallel efficiency into a line.

    Parallel efficiency is the share of the workers' time that cells took: the sum of the cells' seconds over workers
    times wall time, where wall time includes the start of the cluster.
    """
    busy = sum(outcome.seconds for outcome in outcomes)
    cpu = sum(outcome.cpu_seconds for outcome in outcomes)
    peak = max(outcome.peak_memory for outcome in outcomes)
    efficiency = f"{busy / (workers * wall):.0%} (cells' seconds / ({workers} workers x wall time))"
    return (
        f"wall time {wall:.1f} s, CPU time of the kernels {cpu:.1f} s, parallel efficiency {efficiency}, "
        f"largest kernel {peak / 1e9:.2f} GB"
    )


def collect_tables(names: Sequence[str], sweep: Sweep, folders: Mapping[str, Path], target: Path) -> list[Path]:
    """Concatenate tables over the cells, in the order of the grid.

    Values are copied as text, so that no number is rounded on the way. Axes of the grid that a table has no column for
    are put in front, so that rows of different cells can be told apart.

    Parameters
    ----------
    names : sequence of str
        Of the tables, CSV files that each cell has.
    sweep : Sweep
        The sweep.
    folders : mapping of str to Path
        Folder of each cell, by the cell's name.
    target : Path
        Where the tables go.

    Returns
    -------
    list of Path
        The tables written.
    """
    for name in names:
        parts = [_read_part(folders[cell.name] / name, cell, sweep.grid) for cell in sweep.cells()]
        with whole_file(target / name) as partial:
            _note_columns(name, parts, sweep)
            table = pd.concat(parts, ignore_index=True)
            # readers take a carriage return without quotes for the end of a line, and csv does not put them
            returns = any("\r" in text for text in table.to_numpy(str).ravel())
            quoting = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
            table.to_csv(partial, index=False, lineterminator="\n", quoting=quoting)
    return [target / name for name in names]


def _read_part(path: Path, cell: Cell, axes: Mapping) -> pd.DataFrame:
    try:
        part = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:  # pandas has an own type of them for each
        raise ValueError(f"{path.name} of cell {cell.name} is no table: {str(error).strip()}") from None
    for axis in reversed([axis for axis in axes if axis not in part.columns]):
        part.insert(0, axis, str(cell.parameters[axis]))
    return part


def _note_columns(name: str, parts: list[pd.DataFrame], sweep: Sweep) -> None:
    """Say which columns some cells do not have: their places in the table stay empty."""
    for column in dict.fromkeys(column for part in parts for column in part):
        without = [cell.name for cell, part in zip(sweep.cells(), parts, strict=True) if column not in part]
        if without:
            others = f" and {len(without) - 1} other cells" if len(without) > 1 else ""
            print(f"{name}: there is no column {column!r} in {without[0]}{others}; its places are empty", flush=True)


def _finish(sweep: Sweep, options: Options, store: LocalStore | RemoteStore) -> list[CellOutcome]:
    """Collect the tables, make the report, and return its outcome if it failed."""
    results, figures = options.output / "data" / "results" / sweep.name, options.output / "figures"
    folders = {cell.name: store.fetch(cell.name) for cell in sweep.cells()}
    local = store.mirror if isinstance(store, RemoteStore) else store
    files = collect_tables(sweep.collect, sweep, folders, results)
    files += collect_tables(sweep.keep, sweep, folders, local.folder)
    print("".join(f"collected {os.path.relpath(table)}\n" for table in files), end="", flush=True)
    if sweep.report:
        from .report import make_report, report_files  # imports papermill

        outcome = make_report(sweep, local, results, figures, options.timeout)
        if outcome and outcome.error:
            return [outcome]
        done = f"made in {outcome.seconds:.1f} s" if outcome else "up to date"
        print(f"report {done}: {os.path.relpath(local.folder / 'report.html')}", flush=True)
        files += report_files(local, results, figures)
        for file in files:
            if file.name in sweep.report.prints:
                print(f"\n{file.name}\n\n{file.read_text(encoding='utf-8')}")
    if options.store:
        upload_files(options.output, dict.fromkeys(files), options.store)
    return []
