"""What has words for the user is bad input; anything else is a fault of the package, and leaves its traceback."""

import errno
import os
from pathlib import Path

import pytest

from mode_utils.support.failures import PACKAGE, end_with, keep_traceback

FORESEEN = {
    "raise ValueError('x = 3; choose from 1, 2')": "x = 3; choose from 1, 2",
    "raise ValueError(\n    'x = 3; '\n    'choose'\n)": "x = 3; choose",
    "raise KeyError(\"unknown 'x'\")": "unknown 'x'",
    "raise FileNotFoundError('there is no x')": "there is no x",
    "raise ImportError('pip install x')": "pip install x",
    "try:\n    int('x')\nexcept ValueError as error:\n    raise ValueError('no number') from error": "no number",
    "open('/nowhere/x')": "No such file or directory: /nowhere/x",
}
UNFORESEEN = {
    "int('x')": "ValueError: invalid literal for int() with base 10: 'x'",
    "{}['x']": "KeyError: x",
    "[][3]": "IndexError: list index out of range",
    "import numpy as np\nnp.zeros(3)[['x']]": "IndexError: ",
    "import numpy as np\nnp.zeros(3).reshape(2, 2)": "ValueError: cannot reshape array of size 3 into shape (2,2)",
    "import numpy as np\nnp.concatenate([])": "ValueError: need at least one array to concatenate",
    "import json\njson.loads('{')": "JSONDecodeError: Expecting property name",
    "import no_such_module": "ModuleNotFoundError: No module named 'no_such_module'",
    "raise RuntimeError('a\\nb')": "RuntimeError: b",
    "raise TypeError()": "TypeError: without a word",
    "assert False, 'x'": "AssertionError: x",
    "1 / 0": "ZeroDivisionError: division by zero",
    "b'\\xff'.decode()": "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
}


def caught(source, file):
    """Return the error of a statement in a function of a file, which Python reads for its traceback."""
    body = source.replace("\n", "\n    ")
    file.write_text(f"def f():\n    {body}\n")
    namespace = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    try:
        namespace["f"]()
    except Exception as error:
        return error


@pytest.fixture
def ours(tmp_path, monkeypatch):
    """A file of the package."""
    monkeypatch.setattr("mode_utils.support.failures.PACKAGE", tmp_path / PACKAGE.name)
    (tmp_path / PACKAGE.name).mkdir()
    return tmp_path / PACKAGE.name / "made.py"


@pytest.mark.parametrize("source", FORESEEN)
def test_what_the_package_raises_itself_is_bad_input_in_its_own_words(source, ours, tmp_path, capsys):
    assert end_with(caught(source, ours), tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and FORESEEN[source].partition(":")[0] in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == [ours.parent]


@pytest.mark.parametrize("source", UNFORESEEN)
def test_an_accident_is_no_bad_input_and_its_traceback_is_kept(source, ours, tmp_path, capsys):
    assert end_with(caught(source, ours), tmp_path / "out") == 4
    said, kept = capsys.readouterr().err.strip().split("; this was not foreseen, the traceback is in ")
    assert said.startswith(f"error: {UNFORESEEN[source].partition(': ')[0]}: ")
    assert Path(kept).parent == tmp_path and Path(kept).name.startswith("out-traceback-")
    text = Path(kept).read_text()
    assert "made.py" in text and source.splitlines()[-1].strip() in text and "numpy" in text


def test_what_another_package_raises_is_not_in_words_for_our_user(ours, tmp_path):
    elsewhere = tmp_path / "elsewhere.py"
    for source in ("raise ValueError('x')", "raise KeyError('x')", "raise OSError('x')"):
        assert end_with(caught(source, elsewhere), tmp_path / "out") == 4


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_no_room_is_no_bad_input(code, tmp_path):
    for error in (OSError(code, os.strerror(code)), MemoryError()):
        assert end_with(error, tmp_path / "out") == 3


def test_a_traceback_takes_the_place_of_nothing_and_goes_elsewhere_where_nothing_can_be_written(tmp_path):
    places = [keep_traceback(ValueError("x"), tmp_path / "out") for _ in range(2)]
    places.append(keep_traceback(ValueError("x"), tmp_path / "not there" / "out"))
    assert len(set(places)) == 3 and all("ValueError: x" in Path(place).read_text() for place in places)
    Path(places[-1]).unlink()
