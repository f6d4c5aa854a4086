"""Labels in all forms that arrays have, in all roles: read, or refused in one sentence; nothing is reinterpreted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mode_utils.repair.reading.array_sets import check_outputs
from mode_utils.repair.reading.arrays import check_arrays
from mode_utils.repair.reading.label_arrays import find_classes, labels_of, names_of
from mode_utils.repair.reading.npz_files import read_arrays

NAMES = ("bird", "cat", "dog")
ROLES = ("train", "validation", "pool", "test")
Y = np.arange(12) % 3
TEXTS = {  # the same texts in all dtypes that they come in
    "str": lambda texts: np.array(texts, str), "object": lambda texts: np.array(texts, object),
    "bytes": lambda texts: np.array([text.encode() for text in texts]),
    "objects of bytes": lambda texts: np.array([text.encode() for text in texts], object),
    "strings of numpy": lambda texts: np.array(texts, np.dtypes.StringDType()),
    "numpy's own": lambda texts: np.array([np.str_(text) for text in texts], object),
    "pandas": lambda texts: pd.Series(texts).to_numpy(), "column": lambda texts: np.array(texts)[:, None],
    "string of pandas": lambda texts: pd.Series(texts, dtype="string").to_numpy(object),
    "category": lambda texts: pd.Series(texts, dtype="category").to_numpy(),
    "padded": lambda texts: np.array([f" {text}  " for text in texts]),
}  # fmt: skip
NUMBERS = {  # the same labels as numbers
    "float": lambda y: y.astype(float), "half": lambda y: y.astype(np.float16), "uint8": lambda y: y.astype(np.uint8),
    "big endian": lambda y: y.astype(">i2"), "one-hot": lambda y: np.eye(3)[y],
    "one-hot bool": lambda y: np.eye(3)[y] > 0,
    "column": lambda y: y[:, None], "object": lambda y: y.astype(object), "texts": lambda y: y.astype(str),
    "Int64": lambda y: pd.array(y, dtype="Int64").to_numpy(object), "long": lambda y: y.astype(np.longdouble),
}  # fmt: skip
NONE = {  # how a label is missing, in labels as floats or texts
    "-1": lambda y: np.where(np.arange(12) % 4, y, -1), "NaN": lambda y: np.where(np.arange(12) % 4, y, np.nan),
    "None": lambda y: np.where(np.arange(12) % 4, y, None),
    "one-hot": lambda y: np.eye(3)[y] * (np.arange(12) % 4 > 0)[:, None],
    "Int64": lambda y: pd.array(np.where(np.arange(12) % 4, y, None), dtype="Int64").to_numpy(object),
    **{
        f"text {none!r}": lambda y, none=none: np.where(np.arange(12) % 4, np.array(NAMES, object)[y], none)
        for none in ("", " ", None, np.nan, "nan", "NaN", "None", "<NA>", pd.NA, pd.NaT)
    },
}  # fmt: skip


def arrays(**changes):
    samples = {f"x_{role}": np.random.default_rng(0).random((12, 4)) for role in ROLES}
    return samples | {f"y_{role}": Y for role in ROLES} | changes


def outputs(**changes):
    p = np.full((12, 3), 0.2)
    p[np.arange(12), Y] = 0.6
    made = {f"{what}_{role}": p for what in ("features", "probabilities") for role in ROLES[:3]}
    return made | {f"y_{role}": Y for role in ROLES[:3]} | changes


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("form", TEXTS)
def test_texts_are_labels_in_every_role_from_a_file_and_from_memory(form, named, tmp_path, recwarn):
    changes = {f"y_{role}": TEXTS[form]([NAMES[label] for label in Y]) for role in ROLES}
    np.savez(tmp_path / "data.npz", **arrays(**changes))
    given = NAMES if named else None
    for data in (check_arrays(arrays(**changes), given, 3), check_arrays(read_arrays(tmp_path / "data.npz"), given)):
        assert data.class_names == NAMES
        for role in ROLES:
            np.testing.assert_array_equal(getattr(data, f"y_{role}"), Y)
        assert named or "the order of the alphabet, as scikit-learn does: bird, cat, dog." in data.notes[0]
    del changes["y_test"]
    found, notes = check_outputs(outputs(**changes), class_names=given)
    assert all((found[f"y_{role}"] == Y).all() for role in ROLES[:3]) and found["class_names"].tolist() == list(NAMES)
    assert named or "order of the alphabet" in notes[0]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("form", NUMBERS)
def test_numbers_are_labels_in_every_form(form, role):
    changes = {f"y_{role}": NUMBERS[form](Y)}
    assert (getattr(check_arrays(arrays(**changes), n_classes=3), f"y_{role}") == Y).all()
    if role != "test":
        assert (check_outputs(outputs(**changes))[0][f"y_{role}"] == Y).all()


@pytest.mark.parametrize("form", NONE)
def test_a_label_may_be_missing_in_the_pool_and_nowhere_else(form, tmp_path):
    given, expected = NONE[form](Y), np.where(np.arange(12) % 4, Y, -1)
    np.savez(tmp_path / "data.npz", **arrays(y_pool=given))
    data = check_arrays(read_arrays(tmp_path / "data.npz"), NAMES)
    np.testing.assert_array_equal(data.y_pool, expected)
    assert data.y_pool.dtype == np.int32
    np.testing.assert_array_equal(check_outputs(outputs(y_pool=given), class_names=NAMES)[0]["y_pool"], expected)
    for role in ("train", "validation", "test"):
        with pytest.raises(ValueError, match=rf"y_{role} has label .* at sample 0, which is none, as 3 of its 12"):
            check_arrays(arrays(**{f"y_{role}": given}), NAMES)


FAULTS = {  # what is wrong with labels, in three classes
    "fraction": (lambda y: y + 0.5, "has label 0.5 at sample 0: labels must be integers"),
    "infinite": (lambda y: np.where(y == 2, np.inf, y), "has label inf at sample 2"),
    "negative": (lambda y: y - 3, "has label -3 at sample 0"),
    "from 1": (lambda y: y + 1, "label 3 is too large for 3 classes: .* at sample 2.* from 1, subtract 1; if not"),
    "wrapped": (lambda y: (y - 1).astype(np.uint8), "label 255 .*at sample 0.* what -1 becomes as uint8"),
    "ids": (lambda y: y * 1_000_000_007, "number the classes in the model's order"),
    "beyond int32": (lambda y: np.where(y == 2, 2**32 + 1, y), "label 4294967297 is too large for 3 classes"),
    "bool": (lambda y: y > 0, "has True and False, but there are 3 classes"),
    "dates": (lambda y: y.astype("M8[D]"), "has dates: labels must be integers, names of classes, or one-hot rows"),
    "durations": (lambda y: y.astype("m8[s]"), "has dates"),
    "complex": (lambda y: y.astype(complex), "dtype complex128: labels must be"),
    "one too many columns": (lambda y: np.eye(4)[y], "one-hot rows of 4 columns for 3 classes: give a column for each"),
    "a column lacks": (lambda y: np.eye(2)[y % 2], "one-hot rows of 2 columns for 3 classes"),
    "several labels": (lambda y: np.eye(3)[y] + np.eye(3)[0] * (y > 0)[:, None], "row 1 of .* has 2 labels: one label"),
    "soft": (lambda y: np.eye(3)[y] * 0.7 + 0.1, r"row 0 of .* is shares of several labels \(0.8, 0.1, 0.1\).*argmax"),
    "rows": (lambda y: np.eye(3)[y] * 5, r"row 0 of .* is not a one-hot row \(5, 0, 0\)"),
    "texts in rows": (lambda y: np.array([NAMES] * len(y)), "has rows of 3 and dtype <U4: give one label for each"),
    "cube": (lambda y: np.eye(3)[y][..., None], r"has shape \(12, 3, 1\)"),
    "one row": (lambda y: y[None], "has 1 labels for 12 samples"), "scalar": (lambda y: np.int64(1), r"has shape \(\)"),
    "too few": (lambda y: y[:-1], "has 11 labels for 12 samples|has 11"),
    "mixed": (lambda y: np.array([1, "cat"] * 6, object), r"values of several kinds \(int, str\)"),
    "unknown text": (lambda y: np.where(y == 2, "cow", np.array(NAMES)[y]), "'cow' at sample 2, which is not among"),
    "another case": (lambda y: np.char.title(np.array(NAMES)[y]), r"label 'Bird' .*is it 'bird'\?"),
    "numbers as texts": (lambda y: (y + 0.5).astype(str), "label '0.5' at sample 0, which is not among the classes"),
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_sentence_in_every_role_that_names_the_array_and_the_place(fault, role):
    spoil, message = FAULTS[fault]
    changes = {f"y_{role}": spoil(Y)}
    with pytest.raises(ValueError, match=message) as error:
        check_arrays(arrays(**changes), NAMES)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300 and f"y_{role}" in str(error.value)
    if role != "test":
        with pytest.raises(ValueError, match=f"{message}|must have a row for each"):
            check_outputs(outputs(**changes), class_names=NAMES)


@pytest.mark.parametrize(
    ("labels", "n_classes", "message"),
    [
        (["10", "9", "8"], 3, "sort in two ways, 10, 8, 9 as texts and 8, 9, 10 as numbers: give the class names"),
        (["1.0", "10.0", "2.0"], None, "sort in two ways"),
        (["a", "b"], 3, r"2 different ones \(a, b\), but there are 3"),
        (["a", "b", "c", "d"], 3, "4 different ones"),
    ],
)  # fmt: skip
def test_texts_that_may_be_read_in_two_ways_are_not_read(labels, n_classes, message):
    with pytest.raises(ValueError, match=message):
        find_classes({"y_train": np.array(labels)}, None, n_classes)


def test_texts_beside_numbers_need_names():
    texts = np.array(NAMES)[Y]
    with pytest.raises(ValueError, match="y_pool has texts as labels, y_train numbers: give class names"):
        check_arrays(arrays(y_pool=texts))
    assert (check_arrays(arrays(y_pool=texts), NAMES).y_pool == Y).all()
    assert check_arrays(arrays(y_train=Y.astype(str))).n_classes == 3


def test_a_class_may_be_called_like_a_missing_label_where_names_are_given():
    y = np.array(["None", "nan", ""] * 4)
    assert labels_of("y_pool", y, 12, ("None", "nan", "x")).tolist() == [0, 1, -1] * 4
    with pytest.raises(ValueError, match="label '' at sample 2, which is none, as 4 of its 12"):
        labels_of("y_train", y, 12, ("None", "nan", "x"))


def test_minus_one_and_one_in_a_pool_of_two_classes_may_mean_two_things():
    with pytest.raises(ValueError, match="-1 and 1 only, which may be two classes or a label and none: write 0 and 1"):
        labels_of("y_pool", np.where(Y > 0, 1, -1), 12, ("no", "yes"))
    assert labels_of("y_pool", np.where(Y > 0, 1, np.nan), 12, ("no", "yes")).tolist() == [-1, 1, 1] * 4


LETTERS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5).map(str.strip).filter(bool)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(LETTERS, min_size=2, max_size=6, unique=True), st.data(), st.sampled_from(sorted(set(TEXTS) - {"column"}))
)
def test_texts_mean_the_class_of_that_name_whatever_they_are(names, data, form):
    from mode_utils.repair.reading.class_names import clean

    names = list({clean(name): name for name in names}.values())
    y = np.array(data.draw(st.lists(st.integers(0, len(names) - 1), min_size=1, max_size=9)))
    texts = TEXTS[form]([names[label] for label in y])
    assert labels_of("y_pool", texts, len(y), names).tolist() == y.tolist()


@pytest.mark.parametrize("form", sorted(set(TEXTS) - {"column", "padded"}))
def test_names_are_texts_of_any_dtype(form, tmp_path):
    names = [f"IMG {n} ä.jpg" for n in range(12)]
    np.savez(tmp_path / "data.npz", **arrays(names_pool=TEXTS[form](names)))
    assert check_arrays(read_arrays(tmp_path / "data.npz")).names_pool.tolist() == names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([f"{n}" if n else None for n in range(12)], "no name for 1 of 12 samples, the first is sample 0"),
        (list(range(12)), "dtype int64: it needs a text"),
        ([1, "a"] * 6, "dtype object: it needs a text for each"),
    ],
)  # fmt: skip
def test_names_that_are_none_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        names_of(np.array(names, object), 12)


def test_a_text_of_a_pool_that_comes_again_is_numbered_and_no_other_has_that_name():
    texts = ["refund", "card lost", "refund", "refund (2)", "refund", "refund (2)"]
    found = names_of(np.array(texts), 6).tolist()
    assert found == ["refund", "card lost", "refund (3)", "refund (2)", "refund (4)", "refund (2) (2)"]
    assert names_of(np.array(texts), 6, "names_validation").tolist() == texts
    many = names_of(np.array(["same"] * 2_000), 2_000)
    assert len(set(many.tolist())) == 2_000 and many[-1] == "same (2000)"
