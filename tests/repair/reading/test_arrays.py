import re

import numpy as np
import pytest

from mode_utils.networks.backend import keras
from mode_utils.networks.plain_models import ModelInput
from mode_utils.repair.reading.arrays import check_arrays, join_arrays, with_classes
from mode_utils.repair.reading.image_folders import pack_images
from mode_utils.repair.reading.npz_files import read_arrays
from mode_utils.support.sample_parts import convert_samples, in_chunks, scattered


@pytest.fixture
def arrays(rng):
    sizes = {"train": 30, "validation": 20, "pool": 40, "test": 10}
    samples = {f"x_{part}": rng.random((n, 4, 3), dtype=np.float32) for part, n in sizes.items()}
    return samples | {f"y_{part}": np.arange(n) % 3 for part, n in sizes.items()}


def load(path, class_names=None, inputs=(), dtype=None):
    return check_arrays(join_arrays(read_arrays(path), inputs), class_names, dtype=dtype)


def save(folder, arrays, writer=np.savez):
    writer(folder / "data.npz", **arrays)
    return folder / "data.npz"


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_they_were_written(arrays, writer, tmp_path):
    data = load(save(tmp_path, arrays, writer))
    for name, array in arrays.items():
        np.testing.assert_array_equal(getattr(data, name), array)
    assert data.class_names == ("0", "1", "2") and data.y_pool.dtype == np.int32


def test_arrays_that_are_not_compressed_stay_on_disk(arrays, tmp_path):
    stored, compressed = (read_arrays(save(tmp_path, arrays, w))["x_pool"] for w in (np.savez, np.savez_compressed))
    assert isinstance(stored, np.memmap) and not isinstance(compressed, np.memmap)


def test_labels_may_be_one_hot_rows_a_column_or_whole_floats(arrays, tmp_path):
    expected = arrays["y_train"]
    for labels in (np.eye(3)[expected], expected[:, None], expected.astype(float)):
        np.testing.assert_array_equal(load(save(tmp_path, arrays | {"y_train": labels})).y_train, expected)


def test_pool_labels_and_test_samples_may_be_missing(arrays, tmp_path):
    few = {name: arrays[name] for name in ("x_train", "y_train", "x_validation", "y_validation", "x_pool")}
    data = load(save(tmp_path, few), class_names=["a", "b", "c"])
    assert data.y_pool is None and data.x_test is None and data.class_names == ("a", "b", "c")
    splits = data.splits(np.zeros(40))
    assert len(splits.bug_fixing) == 40 and len(splits.test) == len(splits.validation) == 20


INPUTS = [ModelInput(("image", "input_1"), (4, 3), "float32"), ModelInput(("id",), (1,), "int64")]


def of_two_inputs(arrays):
    both = {name: array for name, array in arrays.items() if name[0] == "y"}
    for name, array in arrays.items():
        if name[0] == "x":
            ids = 10**12 + np.arange(len(array))
            both |= {f"{name}.input_1" if name == "x_pool" else f"{name}.image": array, f"{name}.id": ids}
    return both


def test_the_inputs_of_a_model_with_several_stand_side_by_side_and_are_exact(arrays, tmp_path):
    data = load(save(tmp_path, of_two_inputs(arrays)), inputs=INPUTS, dtype="float64")
    np.testing.assert_array_equal(data.x_pool[:, :12], arrays["x_pool"].reshape(40, 12))
    np.testing.assert_array_equal(data.x_train[:, 12], 10**12 + np.arange(30))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.pop("x_pool.id"), r"has the inputs image, id, but there is no array 'x_pool.id'"),
        (lambda a: a.update({"x_pool.other": a["x_pool.id"]}), r"so that 'x_pool.other' is for none"),
        (lambda a: a.update({"x_pool.id": a["x_pool.id"][1:]}), r"have \[40, 39\] samples"),
        (lambda a: a.update({"x_pool.id": a["x_pool.id"] + 0.5}), r"x_pool.id has 1e\+12, but the model takes whole"),
        (lambda a: a.update({"x_train.image": a["x_train.image"][:, :2]}), r"x_train.image has shape \(2, 3\), but"),
        (lambda a: a.update({"x_train": a["x_train.image"]}), "there is an array 'x_train' beside"),
        (lambda a: a.update({"x_test.id": a["x_test.id"].astype(str)}), "x_test.id has dtype <U"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_inputs_is_said_by_name(spoil, message, arrays, tmp_path):
    both = of_two_inputs(arrays)
    spoil(both)
    with pytest.raises(ValueError, match=message):
        load(save(tmp_path, both), inputs=INPUTS, dtype="float64")


INTEGERS = ["uint8", "int16", "int32", "int64", "uint64"]


@pytest.mark.parametrize("taken", ["uint8", "int32", "int64", "bool", "float16", "float32", "float64", None])
@pytest.mark.parametrize("given", [*INTEGERS, "bool", "float32", "float64"])
def test_samples_are_what_the_model_takes_without_loss_or_it_is_an_error(given, taken):
    for largest in (1, 200, 60_000, 5_000_003, 2**24 + 1, 10_000_003, 3_000_000_019, 2**53 + 1):
        x = np.array([[0], [largest]], np.float64).astype(np.uint64)
        if given != "bool" and (given[0] == "f" or largest <= np.iinfo(given).max):
            x = np.array([[0], [largest]], np.uint64).astype(given)
        elif given == "bool":
            x = np.array([[0], [1]], bool)
        try:
            found = convert_samples("x_train", x, taken)
        except ValueError as error:
            assert taken not in (None, "float16", "float32", "float64") and "x_train has " in str(error)
            holds = 1 if taken == "bool" else np.iinfo(taken).max
            assert int(x[1, 0]) > holds or (given[0] == "f" and int(x[1, 0]) > 2 ** (24 if given == "float32" else 53))
            continue
        whole = taken in INTEGERS or taken == "bool" or (taken is None and x.dtype.kind in "iu")
        assert found.dtype.kind in "iu" if whole else found.dtype == (taken if taken == "float64" else "float32")
        assert not whole or found.astype(object).tolist() == x.astype(object).astype(int).tolist()


def test_fractions_are_not_whole_numbers():
    with pytest.raises(ValueError, match=r"x_train has 0.5, but the model takes whole numbers \(int32\)"):
        convert_samples("x_train", np.array([[1.0], [0.5]]), "int32")


def test_as_many_samples_are_looked_at_in_one_go_as_memory_allows():
    large, small = np.zeros((40, 500, 500, 3), np.uint8), np.zeros((20_000, 3), np.float32)
    assert next(len(chunk) for _, chunk in in_chunks(large)) * 750_000 * 4 <= 2**26
    assert [len(chunk) for _, chunk in in_chunks(small)] == [16_384, 3_616]
    assert max(len(each) for each in scattered(large, np.arange(40))) <= 23
    np.testing.assert_array_equal(np.concatenate(list(scattered(small + 1, np.arange(9)))), small[:9] + 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.pop("x_pool"), "has no array 'x_pool': it needs x_train, y_train"),
        (lambda a: a.update(x_extra=a["x_pool"]), "has an array 'x_extra': choose from x_train"),
        (lambda a: a.pop("y_test"), "has x_test, but no y_test: give both or none"),
        (lambda a: a.update(x_pool=a["x_pool"][:, :3]), r"sample of x_pool has shape \(3, 3\), one of x_train"),
        (lambda a: a.update(x_pool=a["x_pool"].astype(str)), "x_pool has dtype <U.*: samples must be numbers"),
        (lambda a: a["x_pool"].__setitem__((3, 1, 2), np.nan),
         r"x_pool has NaN or infinite values, the first in sample 3 \(nan, number 5 of it\): replace them"),
        (lambda a: a.update(x_pool=255 * a["x_pool"]), "x_pool spans .*, but x_train .*: scale both alike"),
        (lambda a: a.update(y_pool=a["y_pool"][:-1]), "y_pool has 39 labels for 40 samples"),
        (lambda a: a.update(y_test=a["y_test"] - 1), "y_test has label -1 at sample 0, which is none"),
        (lambda a: a.update(y_validation=a["y_validation"] * 0), r"one class only \(0\), in 20 samples: give"),
        (lambda a: a.update(x_pool=1e39 * a["x_pool"].astype(float)), "too large for float32, the first in sample 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_arrays_is_said_in_a_sentence(spoil, message, arrays, tmp_path):
    spoil(arrays)
    with pytest.raises(ValueError, match=message):
        load(save(tmp_path, arrays))


def test_a_label_too_large_and_a_missing_or_truncated_file_are_errors(arrays, tmp_path):
    path = save(tmp_path, arrays)
    with pytest.raises(ValueError, match="label 2 is too large for 2 classes"):
        load(path, class_names=["a", "b"])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"is not a complete .npz file .*write it again"):
        load(path)
    with pytest.raises(FileNotFoundError, match="there is no data file"):
        load(tmp_path / "none.npz")


def table(rng, n):
    """Return columns as people have them: heavy tails, counts, shares, one in a hundred not 0, a constant."""
    columns = (
        rng.lognormal(3, 1.6, n),
        rng.poisson(3, n),
        rng.random(n),
        rng.random(n) * (rng.random(n) < 0.01),
        np.ones(n),
    )
    return np.stack(columns, axis=1)


def dark(rng, n):
    """Return images of a night beside those of a day: black, but for some lights."""
    return np.where(rng.random((n, 8, 8)) < 0.03, 255, rng.random((n, 8, 8)) * 6)


SOUND = {  # training samples and a pool, and what is to be said of the pool
    "heavy tails": (lambda rng: (table(rng, 2_000), table(rng, 4_000)), ()),
    "one huge value": (lambda rng: (table(rng, 2_000), np.concatenate([table(rng, 99), [[5e8, 1, 1, 1, 1]]])),
                       (r"Sample 99 of x_pool has 5e\+08 in column 0",)),
    "one negative": (lambda rng: (table(rng, 2_000), np.concatenate([[[1, 1, -9_999, 1, 1]], table(rng, 99)])),
                     (r"Sample 0 of x_pool has 9999 in column 2, 10,\d\d\d times the largest",)),
    "day and night": (lambda rng: (255 * rng.random((300, 8, 8)), dark(rng, 300)), ()),
    "night and day": (lambda rng: (dark(rng, 300), 255 * rng.random((300, 8, 8))), ()),
    "one column in another unit": (lambda rng: (table(rng, 2_000), table(rng, 999) * [1, 1, 1000, 1, 1]),
                                   (r"Column 2 of x_pool is about \S+ times as large as in x_train: is it in",)),
    "a column that was 0": (lambda rng: (table(rng, 2_000) * [1, 1, 1, 0, 1], table(rng, 999)), ()),
    "all 0": (lambda rng: (np.zeros((30, 4)), np.zeros((20, 4))), ()),
    "an outlier in training": (lambda rng: (np.concatenate([[[1e30, 1, 1, 1, 1]], table(rng, 999)]), table(rng, 99)),
                               ()),
    "words": (lambda rng: ((rng.random((500, 40)) < 0.02) * 1.0, (rng.random((900, 40)) < 0.02) * 1.0), ()),
    "few": (lambda rng: (table(rng, 30), table(rng, 1)), ()),
}  # fmt: skip


@pytest.mark.parametrize("kind", SOUND)
def test_sound_data_pass_whatever_their_tails_and_what_is_odd_is_said_with_its_place(kind):
    make, expected = SOUND[kind]
    x, pool = make(np.random.default_rng(0))
    y = {"y_train": np.arange(len(x)) % 2, "y_validation": np.arange(len(x)) % 2}
    notes = check_arrays({"x_train": x, "x_validation": x, "x_pool": pool} | y).notes
    assert len(notes) == len(expected)
    for note, pattern in zip(notes, expected, strict=True):
        assert re.match(pattern, note), note


@pytest.mark.parametrize("factor", [255, 1e-3])
@pytest.mark.parametrize("kind", ["heavy tails", "day and night", "words", "an outlier in training"])
@pytest.mark.parametrize("role", ["x_pool", "x_test"])
def test_another_scale_is_found_whatever_the_tails_and_there_is_a_way_past(role, kind, factor):
    x = SOUND[kind][0](np.random.default_rng(0))[0]
    labels = {f"y_{part}": np.arange(len(x)) % 2 for part in ("train", "validation", "test")}
    arrays = dict.fromkeys(["x_train", "x_validation", "x_pool", "x_test"], x) | labels | {role: x * factor}
    with pytest.raises(ValueError, match=rf"{role} spans .* but x_train .* scale both alike, or .* --even-if-weak"):
        check_arrays(arrays)
    assert check_arrays(arrays, even_if_odd=True).notes[0].startswith(f"The scales differ: {role} spans")


def test_data_have_the_classes_of_the_model():
    x, y = np.random.default_rng(0).random((20, 3)), np.arange(20) % 2
    data = check_arrays({"x_train": x, "y_train": y, "x_validation": x, "y_validation": y, "x_pool": x})
    assert with_classes(data, 3).class_names == ("0", "1", "2") and with_classes(data, 2) is data
    data = check_arrays({"x_train": x, "y_train": y, "x_validation": x, "y_validation": y, "x_pool": x}, ["a", "b"])
    with pytest.raises(ValueError, match=r"the data have 2 classes \(a, b\), but the model 3: number"):
        with_classes(data, 3)


def test_what_labels_hardly_say_is_said():
    rng = np.random.default_rng(0)
    few = {"x_train": rng.random((20, 3)), "x_validation": rng.random((14, 3)), "x_pool": rng.random((1, 3))}
    labels = {"y_train": np.arange(20) % 2, "y_validation": np.repeat([0, 2], [10, 4])}
    assert check_arrays(few | labels, ["a", "b", "c"]).notes == (
        "No training samples of c are given.",
        "Fewer than 10 validation samples of c: how often the model fails there is hardly known.",
    )
    one = {"x_validation": few["x_validation"][:1], "y_validation": np.array([1])}
    with pytest.raises(ValueError, match=r"y_validation has one class only \(1\), in 1 samples"):
        check_arrays(few | labels | one)


def test_packed_images_are_bytes_with_their_classes_in_order(tmp_path):
    for role in ("train", "test"):
        for place, name in enumerate(("cat", "dog")):
            (tmp_path / role / name).mkdir(parents=True)
            picture = np.full((32, 32, 3), 100 * place + 7, np.uint8)
            keras.utils.save_img(tmp_path / role / name / "0.png", picture, scale=False)
    pack_images(tmp_path, tmp_path / "packed.npz", origin="copies")
    with np.load(tmp_path / "packed.npz", allow_pickle=False) as arrays:
        assert arrays["x_train"].dtype == np.uint8 and arrays["x_train"][:, 0, 0, 0].tolist() == [7, 107]
        assert arrays["y_test"].tolist() == [0, 1] and arrays["class_names"].tolist() == ["cat", "dog"]
        assert str(arrays["origin"]) == "copies"
    with pytest.raises(ValueError, match="has no folder 'train': it needs train and test"):
        pack_images(tmp_path / "train", tmp_path / "other.npz")


def test_arrays_of_different_widths_are_cut_alike():
    wide, narrow = np.zeros((4_000, 8_192), np.float32), np.arange(8_000).reshape(4_000, 2)
    parts = list(in_chunks(wide, narrow))
    assert len(parts) > 1 and all(len(x) == len(y) for _, x, y in parts)
    np.testing.assert_array_equal(np.concatenate([y for _, _, y in parts]), narrow)
    assert [start for start, _, _ in parts] == [int(y[0, 0]) // 2 for _, _, y in parts]
