"""Execute one notebook in this process: what a kernel would run, without a second process and its imports."""

import io
import math
import re
import sys
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from IPython.display import display

from .parameters import INJECTED

# without the 38 grammars by which jsonschema would check addresses: to compile them takes seconds
_is_absent = sys.modules.setdefault("rfc3987_syntax", None) is None
import nbformat  # noqa: E402

if _is_absent:
    del sys.modules["rfc3987_syntax"]
new_output = nbformat.v4.new_output

TOLD = "told"  # the tag of a cell whose text is printed on, too


def execute_here(source: Path, parameters: dict, cwd: Path, progress=lambda heading: None) -> tuple:
    """Execute a notebook in a folder; return the copy, and the text of cells tagged `TOLD`, which is printed on.

    `progress` is told the heading of each section before its cells are executed.
    """
    notebook = nbformat.read(source, as_version=4)
    given = "".join(f"{name} = {_in_python(value)}\n" for name, value in parameters.items())
    tagged = next(n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    injected = nbformat.v4.new_code_cell(f"{INJECTED}{given}", metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(tagged + 1, injected)
    told = ""
    with plt.rc_context({"backend": "agg"}), chdir(cwd), _only_shell(cwd) as shell:
        select_figure_formats(shell, {"png"})
        for cell in notebook.cells:
            if cell.cell_type != "code":
                for heading in re.findall("^## (.*)", cell.source, re.MULTILINE):
                    progress(heading)
                continue
            cell.outputs = shell.recorded = []
            _run_cell(shell, cell.source)
            cell.execution_count = shell.execution_count - 1
            if TOLD in cell.metadata.get("tags", []):
                text = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
                print(text, end="", flush=True)
                told += text
    return notebook, told


def _run_cell(shell, source):
    with redirect_stdout(_Stream(shell, "stdout")), redirect_stderr(_Stream(shell, "stderr")):
        result = shell.run_cell(source, store_history=True)
        for number in plt.get_fignums():
            figure = plt.figure(number)
            display(figure, metadata={"image/png": {"alt": _caption(figure)}})
    plt.close("all")
    result.raise_error()


def _caption(figure) -> str:
    """Return the titles of a figure in a line: what is seen on it."""
    titles = [figure.get_suptitle(), *(ax.get_title() for ax in figure.axes)]
    return "; ".join(dict.fromkeys(" ".join(title.split()) for title in titles if title))


def _in_python(value) -> str:
    return f"float('{value}')" if value in (math.inf, -math.inf) or value != value else repr(value)


@contextmanager
def _only_shell(folder: Path):
    """Yield a new shell that code finds as the one of this process; one that was there before comes back."""
    before = InteractiveShell._instance
    InteractiveShell.clear_instance()
    shell = _RecordingShell.instance(ipython_dir=str(folder))
    try:
        yield shell
    finally:
        plt.close("all")
        shell.user_ns.clear()
        shell.restore_sys_module_state()
        _RecordingShell.clear_instance()
        InteractiveShell._instance = before


class _RecordedResults(DisplayHook):
    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        more = {"metadata": md_dict or {}, "execution_count": self.prompt_count}
        self.shell.recorded.append(new_output("execute_result", format_dict, **more))


class _RecordedDisplays(DisplayPublisher):
    def publish(self, data, metadata=None, **_):
        self.shell.recorded.append(new_output("display_data", data, metadata=metadata or {}))


class _Stream(io.TextIOBase):
    def __init__(self, shell, name):
        self._shell, self._name = shell, name

    def write(self, text):
        recorded = self._shell.recorded
        if text and recorded and recorded[-1].get("name") == self._name:
            recorded[-1].text += text
        elif text:
            recorded.append(new_output("stream", name=self._name, text=text))
        return len(text)


class _RecordingShell(InteractiveShell):
    displayhook_class = _RecordedResults
    display_pub_class = _RecordedDisplays
    recorded: list

    def init_history(self):
        self.history_manager = HistoryManager(shell=self, parent=self, enabled=False)

    def showtraceback(self, *_, **__):
        """Do nothing, as the error is raised; to lay a traceback out takes a second."""

    def _format_exception_for_storage(self, *_, **__):
        return {}

    def init_virtualenv(self):
        """Do nothing: this process is in its environment."""
