"""Execute the report notebook on a complete sweep, and publish its tables, figures and HTML page."""

import hashlib
import json
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import nbformat

from mode_utils.support.files import copy_file, write_text
from mode_utils.support.notebook.kernels import Watch, run_notebook
from mode_utils.support.notebook.page import address_on_site, describe_origin, render_page
from mode_utils.support.notebook.parameters import read_declared

from .cells import execution_folder, failed_outcome, package_path
from .cluster import thread_environment
from .grid import Sweep
from .manifest import NOTEBOOK, PACKAGE, describe_files, find_damage, fingerprint
from .stores import LocalStore
from .tasks import CellOutcome

STATE = "report.json"


def make_report(sweep: Sweep, store: LocalStore, folders: dict, timeout: float | None = None) -> CellOutcome | None:
    """Execute the report on complete cells, move its files to `folders`, by kind; None if the last is up to date."""
    text = sweep.report.notebook.read_text(encoding="utf-8")
    cells = json.dumps([store.manifest(cell.name) for cell in sweep.cells()])
    state = fingerprint(text, sweep.report.parameters) | {"cells": hashlib.sha256(cells.encode()).hexdigest()}
    if _is_current(store, state, folders):
        return None
    with tempfile.TemporaryDirectory(prefix="report-", ignore_cleanup_errors=True) as scratch:
        outcome = _execute(sweep, store, text, Path(scratch), folders, timeout)
        if outcome.error is None:
            _publish(Path(scratch), store.folder, state, folders, address_on_site(sweep.report.notebook))
    return outcome


def report_files(store: LocalStore, folders: dict[str, Path]) -> list[Path]:
    """Return the files of the last complete report."""
    made = json.loads((store.folder / STATE).read_text(encoding="utf-8"))["files"]
    return [folders[kind] / name for kind, names in made.items() for name in names]


def _is_current(store: LocalStore, state: dict, folders: dict[str, Path]) -> bool:
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):  # not a state
        last = json.loads((store.folder / STATE).read_text(encoding="utf-8"))
        damaged = [find_damage(files, folders[kind]) for kind, files in last["files"].items()]
        return last == state | {"files": last["files"]} and not any(damaged)
    return False


def _execute(sweep: Sweep, store: LocalStore, text: str, scratch: Path, folders: dict, timeout: float | None):
    source, results = execution_folder(scratch, text)
    (scratch / "figures").mkdir()
    (scratch / "kept").mkdir()
    for name in sweep.collect:
        shutil.copyfile(folders["results"] / name, results / name)
    offered = {"sweep_dir": str(store.folder.resolve()), "cells": [cell.name for cell in sweep.cells()]}
    offered |= {"results_dir": str(results), "figures_dir": str(scratch / "figures"), "kept_dir": str(scratch / "kept")}
    declared = read_declared(sweep.report.notebook)
    parameters = {name: value for name, value in offered.items() if name in declared} | sweep.report.parameters
    started, watch = time.monotonic(), Watch(timeout)
    try:
        environment = thread_environment(1) | package_path()
        with ThreadPoolExecutor(1) as pool, watch:  # the main thread is free for Ctrl-C, which ends the kernel
            future = pool.submit(run_notebook, source, scratch / NOTEBOOK, parameters, watch, environment)
            try:
                future.result()
            finally:
                watch.end() if not future.done() else None
    except Exception as error:
        return failed_outcome("report", error, time.monotonic() - started, watch, scratch, store)
    place = str(store.folder / "report.html")
    return CellOutcome("report", place, time.monotonic() - started, watch.cpu_seconds, watch.peak_memory)


def _publish(scratch: Path, folder: Path, state: dict, folders: dict[str, Path], address: str) -> None:
    """Put the files in place, and last the state, without which the report counts as missing."""
    (folder / STATE).unlink(missing_ok=True)
    state = state | {"files": {}}
    page = render_page(nbformat.read(scratch / NOTEBOOK, as_version=4), describe_origin(PACKAGE), address)
    (scratch / "kept" / "report.html").write_text(page, encoding="utf-8")
    (scratch / NOTEBOOK).rename(scratch / "kept" / "report.ipynb")
    for kind, target in folders.items():
        state["files"][kind] = describe_files(scratch / kind)
        for name in state["files"][kind]:
            copy_file(scratch / kind / name, target / name)
    LocalStore(folder).forget_failure("report")
    write_text(folder / STATE, json.dumps(state, indent=1) + "\n")
