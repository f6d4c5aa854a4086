"""A page to label samples in, from the folder `page`: one file for any browser, offline, that saves a `labels.csv`."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

from mode_utils.repair.labelling.sample_views import view_samples
from mode_utils.support.files import write_text

_FOLDER = Path(__file__).with_name("page")
_SCRIPTS = ("table.js", "task.js", "views.js", "page.js")
_COLUMNS = ("index", "name", "guess", "predicted", "confidence", "reason")


def write_label_page(path, chosen, class_names, samples=None, *, title="Which label is it?", kind=None,
                     hints=True):  # fmt: skip
    """Write a page to label samples in, whole or not at all, and return the `SampleViews` that it shows.

    Parameters
    ----------
    path : path of an .html file
    chosen : pandas.DataFrame
        A row a sample, in the order of labelling, as `repair.choose_inputs` returns them: `index`, its place in the
        pool; optionally `name`; `guess` (or `label`) of a reference; `predicted` and `confidence`, the model's label
        and its probability in [0, 1]; `reason`. All of it is shown as text, whatever it says.
    class_names : sequence of str, of the labels 0, 1, ...
    samples : (n, ...) array, optional, of the rows
    title, kind : str, and one of `support.pictures.KINDS`, by default told by the shape of samples
    hints : bool, whether what the model and the reference say is shown at first; whoever labels can change it
    """
    if not len(chosen):
        raise ValueError("no sample is chosen: there is nothing to label")
    if not len(class_names):
        raise ValueError("there are no class names: give a name for each label")
    shown = view_samples(samples, len(chosen), kind)
    task = {"title": title, "classes": [str(name) for name in class_names], "rows": _rows(chosen)}
    task["hints"] = bool(hints)
    task |= {"kind": shown.kind, "low": shown.low, "high": shown.high, "views": shown.views}
    task["key"] = task_key(task)
    write_text(path, _page(task))
    return shown


def task_key(task):
    """Return a text that two tasks share only if the same samples are to be given the same labels."""
    what = {name: task[name] for name in ("classes", "views")}
    what["rows"] = [[row["index"], row.get("name")] for row in task["rows"]]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]


def _rows(chosen):
    table = chosen.rename(columns={"label": "guess"}) if "guess" not in chosen else chosen
    table = table[[name for name in _COLUMNS if name in table]]
    rows = json.loads(table.to_json(orient="records", double_precision=4))
    return [{name: value for name, value in row.items() if value not in (None, "")} for row in rows]


def _page(task):
    """Fill the template in one go: what a text brings is never filled in again."""
    script = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    parts = {"title": html.escape(task["title"]), "task": _inert(task), "style": style, "script": script}
    parts |= {"style_hash": _policy_hash(style), "script_hash": _policy_hash(script)}
    return re.sub(r"@@(\w+)@@", lambda found: parts[found[1]], (_FOLDER / "page.html").read_text(encoding="utf-8"))


def _inert(task):
    """Return JSON that cannot end the element that it stands in, whatever its texts are."""
    text = json.dumps(task, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _policy_hash(text):
    """Return how a page's security policy names the only script, or style, that it lets act."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
