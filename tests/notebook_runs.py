"""Notebooks that tests execute in their own process, which has imported already what a kernel would import first."""

import sys
import warnings
from contextlib import contextmanager

import nbformat

from mode_utils.support.notebook.shell import execute_here


def execute_beside(source, copy, parameters):
    """Execute a notebook in the folder of its copy; warnings are outputs of its cells, as in a kernel."""
    with _warnings_shown():
        nbformat.write(execute_here(source, parameters, copy.parent)[0], copy)


@contextmanager
def _warnings_shown():
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for silent in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", silent)
        warnings.showwarning = lambda *told, **_: print(warnings.formatwarning(*told[:4]), file=sys.stderr)
        yield
