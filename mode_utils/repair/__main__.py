"""Command line of a repair: ``python -m mode_utils.repair model.keras data.npz FOLDER --budget 500``."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import nbformat

from mode_utils.repair.case import open_case
from mode_utils.repair.folder import check_new, read_labels
from mode_utils.support.files import remove_partial, whole_folder
from mode_utils.sweep.page import describe_origin, render_page

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "repair.ipynb"


def _build_parser():
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mode_utils.repair",
        description="Find out what is wrong with a classifier, which samples of a pool to add, and whether they help.",
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
    add("--batch-size", type=int, default=32, help="samples a step of the retraining (default: %(default)s)")
    add("--seed", type=int, default=0, help="of what is drawn at random (default: %(default)s)")
    add("--keep-new-bugs", action="store_true", help="save repaired.keras even if a label lost more than that")
    return parser


def main(arguments=None):
    """Run the command line; return its exit status: 0 done, 1 repaired but with new bugs, 2 could not start."""
    given = _build_parser().parse_args(arguments)
    try:
        check_new(given.folder)
        names = given.class_names.split(",") if given.class_names else None
        case = open_case(
            given.model, given.data, given.budget, class_names=names, output=given.output, labels=given.labels,
            preset=given.preset, tolerance=given.tolerance, seed=given.seed, batch_size=given.batch_size,
        )  # fmt: skip
        if given.apply:
            read_labels(given.apply, case)
        _run(given, names)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return _tell(given)


def _run(given, names):
    """Execute the notebook, and put its page beside what it leaves."""
    from mode_utils.sweep.kernels import execute_copy  # imports papermill

    paths = {"model_path": given.model, "data_path": given.data, "apply": given.apply or ""}
    parameters = {name: str(path.resolve()) if path else "" for name, path in paths.items()}
    parameters |= {"class_names": names or [], "output": given.output or "", "labels": given.labels or ""}
    same = ("budget", "preset", "tolerance", "batch_size", "seed", "keep_new_bugs")
    parameters |= {name: getattr(given, name) for name in same}
    remove_partial(given.folder.resolve().parent, recursive=False)  # what a killed repair has left
    with whole_folder(given.folder) as folder, tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy.ipynb"
        parameters["output_dir"] = str(folder.resolve())
        execute_copy(NOTEBOOK, copy, parameters, cwd=Path(scratch))
        page = render_page(nbformat.read(copy, as_version=4), describe_origin(NOTEBOOK.parent))
        (folder / "report.html").write_text(page, encoding="utf-8")


def _tell(given):
    outcome = json.loads((given.folder / "diagnosis.json").read_text()).get("outcome")
    print(f"see {given.folder / 'report.html'}")
    if outcome is None:
        print(f"fill in the labels of {given.folder / 'selected.csv'}, and give it to --apply with a new folder")
        return 0
    print(f"{outcome['fixed']} validation samples fixed, {outcome['broken']} broken")
    if outcome["new_bugs"]:
        saved = (given.folder / "repaired.keras").exists()
        kept = "saved all the same" if saved else "not saved; --keep-new-bugs saves it all the same"
        print(f"new bugs: {', '.join(outcome['new_bugs'])} lost more than the tolerance; the model is {kept}")
    return 1 if outcome["new_bugs"] else 0


def repair_command():
    """Run the command line as a program of its own, ``mode-repair``."""
    sys.exit(main())


if __name__ == "__main__":
    repair_command()
