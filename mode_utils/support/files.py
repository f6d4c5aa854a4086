"""Files and folders that appear whole or not at all.

What is being written has a name of its own beside its place, and is renamed when it is complete: a reader sees the old
or the new, and a process that is killed leaves nothing but a leftover that `remove_partial` knows by its name.
"""

import os
import shutil
import uuid
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial-"


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
    """Return a name beside `target` that nobody else uses, for what is not complete yet."""
    return Path(target).parent / f"{PARTIAL}{uuid.uuid4().hex}"


def remove_partial(folder):
    """Remove what was left half written below a folder by processes that were killed."""
    for leftover in list(Path(folder).rglob(f"{PARTIAL}*")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
