"""Command line of a repair: ``python -m mode_utils.repair model.keras data.npz FOLDER --budget 500``."""

import argparse
import errno
import json
import os
import re
import sys
import tempfile
from pathlib import Path

from mode_utils.repair.folder import check_files, check_new
from mode_utils.support.files import remove_partial, whole_folder

REPAIRED, NOT_SAVED, BAD_INPUT, NO_ROOM, INTERRUPTED = 0, 1, 2, 3, 130  # exit status
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "repair.ipynb"


def _build_parser():
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mode_utils.repair",
        description="Find out what is wrong with a classifier, which samples of a pool to add, and whether they help.",
        epilog="Exit status: 0 repaired, or waiting for labels; 1 done, but the model is not saved, as it has new bugs "
        "or broke more than it fixed; 2 bad input; 3 no room or no permission; 130 interrupted.",
    )
    add = parser.add_argument
    add("model", type=Path, help="a compiled classifier, saved with model.save('model.keras')")
    add("data", type=Path, help=".npz file: x_train, y_train, x_validation, y_validation, x_pool, and y_pool if known")
    add(
        "folder",
        type=Path,
        help="where selected.csv, diagnosis.json, report.html and repaired.keras go; must not exist",
    )
    add("--budget", type=int, required=True, help="samples to add")
    add("--apply", type=Path, metavar="CSV", help="a selected.csv whose column 'label' has been filled in")
    add("--class-names", metavar="A,B,...", help="names of the labels 0, 1, ...")
    add("--preset", default="recommended", help="%(default)s, adaptive or original")
    add("--output", help="what the model's output means, if it is not detected: softmax, logits, sigmoid, ...")
    add("--labels", help="what the model's loss takes, if it is not detected: sparse, one-hot, binary")
    add(
        "--tolerance", type=float, default=0.02, help="validation accuracy that a label may lose (default: %(default)s)"
    )
    add("--pixels", help="where the model wants pixels, if it is not detected: 0..1, 0..255, -1..1")
    add("--skip-broken", action="store_true", help="go on without images that cannot be read")
    add("--even-if-weak", action="store_true", help="go on with a model that knows none of its own training samples")
    add("--compare", choices=["random"], help="repair with inputs drawn at random, too, from several seeds")
    add("--batch-size", type=int, default=32, help="samples a step of the retraining (default: %(default)s)")
    add("--seed", type=int, default=0, help="of what is drawn at random (default: %(default)s)")
    add("--keep-new-bugs", action="store_true", help="save repaired.keras even if it has new bugs")
    return parser


def main(arguments=None):
    """Run the command line; return its exit status, which `--help` lists."""
    given = _build_parser().parse_args(arguments)
    try:
        check_new(given.folder)
        check_files(given.model, given.data, given.apply)
        _run(given, *_open(given))
        return _tell(given)
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return NO_ROOM if _has_no_room(error) else BAD_INPUT


def _has_no_room(error):
    """Tell whether an error is about room or permission, here or in the notebook's kernel, of which the text comes."""
    of_kernel = getattr(error, "ename", "") in ("OSError", "PermissionError")
    said = of_kernel and any(os.strerror(code) in str(error) for code in _NO_ROOM)
    return said or getattr(error, "errno", None) in _NO_ROOM


def _sentence(error):
    """Return what an error says; of one that nobody has foreseen, what it is, too."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if not error.filename else f"{error.strerror}: {error.filename}"
    text = _ANSI.sub("", str(error)).strip()
    if isinstance(error, (OSError, ValueError)):
        return text
    last, name = text.splitlines()[-1] if text else "without a word", getattr(error, "ename", type(error).__name__)
    last = last.removeprefix(f"{name}: ")
    return last if name in ("ValueError", "FileNotFoundError") else f"{name}: {last}"


def _open(given):
    """Open the case, to find out early what is wrong with it; return it and what is to be handed on."""
    from mode_utils.repair.case import open_case  # imports TensorFlow
    from mode_utils.repair.label_table import read_labels

    names = given.class_names.split(",") if given.class_names else None
    options = ("output", "labels", "pixels", "skip_broken", "even_if_weak", "preset", "tolerance", "seed", "batch_size")
    options = {name: getattr(given, name) for name in options}
    case = open_case(given.model, given.data, given.budget, class_names=names, **options)
    if given.apply:
        read_labels(given.apply, case)
    if given.compare and case.data.y_pool is None:
        raise ValueError("--compare random needs a pool with labels: what is drawn at random would need them, too")
    return case, names, options


def _run(given, case, names, options):
    """Execute the notebook, and put its page beside what it leaves."""
    import nbformat

    from mode_utils.repair.mapped_pool import MAP
    from mode_utils.sweep.kernels import execute_copy  # imports papermill
    from mode_utils.sweep.page import describe_origin, render_page

    paths = {"model_path": given.model, "data_path": given.data, "apply": given.apply or ""}
    parameters = {name: str(path.resolve()) if path else "" for name, path in paths.items()}
    parameters |= {name: value if value is not None else "" for name, value in options.items()}
    parameters |= {"class_names": names or [], "budget": given.budget, "keep_new_bugs": given.keep_new_bugs}
    parameters["compare"] = given.compare or ""
    for note in case.notes:
        print(note)
    remove_partial(given.folder.resolve().parent, recursive=False)  # what a killed repair has left
    with whole_folder(given.folder) as folder, tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy.ipynb"
        parameters["output_dir"] = str(folder.resolve())
        execute_copy(NOTEBOOK, copy, parameters, cwd=Path(scratch))
        page = render_page(nbformat.read(copy, as_version=4), describe_origin(NOTEBOOK.parent), beside=[MAP])
        (folder / "report.html").write_text(page, encoding="utf-8")


def _tell(given):
    summary = json.loads((given.folder / "diagnosis.json").read_text())
    outcome, worth = summary.get("outcome"), summary.get("worth")
    for sentence in summary.get("remarks", []):
        print(sentence)
    print(f"see {given.folder / 'report.html'}")
    if outcome is None and not summary["chosen"]:
        print("nothing to add: the model gets all validation samples right")
        return REPAIRED
    if outcome is None:
        print(f"fill in the labels of {given.folder / 'selected.csv'}, and give it to --apply with a new folder")
        return REPAIRED
    print(f"{outcome['fixed']} validation samples fixed, {outcome['broken']} broken")
    if worth:
        print(worth)
    unsure = [row["label"] for row in outcome["labels"] if row["verdict"].startswith("cannot tell")]
    if unsure:
        print(f"too few validation samples to tell whether they became worse: {', '.join(unsure)}")
    if outcome["new_bugs"]:
        print(f"new bugs: {', '.join(outcome['new_bugs'])} lost more than the tolerance, beyond chance")
    if not outcome["helps"]:
        saved = (given.folder / "repaired.keras").exists()
        kept = "saved all the same" if saved else "not saved; --keep-new-bugs saves it all the same"
        print(f"the repair did not help: the model is {kept}")
    return REPAIRED if outcome["helps"] else NOT_SAVED


def repair_command():
    """Run the command line as a program of its own, ``mode-repair``."""
    sys.exit(main())


if __name__ == "__main__":
    repair_command()
