"""What the commands of a repair have in common: exit statuses, a sentence for any error, the page of a notebook."""

import errno
import os
import re
import sys
import tempfile
from pathlib import Path

from mode_utils.support.files import remove_partial, whole_folder

REPAIRED, NOT_SAVED, BAD_INPUT, NO_ROOM, INTERRUPTED = 0, 1, 2, 3, 130  # exit status
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


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


def status_of(work, *arguments):
    """Do the work of a command; return its exit status, and say in one line what went wrong if something did.

    Parameters
    ----------
    work : callable
        Returns an exit status.
    *arguments
        Of `work`.
    """
    try:
        return work(*arguments)
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return NO_ROOM if _has_no_room(error) else BAD_INPUT


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
