"""Where cells' results are kept: complete or absent, on a disk or on any filesystem that fsspec reaches."""

import errno
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import fsspec

from mode_utils.support.files import partial_path, remove_partial

MANIFEST = "manifest.json"
NOTEBOOK = "notebook.ipynb"


@dataclass(frozen=True)
class LocalStore:
    """Cells of a sweep as folders below `folder`; each appears by one rename."""

    folder: Path

    def manifest(self, cell: str) -> dict | None:
        """Return the manifest of a complete cell, or None; a file that was deleted since makes it incomplete."""
        place = self.folder / cell
        with suppress(FileNotFoundError):
            manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
            if all((place / name).is_file() for name in manifest["files"]):
                return manifest
        return None

    def publish(self, source: Path, cell: str) -> str:
        """Make the files of a folder visible at once as the cell's result, and return where."""
        self._replace(source, self.folder / cell)
        shutil.rmtree(self.folder / "failed" / cell, ignore_errors=True)
        return str(self.folder / cell)

    def keep_failure(self, source: Path, cell: str) -> str:
        """Keep what a failed cell left, apart from the complete ones, and return where."""
        self._replace(source, self.folder / "failed" / cell)
        return str(self.folder / "failed" / cell)

    def discard(self, cell: str) -> None:
        """Remove a cell's result, at once as seen by others."""
        self._bury(self.folder / cell)

    def clean(self) -> None:
        """Remove what killed sweeps left half written."""
        remove_partial(self.folder)

    def fetch(self, cell: str) -> Path:
        """Return the folder of a complete cell on this machine."""
        return self.folder / cell

    def _replace(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = partial_path(target)
        shutil.copytree(source, partial)
        while partial.exists():
            self._bury(target)
            try:
                partial.rename(target)
            except OSError as error:
                # another worker, thought lost, has published the same cell in between: the last one stays
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise

    def _bury(self, target: Path) -> None:
        grave = partial_path(target)
        with suppress(FileNotFoundError):
            target.rename(grave)
            shutil.rmtree(grave)


@dataclass(frozen=True)
class RemoteStore:
    """Cells of a sweep below an fsspec URL, for workers that share no disk; copies are fetched into `mirror`.

    Object stores rename nothing, but each object appears complete: the manifest is deleted first and written last, and
    only a cell with a manifest counts.
    """

    url: str
    mirror: LocalStore

    @property
    def _place(self):
        filesystem, path = fsspec.core.url_to_fs(self.url)
        filesystem.invalidate_cache()  # other machines write here too
        return filesystem, path

    def manifest(self, cell: str) -> dict | None:
        """Return the manifest of a complete cell, or None."""
        filesystem, path = self._place
        with suppress(FileNotFoundError):
            manifest = json.loads(filesystem.cat_file(f"{path}/{cell}/{MANIFEST}"))
            present = {name.removeprefix(f"{path}/{cell}/") for name in filesystem.find(f"{path}/{cell}")}
            if present.issuperset(manifest["files"]):
                return manifest
        return None

    def publish(self, source: Path, cell: str) -> str:
        """Upload the files of a folder, the manifest last, and return where."""
        self._upload(source, cell)
        filesystem, path = self._place
        with suppress(FileNotFoundError):
            filesystem.rm(f"{path}/failed/{cell}", recursive=True)
        return f"{self.url}/{cell}"

    def keep_failure(self, source: Path, cell: str) -> str:
        """Upload what a failed cell left, apart from the complete ones, and return where."""
        self._upload(source, f"failed/{cell}")
        return f"{self.url}/failed/{cell}"

    def discard(self, cell: str) -> None:
        """Remove a cell's result, its manifest first."""
        filesystem, path = self._place
        with suppress(FileNotFoundError):
            filesystem.rm_file(f"{path}/{cell}/{MANIFEST}")
            filesystem.rm(f"{path}/{cell}", recursive=True)

    def clean(self) -> None:
        """Remove what killed sweeps left half fetched; half uploaded cells are overwritten when they run again."""
        self.mirror.clean()

    def fetch(self, cell: str) -> Path:
        """Copy a complete cell to this machine, unless that copy is there, and return its folder."""
        manifest = self.manifest(cell)
        if self.mirror.manifest(cell) != manifest:
            filesystem, path = self._place
            partial = partial_path(self.mirror.folder / cell)
            for name in [*manifest["files"], MANIFEST]:
                filesystem.get_file(f"{path}/{cell}/{name}", _made(partial / name))
            self.mirror.publish(partial, cell)
            shutil.rmtree(partial)
        return self.mirror.fetch(cell)

    def _upload(self, source: Path, cell: str) -> None:
        filesystem, path = self._place
        with suppress(FileNotFoundError):
            filesystem.rm_file(f"{path}/{cell}/{MANIFEST}")
        files = sorted((p for p in source.rglob("*") if p.is_file()), key=lambda p: p.name == MANIFEST)
        for file in files:
            filesystem.put_file(str(file), f"{path}/{cell}/{file.relative_to(source).as_posix()}")


def open_store(root: Path, sweep: str, url: str | None = None) -> LocalStore | RemoteStore:
    """Return the store of a sweep's cells: below `root`, or below `url` with copies below `root`.

    Raises
    ------
    ImportError, ValueError
        If the URL's filesystem is not installed or not known.
    """
    below = f"notebooks/executed/{sweep}"
    local = LocalStore(root / below)
    if not url:
        return local
    fsspec.core.url_to_fs(url)  # an unknown protocol, or one whose package is not installed, shows here
    return RemoteStore(f"{url.rstrip('/')}/{below}", local)


def upload_files(root: Path, files: Iterable[Path], url: str) -> None:
    """Copy files below `root` to the same places below a URL."""
    filesystem, path = fsspec.core.url_to_fs(url.rstrip("/"))
    for file in files:
        filesystem.put_file(str(file), f"{path}/{file.relative_to(root).as_posix()}")


def _made(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    return str(path)
