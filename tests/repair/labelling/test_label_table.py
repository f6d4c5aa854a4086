"""Tables as people give them back: read, or refused with line, column and remedy."""

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
        "index,label\n3,1.0\n4,0.0\n",
        "index;label\n3;1,0\n4;0,0\n",
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
        ("index,label\n3,dog\n3.0,cat\n", r"line 3, column 'index': 3 is in line 2, too: keep one of them"),
        ("index,label\n3,\n", "has no label: fill in the column 'label'"),
        ("index,class\n3,dog\n", "has no column 'label', but index, class"),
        ("place,label\n3,dog\n", "has no column 'index', but place, label"),
        ("", "has no column 'label', but nothing"),
        ("index,label\n3,5\n4,0\n", r"line 2, column 'label': unknown label '5'"),
        (b"PK\x03\x04\0\0", "is no table of text: save it as CSV"),
    ],
)
def test_what_cannot_be_read_is_refused_with_line_column_and_remedy(content, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no table .*nothing.csv"):
        read_labels(tmp_path / "nothing.csv", NAMES, 20)
