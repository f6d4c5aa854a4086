"""Datasets: MNIST, which comes with the repository, others on demand, or arrays of your own in a `Dataset`."""

import gzip
import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from mode_utils.support.code_hash import record_input

_OF_REPOSITORY = Path(__file__).resolve().parents[1] / "data"
_OF_USER = Path.home() / ".cache" / "mode_nn_debugging"  # where the package is installed without its repository
DATA_DIR = Path(os.environ.get("MODE_DATA_DIR", _OF_REPOSITORY if _OF_REPOSITORY.is_dir() else _OF_USER))
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")

_MNIST_SHA256 = "b5e394bc34918bacb3c7d30dae8a52f2e99dbccb1317eccfc24e1d09f564e406"
_FASHION_MNIST_SHA256 = "ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f"
_FASHION_MNIST_CLASSES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                          "Ankle boot")  # fmt: skip
_CIFAR10_SIZES = (50_000, 10_000)
_CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_PARTS, _GROUPS = ("x_train", "y_train", "x_test", "y_test"), ("groups_train", "groups_test")


@dataclass(frozen=True)
class Dataset:
    """Samples and labels, checked once, and seen through read-only views."""

    name: str
    x_train: np.ndarray  #: (n, ...) float32, images in [0, 1]
    y_train: np.ndarray  #: (n,) int32 in 0 .. n_classes - 1
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    groups_train: np.ndarray | None = None  #: (n,) texts or integers, what samples share beside their label; both parts
    groups_test: np.ndarray | None = None

    def __post_init__(self):
        _check_groups(self)
        for part in ("train", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            _check_samples(f"{self.name} {part}", x, y, len(self.class_names))
            for name, array in ((f"x_{part}", x.view()), (f"y_{part}", y.view())):
                array.setflags(write=False)
                object.__setattr__(self, name, array)

    @property
    def n_classes(self):
        """Number of labels."""
        return len(self.class_names)

    @property
    def has_groups(self):
        """Whether it is known what samples share beside their label."""
        return self.groups_train is not None

    @cached_property
    def fingerprint(self):
        """SHA-256 of samples and labels: what a cached result depends on."""
        digest = hashlib.sha256(str(self.n_classes).encode())
        for array in (getattr(self, part) for part in (*_PARTS, *(_GROUPS if self.has_groups else ()))):
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()


def load_dataset(name="mnist"):
    """Load "mnist", "fashion_mnist" or "cifar10" as a `Dataset` of images in [0, 1], or an .npz file by its path.

    MNIST comes with the repository; without it, as beside an installed wheel, it is a FileNotFoundError. Debian's
    package `dataset-fashion-mnist` and `data/cifar10.npz` (`repair.reading.image_folders` makes one from images; its
    `origin` becomes part of the name) are read if they are there; otherwise, these two are downloaded. An unknown name,
    and data that is not what was published, byte for byte, is a ValueError; of a local CIFAR-10, other shapes are.

    A file holds `x_train`, `y_train`, `x_test`, `y_test`, and any of `class_names`, `groups_train`, `groups_test`:
    features, as of a network that others have trained, or whole numbers of 0 to 255, which become [0, 1].
    """
    key = dataset_name(name)
    if key not in _LOADERS:
        return _read_file(Path(key))
    arrays, class_names = _LOADERS[key]()
    x_train, x_test = (np.divide(arrays[part], 255, dtype=np.float32) for part in ("x_train", "x_test"))
    y_train, y_test = (arrays[part].astype(np.int32) for part in ("y_train", "y_test"))
    name = f"{key}, {arrays['origin']}" if str(arrays.get("origin", "")) else key
    return Dataset(name, x_train, y_train, x_test, y_test, class_names)


def keep_classes(dataset, labels):
    """Return the dataset of some labels, at least two, each once, which become 0, 1, ... in the given order."""
    labels = [int(label) for label in labels]
    if len(labels) < 2 or len(set(labels)) < len(labels) or not set(labels) <= set(range(dataset.n_classes)):
        raise ValueError(f"labels {labels}: choose at least two of 0 .. {dataset.n_classes - 1}, each once")
    new, parts, groups = np.full(dataset.n_classes, -1, dtype=np.int32), [], []
    new[labels] = np.arange(len(labels))
    for part in ("train", "test"):
        x, y, own = (getattr(dataset, f"{kind}_{part}") for kind in ("x", "y", "groups"))
        kept = np.isin(y, labels)
        parts += [x[kept], new[y[kept]]]
        groups += [own if own is None else np.asarray(own)[kept]]
    return Dataset(f"{dataset.name} {labels}", *parts, tuple(dataset.class_names[label] for label in labels), *groups)


def hold_out_samples(dataset, n):
    """Return the dataset with its last n training samples in place of its test part, which is then still unseen.

    A ValueError, if these lack most labels that the others have, as in a file that is sorted by label.
    """
    if not 0 < n < len(dataset.y_train):
        raise ValueError(f"n = {n} samples to hold out; there are {len(dataset.y_train)}, some of them must stay")
    of_last, of_others = (len(np.unique(y)) for y in (dataset.y_train[-n:], dataset.y_train[:-n]))
    if of_last < min(of_others, n) / 2:
        told = f"the last {n} training samples have {of_last} of {of_others} labels: shuffle the file, which is sorted"
        raise ValueError(told)
    sides, own = (slice(-n), slice(-n, None)), dataset.groups_train
    parts = (each[part] for part in sides for each in (dataset.x_train, dataset.y_train))
    groups = (None if own is None else own[part] for part in sides)
    return Dataset(f"{dataset.name}, held out", *parts, dataset.class_names, *groups)


def dataset_name(name):
    """Return the name as `load_dataset` knows it, or raise a ValueError that names the choices."""
    key = str(name).lower().replace("-", "_").replace(" ", "_")
    if str(name).endswith(".npz") and (found := [path for path in (Path(name), DATA_DIR / name) if path.is_file()]):
        return str(found[0])
    if key not in _LOADERS:
        missing = "there is no file" if key.endswith(".npz") else "unknown dataset"
        raise ValueError(f"{missing} {name!r}; choose from {', '.join(_LOADERS)}, or give the path of an .npz file")
    return key


def _read_file(path):
    record_input(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as arrays: {error}") from None
    if missing := [name for name in _PARTS if name not in arrays]:
        raise ValueError(f"{path} lacks {', '.join(missing)}: a dataset has {', '.join(_PARTS)}")
    samples = []
    for name in ("x_train", "x_test"):
        x = arrays[name]
        if x.dtype.kind not in "uif":
            raise ValueError(f"{path}: {name} has dtype {x.dtype}: samples must be numbers")
        samples.append(np.divide(x, 255, dtype=np.float32) if x.dtype == np.uint8 else x.astype(np.float32))
    labels = [arrays[name] for name in ("y_train", "y_test")]
    for name, y in zip(("y_train", "y_test"), labels, strict=True):
        if y.dtype.kind not in "ui" or y.ndim != 1:
            raise ValueError(f"{path}: {name} has dtype {y.dtype}, shape {y.shape}: labels must be whole numbers (n,)")
    named = arrays.get("class_names", np.arange(1 + max(int(y.max(initial=0)) for y in labels)))
    parts = samples[0], labels[0].astype(np.int32), samples[1], labels[1].astype(np.int32)
    return Dataset(path.stem, *parts, tuple(map(str, named)), arrays.get("groups_train"), arrays.get("groups_test"))


def _check_samples(what, x, y, n_classes):
    if len(x) != len(y) or len(y) == 0:
        raise ValueError(f"{what}: {len(x)} samples and {len(y)} labels; both must be of the same, positive number")
    if not np.isfinite(x.min()) or not np.isfinite(x.max()):  # min and max propagate NaN
        raise ValueError(f"{what}: samples contain NaN or infinite values")
    if not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"{what}: labels must be integers, not {y.dtype}")
    if y.min() < 0 or y.max() >= n_classes:
        raise ValueError(f"{what}: labels span {y.min()} .. {y.max()}; they must lie in 0 .. {n_classes - 1}")


def _load_mnist():
    path = DATA_DIR / "mnist.npz"
    record_input(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; it comes with the repository: let MODE_DATA_DIR name its data/")
    _check_digest(path, path.read_bytes(), _MNIST_SHA256)
    with np.load(path, allow_pickle=False) as arrays:
        return {part: arrays[part] for part in _PARTS}, tuple("0123456789")


def _load_fashion_mnist():
    if DEBIAN_FASHION_MNIST.is_dir():
        files = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
        read = [_read_idx(DEBIAN_FASHION_MNIST / f"{file}-ubyte.gz") for file in files]
        arrays = dict(zip(_PARTS, read, strict=True))
    else:
        arrays = _download("fashion_mnist")
    _check_digest("Fashion-MNIST", b"".join(arrays[part].tobytes() for part in _PARTS), _FASHION_MNIST_SHA256)
    return arrays, _FASHION_MNIST_CLASSES


def _download(name):
    from mode_utils.networks.backend import keras

    (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    return dict(zip(_PARTS, (x_train, y_train.ravel(), x_test, y_test.ravel()), strict=True))


def _load_cifar10():
    path = DATA_DIR / "cifar10.npz"
    record_input(path)
    if not path.exists():
        return _download("cifar10"), _CIFAR10_CLASSES
    with np.load(path, allow_pickle=False) as file:
        arrays = {part: file[part] for part in file.files}
    for part, n in zip(("train", "test"), _CIFAR10_SIZES, strict=True):
        shapes = [arrays[f"{role}_{part}"].shape if f"{role}_{part}" in arrays else None for role in "xy"]
        if shapes != [(n, 32, 32, 3), (n,)]:
            raise ValueError(f"{path}: {part} has arrays of the shapes {shapes}, not {[(n, 32, 32, 3), (n,)]}")
    return arrays, _CIFAR10_CLASSES


def _read_idx(path):
    """Read an IDX file: two zero bytes, type, number of dimensions, the dimensions as big-endian int32, the bytes."""
    raw = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(raw, ">i4", raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def _check_groups(dataset):
    for name, n in zip(_GROUPS, (len(dataset.y_train), len(dataset.y_test)), strict=True):
        shape = np.shape(getattr(dataset, name))
        if dataset.has_groups != (getattr(dataset, name) is not None) or (dataset.has_groups and shape != (n,)):
            told = f"{dataset.name}: {name} has shape {shape}, not {(n,)}"
            raise ValueError(f"{told}: give groups of both parts, or none")


def _check_digest(what, content, expected):
    if (digest := hashlib.sha256(content).hexdigest()) != expected:
        again = "fetch it again (for data/mnist.npz: git checkout -- data/mnist.npz)"
        raise ValueError(f"{what} is corrupt or truncated: SHA-256 {digest}, expected {expected}; {again}")


_LOADERS = {"mnist": _load_mnist, "fashion_mnist": _load_fashion_mnist, "cifar10": _load_cifar10}
