"""The results notebook, its page, the README and the tables say the same, and the page can be read."""

import re
import shutil
from functools import partial
from itertools import product
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from browsing import browser_needed
from bs4 import BeautifulSoup
from git_tables import shown_results
from notebook_runs import execute_beside
from papermill import execute_notebook
from tiers import by_night, cover

from mode_utils.study.formatting import points
from mode_utils.support.notebook.page import address_on_site, describe_origin, render_page

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
RESULTS = shown_results("notebooks/results.ipynb")
REPORTS = [*sorted((ROOT / "notebooks/sweep_reports").glob("*.ipynb")), ROOT / "notebooks/repair.ipynb"]
LOOKS = list(product(["light", "dark"], [1280, 400]))
LOOK = (ROOT / "tests/site/look_at_page.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def executed(once, pytestconfig):
    """Execute the results notebook on a copy of its tables, once for all processes; in a kernel each night."""

    def make(folder):
        shutil.copytree(RESULTS, folder / "tables")
        for name in ("notebooks/results.ipynb", "data/replication.csv"):  # which lie beside each other
            (folder / name).parent.mkdir()
            shutil.copyfile(ROOT / name, folder / name)
        parameters = {"results_dir": str(folder / "tables"), "figures_dir": str(folder / "figures")}
        execute = partial(execute_notebook, cwd=folder / "notebooks") if pytestconfig.option.every else execute_beside
        execute(folder / "notebooks/results.ipynb", folder / "notebooks/copy.ipynb", parameters)

    return once("results", make)


@pytest.fixture(scope="module")
def page(executed, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(nbformat.read(executed / "notebooks/copy.ipynb", as_version=4), "From commit abc"))
    return path


def tables_of(page):
    """Return the texts of the page's tables."""
    tables = []
    for table in BeautifulSoup(page.read_text(), "html.parser").find_all("table"):
        rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
        tables.append(pd.DataFrame(rows[1:], columns=rows[0]))
    return tables


def texts(notebook):
    """Return the outputs of a notebook that a reader reads, without pictures."""
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    return [data["text/markdown"] for output in outputs if "text/markdown" in (data := output.get("data", {}))]


def test_the_verdicts_are_those_of_the_tables(executed):
    for name in ("verdicts.csv", "verdicts.md"):
        assert (executed / "tables" / name).read_text() == (RESULTS / name).read_text()


def test_the_committed_notebook_says_what_the_tables_say(executed):
    assert texts(executed / "notebooks/copy.ipynb") == texts(ROOT / "notebooks/results.ipynb")
    assert len(texts(executed / "notebooks/copy.ipynb")) > 14


def test_an_executed_results_notebook_has_no_noise(executed):
    cells = [
        cell
        for cell in nbformat.read(executed / "notebooks/copy.ipynb", as_version=4).cells
        if cell.cell_type == "code"
    ]
    assert not [output for cell in cells for output in cell.outputs if output.get("name") == "stderr"]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "figures").glob("*.png")))
def test_each_figure_stands_in_the_repository_as_picture_and_as_drawing(name):
    assert (ROOT / "figures" / f"{name}.svg").exists()


def test_the_results_notebook_draws_the_committed_figures(executed):
    drawn = {path.stem for path in (executed / "figures").glob("*.svg")}
    assert drawn >= {"differences", "critical_differences", "layer_choices", "heatmaps", "earth_mover", "power"}
    assert drawn <= {path.stem for path in (ROOT / "figures").glob("*.svg")}


@pytest.mark.parametrize("sweep", ["metrics", "neurons"])
@pytest.mark.parametrize("selection", ["with", "without"])
def test_the_page_has_the_accuracy_tables_of_the_csv_files(page, sweep, selection):
    expected = pd.read_csv(RESULTS / sweep / f"accuracy_table_{selection}_layer_selection.csv")
    found = tables_of(page)[1 + 2 * (sweep == "neurons") + (selection == "without")]
    assert found["Metric"].tolist() == expected["Metric"].tolist()
    for column in ("Initial Acc", "Final Acc", "Control Acc"):
        assert found[column].tolist() == expected[column].map("{:.4f}".format).tolist()
    assert found["Diff F-C (pp)"].tolist() == expected["Diff F-C"].map(points).tolist()


def test_the_page_the_readme_and_the_csv_have_the_same_verdicts(page):
    readme, csv = (ROOT / "docs/claims.md").read_text(), pd.read_csv(RESULTS / "verdicts.csv")
    found = tables_of(page)[0]
    for column in csv:
        plain = csv[column].str.replace("`", "")
        shown = found[column.capitalize()].str.replace(r"^[\N{CHECK MARK}\N{BALLOT X}?] ", "", regex=True)
        assert shown.tolist() == plain.tolist()
        assert all(text in readme for text in csv[column])


def test_each_verdict_has_a_sign_and_leads_to_its_evidence(page):
    soup = BeautifulSoup(page.read_text(), "html.parser")
    links = [cell.a for cell in soup.select("table")[0].select("tr td:nth-of-type(3)")]
    sections = {node["id"] for node in soup.find_all("h2")}
    assert len(links) > 15 and {link["href"].lstrip("#") for link in links} <= sections
    signs = {"confirmed": "\N{CHECK MARK}", "refuted": "\N{BALLOT X}"}
    for link in links:
        sign, verdict = link.get_text().split(" ", 1)
        assert sign == signs.get(verdict.split()[0], "?") and "color" in link.span["style"]


def test_the_page_is_one_file_without_code(page):
    soup = BeautifulSoup(page.read_text(), "html.parser")
    assert not soup.find_all(["script", "iframe"]) and "import pandas" not in soup.get_text()
    sources = [node.get("src") or node.get("href") for node in soup.find_all(["img", "link"])]
    assert sources and all(source.startswith("data:") for source in sources)


def test_the_contents_lead_to_every_section_and_figure(page):
    soup = BeautifulSoup(page.read_text(), "html.parser")
    links = [link["href"].lstrip("#") for link in soup.nav.find_all("a")]
    targets = [node["id"] for node in soup.find_all(["h2", "figure"])]
    assert links == targets and len(set(targets)) == len(targets) > 15
    assert len(soup.find_all("figure")) == len(soup.find_all("img"))


def test_the_page_links_to_itself_and_the_web_alone(page):
    soup = BeautifulSoup(page.read_text(), "html.parser")
    links = [link["href"] for link in soup.find_all("a", href=True)]
    assert links and all(link.startswith(("#", "http")) for link in links)
    assert "in the walkthrough" in " ".join(soup.get_text().split())


def test_links_of_the_notebook_lead_to_the_site_where_its_address_is_known(executed, monkeypatch, tmp_path):
    monkeypatch.setenv("MODE_SITE_URL", "https://example.org/site/")
    place = address_on_site(ROOT / "notebooks/results.ipynb")
    assert place == "https://example.org/site/notebooks/results.html"
    html = render_page(nbformat.read(executed / "notebooks/copy.ipynb", as_version=4), "", place)
    links = {link["href"] for link in BeautifulSoup(html, "html.parser").main.find_all("a") if link["href"][0] != "#"}
    assert "https://example.org/site/notebooks/studies/ratio.html" in links
    for link in links:
        if link.startswith("https://example.org"):
            assert (ROOT / link.removeprefix("https://example.org/site/").replace(".html", ".ipynb")).exists()
    assert address_on_site(tmp_path / "alone.ipynb") == ""
    monkeypatch.delenv("MODE_SITE_URL")
    assert address_on_site(ROOT / "notebooks/results.ipynb") == ""


def test_the_page_names_the_commit_it_came_from(page, tmp_path):
    assert "From commit abc" in page.read_text()
    assert re.fullmatch(r"From commit [0-9a-f]{7,} of \d{4}-\d\d-\d\d(, with changes .*)?", describe_origin(ROOT))
    assert describe_origin(tmp_path) == "From a copy that is in no repository"


@browser_needed
@pytest.mark.parametrize("width", [1280, 400])
def test_a_browser_shows_every_image_without_errors_at_the_width_of(browser, page, width):
    complaints, requests = [], []
    tab = browser.new_page(viewport={"width": width, "height": 800})
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(page.as_uri())
    images = tab.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 100 && i.clientWidth > 300)")
    overflow = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    sizes = tab.evaluate(
        "[...document.querySelectorAll('p, td, li, figcaption')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    narrow = tab.evaluate("[...document.querySelectorAll('p, table.cards td')].map(e => e.clientWidth)")
    tab.close()
    assert len(images) > 10 and all(images)
    assert not complaints and [url for url in requests if not url.startswith("data:")] == [page.as_uri()]
    assert overflow <= 0, "the page scrolls sideways"
    assert min(sizes) >= 14 and min(narrow) >= 60


@browser_needed
@pytest.mark.parametrize(("scheme", "width"), by_night(LOOKS, but=cover(LOOKS)))
def test_all_text_can_be_read_in_light_and_in_the_dark(browser, page, scheme, width):
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.goto(page.as_uri())
    looked = tab.evaluate(LOOK)
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    cards = tab.evaluate("[...document.images].map(i => getComputedStyle(i).backgroundColor)")
    tab.close()
    assert looked.pop("texts") > 300 and not any(looked.values()), looked
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light") and set(cards) == {"rgb(255, 255, 255)"}


@browser_needed
@pytest.mark.parametrize("path", by_night(REPORTS, but=[REPORTS[1], REPORTS[-1]]), ids=lambda path: path.stem)
def test_the_page_of_every_report_fits_a_phone_and_a_desk(browser, path, tmp_path):
    (tmp_path / "page.html").write_text(render_page(nbformat.read(path, as_version=4), ""))
    tab = browser.new_page(color_scheme="dark")
    for width in (400, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.goto((tmp_path / "page.html").as_uri())
        looked = tab.evaluate(LOOK)
        assert looked.pop("texts") > 100 and not any(looked.values()), looked
    tab.close()


@browser_needed
def test_contents_stay_beside_a_wide_page_and_stand_above_a_narrow_one(browser, page):
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.goto(page.as_uri())
    box = (
        "(name => { const b = document.querySelector(name).getBoundingClientRect(); return [b.left, b.top, b.right] })"
    )
    left, top, right = tab.evaluate(f"{box}('nav')")
    assert right <= tab.evaluate(f"{box}('main')")[0] and top >= 0
    tab.evaluate("window.scrollTo(0, 5000)")
    assert tab.evaluate(f"{box}('nav')")[:2] == [left, 16] and tab.evaluate(f"{box}('main')")[1] < -4000
    tab.set_viewport_size({"width": 400, "height": 800})
    tab.evaluate("window.scrollTo(0, 5000)")
    assert tab.evaluate(f"{box}('nav')")[1] < -100
    tab.close()


@browser_needed
def test_the_first_column_of_a_table_stands_while_the_others_scroll(browser, page):
    tab = browser.new_page(viewport={"width": 400, "height": 800})
    tab.goto(page.as_uri())
    moved = tab.evaluate(
        """() => [...document.querySelectorAll(".wide")].filter(b => b.querySelector("table:not(.cards)")
               && b.scrollWidth > b.clientWidth + 100).map(b => {
             const cells = [...b.querySelectorAll("tbody tr")][0].children;
             const before = [...cells].map(c => c.getBoundingClientRect().left);
             b.scrollLeft = 90;
             return [...cells].map((c, i) => Math.round(before[i] - c.getBoundingClientRect().left));
           })"""
    )
    tab.close()
    assert len(moved) >= 4 and all(first == 0 and last == 90 for first, *_, last in moved)
