"""Where cells' results are kept: complete or absent, on a disk or on any filesystem that fsspec reaches."""

import errno
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import fsspec
from fsspec.implementations.dirfs import DirFileSystem

from mode_utils.support.files import partial_path, remove_partial

from .manifest import MANIFEST, NOTEBOOK, find_damage, find_size_damage, read_manifest


@dataclass(frozen=True)
class LocalStore:
    """Cells of a sweep as folders below `folder`; each appears by one rename."""

    folder: Path

    def manifest(self, cell: str) -> dict | None:
        """Return the manifest of a complete cell, or None."""
        with suppress(FileNotFoundError):
            return read_manifest((self.folder / cell / MANIFEST).read_bytes())
        return None

    def damage(self, cell: str) -> str | None:
        """Say what has become of the files of a complete cell since, or None if they are as they were."""
        manifest = self.manifest(cell)
        return find_damage(manifest["files"], self.folder / cell) if manifest else None

    def publish(self, source: Path, cell: str) -> str:
        """Make the files of a folder visible at once as the cell's result, and return where."""
        place = self._replace(source, cell)
        self.forget_failure(cell)
        return place

    def keep_failure(self, source: Path, cell: str) -> str:
        """Keep what a failed cell left, apart from the complete ones, and return where."""
        return self._replace(source, f"failed/{cell}")

    def forget_failure(self, cell: str) -> None:
        """Remove what a failed cell has left."""
        with suppress(FileExistsError):
            self.discard(f"failed/{cell}")

    def discard(self, cell: str) -> None:
        """Remove a cell's result, at once as seen by others, and nothing that a sweep has not left."""
        target = self.folder / cell
        _check_replaceable(target)
        removed = partial_path(target)
        with suppress(FileNotFoundError):
            target.rename(removed)
            shutil.rmtree(removed)

    def clean(self) -> None:
        """Remove what killed sweeps left half written."""
        remove_partial(self.folder)

    def fetch(self, cell: str) -> Path:
        """Return the folder of a complete cell on this machine."""
        return self.folder / cell

    def _replace(self, source: Path, cell: str) -> str:
        target = self.folder / cell
        _check_replaceable(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = partial_path(target)
        try:
            shutil.copytree(source, partial)
            while partial.exists():
                self.discard(cell)
                try:
                    partial.rename(target)
                except OSError as error:
                    # another worker, thought lost, has published the same cell in between: the last one stays
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return str(target)


@dataclass(frozen=True)
class RemoteStore:
    """Cells of a sweep below an fsspec URL, copied into `mirror`; a manifest is deleted first and written last."""

    url: str
    mirror: LocalStore

    @property
    def _files(self) -> DirFileSystem:
        filesystem, path = fsspec.core.url_to_fs(self.url)
        filesystem.invalidate_cache()  # other machines write here too
        return DirFileSystem(path, filesystem)

    def manifest(self, cell: str) -> dict | None:
        """Return the manifest of a complete cell, or None."""
        with suppress(FileNotFoundError):
            return read_manifest(self._files.cat_file(f"{cell}/{MANIFEST}"))
        return None

    def damage(self, cell: str) -> str | None:
        """Say which file of a complete cell is missing or has another size; content is checked when it is fetched."""
        manifest, found = self.manifest(cell), self._files.find(cell, detail=True)
        sizes = {name.removeprefix(f"{cell}/"): info["size"] for name, info in found.items()}
        return find_size_damage(manifest["files"], sizes) if manifest else None

    def publish(self, source: Path, cell: str) -> str:
        """Upload the files of a folder, the manifest last, and return where."""
        place = self._upload(source, cell)
        with suppress(FileNotFoundError):
            self._files.rm(f"failed/{cell}", recursive=True)
        return place

    def keep_failure(self, source: Path, cell: str) -> str:
        """Upload what a failed cell left, apart from the complete ones, and return where."""
        return self._upload(source, f"failed/{cell}")

    def discard(self, cell: str) -> None:
        """Remove a cell's result, its manifest first."""
        with suppress(FileNotFoundError):
            self._files.rm_file(f"{cell}/{MANIFEST}")
            self._files.rm(cell, recursive=True)

    def clean(self) -> None:
        """Remove what killed sweeps left half fetched; half uploaded cells are overwritten when they run again."""
        self.mirror.clean()

    def fetch(self, cell: str) -> Path:
        """Copy a complete cell to this machine, unless it is there; an OSError if it is damaged."""
        manifest = self.manifest(cell)
        if self.mirror.manifest(cell) != manifest or self.mirror.damage(cell):
            partial, remote = partial_path(self.mirror.folder / cell), self._files
            for name in [*manifest["files"], MANIFEST]:
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                remote.get_file(f"{cell}/{name}", str(partial / name))
            self.mirror.publish(partial, cell)
            shutil.rmtree(partial)
        if damage := self.mirror.damage(cell):
            self.discard(cell)
            raise OSError(f"cell {cell} of {self.url} is damaged ({damage}) and discarded: run the same command again")
        return self.mirror.fetch(cell)

    def _upload(self, source: Path, cell: str) -> str:
        remote = self._files
        with suppress(FileNotFoundError):
            remote.rm_file(f"{cell}/{MANIFEST}")
        for file in sorted((p for p in source.rglob("*") if p.is_file()), key=lambda p: p.name == MANIFEST):
            remote.put_file(str(file), f"{cell}/{file.relative_to(source).as_posix()}")
        return f"{self.url}/{cell}"


Store = LocalStore | RemoteStore


def open_store(root: Path, sweep: str, url: str | None = None) -> Store:
    """Return the store of a sweep's cells: below `root`, or below `url` with copies below `root`."""
    below = f"notebooks/executed/{sweep}"
    local = LocalStore(root / below)
    if not url:
        return local
    try:
        fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:  # an unknown protocol, or one whose package is not installed
        raise type(error)(f"--store {url}: {error}") from error
    return RemoteStore(f"{url.rstrip('/')}/{below}", local)


def upload_files(root: Path, files: Iterable[Path], url: str) -> None:
    """Copy files below `root` to the same places below a URL."""
    filesystem, path = fsspec.core.url_to_fs(url.rstrip("/"))
    for file in files:
        filesystem.put_file(str(file), f"{path}/{file.relative_to(root).as_posix()}")


def _check_replaceable(target: Path) -> None:
    """Raise if something stands at a place that a sweep has not made: its folders have the notebook, or nothing."""
    with suppress(FileNotFoundError):  # nothing, or removed in between
        found = target.lstat()
        names = {path.name for path in target.iterdir()} if stat.S_ISDIR(found.st_mode) else {""}
        is_foreign = names and not names & {NOTEBOOK, MANIFEST}
        if is_foreign and target.lstat().st_ino == found.st_ino:  # not one that was being removed
            raise FileExistsError(f"{target} is not a result of a sweep: move it away")
