"""Command line of a choice without a model: ``python -m mode_utils.repair.choose arrays.npz FOLDER --budget 500``.

`choose_from_arrays` is the same in one call.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mode_utils.repair.choosing.choice import Report, assess_case, choose_inputs, say_expected_accuracy
from mode_utils.repair.choosing.pool_faults import PoolFaults, find_faults
from mode_utils.repair.command import REPAIRED, report_notebook, status_of
from mode_utils.repair.folder import MAP, PAGE, check_files, check_new, save_repair
from mode_utils.repair.outputs import open_outputs
from mode_utils.repair.reading.array_sets import OUTPUTS
from mode_utils.repair.reading.shard_files import find_shards
from mode_utils.support.checks import check_least

_SAME = ("budget", "preset", "even_if_weak", "seed", "label_studio")  # options, in command and notebook


@dataclass(frozen=True)
class ArraysChoice:
    """What is wrong with a model, with the pool, and what to add, from arrays alone.

    Attributes
    ----------
    case : outputs.OutputsCase
        Its `notes` are sentences on how the arrays were read.
    report : choosing.choice.Report
    faults : choosing.pool_faults.PoolFaults
    chosen : pandas.DataFrame
        See `choosing.choice.choose_inputs`. Of a pool in shards, `index` counts the rows of all in the order of their
        names, and `name` is the row's own, or that of its shard with the row's number.
    """

    case: object
    report: Report
    faults: PoolFaults
    chosen: pd.DataFrame

    @property
    def remarks(self):
        """What is to be said of the model on the pool, and of the pool: a list of sentences."""
        return [say_expected_accuracy(self.case), *self.faults.sentences()]


def choose_from_arrays(arrays, budget, folder=None, **options):
    """Choose the samples of a pool that are worth adding, or worth a label, from outputs of any model.

    Parameters
    ----------
    arrays : dict of str to array, or path of an .npz file
        `probabilities_pool` (n, n_classes), `features_pool` (n, n_features), `probabilities_validation`,
        `features_validation`, `y_validation`; see `outputs` for what else there may be.
    budget : int
        Samples to choose, at least 1.
    folder : path, optional
        Gets `selected.csv`, `diagnosis.json` and, of a pool without labels, `label.html`; must not have them.
    **options
        Of `outputs.open_outputs`: `pool`, of one in shards, `class_names`, `preset`, `seed`, and any of
        `options.DebugOptions`.

    Returns
    -------
    ArraysChoice

    Raises
    ------
    FileNotFoundError, ValueError, ConnectionError
        In one sentence, what is wrong and what to do.
    """
    case = open_outputs(arrays, budget, **options)
    report = assess_case(case)
    found = ArraysChoice(case, report, find_faults(case), choose_inputs(case, report))
    if folder is not None:
        save_repair(folder, case, report, found.chosen, remarks=found.remarks)
    return found


def _build_parser():
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mode_utils.repair.choose",
        description="Find out which samples of a pool to add or to label, from a model's probabilities and features.",
        epilog="Exit status: 0 chosen; 2 bad input; 3 no room or no permission; 4 an error that was not foreseen, "
        "whose traceback is kept; 130 interrupted.",
    )
    add, needed = parser.add_argument, ", ".join(OUTPUTS.required)
    add("data", type=Path, help=f".npz file with {needed}, and any of {', '.join(OUTPUTS.optional)}")
    add("folder", type=Path, help="where selected.csv, diagnosis.json, report.html and label.html go; must not exist")
    add("--budget", type=int, required=True, help="samples to choose")
    add("--pool", metavar="URL", help="a pool in shards, .npz or .parquet: a folder or a pattern, as fsspec reads it")
    add("--workers", type=int, help="processes that look at shards (default: one a core)")
    add("--scheduler", metavar="ADDRESS", help="a running Dask cluster for that, such as tcp://10.0.0.1:8786")
    add("--class-names", metavar="A,B,...", help="names of the labels 0, 1, ...")
    add("--preset", default="recommended", help="%(default)s or adaptive")
    add("--even-if-weak", action="store_true", help="go on with a pool that seems to be scaled in another way")
    add("--label-studio", action="store_true", help="write tasks for Label Studio, too, where samples need labels")
    add("--seed", type=int, default=0, help="of what is drawn at random (default: %(default)s)")
    return parser


def main(arguments=None):
    """Run the command line; return its exit status, which `--help` lists."""
    return status_of(_choose, _build_parser().parse_args(arguments))


def _choose(given):
    check_new(given.folder)
    check_files(data=given.data)
    pool, workers = _pool(given)
    names = given.class_names.split(",") if given.class_names else None
    options = {"class_names": names, "preset": given.preset, "seed": given.seed, "even_if_weak": given.even_if_weak}
    case = open_outputs(given.data, given.budget, pool=pool or None, **options)
    print(*case.notes, sep="\n")
    parameters = {"data_path": str(given.data.resolve()), "class_names": names or [], "pool": pool}
    parameters |= {"workers": workers, "scheduler": given.scheduler or ""}
    parameters |= {name: getattr(given, name) for name in _SAME}
    report_notebook("choose.ipynb", given.folder, parameters, beside=[PAGE, MAP])
    return _tell(given.folder, len(case.notes))


def _pool(given):
    """Return the pool in shards, as it is called from anywhere, and the number of workers; 0 for what is not given."""
    if not given.pool:
        if given.workers is not None or given.scheduler:
            raise ValueError("--workers and --scheduler are for a pool in shards: give it with --pool")
        return "", 0
    if given.workers is not None:
        check_least("workers", given.workers, 1)
    find_shards(given.pool)
    return given.pool if "://" in given.pool else str(Path(given.pool).resolve()), given.workers or 0


def _tell(folder, n_told):
    summary = json.loads((folder / "diagnosis.json").read_text())
    for sentence in summary["notes"][n_told:] + summary["remarks"]:
        print(sentence)
    if not summary["chosen"]:
        print("nothing to add: the model gets all validation samples right")
    print(f"{summary['chosen']} samples chosen: see {folder / 'report.html'}")
    if summary["without_label"]:
        print(f"label them in {folder / PAGE}, or fill in {folder / 'selected.csv'}")
    return REPAIRED


def choose_command():
    """Run the command line as a program of its own, ``mode-choose``."""
    sys.exit(main())


if __name__ == "__main__":
    choose_command()
