"""The cells of a notebook as sources, without executing them."""

import ast
import json
from collections.abc import Collection


def notebook_cells(notebook: str, where: str = "notebook") -> list[tuple[str, str, list[str]]]:
    """Return type, source and tags of each cell of a notebook given as JSON.

    Read here rather than by nbformat, whose import takes longer than all else that a sweep with nothing to do does.
    """
    try:
        content = json.loads(notebook)
    except ValueError as error:
        raise ValueError(f"{where} is no notebook: {error}") from None
    if not isinstance(content, dict) or content.get("nbformat") != 4:
        found = content.get("nbformat") if isinstance(content, dict) else "none"
        raise ValueError(f"{where}: a notebook of format 4 is expected, not {found}")
    kernel = content["metadata"].get("kernelspec", {})
    language = content["metadata"].get("language_info", {}).get("name") or kernel.get("language", "python")
    if language != "python":
        raise ValueError(f"{where}: parameters are read from notebooks in Python; this one is in {language}")
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
