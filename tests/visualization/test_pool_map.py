"""The map of a pool: like inputs lie together, a page shows each, and what is selected becomes a table."""

import csv
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from bokeh.models import ColumnDataSource, Select
from browsing import browser_needed
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from mode_utils.support.pictures import shown_as
from mode_utils.visualization.map_colours import colourings
from mode_utils.visualization.pool_map import (
    describe_inputs,
    drawn_rows,
    map_positions,
    plot_pool_map,
    write_pool_map,
)

pytestmark = pytest.mark.slow

HOSTILE = '<img src=x onerror="window.hit=1">=@predicted $index $$x$$ {{y}}</script><script>window.hit=1</script>'


def votes(points, labels):
    """Return the label that most of the ten nearest others have."""
    near = NearestNeighbors(n_neighbors=10).fit(points).kneighbors(return_distance=False)
    return np.stack([(labels[near] == label).sum(axis=1) for label in range(labels.max() + 1)]).argmax(axis=0)


def pool(n, seed=0):
    """Return the table of a pool of which everything is known."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n).astype(str)
    foreign = pd.array(rng.random(n) < 0.1, dtype="boolean")
    foreign[rng.random(n) < 0.5] = pd.NA
    return pd.DataFrame({
        "name": [f"{place}.png" for place in range(n)], "label": labels, "predicted": labels[::-1],
        "confidence": rng.random(n), "reason": "it is wanted", "chosen": rng.random(n) < 0.1,
        "doubtful": rng.random(n) < 0.1, "foreign": foreign, "copy": rng.random(n) < 0.1,
    })  # fmt: skip


def columns(layout):
    return next(source.data for source in layout.select({"type": ColumnDataSource}) if "x" in source.data)


def sentence(layout):
    return layout.children[0].text


def test_neighbours_in_the_map_vote_as_in_the_whole_space_also_where_landmarks_place_them():
    x, y = load_digits(return_X_y=True)
    placed = map_positions(x, n_landmarks=400)
    assert placed.shape == (len(x), 2) and placed.dtype == np.float32 and np.abs(placed).max() == 1
    assert (votes(placed, y) == votes(x, y)).mean() > 0.85


def test_a_map_is_the_same_again_by_its_seed():
    x = load_digits().data[:300]
    assert (map_positions(x, seed=3, n_landmarks=100) == map_positions(x, seed=3, n_landmarks=100)).all()
    assert (map_positions(x, seed=3, n_landmarks=100) != map_positions(x, seed=4, n_landmarks=100)).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("features", "places"),
    [
        (np.arange(40.0)[:, None], 40),  # one feature
        (np.ones((50, 8)), 1),
        (np.zeros((50, 8), np.uint8), 1),
        (np.diag(np.arange(1.0, 5)), 4),  # fewer points than neighbours
        (np.ones((1, 3)), 1),
        (np.repeat(np.random.default_rng(0).normal(size=(8, 10)), 20, axis=0), 8),
        (1e300 * np.random.default_rng(0).normal(size=(60, 5)), 60),
        (np.random.default_rng(0).normal(size=(60, 300)).astype(np.float32), 60),
    ],
)
def test_unusual_spaces_have_a_map_with_a_place_for_each_point(features, places):
    placed = map_positions(features)
    assert placed.shape == (len(features), 2) and np.isfinite(placed).all()
    assert len(np.unique(placed.round(3), axis=0)) == places


def test_one_feature_keeps_its_order_and_two_their_shape():
    x = np.random.default_rng(0).normal(size=(50, 2))
    line = map_positions(np.column_stack([x[:, 0], np.ones(50)]))[:, 0]
    assert (np.argsort(line) == np.argsort(x[:, 0])).all() or (np.argsort(-line) == np.argsort(x[:, 0])).all()
    ways = [np.linalg.norm(points[1:] - points[:-1], axis=1) for points in (x, map_positions(x))]
    assert np.allclose(ways[0] / ways[0].max(), ways[1] / ways[1].max(), atol=1e-4)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: map_positions(np.array([[1.0], [np.nan]])), "features of point 1 are NaN or infinite"),
        (lambda: map_positions(np.ones(3)), r"features have shape \(3,\)"),
        (lambda: map_positions(np.ones((3, 1)), n_landmarks=2), "n_landmarks = 2; it must be at least 10"),
        (lambda: plot_pool_map(np.ones((3, 3)), pool(3)), r"positions have shape \(3, 3\)"),
        (lambda: plot_pool_map(np.ones((3, 2)), pool(4)), "the table has 4 rows for 3 positions"),
        (lambda: plot_pool_map(np.full((3, 2), np.nan), pool(3)), "position 0 is NaN or infinite"),
        (
            lambda: plot_pool_map(np.ones((3, 2)), pool(3), np.ones((2, 8, 8))),
            "index spans 0 .. 2, but there are 2 inp",
        ),
    ],
)
def test_bad_input_is_told_in_a_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.nightly  # by day the test of a fitted head imports it, too
def test_the_map_imports_no_tensorflow():
    code = "import sys, mode_utils.visualization.pool_map; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_of_a_million_inputs_some_are_drawn_all_chosen_and_suspected_ones_among_them():
    n, rng = 1_000_000, np.random.default_rng(0)
    table = pd.DataFrame({"chosen": rng.random(n) < 0.001, "doubtful": rng.random(n) < 0.01, "label": np.ones(n, int)})
    layout = plot_pool_map(rng.random((n, 2), np.float32), table)
    kept = np.sort(columns(layout)["index"])
    wanted = np.flatnonzero(table["chosen"] | table["doubtful"])
    assert len(kept) == 25_000 and np.isin(wanted, kept).all() and (drawn_rows(table) == kept).all()
    assert sentence(layout).endswith(
        f"25,000 of 1,000,000 inputs are drawn: all {table['chosen'].sum():,} chosen ones and all "
        f"{table['doubtful'].sum():,} suspected ones, and others at random (seed 0)."
    )


def test_chosen_inputs_are_drawn_even_if_they_are_more_than_have_room_and_suspected_ones_come_next():
    table = pd.DataFrame({"chosen": np.arange(50) < 20, "copy": np.arange(50) % 2 == 0})
    assert drawn_rows(table, 10).tolist() == list(range(20))
    some = drawn_rows(table, 25)
    assert set(range(20)) <= set(some) and all(place % 2 == 0 for place in some if place >= 20)


def test_a_point_keeps_what_belongs_to_it_and_the_chosen_are_drawn_last():
    table, positions = pool(200), np.random.default_rng(1).random((200, 2)).astype(np.float32)
    data = columns(plot_pool_map(positions, table))
    assert (data["x"] == positions[data["index"], 0]).all() and (data["y"] == positions[data["index"], 1]).all()
    assert data["name"] == table["name"][data["index"]].tolist()
    assert data["ring"].tolist() == sorted(table["chosen"].astype(int))
    assert (data["size"][data["ring"] == 1].min() > data["size"][data["ring"] == 0].max()).all()
    remarks = dict(zip(data["index"], data["remarks"], strict=True))
    assert all(("chosen" in remarks[row]) == table["chosen"][row] for row in range(200))


def test_it_can_be_coloured_by_the_columns_that_are_there():
    positions = np.random.default_rng(0).random((60, 2))
    titles = dict(plot_pool_map(positions, pool(60)).select_one({"type": Select}).options)
    assert list(titles) == ["label", "predicted", "chosen", "doubtful", "foreign", "copy"]
    assert len(plot_pool_map(positions, pd.DataFrame(index=range(60))).select_one({"type": Select}).options) == 1


def test_a_class_has_one_look_and_rare_ones_beyond_twenty_are_others():
    names = [f"class {place}" for place in range(30) for _ in range(40 - place)]
    table = pd.DataFrame({"label": names, "predicted": names[::-1]})
    label, predicted = colourings(table)
    assert len(label.colours) == 21 and len(set(zip(label.colours, label.markers, strict=True))) == 21
    assert (label.colours, label.markers) == (predicted.colours, predicted.markers)
    looks = [(label.colours[code], label.markers[code]) for code in label.codes]
    assert all((look == looks[-1]) == (int(name.split()[1]) >= 20) for look, name in zip(looks, names, strict=True))
    assert "others" in label.legend and (label.codes == predicted.codes[::-1]).all()


def test_classes_stand_in_the_order_that_people_read_and_long_names_keep_their_ends():
    names = ["class 11", "class 2", "10", "9", "x" * 50 + "1", "x" * 50 + "2"]
    (found,) = colourings(pd.DataFrame({"label": names}))
    assert found.codes.tolist() == [3, 2, 1, 0, 4, 5]
    assert "x1 (1)" in found.legend and "x2 (1)" in found.legend and "x" * 41 not in found.legend


def test_the_legend_counts_inputs_that_were_not_examined():
    table = pd.DataFrame({"foreign": pd.array([True, False, pd.NA, pd.NA], dtype="boolean")})
    (found,) = colourings(table)
    assert found.codes.tolist() == [0, 1, 2, 2]
    assert all(text in found.legend for text in ("foreign (1)", "like known inputs (1)", "not examined (2)"))


def test_pictures_are_those_of_their_inputs_the_chosen_ones_first_within_the_limit():
    from base64 import b64decode
    from io import BytesIO

    from PIL import Image

    images, table = load_digits().images[:300] / 16, pool(300)
    layout = plot_pool_map(np.random.default_rng(0).random((300, 2)), table, images, max_picture_bytes=20_000)
    data = columns(layout)
    has = np.array([bool(picture) for picture in data["picture"]])
    assert sum(map(len, data["picture"])) <= 20_000 and 40 < has.sum() < 300
    assert has[data["ring"] == 1].all() and (data["wide"][has] == 64).all() and (data["high"][~has] == 0).all()
    for picture, place in zip(np.array(data["picture"])[has], data["index"][has], strict=True):
        pixels = np.array(Image.open(BytesIO(b64decode(picture.split(",")[1])))) / 255
        assert np.abs(pixels - images[place]).max() < 0.01
    assert f"The page has pictures of {has.sum()} of 300 inputs, all {table['chosen'].sum()} chosen" in sentence(layout)


@pytest.mark.parametrize(
    ("shape", "image"),
    [((9, 8, 8), True), ((9, 8, 8, 3), True), ((9, 300, 200, 1), True), ((9, 100, 3), False), ((9, 12), False)],
)
def test_inputs_of_all_kinds_are_shown_as_pictures_or_as_values(shape, image):
    inputs = np.random.default_rng(0).random(shape)
    shown = describe_inputs(inputs, np.array([4, 2]), 1_000_000)
    assert (shown_as(shape[1:]) == "image") == image and len(shown) == 2 and shown[0] != shown[1]
    first = f"{inputs[4].flat[0]:.3g}, {inputs[4].flat[1]:.3g}, "
    assert shown[0].startswith("data:image/png;base64," if image else first)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Write the map of 60 digits, some of which have hostile names."""
    table = pool(60)
    table["name"] = [f"=1+{place}" if place % 2 else f"{HOSTILE} {place}" for place in range(60)]
    table.loc[::3, "predicted"] = HOSTILE
    table["chosen"] = np.arange(60) == 7
    corners = np.column_stack([np.arange(60) % 10, np.arange(60) // 10]).astype(float)
    path = tmp_path_factory.mktemp("map") / "map.html"
    write_pool_map(path, plot_pool_map(corners, table, load_digits().images[:60]), "A <map>")
    return path, table


FIND_POINT = """place => {
  const find = view => view.model.type == "Figure" ? view : (view.child_views ?? []).map(find).find(Boolean);
  const figure = [...Bokeh.index.roots].map(find).find(Boolean);
  const data = figure.model.renderers[0].data_source.data, row = Array.from(data.index).indexOf(place);
  const corner = figure.canvas_view.el.getBoundingClientRect();
  const { x_scale, y_scale } = figure.frame;
  return [corner.left + x_scale.compute(data.x[row]), corner.top + y_scale.compute(data.y[row])];
}"""
SOURCE = 'Bokeh.documents[0].all_models.values().find(model => model.type == "Figure").renderers[0].data_source'
TEXT = """() => {
  const read = node => (node.shadowRoot ? [...node.shadowRoot.childNodes].map(read).join(" ") : "") + (
    node.nodeType == 3 ? node.data : /STYLE|SCRIPT/.test(node.tagName) ? "" : [...node.childNodes].map(read).join(" "));
  return read(document.body);
}"""


def opened(browser, path, width=1280):
    tab = browser.new_page(viewport={"width": width, "height": 1000}, accept_downloads=True)
    tab.complaints, tab.requests = [], []
    tab.on(
        "console", lambda message: tab.complaints.append(message.text) if message.type in ("error", "warning") else 0
    )
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("request", lambda request: tab.requests.append(request.url))
    tab.goto(path.as_uri())
    tab.wait_for_function("window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle")
    return tab


def box(tab, first, last):
    """Draw a line around the points of a rectangle, from the upper left to the lower right place."""
    left, top = tab.evaluate(FIND_POINT, first)
    right, bottom = tab.evaluate(FIND_POINT, last)
    around = [(left - 9, top - 9), (right + 9, top - 9), (right + 9, bottom + 9), (left - 9, bottom + 9)]
    tab.mouse.move(*around[0])
    tab.mouse.down()
    for corner in [*around[1:], around[0]]:
        tab.mouse.move(*corner, steps=4)
    tab.mouse.up()


@browser_needed
def test_a_line_around_points_lists_them_and_a_button_downloads_them_without_formulas(browser, page):
    path, table = page
    tab = opened(browser, path)
    box(tab, 51, 43)  # two rows of three points, the upper one is the fifties
    tab.get_by_text("6 selected inputs:").wait_for()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download the 6 selected inputs as CSV").click()
    with open(download.value.path(), newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["index", "name", "label", "predicted", "confidence"]
    assert [int(row[0]) for row in rows] == [41, 42, 43, 51, 52, 53]
    for index, name, label, predicted, confidence in rows:
        given = table.loc[int(index)]
        assert name == (f"'{given['name']}" if given["name"].startswith("=") else given["name"])
        assert (label, predicted) == (given["label"], given["predicted"])
        assert float(confidence) == pytest.approx(given["confidence"], abs=1e-4)
    assert not tab.complaints and tab.evaluate("window.hit") is None
    tab.close()


@browser_needed
def test_hovering_shows_the_input_and_what_is_known_of_it_and_names_are_no_html(browser, page):
    path, table = page
    tab = opened(browser, path)
    tab.mouse.move(*tab.evaluate(FIND_POINT, 24))  # with a hostile name and prediction
    tab.get_by_alt_text("the input").wait_for()
    shown = " ".join(tab.evaluate(TEXT).split())
    assert f"{HOSTILE} 24" in shown and f"predicted: {HOSTILE}" in " ".join(shown.split())
    assert tab.get_by_alt_text("the input").evaluate("image => image.naturalWidth") == 8
    tab.mouse.move(*tab.evaluate(FIND_POINT, 7))
    tab.get_by_text("=1+7").wait_for()
    shown = " ".join(tab.evaluate(TEXT).split())
    assert "it is wanted" in shown and "chosen" in shown and f"label: {table['label'][7]}" in shown
    box(tab, 50, 49)  # the list shows hostile names, too
    tab.get_by_text("20 selected inputs:").wait_for()
    assert not tab.complaints and tab.evaluate("window.hit") is None and tab.locator("img[src=x]").count() == 0
    assert tab.requests == [url for url in tab.requests if url.startswith(("data:", path.as_uri()))]
    assert tab.title() == "A <map>" and tab.locator("h1").inner_text() == "A <map>"
    tab.close()


@browser_needed
@pytest.mark.parametrize("width", [1280, 400])
def test_the_reader_chooses_what_points_are_coloured_by_at_the_width_of(browser, page, width):
    tab = opened(browser, page[0], width)
    before = tab.evaluate(f"{SOURCE}.data.colour")
    tab.get_by_role("combobox").select_option(label="chosen or not")
    tab.get_by_text("not chosen (59)").wait_for()
    colours = tab.evaluate(f"{SOURCE}.data.colour")
    assert colours != before and len(set(colours)) == 2 and colours.count(colours[-1]) == 1  # the chosen one is last
    overflow = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0 and not tab.complaints
    tab.close()


@browser_needed
def test_25_000_points_are_moved_and_zoomed_and_the_seconds_are_noted(browser, tmp_path, record_property):
    positions = np.random.default_rng(0).normal(size=(25_000, 2))
    write_pool_map(tmp_path / "map.html", plot_pool_map(positions, pool(25_000)))
    tab = opened(browser, tmp_path / "map.html")
    span = 'model => { const f = Bokeh.documents[0].all_models.values().find(m => m.type == "Figure"); '
    span += "return [f.x_range.start, f.x_range.end]; }"
    first = tab.evaluate(span)
    tab.evaluate("window.frames_ = []; (function next(t) { frames_.push(t); requestAnimationFrame(next); })(0)")
    tab.mouse.move(*tab.evaluate(FIND_POINT, 7))
    for _ in range(5):
        tab.mouse.wheel(0, -100)
    tab.wait_for_function(
        f"first => {{ const now = ({span})(); return now[1] - now[0] < first[1] - first[0] }}", arg=first
    )
    times = np.diff(tab.evaluate("frames_")[1:])
    record_property("median_frame_ms", float(np.median(times)))
    assert not tab.complaints
    tab.close()


@browser_needed
@pytest.mark.parametrize(
    ("renderer", "drawn_by", "threshold"), [("SwiftShader", "canvas", 2_000), ("Fast", "webgl", None)]
)
def test_webgl_draws_where_a_graphics_card_does_it_and_a_canvas_otherwise(browser, page, renderer, drawn_by, threshold):
    tab = browser.new_page()
    tab.add_init_script(f"""const get = WebGLRenderingContext.prototype.getParameter;
      WebGLRenderingContext.prototype.getParameter = function (name) {{
        return name == 37446 || name == this.RENDERER ? "{renderer}" : get.call(this, name);
      }};""")
    tab.goto(page[0].as_uri())
    tab.wait_for_function("window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle")
    figure = 'Bokeh.documents[0].all_models.values().find(model => model.type == "Figure")'
    assert tab.evaluate(f"[drawnBy, {figure}.lod_threshold]") == [drawn_by, threshold]
    tab.close()
