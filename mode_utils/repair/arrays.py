"""Somebody's own data: the named arrays of an .npz file; for folders of images see `image_folders`.

Arrays that are stored without compression (`np.savez`) are mapped into memory, so that a pool may be larger than it.
Nothing is unpickled.
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mode_utils.diagnosis import another_order
from mode_utils.splits import Splits, Subset
from mode_utils.support.files import release_pages

REQUIRED = ("x_train", "y_train", "x_validation", "y_validation", "x_pool")
OPTIONAL = ("y_pool", "names_pool", "x_test", "y_test")
CHUNK = 16_384  # samples looked at in one go
_NAMED = 10  # labels in a sentence
_AT_ONCE = 1_024  # samples that are read from all over an array


@dataclass(frozen=True)
class OwnData:
    """Samples and labels in their roles.

    Attributes
    ----------
    x_train, x_validation, x_pool : (n, ...) arrays
        What the model was trained on, what diagnosis looks at, and what a repair may add. `x_test` only scores; None
        if there is none.
    y_train, y_validation : (n,) int32
        Labels 0 .. n_classes - 1; `y_pool` and `y_test` are None if there are none.
    class_names : tuple of str
    names_pool : (n,) str, optional
        What the samples of the pool are called, such as the files that they are from.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_pool: np.ndarray
    y_pool: np.ndarray | None
    x_test: np.ndarray | None
    y_test: np.ndarray | None
    class_names: tuple[str, ...]
    names_pool: np.ndarray | None = None

    @property
    def n_classes(self):
        """Number of labels."""
        return len(self.class_names)

    def splits(self, pool_labels=None):
        """Return the roles as `splits.Splits`, the pool with the given labels or 0; validation stands in for a test."""
        pool_labels = np.zeros(len(self.x_pool)) if pool_labels is None else pool_labels
        parts = {"train": (self.x_train, self.y_train), "validation": (self.x_validation, self.y_validation)}
        parts |= {"bug_fixing": (self.x_pool, pool_labels)}
        parts |= {"test": parts["validation"] if self.x_test is None else (self.x_test, self.y_test)}
        subsets = {role: Subset(x, np.asarray(y, np.int32), np.arange(len(y))) for role, (x, y) in parts.items()}
        return Splits(**subsets, n_classes=self.n_classes)


def load_own_data(path, class_names=None, n_classes=None, input_names=None):
    """Load and check somebody's own data.

    Parameters
    ----------
    path : path
        An .npz file with `x_train`, `y_train`, `x_validation`, `y_validation`, `x_pool`, and if there are any `y_pool`,
        `names_pool`, `x_test`, `y_test`; of a model with several inputs `x_train.<input>` and so on for each.
    class_names : sequence of str, optional
        By default the labels themselves.
    n_classes : int, optional
        Number of labels; by default that of the class names, or the largest label plus 1.
    input_names : sequence of str, optional
        Of a model with several inputs.

    Returns
    -------
    OwnData

    Raises
    ------
    FileNotFoundError, ValueError
        In one sentence, what is wrong and what to do.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no data file {path}")
    return check_arrays(_join(read_arrays(path), input_names or ()), class_names, n_classes, path)


def check_arrays(arrays, class_names=None, n_classes=None, path="the data"):
    """Check arrays by name and make `OwnData` of them; see `load_own_data`."""
    _check_names(path, arrays)
    arrays, spans = dict(arrays), {}
    for part in ("train", "validation", "pool", "test"):
        if f"x_{part}" in arrays:
            spans[f"x_{part}"] = check_samples(f"x_{part}", arrays[f"x_{part}"], arrays["x_train"])
            check_span(f"x_{part}", spans[f"x_{part}"], spans["x_train"])
            if part != "pool":  # which may be larger than memory
                arrays[f"x_{part}"] = np.asarray(arrays[f"x_{part}"], np.float32)
        if f"y_{part}" in arrays:
            arrays[f"y_{part}"] = labels_of(f"y_{part}", arrays[f"y_{part}"], len(arrays[f"x_{part}"]))
    if "names_pool" in arrays:
        arrays["names_pool"] = names_of(arrays["names_pool"], len(arrays["x_pool"]))
    check_class_names(class_names or ())
    largest = max(int(labels.max()) for name, labels in arrays.items() if name.startswith("y_"))
    n_classes = len(class_names) if class_names else n_classes or largest + 1
    if largest >= n_classes:
        raise ValueError(
            f"label {largest} is too large for {n_classes} classes: labels must lie in 0 .. {n_classes - 1}"
        )
    names = tuple(map(str, class_names or range(n_classes)))
    return OwnData(**{name: arrays.get(name) for name in (*REQUIRED, *OPTIONAL)}, class_names=names)


def check_class_names(names):
    """Raise a ValueError if a class has no name, or two have one."""
    names = [str(name).strip() for name in names]
    if "" in names:
        raise ValueError(f"the name of class {names.index('')} is empty: give each class a name")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(
            f"the class name {twice!r} comes {names.count(twice)} times: give each class a name of its own"
        )


def check_order(predicted, y, class_names, whose):
    """Raise a ValueError if labels explain predictions far better in another order, see `diagnosis.another_order`."""
    order, another = another_order(y, predicted, len(class_names))
    if order is None:
        return
    moved = np.intersect1d(np.flatnonzero(order != np.arange(len(order))), y)
    first = max(moved, key=lambda label: ((y == label) & (predicted == order[label])).sum())
    raise ValueError(
        f"the classes are probably in another order: the model gets {(predicted == y).mean():.0%} {whose} right, "
        f"but {another:.0%} if {len(moved)} labels are exchanged; what the data call {class_names[first]!r} it takes "
        f"for label {order[first]} ({class_names[order[first]]!r}): give the classes in its order (--class-names)"
    )


def say_unseen(data):
    """Return what is to be said of labels without validation samples; an empty text where there are none."""
    unseen, unknown = (~np.isin(np.arange(data.n_classes), y) for y in (data.y_validation, data.y_train))
    if not unseen.any():
        return ""
    told = (
        f"No validation samples of {listed(data, unseen)}: whether the model fails there cannot be seen; it is taken "
        "to fail as often as in training, or as in the other labels."
    )
    unknown &= unseen
    if unknown.any() and data.y_pool is None:
        told += f" Nor are training samples of {listed(data, unknown)} known: no sample of the pool is taken for one."
    return told


def listed(data, marked):
    """Return the names of some labels, (n_classes,) bool, as they stand in a sentence, of many the first."""
    names = [data.class_names[label] for label in np.flatnonzero(marked)]
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def in_chunks(x):
    """Yield start and samples of each chunk of an array in turn; those mapped from a file leave memory again."""
    for start in range(0, len(x), CHUNK):
        yield start, np.asarray(x[start : start + CHUNK])
        release_pages(x)


def scattered(x, places):
    """Yield samples at some places of an array, float32, few at a time: it may be mapped from a file."""
    for few in np.array_split(places, len(places) // _AT_ONCE + 1):
        yield np.asarray(x[few], np.float32)
        release_pages(x)  # a sample brings its whole neighbourhood into memory


def read_arrays(path):
    """Read the arrays of an .npz file by name, those that are stored without compression as maps of the file.

    Raises
    ------
    ValueError
        If the file is no .npz file, is truncated or has arrays of Python objects.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                arrays[entry.filename.removesuffix(".npy")] = _read_array(path, archive, entry)
    except RuntimeError:
        raise ValueError(f"{path} is encrypted: write it again with np.savez") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, zipfile.LargeZipFile) as error:
        raise ValueError(f"{path} is no complete .npz file ({error}): write it again with np.savez") from None
    return arrays


def _read_array(path, archive, entry):
    if not entry.filename.endswith(".npy"):
        raise ValueError(f"{path} has an entry {entry.filename!r} that is no array: write it again with np.savez")
    with archive.open(entry) as stream:
        try:
            version = np.lib.format.read_magic(stream)
        except ValueError:
            raise ValueError(f"entry {entry.filename!r} of {path} is no array: write it again with np.savez") from None
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
        if dtype.hasobject:
            raise ValueError(
                f"array {entry.filename.removesuffix('.npy')!r} of {path} holds Python objects, which are never "
                "unpickled: save it with a numeric dtype"
            )
        if entry.compress_type != zipfile.ZIP_STORED or fortran or not np.prod(shape):
            stream.seek(0)
            return np.lib.format.read_array(stream, allow_pickle=False)
        offset = stream.tell()
    return np.memmap(path, dtype, "r", _start_of(path, entry) + offset, shape)


def _start_of(path, entry):
    """Return where the content of a stored entry starts: its local header has lengths of its own."""
    with open(path, "rb") as file:
        file.seek(entry.header_offset + 26)
        name, extra = np.frombuffer(file.read(4), "<u2")
    return entry.header_offset + 30 + int(name) + int(extra)


def _join(arrays, input_names):
    """Put the arrays of several inputs side by side."""
    if len(input_names) < 2:
        return arrays
    from mode_utils.networks.classifiers import join_inputs  # imports TensorFlow

    joined = {name: array for name, array in arrays.items() if "." not in name}
    for part in sorted({name.split(".", 1)[0] for name in arrays if "." in name}):
        lacking = [name for name in input_names if f"{part}.{name}" not in arrays]
        if lacking:
            inputs = ", ".join(input_names)
            raise ValueError(f"the model has the inputs {inputs}, but there is no array '{part}.{lacking[0]}': add it")
        joined[part] = join_inputs([arrays[f"{part}.{name}"] for name in input_names])
    return joined


def _check_names(path, arrays):
    lacking = [name for name in REQUIRED if name not in arrays]
    if lacking:
        raise ValueError(
            f"{path} has no array {lacking[0]!r}: it needs {', '.join(REQUIRED)}, and may have {', '.join(OPTIONAL)}"
        )
    unknown = [name for name in arrays if name not in (*REQUIRED, *OPTIONAL)]
    if unknown:
        raise ValueError(f"{path} has an array {unknown[0]!r}: choose from {', '.join((*REQUIRED, *OPTIONAL))}")
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise ValueError(f"{path} has only one of x_test and y_test: give both or none")


def check_samples(name, x, like, whose="x_train"):
    """Return the least and the largest number of samples; raise a ValueError if they are none, or unlike others."""
    if x.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {x.dtype}: samples must be numbers")
    if x.ndim < 2 or not len(x):
        raise ValueError(f"{name} has shape {x.shape}: samples must be (n, ...) with at least one of them")
    if x.shape[1:] != like.shape[1:]:
        raise ValueError(
            f"a sample of {name} has shape {x.shape[1:]}, one of {whose} {like.shape[1:]}: they must be alike"
        )
    low, high = np.inf, -np.inf
    for start, chunk in in_chunks(x):
        ends = chunk.min(), chunk.max()  # NaN if there is one
        if not np.isfinite(ends).all():
            raise ValueError(f"{name} has NaN or infinite values after sample {start}: replace them")
        low, high = min(low, ends[0]), max(high, ends[1])
    return float(low), float(high)


def check_span(name, span, like, whose="x_train"):
    """Raise a ValueError if samples are scaled in another way than others, by the span of their numbers."""
    sizes = [max(map(abs, ends)) for ends in (span, like)]
    if min(sizes) * 20 < max(sizes):
        raise ValueError(
            f"{name} spans {span[0]:g} .. {span[1]:g}, but {whose} {like[0]:g} .. {like[1]:g}: scale both alike"
        )


def labels_of(name, y, n):
    """Return labels as integers (n,), also from one-hot rows; raise a ValueError if they are none."""
    if y.ndim == 2 and y.shape[1] > 1 and set(np.unique(y)) <= {0, 1} and (y.sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    whole = y.dtype.kind in "iub" or (y.dtype.kind == "f" and bool((y == np.floor(y)).all() and np.isfinite(y).all()))
    if y.ndim != 1 or not whole:
        raise ValueError(
            f"{name} has shape {y.shape} and dtype {y.dtype}: labels must be integers (n,) or one-hot rows"
        )
    if len(y) != n:
        raise ValueError(f"{name} has {len(y)} labels for {n} samples: one each is needed")
    if y.min() < 0:
        raise ValueError(f"{name} has label {y.min()}: labels must lie in 0 .. n_classes - 1")
    if y.max() > np.iinfo(np.int32).max:
        raise ValueError(f"{name} has label {y.max()}: that is too large for a label")
    return y.astype(np.int32)


def names_of(names, n):
    """Return names as texts (n,); raise a ValueError if they are none, or two are the same."""
    if names.dtype.kind not in "US" or names.shape != (n,):
        raise ValueError(
            f"names_pool has shape {names.shape} and dtype {names.dtype}: it needs a text for each of the {n} samples"
        )
    names = names.astype(str)
    values, counts = np.unique(names, return_counts=True)
    if counts.max() > 1:
        raise ValueError(
            f"names_pool has {str(values[counts.argmax()])!r} {counts.max()} times: each name must be there once"
        )
    return names
