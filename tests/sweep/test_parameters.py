import nbformat
import pytest
from bench import make_notebook
from hypothesis import given
from hypothesis import strategies as st

from mode_utils.sweep.parameters import ANYTHING, Declared, check_values, declared_parameters

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


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_a_default_of_none_or_an_expression_takes_anything(value):
    check_values({"x": value, "y": value}, {"x": Declared(None), "y": Declared(ANYTHING)}, "cell")


@given(st.sampled_from(["good", "bad", "Ugly"]).flatmap(lambda v: st.sampled_from([v, v.upper(), v.lower()])))
def test_choices_are_compared_without_case(value):
    check_values({"mode": value}, {"mode": Declared("good", ("good", "bad", "Ugly"))}, "cell")


def test_a_value_outside_the_choices_is_an_error_that_names_them():
    with pytest.raises(ValueError, match=r"cell: mode = 'god' is not one of: good, bad"):
        check_values({"mode": "god"}, declare('mode = "good"  # one of: good, bad'), "cell")


def test_what_follows_the_choices_behind_a_semicolon_is_none_of_them():
    declared = declare('preset = "a"  # one of: a, b; it says what the others are')
    assert declared["preset"].choices == ("a", "b")
