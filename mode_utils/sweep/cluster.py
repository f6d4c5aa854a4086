"""Run cells on a Dask cluster: one made for this machine, or one that runs already."""

import logging
import multiprocessing
import os
import signal
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from multiprocessing import forkserver

import dask
import psutil
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster, WorkerPlugin, wait
from distributed.system import MEMORY_LIMIT
from distributed.utils import get_mp_context

from mode_utils.support.notebook.orphans import end_orphans

from .tasks import THREAD_VARIABLES, CellOutcome, Task

KERNEL_BYTES = 2e9  # memory that a kernel is assumed to need when workers are counted
CONNECT_SECONDS = 10.0
SETTINGS = {"distributed.scheduler.worker-saturation": 1.0}  # no cell waits behind a long one
if "forkserver" in multiprocessing.get_all_start_methods():
    SETTINGS["distributed.worker.multiprocessing-method"] = "forkserver"


class _IgnoreInterrupt(WorkerPlugin):
    def setup(self, worker):  # Ctrl-C reaches the whole terminal, but it is the driver that ends workers in order
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def count_workers(wanted: int | None = None) -> int:
    """Return the number of workers for this machine: one a core, if memory allows; a ValueError if 0 are wanted."""
    if wanted is not None and wanted < 1:
        raise ValueError(f"--workers {wanted}: at least 1 is needed")
    return wanted or max(1, min(CPU_COUNT, int(MEMORY_LIMIT // KERNEL_BYTES)))


def thread_environment(workers: int) -> dict[str, str]:
    """Divide the cores among the workers of this machine; what the user has set stays."""
    share = str(max(1, CPU_COUNT // workers))
    return {name: os.environ.get(name, share) for name in THREAD_VARIABLES}


@contextmanager
def local_client(workers: int, host: str = "127.0.0.1") -> Iterator[Client]:
    """Start a cluster on this machine, which alone can connect by default: one cell at a time in each process."""
    cluster = {
        "n_workers": workers, "threads_per_worker": 1, "processes": True, "host": host,
        "dashboard_address": f"{host}:0", "local_directory": tempfile.gettempdir(), "silence_logs": logging.CRITICAL,
        "memory_limit": 0,  # kernels are processes of their own, which Dask's limit would not see
    }  # fmt: skip
    with dask.config.set(SETTINGS):
        context = get_mp_context()
        if context.get_start_method() == "forkserver":  # workers are forked from a server that has imported, once:
            context.set_forkserver_preload(["distributed", f"{__package__}.cells"])
            forkserver.ensure_running()  # at once, while the driver starts its scheduler
        try:
            with LocalCluster(**cluster) as started, Client(started) as client:
                client.register_plugin(_IgnoreInterrupt())
                yield client
        except KeyboardInterrupt:  # workers that are still starting would miss their driver, and say so at length
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    if "forkserver" in " ".join(child.cmdline()):  # others end in order
                        child.kill()
            raise


@contextmanager
def remote_client(scheduler: str) -> Iterator[Client]:
    """Connect to a running cluster, such as ``tcp://10.0.0.1:8786``; a ConnectionError if nothing answers there."""
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except OSError as error:
        raise ConnectionError(f"--scheduler {scheduler}: no Dask scheduler answers there") from error
    with client:
        client.run(end_orphans)
        yield client


def run_tasks(client: Client, tasks: Sequence[Task], view) -> list[CellOutcome]:
    """Run cells on a cluster, again if a worker dies, and tell a `run.LiveView`; return the outcomes in order."""
    sweep_id = f"sweep-{uuid.uuid4().hex}"
    client.subscribe_topic(sweep_id, lambda event: view.start(event[1]["cell"]))
    futures, outcomes = {}, {}
    for task in tasks:
        own, key = replace(task, sweep_id=sweep_id), f"{sweep_id}-{task.cell}"
        futures[client.submit(_on_worker, "run_cell", own, key=key, pure=False)] = task
    pending = set(futures)
    try:
        while pending:
            view.tick()
            done = set()
            with suppress(TimeoutError):
                done, pending = wait(pending, timeout=1, return_when="FIRST_COMPLETED")
            for future in done:
                outcomes[future] = _outcome(future, futures[future])
                view.end(outcomes[future])
    except BaseException:
        client.cancel(list(futures))
        client.run(_on_worker, "stop_cells", sweep_id, on_error="ignore")
        raise
    return [outcomes[future] for future in futures]


def _on_worker(function: str, argument: object) -> object:
    cells = import_module(f"{__package__}.cells")  # which imports papermill: the driver does without
    return getattr(cells, function)(argument)


def _outcome(future, task: Task) -> CellOutcome:
    try:
        return future.result()
    except Exception as error:
        return CellOutcome(task.cell, "", error=f"the workers that ran it died, or the cluster was lost: {error}")
