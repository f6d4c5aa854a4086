import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest

from mode_utils import data
from mode_utils.data import Dataset, hold_out_samples, keep_classes, load_dataset


def test_mnist_is_the_published_one_in_canonical_order(mnist):
    assert mnist.x_train.shape == (60_000, 28, 28) and mnist.x_test.shape == (10_000, 28, 28)
    assert mnist.y_train[:5].tolist() == [5, 0, 4, 1, 9] and mnist.y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert mnist.x_train.mean(dtype=np.float64) == pytest.approx(0.1306605, abs=1e-7)
    assert mnist.x_train.std(dtype=np.float64) == pytest.approx(0.3081078, abs=1e-7)


def test_a_dataset_cannot_be_written_to(mnist):
    with pytest.raises(ValueError, match="read-only"):
        mnist.x_train[0] = 1


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-100], lambda raw: raw[:5000] + b"x" + raw[5001:], lambda raw: b""]
)
def test_a_damaged_file_is_an_error_that_names_it(damage, tmp_path, monkeypatch):
    (tmp_path / "mnist.npz").write_bytes(damage((data.DATA_DIR / "mnist.npz").read_bytes()))
    monkeypatch.setattr(data, "DATA_DIR", tmp_path)
    with pytest.raises(ValueError, match=r"mnist\.npz is corrupt or truncated.*git checkout"):
        load_dataset("mnist")


def test_an_unknown_dataset_is_an_error_that_names_the_choices():
    with pytest.raises(ValueError, match="unknown dataset 'cifar'; choose from mnist, fashion_mnist"):
        load_dataset("cifar")


def a_file(folder, rng, **changes):
    arrays = {"x_train": rng.random((6, 3)).astype(np.float16), "y_train": np.arange(6) % 3}
    arrays |= {"x_test": rng.random((4, 3)).astype(np.float16), "y_test": np.arange(4) % 3} | changes
    np.savez(folder / "features.npz", **{name: each for name, each in arrays.items() if each is not None})
    return str(folder / "features.npz")


def test_a_file_of_features_is_a_dataset_by_its_path_and_by_its_name_among_the_data(tmp_path, rng, monkeypatch):
    path = a_file(tmp_path, rng, class_names=np.array(["a", "b", "c"]), groups_train=np.arange(6), groups_test=[0] * 4)
    features = load_dataset(path)
    assert features.name == "features" and features.class_names == ("a", "b", "c") and features.has_groups
    assert features.x_train.dtype == np.float32 and features.y_test.tolist() == [0, 1, 2, 0]
    monkeypatch.setattr(data, "DATA_DIR", tmp_path)
    assert load_dataset("features.npz").fingerprint == features.fingerprint
    whole = load_dataset(a_file(tmp_path, rng, x_train=np.full((6, 3), 255, np.uint8)))
    assert whole.x_train.max() == 1 and whole.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, r"features\.npz lacks y_test: a dataset has x_train"),
        ({"x_test": np.array(["a"] * 4)}, "x_test has dtype <U1: samples must be numbers"),
        ({"y_train": np.linspace(0, 1, 6)}, r"y_train has dtype float64, shape \(6,\): labels must be whole numbers"),
        ({"class_names": np.array(["a", "b"])}, r"labels span 0 .. 2; they must lie in 0 .. 1"),
        ({"x_train": np.full((6, 3), np.nan)}, "samples contain NaN"),
        ({"y_train": np.array([None] * 6)}, r"features\.npz cannot be read as arrays"),
    ],
)
def test_a_file_that_is_no_dataset_is_an_error_that_names_what_is_wrong(changes, message, tmp_path, rng):
    path = a_file(tmp_path, rng, **changes)
    with pytest.raises(ValueError, match=message):
        load_dataset(path)


def test_a_file_that_is_not_there_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"there is no file 'mine\.npz'; choose from mnist"):
        load_dataset("mine.npz")


def test_an_idx_file_is_read_as_it_was_written(tmp_path, rng):
    images = rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    header = struct.pack(">BBBB3i", 0, 0, 8, 3, 3, 4, 5)
    (tmp_path / "images.gz").write_bytes(gzip.compress(header + images.tobytes()))
    np.testing.assert_array_equal(data._read_idx(tmp_path / "images.gz"), images)


@pytest.mark.skipif(not data.DEBIAN_FASHION_MNIST.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_the_published_one():
    fashion = load_dataset("Fashion-MNIST")
    assert fashion.y_train[:5].tolist() == [9, 0, 0, 3, 0] and fashion.class_names[9] == "Ankle boot"
    assert fashion.x_train.mean(dtype=np.float64) == pytest.approx(0.2860, abs=1e-4)


def test_other_fashion_images_are_refused(tmp_path, monkeypatch, rng):
    for file, shape in (("train-images-idx3", (4, 28, 28)), ("t10k-images-idx3", (2, 28, 28))):
        header = struct.pack(">BBBB3i", 0, 0, 8, 3, *shape)
        body = rng.integers(0, 256, shape, dtype=np.uint8).tobytes()
        (tmp_path / f"{file}-ubyte.gz").write_bytes(gzip.compress(header + body))
    for file, count in (("train-labels-idx1", 4), ("t10k-labels-idx1", 2)):
        header = struct.pack(">BBBBi", 0, 0, 8, 1, count)
        (tmp_path / f"{file}-ubyte.gz").write_bytes(gzip.compress(header + bytes(count)))
    monkeypatch.setattr(data, "DEBIAN_FASHION_MNIST", tmp_path)
    with pytest.raises(ValueError, match="Fashion-MNIST is corrupt"):
        load_dataset("fashion_mnist")


def own_dataset(**changes):
    arrays = {
        "x_train": np.zeros((4, 2), np.float32),
        "y_train": np.array([0, 1, 2, 1]),
        "x_test": np.zeros((2, 2), np.float32),
        "y_test": np.array([0, 1]),
    }
    return Dataset("own", class_names=("a", "b", "c"), **(arrays | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.array([[0, np.nan]] * 4, np.float32)}, "own train: samples contain NaN"),
        ({"x_test": np.array([[0, np.inf]] * 2, np.float32)}, "own test: samples contain NaN or infinite"),
        ({"y_train": np.array([0, 1, 3, 1])}, r"own train: labels span 0 \.\. 3; they must lie in 0 \.\. 2"),
        ({"y_test": np.array([-1, 1])}, r"own test: labels span -1 \.\. 1"),
        ({"y_train": np.array([0.0, 1, 2, 1])}, "labels must be integers, not float64"),
        ({"y_train": np.array([0, 1])}, "own train: 4 samples and 2 labels"),
    ],
)
def test_bad_arrays_are_errors_that_name_part_and_value(changes, message):
    with pytest.raises(ValueError, match=message):
        own_dataset(**changes)


def test_the_fingerprint_changes_with_one_label():
    assert own_dataset().fingerprint == own_dataset().fingerprint
    assert own_dataset().fingerprint != own_dataset(y_test=np.array([0, 2])).fingerprint


def test_the_fingerprint_tells_apart_what_has_the_same_bytes():
    """Samples of another shape are for another network, and so are more classes."""
    shapes = [
        {part: np.zeros((n, *shape), np.float32) for part, n in (("x_train", 4), ("x_test", 2))}
        for shape in ((2, 1), (1, 2))
    ]
    more = Dataset(
        "own",
        **{part: getattr(own_dataset(), part) for part in ("x_train", "y_train", "x_test", "y_test")},
        class_names="abcd",
    )
    fingerprints = {own_dataset(**changes).fingerprint for changes in ({}, *shapes)} | {more.fingerprint}
    assert len(fingerprints) == 4


def test_kept_classes_are_renamed_in_their_order_and_keep_their_samples(mnist):
    part = keep_classes(mnist, [7, 2])
    assert part.class_names == ("7", "2") and part.n_classes == 2
    assert np.array_equal(part.x_train[part.y_train == 0], mnist.x_train[mnist.y_train == 7])
    assert len(part.y_test) == np.isin(mnist.y_test, [2, 7]).sum()


@pytest.mark.parametrize("labels", [[3], [3, 3], [3, 10], []])
def test_classes_that_cannot_be_kept_are_an_error(mnist, labels):
    with pytest.raises(ValueError, match=r"choose at least two of 0 \.\. 9, each once"):
        keep_classes(mnist, labels)


def test_held_out_samples_stand_in_for_the_test_part(mnist):
    part = hold_out_samples(mnist, 5_000)
    assert part.name == "mnist, held out" and len(part.y_train) == 55_000
    assert np.array_equal(part.x_test, mnist.x_train[55_000:]) and part.n_classes == 10
    for n in (0, 60_000):
        with pytest.raises(ValueError, match=f"n = {n} samples to hold out; there are 60000"):
            hold_out_samples(mnist, n)


def test_samples_that_are_sorted_by_label_are_not_held_out(mnist):
    order = np.argsort(mnist.y_train, kind="stable")
    sorted_by_label = replace(mnist, x_train=mnist.x_train[order], y_train=mnist.y_train[order])
    with pytest.raises(ValueError, match="the last 5000 training samples have 1 of 10 labels: shuffle the file"):
        hold_out_samples(sorted_by_label, 5_000)


def test_a_local_cifar10_says_what_it_is_and_one_of_other_shapes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DATA_DIR", tmp_path)
    x, y = np.full((3, 32, 32, 3), 255, np.uint8), np.arange(3, dtype=np.uint8)
    np.savez(tmp_path / "cifar10.npz", x_train=x, y_train=y, x_test=x[:2], y_test=y[:2], origin=np.array("JPEG copies"))
    message = r"train has arrays of the shapes \[\(3, 32, 32, 3\), \(3,\)\], not \[\(50000"
    with pytest.raises(ValueError, match=message):
        load_dataset("cifar10")
    monkeypatch.setattr(data, "_CIFAR10_SIZES", (3, 2))
    cifar10 = load_dataset("cifar10")
    assert cifar10.name == "cifar10, JPEG copies" and cifar10.class_names[3] == "cat"
    assert cifar10.x_train.dtype == np.float32 and (cifar10.x_test == 1).all()
