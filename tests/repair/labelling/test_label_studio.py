"""Tasks that Label Studio takes, and labels from its exports: the same as from a table."""

import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from mode_utils.repair.labelling.label_studio import read_export, write_tasks

NAMES = ("cat", "dog", '<b> & "quoted"')
N_POOL = 50


def chosen(n=4, **columns):
    table = {
        "rank": range(1, n + 1), "index": np.arange(n) * 7 + 3, "guess": [NAMES[i % 3] for i in range(n)],
        "predicted": [NAMES[(i + 1) % 3] for i in range(n)], "confidence": np.linspace(0.2, 1, n),
        "reason": [f"reason <{i}>" for i in range(n)],
    }  # fmt: skip
    return pd.DataFrame(table | columns)


@pytest.fixture
def write(tmp_path):
    def written(table, samples=None, **options):
        write_tasks(tmp_path, table, NAMES, samples, **options)
        return json.loads((tmp_path / "tasks.json").read_text()), ElementTree.parse(tmp_path / "labelling.xml")

    return written


def answered(tasks, answers):
    """Return tasks as an export "JSON" has them: answers are (annotator, label) of each; None was skipped."""
    exported = []
    for number, (task, given) in enumerate(zip(tasks, answers, strict=True), start=101):
        annotations = [
            {"id": number, "completed_by": who, "was_cancelled": label is None, "ground_truth": False,
             "result": [] if label is None else [{"id": "a", "from_name": "label", "to_name": "input",
                        "type": "choices", "origin": "manual", "value": {"choices": [label]}}]}
            for who, label in given
        ]  # fmt: skip
        exported.append({"id": number, "inner_id": number - 100, "annotations": annotations, **task})
    return exported


def minimal(exported):
    """Return an export as "JSON-MIN" has it: a record an annotation, all of `data` beside it."""
    records = []
    for task in exported:
        for annotation in [each for each in task["annotations"] if not each["was_cancelled"]]:
            label = annotation["result"][0]["value"]["choices"][0]
            who = annotation["completed_by"]
            who = who["email"] if isinstance(who, dict) else who
            more = {"id": task["id"], "label": label, "annotator": who, "lead_time": 1.5}
            records.append(task["data"] | more)
    return records


def read(tmp_path, content, names_pool=None):
    path = tmp_path / "export.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    found = read_export(path, NAMES, N_POOL, names_pool)
    return {who: dict(zip(indices.tolist(), labels.tolist(), strict=True)) for who, (indices, labels) in found.items()}


def test_each_value_that_a_task_needs_is_there_and_predictions_are_choices_of_the_configuration(write, rng):
    for samples in (rng.random((4, 9, 9, 3)), rng.random((4, 100, 2)), rng.random((4, 6)), None):
        tasks, configuration = write(chosen(), samples)
        offered = {choice.get("value") for choice in configuration.iter("Choice")}
        variables = {tag.get("value")[1:] for tag in configuration.iter() if (tag.get("value") or "").startswith("$")}
        names = {tag.get("name") for tag in configuration.iter() if tag.get("name")}
        assert offered == {*NAMES, "cannot tell"} and len(variables) == 2
        for task in tasks:
            assert variables <= set(task["data"])
            for result in [result for prediction in task["predictions"] for result in prediction["result"]]:
                assert {result["from_name"], result["to_name"]} == names
                assert set(result["value"]["choices"]) <= offered and result["type"] == "choices"


def test_predictions_say_whose_they_are_and_how_sure_the_model_is(write):
    tasks, _ = write(chosen(confidence=[0.25, np.nan, 1.0, 0.5]))
    first = {each["model_version"]: each for each in tasks[0]["predictions"]}
    assert first["model"]["score"] == 0.25 and "score" not in first["reference"]
    assert first["reference"]["result"][0]["value"] == {"choices": ["cat"]}
    assert "score" not in tasks[1]["predictions"][0]


def test_images_stand_in_the_tasks_or_are_found_by_their_names(write, rng):
    tasks, configuration = write(chosen(), rng.random((4, 9, 9)))
    assert all(task["data"]["image"].startswith("data:image/png;base64,iVBOR") for task in tasks)
    named = chosen(name=[f"pool/a b{n}.png" for n in range(4)])
    tasks, configuration = write(named, rng.random((4, 9, 9)), image_root="/data/local-files/?d=")
    assert tasks[1]["data"]["image"] == "/data/local-files/?d=pool/a%20b1.png"
    assert configuration.find("Image").get("value") == "$image"
    with pytest.raises(ValueError, match=r"image_root = 'x' needs images with names"):
        write(chosen(), image_root="x")


def test_curves_and_values_come_with_all_their_numbers(write):
    samples = np.arange(4 * 20 * 2).reshape(4, 20, 2)
    tasks, configuration = write(chosen(), samples)
    assert tasks[1]["data"]["curves"]["2"] == samples[1, :, 1].tolist()
    assert [channel.get("column") for channel in configuration.iter("Channel")] == ["1", "2"]
    tasks, _ = write(chosen(), samples[:, 0])
    assert tasks[2]["data"]["values"] == {"1": 80, "2": 81}


@pytest.mark.parametrize("form", [lambda exported: exported, minimal])
def test_an_export_gives_what_a_table_gives_in_either_form(form, write, tmp_path):
    tasks, _ = write(chosen())
    exported = answered(tasks, [[(1, "dog")], [(1, NAMES[2])], [(1, None)], [(1, "cat")]])
    assert read(tmp_path, form(exported)) == {"1": {3: 1, 10: 2, 24: 0}}


@pytest.mark.parametrize("form", [lambda exported: exported, minimal])
def test_several_annotators_are_told_apart_and_so_is_a_second_time(form, write, tmp_path):
    tasks, _ = write(chosen(2))
    anna, ben = {"id": 5, "email": "anna@example.org"}, 6
    exported = answered(tasks, [[(anna, "dog"), (ben, "cat")], [(ben, "cat"), (ben, "dog")]])
    assert read(tmp_path, form(exported)) == {"anna@example.org": {3: 1}, "6": {3: 0, 10: 0}, "6 (2)": {10: 1}}


def test_a_task_is_found_by_its_name_and_must_fit_it(write, tmp_path):
    names_pool = np.array([f"{n}.png" for n in range(N_POOL)])
    tasks, _ = write(chosen(2, name=["3.png", "10.png"]))
    exported = answered(tasks, [[(1, "dog")], [(1, "cat")]])
    del exported[0]["data"]["index"]
    assert read(tmp_path, exported, names_pool) == {"1": {3: 1, 10: 0}}
    exported[1]["data"]["index"] = 11
    with pytest.raises(ValueError, match=r"export.json, task 102: index 11 of the pool is '11.png', but the name is"):
        read(tmp_path, exported, names_pool)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "is not JSON: export the project as JSON or JSON-MIN"),
        ({"tasks": []}, "is not a list of tasks"),
        ([], "has no label: label its tasks with the configuration labelling.xml"),
        ([{"id": 9, "index": 3, "label": "horse", "annotator": 1}], "task 9, column 'label': unknown label 'horse'"),
        ([{"id": 9, "index": 99, "label": "cat", "annotator": 1}], "task 9, column 'index': has index '99'"),
        ([{"id": 9, "label": "cat", "annotator": 1}], "task 9, column 'index': is empty"),
        ([{"id": 9, "index": 3, "label": {"choices": ["cat", "dog"]}, "annotator": 1}], "task 9: has 2 labels"),
        (
            [{"id": n, "index": 3, "label": label, "annotator": 1} for n, label in ((8, "cat"), (9, "dog"))],
            "task 9, column 'index': 3 is in task 8, too",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_task_and_the_remedy(content, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)


def test_an_export_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no export .*none.json"):
        read_export(tmp_path / "none.json", NAMES, N_POOL)
