"""The named arrays of an .npz file, without running anything that the file brings.

Arrays that are stored without compression (`np.savez`) are mapped into memory, after a pass that compares checksums.
Arrays of Python objects are read if they hold texts, numbers and missing values only: no other class is looked up.
"""

import lzma
import pickle
import zipfile
import zlib
from pathlib import Path
from types import NoneType

import numpy as np

_BLOCK = 1 << 20  # bytes read at once
_MAGIC = {b"\x93NUMPY": "a single array (.npy)", b"\x89HDF": "an HDF5 file", b"PAR1": "a Parquet file",
          b"MATLAB": "a .mat file", b"\x1f\x8b": "compressed with gzip", b"\x80\x04": "a pickle",
          b"\x80\x05": "a pickle"}  # fmt: skip
_OTHER, _AGAIN = "is not an .npz file", "write it again with np.savez"
_NUMPY = ("numpy", "numpy._core.multiarray", "numpy.core.multiarray")
_NUMBERS = (bool, int, float, np.bool_, np.number)


def read_arrays(path):
    """Return arrays of an .npz file by name, uncompressed ones as maps; a ValueError says what the file is instead."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no data file {path}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give an .npz file")
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                if name in arrays:
                    raise ValueError(f"{path} has the array {name!r} twice: {_AGAIN}")
                arrays[name] = _read_array(path, archive, entry)
    except RuntimeError as error:  # also NotImplementedError
        what = f": {error};" if isinstance(error, NotImplementedError) else " is encrypted:"
        raise ValueError(f"{path}{what} {_AGAIN}") from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, zipfile.LargeZipFile) as error:
        raise ValueError(f"{path} {_what_it_is(path)} ({error}): {_AGAIN}") from None
    except OSError as error:
        if error.errno is not None and "Errno 22" not in str(error):  # a truncated file is sought before its start
            raise
        raise ValueError(f"{path} is not a complete .npz file ({error}): {_AGAIN}") from None
    return arrays


def as_plain(array):
    """Return texts (bytes as UTF-8) or numbers in place of objects: missing ones are "" or NaN; mixtures stay."""
    array = np.asanyarray(array)
    if np.ma.isMaskedArray(array):
        array = np.where(array.mask, None, array.data) if np.any(array.mask) else array.data
    if array.dtype.kind not in "OST":  # T: numpy's texts of any length
        return array
    values = [None if _is_missing(value) else value for value in array.astype(object).ravel().tolist()]
    there = [value for value in values if value is not None]
    if there and all(isinstance(value, (str, bytes)) for value in there):
        texts = (value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value for value in values)
        return np.array([str(text or "") for text in texts], str).reshape(array.shape)
    values = [None if isinstance(value, str) and not value.strip() else value for value in values]
    if not all(value is None or isinstance(value, _NUMBERS) for value in values):
        return array
    return np.array([np.nan if value is None else value for value in values]).reshape(array.shape)


def _is_missing(value):
    is_nan = isinstance(value, float) and value != value
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def _what_it_is(path):
    with open(path, "rb") as file:
        start = file.read(8)
    if start.startswith(b"PK"):
        return "is not a complete .npz file"
    return next((f"is {what}, not an .npz file" for magic, what in _MAGIC.items() if start.startswith(magic)), _OTHER)


def _read_array(path, archive, entry):
    if not entry.filename.endswith(".npy"):
        raise ValueError(f"{path} has an entry {entry.filename!r} that is not an array: {_AGAIN}")
    with archive.open(entry) as stream:
        try:
            is_first = np.lib.format.read_magic(stream) == (1, 0)
            read = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(stream)
        except ValueError:
            raise ValueError(f"entry {entry.filename!r} of {path} is not an array: {_AGAIN}") from None
        if dtype.hasobject:
            return _read_objects(path, entry.filename.removesuffix(".npy"), stream, shape)
        offset, mapped = stream.tell(), entry.compress_type == zipfile.ZIP_STORED and not fortran and np.prod(shape)
        if not mapped:
            stream.seek(0)
            array = np.lib.format.read_array(stream, allow_pickle=False)
        while stream.read(_BLOCK):  # at its end, the checksum is compared
            pass
    return np.memmap(path, dtype, "r", _start_of(path, entry) + offset, shape) if mapped else array


def _start_of(path, entry):
    """Return where the content of a stored entry starts: its local header has lengths of its own."""
    with open(path, "rb") as file:
        file.seek(entry.header_offset + 26)
        name, extra = np.frombuffer(file.read(4), "<u2")
    return entry.header_offset + 30 + int(name) + int(extra)


class _PlainUnpickler(pickle.Unpickler):
    """Knows the parts of an array of texts and numbers, and no other class: so nothing can run."""

    def find_class(self, module, name):
        if module in _NUMPY and name in ("_reconstruct", "scalar", "ndarray", "dtype"):
            return getattr(np if module == "numpy" else np._core.multiarray, name)
        if (module, name) == ("numpy._core._internal", "_convert_to_stringdtype_kwargs"):
            return np._core._internal._convert_to_stringdtype_kwargs
        if module.startswith("pandas") and name in ("NA", "_nat_unpickle"):
            return None if name == "NA" else lambda *_: None
        raise pickle.UnpicklingError(f"{module}.{name}")


def _read_objects(path, name, stream, shape):
    try:
        array = _PlainUnpickler(stream).load()
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise pickle.UnpicklingError("another shape than its header says")
        for value in array.astype(object).ravel():
            if not isinstance(value, (str, bytes, *_NUMBERS, NoneType)):
                raise pickle.UnpicklingError(type(value).__name__)
    except zipfile.BadZipFile:
        raise
    except Exception as error:  # whatever a stream raises that is not such a pickle
        told = f"array {name!r} of {path} holds Python objects other than texts and numbers ({error}), which are never"
        raise ValueError(f"{told} unpickled: save it with a dtype, texts by array.astype(str)") from None
    return as_plain(array)
