"""What does the code of a module do? A hash that changes when that does, and only then.

The rule: a module's hash is that of its own statements, without comments, docstrings and layout, in which each import
from its package is replaced by the hash of the module that it means. So every module that is imported counts, also by
a function or on a condition, and no other does; where a file stands, and what it is called, does not matter. The
`__init__` of a folder counts if something is imported from it.
"""

import ast
import hashlib
from pathlib import Path

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_hash(root, *modules):
    """Hash what some modules, and all that they import from their package, do.

    Parameters
    ----------
    root : path
        Folder of the package.
    *modules : str
        Names in the package, such as "networks.trainer".

    Returns
    -------
    str
        SHA-256, hexadecimal. It depends on the version of Python.

    Raises
    ------
    ValueError
        If a module does not exist, or two modules import each other.
    """
    reader = _Reader(Path(root))
    return _digest(*(reader.hash_of(module.split(".")) for module in modules))


def imported_modules(root, *modules):
    """Return the names of all modules that `code_hash` of these reads, themselves included: a sorted list of str."""
    reader = _Reader(Path(root))
    for module in modules:
        reader.hash_of(module.split("."))
    return sorted(".".join(parts) for parts in reader.hashes)


class _Reader(ast.NodeTransformer):
    """Reads each module of a package once."""

    def __init__(self, root):
        self.root, self.hashes, self._reading = root, {}, []

    def hash_of(self, parts):
        parts, chain = tuple(parts), [".".join(each) for each in self._reading]
        if parts in self._reading:
            raise ValueError(f"modules import each other: {' -> '.join([*chain, chain[0]])}")
        if parts not in self.hashes:
            file = self._find(parts)
            if file is None:
                raise ValueError(f"package {self.root.name} has no module {'.'.join(parts)}")
            self._reading.append(parts)
            self.hashes[parts] = _digest(ast.dump(self.visit(ast.parse(file.read_text(encoding="utf-8")))))
            self._reading.pop()
        return self.hashes[parts]

    def _find(self, parts):
        """Return the file of a module, or None."""
        place = self.root.joinpath(*parts)
        files = (place.with_name(f"{place.name}.py"), place / "__init__.py")
        return next((file for file in files if file.is_file()), None) if parts else None

    def visit_Import(self, node):
        return [self._meaning(alias.name.split("."), None, alias) or ast.Import([alias]) for alias in node.names]

    def visit_ImportFrom(self, node):
        base = node.module.split(".") if node.module else []
        if node.level:
            here = self._reading[-1]
            folder = here if self._find(here).name == "__init__.py" else here[:-1]
            base = [self.root.name, *folder[: len(folder) - node.level + 1], *base]
        return [
            self._meaning(base, alias.name, alias) or ast.ImportFrom(node.module, [alias], node.level)
            for alias in node.names
        ]

    def _meaning(self, base, name, alias):
        """Return what an import from this package means, as a statement without a path; None for other packages."""
        if base[0] != self.root.name:
            return None
        parts = base[1:]
        if name is not None and self._find([*parts, name]):
            parts, name = [*parts, name], None
        if not parts:
            return None
        return ast.Expr(ast.Constant((self.hash_of(parts), name or "", alias.asname or alias.name)))

    def generic_visit(self, node):
        super().generic_visit(node)
        if isinstance(node, _DOCUMENTED) and node.body and _is_docstring(node.body[0]):
            node.body = node.body[1:]
        return node


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
