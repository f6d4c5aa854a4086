"""How Sphinx builds the web site: ``make docs``. What goes into it is gathered by `collect.py`."""

import importlib
import os
import re
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]  # this clone is documented, whatever is installed
os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}  # modules are imported for docstrings alone

project = "mode_nn_debugging"
author = copyright = "The mode_nn_debugging authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc", "sphinx_copybutton"]
templates_path = ["templates"]
suppress_warnings = ["config.cache"]  # `html_context` has a function

# pages
nb_execution_mode = "off"  # the committed outputs are shown: the site is built without training anything
nb_merge_streams = True
nb_render_markdown_format = "myst"  # plain CommonMark has no tables
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["deflist"]  # no formulas: nothing has to load MathJax
myst_heading_anchors = 3  # headings have the names that they have on GitHub
myst_links_external_new_tab = False

# reference
autodoc_mock_imports = ["dnn_tip", "skactiveml"]  # of the extra `peers`, which a site does not need
autodoc_member_order = "bysource"
autodoc_typehints = "none"
warnings.filterwarnings("ignore", "Unknown section Note in the docstring of find_label_issues")  # cleanlab's own
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# looks
html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"priority": 1})]
html_favicon = str(HERE / "static/icon.svg")
html_search_scorer = str(HERE / "static/scorer.js")
html_copy_source = html_show_sourcelink = False
html_sidebars = {"**": ["all-pages"]}
pygments_style = "a11y-high-contrast-light"

_ADDRESS = importlib.import_module("collect").repository_address()
html_context = {"default_mode": "auto", "repository": _ADDRESS, "branch": os.environ.get("GITHUB_REF_NAME", "main")}
html_theme_options = {
    "navbar_center": [],
    "navbar_align": "left",
    "secondary_sidebar_items": {"**": ["page-toc", "open-anywhere"]},
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": [],
    "icon_links": [{"name": "Repository", "url": _ADDRESS, "icon": "fa-brands fa-github"}] if _ADDRESS else [],
}


def escape_signs(app, what, name, obj, options, lines):
    """Let |x| and *shape in a docstring be what they are; to the markup they would be substitutions and emphasis."""
    for place, line in enumerate(lines):
        lines[place] = re.sub(r"(?<=[(\s])\*(?=\w[\w.]*[,)])", r"\\*", line.replace("|", r"\|"))


def setup(app):
    """Read docstrings with `escape_signs` before anything else does."""
    app.connect("autodoc-process-docstring", escape_signs, priority=100)
