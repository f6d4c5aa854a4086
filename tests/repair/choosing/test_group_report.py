"""What groups tell: on both sides of a split, failing, or odd; whatever they are, in plain sentences."""

import json

import numpy as np
import pytest

from mode_utils.repair.choosing.group_report import assess_groups
from mode_utils.repair.outputs import choose_from_arrays, make_outputs_example
from mode_utils.repair.reading.arrays import check_arrays


def report_of(groups, right, y=None, n_train=60):
    """Return the report of groups by role and right (n_validation,) predictions."""
    n = len(right)
    y = np.arange(n) % 3 if y is None else y
    x = np.random.default_rng(0).random((n, 2))
    arrays = {"x_train": x[:n_train], "y_train": y[:n_train], "x_pool": x[:50], "x_test": x, "y_test": y}
    arrays |= {"x_validation": x, "y_validation": y} | {f"groups_{role}": each for role, each in groups.items()}
    return assess_groups(check_arrays(arrays), np.where(right, y, (y + 1) % 3))


def test_accuracy_that_known_groups_pretend_is_told_with_an_interval():
    rng, own = np.random.default_rng(0), np.repeat(np.arange(40), 20)
    right = rng.random(800) < np.where(own < 20, 0.97, 0.8)
    report = report_of({"validation": own, "train": np.arange(60) % 20}, right)
    (told,) = report.shared
    assert told.startswith("20 of 40 groups of validation samples are in training, too (400 of 800 samples): the model")
    more = 100 * (right[:400].mean() - right[400:].mean())
    assert f"seem to pretend {more:+.2f} pp (95% interval +" in told and "by groups" in told


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        (("train", "validation"), ["3 of 3 groups of validation .* cannot be told, as no other group is there"]),
        (("train", "test"), ["600 of 600 samples of test are of groups that are in train, too"]),
        (("validation", "test"), ["600 of 600 samples of test are of groups that are in validation, too"]),
        (("validation", "pool"), ["50 of 50 samples of pool are of groups that are in validation, too: once added"]),
        (("pool", "test"), ["50 of 50 samples of pool are of groups that are in test, too: once added"]),
        (("validation", "pool", "test"), ["600 of 600 samples of test", "50 of 50 .* in validation or test, too"]),
        (("train", "pool"), []), (("validation",), []), (("pool",), []),
    ],
)  # fmt: skip
def test_each_split_with_a_group_on_both_sides_is_told(roles, said):
    sizes = {"train": 60, "validation": 600, "test": 600, "pool": 50}
    report = report_of({role: np.arange(sizes[role]) % 3 for role in roles}, np.arange(600) % 9 > 0)
    assert len(report.shared) == len(said)
    for told, wanted in zip(report.shared, said, strict=True):
        assert np.char.find(told, wanted.split(" .* ")[0]) == 0 and wanted.split(" .* ")[-1] in told


ODD = {
    "determines the label": (lambda n, y: 10 * y + np.arange(n) % 30 // 3, "Each group has samples of one label only"),
    "of one": (lambda n, y: np.arange(n), "No two validation samples share a group"),
    "holes alone": (lambda n, y: np.full(n, ""), "No two validation samples share a group"),
    "one group": (lambda n, y: np.zeros(n, int), "All validation samples are of one group"),
    "two": (lambda n, y: np.arange(n) // (n // 2), "2 groups are too few to tell how it does in others"),
    "some holes": (lambda n, y: np.where(np.arange(n) % 4, (np.arange(n) % 12).astype(str), ""), " groups)."),
    "names that are formulas": (lambda n, y: np.array(["=1+1", "@x", "a,b"])[np.arange(n) % 3], "3 groups are too few"),
}


@pytest.mark.parametrize("right", ["most", "all", "none"])
@pytest.mark.parametrize("odd", ODD)
def test_odd_groups_are_one_plain_sentence_each(odd, right):
    n, y = 600, np.arange(600) % 3
    make, wanted = ODD[odd]
    right = {"most": np.random.default_rng(0).random(n) < 0.9, "all": np.ones(n, bool), "none": np.zeros(n, bool)}[
        right
    ]
    report = report_of({"validation": make(n, y), "train": make(n, y)[:60]}, right, y)
    assert any(wanted in fact for fact in report.facts)
    for sentence in (*report.shared, *report.facts):
        assert "nan" not in sentence and "inf" not in sentence and sentence.endswith(".")
    known = report.table[["accuracy", "low", "high", "p_holm"]].to_numpy(float)
    assert ((known >= 0) & (known <= 1 + 1e-9)).all() and (report.table["low"] <= report.table["accuracy"] + 1e-9).all()


def test_ten_thousand_groups_do_not_hide_one_that_fails():
    own = np.r_[np.arange(9_950), np.full(50, 9_950)]
    rng = np.random.default_rng(0)
    right = np.where(own == 9_950, rng.random(10_000) < 0.4, rng.random(10_000) < 0.95)
    report = report_of({"validation": own}, right)
    assert report.table.iloc[0][["label", "group"]].tolist() == ["", "9950"] and report.table["fails"].sum() >= 1
    assert set(report.table.loc[report.table["fails"], "group"]) == {"9950"}


def test_a_label_that_fails_in_one_group_alone_is_named():
    y, own = np.arange(900) % 3, np.arange(900) // 3 % 3
    right = ~((y == 1) & (own == 2)) | (np.arange(900) % 2 == 0)
    report = report_of({"validation": np.array(["a", "b", "c"])[own]}, right, y)
    failing = report.table[report.table["fails"]]
    assert failing[["label", "group"]].values.tolist() == [["1", "c"], ["", "c"]]
    assert "label 1 in group c (50% of 100, the rest 100%)" in report.facts[-1]


def test_without_groups_nothing_is_told_and_the_folder_has_no_table(tmp_path):
    arrays = make_outputs_example()
    assert choose_from_arrays(arrays, 20, tmp_path / "out").report.groups is None
    assert not (tmp_path / "out/groups.csv").exists()
    arrays["groups_validation"] = np.array(["=a", "b", "c"])[np.arange(400) % 3]
    found = choose_from_arrays(arrays, 20, tmp_path / "out-2")
    summary, table = json.loads((tmp_path / "out-2/diagnosis.json").read_text()), (tmp_path / "out-2/groups.csv")
    assert summary["groups"]["facts"] == list(found.report.groups.facts) and ",'=a," in table.read_text()
