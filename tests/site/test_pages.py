"""The pages of the site before it is built: links, words for figures, docstrings, and code that works."""

import ast
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest

import mode_utils as mode
from mode_utils import similarity
from mode_utils.repair.folder import MAP, PAGE
from mode_utils.run_setup import SCENARIOS
from mode_utils.selection import selectors

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = [
    path for folder in ("", "studies", "sweep_reports") for path in (ROOT / "notebooks" / folder).glob("*.ipynb")
]
MODULES = sorted(ROOT.glob("mode_utils/**/*.py"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def collect():
    sys.path.insert(0, str(ROOT / "docs/site"))
    try:
        import collect as module
    finally:
        sys.path.pop(0)
    return module


@pytest.fixture(scope="module")
def sources(collect, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "source"
    collect.collect(folder)
    return folder


def text_of(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def slugs(path):
    """Return the anchors that GitHub, and the site, give to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(name):
    return BLOCK.findall((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: path.stem)
def test_every_link_and_its_anchor_lead_somewhere(path):
    for place, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text_of(path)):
        target = path.parent / place if place else path
        assert target.exists() or place in (MAP, PAGE), place
        assert not anchor or anchor in slugs(target), f"{place}#{anchor}"


def test_no_word_is_misspelt(tmp_path):
    for path in [*PAGES, *NOTEBOOKS]:
        (tmp_path / f"{path.parent.name}.{path.stem}.txt").write_text(text_of(path), encoding="utf-8")
    check = [sys.executable, "-m", "codespell_lib", str(tmp_path), "mode_utils"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_difference_of_accuracies_in_a_table_is_beyond_100_points(path):
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", ()):
            lines = re.findall(r"^\|(.*)\|$", output.get("data", {}).get("text/markdown", ""), re.MULTILINE)
            titles, *rows = ([each.strip() for each in line.split("|")] for line in lines or [""])
            found = [value for row in rows for title, value in zip(titles, row, strict=True) if "(pp)" in title]
            assert all(abs(float(number)) <= 100 for number in re.findall(r"[-+]\d[\d.]*", " ".join(found))), found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_figure_of_a_page_says_what_it_shows(path):
    assert all(len(words) > 20 for words in re.findall(r"!\[([^\]]*)\]\(", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_of_a_notebook_gets_words_of_its_own_section(collect, path):
    cells = nbformat.reads(collect.with_alt_texts(path.read_text(encoding="utf-8")), as_version=4).cells
    drawn = [cell for cell in cells if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))]
    words = [cell.metadata["mystnb"]["image"]["alt"] for cell in drawn]
    assert all(each.startswith("Figure. ") and len(each) > 15 and "](" not in each for each in words)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_every_public_name_has_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    public = [node for node in named if not node.name.startswith("_")]
    methods = [node for each in public if isinstance(each, ast.ClassDef) for node in each.body]
    public += [node for node in methods if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    assert ast.get_docstring(tree) and not [node.name for node in public if not ast.get_docstring(node)]


def test_each_page_notebook_and_module_stands_in_the_contents_once(collect, sources):
    index = (sources / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^(?:\w.* <)?((?:docs|notebooks|figures|api)/[^\s>]+|C[A-Z]+)>?$", index, re.MULTILINE)
    pages = {
        path.relative_to(sources).with_suffix("").as_posix()
        for path in sources.rglob("*")
        if path.suffix in collect.SUFFIXES
    }
    expected = {page for page in pages if page.startswith(("docs/", "notebooks/"))}
    assert len(listed) == len(set(listed)) and expected <= set(listed) <= pages
    modules = {path.stem for path in MODULES if not path.stem.startswith("_")}
    assert {path.name.split(".")[-2] for path in (sources / "api").iterdir()} >= modules


def test_evidence_is_told_before_its_code(collect):
    new = nbformat.v4
    long = "| a |\n|---|\n" + "| 1 |\n" * 30
    table = new.new_output("display_data", {"text/markdown": long, "text/html": "<table><tr></tr></table>"})
    cells = [
        new.new_code_cell(source="a = 1"),
        new.new_code_cell(source="b = 2"),
        new.new_code_cell(source="a", outputs=[table]),
    ]
    told = collect.with_results_first(nbformat.writes(new.new_notebook(cells=[*cells, new.new_markdown_cell("end")])))
    shown, end = nbformat.reads(told, as_version=4).cells
    assert shown.source == "a = 1\n\n\nb = 2\n\n\na" and shown.metadata["tags"] == ["hide-input"]
    data = shown.outputs[0]["data"]
    assert data["text/markdown"].startswith("<details") and long in data["text/markdown"]
    assert data["text/html"].startswith("<table") and end.source == "end"


def test_a_new_page_finds_its_place_by_itself_and_a_missing_one_is_not_missed(collect, sources, tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("claims", "brand-new"):
        (tmp_path / f"docs/{name}.md").write_text("# A page\n")
    found = collect.contents(tmp_path)
    assert "docs/brand-new" in found.split(":caption: Your own model")[0] and found.count("docs/claims") == 1
    assert "docs/labelling" not in found


def test_each_figure_of_the_gallery_names_what_draws_it_and_the_command(collect, sources):
    drawn, makefile = collect.drawn_by(), (ROOT / "Makefile").read_text()
    names = {path.stem for path in (ROOT / "figures").glob("*.png")}
    assert names <= set(drawn) and names == set(collect.SEEN)
    assert len(set(collect.SEEN.values())) == len(names)
    for source, command in drawn.values():
        recipe = makefile.split(f"\n{command.removeprefix('make ')}:")[1].split("\n\n")[0]
        assert (ROOT / source).exists() and source in recipe


def test_the_address_of_the_repository_is_that_of_the_workflow_or_unknown(collect, monkeypatch):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    known = re.search(r"^repository-code: *(\S+)", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert collect.repository_address() == (known[1].strip('"') if known else "")
    monkeypatch.setenv("GITHUB_REPOSITORY", "somebody/something")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://example.org")
    assert collect.repository_address() == "https://example.org/somebody/something"


@pytest.mark.parametrize("metric", similarity.METRICS)
def test_the_page_of_the_metrics_has_formula_range_and_picture_of_each(metric):
    page = (ROOT / "docs/metrics.md").read_text()
    section = page.split(f"\n## {metric.capitalize()}\n")[1].split("\n## ")[0]
    picture = re.search(r"!\[[^\]]{40,}\]\(\.\./(figures/pages/metric_\w+\.png)\)", section)
    assert "\nRange: " in section and f"| [{metric.capitalize()}](#{metric.replace(' ', '-')}) |" in page
    assert (ROOT / picture[1]).exists() and picture[1].endswith(f"_{metric.replace(' ', '_')}.png")


FORMULAS = {  # as the page writes them
    "dot product": lambda x, h: (x * h).sum(),
    "cosine similarity": lambda x, h: (x * h).sum() / (np.sqrt((x**2).sum()) * np.sqrt((h**2).sum())),
    "manhattan": lambda x, h: -np.abs(x - h).sum(),
    "euclidean": lambda x, h: -np.sqrt(((x - h) ** 2).sum()),
    "minkowski": lambda x, h: -((np.abs(x - h) ** 3).sum() ** (1 / 3)),
    "chebyshev": lambda x, h: -np.abs(x - h).max(),
    "earth mover": lambda x, h: -np.abs(np.sort(x) - np.sort(h)).sum() / len(x),
    "canberra": lambda x, h: -(np.abs(x - h) / (np.abs(x) + np.abs(h))).sum(),
    "bray curtis": lambda x, h: -np.abs(x - h).sum() / np.abs(x + h).sum(),
}


def test_the_formulas_of_the_page_are_those_of_the_code(rng):
    x, h = rng.uniform(0.01, 1, (2, 12))
    scores = {metric: similarity.similarity_scores(x[None], h, metric)[0] for metric in similarity.METRICS}
    assert scores == pytest.approx({metric: formula(x, h) for metric, formula in FORMULAS.items()})


@pytest.fixture
def own_names():
    """Take away afterwards what a page has added to the lists of names."""
    lists = similarity._METRICS, selectors.SELECTORS, SCENARIOS
    before = [dict(each) for each in lists]
    yield
    for each, old in zip(lists, before, strict=True):
        each.clear()
        each.update(old)


@pytest.mark.slow
def test_what_the_page_adds_works(own_names, monkeypatch, trainer, splits, rng):
    monkeypatch.chdir(ROOT)
    added, options = {}, []
    for block in blocks("extending"):
        exec(compile(block, "extending.md", "exec"), added)
        options += [added["options"]] if "options" in block else []
    assert options[0].metric == "correlation" and options[1].selector == "second guess"
    images = splits.bug_fixing.x[:20]
    known = [np.corrcoef(image.ravel(), images[0].ravel())[0, 1] for image in images]
    assert np.allclose(mode.similarity_scores(images, images[0], "correlation"), known, atol=1e-5)
    assessment = mode.assess(trainer, splits, theta=1.0)
    for each in options:
        batch = mode.select_inputs(trainer, splits, replace(each, batch_size=100), assessment, rng)
        assert len(np.unique(batch.indices)) == 100
    assert 0 < added["samples_of_7"] < 20
    assert added["table"]["evidence"][0].endswith("of 540 runs did.")


@pytest.mark.slow
def test_lines_that_stand_alone_fetch_the_repository(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("this copy is in no repository: there is nothing to fetch")
    (fetch,) = blocks("anywhere")
    hide = "import sys, pathlib\nsys.meta_path = [f for f in sys.meta_path if 'editable' not in repr(f)]\n"
    hide += "sys.path = [p for p in sys.path if p and not pathlib.Path(p, 'mode_utils').exists()]\n"
    found = "import mode_utils\nprint(pathlib.Path.cwd(), mode_utils.__file__, len(mode_utils.load_dataset().y_train))"
    environment = os.environ | {"MODE_REPOSITORY": ROOT.as_uri(), "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1"}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-c", hide + fetch + found]
    for _ in ("first", "again"):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        here = tmp_path / "mode_nn_debugging"
        assert done.stdout.split() == [str(here / "notebooks"), str(here / "mode_utils/__init__.py"), "60000"], (
            done.stderr
        )


def test_binder_reads_the_requirements_of_the_repository():
    lines = [line for line in (ROOT / ".binder/requirements.txt").read_text().splitlines() if line[:1] != "#"]
    assert lines == ["-c ../constraints.txt", "-r ../requirements.txt", "-e ."]
    assert (ROOT / ".binder/runtime.txt").read_text().strip() == "python-3.11"


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.stem)
def test_every_workflow_runs_what_there_is(path):
    import yaml

    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    steps = [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]
    commands = [step["run"].split() for step in steps if "run" in step]
    for program, what, *_ in commands:
        assert what in targets if program == "make" else (ROOT / what).exists()


def test_each_night_runs_the_tests_that_are_left_out_by_day(pytestconfig):
    assert "run: make test ARGS=--every\n" in (ROOT / ".github/workflows/nightly.yml").read_text()
    assert isinstance(pytestconfig.getoption("--every"), bool)
