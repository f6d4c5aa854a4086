"""The map of the pool: one HTML file on which like inputs lie together, to select from; it needs no network.

A table of the pool has a row a point, and of these columns those that are known:

index                   place in the pool, and in `inputs`; by default the row
name                    what the input is called
label, or guess         its label, or a reference's guess
predicted, confidence   the model's label and its probability, in [0, 1]
reason                  why it was chosen, a sentence
chosen, doubtful,       bool: chosen, its label is probably wrong, unlike all known inputs, a copy of another one;
foreign, copy           missing (pandas.NA) where it was not examined
"""

from html import escape
from pathlib import Path

import numpy as np
from bokeh import models
from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.plotting import figure
from bokeh.resources import INLINE

from mode_utils.support.files import write_text
from mode_utils.support.pictures import image_address, picture_size, pixel_range, png_text, shown_as
from mode_utils.visualization.map_colours import FLAGS, colourings
from mode_utils.visualization.positions import map_positions

__all__ = ["MAX_POINTS", "drawn_rows", "map_positions", "plot_pool_map", "write_pool_map"]

MAX_POINTS = 25_000
_PAGE = Path(__file__).with_name("page")
_SIDE = 64  # pixels of the longer side of a picture
_VALUES = 8  # that are shown of an input that is not an image
_AT_ONCE = 16_000_000  # bytes of inputs that are read in one go
_SCALED_BY = 512  # inputs whose values are black and white
_SUSPICIONS = tuple(name for name in FLAGS if name != "chosen")
_TOLD = {"chosen": ("chosen",), "suspected": _SUSPICIONS}  # flags by what is said of them
_LISTED = ("index", "name", "label", "guess", "predicted", "confidence")  # of the selected inputs
_TEXTS = ("name", "label", "guess", "predicted", "reason")
_HELP = "Like inputs lie together; how far apart groups lie means nothing. A black ring: chosen. Draw a line around "
_HELP += (
    "points, or a box with the tool beside it, and they are listed below; the arrows move the map, the wheel zooms."
)
_CARD = {"background-color": "white", "color": "#1b1b1b", "color-scheme": "light", "padding": "12px"}
_TEXT = {"disable_math": True, "styles": {"font-size": "14px"}, "sizing_mode": "stretch_width"}


def drawn_rows(table, max_points=MAX_POINTS, seed=0):
    """Return the sorted rows that are drawn: all chosen ones, suspected and random ones as far as there is room."""
    if len(table) <= max_points:
        return np.arange(len(table))
    return np.sort(_most_important_first(table, seed)[: max(max_points, int(_flags(table, ("chosen",)).sum()))])


def plot_pool_map(positions, table, inputs=None, *, n_inputs=None, max_points=MAX_POINTS, max_picture_bytes=4_000_000,
                  seed=0):  # fmt: skip
    """Draw a pool as a map, with what is known of each input: a bokeh.models.Column.

    `positions` (n, 2) are of `map_positions`, the rows of `table` described above. Its `index` points into `inputs`,
    images (N, height, width[, channels]) or values, of which only what is shown is read. `n_inputs` is the size of the
    whole pool, if larger; `max_points` are drawn, see `drawn_rows`; pictures or values take `max_picture_bytes`, the
    chosen first. Positions or `index` that do not fit, and NaN or infinite positions are a ValueError.
    """
    positions, table = _checked(positions, table, inputs)
    rows = drawn_rows(table, max_points, seed)
    said = _say_drawn(table, rows, n_inputs or len(table), seed)
    rows = rows[np.argsort(_importance(table)[rows], kind="stable")]  # the most important are drawn last
    positions, table = positions[rows], table.iloc[rows]
    data, template = _texts(table), _hover_lines(table)
    if inputs is not None:
        shown, line, sentence = _show_inputs(table, inputs, max_picture_bytes, seed)
        data, template, said = data | shown, line + template, [*said, sentence]
    return _lay_out(positions, table, data, template, " ".join([_HELP, *filter(None, said)]))


def write_pool_map(path, layout, title="The map of the pool"):
    """Write a map of `plot_pool_map` as one HTML file that loads nothing from elsewhere, whole or not at all."""
    template = (_PAGE / "map.html").read_text(encoding="utf-8")
    write_text(path, file_html(layout, resources=INLINE, title=title, template=template))


def _script(name, args=None):
    return models.CustomJS(code=(_PAGE / f"{name}.js").read_text(encoding="utf-8"), args=args or {})


def _checked(positions, table, inputs):
    positions = np.asarray(positions)
    if positions.ndim != 2 or positions.shape[1] != 2 or positions.dtype.kind not in "fiu" or not len(positions):
        raise ValueError(f"positions have shape {positions.shape} and dtype {positions.dtype}: they must be (n, 2)")
    if len(table) != len(positions):
        raise ValueError(f"the table has {len(table)} rows for {len(positions)} positions: one each is needed")
    if (bad := ~np.isfinite(positions).all(axis=1)).any():
        raise ValueError(f"position {bad.argmax()} is NaN or infinite: leave it out")
    table = table if "index" in table else table.assign(index=np.arange(len(table)))
    if inputs is not None and not (table["index"].min() >= 0 and table["index"].max() < len(inputs)):
        ends = f"{table['index'].min()} .. {table['index'].max()}"
        raise ValueError(f"index spans {ends}, but there are {len(inputs)} inputs: give the inputs of this table")
    return positions.astype(np.float32), table


def _flags(table, names):
    """Return whether a row has one of some flags; where it was not examined, it has not."""
    found = [table[name].astype("boolean").fillna(False).to_numpy(bool) for name in names if name in table]
    return np.any(found, axis=0) if found else np.zeros(len(table), bool)


def _importance(table):
    return 2 * _flags(table, ("chosen",)) + _flags(table, _SUSPICIONS)


def _most_important_first(table, seed):
    """Return the rows in random order, the chosen ones first, then the suspected ones."""
    order = np.random.default_rng(seed).permutation(len(table))
    return order[np.argsort(-_importance(table)[order], kind="stable")]


def _say_drawn(table, rows, n_inputs, seed):
    if len(rows) == n_inputs:
        return [f"{n_inputs:,} inputs are drawn."]
    kept = [_say_kept(_flags(table, flags), rows, what) for what, flags in _TOLD.items()]
    some = f"{' and '.join(filter(None, kept))}, and others" if any(kept) else "some,"
    return [f"{len(rows):,} of {n_inputs:,} inputs are drawn: {some} at random (seed {seed})."]


def _texts(table):
    data = {"index": table["index"].to_numpy(np.int32)}
    for name in (name for name in _TEXTS if name in table):
        data[name] = table[name].astype(object).where(table[name].notna(), "").map(str).tolist()
    if "confidence" in table:
        data["confidence"] = table["confidence"].to_numpy(float).round(4)
    remarks = np.full(len(table), "", dtype=object)
    for name, flag in FLAGS.items():
        remarks[_flags(table, (name,))] += f"{flag.yes}; "
    data["remarks"] = [each.removesuffix("; ") for each in remarks]
    return data


def _hover_lines(table):
    """Return the lines of the hover; values that it names are escaped by Bokeh."""
    lines = ["<b>@name</b> (input @index)" if "name" in table else "<b>input @index</b>"]
    lines += [f"{name}: <b>@{name}</b>" for name in ("label", "guess") if name in table]
    sure = " (confidence @confidence{0.00})" if "confidence" in table else ""
    lines += [f"predicted: <b>@predicted</b>{sure}"] if "predicted" in table else []
    lines += ["<i>@remarks</i>", *(["@reason"] if "reason" in table else [])]
    return "".join(f"<div>{line}</div>" for line in lines)


def _show_inputs(table, inputs, max_bytes, seed):
    """Return columns that show inputs, the line of the hover, and a sentence on what has no place."""
    order = _most_important_first(table, seed)
    made = describe_inputs(inputs, table["index"].to_numpy()[order], max_bytes)
    texts, has = np.full(len(table), "", dtype=object), np.zeros(len(table), bool)
    texts[order[: len(made)]], has[order[: len(made)]] = made, True
    if shown_as(inputs.shape[1:]) != "image":
        return {"values": texts.tolist()}, "<div>@values</div>", _say_shown(table, has, "values", max_bytes)
    size = np.array(picture_size(inputs.shape[1:], _SIDE))
    wide, high = (has * side for side in np.rint(size * _SIDE / size.max()).astype(np.uint8))
    style = "display: block; overflow: hidden; width: @{wide}px; height: @{high}px; image-rendering: pixelated"
    line = f'<img src="@picture" alt="the input" style="{style}">'
    columns = {"picture": texts.tolist(), "wide": wide, "high": high}
    return columns, line, _say_shown(table, has, "pictures", max_bytes)


def describe_inputs(inputs, places, max_bytes):
    """Return texts for the first places, as far as they fit into a page: data URLs of PNG files, or first values."""
    made, taken = [], 0
    step = max(_AT_ONCE // max(inputs[:1].nbytes, 1), 1)
    write = _picture_writer(inputs, places[: min(_SCALED_BY, step)])
    for start in range(0, len(places), step):
        for each in _read(inputs, places[start : start + step]):
            made.append(write(each))
            taken += len(made[-1])
            if taken > max_bytes:
                return made[:-1]
    return made


def _read(inputs, places):
    """Read inputs in the order of a file, and return them in their own."""
    ordered, back = np.unique(places, return_inverse=True)
    return np.asarray(inputs[ordered])[back]


def _picture_writer(inputs, first):
    """Return what makes a text of an input; pictures have one scale, that of the first places."""
    if shown_as(inputs.shape[1:]) != "image" or not len(first):
        return _values
    low, high = pixel_range(_read(inputs, first))
    return lambda image: image_address(png_text(image, low, high, _SIDE))


def _values(row):
    flat = np.ravel(row)
    more = f", … ({flat.size} values)" if flat.size > _VALUES else ""
    return ", ".join(f"{value:.3g}" for value in flat[:_VALUES]) + more


def _say_shown(table, has, what, max_bytes):
    if has.all():
        return ""
    among = _say_kept(_flags(table, ("chosen",)), has, "chosen")
    among, limit = among and f"{among} among them, ", f"as they may take {max_bytes / 1e6:g} MB"
    return f"The page has {what} of {int(has.sum()):,} of {len(has):,} inputs, {among}{limit}."


def _say_kept(flags, kept, what):
    n, n_all = int(flags[kept].sum()), int(flags.sum())
    return f"{'all' if n == n_all else f'{n:,} of the'} {n_all:,} {what} ones" if n_all else ""


def _lay_out(positions, table, data, template, sentence):
    found, chosen = colourings(table), _flags(table, ("chosen",))
    size, first = 5 if len(table) > 5_000 else 7 if len(table) > 500 else 9, found[0]
    source = models.ColumnDataSource(data | {f"code_{each.key}": each.codes for each in found} | {
        "x": positions[:, 0], "y": positions[:, 1], "size": (size + 4 * chosen).astype(np.uint8),
        "ring": chosen.astype(np.uint8), "colour": [first.colours[code] for code in first.codes],
        "marker": [first.markers[code] for code in first.codes],
    })  # fmt: skip
    legend, options = models.Div(text=first.legend, **_TEXT), [(each.key, each.title) for each in found]
    select = models.Select(title="Colour by", value=first.key, options=options, width=280)
    parts = {name: [list(getattr(each, name)) for each in found] for name in ("colours", "markers")}
    select.js_on_change("value", _script("recolour", {
        "source": source, "legend": legend, "keys": [each.key for each in found],
        "legends": [each.legend for each in found], **parts,
    }))  # fmt: skip
    above = models.Div(text=escape(sentence), **_TEXT)
    below = _selection(source, [name for name in _LISTED if name in data])
    return column(above, select, legend, _draw(source, template), *below, sizing_mode="stretch_width", styles=_CARD)


def _draw(source, template):
    plot = figure(
        height=600, sizing_mode="stretch_width", output_backend="webgl", lod_threshold=2_000, toolbar_location="above",
        tools="pan,wheel_zoom,lasso_select,box_select,reset", active_drag="lasso_select", active_scroll="wheel_zoom",
        background_fill_color="white", border_fill_color="white", outline_line_color="#cccccc",
    )  # fmt: skip
    plot.axis.visible, plot.grid.visible, plot.toolbar.logo = False, False, None
    look = {"marker": "marker", "size": "size", "fill_color": "colour", "line_color": "black", "line_width": 1.5}
    alpha = {"line_alpha": "ring", "fill_alpha": 0.75, "nonselection_fill_alpha": 0.12}
    points = plot.scatter("x", "y", source=source, **look, **alpha, nonselection_line_alpha="ring")
    style = "font-size: 14px; max-width: 260px; overflow-wrap: anywhere; white-space: normal"
    html = f'<div style="{style}">{template}</div>'
    plot.add_tools(models.HoverTool(renderers=[points], tooltips=html, limit=1, sort_by=[("$index", "descending")]))
    plot.js_on_change("inner_width", _script("all_while_moving"))
    return plot


def _selection(source, names):
    listed = models.ColumnDataSource({name: [] for name in names})
    said = models.Div(text="No input is selected.", **_TEXT)
    button = models.Button(label="Download the selected inputs as CSV", disabled=True, width=340)
    formats = {"confidence": {"formatter": models.NumberFormatter(format="0.00")}, "name": {"width": 600}}
    columns = [models.TableColumn(field=name, title=name, **formats.get(name, {})) for name in names]
    look = {"index_position": None, "reorderable": False, "height": 280, "sizing_mode": "stretch_width"}
    table = models.DataTable(source=listed, columns=columns, **look)
    changed = {"source": source, "listed": listed, "names": names, "button": button, "said": said}
    source.selected.js_on_change("indices", _script("list", changed))
    button.js_on_event("button_click", _script("download", {"listed": listed, "names": names}))
    return said, button, table
