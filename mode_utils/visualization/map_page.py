"""The page around a map, one file that loads nothing from elsewhere, and its scripts."""

from bokeh.embed import file_html
from bokeh.resources import INLINE

from mode_utils.support.files import write_text

_PAGE = """{% block preamble %}<script>
(() => {  // WebGL that a processor only pretends to have is slower than a plain canvas
  const context = HTMLCanvasElement.prototype.getContext;
  const gl = document.createElement("canvas").getContext("webgl");
  const info = gl && gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = gl ? gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER) : "none";
  window.drawnBy = /none|swiftshader|llvmpipe|software|basic render/i.test(renderer) ? "canvas" : "webgl";
  if (window.drawnBy == "canvas") {
    HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
      return /webgl/.test(kind) ? null : context.call(this, kind, ...more);
    };
  }
})();
</script>{% endblock %}
{% block postamble %}<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 1100px; padding: 8px; background: white; color: #1b1b1b;
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: .5rem 12px 0; }
</style>{% endblock %}
{% block inner_body %}<h1>{{ title | e }}</h1>{{ super() }}{% endblock %}"""

RECOLOUR = """
const at = keys.indexOf(cb_obj.value), codes = source.data["code_" + cb_obj.value];
source.data.colour = Array.from(codes, code => colours[at][code]);
source.data.marker = Array.from(codes, code => markers[at][code]);
source.change.emit();
legend.text = legends[at];
"""
ALL_WHILE_MOVING = """
if (window.drawnBy == "webgl") cb_obj.lod_threshold = null;
"""
LIST = """
const rows = Array.from(source.selected.indices).sort((a, b) => source.data.index[a] - source.data.index[b]);
listed.data = Object.fromEntries(names.map(name => [name, rows.map(row => source.data[name][row])]));
const inputs = `${rows.length.toLocaleString("en")} selected input${rows.length == 1 ? "" : "s"}`;
button.label = rows.length ? `Download the ${inputs} as CSV` : "Download the selected inputs as CSV";
button.disabled = rows.length == 0;
said.text = rows.length ? `${inputs}:` : "No input is selected.";
"""
DOWNLOAD = r"""
const formula = text => /^[=+\-@\t\r]/.test(text) && (text.trim() == "" || Number.isNaN(Number(text)));
const cell = value => {
  const text = typeof value == "string" && formula(value) ? "'" + value : String(value);
  return /[",;\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
};
const rows = listed.data[names[0]].map((_, row) => names.map(name => cell(listed.data[name][row])).join(","));
const file = new Blob([[names.join(","), ...rows].join("\n") + "\n"], {type: "text/csv;charset=utf-8"});
const link = document.createElement("a");
Object.assign(link, {href: URL.createObjectURL(file), download: "selected-inputs.csv"});
link.click();
setTimeout(() => URL.revokeObjectURL(link.href), 60000);
"""


def write_pool_map(path, layout, title="The map of the pool"):
    """Write a map of `plot_pool_map` as one HTML file that loads nothing from elsewhere, whole or not at all."""
    write_text(path, file_html(layout, resources=INLINE, title=title, template=_PAGE))
