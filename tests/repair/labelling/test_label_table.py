"""Tables as people give them back: read, or refused with line, column and remedy."""

import numpy as np
import pytest

from mode_utils.repair.labelling.label_table import as_text, read_labels

NAMES = ("cat", "dog", "=SUM(A1)")
NUMBERS = tuple("0123456789")


def read(tmp_path, content, class_names=NAMES):
    path = tmp_path / "filled.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [list(map(int, part)) for part in read_labels(path, class_names, 20)]


@pytest.mark.parametrize(
    "content",
    [
        "index,label\n3,dog\n4,cat\n",
        "index;label\n3;dog\n4;cat\n",
        "index\tlabel\n3\tdog\n4\tcat\n",
        "\ufeffIndex, Label \n3, dog \n4,cat",
        "index,label\r\n3,dog\r\n4,cat\r\n",
        "rank,index,label,reason\n1,3,dog,x\n2,9,,x\n3,4,cat,x\n",
        "index,label\n\n3,dog\n,\n4,cat\n\n",
        'index,label\n"3","dog"\n"4","cat"\n',
        "index,label\n3.0,dog\n4.0,cat\n",
        "index,label\n3,1\n4,0\n",
        "index,label\n3,dog\n4,cat\n3.0,dog\n",
        "index,label\n3,dog\nIndex,Label\n4,cat\n",
        "index,label\n3,1.0\n4,0.0\n",
        "index;label\n3;1,0\n4;0,0\n",
        "index,label\n3,1.0\n4,0.0\n5,-1.0\n6,-1\n7,nan\n",
        "index;label\n3;1,0\n4;0,0\n5;-1,0\n",
        'index,label,reason\n3,dog,5" screen\n4,cat,"said ""x"", and\nleft"\n',
        "index,label,note\n3,dog,caf\xe9\n4,cat,\n".encode("cp1252"),
    ],
)
def test_a_table_as_people_edit_it_is_read(content, tmp_path):
    assert read(tmp_path, content) == [[3, 4], [1, 0]]


def test_numbers_are_labels_where_labels_are_numbers(tmp_path):
    assert read(tmp_path, "index,label\n3,8.0\n4,7\n", NUMBERS) == [[3, 4], [8, 7]]


def test_a_name_that_starts_a_formula_is_written_as_text_and_read_again(tmp_path):
    assert as_text("=SUM(A1)") == "'=SUM(A1)" and as_text("-1") == "-1" and as_text("cat") == "cat"
    assert read(tmp_path, f"index,label\n3,{as_text('=SUM(A1)')}\n4,=SUM(A1)\n") == [[3, 4], [2, 2]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "index,label\n3,dgo\n",
            r"line 2, column 'label': unknown label 'dgo'; did you mean 'dog'\? choose from cat, dog",
        ),
        ("index,label\n3,Dog\n", r"unknown label 'Dog'; did you mean 'dog'"),
        ("index,label\n3,dog\n\n99,cat\n", r"line 4, column 'index': has index '99'; it must lie in 0 .. 19"),
        ("index,label\n-1,dog\n", r"line 2, column 'index': has index '-1'"),
        ("index,label\n,dog\n", r"line 2, column 'index': is empty"),
        ("index,label\n3,dog\n3.0,cat\n", r"line 3, column 'index': 3 is in line 2, too, with another label: keep one"),
        ("index,label\n3,\n", "has no label: fill in the column 'label'"),
        ("index,class\n3,dog\n", "has no column 'label', but index, class"),
        ("place,label\n3,dog\n", "has no column 'index', but place, label"),
        ("", "has no column 'label', but nothing"),
        ("index,label\n3,5\n4,0\n", r"line 2, column 'label': unknown label '5'"),
        ("index,label,label\n3,dog,cat\n", "has 2 columns 'label': keep one of them"),
        ("index,reason,label\n3,it, so to say, barks,dog\n", "line 2: has 5 cells, but the header 3: put a text"),
        ("name,label\nx,dog\n", "column 'index': is empty, and the pool has no names"),
        (b"PK\x03\x04\0\0", "is not a table of text: save it as CSV"),
        ('index,label,reason\n3,dog,"x\n4,cat,y\n', "line 2: has a quotation mark that is not closed"),
        (
            'index,label,reason\n2,cat,"x"\n3,dog,"x\n4,cat,y\n5,cat,"y"\n',
            "line 3: has a quotation mark that is not closed",
        ),
        (f"index,label,reason\n3,dog,{'x' * 200_000}\n", r"line 2: .*\(field larger than field limit"),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_column_and_remedy(content, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("cells", "n_pool", "names", "read"),
    [
        (["1.000", "2,000"], 5_000, None, "may be 1 or 1000: write it without a separator$"),
        (["2,000"], 5_000, None, "may be 2 or 2000: write it without a separator$"),
        (["1.000", "2,000"], 500, None, [1, 2]),  # no other place is there
        (["1,000", "12,345"], 50_000, None, [1_000, 12_345]),  # a comma divides thousands
        (["1.000", "7.0"], 5_000, None, [1, 7]),
        (["1.000", "1005.000"], 5_000, None, [1, 1_005]),
        (["1.000", "300"], 5_000, None, "may be 1 or 1000"),
        (["1.000"], 5_000, {1: "a", 1_000: "b"}, [1_000]),  # the name decides
        (["1.000", "2,000"], 5_000, {1_000: "b", 2: "b2"}, [1_000, 2]),
        (["8.0", "9,0", "7."], 5_000, None, [8, 9, 7]),
        (["1e3"], 5_000, None, "has index '1e3'"),
        (["8.5"], 5_000, None, "has index '8.5'"),
        (["-1"], 5_000, None, "has index '-1'"),
        (["²"], 5_000, None, "has index '²'"),
    ],
)
def test_a_place_is_read_in_the_one_way_that_is_possible(cells, n_pool, names, read, tmp_path):
    names_pool = None
    if names:
        names_pool = np.array([f"row-{n}" for n in range(n_pool)])
        names_pool[list(names)] = list(names.values())
    own = list(names.values())[-len(cells) :] if names else [""] * len(cells)
    path = tmp_path / "places.csv"
    path.write_text("index;name;label\n" + "".join(f"{a};{b};cat\n" for a, b in zip(cells, own, strict=True)))
    if isinstance(read, str):
        with pytest.raises(ValueError, match=read):
            read_labels(path, NAMES, n_pool, names_pool)
    else:
        assert read_labels(path, NAMES, n_pool, names_pool)[0].tolist() == read


@pytest.mark.parametrize(
    ("classes", "cells", "read", "note"),
    [
        (["01", "02", "03"], ["1", "3"], [0, 2], "'1' is '01', '3' is '03'"),
        (["1", "2", "3"], ["1", "3"], [0, 2], ""),
        (["10", "20", "30"], ["1", "2"], "unknown label '1'.* choose from 10, 20, 30", ""),
        (["01", "02", "03"], ["0", "1"], "unknown label '0'", ""),
        (["1", "cat"], ["0"], "unknown label '0'", ""),
        (["cat", "dog"], ["0", "1,0"], [0, 1], "are class numbers: '0' is 'cat', '1,0' is 'dog'"),
        (["cat", "dog"], ["cat", "1"], "unknown label '1'", ""),
        (["1", "1000"], ["1.000"], "'1.000' may be '1' or '1000'", ""),
        (["1", "2"], ["1.000"], [0], "'1.000' is '1'"),
        (["TRUE", "FALSE"], ["1"], "'1' may be 'TRUE' or 'FALSE'", ""),
        (["FALSE", "TRUE"], ["1"], [1], "'1' is 'TRUE'"),
        (["4", "04"], ["4"], "'4' may be the class '4' or '04'.*put an apostrophe", ""),
        (["4", "04"], ["'4"], [0], ""),
        (["4", "04"], ["4", "04"], [0, 1], ""),
        (["cat", "dog"], ["cat", "-1", "nan", "None"], [0], "3 rows have no label but '-1', 'nan', 'None'"),
        (["-1", "1"], ["-1", "1"], [0, 1], ""),
        (["NA", "dog"], ["NA", "dog", ""], [0, 1], "reads and writes the class name 'NA' as an empty cell"),
        (["cat", "dog"], ["-1"], "has no label: fill in the column 'label'", ""),
    ],
)
def test_a_label_is_the_class_it_names_and_is_told_where_it_is_not_written_so(classes, cells, read, note, tmp_path):
    path, notes = tmp_path / "labels.csv", []
    path.write_text("index,label\n" + "".join(f'{place},"{cell}"\n' for place, cell in enumerate(cells)))
    if isinstance(read, str):
        with pytest.raises(ValueError, match=read):
            read_labels(path, classes, 20)
        return
    assert read_labels(path, classes, 20, notes=notes)[1].tolist() == read
    assert (note in notes[0] if note else not notes) and len(notes) < 2


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no table .*nothing.csv"):
        read_labels(tmp_path / "nothing.csv", NAMES, 20)
