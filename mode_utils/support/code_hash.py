"""What a cached result depends on: a hash of what code does, versions of libraries, files that were read.

A module's hash is that of its own statements, without comments, docstrings and layout, in which each import from its
package, also by a function or on a condition, is replaced by the hash of the module that it means. Paths do not matter.
The `__init__` of a folder counts if something is imported from it, and so does the module of a name in its tables.
"""

import ast
import hashlib
import json
import os
import platform
from contextlib import suppress
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# another version of these may compute something else
LIBRARIES = ("tensorflow", "keras", "numpy", "scipy", "pandas", "scikit-learn", "statsmodels", "cleanlab", "dnn-tip",
             "scikit-activeml", "pyarrow")  # fmt: skip
INPUTS = "NOTEBOOK_SWEEP_INPUTS"  # names the file that records what was read
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_hash(root, *modules):
    """Return the SHA-256 of what some modules, and all that they import from the package in the folder `root`, do.

    Modules are named as "networks.trainer"; one that does not exist, or two that import each other, are a ValueError.
    """
    reader = _Reader(Path(root))
    return _digest(*(reader.hash_of(module.split(".")) for module in modules))


def imports_hash(root, source, ignored=()):
    """Hash what a program outside of a package imports from it, but for `ignored` rooms ("a.b"), by the same rule."""
    reader, tree = _Reader(Path(root), ignored), ast.parse(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {alias.asname or alias.name: alias.name for node in imports for alias in node.names}
    for node in ast.walk(tree):  # mode.assess, after import mode_utils as mode
        place, _, name = ast.unparse(node).rpartition(".") if isinstance(node, ast.Attribute) else ("", "", "")
        first, *rest = place.split(".")
        root, *parts = [*names.get(first, first).split("."), *rest]
        if root == reader.root.name and (not parts or reader.find(parts)):
            imports.append(ast.ImportFrom(".".join([root, *parts]), [ast.alias(name)], 0))
    meanings = [meaning for node in imports for each in _each_name(node) if (meaning := reader.meaning(each))]
    return _digest(*sorted({repr(meaning) for meaning in meanings}))


@cache
def versions():
    """Return the versions of Python and of the installed libraries that decide results, without importing them."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


def version_of(distribution):
    """Return the version of a distribution, or "not installed": a copy on the path has none."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def record_input(path):
    """Note that results depend on a file's content, or on its absence: a sweep keeps the note beside them."""
    path = Path(path).resolve()
    if INPUTS in os.environ:
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        with open(os.environ[INPUTS], "a", encoding="utf-8") as file:
            file.write(f"{json.dumps([str(path), content])}\n")


class _Reader:
    """Reads each module of a package once."""

    def __init__(self, root, ignored=()):
        self.root, self.ignored, self.hashes, self._reading = root, [room.split(".") for room in ignored], {}, []
        self._homes = cache(_homes)

    def hash_of(self, parts):
        parts, chain = tuple(parts), [".".join(each) for each in self._reading]
        if parts in self._reading:
            raise ValueError(f"modules import each other: {' -> '.join([*chain, chain[0]])}")
        if parts not in self.hashes:
            if (file := self.find(parts)) is None:
                raise ValueError(f"package {self.root.name} has no module {'.'.join(parts)}")
            self._reading.append(parts)
            statements, imports = _in_parts(file.read_text(encoding="utf-8"))
            self.hashes[parts] = _digest(statements, *(repr(self.meaning(each) or ast.dump(each)) for each in imports))
            self._reading.pop()
        return self.hashes[parts]

    def find(self, parts):
        """Return the file of a module, or None."""
        place = self.root.joinpath(*parts)
        files = (place.with_name(f"{place.name}.py"), place / "__init__.py")
        return next((file for file in files if file.is_file()), None) if parts else None

    def meaning(self, node):
        """Return what an import of one name means, without a path: a tuple; None if it is not from this package."""
        (alias,) = node.names
        if isinstance(node, ast.Import):
            return self._meaning(alias.name.split("."), None, alias)
        base = node.module.split(".") if node.module else []
        if node.level:
            here = self._reading[-1]
            folder = here if self.find(here).name == "__init__.py" else here[:-1]
            base = [self.root.name, *folder[: len(folder) - node.level + 1], *base]
        return self._meaning(base, alias.name, alias)

    def _meaning(self, base, name, alias):
        if base[0] != self.root.name:
            return None
        parts = base[1:]
        if name is not None and self.find([*parts, name]):
            parts, name = [*parts, name], None
        elif name in (homes := self._homes(self.root.joinpath(*parts, "__init__.py"))):
            parts += homes[name].split(".")
        if not parts or any(parts[: len(room)] == room for room in self.ignored):
            return None
        return self.hash_of(parts), name or "", alias.asname or alias.name


class _Parts(ast.NodeTransformer, list):
    """Takes docstrings away, and puts a number in place of each name that is imported, which it is a list of."""

    def visit(self, node):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self += (names := _each_name(node))
            return [ast.Expr(ast.Constant(f"import {len(self) - n}")) for n in range(len(names), 0, -1)]
        self.generic_visit(node)
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        return node


@lru_cache(maxsize=1_024)  # by the text, so that a file that is edited is read anew
def _in_parts(text):
    """Return what a module does, in words, with a number for each imported name, and these imports."""
    parts = _Parts()
    return ast.dump(parts.visit(ast.parse(text))), tuple(parts)


def _each_name(node):
    kind, *place = (ast.Import,) if isinstance(node, ast.Import) else (ast.ImportFrom, node.module, node.level)
    return [kind(*place[:1], [alias], *place[1:]) for alias in node.names]


def _homes(file):
    """Return the names that an `__init__` imports when they are asked for, with their modules, by its tables."""
    body = ast.parse(file.read_text(encoding="utf-8")).body if file.is_file() else []
    tables = [node.value for node in body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)]
    rows = [row for table in tables for row in zip(table.keys, table.values, strict=True)]
    rows = [(module.value, names.elts) for module, names in rows if isinstance(names, ast.Tuple)]
    return {name.value: module for module, names in rows for name in names if isinstance(name, ast.Constant)}


def _digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
