"""Command line of a repair: ``python -m mode_utils.repair model.keras data.npz FOLDER --budget 500``."""

import argparse
import json
import sys
from pathlib import Path

from mode_utils.repair.command import NOT_SAVED, REPAIRED, report_notebook, status_of
from mode_utils.repair.folder import MAP, PAGE, check_files, check_new


def _build_parser():
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mode_utils.repair",
        description="Find out what is wrong with a classifier, which samples of a pool to add, and whether they help.",
        epilog="Exit status: 0 repaired, or waiting for labels; 1 done, but the model is not saved, as it has new "
        "bugs, broke more than it fixed, or fixed nothing; 2 bad input; 3 no room or no permission; 4 an error that "
        "was not foreseen, whose traceback is kept; 130 interrupted.",
    )
    add = parser.add_argument
    add(
        "model", type=Path, nargs="?",
        help="a compiled classifier, saved with model.save('model.keras') or as .h5; with --continue, the repaired one",
    )  # fmt: skip
    add("data", type=Path, help=".npz file: x_train, y_train, x_validation, y_validation, x_pool, and y_pool if known")
    add(
        "folder",
        type=Path,
        help="where selected.csv, diagnosis.json, report.html and repaired.keras go; must not exist",
    )
    add("--budget", type=int, required=True, help="samples to add")
    add(
        "--apply", type=Path, metavar="FILE", nargs="+", default=[],
        help="labels.csv or selected.csv with labels, or an export.json of Label Studio; of several, what all agree on",
    )  # fmt: skip
    add("--continue", type=Path, metavar="FOLDER", dest="continue_from", help="go on from a repair with the same data")
    add("--label-studio", action="store_true", help="write tasks for Label Studio, too, where samples need labels")
    add("--class-names", metavar="A,B,...", help="names of the labels 0, 1, ...")
    add("--preset", default="recommended", help="%(default)s, adaptive or original")
    add("--output", help="what the model's output means, if it is not detected: softmax, logits, sigmoid, ...")
    add("--labels", help="what the model's loss takes, if it is not detected: sparse, one-hot, binary, signed")
    add(
        "--tolerance", type=float, default=0.02, help="validation accuracy that a label may lose (default: %(default)s)"
    )
    add("--pixels", help="how the model wants pixels, if it is not detected: 0..1, 0..255, -1..1, caffe, torch")
    add("--skip-broken", action="store_true", help="go on without images that cannot be read")
    add("--even-if-weak", action="store_true", help="go on with a model that knows none of its own training samples")
    add("--compare", choices=["random"], help="repair with inputs drawn at random, too, from several seeds")
    add("--batch-size", type=int, default=32, help="samples a step of the retraining (default: %(default)s)")
    add("--epochs", type=int, help="passes over the samples of the retraining (default: 3, and more while it is slow)")
    add(
        "--learning-rate", type=float,
        help="of the retraining (default: the model's own, or a higher one if that moves nothing)",
    )  # fmt: skip
    add(
        "--class-weights", metavar="balanced|none|1,5,...",
        help="of the retraining, a number for each label, or NAME=NUMBER,... (default: the model's, if seen)",
    )  # fmt: skip
    add("--seed", type=int, default=0, help="of what is drawn at random (default: %(default)s)")
    add("--keep-new-bugs", action="store_true", help="save repaired.keras even if it has new bugs")
    return parser


def main(arguments=None):
    """Run the command line; return its exit status, which `--help` lists."""
    return status_of(_repair, _build_parser().parse_args(arguments))


def _repair(given):
    check_new(given.folder)
    if given.model is None and given.continue_from is None:
        raise ValueError("a model is needed: mode-repair model.keras data.npz FOLDER, or --continue an earlier repair")
    check_files(given.model, given.data, given.apply)
    _run(given, *_open(given))
    return _tell(given)


def _open(given):
    """Open the case, to find out early what is wrong with it; return it and what is to be handed on."""
    from mode_utils.repair.case import open_case  # imports TensorFlow
    from mode_utils.repair.labelling.agreement import gather_labels
    from mode_utils.repair.rounds import take_labels

    names = given.class_names.split(",") if given.class_names else None
    options = ("output", "labels", "pixels", "skip_broken", "even_if_weak", "preset", "tolerance", "seed", "batch_size")
    options = (*options, "epochs", "learning_rate", "class_weights")
    options = {name: getattr(given, name) for name in options}
    case = open_case(
        given.model, given.data, given.budget, class_names=names, continue_from=given.continue_from, **options
    )
    if given.apply:
        gathered = gather_labels(given.apply, case.data.class_names, len(case.data.x_pool), case.data.names_pool)
        _say_gathered(take_labels(gathered, case))
    if given.compare and not case.data.pool_labelled:
        raise ValueError(
            "--compare random needs labels of the whole pool: what is drawn at random would need them, too"
        )
    return case, names, options


def _say_gathered(gathered):
    """Print how labels were read, how far several annotators agree, and on what they do not."""
    print(*gathered.notes, sep="\n", end="\n" if gathered.notes else "")
    if gathered.agreement:
        print(gathered.agreement)
    if len(gathered.disagreed):
        print(f"{len(gathered.disagreed)} samples are given several labels, none of which is taken; see disagreed.csv:")
        print(*gathered.say_disagreed(), sep="\n")


def _run(given, case, names, options):
    """Execute the notebook, and put its page beside what it leaves."""
    paths = {"model_path": given.model, "data_path": given.data, "continue_from": given.continue_from}
    parameters = {name: str(path.resolve()) if path else "" for name, path in paths.items()}
    parameters |= {"apply": [str(path.resolve()) for path in given.apply], "label_studio": given.label_studio}
    parameters |= {name: value for name, value in options.items() if value is not None}
    parameters |= {"class_names": names or [], "budget": given.budget, "keep_new_bugs": given.keep_new_bugs}
    parameters["compare"] = given.compare or ""
    for note in case.notes:
        print(note)
    report_notebook("repair.ipynb", given.folder, parameters, beside=[PAGE, MAP])


def _tell(given):
    summary = json.loads((given.folder / "diagnosis.json").read_text())
    outcome = summary.get("outcome")
    page, selected = given.folder / PAGE, given.folder / "selected.csv"
    for sentence in summary.get("remarks", []):
        print(sentence)
    print(f"see {given.folder / 'report.html'}")
    if outcome is None and not summary["chosen"]:
        print("nothing to add: the model gets all validation samples right")
        return REPAIRED
    if outcome is None:
        print(f"label the inputs in {page}, or fill in {selected}; then give the table to --apply with a new folder")
        return REPAIRED
    print(*summary["told"], sep="\n")
    if summary["without_label"]:
        print(f"label them in {page}")
    return REPAIRED if outcome["helps"] else NOT_SAVED


def repair_command():
    """Run the command line as a program of its own, ``mode-repair``."""
    sys.exit(main())


if __name__ == "__main__":
    repair_command()
