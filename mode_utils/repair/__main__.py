"""Command line of a repair: ``python -m mode_utils.repair model.keras data.npz FOLDER --budget 500``."""

import json
import sys
from pathlib import Path

from mode_utils.repair.command import FILE, FOLDER, NOT_SAVED, ONLY, REPAIRED, STATUSES, report_notebook, run_command
from mode_utils.repair.folder import MAP, PAGE, check_files, check_new
from mode_utils.support.notebook.command_line import read_options

_CHANGES = {
    "model_path": FILE | {"metavar": "model", "nargs": "?"}, "data_path": FILE | {"metavar": "data"},
    "output_dir": FOLDER, "budget": {"required": True}, "apply": {"type": Path, "nargs": "+", "metavar": "FILE"},
    "continue_from": {"type": Path, "flags": ["--continue"], "metavar": "FOLDER"},
    "only": ONLY, "class_names": {"metavar": "A,B,..."}, "class_weights": {"metavar": "balanced|none|1,5,..."},
}  # fmt: skip
_TEXTS = {
    "prog": "python -m mode_utils.repair",
    "description": "Find out what is wrong with a classifier, which samples of a pool to add, and whether they help.",
    "epilog": "Exit status: 0 repaired, or waiting for labels; 1 done, but the model is not saved, as its contract "
    f"is broken, a label may have lost a lot, or nothing was fixed; {STATUSES}",
}


def main(arguments=None):
    """Run the command line; return its exit status, which `--help` lists."""
    return run_command("repair.ipynb", _repair, _CHANGES, arguments, **_TEXTS)


def _repair(given, declared):
    check_new(given.output_dir)
    if given.model_path is None and "continue_from" not in given:
        raise ValueError("a model is needed: mode-repair model.keras data.npz FOLDER, or --continue an earlier repair")
    check_files(given.model_path, given.data_path, getattr(given, "apply", ()))
    report_notebook("repair.ipynb", given.output_dir, read_options(given, declared, "mode-repair"), beside=[PAGE, MAP])
    return _tell(given.output_dir)


def _tell(folder):
    summary = json.loads((folder / "diagnosis.json").read_text())
    outcome, page, selected = summary.get("outcome"), folder / PAGE, folder / "selected.csv"
    for sentence in summary.get("remarks", []):
        print(sentence)
    print(f"see {folder / 'report.html'}")
    if outcome is None and not summary["chosen"]:
        print("nothing to add: the model gets all validation samples right")
        return REPAIRED
    if outcome is None:
        print(f"label the inputs in {page}, or fill in {selected}; then give the table to --apply with a new folder")
        return REPAIRED
    print(*summary["told"], sep="\n")
    if summary["without_label"]:
        print(f"label them in {page}")
    return REPAIRED if outcome["helps"] and not outcome["asks"] else NOT_SAVED


if __name__ == "__main__":
    sys.exit(main())
