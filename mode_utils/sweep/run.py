"""A sweep from its grid file to its tables: what is missing is run, what is complete is put together."""

import argparse
import csv
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout
from tqdm import tqdm

from mode_utils.support.files import remove_partial, whole_file
from mode_utils.support.notebook.orphans import end_orphans

from .cluster import count_workers, local_client, remote_client, run_tasks, thread_environment
from .grid import Cell, Sweep, check_sweep
from .manifest import CHECKOUT, fingerprint, why_outdated
from .stores import RemoteStore, Store, open_store, upload_files
from .tasks import CellOutcome, Task

SHOWN_NAMES = 2  # of running cells


def _positive(kind: type) -> Callable[[str], float]:
    def number(text: str) -> float:
        if kind(text) <= 0:
            raise argparse.ArgumentTypeError(f"{text} is not greater than 0")
        return kind(text)

    return number


def _folder(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text} is a URL; give it as --store")
    return Path(text).resolve()


def _option(default: object = None, **settings: object):
    return field(default=default, metadata=settings)


@dataclass(frozen=True)
class Options:
    """How a sweep is run: the options of the command line, with what `add_argument` is given for them."""

    output: Path = _option(CHECKOUT or Path.cwd(), type=_folder, metavar="ROOT",  # noqa: RUF009
                           help="parent of notebooks/, data/, figures/")  # fmt: skip
    store: str | None = _option(metavar="URL", help="keep cells on a remote filesystem, such as s3://bucket/prefix")
    workers: int | None = _option(type=_positive(int), help="cells at a time on this machine (default: one a core)")
    scheduler: str | None = _option(metavar="ADDRESS", help="use a running Dask cluster, such as tcp://10.0.0.1:8786")
    host: str = _option("127.0.0.1", help="address that the cluster on this machine binds to (default: %(default)s)")
    timeout: float | None = _option(type=_positive(float), metavar="SECONDS",
                                    help="end a cell, or the report, that takes more")  # fmt: skip
    log_dir: Path | None = _option(type=Path, metavar="DIR", help="write what each cell prints to DIR/<cell>.log")  # noqa: RUF009
    fresh: bool = _option(False, action="store_true", help="discard all results of the sweep first")


def list_cells(sweep: Sweep, options: Options) -> list[tuple[Cell, str | None]]:
    """Pair each cell with the reason why it has to run, or None if its result is up to date."""
    store = open_store(options.output, sweep.name, options.store)

    def reason(cell: Cell) -> str | None:
        if options.fresh:
            return "fresh"
        wanted = fingerprint(sweep.notebook_of(cell), cell.parameters)
        return why_outdated(store.manifest(cell.name), wanted, sweep.outputs, store.damage(cell.name))

    return [(cell, reason(cell)) for cell in sweep.cells()]


def describe_plan(sweep: Sweep, listed: Sequence[tuple[Cell, str | None]]) -> str:
    """Say in a line how many cells are up to date, and why the others run."""
    reasons = [reason for _, reason in listed if reason]
    counts = [f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons)]
    return f"{sweep.name}: {len(listed)} cells, {', '.join([f'{len(listed) - len(reasons)} up to date', *counts])}"


def run_sweep(sweep: Sweep, options: Options) -> list[CellOutcome]:
    """Run the cells that need it, and if all are complete collect and report; return how these ended."""
    check_sweep(sweep)
    count_workers(options.workers)
    store = open_store(options.output, sweep.name, options.store)
    with _only_one(options.output / "notebooks" / "executed" / sweep.name):
        end_orphans()
        store.clean()
        remove_partial(options.output / "data" / "results" / sweep.name)
        remove_partial(options.output / "figures")
        listed = list_cells(sweep, options)
        print(describe_plan(sweep, listed), flush=True)
        todo = [cell for cell, reason in listed if reason]
        for cell in todo if options.fresh else ():  # now, not when it is replaced: if it is killed, it can be resumed
            store.discard(cell.name)
        outcomes = _run_cells(sweep, options, store, todo) if todo else []
        if all(outcome.error is None for outcome in outcomes):
            outcomes += _finish(sweep, options, store)
    return outcomes


def _only_one(folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(f"another sweep is running in {folder}") from None


def _run_cells(sweep: Sweep, options: Options, store: Store, cells: list[Cell]) -> list[CellOutcome]:
    started, tasks = time.monotonic(), [_task(sweep, options, store, cell) for cell in cells]
    local = local_client(min(len(cells), count_workers(options.workers)), options.host)
    with remote_client(options.scheduler) if options.scheduler else local as client:
        workers = sum(client.nthreads().values())
        dashboard = f", dashboard: {client.dashboard_link}" if client.dashboard_link else ""
        print(f"{len(cells)} to run on {workers} workers{dashboard}", flush=True)
        view = LiveView(len(cells), max(1, workers))
        with view.bar:
            outcomes = run_tasks(client, tasks, view)
        workers = max(1, workers, sum(client.nthreads().values()))  # a cluster may have grown
    print(summarise_time(outcomes, workers, time.monotonic() - started), flush=True)
    return [_confirm(outcome, store) for outcome in outcomes]


def _task(sweep: Sweep, options: Options, store: Store, cell: Cell) -> Task:
    notebook = sweep.notebook_of(cell)
    return Task(
        sweep_id="", cell=cell.name, notebook=notebook, fingerprint=fingerprint(notebook, cell.parameters),
        parameters=cell.parameters, outputs=sweep.outputs, store=store, timeout=options.timeout,
        # on a running cluster each worker uses one thread a kernel, or what its own environment says
        environment={} if options.scheduler else thread_environment(count_workers(options.workers)),
        log_dir=str(options.log_dir.resolve()) if options.log_dir else None, preload=sweep.preload,
    )  # fmt: skip


def _confirm(outcome: CellOutcome, store: Store) -> CellOutcome:
    if outcome.error is None and store.manifest(outcome.cell) is None:
        place = f"published as {outcome.place}, which is not seen from here"
        return replace(outcome, error=f"{place}: workers that share no disk need --store")
    return outcome


def summarise_time(outcomes: Sequence[CellOutcome], workers: int, wall: float) -> str:
    """Put wall time, which includes the start of the cluster, processor time and parallel efficiency into a line."""
    busy, cpu = (sum(getattr(each, name) for each in outcomes) for name in ("seconds", "cpu_seconds"))
    peak = max(outcome.peak_memory for outcome in outcomes)
    efficiency = f"{busy / (workers * wall):.0%} (cells' seconds / ({workers} workers x wall time))"
    times = f"wall time {wall:.1f} s, CPU time of the kernels {cpu:.1f} s"
    return f"{times}, parallel efficiency {efficiency}, largest kernel {peak / 1e9:.2f} GB"


class LiveView:
    """The view of a running sweep: one bar on a terminal, one line a cell elsewhere (a log file)."""

    def __init__(self, total: int, workers: int):
        self.total, self.workers, self.done, self.failed = total, workers, 0, 0
        self.durations, self.running = [], {}  # seconds of complete cells; when the others have started, by name
        layout = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
        self.bar = tqdm(total=total, desc="cells", bar_format=layout, disable=None)

    def start(self, cell: str) -> None:
        """Note that a cell has started."""
        self.running[cell] = time.monotonic()

    def end(self, outcome: CellOutcome) -> None:
        """Note that a cell has ended, and tell of a failure at once."""
        self.running.pop(outcome.cell, None)
        self.done += 1
        self.failed += outcome.error is not None
        self.durations += [] if outcome.error else [outcome.seconds]  # a failure says little about the others
        state = f"failed: {outcome.error}" if outcome.error else f"done in {outcome.seconds:.1f} s"
        if self.bar.disable or outcome.error:
            tqdm.write(", ".join(filter(None, [f"[{self.done}/{self.total}] {outcome.cell} {state}", self._left()])))
        self.bar.update()
        self.tick()

    def tick(self) -> None:
        """Refresh the running cells and the time left."""
        names = list(self.running)
        more = f" and {len(names) - SHOWN_NAMES} more" if names[SHOWN_NAMES:] else ""
        running = f"running: {', '.join(names[:SHOWN_NAMES])}{more}"
        parts = [self._left(), f"{self.failed} failed" if self.failed else "", running]
        self.bar.set_postfix_str(", ".join(filter(None, parts)))

    def _left(self) -> str:
        if not self.durations:
            return ""
        mean, now = sum(self.durations) / len(self.durations), time.monotonic()
        started = sum(min(mean, now - since) for since in list(self.running.values()))
        left = max(0.0, mean * (self.total - self.done) - started) / self.workers
        return f"about {tqdm.format_interval(left)} left"


def _finish(sweep: Sweep, options: Options, store: Store) -> list[CellOutcome]:
    results = options.output / "data" / "results" / sweep.name
    folders = {cell.name: store.fetch(cell.name) for cell in sweep.cells()}
    local = store.mirror if isinstance(store, RemoteStore) else store
    files = collect_tables(sweep.collect, sweep, folders, results)
    files += collect_tables(sweep.keep, sweep, folders, local.folder)
    print("".join(f"collected {os.path.relpath(table)}\n" for table in files), end="", flush=True)
    if not files and not sweep.report:
        told = f"results of each cell: {os.path.relpath(local.folder)}/<cell>/"
        print(f"{told}; `collect: [NAME.csv]` in the grid file, of its `outputs`, makes one table of them", flush=True)
    if sweep.report:
        from .report import make_report, report_files  # imports papermill

        places = {"results": results, "figures": options.output / "figures", "kept": local.folder}
        outcome = make_report(sweep, local, places, options.timeout)
        if outcome and outcome.error:
            return [outcome]
        done = f"made in {outcome.seconds:.1f} s" if outcome else "up to date"
        print(f"report {done}: {os.path.relpath(local.folder / 'report.html')}", flush=True)
        files += report_files(local, places)
        for file in (file for file in files if file.name in sweep.report.prints):
            print(f"\n{file.name}\n\n{file.read_text(encoding='utf-8')}")
    if options.store:
        upload_files(options.output, dict.fromkeys(files), options.store)
    return []


def collect_tables(names: Sequence[str], sweep: Sweep, folders: Mapping[str, Path], target: Path) -> list[Path]:
    """Concatenate CSV files over the cells, as text so that no number is rounded; return the tables below `target`."""
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
        raise ValueError(f"{path.name} of cell {cell.name} is not a table: {str(error).strip()}") from None
    for axis in reversed([axis for axis in axes if axis not in part.columns]):
        part.insert(0, axis, str(cell.parameters[axis]))
    return part


def _note_columns(name: str, parts: list[pd.DataFrame], sweep: Sweep) -> None:
    for column in dict.fromkeys(column for part in parts for column in part):
        if without := [cell.name for cell, part in zip(sweep.cells(), parts, strict=True) if column not in part]:
            others = f" and {len(without) - 1} other cells" if len(without) > 1 else ""
            print(f"{name}: there is no column {column!r} in {without[0]}{others}; its places are empty", flush=True)
