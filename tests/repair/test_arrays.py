import numpy as np
import pytest

from mode_utils.networks.backend import keras
from mode_utils.repair.arrays import load_own_data, read_arrays
from mode_utils.repair.image_folders import pack_images


@pytest.fixture
def arrays(rng):
    sizes = {"train": 30, "validation": 20, "pool": 40, "test": 10}
    samples = {f"x_{part}": rng.random((n, 4, 3), dtype=np.float32) for part, n in sizes.items()}
    return samples | {f"y_{part}": np.arange(n) % 3 for part, n in sizes.items()}


def save(folder, arrays, writer=np.savez):
    writer(folder / "data.npz", **arrays)
    return folder / "data.npz"


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_they_were_written(arrays, writer, tmp_path):
    data = load_own_data(save(tmp_path, arrays, writer))
    for name, array in arrays.items():
        np.testing.assert_array_equal(getattr(data, name), array)
    assert data.class_names == ("0", "1", "2") and data.y_pool.dtype == np.int32


def test_arrays_that_are_not_compressed_stay_on_disk(arrays, tmp_path):
    stored, compressed = (read_arrays(save(tmp_path, arrays, w))["x_pool"] for w in (np.savez, np.savez_compressed))
    assert isinstance(stored, np.memmap) and not isinstance(compressed, np.memmap)


def test_labels_may_be_one_hot_rows_a_column_or_whole_floats(arrays, tmp_path):
    expected = arrays["y_train"]
    for labels in (np.eye(3)[expected], expected[:, None], expected.astype(float)):
        np.testing.assert_array_equal(load_own_data(save(tmp_path, arrays | {"y_train": labels})).y_train, expected)


def test_pool_labels_and_test_samples_may_be_missing(arrays, tmp_path):
    few = {name: arrays[name] for name in ("x_train", "y_train", "x_validation", "y_validation", "x_pool")}
    data = load_own_data(save(tmp_path, few), class_names=["a", "b", "c"])
    assert data.y_pool is None and data.x_test is None and data.class_names == ("a", "b", "c")
    splits = data.splits(np.zeros(40))
    assert len(splits.bug_fixing) == 40 and len(splits.test) == len(splits.validation) == 20


def test_the_inputs_of_a_model_with_several_stand_side_by_side(arrays, tmp_path):
    both = {}
    for name, array in arrays.items():
        both |= {f"{name}.image": array, f"{name}.meta": array[:, 0] * 10} if name.startswith("x") else {name: array}
    data = load_own_data(save(tmp_path, both), input_names=["image", "meta"])
    np.testing.assert_array_equal(data.x_pool[:, :12], arrays["x_pool"].reshape(40, 12))
    np.testing.assert_allclose(data.x_pool[:, 12:], arrays["x_pool"][:, 0] * 10, rtol=1e-6)
    with pytest.raises(ValueError, match=r"has the inputs image, mass, but there is no array 'x_pool.mass'"):
        load_own_data(tmp_path / "data.npz", input_names=["image", "mass"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.pop("x_pool"), "has no array 'x_pool': it needs x_train, y_train"),
        (lambda a: a.update(x_extra=a["x_pool"]), "has an array 'x_extra': choose from x_train"),
        (lambda a: a.pop("y_test"), "only one of x_test and y_test"),
        (lambda a: a.update(x_pool=a["x_pool"][:, :3]), r"sample of x_pool has shape \(3, 3\), one of x_train"),
        (lambda a: a.update(x_pool=a["x_pool"].astype(str)), "x_pool has dtype <U.*: samples must be numbers"),
        (lambda a: a["x_pool"].__setitem__((3, 0, 0), np.nan), "x_pool has NaN or infinite values"),
        (lambda a: a.update(x_pool=255 * a["x_pool"]), "x_pool spans .*, but x_train .*: scale both alike"),
        (lambda a: a.update(y_pool=a["y_pool"][:-1]), "y_pool has 39 labels for 40 samples"),
        (lambda a: a.update(y_train=a["y_train"] - 1), "y_train has label -1"),
        (lambda a: a.update(y_pool=a["y_pool"] + 0.5), "labels must be integers"),
        (lambda a: a.update(y_pool=np.array(list("abcd") * 10, object)), "Python objects, which are never unpickled"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_arrays_is_said_in_a_sentence(spoil, message, arrays, tmp_path):
    spoil(arrays)
    with pytest.raises(ValueError, match=message):
        load_own_data(save(tmp_path, arrays))


def test_a_label_too_large_and_a_missing_or_truncated_file_are_errors(arrays, tmp_path):
    path = save(tmp_path, arrays)
    with pytest.raises(ValueError, match="label 2 is too large for 2 classes"):
        load_own_data(path, class_names=["a", "b"])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"is no complete .npz file .*write it again"):
        load_own_data(path)
    with pytest.raises(FileNotFoundError, match="there is no data file"):
        load_own_data(tmp_path / "none.npz")


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
