"""What the commands of a repair have in common: exit statuses, a sentence for any error, the page of a notebook."""

import sys
import tempfile
from pathlib import Path

from mode_utils.support.failures import INTERRUPTED, end_with
from mode_utils.support.files import remove_partial, whole_folder

REPAIRED, NOT_SAVED = 0, 1  # exit status, beside those of `failures`


def find_notebook(name):
    """Return a notebook of the repair: of the repository, or where an installation has put it, beside this file.

    Raises
    ------
    FileNotFoundError
        If it is at neither place.
    """
    here = Path(__file__).resolve()
    places = here.parents[2] / "notebooks" / name, here.with_name(name)
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"the notebook of the command is missing: there is neither {places[0]} nor {places[1]}")


def status_of(work, given):
    """Do the work of a command; return its exit status, and say in one line what went wrong if something did.

    Parameters
    ----------
    work : callable
        Returns an exit status.
    given : argparse.Namespace
        Its argument, with the `folder` to make: a traceback that nobody has foreseen is kept beside that.
    """
    try:
        return work(given)
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return end_with(error, given.folder)


def report_notebook(name, folder, parameters, beside=()):
    """Execute a copy of a notebook, and put its page, `report.html`, beside what it leaves in a new folder.

    Parameters
    ----------
    name : str
        Of the notebook, see `find_notebook`.
    folder : path
        Appears whole or not at all.
    parameters : dict
        Without `output_dir`, which is this folder while it is being made.
    beside : sequence of str
        See `page.render_page`.
    """
    import nbformat

    from mode_utils.sweep.kernels import execute_copy  # imports papermill
    from mode_utils.sweep.page import describe_origin, render_page

    remove_partial(folder.resolve().parent, recursive=False)  # what a killed command has left
    with whole_folder(folder) as partial, tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy.ipynb"
        execute_copy(find_notebook(name), copy, parameters | {"output_dir": str(partial.resolve())}, cwd=Path(scratch))
        page = render_page(nbformat.read(copy, as_version=4), describe_origin(Path(__file__).parent), beside=beside)
        (partial / "report.html").write_text(page, encoding="utf-8")
