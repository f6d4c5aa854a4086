"""Execute the cells of a notebook in this process: what a kernel would run, without the seconds of its start."""

import json
from contextlib import chdir
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output


def execute_in_process(source, target, parameters=None, cwd=None):
    """Stand in for `sweep.kernels.execute_copy`: an error of a cell is raised as it is, and the copy has no outputs."""
    source, shell = Path(source), InteractiveShell.instance()
    shell.reset(new_session=True)
    cells = [cell for cell in json.loads(source.read_text())["cells"] if cell["cell_type"] == "code"]
    with plt.rc_context({"backend": "agg"}), chdir(cwd or source.parent), capture_output():
        for cell in cells:
            sources = ["".join(cell["source"])]
            if parameters and "parameters" in cell["metadata"].get("tags", []):
                given = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
                sources.append(f"# Parameters\n{given}")
            for each in sources:
                shell.run_cell(each, store_history=True).raise_error()
            plt.close("all")
    Path(target).write_text(source.read_text())
