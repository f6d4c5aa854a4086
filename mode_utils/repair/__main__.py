"""Command line of a repair: ``mode-repair model.keras data.npz FOLDER --budget 500``."""

import sys
from pathlib import Path

from mode_utils.repair.answer import in_terminal, program
from mode_utils.repair.command import (
    FILE,
    FOLDER,
    NOT_SAVED,
    ONLY,
    REPAIRED,
    STATUSES,
    next_command,
    report_notebook,
    run_command,
)
from mode_utils.repair.folder import check_files, check_new
from mode_utils.support.notebook.command_line import read_options

_CHANGES = {
    "model_path": FILE | {"metavar": "model", "nargs": "?"}, "data_path": FILE,
    "output_dir": FOLDER, "budget": {"required": True, "metavar": "N"},
    "apply": {"type": Path, "nargs": "+", "metavar": "FILE"},
    "continue_from": {"type": Path, "flags": ["--continue"], "metavar": "FOLDER"},
    "only": ONLY, "class_names": {"metavar": "A,B,..."}, "class_weights": {"metavar": "balanced|none|1,5,..."},
}  # fmt: skip
_TEXTS = {
    "prog": "mode-repair",
    "usage": "mode-repair [model] data folder --budget N [options]",
    "description": "Find out what is wrong with a classifier, which samples of a pool to add, and whether they help.",
    "epilog": f"""examples:
  mode-repair model.keras data.npz out --budget 500            arrays: x_train, y_train, x_validation, ...
  mode-repair model.keras photos out --budget 500              images: photos/train/cat/, photos/validation/cat/,
                                                               photos/pool/cat/ or, without labels, photos/pool/
  mode-repair model.keras data.npz out-2 --budget 500 --apply labels.csv      with labels that people have given
  mode-repair data.npz out-3 --budget 500 --continue out-2                    another round, with the repaired model

The folder appears whole or not at all, and is never overwritten: a command, a new folder.

exit status: 0 repaired, or waiting for labels; 1 done, but the model is not saved, as its contract is broken, a label
may have lost a lot, or nothing was fixed; {STATUSES}""",
}


def main(arguments=None):
    """Run the command line; return its exit status, which `--help` lists."""
    return run_command("repair.ipynb", _repair, _CHANGES, arguments, **_TEXTS)


def _repair(given, declared):
    check_new(given.output_dir)
    if given.model_path is None and "continue_from" not in given:
        raise ValueError("a model is needed: mode-repair model.keras data.npz FOLDER, or --continue an earlier repair")
    check_files(given.model_path, given.data_path, getattr(given, "apply", ()))
    command = next_command(given, declared, _CHANGES, program("mode-repair", "mode_utils.repair"))
    parameters = read_options(given, declared, "mode-repair")
    summary, lines, _ = report_notebook("repair.ipynb", given, parameters, command, command(compare="random"))
    print(*summary["remarks"], *summary.get("told", ()), "", in_terminal(lines), sep="\n")
    outcome = summary.get("outcome")
    return NOT_SAVED if outcome and (outcome["asks"] or not outcome["helps"]) else REPAIRED


if __name__ == "__main__":
    sys.exit(main())
