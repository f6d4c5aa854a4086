"""The tables that pages and notebooks show: the working copy's, or Git's where a sweep has rewritten them since.

Another processor adds in another order, so that `make sweep` changes the last digits of committed tables: these are not
wrong, and what shows the committed ones is not, either.
"""

import atexit
import subprocess
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _git(*arguments):
    """Return what Git says, or "" where there is no Git, or no repository of this folder."""
    try:
        told = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout


@cache
def _of_git():
    """Return a folder with data/results as Git has them."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    names = _git("ls-files", "data/results").split()
    _git("checkout-index", f"--prefix={folder.name}/", "--", *names)
    return Path(folder.name) / "data/results"


def shown_results(*shown_by):
    """Return the folder of the tables that some files show: Git's if only the tables differ from it, not the files."""
    rewritten = _git("diff", "--name-only", "--", "data/results")
    edited = _git("diff", "--name-only", "--", *shown_by)
    return _of_git() if rewritten and not edited else ROOT / "data/results"
