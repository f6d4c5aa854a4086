"""Tasks for Label Studio, with what the model and the reference say, and the labels that its exports bring back.

Formats: https://labelstud.io/guide/predictions; exports "JSON" and "JSON-MIN", https://labelstud.io/guide/export. The
index of a sample, and its name if it has one, stand in each task's `data`.
"""

import json
import math
from collections import Counter, defaultdict
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from mode_utils.repair.labelling.label_table import CANNOT_TELL, resolve_rows
from mode_utils.repair.labelling.sample_views import view_samples
from mode_utils.support.files import write_text
from mode_utils.support.pictures import image_address

TASKS, CONFIGURATION = "tasks.json", "labelling.xml"
_LABEL, _INPUT = "label", "input"  # what the configuration calls the question, and what it is about
_TAGS = {"image": "Image", "curves": "TimeSeries", "values": "Table", "text": "Text"}


def write_tasks(folder, chosen, class_names, samples=None, *, kind=None, image_root=None):
    """Write `tasks.json` and `labelling.xml` into a folder, for a new project of Label Studio.

    Parameters
    ----------
    folder, chosen, class_names, samples, kind
        See `browser_page.write_label_page`; images stand in the tasks themselves.
    image_root : str, optional
        Where the names of images are found, such as "/data/local-files/?d=" or "https://...": tasks then have addresses
        in place of images, and each has to have a name.
    """
    if image_root is not None and "name" not in chosen:
        raise ValueError(f"image_root = {image_root!r} needs images with names: give a table with a column 'name'")
    shown = view_samples(samples, len(chosen), kind if image_root is None else "text")
    kind = shown.kind if image_root is None else "image"
    rows = json.loads(chosen.to_json(orient="records"))
    tasks = [_task(row, view, kind, image_root) for row, view in zip(rows, shown.views, strict=True)]
    channels = len(shown.views[0]) if kind == "curves" else 0
    write_text(Path(folder) / TASKS, json.dumps(tasks, indent=1, ensure_ascii=False) + "\n")
    write_text(Path(folder) / CONFIGURATION, _configuration(class_names, kind, channels))


def read_export(path, class_names, n_pool, names_pool=None, notes=None):
    """Return indices and labels by annotator from an export of Label Studio, "JSON" or "JSON-MIN".

    See `label_table.read_labels` for the parameters. Skipped tasks are left out. A second label by the same annotator
    for one task counts as another annotator's, "... (2)".
    """
    path, rows, times = Path(path), defaultdict(list), Counter()
    for number, task in enumerate(_load(path), start=1):
        where = f"task {task.get('id', number)}"
        for annotator, label in _answers(path, where, task):
            times[where, annotator] += 1
            time = times[where, annotator]
            rows[annotator if time == 1 else f"{annotator} ({time})"].append(_row(task, label, where))
    if not rows:
        told = f"{path} has no label: label its tasks with the configuration {CONFIGURATION}, and export as JSON"
        raise ValueError(told)
    return {whose: resolve_rows(path, each, class_names, n_pool, names_pool, notes) for whose, each in rows.items()}


def _task(row, view, kind, image_root):
    data = {name: row[name] for name in ("index", "name", "guess", "predicted") if row.get(name) is not None}
    data["reason"] = row.get("reason") or f"sample {row['index']} of the pool"
    if kind == "image":
        data["image"] = image_address(view) if image_root is None else image_root + quote(str(row["name"]))
    elif kind == "curves":
        data["curves"] = {"step": list(range(len(view[0])))} | {str(n): each for n, each in enumerate(view, start=1)}
    elif kind == "values":
        data["values"] = {str(n): value for n, value in enumerate(view, start=1)}
    else:
        data["text"] = str(row.get("name") or f"sample {row['index']} of the pool")
    said = [("model", row.get("predicted"), row.get("confidence")), ("reference", row.get("guess"), None)]
    return {"data": data, "predictions": [_prediction(*each) for each in said if each[1] is not None]}


def _prediction(who, label, score):
    value = {"from_name": _LABEL, "to_name": _INPUT, "type": "choices", "value": {"choices": [str(label)]}}
    prediction = {"model_version": who, "result": [value]}
    if score is not None and math.isfinite(score):
        prediction["score"] = min(max(float(score), 0.0), 1.0)
    return prediction


def _configuration(class_names, kind, channels):
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Header", value="$reason")
    sample = ElementTree.SubElement(view, _TAGS[kind], name=_INPUT, value=f"${kind}")
    if kind == "curves":
        sample.attrib |= {"valueType": "json", "timeColumn": "step"}
        for number in range(1, channels + 1):
            ElementTree.SubElement(sample, "Channel", column=str(number), legend=str(number))
    choices = ElementTree.SubElement(view, "Choices", name=_LABEL, toName=_INPUT, choice="single", showInline="true")
    for name in dict.fromkeys([*map(str, class_names), CANNOT_TELL]):
        ElementTree.SubElement(choices, "Choice", value=name)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _load(path):
    if not path.exists():
        raise FileNotFoundError(f"there is no export {path}")
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        raise ValueError(f"{path} is not JSON: export the project as JSON or JSON-MIN") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ValueError(f"{path} is not a list of tasks: export the project as JSON or JSON-MIN")
    return tasks


def _answers(path, where, task):
    if "annotations" not in task and "completions" not in task:  # JSON-MIN: a record an annotation
        if task.get(_LABEL):
            yield _who(task.get("annotator")), _one(path, where, task[_LABEL])
        return
    for annotation in task.get("annotations", task.get("completions")):
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            continue
        given = [item["value"] for item in annotation.get("result") or [] if item.get("from_name") == _LABEL]
        if given:
            yield _who(annotation.get("completed_by")), _one(path, where, given)


def _one(path, where, given):
    found = []
    for each in given if isinstance(given, list) else [given]:
        choices = each.get("choices", []) if isinstance(each, dict) else each
        found += choices if isinstance(choices, list) else [choices]
    if len(found) != 1:
        raise ValueError(f"{path}, {where}: has {len(found)} labels; it must have one")
    return str(found[0])


def _who(annotator):
    if isinstance(annotator, dict):
        annotator = annotator.get("email") or annotator.get("id")
    return "an annotator" if annotator is None else str(annotator)


def _row(task, label, where):
    """Return a row as `label_table.resolve_rows` takes it; in JSON-MIN, the index stands beside all else."""
    data = task.get("data", task)
    texts = {name: str(data[name]).strip() for name in ("index", "name") if data.get(name) is not None}
    return texts | {"label": label.strip(), "where": where}
