"""Command line of a choice without a model: ``mode-choose arrays.npz FOLDER --budget 500``."""

import sys
from pathlib import Path

from mode_utils.repair.answer import in_terminal, program
from mode_utils.repair.command import FILE, FOLDER, ONLY, REPAIRED, STATUSES, next_command, report_notebook, run_command
from mode_utils.repair.folder import check_files, check_new
from mode_utils.repair.reading.array_sets import OUTPUTS
from mode_utils.repair.reading.shard_files import find_shards
from mode_utils.support.notebook.command_line import read_options

_DATA = f".npz file with {', '.join(OUTPUTS.required)}, and any of {', '.join(OUTPUTS.optional)}; with --fit it has no"
_DATA += " probabilities, but features_train and y_train"
_CHANGES = {
    "data_path": FILE | {"help": _DATA}, "output_dir": FOLDER, "budget": {"required": True, "metavar": "N"},
    "only": ONLY, "class_names": {"metavar": "A,B,..."},
    "pool": {"metavar": "URL"}, "scheduler": {"metavar": "ADDRESS"},
    "apply": {"type": Path, "nargs": "+", "metavar": "FILE"}, "outcome": {"type": Path, "metavar": "FILE"},
    "continue_from": {"type": Path, "metavar": "FOLDER", "flags": ["--continue-from", "--continue"]},
}  # fmt: skip
_TEXTS = {
    "prog": "mode-choose",
    "usage": "mode-choose data folder --budget N [options]",
    "description": "Find out which samples of a pool to add or to label, from a model's probabilities and features.",
    "epilog": f"""examples, each with a new folder, which appears whole or not at all:
  mode-choose outputs.npz ask-1 --budget 500                                 what to label: ask-1/label.html
  mode-choose outputs.npz todo-1 --budget 500 --apply labels.csv             what to retrain on: todo-1/added.csv
  mode-choose outputs.npz out-1 --budget 500 --apply labels.csv --outcome outcome.npz      what that has brought
  mode-choose outputs-2.npz ask-2 --budget 500 --continue out-1              the next round
  mode-choose outputs.npz out --budget 500 --pool shards/                    a pool in many files
  mode-choose features.npz ask-1 --budget 150 --fit                          embeddings: the head is fitted here

exit status: 0 chosen; {STATUSES}""",
}


def main(arguments=None):
    """Run the command line; return its exit status, which `--help` lists."""
    return run_command("choose.ipynb", _choose, _CHANGES, arguments, **_TEXTS)


def _choose(given, declared):
    check_new(given.output_dir)
    _check_given(given)
    parameters = read_options(given, declared, "mode-choose")
    if pool := parameters.get("pool"):
        find_shards(pool)
        parameters["pool"] = pool if "://" in pool else str(Path(pool).resolve())
    elif "workers" in parameters or parameters.get("scheduler"):
        raise ValueError("--workers and --scheduler are for a pool in shards: give it with --pool")
    command = next_command(given, declared, _CHANGES, program("mode-choose", "mode_utils.repair.choose_command"))
    summary, lines, told = report_notebook("choose.ipynb", given, parameters, command)
    said = [sentence for sentence in summary["notes"] + summary["remarks"] if sentence not in told]
    print(*said, *summary.get("told", ()), "", in_terminal(lines), sep="\n")
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
