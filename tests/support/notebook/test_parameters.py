import nbformat
import pytest
from bench import make_notebook
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from papermill.translators import PythonTranslator

from mode_utils.support.notebook.parameters import (
    ANYTHING,
    Declared,
    ParameterError,
    check_injected,
    check_values,
    declared_parameters,
)

CELL = """
# comments and annotations are no parameters
n_runs: int = 10  # how many; 1 = quick
alpha = 0.25
metric = "dot product"  # One of: dot product, "cosine similarity", L1
labels = [
    1,  # first
    2,
]  # one of: [1, 2], [3]
anything = max(1, 2)
flag, other = True, False
undefined: int
"""


def declare(source):
    return declared_parameters(nbformat.writes(make_notebook(parameters=source)), "n.ipynb")


def test_declared_parameters_have_literal_defaults_and_choices():
    assert declare(CELL) == {
        "n_runs": Declared(10),
        "alpha": Declared(0.25),
        "metric": Declared("dot product", ("dot product", "cosine similarity", "L1")),
        "labels": Declared([1, 2], ("[1", "2]", "[3]")),
        "anything": Declared(ANYTHING),
        "flag": Declared(True),
        "other": Declared(False),
        "undefined": Declared(ANYTHING, (), (int,)),
    }


@pytest.mark.parametrize("notebook", [make_notebook("x = 1", parameters=None)])
def test_a_notebook_without_parameters_cell_is_an_error(notebook):
    with pytest.raises(ValueError, match=r"n\.ipynb: 0 code cells are tagged 'parameters'; one must be"):
        declared_parameters(nbformat.writes(notebook), "n.ipynb")


def test_two_parameters_cells_are_an_error():
    notebook = make_notebook("x = 1")
    notebook.cells[1].metadata["tags"] = ["parameters"]
    with pytest.raises(ValueError, match="2 code cells"):
        declared_parameters(nbformat.writes(notebook), "n.ipynb")


def test_an_unknown_name_is_an_error_that_names_the_cell_and_the_choices():
    with pytest.raises(KeyError, match=r"cell a=1: unknown parameter 'alhpa'; the notebook declares: alpha, n"):
        check_values({"alhpa": 1}, declare("alpha = 1.0\nn = 1"), "cell a=1")


@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("1", 1.5), ("1", True), ("1", "1"), ("1", None), ("True", 1), ("1.0", "x"), ("1.0", False),
        ("'a'", 1), ("[1]", "ab"), ("{}", []),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_an_error_that_names_both_types(default, value):
    with pytest.raises(ValueError, match=rf"cell: x = .* is of type {type(value).__name__}; .* is expected"):
        check_values({"x": value}, declare(f"x = {default}"), "cell")


@pytest.mark.parametrize(
    ("default", "value"),
    [("1", 2), ("1.0", 2), ("'a'", "b"), ("True", False), ("(1,)", [2]), ("[]", [1]), ("{}", {"a": 1})],
)
def test_a_value_of_the_same_or_a_narrower_type_fits(default, value):
    check_values({"x": value}, declare(f"x = {default}"), "cell")


@given(st.sampled_from(["good", "bad", "Ugly"]).flatmap(lambda v: st.sampled_from([v, v.upper(), v.lower()])))
def test_choices_are_compared_without_case(value):
    check_values({"mode": value}, {"mode": Declared("good", ("good", "bad", "Ugly"))}, "cell")


def test_a_value_outside_the_choices_is_an_error_that_names_them():
    with pytest.raises(ValueError, match=r"cell: mode = 'god' is not one of: good, bad"):
        check_values({"mode": "god"}, declare('mode = "good"  # one of: good, bad'), "cell")


def test_what_follows_the_choices_behind_a_semicolon_is_none_of_them():
    declared = declare('preset = "a"  # one of: a, b; it says what the others are')
    assert declared["preset"].choices == ("a", "b")


NONE, REAL = type(None), Declared(0.1)
CELLS = {  # forms of a cell with which papermill works, and what x is in them
    "%matplotlib inline\nx = 0.1": REAL,
    "x = 0.1\n%config Completer.use_jedi = False": REAL,
    "!echo 'unpaired \" here\nx = 0.1  # one of: 0.1, 2": Declared(0.1, ("0.1", "2")),
    "%%time\nx = 0.1": REAL,
    "\n%%capture --no-stderr out\nx = 0.1": REAL,
    "files = !ls\nx = 0.1": REAL,
    "?print\nx = 0.1": REAL,
    "x = %env HOME": Declared(ANYTHING),
    "import os; x = 0.1; y = 1  # one of: 1, 2": REAL,
    "x = 0.1;": REAL,
    "x: float = 0.1": REAL,
    "x: 'float' = 0.1": REAL,
    "x: float = 1": Declared(1, (), (float,)),
    "x: float = None": Declared(None, (), (float,)),
    "x: Optional[float] = None": Declared(None, (), (float, NONE)),
    "x: typing.Union[int, str] = 1": Declared(1, (), (int, str)),
    "x: float | None = 0.1": Declared(0.1, (), (float, NONE)),
    "x: list[int] = [1]": Declared([1]),
    "x: Path = None": Declared(None),
    "x: 'no type' = 0.1": REAL,
    "x = None  # type: float  the rate": Declared(None, (), (float,)),
    "x = [  # first\n    1,  # second\n]  # help": Declared([1]),
    "x = {\n    'a': 1,\n}": Declared({"a": 1}),
    "x = (0.1)  # a = 1; b": REAL,
    "x = y = 0.1": REAL,
    "x, y = 0.1, 2": REAL,
    "x = 0.1\nx += 1\nif x:\n    x = 'other'": REAL,
    "if True:\n    x = 0.1": Declared(ANYTHING),
    "x = 1 / 3": Declared(ANYTHING),
    "x = -0.1": Declared(-0.1),
    "x = 0.1 \\\n    # help": REAL,
    "# x = 2\nx = 0.1\n\n\n": REAL,
    'x = """a\nb"""': Declared("a\nb"),
}


@pytest.mark.parametrize("source", CELLS)
def test_every_form_of_a_cell_that_papermill_takes_declares_its_parameters(source):
    declared = declare(source)
    assert declared["x"] == CELLS[source]
    inspected = {parameter.name for parameter in PythonTranslator.inspect({"source": source})}
    assert inspected - {"files"} <= set(declared)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{", "", " is not a notebook: "),
        ('"nbformat": 4', '"nbformat": 3', ": a notebook of format 4 is expected, not 3"),
        ('"python"', '"R"', ": parameters are read from notebooks in Python; this one is in R"),
        ('"parameters"', '"Parameters"', ": 0 code cells .* the tag 'Parameters': papermill minds the case"),
        ("x = 1", "x = = 1", ": the cell tagged 'parameters' is not Python: invalid syntax in line 1"),
    ],
)
def test_a_notebook_that_declares_nothing_is_an_error_that_names_it_and_the_cause(old, new, message):
    text = nbformat.writes(make_notebook(parameters="x = 1")).replace(old, new)
    with pytest.raises(ValueError, match=rf"^n\.ipynb{message}"):
        declared_parameters(text, "n.ipynb")


@pytest.fixture
def cells(monkeypatch, capsys):
    """Execute cells in a real shell, the last of which calls `check_injected`, and return what they define."""

    def run(*sources):
        shell = InteractiveShell()
        monkeypatch.setattr("IPython.get_ipython", lambda: shell)
        shell.user_ns["check_injected"] = check_injected
        for source in (*sources, "check_injected()"):
            result = shell.run_cell(source, store_history=True)
        capsys.readouterr() if result.error_in_exec else None
        result.raise_error()
        return shell.user_ns

    return run


@pytest.mark.parametrize("before", [(), ("%precision 3\nother = 2",), ("import os", "other = 2")])
def test_what_is_injected_is_checked_wherever_the_parameters_stand_and_made_what_the_default_says(
    before, cells, capsys
):
    namespace = cells(*before, "rate = 0.1\nn = 1", "# Parameters\nrate = '1e-4'\nn = 100000.0\n")
    assert namespace["rate"] == 1e-4 and type(namespace["n"]) is int
    assert "rate: 1e-4 is taken as number, not text" in capsys.readouterr().out
    assert cells(
        *before, "rate = 0.1", "# Parameters\nPAPERMILL_INPUT_PATH = 'a'\nPAPERMILL_OUTPUT_PATH = 'b'\nrate = 2"
    )
    for wrong in ("PAPERMILL_PATH = 'a'", "rat = 1", "rate = 'x'", "rate = None"):
        with pytest.raises(ParameterError, match="parameters: "):
            cells(*before, "rate = 0.1", f"# Parameters\n{wrong}\n")
    cells("rate = 0.1")
    cells()
