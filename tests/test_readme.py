"""The README and the pages of docs/ say what the tables say, and lead to what exists."""

import csv
import re
import sys
from pathlib import Path

import pytest
from git_tables import shown_results

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text() for page in PAGES}
pages = pytest.mark.parametrize("name", TEXTS)
TABLES = shown_results("README.md", "docs").parents[1]


def test_the_tables_are_those_of_the_reference_sweeps():
    found = {}
    for text in TEXTS.values():
        found |= dict(re.findall(r"<!-- table: (\S+) -->\n\n(.*?)\n<!-- end of table -->", text, re.DOTALL))
    assert len(found) == 21
    assert found == {path: (TABLES / path).read_text() for path in found}, "run: make readme"


def test_copying_the_tables_again_changes_nothing():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from copy_tables import with_tables
    finally:
        sys.path.pop(0)
    for name, text in TEXTS.items():
        assert with_tables(text, tables=TABLES) == text, f"{name}: run make readme"
    page = "a\n<!-- table: LICENSE -->\nold\n<!-- end of table -->\nb\n"
    assert with_tables(page) == page.replace("old", "\n" + (ROOT / "LICENSE").read_text())


@pages
def test_every_linked_file_exists(name):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXTS[name])
    assert not [link for link in links if not (ROOT / name).parent.joinpath(link).exists()]


@pages
def test_every_command_that_is_named_exists(name):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`?make ([a-z]+)`", TEXTS[name])) <= set(targets)
    scripts = re.findall(r"^(mode-\w+) =", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmode-(?:sweep|repair|\w+)(?= )", TEXTS[name])) <= set(scripts)


@pages
def test_every_notebook_grid_and_module_that_is_named_exists(name):
    named = re.findall(
        r"\b((?:notebooks|mode_utils|tests|benchmarks|data)/[\w/]+\.(?:ipynb|py|yml|csv|md))", TEXTS[name]
    )
    assert not [path for path in named if not (ROOT / path).exists()]


def test_help_and_a_page_tell_of_every_target():
    makefile, texts = (
        (ROOT / "Makefile").read_text(),
        "\n".join([*TEXTS.values(), (ROOT / "CONTRIBUTING.md").read_text()]),
    )
    targets = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())
    assert set(re.findall(r"^([a-z-]+):.*## \w", makefile, re.MULTILINE)) == targets
    assert targets - {"setup", "clean"} <= set(re.findall(r"make ([a-z-]+)", texts))


def test_every_page_is_listed_and_the_readme_leads_to_them():
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", TEXTS["docs/README.md"]))
    assert listed == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert "docs/README.md" in TEXTS["README.md"]


def test_each_python_example_of_the_pages_compiles_and_names_what_exists():
    import mode_utils as mode

    blocks = [block for text in TEXTS.values() for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    for block in blocks:
        compile(block, "example", "exec")
    names = {name for block in blocks for name in re.findall(r"\bmode\.(\w+)", block)}
    assert len(names) > 10 and all(getattr(mode, name) for name in names)


def test_the_finding_in_the_first_bold_line_is_what_the_tables_say():
    text = TEXTS["README.md"]
    (finding,) = re.findall(r"^\*\*MODE's own choice.*\*\*$", text, re.MULTILINE)
    assert text.index(finding) < text.index("![")
    settings = [
        row
        for name in ("with", "without")
        for row in csv.DictReader(
            (ROOT / f"data/results/metrics/accuracy_table_{name}_layer_selection.csv").open(encoding="utf-8")
        )
    ]
    assert sum(float(row["CI Low"]) > 0 for row in settings) == 0 and f"none of {len(settings)} settings" in finding
    rows = [line.split("|")[1:6] for line in (ROOT / "data/results/pools/summary.md").read_text().splitlines()[2:]]
    counts = [[int(cell) for cell in row[1:4]] for row in rows]
    compared, above, below = map(sum, zip(*counts, strict=True))
    assert f"in {above} of {compared} comparisons and is below them in none" in finding and below == 0
    gains = {row[0].strip(): row[4].strip() for row in rows}
    last = gains.pop("last layer of a residual network")
    assert f"by {min(gains.values())} to {max(gains.values())} points" in finding
    assert f"by {last} where the last" in finding
    assert len(text.splitlines()) <= 120
