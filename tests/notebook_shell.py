"""Execute the cells of a notebook in this process: what a kernel would run, without the seconds of its start."""

import json
import os
from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output


@contextmanager
def _working_in(folder):
    held = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(held)


def execute_cells(source, parameters, cwd, shell=None):
    """Execute a notebook with parameters, as papermill does; return the names that it leaves and what it printed.

    An error of a cell is raised as it is.
    """
    shell = shell or InteractiveShell.instance()
    shell.reset(new_session=True)
    cells = [cell for cell in json.loads(Path(source).read_text())["cells"] if cell["cell_type"] == "code"]
    with plt.rc_context({"backend": "agg"}), _working_in(cwd), capture_output() as captured:
        for cell in cells:
            sources = ["".join(cell["source"])]
            if parameters and "parameters" in cell["metadata"].get("tags", []):
                sources.append(
                    "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
                )
            for source_of_cell in sources:
                shell.run_cell(source_of_cell, store_history=True).raise_error()
            plt.close("all")
    return shell.user_ns, captured.stdout


def execute_in_process(source, target, parameters=None, cwd=None):
    """Stand in for `sweep.kernels.execute_copy`: the copy has no outputs."""
    execute_cells(source, parameters or {}, cwd or Path(source).parent)
    Path(target).write_text(Path(source).read_text())
