"""The web site as it was built, link by link and in a browser; `make docs-test` builds it and runs this.

MODE_SITE names the folder of the site. Nothing but the site's own server can be reached from the browser.
"""

import functools
import http.server
import os
import re
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from browsing import browser_needed, open_browser
from bs4 import BeautifulSoup

SITE = Path(os.environ.get("MODE_SITE", ""))
pytestmark = pytest.mark.skipif(not os.environ.get("MODE_SITE"), reason="no built site: run make docs-test")
LOOK = Path(__file__).with_name("look_at_page.js").read_text(encoding="utf-8")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}
LOADED = "script[src], link[rel=stylesheet], img, iframe, link[rel=preload]"


def page_names():
    return sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)


@pytest.fixture(scope="module")
def soups():
    return {name: BeautifulSoup((SITE / name).read_text(encoding="utf-8"), "html.parser") for name in page_names()}


def test_the_site_has_pages_notebooks_and_code(soups):
    expected = {"index.html", "docs/claims.html", "notebooks/walkthrough.html", "figures/gallery.html"}
    assert len(soups) > 100 and expected | {"api/mode_utils.similarity.html"} <= set(soups)


def test_every_link_and_anchor_leads_somewhere(soups):
    anchors = {name: {node["id"] for node in soup.find_all(id=True)} for name, soup in soups.items()}
    lost, n_links = [], 0
    for name, soup in soups.items():
        for link in soup.find_all("a", href=True):
            place, anchor = urldefrag(urljoin(name, unquote(link["href"])))
            if "://" in place or link["href"].startswith("mailto:"):
                continue
            n_links += 1
            good = (SITE / place).is_file() and (not anchor or place not in anchors or anchor in anchors[place])
            lost += [] if good else [f"{name}: {link['href']}"]
    assert n_links > 5_000 and not lost


def test_nothing_is_loaded_from_elsewhere(soups):
    sources = [(name, node.get("src") or node["href"]) for name, soup in soups.items() for node in soup.select(LOADED)]
    assert len(sources) > 1_000 and not [each for each in sources if each[1].startswith(("http:", "https:", "//"))]


def test_each_page_can_be_reached_from_the_one_before(soups):
    reached, place = [], "index.html"
    while place and place not in reached:
        reached.append(place)
        following = soups[place].select_one("a.right-next")
        place = urldefrag(urljoin(place, following["href"]))[0] if following else None
    alone = {name for name in soups if name.startswith(("data/", "genindex", "py-modindex", "search"))}
    assert set(soups) - alone == set(reached)


def test_the_gallery_says_what_is_seen_and_how_each_figure_is_made(soups):
    page = soups["figures/gallery.html"].find("article")
    assert len(page.find_all("img")) == len(list((SITE.parents[2] / "figures").glob("*.png")))
    assert page.get_text().count("drawn by") == page.get_text().count(": make f") == len(page.find_all("img"))


def test_no_markdown_is_left_raw(soups):
    starts = [(name, text.get_text().strip()[:40]) for name, soup in soups.items() for text in soup.select("article p")]
    assert len(starts) > 1_000 and not [each for each in starts if each[1].startswith(("|", "### ", "**"))]


def test_evidence_shows_results_and_folds_its_code(soups):
    pages = [name for name in soups if name.startswith(("notebooks/results", "notebooks/s"))]
    for name in pages:
        inputs = soups[name].select("article div.cell_input")
        assert inputs and all(each.find_parent("details") for each in inputs), name
        assert soups[name].select_one("button.all-code"), name


def test_titles_in_the_contents_are_those_of_their_pages_and_can_be_told_apart(soups):
    links = soups["index.html"].select("nav.bd-links > div > ul > li > a")
    titles = [link.get_text().strip() for link in links]
    own = [soups[urldefrag(link["href"])[0]].find("h1").get_text().rstrip("#") for link in links]
    assert len(titles) > 30 and titles == own and len(set(titles)) == len(titles)


def test_no_name_of_the_code_is_left_in_a_table(soups):
    raw = re.compile(r"fashion_mnist|cifar10\b|\b(wrong|distinct|foreign)_share|best_fixed_alpha|p_holm|dtype:")
    found = []
    for name, soup in soups.items():
        shown = soup.select("article td, article th, article .cell_output pre")
        found += [f"{name}: {cell.get_text()[:60]}" for cell in shown if raw.search(_words(cell))]
    assert not found, f"{len(found)} times: {found[:10]}"


def _words(cell):
    return "" if cell.find("code") else cell.get_text()


@pytest.fixture(scope="module")
def browser():
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open_browser() as chromium:
        chromium.address = f"http://127.0.0.1:{server.server_port}/"
        yield chromium
    server.shutdown()


def open_tab(browser, complaints, **options):
    """Open a tab that reaches the site alone, and notes what goes wrong."""
    tab = browser.new_context(viewport=WIDE, **options).new_page()

    def within(route):
        own = route.request.url.startswith((browser.address, "data:"))
        complaints.extend([] if own else [f"asks for {route.request.url}"])
        route.continue_() if own else route.abort()

    tab.route("**/*", within)
    tab.on("console", lambda said: complaints.append(said.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    return tab


@pytest.fixture(scope="module")
def seen(browser):
    """Look at each page: wide and narrow, in light and dark; a dict from what is wrong to where."""
    complaints, found, n_texts = [], {}, 0
    tab = open_tab(browser, complaints, color_scheme="light", reduced_motion="reduce")
    for name in page_names():
        tab.goto(browser.address + name)
        for mode in ("light", "dark"):
            tab.evaluate("mode => document.documentElement.setAttribute('data-theme', mode)", mode)
            for size in (WIDE, NARROW):
                tab.set_viewport_size(size)
                looked = tab.evaluate(LOOK)
                n_texts += looked.pop("texts")
                for what, wrong in looked.items():
                    found.setdefault(what, []).extend([f"{name} {mode} {size['width']}: {wrong}"] if wrong else [])
        found.setdefault("complaints", []).extend(f"{name}: {complaint}" for complaint in complaints)
        complaints.clear()
    assert n_texts > 100_000
    return found


@browser_needed
@pytest.mark.parametrize(
    ("what", "law"),
    [
        ("complaints", "no page logs an error or asks for anything from elsewhere"),
        ("faint", "all text has a contrast of 4.5 or more, in light and dark"),
        ("mute", "every figure has an alternative text"),
        ("broken", "every figure is shown"),
        ("sideways", "no page scrolls sideways, at 1280 and 400 pixels"),
        ("cut", "what is wider than the page scrolls in its own box"),
        ("small", "all text has 12 pixels or more"),
    ],
)
def test_in_a_browser(seen, what, law):
    assert not seen[what], f"{law}; {len(seen[what])} times not: {seen[what][:10]}"


@browser_needed
@pytest.mark.parametrize("words", ["earth mover", "HCI", "register_metric"])
def test_the_search_finds(browser, words):
    complaints = []
    tab = open_tab(browser, complaints)
    tab.goto(f"{browser.address}search.html?q={words.replace(' ', '+')}")
    tab.wait_for_selector("#search-results li a")
    tab.wait_for_function("!document.querySelector('#search-results h2').textContent.startsWith('Searching')")
    titles = tab.eval_on_selector_all("#search-results li a", "links => links.map(link => link.textContent)")
    assert len(titles) >= 3 and not complaints
    assert words != "earth mover" or any("earth mover" in title.lower() for title in titles)


@browser_needed
@pytest.mark.parametrize("words", ["HCI", "earth mover", "control", "alpha"])
def test_the_search_finds_the_glossary_first(browser, words):
    tab = open_tab(browser, [])
    tab.goto(f"{browser.address}search.html?q={words.replace(' ', '+')}")
    tab.wait_for_function("document.querySelector('#search-results h2')?.textContent.startsWith('Search Results')")
    assert tab.locator("#search-results li a").first.inner_text().startswith("Glossary")


@browser_needed
def test_a_button_opens_and_folds_all_code_of_a_page(browser):
    tab = open_tab(browser, [])
    tab.goto(f"{browser.address}notebooks/results.html")
    n_open = "document.querySelectorAll('details.hide[open]').length"
    assert tab.evaluate(n_open) == 0
    tab.locator("button.all-code").click()
    assert tab.evaluate(n_open) > 10
    tab.locator("button.all-code").click()
    assert tab.evaluate(n_open) == 0


@browser_needed
@pytest.mark.parametrize("page", ["docs/which-inputs", "notebooks/sweep_reports/pools", "docs/accuracy-tables"])
def test_long_tables_are_folded_and_wide_ones_are_not_lost(browser, page):
    tab = open_tab(browser, [])
    tab.goto(f"{browser.address}{page}.html")
    assert tab.evaluate("document.documentElement.scrollHeight") < 10_000


@browser_needed
def test_on_a_phone_sentences_are_whole_and_other_wide_tables_say_that_they_scroll(browser):
    tab = open_tab(browser, [])
    tab.set_viewport_size(NARROW)
    tab.goto(f"{browser.address}notebooks/results.html")
    ends = "all => all.map(cell => cell.getBoundingClientRect().right)"
    cells = tab.eval_on_selector_all("table.sentences td", ends)
    assert len(cells) > 40 and max(cells) <= NARROW["width"]
    tab.goto(f"{browser.address}docs/accuracy-tables.html")
    tab.wait_for_selector(".scrolls table")


@browser_needed
def test_the_search_field_opens_and_leads_to_results(browser):
    tab = open_tab(browser, [])
    tab.goto(browser.address)
    tab.keyboard.press("Control+k")
    tab.keyboard.type("earth mover")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results li a")
    assert "search.html" in tab.url


@browser_needed
def test_the_switch_makes_the_page_dark_and_it_stays_dark(browser):
    tab = open_tab(browser, [], color_scheme="light")
    tab.goto(browser.address)
    of_page = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(of_page)
    tab.locator(".theme-switch-button:visible").first.click()
    tab.locator(".theme-change-button[data-mode=dark]:visible").first.click()
    dark = tab.evaluate(of_page)
    tab.goto(f"{browser.address}docs/claims.html")
    assert dark != light and tab.evaluate(of_page) == dark


@browser_needed
def test_a_dark_system_gets_a_dark_page_with_figures_on_light_cards(browser):
    tab = open_tab(browser, [], color_scheme="dark")
    tab.goto(f"{browser.address}notebooks/results.html")
    assert tab.get_attribute("html", "data-theme") == "dark"
    cards = tab.eval_on_selector_all("article img", "all => all.map(i => getComputedStyle(i).backgroundColor)")
    assert len(cards) > 5 and set(cards) == {"rgb(255, 255, 255)"}


@browser_needed
def test_on_a_phone_the_contents_open_and_lead_to_a_page(browser):
    tab = open_tab(browser, [])
    tab.set_viewport_size(NARROW)
    tab.goto(browser.address)
    tab.locator("button.primary-toggle:visible").click()
    tab.get_by_role("link", name="Glossary").first.click()
    tab.wait_for_url("**/docs/glossary.html")
    assert tab.locator("h1").inner_text().startswith("Glossary")
