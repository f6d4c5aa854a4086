"""A notebook as one HTML page for readers: no code, everything inside, with contents and the commit it came from.

``python -m mode_utils.report notebooks/results.ipynb report.html`` executes a copy of the notebook and writes the page.
"""

import argparse
import html
import os
import subprocess
import tempfile
from base64 import b64decode
from pathlib import Path

import nbformat

_SCALE = 0.77  # of a figure's pixels on the page: a 13 inch figure is as wide as the text
_LONG = 80  # characters; a table with a longer cell turns into cards on a narrow screen
_STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 1014px; padding: 1rem; font: 16px/1.55 system-ui, sans-serif; color: #1b1b1b; }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin-top: 3rem; border-bottom: 1px solid #ddd; padding-bottom: .3rem; }
a { color: #0b5fa5; }
.origin, figcaption { color: #555; font-size: 14px; }
nav { background: #f6f6f6; padding: .8rem 1.2rem; border-radius: 6px; }
nav ul { margin: .3rem 0; padding-left: 1.4rem; }
nav ul ul, nav ul ul li { display: inline; padding: 0 0 0 .7rem; font-size: 14px; }
.wide { overflow-x: auto; }
figure { margin: 1.5rem 0; }
figure img { display: block; }
table { border-collapse: collapse; font-size: 14px; margin: 1rem 0; }
th, td { padding: .3rem .45rem; border-bottom: 1px solid #e3e3e3; text-align: left; vertical-align: top; }
td[style*="text-align: right"], td[style*="text-align:right"] { white-space: nowrap; }
pre { overflow-x: auto; font-size: 14px; background: #f6f6f6; padding: .6rem; }
.anchor-link { display: none; }
@media (max-width: 640px) {
  table.cards thead { display: none; }
  table.cards tr { display: block; padding: .8rem 0; border-bottom: 2px solid #ccc; }
  table.cards td { display: block; border: 0; padding: .15rem 0; }
  table.cards td::before { content: attr(data-label) ": "; color: #555; }
}
"""


def render_page(notebook, origin):
    """Render an executed notebook as a self-contained page.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its first heading is the page's title; figures are its PNG outputs.
    origin : str
        Where it came from, shown below the title.

    Returns
    -------
    str
        HTML that loads nothing from elsewhere: figures, tables and style are in it. Contents link to sections, and to
        each figure by its number.
    """
    from bs4 import BeautifulSoup  # only needed when a page is made
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="basic", exclude_input=True, embed_images=True)
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    page = BeautifulSoup(exporter.from_notebook_node(notebook)[0], "html.parser")
    for unused in page.find_all(["script", "style"]):
        unused.decompose()
    _wrap_tables(page)
    contents = _number_figures(page)
    title = page.h1.get_text().rstrip("¶") if page.h1 else "Report"
    head = f'<p class="origin">{html.escape(origin)}</p><nav><strong>Contents</strong>{_list(contents)}</nav>'
    (page.h1 or page.contents[0]).insert_after(BeautifulSoup(head, "html.parser"))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<link rel="icon" href="data:,">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{page}\n</body>\n</html>\n"
    )


def describe_origin(folder):
    """Say which commit a folder is at, and whether it has changes of its own; or that it is in no repository."""
    try:
        commit = _git(folder, "log", "-1", "--format=%h of %cs")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "From a copy that is in no repository"
    return f"From commit {commit}{', with changes that are not committed' if changed else ''}"


def _git(folder, *arguments):
    found = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def _wrap_tables(page):
    """Let wide tables scroll for themselves, and mark those of sentences, so that they can become cards."""
    for table in page.find_all("table"):
        table.attrs = {"class": "cards"} if any(len(cell.get_text()) > _LONG for cell in table.find_all("td")) else {}
        names = [cell.get_text() for cell in table.thead.find_all("th")] if table.thead else []
        for row in table.tbody.find_all("tr") if table.tbody else []:
            for name, cell in zip(names, row.find_all(["td", "th"]), strict=False):
                cell["data-label"] = name
        table.wrap(page.new_tag("div", attrs={"class": "wide"}))


def _number_figures(page):
    """Give each figure a number; return the sections as (anchor, text, figures), and their figures likewise."""
    contents, count = [], 0
    for node in page.find_all(["h2", "img"]):
        if node.name == "h2":
            contents.append((node["id"], node.get_text().rstrip("¶"), []))
            continue
        count += 1
        section = contents[-1][1] if contents else ""
        figure = node.wrap(page.new_tag("div", attrs={"class": "wide"})).wrap(page.new_tag("figure"))
        figure["id"], node["alt"] = f"figure-{count}", f"Figure {count}: {section}"
        node.attrs.pop("class", None)
        node["style"] = f"width: {_SCALE * _pixels(node['src']):.0f}px"
        caption = page.new_tag("figcaption")
        caption.string = f"Figure {count}"
        figure.append(caption)
        if contents:
            contents[-1][2].append((figure["id"], f"Figure {count}", []))
    return contents


def _pixels(source):
    """Return the width of a PNG in a data URL."""
    return int.from_bytes(b64decode(source.split(",", 1)[1][:64])[16:20], "big")


def _list(entries):
    if not entries:
        return ""
    rows = (f'<li><a href="#{html.escape(a)}">{html.escape(text)}</a>{_list(below)}</li>' for a, text, below in entries)
    return f"<ul>{''.join(rows)}</ul>"


def main(arguments=None):
    """Execute a copy of a notebook where it stands, and write its page, whole or not at all."""
    import papermill

    parser = argparse.ArgumentParser(prog="python -m mode_utils.report", description=__doc__.split("\n", 1)[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("page", type=Path)
    given = parser.parse_args(arguments)
    folder = given.notebook.resolve().parent
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy.ipynb"
        papermill.execute_notebook(given.notebook, copy, cwd=folder, progress_bar=False)
        partial = given.page.with_name(f".{given.page.name}.partial")
        partial.write_text(render_page(nbformat.read(copy, as_version=4), describe_origin(folder)), encoding="utf-8")
    os.replace(partial, given.page)
    print(f"{given.page}: {given.page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
