"""The parameters a notebook declares, and whether given values fit them.

A notebook declares its parameters as papermill expects it: plain assignments in one cell tagged ``parameters``. The
comment at the end of a line is the parameter's help; help that begins with ``one of:`` lists the values allowed, up to
a semicolon.
"""

import ast
import io
import json
import tokenize
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

ANYTHING = object()
INJECTED = "# Parameters\n"  # how the cell begins that papermill writes


@dataclass(frozen=True)
class Declared:
    """One declared parameter: its default (`ANYTHING` if not a literal) and its choices (empty if free)."""

    default: object
    choices: tuple[str, ...] = ()


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
    tagged = [source for kind, source, tags in notebook_cells(notebook) if kind == "code" and "parameters" in tags]
    if len(tagged) != 1:
        raise ValueError(f"{where}: {len(tagged)} code cells are tagged 'parameters'; one must be")
    return _declared(tagged[0])


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
            raise KeyError(f"{where}: unknown parameter {name!r}; the notebook declares: {', '.join(declared)}")
        parameter = declared[name]
        if not _fits(value, parameter.default):
            expected, found = type(parameter.default).__name__, type(value).__name__
            raise ValueError(f"{where}: {name} = {value!r} is of type {found}; {expected} is expected")
        if parameter.choices and str(value).casefold() not in (choice.casefold() for choice in parameter.choices):
            raise ValueError(f"{where}: {name} = {value!r} is not one of: {', '.join(parameter.choices)}")


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
    declaring, given = (*namespace["In"][1:3], "", "")[:2]
    declared = _declared(declaring)
    try:
        if given.startswith(INJECTED):
            values = {name: namespace[name] for node in ast.parse(given).body for name in _assigned_names(node)}
            check_values(values, declared, "parameters")
        if check:
            check({name: namespace[name] for name in declared if name in namespace})
    except (KeyError, ValueError) as error:
        raise ParameterError(error.args[0] if error.args else error) from None


def notebook_cells(notebook: str) -> list[tuple[str, str, list[str]]]:
    """Return type, source and tags of each cell of a notebook given as JSON.

    Read here rather than by nbformat, whose import takes longer than all else that a sweep with nothing to do does.
    """
    content = json.loads(notebook)
    if content.get("nbformat") != 4:
        raise ValueError(f"a notebook of format 4 is expected, not {content.get('nbformat')}")
    return [(cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", [])) for cell in content["cells"]]


def without_tagged(notebook: str, tags: Collection[str], where: str) -> str:
    """Return a notebook as JSON without the cells that have one of some tags, and with a note that says so.

    Parameters
    ----------
    notebook : str
        As JSON.
    tags : collection of str
        Of the cells to leave out.
    where : str
        Name of the copy that has them.
    """
    content = json.loads(notebook)
    kept = [c for c in content["cells"] if not set(tags) & set(c["metadata"].get("tags", []))]
    note = f"*What is the same in all copies of this sweep is left out here: see the copy `{where}`.*"
    content["cells"] = [{"cell_type": "markdown", "id": "left-out", "metadata": {}, "source": [note]}, *kept]
    return json.dumps(content)


def literal_defaults(declared: Mapping[str, Declared]) -> dict[str, object]:
    """Return the defaults that are known without running the notebook."""
    return {name: parameter.default for name, parameter in declared.items() if parameter.default is not ANYTHING}


def _declared(source: str) -> dict[str, Declared]:
    """Read the parameters that a cell declares."""
    comments, declared = _comments(source), {}
    for node in ast.parse(source).body:
        for name in _assigned_names(node):
            declared[name] = Declared(_literal(node.value), _choices(comments.get(node.end_lineno, "")))
    return declared


def _comments(source: str) -> dict[int, str]:
    """Comment of each line that has one, without the hash sign."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT}


def _assigned_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    else:
        targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ANYTHING


def _choices(comment: str) -> tuple[str, ...]:
    label, _, values = comment.partition(":")
    if label.strip().casefold() != "one of":
        return ()
    return tuple(value.strip().strip("'\"") for value in values.partition(";")[0].split(",") if value.strip())


def _fits(value: object, default: object) -> bool:
    """Whether a value has the type of a default: an int is a fine float, a list a fine tuple, a bool is no int."""
    if default is None or default is ANYTHING:
        return True
    if isinstance(value, bool) or isinstance(default, bool):
        return type(value) is type(default)
    widened = {float: (int, float), tuple: (list, tuple)}
    return isinstance(value, widened.get(type(default), type(default)))
