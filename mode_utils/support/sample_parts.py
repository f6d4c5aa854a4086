"""Samples part by part, as a mapped file may be larger than memory, and in the dtype of a model; digests of them."""

from hashlib import blake2b

import numpy as np

from mode_utils.support.files import release_pages

CHUNK = 16_384  # samples in one go, or fewer if they are large
_CHUNK_BYTES = 2**26
_AT_ONCE = 1_024  # samples that are read from all over an array


def in_chunks(*arrays):
    """Yield start and rows of each chunk of arrays of one length; those mapped from a file leave memory again."""
    size = min(_at_once(x, CHUNK) for x in arrays)
    for start in range(0, len(arrays[0]), size):
        yield start, *(np.asarray(x[start : start + size]) for x in arrays)
        for x in arrays:
            release_pages(x)


def joined(*lessons):
    """Return the samples and labels of several (x, y) together."""
    return tuple(np.concatenate(each) for each in zip(*lessons, strict=True))


def count_before(values):
    """Return how many of the same come before each value, (n,) int."""
    import pandas as pd  # not on import: options are checked without it

    return pd.Series(values).groupby(values).cumcount().to_numpy()


def scattered(x, places):
    """Yield samples at some places of an array, which may be mapped, few at a time; all but integers as float32."""
    for few in np.array_split(places, len(places) // _at_once(x, _AT_ONCE) + 1):
        yield convert_samples("x", x[few])
        release_pages(x)  # a sample brings its whole neighbourhood into memory


def _at_once(x, most):
    """Return how many samples are read in one go, by the bytes that they take as float32."""
    return int(np.clip(_CHUNK_BYTES // (4 * max(1, int(np.prod(x.shape[1:])))), 1, most))


def convert_samples(name, x, dtype=None):
    """Return samples in a model's dtype, by default integers or float32; those of the pool are only checked."""
    if dtype is None:
        dtype = x.dtype if x.dtype.kind in "iu" else np.float32
    elif str(dtype) == "bool" or np.dtype(dtype).kind in "iu":
        dtype = np.dtype(dtype)
        _check_whole(name, x, dtype)
        dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    else:
        dtype = np.float64 if str(dtype) == "float64" else np.float32
    return x if name.startswith("x_pool") else np.asarray(x, dtype)


def _check_whole(name, x, dtype):
    """Raise a ValueError if integers of a type cannot hold samples."""
    least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    exact = 2 ** (np.finfo(x.dtype).nmant + 1) if x.dtype.kind == "f" else None
    for _, chunk in in_chunks(x):
        if exact and (broken := chunk[chunk != np.floor(chunk)]).size:
            raise ValueError(f"{name} has {broken[0]:g}, but the model takes whole numbers ({dtype}): give it those")
        ends = [int(chunk.min()), int(chunk.max())] if chunk.size else [0]
        if exact and (largest := max(ends, key=abs)) and abs(largest) > exact:
            told = f"which holds whole numbers up to {exact}, and rounds larger ones: save it as int64"
            raise ValueError(f"{name} has {largest} as {x.dtype}, {told}")
        for wrong in ends:
            if not least <= wrong <= most:
                raise ValueError(f"{name} has {wrong}, but the model takes {dtype}: {least} .. {most}")


def digest_rows(x, dtype):
    """Return a number (n,) uint64 for each sample (n, ...), taken as a type of numbers; all integers are one type."""
    rows = np.ascontiguousarray(x, np.int64 if np.dtype(dtype).kind in "iu" else dtype).reshape(len(x), -1)
    return np.frombuffer(b"".join(blake2b(row, digest_size=8).digest() for row in rows), np.uint64)
