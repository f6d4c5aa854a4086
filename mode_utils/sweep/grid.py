"""Grid files: which notebook is executed with which parameters, and what becomes of its results."""

import ast
import hashlib
import importlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from mode_utils.support.notebook.parameters import (
    ANYTHING,
    check_values,
    did_you_mean,
    notebook_cells,
    parse_cell,
    read_declared,
    read_parameter,
)
from mode_utils.support.notebook.values import Argument, Written, describe_notes, load_yaml, plain, read_argument

from .manifest import MANIFEST, NOTEBOOK

SWEEP_KEYS = ("notebook", "check", "parameters", "grid", "outputs", "collect", "keep", "preload", "once", "report")
REPORT_KEYS = ("notebook", "parameters", "print")
LISTS = dict.fromkeys(("outputs", "collect", "keep"), "file names") | {"preload": "modules", "once": "tags"}
LONGEST_NAME = 120


@dataclass(frozen=True)
class Cell:
    """One execution of the notebook: a name that is safe as a folder's name, and the parameters."""

    name: str
    parameters: dict


@dataclass(frozen=True)
class ReportNotebook:
    """The notebook executed after the cells, and which of its files (`prints`) are shown on the terminal."""

    notebook: Path
    parameters: dict = field(default_factory=dict)
    prints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """A grid file, see docs/sweeps.md, with overrides applied; `notes` say what was read otherwise than YAML does."""

    name: str
    notebook: Path
    parameters: dict
    grid: dict[str, list]
    outputs: tuple[str, ...] = ()
    collect: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    report: ReportNotebook | None = None
    check: Callable[[dict], object] | None = None
    notes: tuple[str, ...] = ()

    def cells(self) -> list[Cell]:
        """Return the cells of the grid, the last axis varying fastest."""
        points = (dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values()))
        return [Cell(cell_name(point), self.parameters | point) for point in points]

    def notebook_of(self, cell: Cell) -> str:
        """Return the notebook that a cell executes, as JSON: without what the first cell does for all."""
        text, first = self.notebook.read_text(encoding="utf-8"), self.cells()[0]
        if cell == first or not self.once:
            return text
        content = json.loads(text)
        kept = [each for each in content["cells"] if not set(self.once) & set(each["metadata"].get("tags", []))]
        note = f"*What is the same in all copies of this sweep is left out here: see the copy `{first.name}`.*"
        content["cells"] = [{"cell_type": "markdown", "id": "left-out", "metadata": {}, "source": [note]}, *kept]
        return json.dumps(content)


def load_sweep(path: str | Path, overrides: Iterable[tuple[str, object]] = ()) -> Sweep:
    """Read a grid file, whose stem is the sweep's name, and apply overrides: names with values or `values.Argument`."""
    path, where = Path(path), str(path)
    content = _mapping(_read_yaml(path), where, SWEEP_KEYS)
    parameters, grid = (_mapping(content.pop(key, None), f"{where}: {key}") for key in ("parameters", "grid"))
    report = _report(path, content.pop("report", None))
    content = plain(content)
    lists = {key: _names(content.get(key), f"{where}: {key}", what) for key, what in LISTS.items()}
    notebook = _notebook(path, content, where)
    check = _function(content.get("check") or _own_check(notebook), f"{where}: check")
    sweep = Sweep(path.stem, notebook, parameters, _axes(grid, where), **lists, report=report, check=check)
    _check_consistency(sweep, where)
    return _read_values(sweep, where, list(overrides))


def _read_values(sweep: Sweep, where: str, overrides: list[tuple[str, object]]) -> Sweep:
    declared, notes = read_declared(sweep.notebook), []
    parameters, grid, places = dict(sweep.parameters), dict(sweep.grid), dict.fromkeys(dict(overrides), "-p")
    for name, value in overrides:
        given = _read_override(name, value, declared, name in grid)
        if name in grid:
            grid |= _axes({name: given if isinstance(given, list) else [given]}, "-p")
        else:
            parameters[name] = given

    def read(name: str, values: list, where: str, declared: Mapping = declared) -> list:
        noted: list[tuple[str, object]] = []
        values = [read_parameter(name, value, declared, places.get(name, where), noted) for value in values]
        notes.extend(describe_notes(name, noted))
        return values

    parameters = {name: read(name, [value], where)[0] for name, value in parameters.items()}
    grid = {name: read(name, values, where) for name, values in grid.items()}
    if report := sweep.report:
        of_report, places = read_declared(report.notebook), {}
        given = {name: read(name, [v], f"{where}: report", of_report)[0] for name, v in report.parameters.items()}
        report = replace(report, parameters=given)
    sweep = replace(sweep, parameters=parameters, grid=grid, report=report, notes=tuple(notes))
    _check_names(sweep, where)
    return sweep


def _read_override(name: str, value: object, declared: Mapping, is_axis: bool) -> object:
    if not isinstance(value, Argument):
        return value
    try:
        return read_argument(value, declared[name].kinds if name in declared else (), is_axis)
    except ValueError as error:
        raise ValueError(f"-p {name} {value}: {error}") from None


def check_sweep(sweep: Sweep) -> None:
    """Check every cell against its notebook, which must declare ``output_dir``, whose value is the sweep's."""
    declared = read_declared(sweep.notebook)
    known = {name: parameter.default for name, parameter in declared.items() if parameter.default is not ANYTHING}
    if "output_dir" not in declared:
        there = f"it declares: {', '.join(declared)}"
        raise KeyError(f"{sweep.notebook.name}: the parameter 'output_dir' is missing; {there}")
    for cell in sweep.cells():
        where = f"cell {cell.name} of {sweep.notebook.name}"
        if "output_dir" in cell.parameters:
            raise ValueError(f"{where}: 'output_dir' is set by the sweep itself")
        check_values(cell.parameters, declared, where)
        if sweep.check:
            _call_check(sweep.check, known | cell.parameters, where)
    if sweep.report:
        where = f"report {sweep.report.notebook.name}"
        check_values(sweep.report.parameters, read_declared(sweep.report.notebook), where)


def cell_name(point: Mapping) -> str:
    """Name the cell at a point of the grid, safe as a file's name: with a hash of the values where that loses any."""
    exact = ",".join(f"{name}={str(value).replace(' ', '_')}" for name, value in point.items()) or "single"
    safe = re.sub(r"[^\w.,=+-]", "_", exact, flags=re.ASCII)
    if safe == exact and len(safe) <= LONGEST_NAME:
        return safe
    return f"{safe[: LONGEST_NAME - 9]}-{hashlib.sha256(exact.encode()).hexdigest()[:8]}"


def _read_yaml(path: Path) -> object:
    if not path.is_file():
        there = sorted(file.name for file in path.parent.glob("*.yml")) if path.parent.is_dir() else []
        choices = f"choose from: {', '.join(there)}" if there else "there is none in that folder"
        raise FileNotFoundError(f"there is no grid file {path}; {choices}")
    try:
        return load_yaml(path.read_bytes())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from None


def _call_check(check: Callable[[dict], object], parameters: dict, where: str) -> None:
    try:
        check(parameters)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{where}: {error.args[0] if error.args else error}") from error
    except Exception as error:
        raise ValueError(f"{where}: the check of the grid file fails: {type(error).__name__}: {error}") from error


def _own_check(notebook: Path) -> str | None:
    """Return what a notebook itself checks its parameters by, in ``check_injected(check)``, as 'module:function'."""
    imported: dict[str, str] = {}
    for kind, source, _ in notebook_cells(notebook.read_text(encoding="utf-8"), notebook.name):
        for node in (each for part in (parse_cell(source)[1] if kind == "code" else ()) for each in ast.walk(part)):
            if isinstance(node, ast.Import):
                imported |= {alias.asname or alias.name: alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported |= {alias.asname or alias.name: f"{node.module}:{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("check_injected") and node.args:
                owner, _, name = ast.unparse(node.args[0]).rpartition(".")
                return f"{imported[owner]}:{name}" if owner in imported else imported.get(name)
    return None


def _function(value: object, where: str) -> Callable | None:
    if value is None:
        return None
    module, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not module or not name:
        raise ValueError(f"{where}: a function is expected as 'module:function', not {value!r}")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ImportError(f"{where}: {error}") from error
    if not callable(found):
        raise ValueError(f"{where}: {module} has no function {name!r}")
    return found


def _mapping(value: object, where: str, known: tuple[str, ...] = ()) -> dict:
    value = {} if value is None or (isinstance(value, Written) and plain(value) is None) else value
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{where}: a mapping of names to values is expected, not {plain(value)!r}")
    for key in value:
        if known and key not in known:
            raise KeyError(f"{where}: unknown key {key!r}; choose from: {', '.join(known)}{did_you_mean(key, known)}")
    return {str(key): each for key, each in value.items()}


def _axes(axes: dict, where: str) -> dict[str, list]:
    for name, values in axes.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"{where}: the axis {name!r} must be a list of values, not {plain(values)!r}")
    return axes


def _check_names(sweep: Sweep, where: str) -> None:
    for name, values in sweep.grid.items():
        if len({cell_name({name: value}) for value in values}) < len(values):
            raise ValueError(f"{where}: the axis {name!r} has a value twice: {values!r}")
    name, count = Counter(cell.name for cell in sweep.cells()).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{where}: two cells would have the name {name}: let their values differ in more than commas")


def _names(value: object, where: str, what: str) -> tuple[str, ...]:
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(name, str) and Path(name).name == name for name in value):
        raise ValueError(f"{where}: a list of {what} is expected, not {value!r}")
    return tuple(value)


def _notebook(path: Path, content: dict, where: str) -> Path:
    if not isinstance(content.get("notebook"), str):
        raise ValueError(f"{where}: 'notebook' must be the path of a notebook, not {content.get('notebook')!r}")
    notebook = (path.parent / content["notebook"]).resolve()
    if not notebook.is_file():
        raise FileNotFoundError(f"{where}: there is no notebook {notebook}")
    return notebook


def _report(path: Path, content: object) -> ReportNotebook | None:
    if content is None:
        return None
    where = f"{path}: report"
    content = _mapping(content, where, REPORT_KEYS)
    parameters = _mapping(content.get("parameters"), f"{where}: parameters")
    prints = _names(content.get("print"), f"{where}: print", "file names")
    return ReportNotebook(_notebook(path, content, where), parameters, prints)


def _check_consistency(sweep: Sweep, where: str) -> None:
    if both := [name for name in sweep.grid if name in sweep.parameters]:
        raise ValueError(f"{where}: {', '.join(both)} is both a fixed parameter and an axis of the grid")
    if taken := [name for name in sweep.outputs if name in (MANIFEST, NOTEBOOK)]:
        raise ValueError(f"{where}: the output {taken[0]!r} is written by the sweep itself; give it another name")
    if stray := [name for name in sweep.collect + sweep.keep if name not in sweep.outputs or not name.endswith(".csv")]:
        raise ValueError(f"{where}: {stray[0]!r} cannot be collected; choose CSV files from outputs: {sweep.outputs}")
