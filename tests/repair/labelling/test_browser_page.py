"""The page to label in, in a real browser: nothing is lost, nothing that it shows acts, and keys alone suffice."""

import json
import re
from itertools import product

import numpy as np
import pandas as pd
import pytest
from browsing import browser_needed
from tiers import by_night, cover

from mode_utils.repair.labelling.browser_page import write_label_page
from mode_utils.repair.labelling.label_table import as_text, read_labels
from mode_utils.repair.reading.class_names import NO_LABEL

pytestmark = pytest.mark.slow

NAMES = ("cat", "dog", "=SUM(A1)", "</script><img src=x onerror=window.acted=1>")
EVIL = "</script><script>window.acted=1</script><img src=x onerror=window.acted=1>"
N_POOL = 30_000
LABELLED_ONE = "document.getElementById('progress').textContent.startsWith('1 of')"
CONTRAST = """() => {
  const linear = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const ground = (e) => {
    for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && e.tagName !== 'OPTION'
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return texts.map(e => {
    const style = getComputedStyle(e), svg = e.namespaceURI.endsWith('svg');
    const [a, b] = [light(parts(svg ? style.fill : style.color)), light(ground(e))].sort((x, y) => y - x);
    const scale = svg ? e.getScreenCTM().a : 1;
    return { text: e.textContent, ratio: (a + .05) / (b + .05), size: scale * parseFloat(style.fontSize) };
  });
}"""


def chosen(n, names=NAMES, **columns):
    rng = np.random.default_rng(1)
    guess, predicted = (np.array(names)[rng.integers(len(names), size=n)] for _ in range(2))
    table = {"rank": range(1, n + 1), "index": rng.permutation(N_POOL)[:n], "guess": guess, "predicted": predicted}
    return pd.DataFrame(table | {"confidence": rng.random(n), "reason": [f"{EVIL} {i}" for i in range(n)]} | columns)


@pytest.fixture
def visit(browser):
    """Return a function that opens a page as somebody who was not there before; none may complain or load anything."""
    contexts, complaints, requests, visited = [], [], [], set()

    def opened(path, context=None, script=None, **options):
        contexts.append(context or browser.new_context(**options))
        if script:
            contexts[-1].add_init_script(script)
        tab = contexts[-1].new_page()
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        visited.add(path.as_uri())
        tab.goto(path.as_uri())
        return tab

    yield opened
    assert not complaints
    assert all(url.startswith(("data:", "blob:")) or url in visited for url in requests)
    for context in set(contexts):
        context.close()


def progress(tab):
    return tab.inner_text("#progress")


def download(tab, path):
    with tab.expect_download() as waiting:
        tab.click("#download")
    assert waiting.value.suggested_filename == "labels.csv"
    waiting.value.save_as(path)
    return path


def read(path, names=NAMES, names_pool=None):
    return dict(zip(*(part.tolist() for part in read_labels(path, names, N_POOL, names_pool)), strict=True))


@browser_needed
def test_fifty_labels_by_keys_survive_a_reload_and_come_out_as_they_were_given(visit, tmp_path, rng):
    table = chosen(60)
    write_label_page(tmp_path / "label.html", table, NAMES, rng.random((60, 12, 12, 3)))
    tab = visit(tmp_path / "label.html")
    given = rng.integers(len(NAMES), size=50)
    for label in given[:30]:
        tab.keyboard.press(str(label + 1))
    tab.reload()
    assert progress(tab).startswith("30 of 60 labelled") and tab.inner_text("#which") == "Input 31 of 60"
    for label in given[30:]:
        tab.keyboard.press(str(label + 1))
    tab.keyboard.press("-")
    assert progress(tab).startswith("50 of 60 labelled, 1 cannot tell, about ")
    expected = dict(zip(table["index"].tolist(), [*given.tolist(), NO_LABEL], strict=False))
    path = download(tab, tmp_path / "labels.csv")
    assert read(path) == expected
    rows = pd.read_csv(path, keep_default_na=False)
    assert rows["index"].tolist() == table["index"].tolist()
    assert (rows["label"][50:] == "").all() and rows["note"].tolist() == [""] * 50 + ["cannot tell"] + [""] * 9
    assert "'=SUM(A1)" in set(rows["label"])


@browser_needed
def test_undo_takes_back_one_step_after_the_other_also_after_a_reload(visit, tmp_path):
    write_label_page(tmp_path / "label.html", chosen(5), NAMES)
    tab = visit(tmp_path / "label.html")
    for key in ("1", "2", "-", "Home", "2"):  # the last changes the first
        tab.keyboard.press(key)
    assert progress(tab).startswith("2 of 5 labelled, 1 cannot tell")
    tab.reload()
    tab.keyboard.press("Backspace")
    assert tab.inner_text("#which") == "Input 1 of 5" and "cat" in tab.inner_text("#facts div:first-child")
    tab.keyboard.press("Control+z")
    tab.keyboard.press("Backspace")
    assert progress(tab).startswith("1 of 5 labelled.") and tab.inner_text("#which") == "Input 2 of 5"
    tab.click("#undo")
    assert progress(tab) == "0 of 5 labelled." and tab.is_disabled("#undo")
    tab.keyboard.press("Backspace")
    assert tab.inner_text("#said") == "There is nothing to undo."


@browser_needed
def test_inputs_are_filtered_by_state_and_by_guess(visit, tmp_path):
    table = chosen(20, guess=["cat", "dog"] * 10)
    write_label_page(tmp_path / "label.html", table, NAMES)
    tab = visit(tmp_path / "label.html")
    tab.select_option("#by-guess", label="dog (10)")
    for _ in range(3):
        tab.keyboard.press("1")
    assert tab.inner_text("#which") == "Input 8 of 20"
    tab.keyboard.press("-")
    assert tab.inner_text("#said") == "Input 8: cannot tell."
    for state, count in {"labelled": 3, "cannot-tell": 1, "open": 6, "all": 10}.items():
        tab.select_option("#by-state", state)
        assert tab.locator("#strip button").count() == count, state
    tab.select_option("#by-guess", "")
    tab.select_option("#by-state", "cannot-tell")
    tab.locator("#by-state").press("Escape")
    tab.keyboard.press("2")  # leaves what is shown
    assert tab.inner_text("#nothing").startswith("No input is like that") and tab.is_disabled("#cannot-tell")
    tab.keyboard.press("Backspace")
    assert tab.inner_text("#which") == "Input 8 of 20" and progress(tab).startswith("3 of 20 labelled, 1 cannot tell")


@browser_needed
def test_what_names_labels_and_reasons_say_is_text(visit, tmp_path):
    names = np.array([f"{EVIL} {i}.png" for i in range(N_POOL)])
    table = chosen(8)
    table["name"] = names[table["index"]]
    table.loc[0, "name"] = names[table.loc[0, "index"]] = "=1+1 \n,;\"quoted\".png"  # fmt: skip
    write_label_page(tmp_path / "label.html", table, NAMES, title=EVIL)
    tab = visit(tmp_path / "label.html")
    assert tab.inner_text("h1") == EVIL == tab.title()
    for key in "4321":
        tab.keyboard.press(key)
    assert tab.locator("#classes button").nth(3).inner_text().startswith(NAMES[3])
    assert f"{EVIL} 4" in tab.inner_text("#more") and tab.locator("img").count() == 0
    assert tab.evaluate("window.acted === undefined && document.scripts.length === 2")
    path = download(tab, tmp_path / "labels.csv")
    assert read(path, names_pool=names) == dict(zip(table["index"][:4].tolist(), [3, 2, 1, 0], strict=True))
    assert "'=1+1 " in path.read_text()


@browser_needed
def test_a_script_that_got_into_the_page_all_the_same_is_not_run(browser, tmp_path):
    write_label_page(tmp_path / "label.html", chosen(2), NAMES)
    whole = (tmp_path / "label.html").read_text()
    (tmp_path / "spoilt.html").write_text(whole.replace("<main>", "<main><script>window.acted=1</script>"))
    context = browser.new_context()
    spoilt = context.new_page()
    spoilt.goto((tmp_path / "spoilt.html").as_uri())
    assert spoilt.evaluate("window.acted") is None and spoilt.inner_text("#which") == "Input 1 of 2"
    context.close()


@browser_needed
def test_texts_are_made_safe_for_spreadsheets_as_in_python(visit, tmp_path, rng):
    signs = list("=+-@\t\r01.._eEinfa ('")
    texts = ["".join(rng.choice(signs, size=size)) for size in rng.integers(1, 7, size=2_000)]
    texts += ["-1", "+1.5e-3", "-inf", "+nan", "-1_000", "-1__0", "=1", "@a", "\t5", "-.5", "-5.", "-1e", "cat"]
    write_label_page(tmp_path / "label.html", chosen(2), NAMES)
    made = visit(tmp_path / "label.html").evaluate("texts => texts.map(asText)", texts)
    assert made == [as_text(text) for text in texts]


@browser_needed
def test_a_downloaded_table_goes_on_in_another_browser_and_is_taken_back_in_one_step(visit, tmp_path):
    table = chosen(10, name=[f"{i}.png" for i in range(10)])
    write_label_page(tmp_path / "label.html", table, NAMES)
    first = visit(tmp_path / "label.html")
    for key in "12-34":
        first.keyboard.press(key)
    path = download(first, tmp_path / "labels.csv")
    other = visit(tmp_path / "label.html")
    assert progress(other) == "0 of 10 labelled."
    rows = path.read_text(encoding="utf-8-sig") + f"{N_POOL},x.png,cat,\n{table['index'][9]},0.png,cat,\n"
    other.set_input_files("#file", {"name": "l.csv", "mimeType": "text/csv", "buffer": rows.replace(",", ";").encode()})
    other.wait_for_function("document.getElementById('said').textContent")
    assert other.inner_text("#said") == "5 labels are taken from l.csv; 2 rows are not of this task."
    assert progress(other).startswith("4 of 10 labelled, 1 cannot tell")
    assert read(download(other, tmp_path / "again.csv")) == read(path)
    other.keyboard.press("Backspace")
    assert progress(other) == "0 of 10 labelled."


@browser_needed
def test_two_repairs_do_not_mix_and_two_tabs_of_one_agree(visit, tmp_path):
    table = chosen(6)
    write_label_page(tmp_path / "a.html", table, NAMES)
    write_label_page(tmp_path / "b.html", table.assign(index=table["index"] + 1), NAMES)
    a = visit(tmp_path / "a.html")
    again = visit(tmp_path / "a.html", a.context)
    a.keyboard.press("2")
    again.wait_for_function(LABELLED_ONE)
    assert progress(visit(tmp_path / "b.html", a.context)) == "0 of 6 labelled."
    visit(tmp_path / "a.html", a.context).wait_for_function(LABELLED_ONE)  # which another process may still write


@browser_needed
def test_a_browser_that_keeps_nothing_says_so_and_still_labels(visit, tmp_path):
    write_label_page(tmp_path / "label.html", chosen(6), NAMES)
    denied = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied'); }})"
    tab = visit(tmp_path / "label.html", script=denied)
    assert "This browser keeps nothing here" in tab.inner_text("#warning")
    tab.keyboard.press("1")
    assert len(read(download(tab, tmp_path / "labels.csv"))) == 1
    assert not visit(tmp_path / "label.html").is_visible("#warning")


@browser_needed
def test_of_many_labels_one_is_found_by_a_part_of_its_name(visit, tmp_path):
    names = [f"kind {chr(97 + i % 26)}{i:03d}" for i in range(300)]
    table = chosen(8, names)
    write_label_page(tmp_path / "label.html", table, names)
    tab = visit(tmp_path / "label.html")
    for typed in ("kind a", "z025", "299"):
        tab.keyboard.type(typed)
        tab.keyboard.press("Enter")
    tab.keyboard.press("-")
    tab.keyboard.press("Backspace")
    tab.keyboard.type("no such name")
    tab.keyboard.press("Enter")
    assert progress(tab).startswith("3 of 8 labelled") and tab.locator("#classes button:visible").count() == 0
    tab.keyboard.press("Escape")
    assert tab.locator("#classes button:visible").count() == 100
    assert tab.inner_text("#more-classes") == "and 200 more: type a part of a name"
    labels = read(download(tab, tmp_path / "labels.csv"), names)
    assert list(labels.values()) == [0, 25, 299]


@browser_needed
def test_ten_thousand_labels_keep_the_page_small_and_each_is_found(visit, tmp_path):
    names = [str(label) for label in range(10_000)]
    table = chosen(4, names)
    write_label_page(tmp_path / "label.html", table, names)
    tab = visit(tmp_path / "label.html")
    assert tab.evaluate("document.querySelectorAll('*').length") < 500
    tab.keyboard.type("99")
    assert tab.locator("#classes button").first.inner_text() == "99", "the name itself comes first"
    assert tab.locator("#classes button").nth(1).inner_text() == "990", "then names that begin so"
    tab.keyboard.press("Enter")
    tab.keyboard.type("9999")
    tab.keyboard.press("Enter")
    assert list(read(download(tab, tmp_path / "labels.csv"), names).values()) == [99, 9_999]
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.type("9999")
    assert tab.locator("#classes button").first.get_attribute("aria-pressed") == "true"


@browser_needed
def test_two_thousand_inputs_keep_the_page_small(visit, tmp_path, rng):
    table = chosen(2_000)
    path = tmp_path / "label.html"
    write_label_page(path, table, NAMES, rng.random((2_000, 8, 8, 3)))
    tab = visit(path)
    for key in ("End", "1", "PageDown", "2", "Home", "3"):
        tab.keyboard.press(key)
    assert tab.evaluate("document.querySelectorAll('*').length") < 300 and tab.locator("#strip img").count() < 25
    labels = read(download(tab, tmp_path / "labels.csv"))
    assert [labels[index] for index in table["index"].iloc[[0, -1]]] == [2, 0] and len(labels) == 3


def test_five_hundred_pictures_of_noise_are_below_ten_megabytes(tmp_path, rng):
    write_label_page(tmp_path / "label.html", chosen(500), NAMES, rng.random((500, 32, 32, 3)))
    assert (tmp_path / "label.html").stat().st_size < 10e6


SAMPLES = {"image": (12, 12), "curves": (50, 3), "values": (9,), "many values": (64,), "text": (2, 2, 2)}
LOOKS = list(product(SAMPLES, ["1280 dark", "400 light"]))


@browser_needed
@pytest.mark.parametrize(("kind", "look"), by_night(LOOKS, but=cover(LOOKS)))
def test_everything_can_be_read_at(kind, look, visit, tmp_path, rng):
    width, scheme = look.split()
    table = chosen(30, name=["a-very-long-name-of-a-file" * 4] * 30)
    write_label_page(tmp_path / "label.html", table, NAMES, rng.normal(size=(30, *SAMPLES[kind])))
    tab = visit(tmp_path / "label.html", viewport={"width": int(width), "height": 800}, color_scheme=scheme)
    tab.keyboard.press("1")
    tab.keyboard.press("ArrowLeft")
    texts = tab.evaluate(CONTRAST)
    assert len(texts) > 20 and not [text for text in texts if text["ratio"] < 4.5 or text["size"] < 13.5]
    assert tab.evaluate("document.documentElement.scrollWidth") <= int(width), "it scrolls sideways"
    shown = {"image": "#shown img.coarse", "values": "#shown table", "text": "#shown p"}.get(kind, "#shown svg")
    assert tab.locator(shown).bounding_box()["width"] > 200


@browser_needed
def test_tab_leads_to_every_button_and_where_one_is_can_be_seen(visit, tmp_path):
    write_label_page(tmp_path / "label.html", chosen(6), NAMES)
    tab = visit(tmp_path / "label.html")
    seen, outlines = [], []
    for _ in range(12):
        tab.keyboard.press("Tab")
        seen.append(tab.evaluate("document.activeElement.id || document.activeElement.textContent"))
        outlines.append(tab.evaluate("getComputedStyle(document.activeElement).outlineWidth"))
    assert seen[:1] == ["cat 1"] and seen[4:] == [
        "cannot-tell",
        "previous",
        "next",
        "hints",
        "by-state",
        "by-guess",
        "download",
        "load",
    ]
    assert set(outlines) == {"3px"}
    tab.locator("#classes button").nth(1).focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Space")
    assert progress(tab).startswith("2 of 6 labelled")
    assert tab.locator("[role=status]").get_attribute("aria-live") == "polite"


def test_the_task_in_the_page_ends_where_it_should(tmp_path):
    write_label_page(tmp_path / "label.html", chosen(3), NAMES, title="@@task@@ \u2028")
    whole = (tmp_path / "label.html").read_text()
    (text,) = re.findall(r'<script type="application/json" id="task">(.*?)</script>', whole, re.DOTALL)
    task = json.loads(text)
    assert task["classes"] == list(NAMES) and task["title"] == "@@task@@ \u2028" and whole.count("</script>") == 2
    assert [row["reason"] for row in task["rows"]] == [f"{EVIL} {i}" for i in range(3)]


def test_what_cannot_be_labelled_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no sample is chosen"):
        write_label_page(tmp_path / "label.html", chosen(2)[:0], NAMES)
    with pytest.raises(ValueError, match="there are no class names"):
        write_label_page(tmp_path / "label.html", chosen(2), [])
    with pytest.raises(ValueError, match="3 samples for 2 rows"):
        write_label_page(tmp_path / "label.html", chosen(2), NAMES, np.zeros((3, 4)))
    assert not list(tmp_path.iterdir())


@browser_needed
@pytest.mark.parametrize("hints", [True, False])
def test_what_model_and_reference_say_can_be_hidden_and_is_at_first_where_labels_are_to_be_independent(
    hints, visit, tmp_path
):
    write_label_page(tmp_path / "label.html", chosen(5, ("cat", "dog")), ("cat", "dog"), hints=hints)
    tab = visit(tmp_path / "label.html")
    for shown in (hints, not hints):
        text = tab.inner_text("#asked")
        assert [each in text for each in ("model says", "seems to be", "why it is asked")] == [shown] * 3
        assert tab.is_visible("#by-guess-row") == shown
        tab.click("#hints")
    tab.keyboard.press("1")
    assert tab.evaluate(LABELLED_ONE)
