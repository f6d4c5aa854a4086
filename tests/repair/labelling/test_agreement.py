"""Several people: what they agree on is taken, what they disagree on is listed, and how far they agree is said."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from mode_utils.repair.labelling.agreement import gather_labels

NAMES = ("cat", "dog", "=SUM(A1)")


@pytest.fixture
def write(tmp_path):
    def written(name, labels):
        """Write a table of labels, by index; "" is left blank."""
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        pd.DataFrame({"index": list(labels), "label": list(labels.values())}).to_csv(path, index=False)
        return path

    return written


def export(path, answers):
    """Write an export of Label Studio, with (annotator, label) by index."""
    tasks = [
        {"data": {"index": index}, "annotations": [
            {"completed_by": who, "result": [{"from_name": "label", "value": {"choices": [label]}}]}
            for who, label in given]}
        for index, given in answers.items()
    ]  # fmt: skip
    path.write_text(json.dumps(tasks))
    return path


def taken(gathered):
    return dict(zip(gathered.indices.tolist(), [NAMES[label] for label in gathered.labels], strict=True))


def test_one_table_alone_is_taken_as_it_is(write):
    path = write("a.csv", {7: "dog", 3: "cat", 4: ""})
    gathered = gather_labels(str(path), NAMES, 20)
    assert gathered.indices.tolist() == [7, 3] and gathered.labels.tolist() == [1, 0]
    assert gathered.agreement == "" and not len(gathered.disagreed) and gathered.say_disagreed() == []


def test_what_two_agree_on_is_taken_and_what_one_left_blank_comes_from_the_other(write):
    a = write("a.csv", {1: "cat", 2: "dog", 3: "cat", 4: "", 6: "dog"})
    b = write("b.csv", {3: "dog", 2: "dog", 1: "cat", 4: "=SUM(A1)", 5: "cat", 6: ""})
    gathered = gather_labels([a, b], NAMES, 20)
    assert taken(gathered) == {1: "cat", 2: "dog", 6: "dog", 4: "=SUM(A1)", 5: "cat"}
    assert gathered.disagreed.to_dict("records") == [{"index": 3, "a.csv": "cat", "b.csv": "dog"}]
    assert gathered.say_disagreed() == ["sample 3: cat (a.csv), dog (b.csv)"]
    assert "a.csv and b.csv: of 3 samples that both labelled, they agree on 2 (67%)" in gathered.agreement


def test_places_that_nobody_can_tell_are_kept_apart_and_a_label_of_another_counts(tmp_path, write):
    page = tmp_path / "page.csv"
    page.write_text("index,label,note\n1,cat,\n2,,cannot tell\n3,,Cannot tell\n4,,\n5,,later\n2,,cannot tell\n")
    filled = write("filled.csv", {3: "dog", 6: "Cannot tell", 1: "cat"})
    gathered = gather_labels([page, filled], NAMES, 20)
    assert taken(gathered) == {1: "cat", 3: "dog"} and gathered.cannot_tell.tolist() == [2, 6]
    assert "of 1 samples that both labelled, they agree on 1" in gathered.agreement and not len(gathered.disagreed)
    named = gather_labels(filled, (*NAMES, "Cannot tell"), 20)  # a class that is called so
    assert named.labels.tolist() == [1, 3, 0] and not len(named.cannot_tell)
    studio = export(tmp_path / "export.json", {7: [("anna", "cannot tell")], 8: [("anna", "cat")]})
    assert gather_labels(studio, NAMES, 20).cannot_tell.tolist() == [7]
    with pytest.raises(ValueError, match="all 2 answers are 'cannot tell'"):
        gather_labels(write("none.csv", {3: "cannot tell", 4: "cannot tell"}), NAMES, 20)
    with pytest.raises(ValueError, match=r"line 2, column 'index': has index '20'"):
        gather_labels(write("wrong.csv", {20: "cannot tell"}), NAMES, 20)


def test_kappa_is_that_of_scikit_learn(write, rng):
    first = rng.integers(2, size=20)
    second = np.where(rng.random(20) < 0.3, 1 - first, first)
    paths = [
        write(name, dict(enumerate(np.array(NAMES)[labels]))) for name, labels in {"a": first, "b": second}.items()
    ]
    gathered = gather_labels(paths, NAMES, 20)
    assert gathered.agreement.endswith(f"is {cohen_kappa_score(first, second):.2f}.")
    assert len(gathered.disagreed) == (first != second).sum()


def test_kappa_of_one_label_alone_is_not_defined(write):
    gathered = gather_labels([write("a.csv", {1: "cat"}), write("b.csv", {1: "cat"})], NAMES, 20)
    assert gathered.agreement.endswith("(100%); Cohen's kappa is not defined, as all have one label.")


def test_tables_without_a_sample_in_common_are_joined(write):
    gathered = gather_labels([write("a.csv", {1: "cat"}), write("b.csv", {2: "dog"})], NAMES, 20)
    assert taken(gathered) == {1: "cat", 2: "dog"} and "whether they agree cannot be told" in gathered.agreement


def test_tables_and_an_export_of_several_people_are_read_together(write, tmp_path):
    a = write("a.csv", {1: "cat", 2: "dog", 3: "cat"})
    others = export(tmp_path / "export.json", {1: [(7, "cat"), (8, "cat")], 2: [(7, "dog"), (8, "cat")]})
    gathered = gather_labels([a, others], NAMES, 20, np.array([f"{n}.png" for n in range(20)]))
    assert taken(gathered) == {1: "cat", 3: "cat"}
    assert gathered.agreement == (
        "3 annotators: of 2 samples that two or more of them labelled, they agree on 1 (50%)."
    )
    row = {"index": 2, "name": "2.png", "a.csv": "dog", "export.json, 7": "dog", "export.json, 8": "cat"}
    assert gathered.disagreed.to_dict("records") == [row]


def test_a_label_that_starts_a_formula_is_text_in_the_table_of_disagreements(write, tmp_path):
    paths = [write("a.csv", {1: "=SUM(A1)", 2: "cat"}), write("b.csv", {1: "cat", 2: "cat"})]
    assert gather_labels(paths, NAMES, 20).disagreed["a.csv"].tolist() == ["'=SUM(A1)"]


def test_no_more_disagreements_are_said_than_can_be_read(write):
    tables = [dict.fromkeys(range(20), label) | {19: "cat"} for label in ("cat", "dog")]
    gathered = gather_labels([write("a.csv", tables[0]), write("b.csv", tables[1])], NAMES, 20)
    assert len(gathered.say_disagreed()) == 19 and gathered.say_disagreed(5)[5:] == ["... and 14 more"]


def test_two_files_of_one_name_are_told_apart(write, tmp_path):
    paths = [write("anna/labels.csv", {1: "cat", 2: "cat"}), write("ben/labels.csv", {1: "dog", 2: "cat"})]
    assert list(gather_labels(paths, NAMES, 20).disagreed.columns) == ["index", *map(str, paths)]


def test_if_nothing_is_agreed_on_that_is_an_error(write):
    with pytest.raises(ValueError, match=r"nothing is agreed on.*: sample 1: cat \(a.csv\), dog \(b.csv\)"):
        gather_labels([write("a.csv", {1: "cat"}), write("b.csv", {1: "dog"})], NAMES, 20)


def test_what_is_given_twice_or_not_at_all_is_refused(write):
    path = write("a.csv", {1: "cat"})
    with pytest.raises(ValueError, match=r"a.csv is given 2 times: give each table once"):
        gather_labels([path, path], NAMES, 20)
    with pytest.raises(ValueError, match="no table of labels is given"):
        gather_labels([], NAMES, 20)
    with pytest.raises(FileNotFoundError, match=r"there is no table .*none.csv"):
        gather_labels([path, path.with_name("none.csv")], NAMES, 20)
