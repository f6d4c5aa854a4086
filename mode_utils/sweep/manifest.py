"""What a cell's result depends on, written beside it, and whether a result is still up to date."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path

from mode_utils.support.code_hash import imports_hash, versions
from mode_utils.support.files import hash_file
from mode_utils.support.notebook.parameters import notebook_cells, parse_cell

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else None
OURS = tuple(PACKAGE / room for room in ("sweep", "support/notebook"))  # they compute nothing
MANIFEST, NOTEBOOK = "manifest.json", "notebook.ipynb"


def fingerprint(notebook: str, parameters: dict) -> dict:
    """Describe all that the result of a notebook, given as JSON, depends on: equal for equal work."""
    described = {"parameters": parameters, "notebook": notebook_hash(notebook), "package": package_hash(notebook)}
    return json.loads(json.dumps(described | {"versions": versions()}, default=str))


def notebook_hash(notebook: str) -> str:
    """Hash the cells' sources and tags; outputs and metadata of a notebook do not change what it computes."""
    relevant = [cell for cell in notebook_cells(notebook) if cell[0] == "code"]
    return hashlib.sha256(json.dumps(relevant).encode()).hexdigest()


def package_hash(notebook: str) -> str:
    """Hash what the package does for a notebook: the modules that it imports, without comments and docstrings."""
    return _package_hash(notebook, sources_hash())


@lru_cache
def _package_hash(notebook: str, sources: str) -> str:
    programs = []
    for kind, source, _ in notebook_cells(notebook):
        with suppress(SyntaxError):  # of a cell in another language
            programs += [parse_cell(source)[0]] if kind == "code" else []
    return imports_hash(PACKAGE, "\n".join(programs), [".".join(room.relative_to(PACKAGE).parts) for room in OURS])


def sources_hash() -> str:
    """Hash the package's sources anew each time: kernels import what is there when they start."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if not set(OURS) & set(path.parents):
            digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def describe_contents(names: Iterable[object]) -> dict[str, str | None]:
    """Return the SHA-256 of the files among some names; None of one that is not there."""
    return {name: _content(name) for name in names if isinstance(name, str) and Path(name).is_absolute()}


def _content(name: str) -> str | None:
    with suppress(OSError, ValueError):  # ValueError: not the name of a file at all
        found = Path(name).stat()
        return _digest_of(Path(name), found.st_size, found.st_mtime_ns)
    return None


@cache
def _digest_of(path: Path, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_files(folder: Path) -> dict[str, dict]:
    """Return the size and the SHA-256 of each file below a folder, by its name there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _describe(path) for path in files}


def _describe(path: Path) -> dict:
    return {"size": path.stat().st_size, "sha256": hash_file(path)}


def find_damage(files: dict[str, dict], folder: Path) -> str | None:
    """Say which file of a folder is not as `describe_files` described it, such as ``"runs.csv is missing"``."""
    sizes = {name: (folder / name).stat().st_size for name in files if (folder / name).is_file()}
    other = (f"{name} has other content" for name, described in files.items() if _describe(folder / name) != described)
    return find_size_damage(files, sizes) or next(other, None)


def find_size_damage(files: dict[str, dict], sizes: dict[str, int]) -> str | None:
    """Say which file is missing or has another size than it was described with; None if all are right."""
    for name, described in files.items():
        if name not in sizes:
            return f"{name} is missing"
        if sizes[name] != described["size"]:
            return f"{name} has {sizes[name]} bytes instead of {described['size']}"
    return None


def read_manifest(text: str | bytes) -> dict | None:
    """Return a manifest, or None if the text is not one: empty, cut, or of something else."""
    try:
        manifest = json.loads(text)
        complete = all(set(described) == {"size", "sha256"} for described in manifest["files"].values())
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return manifest if complete and manifest["files"] else None


def why_outdated(manifest: dict | None, wanted: dict, outputs: Sequence = (), damage: str | None = None) -> str | None:
    """Say why a result does not serve for a `wanted` fingerprint, such as ``"damaged: runs.csv is missing"``."""
    if manifest is None:
        return "missing"
    if damage:
        return f"damaged: {damage}"
    kept = {part: json.dumps(manifest.get(part)) for part in wanted}  # as text: nan is nan, and 1 is not true
    changed = [part for part in ("parameters", "notebook", "package") if kept[part] != json.dumps(wanted[part])]
    # a driver may lack a library that its workers have; only what it knows is compared
    kept = manifest.get("versions") or {}
    changed += [name for name, number in wanted["versions"].items() if kept.get(name) != number]
    found = describe_contents(inputs := manifest.get("inputs") or {})
    changed += [Path(name).name for name in inputs if found.get(name) not in (None, inputs[name])]
    changed += ["outputs"] if not set(outputs).issubset(manifest.get("files", [])) else []
    return f"out of date: {', '.join(changed)} changed" if changed else None
