import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_utils.sweep.grid import Cell, cell_name, check_sweep, load_sweep

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def test_cells_are_the_product_of_the_axes_the_last_varying_fastest(bench):
    path = bench.grid(parameters={"seconds": 0.5}, grid={"value": [2.0, 1.0], "mode": ["good", "bad"]})
    sweep = load_sweep(path)
    assert sweep.name == "small"
    assert sweep.notebook == bench.folder / "small.ipynb"
    assert sweep.cells() == [
        Cell("value=2.0,mode=good", {"seconds": 0.5, "value": 2.0, "mode": "good"}),
        Cell("value=2.0,mode=bad", {"seconds": 0.5, "value": 2.0, "mode": "bad"}),
        Cell("value=1.0,mode=good", {"seconds": 0.5, "value": 1.0, "mode": "good"}),
        Cell("value=1.0,mode=bad", {"seconds": 0.5, "value": 1.0, "mode": "bad"}),
    ]


def test_a_sweep_without_grid_is_one_cell(bench):
    assert load_sweep(bench.grid(grid=None, parameters={"value": 3.0})).cells() == [Cell("single", {"value": 3.0})]


def test_an_override_fixes_an_axis_replaces_it_by_a_list_or_sets_a_parameter(bench):
    path = bench.grid(grid={"value": [1.0, 2.0], "mode": ["good", "bad"]}, parameters={"seconds": 0.5})
    sweep = load_sweep(path, [("value", 7.0), ("mode", ["Ugly", "bad"]), ("seconds", 1.5), ("optional", [1])])
    assert sweep.grid == {"value": [7.0], "mode": ["Ugly", "bad"]}
    assert sweep.parameters == {"seconds": 1.5, "optional": [1]}


@given(st.lists(VALUES, min_size=2, max_size=6, unique_by=lambda v: str(v).replace(" ", "_")))
def test_cell_names_are_safe_and_distinct(values):
    names = [cell_name({"axis": value}) for value in values]
    assert len(set(names)) == len(values)
    assert all(re.fullmatch(r"axis=[\w.,=+-]*", name, flags=re.ASCII) and len(name) <= 120 for name in names)


def test_cell_names_of_plain_values_are_readable():
    assert cell_name({"metric": "earth mover", "layer_selection": True}) == "metric=earth_mover,layer_selection=True"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"ouputs": []}, KeyError, "unknown key 'ouputs'; choose from: notebook, check, parameters, grid, outputs"),
        ({"report": {"notebook": "small.ipynb", "show": []}}, KeyError, "report: unknown key 'show'"),
        ({"notebook": None}, ValueError, "'notebook' must be the path of a notebook"),
        ({"notebook": "absent.ipynb"}, FileNotFoundError, r"there is no notebook .*absent\.ipynb"),
        ({"grid": {"value": 1.0}}, ValueError, "the axis 'value' must be a list"),
        ({"grid": {"value": []}}, ValueError, "the axis 'value' must be a list"),
        ({"grid": {"value": [1.0, 1.0]}}, ValueError, "the axis 'value' has a value twice"),
        ({"grid": [1]}, ValueError, "grid: a mapping of names to values is expected"),
        ({"parameters": {"value": 1.0}}, ValueError, "value is both a fixed parameter and an axis"),
        ({"outputs": "runs.csv"}, ValueError, "outputs: a list of file names is expected"),
        ({"outputs": ["../runs.csv"]}, ValueError, "outputs: a list of file names is expected"),
        ({"collect": ["other.csv"]}, ValueError, "'other.csv' cannot be collected"),
        ({"check": "nothing"}, ValueError, "check: a function is expected as 'module:function', not 'nothing'"),
        ({"check": "json:nothing"}, ValueError, "check: json has no function 'nothing'"),
        ({"check": "no_such_module:check"}, ImportError, "no_such_module"),
        ({"outputs": ["manifest.json"], "collect": []}, ValueError, "'manifest.json' is written by the sweep itself"),
    ],
)
def test_a_wrong_grid_file_is_an_error_that_says_what_is_expected(bench, changes, error, message):
    with pytest.raises(error, match=message):
        load_sweep(bench.grid(**changes))


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        (("value", "x"), ValueError, r"cell value=x of small\.ipynb: value = 'x' is of type str; float is expected"),
        (("mode", "god"), ValueError, r"cell value=1\.0 of small\.ipynb: mode = 'god' is not one of: good, bad, Ugly"),
        (("vlaue", 1.0), KeyError, r"cell value=1\.0 of small\.ipynb: unknown parameter 'vlaue'; .* value, mode"),
        (("output_dir", "x"), ValueError, "'output_dir' is set by the sweep itself"),
    ],
)
def test_every_cell_is_checked_against_the_notebook(bench, override, error, message):
    with pytest.raises(error, match=message):
        check_sweep(load_sweep(bench.grid(), [override]))


def test_the_check_of_a_grid_file_sees_all_parameters_and_its_error_names_the_cell(bench, monkeypatch):
    check = "def check(parameters):\n    if parameters['value'] > 2 and parameters['mode'] == 'good':\n"
    (bench.folder / "own_check.py").write_text(check + "        raise ValueError('too good')\n")
    monkeypatch.syspath_prepend(bench.folder)
    path = bench.grid(check="own_check:check")
    check_sweep(load_sweep(path, [("mode", "bad")]))
    with pytest.raises(ValueError, match=r"cell value=3\.0 of small\.ipynb: too good"):
        check_sweep(load_sweep(path))


@pytest.mark.parametrize(
    "lines",
    [
        "import own_check as own\nfrom notes import check_injected\n\ncheck_injected(own.check)",
        "from own_check import check as refuse\n\nnotes.check_injected(refuse)",
    ],
)
def test_without_a_check_a_grid_is_checked_by_what_the_notebook_checks_itself_by(lines, bench, monkeypatch):
    (bench.folder / "own_check.py").write_text("def check(parameters):\n    raise ValueError('never')\n")
    monkeypatch.syspath_prepend(bench.folder)
    monkeypatch.delitem(sys.modules, "own_check", raising=False)
    bench.write("%precision 3", lines)
    with pytest.raises(ValueError, match=r"cell value=1\.0 of small\.ipynb: never"):
        check_sweep(load_sweep(bench.grid()))
    bench.write("check_injected()")
    check_sweep(load_sweep(bench.grid()))


def test_a_wrong_metric_is_told_before_anything_starts_without_a_check(tmp_path):
    notebook = Path(__file__).parents[2] / "notebooks/walkthrough.ipynb"
    (tmp_path / "own.yml").write_text(f"notebook: {notebook}\ngrid: {{metric: [l1, manhatan]}}\n")
    with pytest.raises(ValueError, match=r"cell metric=manhatan of walkthrough\.ipynb: .*manhatan"):
        check_sweep(load_sweep(tmp_path / "own.yml"))


def test_a_notebook_that_takes_no_output_dir_is_an_error(bench):
    bench.write("pass", parameters="value = 1.0")
    with pytest.raises(KeyError, match="the parameter 'output_dir' is missing; it declares: value"):
        check_sweep(load_sweep(bench.grid()))


def test_parameters_of_the_report_are_checked(bench):
    bench.write("pass", name="report.ipynb", parameters="sweep_dir = ''")
    report = {"notebook": "report.ipynb", "parameters": {"sweep": 1}}
    with pytest.raises(KeyError, match=r"report report\.ipynb: unknown parameter 'sweep'"):
        check_sweep(load_sweep(bench.grid(report=report)))
