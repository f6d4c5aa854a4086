"""Files and folders that appear whole or not at all.

What is being written has a name of its own beside its place, and is renamed when it is complete: a reader sees the old
or the new, and a process that is killed leaves nothing but a leftover that `remove_partial` knows by its name.
"""

import mmap
import os
import platform
import shutil
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import psutil

PARTIAL = ".partial-"
_DAY = 86_400  # seconds; what another machine left is given up after this


@contextmanager
def whole_file(path):
    """Yield the path of a new file that takes the place of `path` at the end; after an error nothing has changed.

    Parameters
    ----------
    path : path
        Its folder is made if it does not exist.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path):
    """Yield a new folder that becomes `path` at the end; after an error nothing is left of it.

    Raises
    ------
    FileExistsError
        If there is something at `path` by then: it is never overwritten.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    partial.mkdir()
    try:
        yield partial
        if path.exists():
            raise FileExistsError(f"{path} exists already: name another folder, or move that one away")
        os.rename(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path, text):
    """Write a text to a file, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def copy_file(source, target):
    """Copy a file so that the target is, at any time, the old or the new one."""
    with whole_file(target) as partial:
        shutil.copyfile(source, partial)


def partial_path(target):
    """Return a name beside `target` that nobody else uses, for what is not complete yet; it says who writes it."""
    return Path(target).parent / f"{PARTIAL}{platform.node()}-{os.getpid()}-{uuid.uuid4().hex}"


def remove_partial(folder, recursive=True):
    """Remove what was left half written in a folder by processes that were killed.

    Parameters
    ----------
    folder : path
    recursive : bool
        Look below the folder, too.
    """
    folder, pattern = Path(folder), f"{PARTIAL}*"
    for leftover in list(folder.rglob(pattern) if recursive else folder.glob(pattern)):
        if _is_written(leftover):
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _is_written(partial):
    """Tell whether the process that a name is of may still be at it."""
    node, _, number = partial.name.removeprefix(PARTIAL).rpartition("-")[0].rpartition("-")
    if not number.isdigit():
        return False
    if node != platform.node():
        return partial.exists() and time.time() - partial.stat().st_mtime < _DAY
    return psutil.pid_exists(int(number))


def release_pages(array):
    """Let the pages of an array that is mapped from a file leave memory again; they are read anew when needed."""
    mapped = getattr(array, "_mmap", None)
    if hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)
