"""The parameters that a notebook declares, and whether given values fit them.

They are plain assignments in the one cell tagged ``parameters``, as papermill expects it. The comment at the end of a
line is the parameter's help; help that begins with ``one of:`` lists the values allowed, up to a semicolon.
"""

import ast
import io
import json
import re
import tokenize
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import NoneType

from .values import Written, describe_notes, number_of, read_value

ANYTHING = object()
INJECTED = "# Parameters\n"  # how the cell begins that is put behind the one that declares the parameters
OF_PAPERMILL = ("PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH")  # what it injects by itself, with --inject-paths
_TYPES = {t.__name__: t for t in (bool, int, float, str, list, tuple, dict, set)} | {"List": list, "Dict": dict}
_WIDENED = {float: (int, float), tuple: (list, tuple)}


@dataclass(frozen=True)
class Declared:
    """One declared parameter: its default (`ANYTHING` if not a literal), and what its annotation and comment say."""

    default: object
    choices: tuple[str, ...] = ()
    annotated: tuple[type, ...] = ()
    help: str = field(default="", compare=False)

    @property
    def kinds(self) -> tuple[type, ...]:
        """Types of the values that it takes; empty for anything."""
        of_default = () if self.default is ANYTHING else (type(self.default),)
        if self.annotated:
            return tuple(dict.fromkeys(self.annotated + of_default))
        return () if self.default is None else of_default


class ParameterError(ValueError):
    """A parameter of a notebook that cannot be; a notebook shows its sentence alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31;1m{type(self).__name__}: {self}\x1b[0m"]


def notebook_cells(notebook: str, where: str = "notebook") -> list[tuple[str, str, list[str]]]:
    """Return type, source and tags of each cell of a notebook given as JSON; the import of nbformat takes longer."""
    try:
        content = json.loads(notebook)
    except ValueError as error:
        raise ValueError(f"{where} is not a notebook: {error}") from None
    if (found := content.get("nbformat") if isinstance(content, dict) else "none") != 4:
        raise ValueError(f"{where}: a notebook of format 4 is expected, not {found}")
    metadata = content["metadata"]
    language = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language", "python")
    if language != "python":
        raise ValueError(f"{where}: parameters are read from notebooks in Python; this one is in {language}")
    return [(cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", [])) for cell in content["cells"]]


def parse_cell(source: str) -> tuple[str, list[ast.stmt]]:
    """Parse a cell, in which there may be magics and commands of a shell, and return it with them replaced."""
    try:
        return source, ast.parse(source).body
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        lines = source.lstrip().splitlines(keepends=True)
        if lines[0].startswith("%%"):  # %%time and the like: what follows is executed as it stands
            lines = lines[1:]
        source = TransformerManager().transform_cell("".join(lines))
        return source, ast.parse(source).body


def declared_parameters(notebook: str, where: str) -> dict[str, Declared]:
    """Read the parameters that a notebook, given as JSON, declares; a ValueError begins with `where`."""
    cells = notebook_cells(notebook, where)
    if len(tagged := [source for kind, source, tags in cells if kind == "code" and "parameters" in tags]) != 1:
        found = {tag for _, _, tags in cells for tag in tags if tag.strip().lower() == "parameters"} - {"parameters"}
        remedy = f" (one has the tag {min(found)!r}: papermill minds the case)" if found else ""
        raise ValueError(f"{where}: {len(tagged)} code cells are tagged 'parameters'; one must be{remedy}")
    try:
        return _declared(tagged[0])
    except SyntaxError as error:
        line = f"{error.msg} in line {error.lineno}"
        raise ValueError(f"{where}: the cell tagged 'parameters' is not Python: {line}") from None


def read_declared(notebook: Path) -> dict[str, Declared]:
    """Read the parameters that a notebook file declares."""
    return declared_parameters(notebook.read_text(encoding="utf-8"), notebook.name)


def check_values(given: Mapping, declared: Mapping[str, Declared], where: str) -> None:
    """Raise a KeyError if a value has no parameter, a ValueError if it has another type or is not a choice."""
    for name, value in given.items():
        if name not in declared:
            choices = f"the notebook declares: {', '.join(declared)}{did_you_mean(name, declared)}"
            raise KeyError(f"{where}: unknown parameter {name!r}; {choices}")
        parameter = declared[name]
        if parameter.kinds and not _fits(value, parameter.kinds):
            expected = " or ".join("None" if kind is NoneType else kind.__name__ for kind in parameter.kinds)
            raise ValueError(f"{where}: {name} = {value!r} is of type {type(value).__name__}; {expected} is expected")
        is_default = type(value) is type(parameter.default) and value == parameter.default
        if parameter.choices and not is_default and not any(_is_choice(value, each) for each in parameter.choices):
            said = "; ".join(filter(None, [", ".join(parameter.choices), parameter.help]))
            raise ValueError(f"{where}: {name} = {value!r} is not one of: {said}")


def did_you_mean(name: str, names: Collection[str]) -> str:
    """Return a question that ends a sentence about an unknown name, if a known one is like it."""
    close = get_close_matches(name, names, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def check_injected(check: Callable[[dict], object] | None = None) -> None:
    """Check the parameters of the notebook that this is called in: papermill only warns of names not declared there.

    An undeclared name, a value that does not fit, and an error of `check`, given all values, is a `ParameterError`.
    What later cells have left in a kernel is forgotten after an error and, with the parameters, before their cell is
    executed anew: no cell takes the results of other options for its own.
    """
    from IPython import get_ipython

    shell = get_ipython()
    namespace, first = shell.user_ns, _first_of(shell)
    executed = namespace["In"][1:-1]
    places = [place for place, source in enumerate(executed) if place and source.startswith(INJECTED)]
    given = ast.parse(executed[places[-1]]) if places else ast.Module([], [])
    try:
        declared = _declared(executed[places[-1] - 1]) if places else _first_declared(executed)
        names = [name for node in given.body for name, _ in _assigned(node) if name not in OF_PAPERMILL]
        first.declared = declared
        has_default = [name for name, parameter in declared.items() if parameter.default is not ANYTHING]
        if lacking := [name for name in has_default if name not in namespace]:
            raise ValueError(f"the cell of the parameters has not been executed to its end: there is no {lacking[0]}")
        check_namespace(namespace, names if places else has_default, declared)
        if check:
            check({name: namespace[name] for name in declared if name in namespace})
    except (KeyError, ValueError) as error:
        first.forget()
        raise ParameterError(error.args[0] if error.args else error) from None
    first.names = first.names or set(namespace)


class _First:
    """What the first cells of a notebook, up to the check of its parameters, leave in a kernel."""

    def __init__(self, shell):
        self.namespace, self.names, self.declared = shell.user_ns, set(), {}

    def forget(self, also: Collection[str] = ()) -> None:
        """Unset what later cells have left, and `also` some names."""
        later = {name for name in self.namespace if not name.startswith("_")} - self.names if self.names else set()
        for name in {*later, *also}:
            self.namespace.pop(name, None)

    def before_cell(self, info) -> None:
        """Forget before the parameters' cell, whether it is Python or not."""
        named = set(re.findall(r"^(\w+) *(?::[^=\n]*)?=(?!=)", info.raw_cell, re.MULTILINE))
        if 2 * len(named & {*self.declared}) > len(self.declared) and not info.raw_cell.startswith(INJECTED):
            self.forget(self.declared)


def _first_of(shell) -> _First:
    if not hasattr(shell, "first_of_notebook"):
        shell.first_of_notebook = _First(shell)
        shell.events.register("pre_run_cell", shell.first_of_notebook.before_cell)
    return shell.first_of_notebook


def read_parameter(name: str, value: object, declared: Mapping, where: str, noted: list) -> object:
    """Return what a value means for a parameter, see `values.read_value`; what is read otherwise goes to `noted`."""
    known = declared.get(name, Declared(None))
    try:
        return read_value(value, known.kinds, known.default, known.choices, lambda *read: noted.append(read))
    except ValueError as error:
        raise ValueError(f"{where}: {name} = {value}: {error}") from None


def check_namespace(namespace: dict, names: list[str], declared: dict[str, Declared]) -> None:
    """Check what was given; a text for a number, as YAML has it for 1e-4, is read as in a grid file."""
    for name in names:
        kinds, noted, value = declared.get(name, Declared(None)).kinds, [], namespace[name]
        text_for_number = isinstance(value, str) and kinds and str not in kinds
        read = read_parameter(name, Written(value) if text_for_number else value, declared, "parameters", noted)
        if kinds == (str,) and not isinstance(read, str):
            raise ValueError(f"parameters: {name} = {read!r} is not a text; papermill gives one with -r {name} VALUE")
        check_values({name: read}, declared, "parameters")
        namespace[name] = read
        for sentence in describe_notes(name, noted) + ([] if kinds else _describe_text(name, read)):
            print(sentence)


def _describe_text(name: str, value: object) -> list[str]:
    """Return a sentence on a text that a grid file would read as something else: papermill's own rules are others."""
    with suppress(ValueError):
        other = read_value(Written(value)) if isinstance(value, str) else value
        return [] if type(other) is type(value) else [f"{name}: {value!r} is a text; a grid file would read {other!r}"]
    return []


def _first_declared(executed: list[str]) -> dict[str, Declared]:
    for source in executed:
        with suppress(SyntaxError):
            if declared := _declared(source):
                return declared
    return {}


def _declared(source: str) -> dict[str, Declared]:
    source, body = parse_cell(source)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0]: t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT}
    last = {node.end_lineno: node for node in body}  # of several in a line, the comment is of the last
    declared = {}
    for node in body:
        inner = getattr(node, "value", None) or node  # in brackets of its own, with the comment beside it
        comment = comments.get(node.end_lineno) or comments.get(inner.end_lineno, "")
        comment = comment if last[node.end_lineno] is node else ""
        for name, value in _assigned(node):
            if value is None and not isinstance(node, ast.AnnAssign):
                declared.setdefault(name, Declared(ANYTHING))
                continue
            default, (choices, help_text) = ANYTHING if value is None else _literal(value), _choices(comment)
            declared[name] = Declared(default, choices, _annotated(node, comment, default), help_text)
    return declared


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names that a statement assigns, each with its value; None if it has none, or that depends."""
    pairs = []
    if isinstance(node, ast.AnnAssign):
        pairs = [(node.target, node.value)]
    elif isinstance(node, ast.Assign):
        pairs = [(target, node.value) for target in node.targets]
    elif isinstance(node, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
        pairs = [(each, None) for each in ast.walk(node)]
    for target, value in pairs:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs += zip(target.elts, value.elts, strict=False)
        elif isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store):
            yield target.id, value


def _literal(node: ast.expr) -> object:
    with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ast.literal_eval(node)
    return ANYTHING


def _annotated(node: ast.stmt, comment: str, default: object) -> tuple[type, ...]:
    label, _, text = comment.partition(":")
    annotation = getattr(node, "annotation", None)
    if annotation is None and label.strip() == "type" and text.split():
        annotation = ast.Constant(text.split()[0])
    kinds = tuple(dict.fromkeys(_kinds(annotation))) if annotation is not None else ()
    return () if None in kinds or kinds == (type(default),) else kinds


def _kinds(node: ast.expr) -> list[type | None]:
    """Return the types that an annotation names; None for what may be anything."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return _kinds(ast.parse(node.value, mode="eval").body)
        except SyntaxError:
            return [None]
    if isinstance(node, ast.Constant) and node.value is None:
        return [NoneType]
    if isinstance(node, ast.BinOp):
        return _kinds(node.left) + _kinds(node.right)
    named = node.value if isinstance(node, ast.Subscript) else node
    name = getattr(named, "attr", getattr(named, "id", ""))  # typing.Optional or Optional
    if named is not node and name in ("Optional", "Union"):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [kind for each in inner for kind in _kinds(each)] + [NoneType] * (name == "Optional")
    return [_TYPES.get(name)]


def _choices(comment: str) -> tuple[tuple[str, ...], str]:
    label, _, values = comment.partition(":")
    if label.strip().casefold() != "one of":
        return (), comment
    values, _, help_text = values.partition(";")
    return tuple(each.strip().strip("'\"") for each in values.split(",") if each.strip()), help_text.strip()


def _is_choice(value: object, choice: str) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_of(choice) == value
    return str(value).casefold() == choice.casefold()


def _fits(value: object, kinds: tuple[type, ...]) -> bool:
    """Whether a value is of one of some types: an int is a fine float, a list a fine tuple, a bool is not an int."""
    if isinstance(value, bool):
        return bool in kinds
    return any(isinstance(value, _WIDENED.get(kind, kind)) for kind in kinds)
