"""Names and labels that a spreadsheet has rewritten: what comes back is what was meant, or a sentence says why not."""

import csv
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mode_utils.repair.labelling.label_table import as_text, read_labels
from mode_utils.repair.labelling.rewritten import Originals

N_POOL = 1_500
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
KINDS = {
    "zeros": st.integers(0, 120).map(lambda n: f"{n:03d}"),
    "numbers": st.integers(-9, 3_000).map(str),
    "decimals": st.integers(0, 400).map(lambda n: f"{n / 100:.2f}"),
    "powers": st.tuples(st.integers(1, 99), st.integers(0, 9)).map(lambda pair: f"{pair[0]}e{pair[1]}"),
    "ids": st.integers(10**11, 10**19).map(str),
    "ranges": st.tuples(st.integers(0, 40), st.integers(1, 40)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    "genes": st.tuples(st.sampled_from(["MARCH", "SEPT", "DEC", "Oct"]), st.integers(1, 12)).map(
        lambda pair: f"{pair[0]}{pair[1]}"
    ),
    "truths": st.sampled_from(["TRUE", "FALSE", "true", "False"]),
    "words": st.sampled_from(["cat", "dog", "NA", "None", "=1+1", "'tis", "a,b", "Zürich", "cafe\u0301", "-x", "no"]),
}  # fmt: skip


def by_hand(text):
    return text


def by_excel(text):
    """Return what a spreadsheet shows, and so writes, of a text that is typed or opened in it."""
    if re.fullmatch(r"-?\d+", text):
        return str(int(text)) if len(text) < 12 else f"{int(text):.5E}"
    if re.fullmatch(r"\d+\.\d+", text):
        return f"{float(text):g}"
    if re.fullmatch(r"\d+e\d+", text):
        return f"{float(text):.2E}"
    if found := re.fullmatch(r"(\d+)-(\d+)", text):
        month, day = map(int, found.groups())
        month, day = (month, day) if 1 <= month <= 12 else (day, month)
        return f"{day}-{MONTHS[month - 1]}" if 1 <= month <= 12 and 1 <= day <= 28 else text
    if found := re.fullmatch(r"(MARCH|SEPT|DEC|Oct)(\d+)", text):
        return f"{found[2]}-{found[1][:3].capitalize()}"
    return text.upper() if text.lower() in ("true", "false") else text


def german(text):
    """Return numbers with a comma for decimals and a point for thousands, as they are formatted there."""
    shown = by_excel(text)
    return shown.replace(".", ",") if re.fullmatch(r"-?\d+\.\d+(E\+\d+)?", shown) else shown


EDITS = {"nobody": by_hand, "pandas": by_hand, "a spreadsheet": by_excel, "a German spreadsheet": german}


@st.composite
def tables(draw):
    kind = draw(st.sampled_from(list(KINDS)))
    classes = draw(
        st.lists(KINDS[kind] | KINDS[draw(st.sampled_from([kind, "words"]))], min_size=2, max_size=8, unique=True)
    )
    places = draw(st.lists(st.integers(0, N_POOL - 1), min_size=1, max_size=12, unique=True))
    labels = draw(st.lists(st.integers(0, len(classes) - 1), min_size=len(places), max_size=len(places)))
    named = draw(st.sampled_from([None, *KINDS]))
    names = None
    if named:
        found = draw(st.lists(KINDS[named], min_size=min(len(places), 3), max_size=len(places), unique=True))
        names = np.array([f"row-{n}" for n in range(N_POOL)], dtype="<U40")
        names[places[: len(found)]] = found
    columns = draw(st.sampled_from([("index", "name"), ("index",), *([("name",)] if named else [])]))
    return classes, names, dict(zip(places, labels, strict=True)), columns, draw(st.sampled_from(list(EDITS)))


def write(path, classes, names, truth, columns, editor):
    edit = EDITS[editor]
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, delimiter=";" if editor == "a German spreadsheet" else ",")
        out.writerow([*columns, "label"])
        for place, label in truth.items():
            own = {"index": str(place), "name": "" if names is None else as_text(str(names[place]))}
            out.writerow([*(edit(own[column]) for column in columns), edit(as_text(classes[label]))])
    if editor == "pandas":
        pd.read_csv(path).to_csv(path, index=False)


@settings(max_examples=100)
@given(tables())
def test_what_was_edited_is_read_as_it_was_meant_or_refused_in_a_sentence(tmp_path_factory, table):
    classes, names, truth, _, editor = table
    path, notes = tmp_path_factory.getbasetemp() / "edited.csv", []
    write(path, *table)
    try:
        read = read_labels(path, classes, N_POOL, names, notes)
    except ValueError as error:
        assert re.fullmatch(r".*edited.csv.* (may be .* or |has no label: fill|is empty[,;]).*", str(error))
        return
    found = dict(zip(*(part.tolist() for part in read), strict=True))
    assert found.items() <= truth.items()
    lost = {classes[label] for place, label in truth.items() if place not in found}
    assert lost <= {"NA", "None"} and (not lost or any("pandas reads and writes" in note for note in notes))
    written = {classes[label] for label in truth.values()} if editor != "nobody" else set()
    changed = [text for text in written if EDITS[editor](text) != text and re.search(r"[1-9]", text)]
    assert not changed or any("what a spreadsheet makes of class names" in note for note in notes)


@pytest.mark.parametrize(
    ("names", "cell", "found"),
    [
        (["04", "05"], "4", ["04"]), (["04", "05"], "4,0", ["04"]), (["1-2", "3-4"], "2-Jan", ["1-2"]),
        (["1-2", "3-4"], "01. Feb", ["1-2"]), (["1-2"], "2025-01-02 00:00:00", ["1-2"]), (["1-2"], "1/2/2025", ["1-2"]),
        (["10-19", "20-29"], "19-Oct", ["10-19"]), (["1-2", "2-1"], "2-Jan", ["1-2", "2-1"]),
        (["MARCH1", "SEPT2"], "1-Mar", ["MARCH1"]), (["DEC10"], "10. Dez", ["DEC10"]),
        (["Mar-32"], "Mar 32", ["Mar-32"]),
        (["2021-03-04", "2022-03-04"], "3/4/2021", ["2021-03-04"]), (["12:30"], "12:30:00 PM", ["12:30"]),
        (["1e5", "2e5"], "1.00E+05", ["1e5"]), (["1e5", "2e5"], "100000", ["1e5"]),
        (["123456789012", "223456789012"], "1.23E+11", ["123456789012"]),
        (["123000000000", "123400000000"], "1.23E+11", ["123000000000", "123400000000"]),
        (["1234567890123456789"], "1234567890123450000", ["1234567890123456789"]),
        (["TRUE", "FALSE"], "WAHR", ["TRUE"]), (["0.5", "0.25"], "0,5", ["0.5"]),
        (["1000", "1"], "1.000", ["1000", "1"]), (["cat", "dog"], "1", []), (["²"], "2", []),
    ],
)  # fmt: skip
def test_a_text_is_found_by_what_a_spreadsheet_makes_of_it(names, cell, found):
    originals = Originals(names)
    assert [originals[place] for place in originals.alike(cell)] == found


def test_of_two_texts_that_are_written_alike_both_are_found():
    assert Originals(["=x", "'=x"]).named(as_text("=x")) == [1, 0] and Originals(["tis", "'tis"]).named("'tis") == [1]
