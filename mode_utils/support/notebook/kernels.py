"""Execute one notebook with papermill in a kernel that is watched: its time, its memory, its end."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import papermill
import psutil
import zmq
from jupyter_client import AsyncKernelManager

from .orphans import parent_mark
from .warm import IN_SERVER, WarmProvisioner, can_fork

KERNEL_STARTS = 3  # a port may be lost between its choice and its use, which only shows as a kernel that fails to start
LONGEST_SOCKET = 90  # systems allow 104 characters or more
SAMPLE_SECONDS = 0.25
GRACE_SECONDS = 5.0  # between interrupting a kernel, which leaves a traceback, and killing it
OUTPUT_SECONDS = 120  # for what a cell has printed to arrive, once it is done: megabytes take more than the usual 4
KERNEL_LOG = "kernel.log"

logging.getLogger("papermill").setLevel(logging.CRITICAL)  # the sweep reports failures itself, once


class Watch(threading.Thread):
    """Follows the kernel of one notebook and its children, and ends it after `timeout` seconds or on request."""

    def __init__(self, timeout: float | None = None):
        super().__init__(daemon=True)
        self.timeout, self.deadline = timeout, time.monotonic() + (timeout or float("inf"))
        self.ready, self.ended_by, self.cpu_seconds, self.peak_memory = False, None, 0.0, 0
        self._process, self._kernel = None, None
        self._children: set[psutil.Process] = set()
        self._over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._kill()

    def attach(self, process: subprocess.Popen) -> None:
        """Follow this kernel from now on."""
        self._process = process
        with suppress(psutil.NoSuchProcess):
            self._kernel = psutil.Process(process.pid)
        if self.ended_by:
            self._kill()

    def run(self) -> None:
        """Sample until over; past the deadline interrupt the kernel, and kill it if that does not end it."""
        while not self._over.wait(SAMPLE_SECONDS):
            self.sample()
            if time.monotonic() > self.deadline:
                self.ended_by = self.ended_by or "timeout"
                with suppress(psutil.Error, AttributeError):
                    self._kernel.send_signal(signal.SIGINT)
                if not self._over.wait(GRACE_SECONDS):
                    self._kill()

    def sample(self) -> None:
        """Update the figures; a kernel that is gone keeps its last ones."""
        with suppress(psutil.Error, AttributeError):
            children = self._kernel.children(recursive=True)
            self._children = self._children | set(children)  # a new set: another thread may go through the old one
            family = [self._kernel, *children]
            used = sum(sum(process.cpu_times()[:4]) for process in family)  # user and system, also of children
            self.cpu_seconds = max(self.cpu_seconds, used)
            resident = sum(process.memory_info().rss for process in family)
            self.peak_memory = max(self.peak_memory, resident, _high_water_mark(self._kernel.pid))

    def end(self) -> None:
        """End the kernel now, on request."""
        self.ended_by = "request"
        self._kill()

    def exit_status(self) -> int | None:
        """Return the kernel's exit status, or minus the signal that killed it; None if it runs or never did."""
        return self._process.poll() if self._process else None

    def _kill(self) -> None:
        self.sample()
        for process in (*self._children, *([self._kernel] if self._kernel else [])):
            with suppress(psutil.Error):
                process.kill()


def _high_water_mark(process: int) -> int:
    """Return a process's true peak, which Linux keeps and sampling may miss; 0 where it is not known."""
    with suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text()
        return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
    return 0


def run_notebook(source: Path, target: Path, parameters: dict, watch: Watch, environment: dict, log: IO | None = None,
                 preload: Sequence[str] = (), cwd: Path | None = None) -> None:  # fmt: skip
    """Execute a notebook in the folder `cwd`, or in ``work`` beside the target; leave the copy also if it fails."""
    if cwd is None:
        cwd = target.parent / "work"
        cwd.mkdir(exist_ok=True)
    options = {
        "progress_bar": False, "stdout_file": log, "stderr_file": log, "shutdown_kernel": "immediate",
        "iopub_timeout": OUTPUT_SECONDS, "on_notebook_start": lambda notebook: setattr(watch, "ready", True),
        # papermill's own `cwd` changes the folder of the whole process, which other threads share
        "resources": {"metadata": {"path": str(cwd)}},
    }  # fmt: skip
    for attempt in range(1, KERNEL_STARTS + 1):
        try:
            with open(target.parent / KERNEL_LOG, "wb") as kernel_log:
                manager = _kernel_class(watch, environment, target.parent / "kernel.json", kernel_log, preload)
                papermill.execute_notebook(source, target, parameters, kernel_manager_class=manager, **options)
            return
        except (RuntimeError, OSError, zmq.ZMQError):
            if watch.ready or watch.ended_by or attempt == KERNEL_STARTS:
                raise


def _kernel_class(watch: Watch, environment: dict, connection: Path, kernel_log: IO, preload: Sequence[str]) -> type:
    # sockets in the cell's own folder: no port to lose to another process, and no other user can connect
    transport = "ipc" if os.name == "posix" and len(str(connection)) < LONGEST_SOCKET else "tcp"
    # meant by Dask for its workers: it makes malloc give memory back at once, which slows down numerical kernels
    inherited = {name: value for name, value in os.environ.items() if name != "MALLOC_TRIM_THRESHOLD_"}
    extended = {**inherited, **environment, **parent_mark()}
    if warm := bool(preload) and can_fork():
        extended[IN_SERVER] = " ".join(preload)

    class WatchedKernel(AsyncKernelManager):
        def __init__(self, **kwargs):
            super().__init__(transport=transport, connection_file=str(connection), **kwargs)

        async def start_kernel(self, **kwargs):
            if warm:
                self.provisioner = WarmProvisioner(kernel_spec=self.kernel_spec, parent=self)
            await super().start_kernel(env=extended, stdout=kernel_log, stderr=kernel_log, **kwargs)
            watch.attach(self.provisioner.process)

        async def shutdown_kernel(self, **kwargs):
            watch.sample()
            await super().shutdown_kernel(**kwargs)

    return WatchedKernel


def last_words(folder: Path, lines: int) -> tuple[str, ...]:
    """Return the last lines that a kernel wrote past its notebook: a crash leaves no other trace."""
    with suppress(FileNotFoundError):
        return tuple((folder / KERNEL_LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    return ()
