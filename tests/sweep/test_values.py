"""What is written means what the default says: each spelling, for each kind of default, at each place."""

import csv
import json

import nbformat
import pytest
import yaml
from bench import make_notebook
from hypothesis import example, given, settings
from hypothesis import strategies as st
from papermill.cli import _resolve_type
from papermill.iorw import NoDatesSafeLoader
from papermill.translators import PythonTranslator

from mode_utils.support.notebook.parameters import check_namespace, declared_parameters
from mode_utils.support.notebook.values import Argument, Written, load_yaml, read_value
from mode_utils.sweep.grid import Cell, check_sweep, load_sweep
from mode_utils.sweep.run import collect_tables

ERROR = object()
NAN, INF, BIG = float("nan"), float("inf"), 12345678901234567890
KINDS = {"0.1": float, "1": int, "'a'": str, "True": bool, "None": None}
SPELLINGS = {  # what a parameter becomes whose default is 0.1, 1, "a", True, None
    "1": (1.0, 1, "1", ERROR, 1),
    "1.0": (1.0, 1, "1.0", ERROR, 1.0),
    "1.10": (1.1, ERROR, "1.10", ERROR, 1.1),
    "1.2.3": (ERROR, ERROR, "1.2.3", ERROR, "1.2.3"),
    "+5": (5.0, 5, "+5", ERROR, 5),
    ".5": (0.5, ERROR, ".5", ERROR, 0.5),
    "1e-4": (1e-4, ERROR, "1e-4", ERROR, 1e-4),
    "1.0e-4": (1e-4, ERROR, "1.0e-4", ERROR, 1e-4),
    "1e5": (1e5, 100_000, "1e5", ERROR, 1e5),
    "1.5e3": (1500.0, 1500, "1.5e3", ERROR, 1500.0),
    "1e30": (1e30, ERROR, "1e30", ERROR, 1e30),
    str(BIG): (ERROR, BIG, str(BIG), ERROR, BIG),
    "1_000": (1000.0, 1000, "1_000", ERROR, 1000),
    "1,000": (ERROR, ERROR, "1,000", ERROR, "1,000"),
    "1_": (ERROR, ERROR, "1_", ERROR, ERROR),
    "0x_": (ERROR, ERROR, "0x_", ERROR, "0x_"),
    "0x1F": (31.0, 31, "0x1F", ERROR, 31),
    "0o17": (15.0, 15, "0o17", ERROR, 15),
    "010": (ERROR, ERROR, "010", ERROR, ERROR),  # eight, or ten
    "08": (8.0, 8, "08", ERROR, ERROR),
    "007": (7.0, 7, "007", ERROR, ERROR),
    "12:30": (ERROR, ERROR, "12:30", ERROR, ERROR),  # to the base of 60
    "1:30.5": (ERROR, ERROR, "1:30.5", ERROR, ERROR),
    "NaN": (NAN, ERROR, "NaN", ERROR, ERROR),
    ".nan": (NAN, ERROR, ".nan", ERROR, NAN),
    "-.inf": (-INF, ERROR, "-.inf", ERROR, -INF),
    "inf": (INF, ERROR, "inf", ERROR, ERROR),
    "yes": (ERROR, ERROR, "yes", True, ERROR),
    "No": (ERROR, ERROR, "No", False, ERROR),
    "on": (ERROR, ERROR, "on", True, ERROR),
    "OFF": (ERROR, ERROR, "OFF", False, ERROR),
    "y": (ERROR, ERROR, "y", ERROR, "y"),
    "true": (ERROR, ERROR, ERROR, True, True),
    "False": (ERROR, ERROR, ERROR, False, False),
    "null": (ERROR, ERROR, ERROR, ERROR, None),
    "~": (ERROR, ERROR, ERROR, ERROR, None),
    "None": (ERROR, ERROR, ERROR, ERROR, ERROR),
    "2024-01-01": (ERROR, ERROR, "2024-01-01", ERROR, "2024-01-01"),
    "2024-13-45": (ERROR, ERROR, "2024-13-45", ERROR, "2024-13-45"),
    "2024-01-01 12:00:00": (ERROR, ERROR, "2024-01-01 12:00:00", ERROR, "2024-01-01 12:00:00"),
    "earth mover": (ERROR, ERROR, "earth mover", ERROR, "earth mover"),
    "=": (ERROR, ERROR, "=", ERROR, "="),
    "'1'": (ERROR, ERROR, "1", ERROR, "1"),
    '"no"': (ERROR, ERROR, "no", ERROR, "no"),
    "!!str 1": (ERROR, ERROR, "1", ERROR, "1"),
    "!!binary aGk=": (ERROR, ERROR, ERROR, ERROR, ERROR),
    "!!timestamp 2024-01-01": (ERROR, ERROR, ERROR, ERROR, ERROR),
}
PLACES = ("grid:\n  x:\n  - TEXT", "parameters:\n  x: TEXT", "grid:\n", "grid: {x: [7]}")  # the last two: beside -p


def same(one, other):
    return type(one) is type(other) and repr(one) == repr(other)


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    """A folder with a notebook for each kind of default."""
    folder = tmp_path_factory.mktemp("values")
    for default in KINDS:
        nbformat.write(make_notebook(parameters=f"x = {default}\noutput_dir = '.'"), folder / f"{default}.ipynb")
    return folder


def read(folder, default, place, text):
    """Return what a text becomes at a place, or `ERROR`."""
    path = folder / "grid.yml"
    path.write_text(f'notebook: "{default}.ipynb"\n{place.replace("TEXT", text)}\n')
    try:
        sweep = load_sweep(path, [] if "TEXT" in place else [("x", Argument(text))])
        check_sweep(sweep)
    except ValueError as error:
        assert "\n" not in str(error) and "x" in str(error)
        return ERROR
    return sweep.cells()[0].parameters["x"]


@pytest.mark.parametrize("text", SPELLINGS)
def test_each_spelling_means_what_the_default_says_wherever_it_stands(text, notebooks):
    for default, expected in zip(KINDS, SPELLINGS[text], strict=True):
        for place in PLACES:
            assert same(read(notebooks, default, place, text), expected), (default, place)


@pytest.mark.parametrize("text", SPELLINGS)
def test_papermill_itself_agrees_or_there_is_an_error_or_a_sentence(text, notebooks, capsys):
    given = {"-p": _resolve_type, "-y": lambda text: yaml.load(f"x: {text}", NoDatesSafeLoader)["x"]}
    for default, expected in zip(KINDS, SPELLINGS[text], strict=True):
        declared = declared_parameters((notebooks / f"{default}.ipynb").read_text(), "n.ipynb")
        for option, resolve in given.items():
            if option == "-p" and text[0] in "'\"!":  # a shell takes quotes away, and tags are YAML's
                continue
            try:
                namespace = {"x": resolve(text)}
                check_namespace(namespace, ["x"], declared)
            except (ValueError, yaml.YAMLError):
                continue
            assert (
                expected is ERROR
                or same(namespace["x"], expected)
                or "is a text; a grid file would read" in capsys.readouterr().out
            )


@pytest.mark.parametrize(
    "text", ["#ff0000", "a #b", " a", "a  b", "*.csv", "%d", "@x", "a: b", "- a", "[a", "a\nb", "", " ", "&a b"]
)
def test_what_is_a_text_on_the_command_line_stays_one_character_by_character_or_is_an_error(text, notebooks):
    for default, expected in (("'a'", text), ("None", text), ("0.1", ERROR)):
        found = read(notebooks, default, "grid:\n", text)
        assert same(found, expected) or (found is ERROR and default != "'a'")


def test_only_what_changes_is_told(notebooks):
    path = notebooks / "grid.yml"
    path.write_text('notebook: "0.1.ipynb"\ngrid: {x: [1, 2, 0x10, .5]}')
    assert load_sweep(path).notes == ()
    assert load_sweep(path, [("x", Argument("[1e-1, 1e-2, 1e-3, 1e-4]"))]).notes == (
        "x: 1e-1, 1e-2, 1e-3, ... are taken as number, not text",
    )
    path.write_text('notebook: "None.ipynb"\ngrid: {x: [1, no_1, 1.0, 1.10]}')
    assert load_sweep(path).notes == ("x: 1.10 is taken as number, not text",)


@pytest.mark.parametrize(
    ("text", "kinds", "expected"),
    [
        ("2", (int,), 2),
        ("none", (str,), "none"),
        ("None", (str,), "None"),
        ("true", (), True),
        ("no", (), "no"),
        ("1", (), 1),
    ],
)
def test_a_choice_is_a_text_where_it_could_be_something_else(text, kinds, expected):
    assert same(read_value(Written(text), kinds, None, ("2", "None", "none", "true", "no", "1")), expected)


@pytest.mark.parametrize(
    ("default", "text", "expected"),
    [
        ([0.1], "[1e-4, 2]", [1e-4, 2.0]), ([1], "[0.5, 1]", [0.5, 1]), ([True], "[yes, off]", [True, False]),
        (["a"], "[1.10, no, 2024-01-01, ~]", ["1.10", "no", "2024-01-01", None]), ([], "[1e-4]", [1e-4]),
        ([[0.1]], "[[1e-1], [1]]", [[0.1], [1.0]]), ((0.1, 0.2), "[1, 2]", [1.0, 2.0]),
        ({"a": "x"}, "{a: 1.10, b: 1}", {"a": "1.10", "b": 1}), ({}, "{1: 2, yes: no_}", {"1": 2, "yes": "no_"}),
    ],
)  # fmt: skip
def test_parts_are_read_as_those_of_the_default(default, text, expected):
    assert same(read_value(load_yaml(text), (type(default),), default), expected)


TEXTS = st.sampled_from(sorted(SPELLINGS)) | st.text(max_size=6) | st.text("01_.:eE+-xonaif~", max_size=6)


@given(TEXTS, st.sampled_from([(float,), (int,), (str,), (bool,), (), (int, str), (float, type(None))]))
@settings(max_examples=150)
def test_any_text_becomes_one_of_the_kinds_or_stays_what_is_refused(text, kinds):
    try:
        value = read_value(Written(text), kinds)
    except ValueError as error:
        assert "two ways" in str(error) or "in quotes" in str(error) or "is not a float" in str(error)
        return
    assert not kinds or type(value) in kinds or str not in kinds  # and what is of no kind is refused as such
    assert value == text or not isinstance(value, str)


class Quoting(yaml.SafeDumper):
    """Puts texts into quotes, all of them."""


Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text("ab\"'1\n é", max_size=3), v, max_size=3)
)


@given(VALUES)
@settings(max_examples=40)
@example({"1": ["no", "1e-4", "2024-01-01", "010", None, 1e-05, "a: b", "#", "\n", "'\""]})
def test_any_value_goes_through_grid_and_notebook_and_comes_back_the_same(value):
    """As YAML writes it, or, if it has no characters beyond, JSON; the default says nothing."""
    texts = [yaml.dump({"x": value}, Dumper=Quoting, sort_keys=False)]
    written = json.dumps({"x": value})
    if "NaN" not in written and "Infinity" not in written and "\\u" not in written:
        texts.append(written)
    for text in texts:
        namespace = {}
        exec(PythonTranslator.codify({"x": read_value(load_yaml(text)["x"])}), namespace)
        assert same(namespace["x"], value)


class OneAxis:
    """As much of a sweep as a table needs."""

    def __init__(self, value):
        self.grid, self.value = {"x": [value]}, value

    def cells(self):
        return [Cell("c", {"x": self.value})]


@given(SCALARS)
@settings(max_examples=25)
@example("a\r")
@example("a\r\nb")
@example("")
@example("NA")
def test_a_value_stands_in_the_table_as_it_is(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("table")
    (folder / "runs.csv").write_text("y\n1\n")
    (table,) = collect_tables(["runs.csv"], OneAxis(value), {"c": folder}, folder / "out")
    with open(table, newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["x", "y"], [str(value), "1"]]
