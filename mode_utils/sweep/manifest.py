"""What a cell's result depends on, written beside it, and whether a result is still up to date."""

import hashlib
import json
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .parameters import notebook_cells

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = ("tensorflow", "numpy")
MANIFEST = "manifest.json"
NOTEBOOK = "notebook.ipynb"


def fingerprint(notebook: str, parameters: dict, package: str | None = None) -> dict:
    """Describe all that a result depends on.

    Parameters
    ----------
    notebook : str
        The notebook as JSON.
    parameters : dict
        Parameters of the cell.
    package : str, optional
        The `package_hash`, if it is known.

    Returns
    -------
    dict
        ``parameters``, ``notebook`` and ``package`` (SHA-256) and ``versions``; equal for equal work.
    """
    described = {
        "parameters": parameters,
        "notebook": notebook_hash(notebook),
        "package": package or package_hash(),
        "versions": versions(),
    }
    return json.loads(json.dumps(described, default=str))


def notebook_hash(notebook: str) -> str:
    """Hash the cells' sources and tags; outputs and metadata of a notebook do not change what it computes."""
    relevant = [cell for cell in notebook_cells(notebook) if cell[0] == "code"]
    return hashlib.sha256(json.dumps(relevant).encode()).hexdigest()


def package_hash() -> str:
    """Hash the sources of the package that notebooks import, without those of the sweep, which computes nothing.

    It is read anew each time: kernels import what is there when they start, also if it was edited during the sweep.
    """
    digest, ours = hashlib.sha256(), Path(__file__).resolve().parent
    for path in sorted(PACKAGE.rglob("*.py")):
        if ours not in path.parents:
            digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries, without importing them."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


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
    changed = [part for part in ("parameters", "notebook", "package") if manifest.get(part) != wanted[part]]
    # a driver may lack a library that its workers have; only what it knows is compared
    kept = manifest.get("versions") or {}
    changed += [name for name, number in wanted["versions"].items() if kept.get(name) != number]
    changed += ["outputs"] if not set(outputs).issubset(manifest.get("files", [])) else []
    return f"out of date: {', '.join(changed)} changed" if changed else None
