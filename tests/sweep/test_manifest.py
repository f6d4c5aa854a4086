import copy
import json

import nbformat
import pytest
from bench import make_notebook

from mode_utils.sweep.manifest import (
    describe_contents,
    describe_files,
    find_damage,
    fingerprint,
    notebook_hash,
    read_manifest,
    versions,
    why_outdated,
)

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


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), (0, False), ("1", 1), (None, "null"), ([1], ["1"])])
def test_parameters_that_only_look_the_same_are_others(old, new):
    text = nbformat.writes(make_notebook())
    assert (
        why_outdated(fingerprint(text, {"x": old}), fingerprint(text, {"x": new})) == "out of date: parameters changed"
    )
    for value in (old, new, float("nan")):
        assert why_outdated(fingerprint(text, {"x": value}), fingerprint(text, {"x": value})) is None


def test_a_result_is_out_of_date_when_the_content_of_a_file_is_another_and_only_then(tmp_path):
    data, other = tmp_path / "cifar10.npz", tmp_path / "own.npz"
    data.write_text("samples")
    inputs = describe_contents([str(data), str(other), "relative", 3, "/\0", str(tmp_path)])
    assert set(inputs) == {str(data), str(other), "/\0", str(tmp_path)} and inputs[str(data)]
    result = WANTED | {"inputs": inputs}
    data.touch()
    assert why_outdated(result, WANTED) is None
    data.write_text("changed")
    assert why_outdated(result, WANTED) == "out of date: cifar10.npz changed"
    other.write_text("not there when the result was made")
    assert why_outdated(result, WANTED) == "out of date: cifar10.npz, own.npz changed"
    data.unlink()  # on another machine, perhaps
    other.unlink()
    assert why_outdated(result, WANTED) is None


def test_a_result_of_another_library_version_is_out_of_date():
    other = WANTED | {"versions": WANTED["versions"] | {"numpy": "1.0"}}
    assert why_outdated(other, WANTED) == "out of date: numpy changed"


def test_a_result_without_an_output_that_is_asked_for_since_is_out_of_date():
    result = WANTED | {"files": {"runs.csv": {"size": 1, "sha256": ""}}}
    assert why_outdated(result, WANTED, ["runs.csv"]) is None
    assert why_outdated(result, WANTED, ["runs.csv", "timings.csv"]) == "out of date: outputs changed"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "maps").mkdir()
    (tmp_path / "runs.csv").write_text("a\n1\n2\n")
    (tmp_path / "maps" / "best.png").write_bytes(b"png")
    return tmp_path


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "runs.csv").write_text("a\n1\n"), "runs.csv has 4 bytes instead of 6"),
        (lambda f: (f / "runs.csv").write_text("a\n1\n3\n"), "runs.csv has other content"),
        (lambda f: (f / "runs.csv").write_text(""), "runs.csv has 0 bytes instead of 6"),
        (lambda f: (f / "maps" / "best.png").unlink(), "maps/best.png is missing"),
    ],
    ids=["cut", "changed digit", "empty", "missing"],
)
def test_each_kind_of_damage_is_seen_and_named(damage, message, folder):
    files = describe_files(folder)
    assert find_damage(files, folder) is None
    damage(folder)
    assert find_damage(files, folder) == message
    assert why_outdated(WANTED, WANTED, damage=message) == f"damaged: {message}"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "{", "garbage", '{"files": []}', '{"files": ["runs.csv"]}', '{"files": {"a": {}}}']
)
def test_what_is_no_manifest_is_none(text):
    assert read_manifest(text) is None


def test_a_manifest_is_read_as_it_was_written(folder):
    manifest = WANTED | {"files": describe_files(folder)}
    assert read_manifest(json.dumps(manifest)) == manifest
