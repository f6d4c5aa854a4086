"""Files of arrays: nothing that they bring is run, nothing that has changed is read; what else they are is said."""

import datetime
import os
import zipfile

import numpy as np
import pandas as pd
import pytest

from mode_utils.repair.reading.npz_files import as_plain, read_arrays

ARRAYS = {
    "numbers": np.arange(30_000.0).reshape(-1, 3), "integers": np.arange(200), "texts": np.array(["a", "bc"] * 40),
    "objects": np.array(["a", "bc"] * 40, object), "fortran": np.asfortranarray(np.ones((9, 8))),
    "none": np.empty((0, 3)), "scalar": np.array(3.5),
}  # fmt: skip


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("name", ARRAYS)
def test_a_changed_byte_is_found_wherever_it_is(name, writer, tmp_path):
    writer(tmp_path / "data.npz", **{name: ARRAYS[name]})
    whole = (tmp_path / "data.npz").read_bytes()
    np.testing.assert_array_equal(read_arrays(tmp_path / "data.npz")[name], ARRAYS[name])
    with zipfile.ZipFile(tmp_path / "data.npz") as archive:
        entry = archive.infolist()[0]
    start = entry.header_offset + 30 + len(entry.filename) + 20  # behind its header
    for place in np.linspace(start, entry.header_offset + entry.compress_size, 12).astype(int):
        (tmp_path / "data.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"write it again with np.savez|never unpickled"):
            read_arrays(tmp_path / "data.npz")


class Runs:
    """Would write a file as it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (datetime.date(2020, 1, 2), "datetime.date"), ({"a": 1}, "dict"), ([1], "list"), (pd.Timestamp(0), "pandas"),
        (os.system, "system"), (np.arange(2), "ndarray"), (1j, "complex"), (print, "print"), (None, "mkdir"),
    ],
)  # fmt: skip
def test_objects_other_than_texts_and_numbers_are_named_and_never_made(value, told, tmp_path):
    array = np.array([None, None], object)
    array[1] = Runs(tmp_path / "made") if told == "mkdir" else value
    np.savez(tmp_path / "data.npz", y=array)
    with pytest.raises(ValueError, match=rf"array 'y' of .* other than texts and numbers \(.*{told}.*never unpickled"):
        read_arrays(tmp_path / "data.npz")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 3], [1, np.nan, 3]), ([True, False], [True, False]), ([1, 2**60], [1, 2**60]), ([], []),
        (["a", None, np.nan, pd.NA, b"\xc3\xa4"], ["a", "", "", "", "ä"]), ([None, np.nan], [np.nan, np.nan]),
        ([np.float32(1), np.int8(2)], [1, 2]), (["a", 1], None),
    ],
)  # fmt: skip
def test_objects_become_texts_or_numbers_and_mixtures_stay(values, expected):
    found = as_plain(np.array(values, object))
    assert found.dtype == object if expected is None else found.dtype != object
    np.testing.assert_array_equal(found, np.array(values, object) if expected is None else np.array(expected))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x93NUMPY\x01\x00", "is a single array .* not an .npz file"), (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, not"),
        (b"PAR1", "is a Parquet file, not an .npz"), (b"\x80\x04\x95", "is a pickle, not"),
        (b"", "is not an .npz file"),
        (b"PK\x03\x04 and no more", "is not a complete .npz file"), (b"a,b\n1,2\n", "is not an .npz file"),
    ],
)  # fmt: skip
def test_what_a_file_is_instead_is_said(content, message, tmp_path):
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_arrays(tmp_path / "data.npz")
    with pytest.raises(ValueError, match=r"is a folder: give an .npz file"):
        read_arrays(tmp_path)


def test_an_array_that_is_there_twice_is_an_error(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.ones(3))
    with zipfile.ZipFile(tmp_path / "data.npz", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", archive.read("x.npy"))
    with pytest.raises(ValueError, match="has the array 'x' twice"):
        read_arrays(tmp_path / "data.npz")
