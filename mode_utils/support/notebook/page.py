"""A notebook as one HTML page for readers: no code, everything inside, with contents and the commit it came from."""

import argparse
import os
import re
import subprocess
from base64 import b64decode
from collections import namedtuple
from contextlib import suppress
from functools import partial
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urljoin

from mode_utils.support.files import write_text

_TEMPLATE = Path(__file__).with_name("page_template")
_DISTRIBUTION = "mode_nn_debugging"
_SCALE = 0.77  # of a figure's pixels on the page: a 13 inch figure is as wide as the text
_LONG = 60  # characters; a table with a longer cell turns into cards on a narrow screen
# an entry of the contents (with where it leads, and the entries below it), and what the template takes
Section, Page = namedtuple("Section", "anchor text below"), namedtuple("Page", "title heading contents body")


def render_page(notebook, origin, place="", beside=(), first=(), more=()):
    """Render an executed notebook as one page.

    Links lead to the site, if it has a `place` there, or to files `beside` the page. What comes `first` are lines with
    a `word`, a `text` and maybe a `command`; `more` sentences are folded below them.
    """
    from nbconvert import HTMLExporter  # only needed when a page is made

    filters = {"arranged": partial(_arrange, place=place, beside=beside), "linked": partial(_linked, beside=beside)}
    exporter = HTMLExporter(template_name=_TEMPLATE.name, extra_template_basedirs=[str(_TEMPLATE.parent)],
                            filters=filters, exclude_input=True, exclude_input_prompt=True,
                            exclude_output_prompt=True, embed_images=True)  # fmt: skip
    return exporter.from_notebook_node(notebook, {"origin": origin, "first": first, "more": more})[0]


def _arrange(html, place, beside):
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "html.parser")
    for unused in soup.find_all(["script", "style"]):
        unused.decompose()
    _settle_links(soup, place, beside)
    _wrap_tables(soup)
    contents = _number_figures(soup)
    heading = soup.h1.extract() if soup.h1 else ""
    return Page(heading.get_text().rstrip("¶") if heading else "Report", heading, contents, str(soup))


def _linked(text, beside):
    """Return a text in HTML, in which the files beside the page are links."""
    names = "|".join(map(re.escape, sorted(beside, key=len, reverse=True)))
    return re.sub(rf"(?<![\w/.-])({names})(?![\w.-])", r'<a href="\1">\1</a>', escape(text)) if beside else escape(text)


def describe_origin(folder):
    """Say where the code in a folder is from: its commit, if it is tracked, or the version that is installed."""
    with suppress(OSError, subprocess.CalledProcessError):
        if _git(folder, "ls-files", ".") and (commit := _git(folder, "log", "-1", "--format=%h of %cs")):
            changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
            return f"From commit {commit}{', with changes that are not committed' if changed else ''}"
    if {"site-packages", "dist-packages"} & set(Path(folder).resolve().parts):
        return f"From version {version(_DISTRIBUTION)} of {_DISTRIBUTION}"
    return "From a copy that is in no repository"


def _git(folder, *arguments):
    found = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def address_on_site(notebook):
    """Return the address of a notebook on the web site that MODE_SITE_URL names; "" if it names none."""
    site, notebook = os.environ.get("MODE_SITE_URL", ""), Path(notebook).resolve()
    with suppress(OSError, subprocess.CalledProcessError):
        top = _git(notebook.parent, "rev-parse", "--show-toplevel") if site else ""
        return f"{site.rstrip('/')}/{_as_page(notebook.relative_to(top).as_posix())}" if site else ""
    return ""


def _as_page(address):
    return re.sub(r"\.(ipynb|md)(?=#|$)", ".html", address)


def _settle_links(soup, place, beside):
    """Lead links of the notebook to the site; without one the page goes on its own, elsewhere than the notebook."""
    for link in soup.find_all("a", href=True):
        if link["href"].startswith(("#", "http:", "https:")) or link["href"] in beside:
            continue
        if place and re.search(r"\.(ipynb|md)(#|$)", link["href"]):
            link["href"] = urljoin(place, _as_page(link["href"]))
        else:
            link.unwrap()


def _wrap_tables(soup):
    """Let wide tables scroll for themselves, and mark those of sentences, so that they can become cards."""
    for table in soup.find_all("table"):
        table.attrs = {"class": "cards"} if any(len(cell.get_text()) > _LONG for cell in table.find_all("td")) else {}
        names = [cell.get_text() for cell in table.thead.find_all("th")] if table.thead else []
        for row in table.tbody.find_all("tr") if table.tbody else []:
            for name, cell in zip(names, row.find_all(["td", "th"]), strict=False):
                cell["data-label"] = name
        table.wrap(soup.new_tag("div", attrs={"class": "wide"}))


def _number_figures(soup):
    contents, count = [], 0
    for node in soup.find_all(["h2", "img"]):
        if node.name == "h2":
            contents.append(Section(node["id"], node.get_text().rstrip("¶"), []))
            continue
        count += 1
        section = contents[-1].text if contents else ""
        box = node.wrap(soup.new_tag("label")).wrap(soup.new_tag("div", attrs={"class": "wide"}))
        node.insert_before(soup.new_tag("input", attrs={"type": "checkbox", "hidden": ""}))  # enlarges it on a phone
        figure = box.wrap(soup.new_tag("figure"))
        seen = node.get("alt") or section
        figure["id"], node["alt"] = f"figure-{count}", f"Figure {count}: {seen}"
        node.attrs.pop("class", None)
        header = b64decode(node["src"].split(",", 1)[1][:64])  # of a PNG, which says its width
        node["style"] = f"width: {_SCALE * int.from_bytes(header[16:20], 'big'):.0f}px"
        caption = soup.new_tag("figcaption")
        caption.string = f"Figure {count}: {seen}" if seen else f"Figure {count}"
        figure.append(caption)
        if contents:
            contents[-1].below.append(Section(figure["id"], f"Figure {count}", []))
    return contents


def main(arguments=None):
    """Execute a copy of a notebook where it stands, and write its page, whole or not at all."""
    import nbformat
    from nbclient import NotebookClient

    about = __doc__.split("\n", 1)[0]
    parser = argparse.ArgumentParser(prog="python -m mode_utils.support.notebook.page", description=about)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("page", type=Path)
    given = parser.parse_args(arguments)
    folder, notebook = given.notebook.resolve().parent, nbformat.read(given.notebook, as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, iopub_timeout=120).execute()
    write_text(given.page, render_page(notebook, describe_origin(folder), address_on_site(given.notebook)))
    print(f"{given.page}: {given.page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
