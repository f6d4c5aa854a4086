"""A notebook in this process: its outputs in order, its errors as they are, and nothing is left behind."""

import os
import sys

import matplotlib.pyplot as plt
import nbformat
import pytest
from bench import make_notebook
from IPython import get_ipython

from mode_utils.support.notebook.shell import execute_here

PLOT = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nprint('drawn')\nfig.number"


@pytest.fixture
def run(tmp_path):
    def execute(*sources, told=(), **parameters):
        notebook = make_notebook(*sources)
        for place in told:
            notebook.cells[place + 1].metadata["tags"] = ["told"]
        nbformat.write(notebook, tmp_path / "n.ipynb")
        return execute_here(tmp_path / "n.ipynb", parameters, tmp_path)

    return execute


def test_outputs_are_those_of_a_kernel_in_order(run):
    source = "import sys\nfrom IPython.display import Markdown, display\nprint(1)\ndisplay(Markdown('*a*'))\nprint(2)\n"
    notebook, _ = run(source + "print(3, file=sys.stderr)\nvalue", PLOT, "7;", value=float("inf"))
    cell, plot, silent = notebook.cells[2:]
    assert [(o.output_type, o.get("text") or o.data) for o in cell.outputs] == [
        ("stream", "1\n"),
        ("display_data", {"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "*a*"}),
        ("stream", "2\n"),
        ("stream", "3\n"),
        ("execute_result", {"text/plain": "inf"}),
    ]
    assert [o.output_type for o in plot.outputs] == ["stream", "execute_result", "display_data"]
    assert "image/png" in plot.outputs[-1].data and silent.outputs == []
    nbformat.validate(notebook)


def test_parameters_are_injected_and_checked_as_papermill_does(run):
    check = "from mode_utils.support.notebook.parameters import check_injected\ncheck_injected()"
    notebook, told = run(check, "print(value, mode)", told=[1], value=2, mode="bad")
    assert notebook.cells[1].source == "# Parameters\nvalue = 2\nmode = 'bad'\n" and told == "2.0 bad\n"
    with pytest.raises(ValueError, match="parameters: mode = 'god' is not one of: good, bad, Ugly"):
        run(check, mode="god")


@pytest.mark.parametrize("error", ["ValueError('no')", "KeyboardInterrupt()", "MemoryError('full')"])
def test_an_error_is_raised_as_it_is_and_nothing_is_left_behind(run, error, capsys):
    before = os.getcwd(), sys.stdout, sys.modules["__main__"], get_ipython(), plt.get_backend()
    with pytest.raises((ValueError, KeyboardInterrupt, MemoryError)) as raised:
        run(
            "print('told')",
            "import matplotlib.pyplot as plt\nplt.figure()",
            f"raise {error}",
            "print('late')",
            told=[0],
        )
    assert repr(raised.value) == error and capsys.readouterr() == ("told\n", "")
    assert before == (os.getcwd(), sys.stdout, sys.modules["__main__"], get_ipython(), plt.get_backend())
    assert plt.get_fignums() == []
