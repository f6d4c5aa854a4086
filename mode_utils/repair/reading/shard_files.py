"""The files of a pool in shards: where they are, and their rows, a part at a time.

A shard is an .npz file with the arrays of a pool (`array_sets.OUTPUTS`), or a Parquet file with a list of numbers a row
in the columns `probabilities` and `features`, and maybe `name` and `label`, empty where there is none. Of
``label=cat/part-0.parquet`` the folder says the label.
"""

import re
import shutil
import tempfile
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import fsspec
import numpy as np
from fsspec.implementations.local import LocalFileSystem

from mode_utils.repair.reading.class_names import listed, printable
from mode_utils.repair.reading.label_arrays import labels_of
from mode_utils.repair.reading.npz_files import as_plain, read_arrays
from mode_utils.support.sample_parts import CHUNK, in_chunks

KINDS = (".npz", ".parquet")
_COLUMNS = {"features": "features_pool", "probabilities": "probabilities_pool", "name": "names_pool", "label": "y_pool"}


def find_shards(pattern):
    """Return URLs of shards by name, sorted, from a file, a folder or a pattern with ``*``, as fsspec reads it."""
    try:
        filesystem, path = fsspec.core.url_to_fs(str(pattern))
        exact = filesystem.exists(path)
        root = path if exact else re.split(r"[*?\[]", path)[0].rpartition("/")[0]
        places = [path] if exact else filesystem.glob(path)
        found = sorted({file for place in places for file in _below(filesystem, place, len(root))})
    except (ImportError, OSError, ValueError) as error:
        raise ValueError(f"{pattern} cannot be looked into: {error}") from None
    if not found:
        raise ValueError(f"{pattern} has no shards: files that end with {' or '.join(KINDS)} are wanted")
    parts = zip(*(file.split("/")[:-1] for file in found), strict=False)
    above = "/".join(part[0] for part in takewhile(lambda part: len(set(part)) == 1, parts))
    return {each[len(above) :].lstrip("/"): filesystem.unstrip_protocol(each) for each in found}


def _below(filesystem, place, root):
    """Return the shards of a folder, or of a file itself; what writers leave beside them begins with _ or a dot."""
    files = filesystem.find(place) if filesystem.isdir(place) else [place]
    shards = [file for file in files if file.lower().endswith(KINDS)]
    return [file for file in shards if not any(part.startswith(("_", ".")) for part in file[root:].split("/"))]


@contextmanager
def open_shard(url, class_names=None):
    """Yield an iterator of the parts of a shard; what is not on this machine is copied to it first.

    A part is features (n, n_features), probabilities (n, n_classes), float32; names (n,) str and labels (n,) int, -1
    where one is missing, each None where there are none. The libraries that read a file raise what they do.
    """
    filesystem, path = fsspec.core.url_to_fs(url)
    read = _parquet if path.lower().endswith(".parquet") else _npz
    label = next((unquote(part[6:]) for part in path.split("/") if part.startswith("label=")), None)
    label = "" if label == "__HIVE_DEFAULT_PARTITION__" else label
    if isinstance(filesystem, LocalFileSystem):
        yield _parts(read(path), label, class_names)
        return
    with tempfile.NamedTemporaryFile(suffix=Path(path).suffix) as copy, filesystem.open(path) as stream:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        yield _parts(read(copy.name), label, class_names)


def _parts(parts, label, class_names):
    """Yield parts of a shard as they are used; their labels may be in the name of its folder."""
    start = 0
    for features, probabilities, names, labels in parts:
        n = len(features)
        labels = np.full(n, label) if labels is None and label is not None else labels
        try:
            labels = None if labels is None else labels_of("label", labels, n, class_names)
        except ValueError as error:
            raise ValueError(f"{error} (counted from row {start})" if start else str(error)) from None
        yield _numbers("features", features), _numbers("probabilities", probabilities), _texts(names, start), labels
        start += n


def _numbers(name, rows):
    if rows.dtype.kind not in "fiub" or rows.ndim != 2:
        raise ValueError(f"its {name} have shape {rows.shape} and dtype {rows.dtype}: a row of numbers each is needed")
    return np.asarray(rows, np.float32)


def _texts(names, start):
    if names is None:
        return None
    names = as_plain(names)
    if names.dtype.kind != "U":
        raise ValueError(f"its names have dtype {names.dtype}: they must be texts")
    if (names == "").any():
        raise ValueError(f"row {start + int((names == '').argmax())} has no name: give all of them names, or none")
    return np.array([printable(name) for name in names.tolist()], str)


def _npz(path):
    arrays = read_arrays(path)
    if lacking := next((name for name in ("probabilities_pool", "features_pool") if name not in arrays), None):
        raise ValueError(f"it has no array {lacking!r}, but {', '.join(arrays)}")
    arrays = {name: arrays[name] for name in _COLUMNS.values() if name in arrays}
    sizes = {array.shape[:1] for array in arrays.values()}
    if len(sizes) > 1 or () in sizes:
        raise ValueError(f"its arrays have {' and '.join(str(*size) for size in sorted(sizes))} rows")
    more = [arrays.get(name) for name in ("names_pool", "y_pool")]
    for start, features, probabilities in in_chunks(arrays["features_pool"], arrays["probabilities_pool"]):
        part = slice(start, start + len(features))
        yield features, probabilities, *(None if each is None else each[part] for each in more)


def _parquet(path):
    try:
        from pyarrow import parquet
    except ImportError:
        raise ValueError("Parquet is read with pyarrow: pip install 'mode_nn_debugging[shards]'") from None
    file = parquet.ParquetFile(path)
    known = file.schema_arrow.names
    found = {what: next((name for name in (what, other) if name in known), None) for what, other in _COLUMNS.items()}
    if lacking := next((what for what in ("probabilities", "features") if found[what] is None), None):
        put = f"put the numbers of a row into one list, as in table[{lacking!r}] = list(table[columns].to_numpy())"
        raise ValueError(f"it has no column {lacking!r}, but {listed(known, 8)}: {put}")
    for batch in filter(len, file.iter_batches(CHUNK, columns=[name for name in found.values() if name])):
        rows = [_rows(name, batch.column(name)) for name in (found["features"], found["probabilities"])]
        yield *rows, *(_values(batch.column(found[what])) if found[what] else None for what in ("name", "label"))


def _rows(name, column):
    """Return a column of lists, all of the same length, as numbers (n, n_numbers)."""
    from pyarrow import compute, types

    column = getattr(column, "storage", column)  # of a tensor
    kind = column.type
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        raise ValueError(f"its column {name!r} holds {kind}: a list of numbers a row is needed")
    if column.null_count:
        raise ValueError(f"its column {name!r} has empty rows")
    if len(set(compute.list_value_length(column).to_numpy(zero_copy_only=False).tolist())) > 1:
        raise ValueError(f"its column {name!r} has rows of different lengths")
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)


def _values(column):
    column = column.dictionary_decode() if hasattr(column, "dictionary_decode") else column
    return column.to_numpy(zero_copy_only=False)
