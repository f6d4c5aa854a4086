"""Command line of a choice without a model: ``python -m mode_utils.repair.choose_command arrays.npz FOLDER``."""

import json
import sys
from pathlib import Path

from mode_utils.repair.command import FILE, FOLDER, ONLY, REPAIRED, STATUSES, report_notebook, run_command
from mode_utils.repair.folder import MAP, PAGE, check_files, check_new
from mode_utils.repair.reading.array_sets import OUTPUTS
from mode_utils.repair.reading.shard_files import find_shards
from mode_utils.support.notebook.command_line import read_options

_DATA = f".npz file with {', '.join(OUTPUTS.required)}, and any of {', '.join(OUTPUTS.optional)}; with --fit it has no"
_DATA += " probabilities, but features_train and y_train"
_CHANGES = {
    "data_path": FILE | {"metavar": "data", "help": _DATA}, "output_dir": FOLDER, "budget": {"required": True},
    "only": ONLY, "class_names": {"metavar": "A,B,..."},
    "pool": {"metavar": "URL"}, "scheduler": {"metavar": "ADDRESS"},
    "apply": {"type": Path, "nargs": "+", "metavar": "FILE"}, "outcome": {"type": Path, "metavar": "FILE"},
    "continue_from": {"type": Path, "metavar": "FOLDER", "flags": ["--continue-from", "--continue"]},
}  # fmt: skip
_TEXTS = {
    "prog": "python -m mode_utils.repair.choose_command",
    "description": "Find out which samples of a pool to add or to label, from a model's probabilities and features.",
    "epilog": f"Exit status: 0 chosen; {STATUSES}",
}


def main(arguments=None):
    """Run the command line; return its exit status, which `--help` lists."""
    return run_command("choose.ipynb", _choose, _CHANGES, arguments, **_TEXTS)


def _choose(given, declared):
    folder = given.output_dir
    check_new(folder)
    _check_given(given)
    parameters = read_options(given, declared, "mode-choose")
    if pool := parameters.get("pool"):
        find_shards(pool)
        parameters["pool"] = pool if "://" in pool else str(Path(pool).resolve())
    elif "workers" in parameters or parameters.get("scheduler"):
        raise ValueError("--workers and --scheduler are for a pool in shards: give it with --pool")
    told = report_notebook("choose.ipynb", folder, parameters, beside=[PAGE, MAP])
    summary = json.loads((folder / "diagnosis.json").read_text())
    for sentence in summary["notes"] + summary["remarks"]:
        if sentence not in told:
            print(sentence)
    if not summary["chosen"]:
        print("nothing to add: the model gets all validation samples right")
    print(f"{summary['chosen']} samples chosen: see {folder / 'report.html'}")
    print(*summary.get("told", []), sep="\n")
    if summary["without_label"]:
        print(f"label them in {folder / PAGE}, or fill in {folder / 'selected.csv'}")
    return REPAIRED


def _check_given(given):
    tables, outcome, fit = (getattr(given, name, None) for name in ("apply", "outcome", "fit"))
    check_files(data=given.data_path, labels=tables or ())
    if fit and getattr(given, "pool", ""):
        raise ValueError("--fit takes a pool in one file: leave out --pool, or --fit and give probabilities")
    if outcome:
        check_files(data=outcome)
        if fit:
            raise ValueError("--outcome is made here with --fit: leave out one of them")
        if not tables:
            raise ValueError("--outcome needs the labels that its models were retrained on: give them with --apply")


if __name__ == "__main__":
    sys.exit(main())
