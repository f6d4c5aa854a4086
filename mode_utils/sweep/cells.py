"""Run one cell: what a worker does, from the notebook's source to its published result."""

import json
import os
import platform
import signal
import tempfile
import time
import traceback
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import psutil
from distributed import get_worker
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError, strip_color

from mode_utils.support.code_hash import INPUTS, versions
from mode_utils.support.failures import is_foreseen
from mode_utils.support.notebook.kernels import Watch, last_words, run_notebook

from .manifest import CHECKOUT, MANIFEST, NOTEBOOK, PACKAGE, describe_contents, describe_files, sources_hash
from .stores import Store
from .tasks import THREAD_VARIABLES, CellOutcome, Task

TRACEBACK_LINES = 8

_running: dict[Watch, str] = {}  # kernels in this process, with their sweep
_stopped: set[str] = set()  # sweeps that were told to stop


def run_cell(task: Task) -> CellOutcome:
    """Execute a cell in a scratch folder and publish its result if it is complete; an error is part of the outcome."""
    started, worker = time.monotonic(), None
    with suppress(ValueError):  # not in a Dask worker: the function was called by hand
        worker = get_worker()
    if worker:
        worker.log_event(task.sweep_id, {"cell": task.cell})  # the driver learns that the cell starts
    # Dask removes a worker's own scratch space at the next start if the worker is killed
    space = worker.local_directory if worker else None
    with tempfile.TemporaryDirectory(prefix="cell-", dir=space, ignore_cleanup_errors=True) as folder:
        scratch, watch = Path(folder), Watch(task.timeout)
        try:
            inputs = describe_contents(task.parameters.values())
            (scratch / "inputs").touch()  # the notebook writes down there what it reads, see `code_hash.record_input`
            results = _execute(task, scratch, watch)
            inputs |= map(json.loads, (scratch / "inputs").read_text(encoding="utf-8").splitlines())
            seconds = time.monotonic() - started
            outcome = CellOutcome(task.cell, "", round(seconds, 3), round(watch.cpu_seconds, 2), watch.peak_memory)
            _write_manifest(task, outcome, results, inputs)
            return replace(outcome, place=task.store.publish(results, task.cell))
        except Exception as error:
            return failed_outcome(task.cell, error, time.monotonic() - started, watch, scratch, task.store)


def stop_cells(sweep_id: str) -> None:
    """End the kernels of a sweep in this process, and let none of its cells start here any more."""
    _stopped.add(sweep_id)
    for watch, owner in list(_running.items()):
        if owner == sweep_id:
            watch.end()


def execution_folder(scratch: Path, notebook: str) -> tuple[Path, Path]:
    """Lay out a scratch folder: return the notebook's source file in it, and the empty folder for its results."""
    source, results = scratch / "source.ipynb", scratch / "results"
    results.mkdir()
    source.write_text(notebook, encoding="utf-8")
    return source, results


def package_path() -> dict[str, str]:
    """Return the environment that lets a kernel import the very package that is fingerprinted, also uninstalled."""
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path} if CHECKOUT else {}


def failed_outcome(cell: str, error: Exception, seconds: float, watch: Watch, scratch: Path, store: Store):
    """Describe how a notebook failed, and keep it if it is there and the store does not fail itself."""
    message, lines = _explain(error, watch, scratch)
    place, left = "", scratch / "failed"
    if watch.ended_by != "request":
        left.mkdir()
        with suppress(OSError):
            (scratch / NOTEBOOK).rename(left / NOTEBOOK)
            place = f"{store.keep_failure(left, cell)}/{NOTEBOOK}"
    return CellOutcome(cell, place, seconds, watch.cpu_seconds, watch.peak_memory, message, lines)


def _explain(error: Exception, watch: Watch, scratch: Path) -> tuple[str, tuple[str, ...]]:
    message, lines = f"{type(error).__name__}: {error}", last_words(scratch, TRACEBACK_LINES)
    if isinstance(error, PapermillExecutionError):
        message, text = f"{error.ename}: {error.evalue}", strip_color("\n".join(error.traceback))
        lines = tuple(line for line in text.splitlines() if line.strip())[-TRACEBACK_LINES:]
    elif isinstance(error, DeadKernelError) and watch.exit_status() is not None:
        message = _describe_death(watch)
    elif not isinstance(error, DeadKernelError) and not lines and not is_foreseen(error):
        lines = tuple("".join(traceback.format_exception(error)).splitlines()[-TRACEBACK_LINES:])
    if watch.ended_by == "timeout":
        message = f"timed out after {watch.timeout:g} s"
    return message.splitlines()[0], lines


def _execute(task: Task, scratch: Path, watch: Watch) -> Path:
    if sources_hash() != task.sources:
        differs = f"{PACKAGE} differs from when and where the sweep was started"
        raise RuntimeError(f"{differs}: edited, or not the same clone")
    source, results = execution_folder(scratch, task.notebook)
    parameters = task.parameters | {"output_dir": str(results)}
    environment = {name: os.environ.get(name, "1") for name in THREAD_VARIABLES} | package_path() | task.environment
    environment[INPUTS] = str(scratch / "inputs")
    _running[watch] = task.sweep_id
    try:
        if task.sweep_id in _stopped:
            raise InterruptedError("the sweep was stopped")
        with _log_file(task) as log, watch:
            run_notebook(source, scratch / NOTEBOOK, parameters, watch, environment, log, task.preload)
    finally:
        del _running[watch]
    if watch.ended_by:
        raise TimeoutError("the notebook was interrupted")
    if absent := [name for name in task.outputs if not (results / name).is_file()]:
        there = ", ".join(sorted(path.name for path in results.iterdir()))
        others = f", only {there}" if there else ", and nothing else"
        raise FileNotFoundError(f"the notebook left no {', '.join(absent)} in its output_dir{others}")
    (scratch / NOTEBOOK).rename(results / NOTEBOOK)
    return results


def _write_manifest(task: Task, outcome: CellOutcome, results: Path, inputs: dict[str, str | None]) -> None:
    manifest = task.fingerprint | {"cell": task.cell, "versions": versions(), "inputs": inputs}
    manifest |= {"files": describe_files(results), "seconds": outcome.seconds, "cpu_seconds": outcome.cpu_seconds}
    finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    manifest |= {"peak_memory_bytes": outcome.peak_memory, "finished": finished}
    (results / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _log_file(task: Task):
    if task.log_dir is None:
        return nullcontext()
    Path(task.log_dir).mkdir(parents=True, exist_ok=True)
    log = open(Path(task.log_dir) / f"{task.cell}.log", "w", encoding="utf-8")  # noqa: SIM115
    print(f"{time.ctime()}, {platform.node()}: {task.parameters}", file=log, flush=True)
    return log


def _describe_death(watch: Watch) -> str:
    status = watch.exit_status()
    if status >= 0:
        return f"the kernel ended by itself, with exit status {status}"
    name, total = signal.Signals(-status).name, psutil.virtual_memory().total
    remedy = " (if it was for lack of memory, use fewer workers)" if name == "SIGKILL" else ""
    used = f"{watch.peak_memory / 1e9:.1f} GB of this machine's {total / 1e9:.1f} GB"
    return f"the kernel was killed by {name}; its peak memory was {used}{remedy}"
