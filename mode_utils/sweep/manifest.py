"""What a cell's result depends on, written beside it, and whether a result is still up to date."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path

from mode_utils.notebook.parameters import notebook_cells, parse_cell
from mode_utils.support.code_hash import imports_hash, versions

PACKAGE, OURS = Path(__file__).resolve().parents[1], Path(__file__).resolve().parent
MANIFEST = "manifest.json"
NOTEBOOK = "notebook.ipynb"


def fingerprint(notebook: str, parameters: dict) -> dict:
    """Describe all that a result depends on and that is known before.

    Parameters
    ----------
    notebook : str
        The notebook as JSON.
    parameters : dict
        Parameters of the cell.

    Returns
    -------
    dict
        ``parameters``, ``notebook`` and ``package`` (SHA-256) and ``versions``; equal for equal work.
    """
    described = {
        "parameters": parameters,
        "notebook": notebook_hash(notebook),
        "package": package_hash(notebook),
        "versions": versions(),
    }
    return json.loads(json.dumps(described, default=str))


def notebook_hash(notebook: str) -> str:
    """Hash the cells' sources and tags; outputs and metadata of a notebook do not change what it computes."""
    relevant = [cell for cell in notebook_cells(notebook) if cell[0] == "code"]
    return hashlib.sha256(json.dumps(relevant).encode()).hexdigest()


def package_hash(notebook: str) -> str:
    """Hash what the package does for a notebook: the modules that it imports, without comments and docstrings.

    Those of the sweep do not count: they compute nothing.
    """
    return _package_hash(notebook, sources_hash())


@lru_cache
def _package_hash(notebook: str, sources: str) -> str:
    programs = []
    for kind, source, _ in notebook_cells(notebook):
        with suppress(SyntaxError):  # of a cell in another language
            programs += [parse_cell(source)[0]] if kind == "code" else []
    return imports_hash(PACKAGE, "\n".join(programs), [OURS.name])


def sources_hash() -> str:
    """Hash the sources of the package as they are, without those of the sweep.

    It is read anew each time: kernels import what is there when they start, also if it was edited during the sweep.
    """
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if OURS not in path.parents:
            digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def describe_contents(names: Iterable[object]) -> dict[str, str | None]:
    """Return the SHA-256 of the files among some names; None of one that is not there."""
    return {name: _content(name) for name in names if isinstance(name, str) and Path(name).is_absolute()}


def _content(name: str) -> str | None:
    with suppress(OSError, ValueError):  # ValueError: no name of a file at all
        found = Path(name).stat()
        return _digest_of(Path(name), found.st_size, found.st_mtime_ns)
    return None


@cache
def _digest_of(path: Path, size: int, changed: int) -> str | None:
    with suppress(OSError), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return None


def describe_files(folder: Path) -> dict[str, dict]:
    """Return the size and the SHA-256 of each file below a folder, by its name there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _describe(path) for path in files}


def _describe(path: Path) -> dict:
    with open(path, "rb") as file:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def find_damage(files: dict[str, dict], folder: Path) -> str | None:
    """Say which file of a folder is not as it was described, or None if all are.

    Parameters
    ----------
    files : dict of str to dict
        As `describe_files` returns it.
    folder : Path
        The folder now.

    Returns
    -------
    str or None
        Such as ``"runs.csv is missing"`` or ``"runs.csv has 3 bytes instead of 77"``.
    """
    for name, described in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != described["size"]:
            return f"{name} has {path.stat().st_size} bytes instead of {described['size']}"
        if _describe(path) != described:
            return f"{name} has other content"
    return None


def read_manifest(text: str | bytes) -> dict | None:
    """Return a manifest, or None if the text is none: empty, cut, or of something else."""
    try:
        manifest = json.loads(text)
        complete = all(set(described) == {"size", "sha256"} for described in manifest["files"].values())
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return manifest if complete and manifest["files"] else None


def why_outdated(
    manifest: dict | None, wanted: dict, outputs: Sequence[str] = (), damage: str | None = None
) -> str | None:
    """Say why a result does not serve, or None if it does.

    Parameters
    ----------
    manifest : dict or None
        Manifest of the result that is there, if any.
    wanted : dict
        `fingerprint` of the cell as it would be executed now.
    outputs : sequence of str
        Files that the result must have.
    damage : str or None
        What has become of its files since, see `find_damage`.

    Returns
    -------
    str or None
        ``"missing"``, ``"damaged: runs.csv is missing"``, or ``"out of date: notebook, package changed"``.
    """
    if manifest is None:
        return "missing"
    if damage:
        return f"damaged: {damage}"
    kept = {part: json.dumps(manifest.get(part)) for part in wanted}  # as text: nan is nan, and 1 is not true
    changed = [part for part in ("parameters", "notebook", "package") if kept[part] != json.dumps(wanted[part])]
    # a driver may lack a library that its workers have; only what it knows is compared
    kept = manifest.get("versions") or {}
    changed += [name for name, number in wanted["versions"].items() if kept.get(name) != number]
    inputs = manifest.get("inputs") or {}
    found = describe_contents(inputs)
    changed += [Path(name).name for name in inputs if found.get(name) not in (None, inputs[name])]
    changed += ["outputs"] if not set(outputs).issubset(manifest.get("files", [])) else []
    return f"out of date: {', '.join(changed)} changed" if changed else None
