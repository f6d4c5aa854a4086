"""What the commands of a repair share: exit statuses, a sentence for any error, the page of a notebook."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from mode_utils.repair.answer import answer, folder_after
from mode_utils.support.code_hash import version_of
from mode_utils.support.failures import INTERRUPTED, end_with
from mode_utils.support.files import remove_partial, whole_folder
from mode_utils.support.notebook.command_line import add_options, write_command
from mode_utils.support.notebook.parameters import read_declared

REPAIRED, NOT_SAVED = 0, 1  # exit status, beside those of `failures`
STATUSES = "2 bad input; 3 no room or no permission; 4 an error that was not foreseen, whose traceback is kept; "
STATUSES += "130 interrupted."
FILE = {"type": Path, "flags": [], "metavar": "data"}  # by its position
ONLY = {"type": str, "nargs": "+", "metavar": "KIND=A,B"}
FOLDER = FILE | {"metavar": "folder", "help": "where tables, pages and report.html go; must not exist"}


def find_notebook(name):
    """Return a notebook of the repair: of the repository, or beside this file, where an installation puts it."""
    here = Path(__file__).resolve()
    places = here.parents[2] / "notebooks" / name, here.with_name(name)
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"the notebook of the command is missing: there is neither {places[0]} nor {places[1]}")


def run_command(name, work, changes, arguments, **texts):
    """Do the work of a command, given a namespace and the declared parameters of its notebook; return its exit status.

    Its options are those parameters, with `changes` (see `command_line.add_options`); `texts` are those of the parser.
    """
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, **texts)
    declared = read_declared(find_notebook(name))
    add_options(parser, declared, changes)
    given = parser.parse_args(arguments)
    try:
        return work(given, declared)
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return end_with(error, given.output_dir)


def report_notebook(name, given, parameters, command, compare=""):
    """Execute a notebook here, and put its page into a new folder, whole or not at all.

    `given` is the namespace of the command; for `command` and `compare` see `answer.answer`, whose lines stand first on
    the page. Return the summary, a list of `Line`, and what was told on the way.
    """
    folder, start = given.output_dir, time.monotonic()

    def progress(heading):
        print(f"{time.monotonic() - start:4.0f} s  {heading}", file=sys.stderr, flush=True)

    progress(
        f"Reading {' and '.join(str(path) for path in (given.__dict__.get('model_path'), given.data_path) if path)}"
    )
    from mode_utils.support.notebook.page import render_page
    from mode_utils.support.notebook.shell import execute_here  # imports IPython and Matplotlib

    remove_partial(folder.resolve().parent, recursive=False)  # what a killed command has left
    with whole_folder(folder) as partial, tempfile.TemporaryDirectory() as scratch:
        parameters = parameters | {"output_dir": str(partial.resolve())}
        executed, told = execute_here(find_notebook(name), parameters, Path(scratch), progress)
        summary = json.loads((partial / "diagnosis.json").read_text())
        names = {*(path.name for path in partial.iterdir()), "report.html"}
        lines = answer(summary, names, given, command, compare)
        origin = f"Made by {command(output_dir=folder)}, version {version_of('mode_nn_debugging')}"
        page = render_page(executed, origin, beside=names, first=lines, more=summary.get("told", ()))
        (partial / "report.html").write_text(page, encoding="utf-8")
    return summary, lines, told


def next_command(given, declared, changes, program):
    """Return a function of changed options that returns the command line, by default with a new folder."""
    folder = folder_after(given.output_dir)

    def command(**changed):
        return write_command(program, vars(given) | {"output_dir": folder} | changed, declared, changes)

    return command
