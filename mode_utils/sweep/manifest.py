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


def fingerprint(notebook: str, parameters: dict) -> dict:
    """Describe all that a result depends on.

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
        "package": package_hash(),
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
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if Path(__file__).resolve().parent not in path.parents:
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


def why_outdated(manifest: dict | None, wanted: dict, outputs: Sequence[str] = ()) -> str | None:
    """Say why a result does not serve, or None if it does.

    Parameters
    ----------
    manifest : dict or None
        Manifest of the result that is there, if any.
    wanted : dict
        `fingerprint` of the cell as it would be executed now.
    outputs : sequence of str
        Files that the result must have.

    Returns
    -------
    str or None
        ``"missing"``, or ``"out of date: notebook, package"`` with the parts that changed.
    """
    if manifest is None:
        return "missing"
    changed = [part for part in ("parameters", "notebook", "package") if manifest.get(part) != wanted[part]]
    # a driver may lack a library that its workers have; only what it knows is compared
    kept = manifest.get("versions", {})
    changed += [name for name, number in wanted["versions"].items() if kept.get(name) != number]
    changed += ["outputs"] if not set(outputs).issubset(manifest.get("files", [])) else []
    return f"out of date: {', '.join(changed)} changed" if changed else None
