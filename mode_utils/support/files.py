"""Files and folders that appear whole or not at all: written under a name of their own, and renamed when complete."""

import hashlib
import mmap
import os
import platform
import re
import shutil
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PARTIAL = ".partial-"
_BY_SYSTEMS = (".ds_store", "thumbs.db", "desktop.ini")  # files that desktops write into folders
_NAME = re.compile(rf"{re.escape(PARTIAL)}(?P<host>.*)-(?P<process>[1-9][0-9]{{0,8}})-[0-9a-f]{{32}}", re.DOTALL)


@contextmanager
def whole_file(path):
    """Yield the path of a new file that takes the place of `path` at the end; after an error nothing has changed."""
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
    """Yield a new folder that becomes `path` at the end, unless that exists (FileExistsError) or after an error."""
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
    """Return a unique name beside `target` for what is not complete yet; it says which process writes it."""
    return Path(target).parent / f"{PARTIAL}{platform.node()}-{os.getpid()}-{uuid.uuid4().hex}"


def remove_partial(folder, recursive=True):
    """Remove from a folder what killed processes of this machine left half written, by `partial_path` names alone."""
    folder, pattern = Path(folder), f"{PARTIAL}*"
    for leftover in list(folder.rglob(pattern) if recursive else folder.glob(pattern)):
        if not is_abandoned(leftover.name) or leftover.is_symlink():  # no link is ever made under such a name
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with suppress(OSError):  # of another user, who removes it
                leftover.unlink()


def is_abandoned(name):
    """Tell whether a name is one that `partial_path` gave to a process of this machine that has ended."""
    parts = _NAME.fullmatch(name)
    return bool(parts) and parts["host"] == platform.node() and not psutil.pid_exists(int(parts["process"]))


def release_pages(array):
    """Let the pages of an array that is mapped from a file leave memory again; they are read anew when needed."""
    mapped = getattr(array, "_mmap", None)
    if hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)


def hash_file(path):
    """Return the SHA-256 of a file, or of a folder's files with their names, but for those that file managers leave."""
    own = (each for each in path.rglob("*") if each.is_file() and each.name.lower() not in _BY_SYSTEMS)
    files = sorted(own) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(file.relative_to(path)) if file != path else b"")
        with open(file, "rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()
