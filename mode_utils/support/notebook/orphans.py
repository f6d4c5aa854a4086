"""End kernels whose worker is gone: they carry its mark in their environment."""

import os
import platform
from contextlib import suppress

import psutil

PARENT_MARK = "NOTEBOOK_SWEEP_PARENT"


def parent_mark() -> dict[str, str]:
    """Return what marks, in a kernel's environment, this process as its parent."""
    return {PARENT_MARK: f"{platform.node()} {os.getpid()}"}


def end_orphans() -> None:
    """End kernels here whose worker is gone; by number alone, as times of creation shift with the clock."""
    for process in psutil.process_iter(["environ"]):
        host, _, number = (process.info["environ"] or {}).get(PARENT_MARK, "").rpartition(" ")
        if host == platform.node() and not _is_alive(int(number)):
            with suppress(psutil.Error):
                process.kill()


def _is_alive(number: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        # a worker that is dead but still listed, as its exit status was not asked for yet, is gone
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    return False
