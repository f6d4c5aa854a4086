"""The files of a pool in shards: where they are, and their rows, a part at a time.

A shard is an .npz file as `outputs` describes them, with the arrays of the pool, or a Parquet file with a list of
numbers a row in the columns `probabilities` and `features`, and maybe `name` and `label`, empty where there is none;
under any URL that fsspec knows.
"""

import shutil
import tempfile
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import fsspec
import numpy as np
from fsspec.implementations.local import LocalFileSystem

from mode_utils.repair.arrays import CHUNK, in_chunks, labels_of, read_arrays

KINDS = (".npz", ".parquet")


def find_shards(pattern):
    """Return the shards of a pool, by name.

    Parameters
    ----------
    pattern : str
        A file, a folder, or a pattern with ``*``, on this machine or under a URL that fsspec knows.

    Returns
    -------
    dict of str to str
        URL by the part of it that tells shards apart, sorted.

    Raises
    ------
    ValueError
        If there is none, or fsspec does not know the URL.
    """
    try:
        filesystem, path = fsspec.core.url_to_fs(str(pattern))
        folder = filesystem.isdir(path)
        found = sorted(filesystem.glob(f"{path.rstrip('/')}/*" if folder else path))
    except (ImportError, OSError, ValueError) as error:
        raise ValueError(f"{pattern} cannot be looked into: {error}") from None
    found = [each for each in found if each.endswith(KINDS)]
    if not found:
        raise ValueError(f"{pattern} has no shards: files that end with {' or '.join(KINDS)} are wanted")
    above = _common_folder(found)
    return {each[len(above) :].lstrip("/"): filesystem.unstrip_protocol(each) for each in found}


@contextmanager
def open_shard(url):
    """Yield the parts of a shard in turn; what is not on this machine is copied to it first.

    Parameters
    ----------
    url : str

    Yields
    ------
    iterator of (features, probabilities, names, labels)
        (n, n_features) and (n, n_classes) float32; (n,) str and int, None where there are none.

    Raises
    ------
    ValueError
        If it is no such file; also whatever the libraries that read it raise.
    """
    filesystem, path = fsspec.core.url_to_fs(url)
    read = _parquet if path.endswith(".parquet") else _npz
    if isinstance(filesystem, LocalFileSystem):
        yield read(path)
        return
    with tempfile.NamedTemporaryFile(suffix=Path(path).suffix) as copy, filesystem.open(path) as stream:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        yield read(copy.name)


def _npz(path):
    arrays = read_arrays(path)
    lacking = [name for name in ("probabilities_pool", "features_pool") if name not in arrays]
    if lacking:
        raise ValueError(f"it has no array {lacking[0]!r}")
    sizes = {len(arrays[name]) for name in ("probabilities_pool", "features_pool", "names_pool", "y_pool")
             if name in arrays}  # fmt: skip
    if len(sizes) > 1:
        raise ValueError(f"its arrays have {' and '.join(map(str, sorted(sizes)))} rows")
    both = in_chunks(arrays["features_pool"]), in_chunks(arrays["probabilities_pool"])
    for (start, features), (_, probabilities) in zip(*both, strict=True):
        part = slice(start, start + len(features))
        names, labels = (arrays[name][part] if name in arrays else None for name in ("names_pool", "y_pool"))
        yield _part(features, probabilities, names, labels)


def _parquet(path):
    try:
        from pyarrow import parquet
    except ImportError:
        raise ValueError("Parquet is read with pyarrow: pip install 'mode_nn_debugging[shards]'") from None
    file = parquet.ParquetFile(path)
    lacking = [name for name in ("probabilities", "features") if name not in file.schema_arrow.names]
    if lacking:
        raise ValueError(f"it has no column {lacking[0]!r}, but {', '.join(file.schema_arrow.names)}")
    columns = [name for name in ("probabilities", "features", "name", "label") if name in file.schema_arrow.names]
    for batch in file.iter_batches(CHUNK, columns=columns):
        rows = {}
        for name in ("probabilities", "features"):
            numbers = batch.column(name).flatten().to_numpy(zero_copy_only=False)
            if len(numbers) % max(len(batch), 1):
                raise ValueError(f"its column {name!r} has rows of different lengths")
            rows[name] = numbers.reshape(len(batch), -1)
        empty = [name for name in columns if name != "label" and batch.column(name).null_count]
        if empty:
            raise ValueError(f"its column {empty[0]!r} has empty rows")
        others = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in columns[2:]}
        yield _part(rows["features"], rows["probabilities"], others.get("name"), others.get("label"))


def _part(features, probabilities, names, labels):
    features, probabilities = np.asarray(features, np.float32), np.asarray(probabilities, np.float32)
    names = None if names is None else np.asarray(names).astype(str)
    return (
        features,
        probabilities,
        names,
        None if labels is None else labels_of("label", np.asarray(labels), len(features)),
    )


def _common_folder(paths):
    """Return the longest folder that all paths are in."""
    parts = zip(*(path.split("/")[:-1] for path in paths), strict=False)
    return "/".join(part[0] for part in takewhile(lambda part: len(set(part)) == 1, parts))
