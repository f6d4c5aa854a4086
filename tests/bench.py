"""Small notebooks and grid files that the tests run, and ways to run them as a user does."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
PARAMETERS = """
value = 1.0  # free
mode = "good"  # one of: good, bad, Ugly
seconds = 0.0
optional = None
output_dir = "."
"""
WRITE = """
from pathlib import Path
Path(output_dir, "runs.csv").write_text(f"square\\n{value**2!r}\\n")
"""


def make_notebook(*sources: str, parameters: str | None = PARAMETERS, kernel: str = "python3"):
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
    if parameters is not None:
        cells.insert(0, nbformat.v4.new_code_cell(parameters.strip(), metadata={"tags": ["parameters"]}))
    metadata = {
        "kernelspec": {"name": kernel, "display_name": kernel, "language": "python"},
        "language_info": {"name": "python"},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


class Bench:
    """A folder with a notebook, a grid file and a root for the results of sweeps."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.root = folder / "root"
        self.cells = self.root / "notebooks" / "executed" / "small"
        self.results = self.root / "data" / "results" / "small"
        self.write(WRITE)
        self.grid()

    def write(self, *sources: str, name: str = "small.ipynb", **options) -> Path:
        nbformat.write(make_notebook(*sources, **options), self.folder / name)
        return self.folder / name

    def grid(self, **changes) -> Path:
        content = {
            "notebook": "small.ipynb",
            "grid": {"value": [1.0, 2.0, 3.0]},
            "outputs": ["runs.csv"],
            "collect": ["runs.csv"],
        }
        path = self.folder / "small.yml"
        path.write_text(yaml.safe_dump(content | changes, sort_keys=False))
        return path

    def arguments(self, *more: str) -> list[str]:
        return [str(self.folder / "small.yml"), "--output", str(self.root), "--workers", "2", *more]

    def start(self, *more: str, command=(sys.executable, "-m", "mode_utils.sweep"), **options) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
        return subprocess.Popen([*command, *self.arguments(*more)], cwd=self.folder, **pipes | options)

    def run(self, *more: str) -> tuple[int, str]:
        process = self.start(*more)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def table(self) -> str:
        return (self.results / "runs.csv").read_text()

    def complete(self) -> set[str]:
        return {path.parent.name for path in self.cells.glob("*/manifest.json")}

    def processes(self) -> list[psutil.Process]:
        """All processes started by this bench, kernels and workers among them: they inherit its environment."""
        inherited = ("SWEEP_TEST", str(self.folder))
        return [
            process
            for process in psutil.process_iter(["environ", "pid"])
            if inherited in (process.info["environ"] or {}).items() and process.pid != os.getpid()
        ]

    def kernels(self) -> list[psutil.Process]:
        cold = [process for process in self.processes() if "ipykernel_launcher" in " ".join(_command(process))]
        return cold + warm_kernels(psutil.Process()) + [k for p in self.processes() for k in warm_kernels(p)]


def warm_kernels(process: psutil.Process) -> list[psutil.Process]:
    """Kernels that the servers of a process have forked."""
    with suppress(psutil.Error):
        servers = [child for child in process.children() if "mode_utils.support.notebook.warm" in _command(child)]
        return [kernel for server in servers for kernel in server.children() if _command(kernel)]
    return []


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def wait_until(condition, seconds: float = 60.0):
    """Return what the condition returns once that is true; fail if it does not become true."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.1)
    return result
