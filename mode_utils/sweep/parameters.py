"""The parameters a notebook declares, and whether given values fit them.

A notebook declares its parameters as papermill expects it: plain assignments in one cell tagged ``parameters``. The
comment at the end of a line is the parameter's help; help that begins with ``one of:`` lists the values allowed, up to
a semicolon.
"""

import ast
import io
import tokenize
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType

from .notebook_source import notebook_cells, parse_cell
from .values import Written, describe_notes, number_of, read_value

ANYTHING = object()
INJECTED = "# Parameters\n"  # how the cell begins that papermill writes
OF_PAPERMILL = ("PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH")  # what it injects by itself, with --inject-paths
_TYPES = {kind.__name__: kind for kind in (bool, int, float, str, list, tuple, dict, set)} | {
    "List": list,
    "Dict": dict,
}


@dataclass(frozen=True)
class Declared:
    """One declared parameter: its default (`ANYTHING` if not a literal) and its choices (empty if free).

    `annotated` are the types that its annotation names, if these are others than the default's.
    """

    default: object
    choices: tuple[str, ...] = ()
    annotated: tuple[type, ...] = ()

    @property
    def kinds(self) -> tuple[type, ...]:
        """Types of the values that it takes; empty for anything."""
        of_default = () if self.default is ANYTHING else (type(self.default),)
        if self.annotated:
            return tuple(dict.fromkeys(self.annotated + of_default))
        return () if self.default is None else of_default


def declared_parameters(notebook: str, where: str) -> dict[str, Declared]:
    """Read the parameters that a notebook declares.

    The cell is parsed rather than read with ``papermill.inspect_notebook``, which skips each line with a second ``=``
    (``alpha = 0.25  # 1 = all``) and cannot tell the type of a default.

    Parameters
    ----------
    notebook : str
        Notebook as JSON, in format 4.
    where : str
        Name of the notebook in error messages.

    Returns
    -------
    dict of str to Declared
        In the order of the cell.

    Raises
    ------
    ValueError
        If it is no notebook, or not exactly one code cell is tagged ``parameters``.
    """
    cells = notebook_cells(notebook, where)
    tagged = [source for kind, source, tags in cells if kind == "code" and "parameters" in tags]
    if len(tagged) != 1:
        alike = sorted(
            {tag for _, _, tags in cells for tag in tags if tag.strip().lower() == "parameters"} - {"parameters"}
        )
        remedy = f" (one has the tag {alike[0]!r}: papermill minds the case)" if alike else ""
        raise ValueError(f"{where}: {len(tagged)} code cells are tagged 'parameters'; one must be{remedy}")
    try:
        return _declared(tagged[0])
    except SyntaxError as error:
        raise ValueError(
            f"{where}: the cell tagged 'parameters' is no Python: {error.msg} in line {error.lineno}"
        ) from None


def check_values(given: Mapping, declared: Mapping[str, Declared], where: str) -> None:
    """Raise if a given value has no parameter, another type than the default, or is not among the choices.

    Parameters
    ----------
    given : mapping of str to object
        Values to be passed.
    declared : mapping of str to Declared
        What the notebook declares.
    where : str
        Start of the error message: the cell and the notebook.

    Raises
    ------
    KeyError
        If a name is not declared.
    ValueError
        If a value has the wrong type or is not among the choices.
    """
    for name, value in given.items():
        if name not in declared:
            choices = f"the notebook declares: {', '.join(declared)}{did_you_mean(name, declared)}"
            raise KeyError(f"{where}: unknown parameter {name!r}; {choices}")
        parameter = declared[name]
        if parameter.kinds and not _fits(value, parameter.kinds):
            found, expected = type(value).__name__, " or ".join(_name_of(kind) for kind in parameter.kinds)
            raise ValueError(f"{where}: {name} = {value!r} is of type {found}; {expected} is expected")
        is_default = type(value) is type(parameter.default) and value == parameter.default
        if parameter.choices and not is_default and not any(_is_choice(value, each) for each in parameter.choices):
            raise ValueError(f"{where}: {name} = {value!r} is not one of: {', '.join(parameter.choices)}")


def did_you_mean(name: str, names: Collection[str]) -> str:
    """Return a question that ends a sentence about an unknown name, if a known one is like it."""
    close = get_close_matches(name, names, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


class ParameterError(ValueError):
    """A parameter of a notebook that cannot be; a notebook shows its sentence alone, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31;1m{type(self).__name__}: {self}\x1b[0m"]


def check_injected(check: Callable[[dict], object] | None = None) -> None:
    """Check the parameters of the notebook that this is called in, before anything else is done.

    Papermill writes what it is given into a cell of its own behind the one that declares the parameters, and only warns
    of names that are not declared there: a typo would go unseen.

    Parameters
    ----------
    check : callable, optional
        Is given all parameters, and raises a KeyError or a ValueError if they do not fit.

    Raises
    ------
    ParameterError
        If a name is not declared, a value has another type than the default or is not among the choices, or if `check`
        raises.
    """
    from IPython import get_ipython

    namespace = get_ipython().user_ns
    executed = namespace["In"][1:-1]
    places = [place for place, source in enumerate(executed) if place and source.startswith(INJECTED)]
    given = ast.parse(executed[places[-1]]) if places else ast.Module([], [])
    try:
        declared = _declared(executed[places[-1] - 1]) if places else _first_declared(executed)
        names = [name for node in given.body for name, _ in _assigned(node) if name not in OF_PAPERMILL]
        _check_namespace(namespace, names, declared)
        if check:
            check({name: namespace[name] for name in declared if name in namespace})
    except (KeyError, ValueError) as error:
        raise ParameterError(error.args[0] if error.args else error) from None


def read_parameter(name: str, value: object, declared: Mapping, where: str, noted: list) -> object:
    """Return what a value means for a parameter, see `values.read_value`; what is read otherwise goes to `noted`."""
    parameter = declared.get(name, Declared(None))
    try:
        return read_value(
            value, parameter.kinds, parameter.default, parameter.choices, lambda *read: noted.append(read)
        )
    except ValueError as error:
        raise ValueError(f"{where}: {name} = {value}: {error}") from None


def _check_namespace(namespace: dict, names: list[str], declared: dict[str, Declared]) -> None:
    """Check what was given; a text for a number, as YAML has it for 1e-4, is read as in a grid file."""
    for name in names:
        kinds, noted, value = declared.get(name, Declared(None)).kinds, [], namespace[name]
        text_for_number = isinstance(value, str) and kinds and str not in kinds
        read = read_parameter(name, Written(value) if text_for_number else value, declared, "parameters", noted)
        if kinds == (str,) and not isinstance(read, str):
            raise ValueError(f"parameters: {name} = {read!r} is no text; papermill gives one with -r {name} VALUE")
        check_values({name: read}, declared, "parameters")
        namespace[name] = read
        for sentence in describe_notes(name, noted) + ([] if kinds else _describe_text(name, read)):
            print(sentence)


def _describe_text(name: str, value: object) -> list[str]:
    """Say of a text that a grid file would read it as something else: papermill's own rules are others."""
    with suppress(ValueError):
        other = read_value(Written(value)) if isinstance(value, str) else value
        return (
            [f"{name}: {value!r} is a text; a grid file would read {other!r}"] if type(other) is not type(value) else []
        )
    return []


def _first_declared(executed: list[str]) -> dict[str, Declared]:
    """Return what the first cell that declares anything declares, of cells that were executed."""
    for source in executed:
        with suppress(SyntaxError):
            if declared := _declared(source):
                return declared
    return {}


def literal_defaults(declared: Mapping[str, Declared]) -> dict[str, object]:
    """Return the defaults that are known without running the notebook."""
    return {name: parameter.default for name, parameter in declared.items() if parameter.default is not ANYTHING}


def _declared(source: str) -> dict[str, Declared]:
    """Read the parameters that a cell declares."""
    source, body = parse_cell(source)
    comments, declared = _comments(source), {}
    last = {node.end_lineno: node for node in body}  # of several in a line, the comment is of the last
    for node in body:
        comment = comments.get(node.end_lineno, "") if last[node.end_lineno] is node else ""
        for name, value in _assigned(node):
            if value is None and not isinstance(node, ast.AnnAssign):
                declared.setdefault(name, Declared(ANYTHING))
                continue
            default = ANYTHING if value is None else _literal(value)
            declared[name] = Declared(default, _choices(comment), _annotated(node, comment, default))
    return declared


def _comments(source: str) -> dict[int, str]:
    """Comment of each line that has one, without the hash sign."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT}


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
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ANYTHING


def _annotated(node: ast.stmt, comment: str, default: object) -> tuple[type, ...]:
    """Return the types that an annotation, or a comment such as ``type: float``, names beside the default's."""
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
    name = getattr(node, "attr", getattr(node, "id", ""))  # typing.Optional or Optional
    if isinstance(node, ast.Subscript):
        name = getattr(node.value, "attr", getattr(node.value, "id", ""))
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name in ("Optional", "Union"):
            return [kind for each in inner for kind in _kinds(each)] + ([NoneType] if name == "Optional" else [])
    return [_TYPES.get(name)]


def _choices(comment: str) -> tuple[str, ...]:
    label, _, values = comment.partition(":")
    if label.strip().casefold() != "one of":
        return ()
    return tuple(value.strip().strip("'\"") for value in values.partition(";")[0].split(",") if value.strip())


def _is_choice(value: object, choice: str) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_of(choice) == value
    return str(value).casefold() == choice.casefold()


def _fits(value: object, kinds: tuple[type, ...]) -> bool:
    """Whether a value is of one of some types: an int is a fine float, a list a fine tuple, a bool is no int."""
    if isinstance(value, bool):
        return bool in kinds
    widened = {float: (int, float), tuple: (list, tuple)}
    return any(isinstance(value, widened.get(kind, kind)) for kind in kinds)


def _name_of(kind: type) -> str:
    return "None" if kind is NoneType else kind.__name__
