"""What decides a cached result is hashed; nothing else is."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mode_utils import repeated_runs
from mode_utils.repeated_runs import DECIDING
from mode_utils.support import code_hash as hashing
from mode_utils.support.code_hash import LIBRARIES, _Reader, code_hash, imports_hash, versions
from mode_utils.sweep import manifest

PACKAGE = Path(__file__).parents[2] / "mode_utils"
SMALL = {
    "a.py": "from small.room.b import f\n\n\ndef g():\n    return f() + 1\n",
    "room/__init__.py": '"""A room."""\n',
    "room/b.py": '"""B."""\n\nimport math\n\n\ndef f():\n    from small import c\n\n    return math.pi * c.X\n',
    "c.py": "X = 2\n",
    "table.py": "from small.a import g\n",
}


@pytest.fixture
def small(tmp_path):
    """A package in which `a` imports `room.b`, and that, inside of a function, `c`; nothing imports `table`."""
    for name, text in SMALL.items():
        path = tmp_path / "small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "small"


def imported_modules(root, *modules):
    """Return the sorted names of all modules that `code_hash` of these reads, themselves included."""
    reader = _Reader(root)
    for module in modules:
        reader.hash_of(module.split("."))
    return sorted(map(".".join, reader.hashes))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a.py", "+ 1", "+ 2"),
        ("room/b.py", "math.pi", "math.e"),
        ("c.py", "X = 2", "X = 3"),  # imported inside of a function
        ("room/b.py", "import math", "import cmath as math"),
        ("a.py", "import f\n", "import f as h\n"),
    ],
)
def test_a_change_of_what_the_code_does_changes_the_hash(small, name, old, new):
    before = code_hash(small, "a")
    edit(small / name, old, new)
    assert code_hash(small, "a") != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("table.py", "import g", "import g  # a table's module decides no result\nY = 1"),
        ("room/b.py", '"""B."""', '"""Another docstring."""\n\n# and a comment'),
        ("room/b.py", "math.pi * c.X", "(\n        math.pi * c.X\n    )"),
        ("room/__init__.py", "A room.", "A room with a list of its files."),
    ],
)
def test_comments_docstrings_layout_and_other_modules_do_not(small, name, old, new):
    before = code_hash(small, "a")
    edit(small / name, old, new)
    (small / "added.py").write_text("Z = 3\n")
    assert code_hash(small, "a") == before


def test_a_module_that_moves_neither_keeps_a_stale_result_nor_discards_a_good_one(small):
    before = code_hash(small, "a")
    (small / "other").mkdir()
    shutil.move(small / "room/b.py", small / "other/renamed.py")
    edit(small / "a.py", "small.room.b", "small.other.renamed")
    assert code_hash(small, "a") == before
    edit(small / "other/renamed.py", "math.pi", "math.e")
    assert code_hash(small, "a") != before


@pytest.mark.parametrize("statement", ["from .room.b import f", "from .room import b\nf = b.f", "import small.room.b"])
def test_every_way_to_import_counts(small, statement):
    edit(small / "a.py", "from small.room.b import f", statement)
    assert imported_modules(small, "a") == ["a", "c", "room.b"]


def test_a_module_that_does_not_exist_and_a_circle_are_errors(small):
    with pytest.raises(ValueError, match=r"package small has no module room\.d"):
        code_hash(small, "room.d")
    edit(small / "c.py", "X = 2", "from small import a\nX = 2")
    with pytest.raises(ValueError, match=r"modules import each other: a -> room\.b -> c -> a"):
        code_hash(small, "a")


@pytest.mark.slow
def test_each_module_that_training_or_selection_imports_counts_and_no_other_does():
    """The oracle is Python itself: what is loaded after the import of what decides a cached result."""
    code = f"import sys, {', '.join(f'mode_utils.{name}' for name in DECIDING)}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    loaded = {name.removeprefix("mode_utils.") for name in loaded if name.startswith("mode_utils.")}
    rooms = {name for name in loaded if (PACKAGE / name.replace(".", "/")).is_dir()}
    in_functions = {"support.label_gaussians"}  # needs scikit-learn, which options do without
    assert not in_functions & loaded
    assert set(imported_modules(PACKAGE, *DECIDING)) == (loaded - rooms) | in_functions


def test_the_rooms_that_training_and_selection_come_from_do_nothing_themselves():
    """Their `__init__` is run, too, but does not count: it holds a docstring alone."""
    rooms = {name.rpartition(".")[0] for name in imported_modules(PACKAGE, *DECIDING)} - {""}
    for room in rooms:
        body = ast.parse((PACKAGE / room.replace(".", "/") / "__init__.py").read_text()).body
        assert len(body) == 1 and isinstance(body[0], ast.Expr), f"{room}/__init__.py does something"


@pytest.mark.parametrize(
    "name", ["study/comparisons.py", "visualization/images.py", "repair/campaign/rounds.py", "sweep/run.py"]
)
def test_tables_plots_repairs_and_sweeps_discard_no_trained_model(name, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "mode_utils", ignore=shutil.ignore_patterns("__pycache__"))
    copied = tmp_path / "mode_utils"
    before = code_hash(copied, *DECIDING)
    (copied / name).write_text((copied / name).read_text() + "\nMORE = 1\n")
    assert code_hash(copied, *DECIDING) == before == code_hash(PACKAGE, *DECIDING)


@pytest.mark.parametrize("name", ["networks/trainer.py", "selection/pool.py", "splits.py", "networks/backend.py"])
def test_training_and_selection_discard_them(name, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "mode_utils", ignore=shutil.ignore_patterns("__pycache__"))
    copied = tmp_path / "mode_utils"
    (copied / name).write_text((copied / name).read_text() + "\nMORE = 1\n")
    assert code_hash(copied, *DECIDING) != code_hash(PACKAGE, *DECIDING)


NAMES = {"sklearn": "scikit-learn", "skactiveml": "scikit-activeml", "dnn_tip": "dnn-tip"}
DECIDE_NOTHING = {
    "dask", "distributed", "bokeh", "tqdm", "filelock", "joblib", "psutil", "matplotlib", "seaborn", "PIL", "IPython",
    "ipykernel", "ipywidgets", "nbformat", "nbclient", "nbconvert", "papermill", "jupyter_client", "yaml", "fsspec",
    "bs4", "threadpoolctl", "zmq", "h5py",
}  # fmt: skip


def test_every_library_that_the_package_imports_decides_results_or_is_known_not_to():
    nodes = [node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    roots = {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"mode_utils"} - DECIDE_NOTHING
    assert {NAMES.get(root, root) for root in roots} == {*LIBRARIES}


@pytest.mark.parametrize("library", ["python", *LIBRARIES])
def test_another_version_of_a_library_that_decides_is_another_key(library, monkeypatch):
    found = dict.fromkeys(["python", *LIBRARIES], "1.0")
    monkeypatch.setattr(hashing.platform, "python_version", lambda: found["python"])
    monkeypatch.setattr(hashing, "version", lambda name: found[name])
    keys = []
    for number in ("1.0", "1.1", "1.1"):
        found[library] = number
        monkeypatch.setattr(repeated_runs, "versions", versions.__wrapped__)
        monkeypatch.setattr(repeated_runs, "code_hash", lambda *of: "the same")
        keys.append((repeated_runs._code_version.__wrapped__(), repr(versions.__wrapped__())))
    assert keys[0][0] != keys[1][0] and keys[0][1] != keys[1][1] and keys[1] == keys[2]


LAZY = '"""A room."""\n\nimport importlib\n\n_HOMES = {"b": ("f",), "e": ("later",)}\n'


@pytest.mark.parametrize(
    "program",
    [
        "import small.room.b", "from small.room import b", "from small.room.b import f as g",
        "def f():\n    import small.a",
        "import small as s\ns.room.b.f.__name__", "import small.room as r\nr.f()", "import small\nsmall.room.f()",
        "from small.room import f", "try:\n    from small.c import *\nexcept ImportError:\n    pass",
    ],
)  # fmt: skip
def test_what_a_program_imports_in_any_way_counts_and_what_it_does_not_import_does_not(program, small):
    (small / "room/__init__.py").write_text(LAZY)
    (small / "room/e.py").write_text("def later(): return 1\n")
    before = imports_hash(small, program)
    for name in ("table.py", "room/e.py"):
        (small / name).write_text((small / name).read_text() + "\nMORE = 1\n")
    edit(small / "c.py", "X = 2", "# a comment\nX = (\n    2\n)")
    edit(small / "room/b.py", '"""B."""', '"""Other words."""')
    assert imports_hash(small, program) == before == imports_hash(small, program + "\nX = 3")
    edit(small / "c.py", "2", "3")
    assert imports_hash(small, program) != before
    assert imports_hash(small, program, ["room", "a", "c"]) == imports_hash(small, "")


DECIDES = ("networks/trainer.py", "visualization/images.py", "repeated_runs.py")


def test_what_the_walkthrough_imports_makes_its_cells_stale_and_nothing_else_does(tmp_path, monkeypatch):
    text = (PACKAGE.parent / "notebooks/walkthrough.ipynb").read_text()
    shutil.copytree(PACKAGE, tmp_path / "mode_utils", ignore=shutil.ignore_patterns("__pycache__"))
    before, copied = manifest.package_hash(text), tmp_path / "mode_utils"
    monkeypatch.setattr(manifest, "PACKAGE", copied)
    monkeypatch.setattr(manifest, "OURS", (copied / "sweep", copied / "support/notebook"))
    for path in copied.rglob("*.py"):
        path.write_text(re.sub(r'\A"""', '"""Other words. ', path.read_text()) + "\n\n# a comment\n")
    others = [path for room in ("repair", "sweep", "support/notebook") for path in (copied / room).rglob("*.py")]
    for path in [*others, copied / "study/claims.py"]:
        path.write_text(path.read_text() + "\nMORE = 1\n")
    assert manifest.package_hash(text) == before
    for name in DECIDES:
        source = (copied / name).read_text()
        (copied / name).write_text(source + "\nMORE = 1\n")
        assert manifest.package_hash(text) != before, name
        (copied / name).write_text(source)
    assert manifest.package_hash(text) == before
