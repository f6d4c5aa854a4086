"""Gather what the web site is built from: ``python docs/site/collect.py docs/_build/source``.

Pages, notebooks and figures are copied to where they stand in the repository, so that a link which works there works
on the site, too. The README is the first page. Pages of the figures, of the tables and of the code are written.
"""

import ast
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ("notebooks/*.ipynb", "notebooks/studies/*.ipynb", "notebooks/sweep_reports/*.ipynb")
PAGES = ("docs/*.md", "CHANGELOG.md", "CONTRIBUTING.md", *NOTEBOOKS)
FILES = (
    "figures/**/*.png",
    "docs/*.py",
    "data/README.md",
    "data/results/**/*",
    "notebooks/sweeps/*.yml",
    "examples/*.py",
    "LICENSE",
    "CITATION.cff",
)
SUFFIXES = (".md", ".ipynb", ".rst")
CONTENTS = {  # what stands where in the contents; a page that is named nowhere stands at the end of the first group
    "Start": [
        "docs/README", "docs/which-strategy", "docs/walkthrough", "notebooks/walkthrough", "docs/glossary",
        "docs/anywhere",
    ],
    "Your own model": [
        "docs/embeddings", "docs/own-model", "docs/labelling", "docs/groups", "notebooks/repair", "docs/contract",
        "docs/campaigns", "notebooks/campaign", "docs/any-framework", "notebooks/choose",
    ],
    "Evidence": [
        "docs/claims", "notebooks/results", "docs/which-inputs", "docs/metrics", "docs/accuracy-tables",
        "docs/questions", "docs/differences", "figures/gallery", "notebooks/sweep_reports/*",
    ],
    "Studies": ["notebooks/studies/*"],
    "Build on it": ["docs/sweeps", "docs/extending", "docs/code", "CONTRIBUTING", "api/mode_utils", "CHANGELOG"],
}  # fmt: skip
TITLES = {  # of pages on the site, in the contents as on the page, where their own would not tell them from others
    "docs/README": "All pages",
    "docs/walkthrough": "The walkthrough and its parameters",
    "docs/questions": "Which layer, which share, which distance?",
    "notebooks/walkthrough": "Notebook: MODE, step by step",
    "notebooks/repair": "Notebook: repair, step by step",
    "notebooks/campaign": "Notebook: a campaign, round after round",
    "notebooks/choose": "Notebook: choose, from any framework",
    "notebooks/results": "The verdicts on MODE's claims, with their evidence",
    "notebooks/sweep_reports/contract": "Sweep of repairs under contract",
    "notebooks/sweep_reports/features": "Sweep of `recommended` on frozen features",
    "notebooks/sweep_reports/metrics": "Sweep of the nine metrics",
    "notebooks/sweep_reports/modes": "Sweep of planted failure modes",
    "notebooks/sweep_reports/pools": "Sweep of `recommended` on pools as they are",
    "notebooks/sweep_reports/selectors": "Sweep of `adaptive` on clean pools",
    "notebooks/sweep_reports/tables": "Sweep of overfit labels, its tables",
    "notebooks/studies/features": "Study: one head on frozen features, all strategies",
    "notebooks/studies/modes": "Study: one planted failure mode, found and repaired",
    "notebooks/studies/pools": "Study: one pool, all strategies",
    "notebooks/studies/selectors": "Study: one defect, fourteen selectors",
}
SEEN = {  # what is seen in a figure, as its heading in the gallery
    "best": "The most similar image of each digit, by metric",
    "critical_differences": "Which metrics can be told apart",
    "differences": "What each metric gains over random inputs: nothing",
    "earth_mover": "The earth mover distance, two ways and two orders",
    "features": "Gains of each strategy, frozen features and a linear head",
    "heatmaps": "The heat maps of ten digits, of right and wrong inputs",
    "layer_choices": "Which layer is chosen as the target",
    "layer_selection": "What selecting a layer changes",
    "leak": "What diagnosing on the test set seems to gain",
    "learning_curves": "Accuracy by samples added, fourteen strategies",
    "likeness": "Looking like the digit does not mean repairing it",
    "payoff": "Gains that were foretold, and what came",
    "pools_cifar10": "Gains of each strategy on colour photographs",
    "pools_heads": "Gains where the last layer alone is trained",
    "pools_labelled": "Gains of each strategy, pools with labels",
    "pools_unlabelled": "Gains of each strategy, pools without labels",
    "pools_validation": "Gains of each strategy with 5,000 validation samples",
    "power": "How many runs each metric's question takes",
    "selectors": "Gains of all selectors, as a map",
    "single_runs": "What studies of a single run a metric conclude",
    "story": "A repair in six pictures",
    "worst": "The least similar image of each digit, by metric",
}
EVIDENCE = ("notebooks/results", "notebooks/sweep_reports/", "notebooks/studies/")  # results first, their code folded
LONG = 20  # rows of a table in a notebook that are shown without a click
DRAWN_ELSEWHERE = {  # figures whose names do not stand in a notebook: what draws them, and the command
    "best": ("notebooks/sweep_reports/metrics.ipynb", "make figures"),
    "worst": ("notebooks/sweep_reports/metrics.ipynb", "make figures"),
    "pools_*": ("notebooks/sweep_reports/pools.ipynb", "make figures"),
    "story": ("docs/film.py", "make film"),
}
_LISTED = re.compile(r"^(\w+)/? {2,}(\S.*)$", re.MULTILINE)
_BESIDE = re.compile(r"\[([^\]]*)\]\((?:map|label)\.html\)|<a href=\"(?:map|label)\.html\">(.*?)</a>")
_SECTION = re.compile(r"\]\(#([^)\s]+)\)")
_DRAWN = re.compile(r"save_figure\(\w+, \"(\w+)\"")


def repository_address():
    """Return where the repository is on the web: as a workflow says, or CITATION.cff; "" if neither knows."""
    if os.environ.get("GITHUB_REPOSITORY"):
        return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{os.environ['GITHUB_REPOSITORY']}"
    found = re.search(r"^repository-code: *\"?([^\"\s]+)", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    return found[1] if found else ""


def collect(target):
    """Fill an empty folder with the sources of the site.

    Parameters
    ----------
    target : path
        Removed first, if it is an earlier copy.

    Returns
    -------
    int
        Number of pages.
    """
    made = target / ".collected"
    if (
        target.exists()
        and any(target.iterdir())
        and not made.exists()
        and ROOT / "docs/_build" not in target.resolve().parents
    ):
        raise ValueError(f"{target} is no earlier copy of the site: name another folder, or remove it")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    made.touch()
    pages = sorted({path.relative_to(ROOT) for pattern in PAGES for path in ROOT.glob(pattern)})
    for page in pages:
        text = _to_first_page((ROOT / page).read_text(encoding="utf-8"), depth=len(page.parts) - 1)
        name = page.with_suffix("").as_posix()
        if page.suffix == ".ipynb":
            text = with_alt_texts(with_links_of_the_site(text))
            text = with_results_first(text) if name.startswith(EVIDENCE) else text
        _write(target / page, _retitled(text, name))
    for path in sorted(path for pattern in FILES for path in ROOT.glob(pattern) if path.is_file()):
        place = target / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":  # a table by itself, which a page links to
            _write(place, _with_title(path))
        else:
            shutil.copyfile(path, place)
    _write(target / "figures/gallery.md", gallery(target))
    for name, text in reference().items():
        _write(target / f"api/{name}{'.md' if text.startswith('# ') else '.rst'}", text)
    _write(target / "index.md", (ROOT / "README.md").read_text(encoding="utf-8") + contents(target))
    return len(_pages_of(target))


def contents(target):
    """Return the contents of the site as directives, a group each, of the pages that there are."""
    there = {path.relative_to(target).with_suffix("").as_posix() for path in _pages_of(target)}
    placed = {page for pages in CONTENTS.values() for entry in pages for page in _matching(entry, target)}
    rest = sorted(page for page in there - placed if page.startswith(("docs/", "notebooks/")))
    groups = CONTENTS | {"Start": [*CONTENTS["Start"], *rest]}
    lines = []
    for caption, entries in groups.items():
        pages = [page for entry in entries for page in _matching(entry, target)]
        lines += ["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]
    return "\n".join(lines) + "\n"


def _pages_of(folder):
    return [path for path in folder.rglob("*") if path.suffix in SUFFIXES]


def _matching(entry, target):
    found = [path.relative_to(target) for suffix in SUFFIXES for path in target.glob(entry + suffix)]
    return sorted(path.with_suffix("").as_posix() for path in found)


def _to_first_page(text, depth):
    """Let links to the README of the repository, so many folders up, lead to the first page."""
    return text.replace(f"]({'../' * depth}README.md", f"]({'../' * depth}index.md")


def _retitled(text, page):
    """Give a page, Markdown or the JSON of a notebook, its title on the site, if it has one in `TITLES`."""
    heading = re.compile(r'^(\s*")?# [^\n"\\]*', re.MULTILINE)
    return heading.sub(lambda found: f"{found[1] or ''}# {TITLES[page]}", text, count=1) if page in TITLES else text


def _with_title(path):
    """Return a table or a note as a page that stands in no contents."""
    text = path.read_text(encoding="utf-8").replace("### ", "## ")
    name = path.relative_to(ROOT).as_posix()
    return "---\norphan: true\n---\n\n" + (text if text.startswith("# ") else f"# `{name}`\n\n{text}")


def with_links_of_the_site(notebook):
    """Return a notebook, as JSON, that links to sections by the names that they have on the site.

    What a repair writes beside its report, the map of its pool and the page to label in, is not on the site: its name
    stands there without a link.
    """
    read = nbformat.reads(notebook, as_version=4)
    for cell in read.cells:
        shown = [output["data"] for output in cell.get("outputs", []) if "data" in output]
        for part, key in [(data, kind) for data in shown for kind in ("text/markdown", "text/html")] + [
            (cell, "source")
        ]:
            if key in part and (key != "source" or cell.cell_type == "markdown"):
                part[key] = _SECTION.sub(lambda found: f"](#{_slug(found[1])})", _BESIDE.sub(r"\1\2", part[key]))
    return nbformat.writes(read)


def _slug(heading):
    return re.sub(r"[^\w\-]", "", heading.lower())


def with_alt_texts(notebook):
    """Return a notebook, as JSON, in which each figure says for who cannot see it what it is about.

    That is the section it stands in, and the sentence before it.
    """
    read = nbformat.reads(notebook, as_version=4)
    section = sentence = ""
    for cell in read.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)
            section, sentence = headings[-1] if headings else section, _first_sentence(cell.source)
        elif any("image/png" in output.get("data", {}) for output in cell.outputs):
            about = ": ".join(_plain(part) for part in (section, sentence) if part)
            cell.metadata["mystnb"] = {"image": {"alt": f"Figure. {about}"}}
    return nbformat.writes(read)


def with_results_first(notebook):
    """Return a notebook, as JSON, whose code is folded, cells without results into one, and long tables as well."""
    read, cells = nbformat.reads(notebook, as_version=4), []
    for cell in read.cells:
        before = cells[-1] if cells else None
        if cell.cell_type == "code" and before and before.cell_type == "code" and not before.outputs:
            cell.source = f"{cells.pop().source}\n\n\n{cell.source}"
        cells.append(cell)
    read.cells = cells
    for cell in read.cells:
        if cell.cell_type == "code":
            cell.metadata["tags"] = ["hide-input"]
            for output in cell.outputs:
                _fold(output.get("data", {}))
    return nbformat.writes(read)


def _fold(data):
    """Fold the tables of an output, by type, if together they are long."""
    for kind, row in (("text/markdown", r"^\|"), ("text/html", r"<tr")):
        if (rows := len(re.findall(row, data.get(kind, ""), re.MULTILINE))) > LONG:
            folded = f"<summary>A table of {rows} rows: open it</summary>\n\n{data[kind]}\n\n</details>"
            data[kind] = f'<details class="long">{folded}'


def _first_sentence(markdown):
    text = " ".join(line for line in markdown.splitlines() if line and not line.startswith("#"))
    return re.split(r"(?<=[.?!:]) ", text)[0].rstrip(":")


def _plain(markdown):
    return re.sub(r"[*`_]|\]\([^)]*\)|\[", "", markdown)


def gallery(target):
    """Return the page of all figures, each with what it shows and the command that draws it."""
    shown, drawn = _captions(target), drawn_by()
    parts = [
        "# Gallery",
        "All figures, each with the command that draws it; `make figures` needs nothing but the committed tables.",
    ]
    for path in sorted((target / "figures").glob("*.png")):
        name = path.stem
        caption = shown.get(name, SEEN[name])
        source, command = drawn[name]
        parts += [
            f"## {SEEN[name]}",
            f"![{caption}]({path.name})",
            f"{caption}. `{path.name}`, drawn by [`{source}`](../{source}): `{command}`.",
        ]
    return "\n\n".join(parts) + "\n"


def _captions(target):
    """Return what the pages say each figure shows, by the figure's name."""
    texts = [path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted(target.glob("docs/*.md"))]]
    found = re.findall(r"!\[([^\]]+)\]\([^)]*figures/(\w+)\.png\)", "\n".join(texts))
    return {name: caption for caption, name in reversed(found)}


def drawn_by():
    """Return the notebook or script that draws a figure, and its command: two str by the figure's name."""
    looped = {pattern: ROOT.glob(f"figures/{pattern}.png") for pattern in DRAWN_ELSEWHERE}
    drawn = {path.stem: DRAWN_ELSEWHERE[pattern] for pattern, paths in looped.items() for path in paths}
    for pattern in NOTEBOOKS:
        for path in sorted(ROOT.glob(pattern)):
            code = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
            drawn |= dict.fromkeys(_DRAWN.findall(code), (path.relative_to(ROOT).as_posix(), "make figures"))
    return drawn


def reference():
    """Return the pages of the code by name: the package, its rooms and all public modules, as their docstrings say."""
    package = ROOT / "mode_utils"
    pages = {"mode_utils": _overview(package, "mode_utils", "The code")}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[-1] == "__init__" and name != "mode_utils":
            pages[name] = _overview(path.parent, name, f"`{name}`")
        elif not parts[-1].startswith("_"):
            title = name.replace("_", "\\_")
            pages[name] = f"{title}\n{'=' * len(title)}\n\n.. automodule:: {name}\n   :members:\n"
    return pages


def _overview(folder, name, title):
    """Return the page of a room: what its docstring says, and a line for each of its files with a link."""
    docstring = _docstring(folder / "__init__.py")
    entries = [*folder.glob("[!_]*.py"), *(path.parent for path in folder.glob("*/__init__.py"))]
    says = {path.stem: path / "__init__.py" if path.is_dir() else path for path in sorted(entries)}
    listed = [(entry, _docstring(file).partition("\n")[0].removesuffix(".")) for entry, file in says.items()]
    summary, _, more = _LISTED.sub("", docstring).partition("\n\n")
    lines = [f"# {title}", "", summary, ""]
    for part in re.split(r"\n{2,}", more.strip()):
        lines += ["```text", part, "```", ""] if part.startswith("  ") else [part, ""]
    lines += [
        "| name | what |",
        "|---|---|",
        *(f"| {{doc}}`{entry} <{name}.{entry}>` | {text} |" for entry, text in listed),
    ]
    below = ["", "```{toctree}", ":hidden:", "", *(f"{name}.{entry}" for entry, _ in listed), "```", ""]
    return "\n".join([*lines, *below])


def _docstring(path):
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    print(f"{collect(Path(sys.argv[1]))} pages")
