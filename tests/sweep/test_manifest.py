import copy

import nbformat
import pytest
from bench import make_notebook

from mode_utils.sweep.manifest import fingerprint, notebook_hash, versions, why_outdated

WANTED = fingerprint(nbformat.writes(make_notebook("x = 1")), {"value": 1.0})


def test_outputs_and_prose_do_not_change_the_hash_of_a_notebook():
    plain = make_notebook("x = 1")
    executed = copy.deepcopy(plain)
    executed.cells[1].execution_count = 7
    executed.cells[1].outputs = [nbformat.v4.new_output("stream", text="hello")]
    executed.cells.append(nbformat.v4.new_markdown_cell("prose"))
    assert notebook_hash(nbformat.writes(executed)) == notebook_hash(nbformat.writes(plain))


@pytest.mark.parametrize("other", [make_notebook("x = 2"), make_notebook("x = 1", "y"), make_notebook("", "x = 1")])
def test_code_changes_the_hash_of_a_notebook(other):
    assert notebook_hash(nbformat.writes(other)) != notebook_hash(nbformat.writes(make_notebook("x = 1")))


def test_versions_are_those_that_python_reports():
    import numpy

    assert versions()["numpy"] == numpy.__version__


def test_a_result_without_manifest_is_missing():
    assert why_outdated(None, WANTED) == "missing"


def test_a_result_of_the_same_work_is_up_to_date():
    assert why_outdated(WANTED | {"seconds": 3.0}, WANTED) is None


@pytest.mark.parametrize("part", ["parameters", "notebook", "package"])
def test_a_result_of_other_work_is_out_of_date_and_the_reason_is_named(part):
    assert why_outdated(WANTED | {part: "other"}, WANTED) == f"out of date: {part} changed"


def test_a_result_of_another_library_version_is_out_of_date():
    other = WANTED | {"versions": WANTED["versions"] | {"numpy": "1.0"}}
    assert why_outdated(other, WANTED) == "out of date: numpy changed"


def test_a_result_without_an_output_that_is_asked_for_since_is_out_of_date():
    result = WANTED | {"files": ["runs.csv"]}
    assert why_outdated(result, WANTED, ["runs.csv"]) is None
    assert why_outdated(result, WANTED, ["runs.csv", "timings.csv"]) == "out of date: outputs changed"
