"""The floor plan: a step a file, a purpose a folder, imports one way, private names of Keras in one place."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import mode_utils
from mode_utils.support.code_hash import code_hash

PACKAGE = Path(mode_utils.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
PRIVATE = r"\._run_through_graph|\._keras_history|\._inbound_nodes|\._flatten_layers|\._(non_)?trainable_variables"


@cache
def text_of(path):
    return path.read_text()


@cache
def tree_of(path):
    return ast.parse(text_of(path))


def module(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path):
    """Return the rooms and steps of this package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("mode_utils."):
            found.add(node.module.split(".")[1])
    return found


def test_no_two_modules_import_each_other():
    """`code_hash` follows every import, also one inside of a function, and refuses a circle."""
    names = [module(path) for path in FILES if path.name not in ("__init__.py", "__main__.py")]
    assert len(names) > 50 and code_hash(PACKAGE, *names)


def test_no_two_modules_have_one_name():
    stems = [path.stem for path in FILES if path.name not in ("__init__.py", "__main__.py")]
    assert sorted(stems) == sorted(set(stems))


def test_the_page_on_the_code_lists_all_files():
    """Each by the first line of its docstring, which is the one place where its purpose stands."""
    page = (PACKAGE.parent / "docs/code.md").read_text()
    for path in FILES:
        first = ast.get_docstring(tree_of(path)).splitlines()[0]
        assert f"| {first.removesuffix('.')} |" in page, path


def test_the_docstring_of_the_package_lists_steps_and_rooms():
    listed = set(re.findall(r"^(\w+)/? {2,}", mode_utils.__doc__, re.MULTILINE))
    assert listed == {path.stem for path in PACKAGE.glob("[!_]*.py")} | {room.name for room in ROOMS}
    assert len(listed) <= 20


@pytest.mark.parametrize(
    ("room", "may"),
    [
        ("support", set()),
        ("networks", {"support"}),
        ("repair/labelling", {"repair", "support"}),
        ("repair/reading", {"repair", "support", "networks", "splits", "assessment", "options"}),
        ("sweep", {"support"}),
        ("study", {"support", "options", "heatmaps", "similarity"}),
        ("visualization", {"study", "support"}),
    ],
)
def test_a_room_imports_only_what_lies_below_it(room, may):
    found = set().union(*(imported(path) for path in (PACKAGE / room).rglob("*.py")))
    assert found - {room} <= may


def test_private_names_of_keras_are_in_one_file():
    assert [module(path) for path in FILES if re.search(PRIVATE, text_of(path))] == ["networks.keras_internals"]


def test_a_stage_can_be_called_by_its_name_alone_and_is_imported_when_it_is_asked_for():
    code = "import sys, mode_utils as mode; before = set(sys.modules); mode.DebugOptions; print(len(sys.modules), "
    code += "'tensorflow' in sys.modules, 'numpy' in before, mode.assess.__module__)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert printed[1:] == ["False", "False", "mode_utils.assessment"]
    for name in dir(mode_utils):
        assert getattr(mode_utils, name) is not None or name.startswith("__")
    with pytest.raises(AttributeError, match="mode_utils has no stage 'repair_model'; it has: DebugOptions, METRICS"):
        mode_utils.repair_model  # noqa: B018


def functions(path):
    """Return the public functions of a file and how many parameters each has."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            yield node.name, len([each for each in arguments if each.arg not in ("self", "cls")])


@pytest.mark.parametrize("path", FILES, ids=module)
def test_no_public_function_is_told_more_than_eight_things(path):
    if "visualization" not in path.parts:  # a plot has settings
        assert {name: n for name, n in functions(path) if n > 8} == {}


def test_a_room_has_at_most_fourteen_files_and_the_house_is_no_larger_than_it_was():
    rooms = [path.parent for path in FILES if path.name != "__init__.py" and path.parent != PACKAGE]
    assert {room.name: rooms.count(room) for room in rooms if rooms.count(room) > 14} == {}
    assert (
        sum(len(text_of(path).splitlines()) for path in FILES) <= 18_820
    )  # 14,500 before campaigns, groups, contracts, failure modes and heads
    assert {module(path): n for path in FILES if (n := len(text_of(path).splitlines())) > 350} == {}


@pytest.mark.parametrize("path", FILES, ids=module)
def test_the_first_line_of_a_module_says_what_it_is(path):
    first = ast.get_docstring(tree_of(path)).splitlines()[0]
    assert not first.endswith("?") and len(first.split()) >= 2


WORDS = r"\bbe (it|they)\b|\bsomebody\b|\bbelie(f|ve)s?\b|\bforetell|\bdear\b|\bgrave\b|\b_bury\b"


def test_words_that_readers_stumbled_over_are_gone():
    found = {module(path): hits for path in FILES if (hits := re.findall(WORDS, text_of(path)))}
    assert found == {}
