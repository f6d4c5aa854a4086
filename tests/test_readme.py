import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_tables_are_those_of_the_reference_sweeps():
    tables = dict(re.findall(r"<!-- table: (\S+) -->\n\n(.*?)\n<!-- end of table -->", README, re.DOTALL))
    assert len(tables) == 4
    assert tables == {path: (ROOT / path).read_text() for path in tables}, "run: make readme"


def test_every_linked_file_exists():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(links) > 5
    assert not [link for link in links if not (ROOT / link).exists()]


def test_every_make_target_that_is_named_exists():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`?make ([a-z]+)`", README)) | {"sweep", "test"} <= set(targets)


def test_every_dependency_has_a_reason():
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9_-]+(\[[a-z]+\])?[<>=][^ #]*\s+# .{10,}", line) for line in lines)


def test_there_is_one_list_of_dependencies():
    assert "-r requirements.txt" in (ROOT / "environment.yml").read_text()
    assert 'dependencies = { file = ["requirements.txt"] }' in (ROOT / "pyproject.toml").read_text()
