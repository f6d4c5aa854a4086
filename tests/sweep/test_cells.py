import hashlib
import json
import os
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from bench import WRITE, make_notebook, wait_until
from tiers import by_night

from mode_utils.support.notebook import kernels
from mode_utils.sweep.cells import run_cell, stop_cells
from mode_utils.sweep.manifest import fingerprint
from mode_utils.sweep.stores import LocalStore
from mode_utils.sweep.tasks import Task

pytestmark = pytest.mark.slow

NAP = "import time\ntime.sleep(60)"


STARTS = {"cold": (), "warm": ("decimal",)}


@pytest.fixture(params=by_night(STARTS, but=["warm"]))
def task(bench, request):
    """A task whose kernel is started afresh, or forked from a process that has imported a module."""

    def build(*sources, kernel="python3", **options):
        text = nbformat.writes(make_notebook(*sources, kernel=kernel))
        parameters = {"value": 3.0}
        defaults = {
            "sweep_id": bench.folder.name,
            "cell": "value=3.0",
            "notebook": text,
            "fingerprint": fingerprint(text, parameters),
            "parameters": parameters,
            "outputs": ("runs.csv",),
            "store": LocalStore(bench.cells),
            "preload": STARTS[request.param],
        }
        return Task(**defaults | options)

    return build


def test_a_good_cell_is_published_with_its_outputs_notebook_and_manifest(bench, task):
    (bench.folder / "data.npz").write_text("samples")
    read = "from mode_utils.support.code_hash import record_input\nrecord_input(mode)\nrecord_input(mode + 'x')"
    name = str(bench.folder / "data.npz")
    outcome = run_cell(task(WRITE, f"mode = {name!r}\n{read}"))
    assert outcome.error is None
    folder = bench.cells / "value=3.0"
    assert outcome.place == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "notebook.ipynb", "runs.csv"]
    assert (folder / "runs.csv").read_text() == "square\n9.0\n"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["parameters"] == {"value": 3.0}
    assert manifest["inputs"] == {name: hashlib.sha256(b"samples").hexdigest(), f"{name}x": None}
    assert sorted(manifest["files"]) == ["notebook.ipynb", "runs.csv"]
    assert manifest["files"]["runs.csv"]["size"] == len("square\n9.0\n")
    assert manifest["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_peak_memory_and_processor_time_are_those_of_the_kernel(task):
    work = "import time\nblock = b'x' * 300_000_000\ndel block\n"
    work += "end = time.process_time() + 1\nwhile time.process_time() < end: pass"
    outcome = run_cell(task(work, WRITE))
    assert 300e6 < outcome.peak_memory < 600e6
    assert 1.0 <= outcome.cpu_seconds <= outcome.seconds


def test_the_kernel_gets_its_threads_and_a_folder_of_its_own(bench, task):
    write = 'import os, json\nfrom pathlib import Path\nPath(output_dir, "runs.csv").write_text('
    write += 'json.dumps([os.getcwd(), os.environ["OMP_NUM_THREADS"], os.listdir()]))'
    run_cell(task(write, environment={"OMP_NUM_THREADS": "7"}))
    folder, threads, content = json.loads((bench.cells / "value=3.0" / "runs.csv").read_text())
    assert threads == "7"
    assert content == []
    assert folder != os.getcwd()
    assert not os.path.exists(folder)


def test_a_cell_that_raises_fails_with_the_end_of_its_traceback_and_its_notebook(bench, task):
    outcome = run_cell(task("print('before')", "number = 1\nnumber / 0"))
    assert outcome.error == "ZeroDivisionError: division by zero"
    assert outcome.traceback[-1] == "ZeroDivisionError: division by zero"
    assert any("number / 0" in line for line in outcome.traceback)
    assert outcome.place == str(bench.cells / "failed" / "value=3.0" / "notebook.ipynb")
    assert "before" in Path(outcome.place).read_text()
    assert not (bench.cells / "value=3.0").exists()


def test_a_cell_without_its_outputs_fails_and_says_what_it_left(task):
    other = 'from pathlib import Path\nPath(output_dir, "other.csv").touch()'
    assert run_cell(task(other)).error == (
        "FileNotFoundError: the notebook left no runs.csv in its output_dir, only other.csv"
    )


def test_a_cell_that_hangs_is_interrupted_and_shows_where(task):
    outcome = run_cell(task(NAP, timeout=2.5))
    assert outcome.error == "timed out after 2.5 s"
    assert any("time.sleep(60)" in line for line in outcome.traceback)


def test_a_cell_that_cannot_be_interrupted_is_killed(bench, task, monkeypatch):
    monkeypatch.setattr(kernels, "GRACE_SECONDS", 0.5)
    stubborn = "while True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass"
    outcome = run_cell(task("import time", stubborn, timeout=2.5))
    assert outcome.error == "timed out after 2.5 s"
    assert bench.kernels() == []


def test_a_cell_that_outlives_its_timeout_fails_even_if_it_recovers(task):
    late = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    pass"
    assert run_cell(task(late, WRITE, timeout=2.5)).error == "timed out after 2.5 s"


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("os.kill(os.getpid(), 9)", "the kernel was killed by SIGKILL; its peak memory was 0."),
        ("os._exit(3)", "the kernel ended by itself, with exit status 3"),
    ],
)
def test_a_cell_that_loses_its_kernel_says_how(bench, task, end, message):
    outcome = run_cell(task("print('before')", f"import os, time\ntime.sleep(0.5)\n{end}"))
    assert outcome.error.startswith(message)
    assert "before" in Path(outcome.place).read_text()


@pytest.mark.parametrize("end", ["", "import os\nos.kill(os.getpid(), 9)"])
def test_children_of_a_kernel_end_with_it(bench, task, end):
    child = "import subprocess, time\nsubprocess.Popen(['sleep', '60'], start_new_session=True)\ntime.sleep(0.6)"
    run_cell(task(child, end, WRITE))
    assert [process for process in bench.processes() if process.name() == "sleep"] == []


def install_kernel(folder, monkeypatch, failures):
    """Install a kernel that fails to start the first times."""
    spec = folder / "share" / "kernels" / "flaky"
    spec.mkdir(parents=True)
    launcher = spec / "launch.py"
    launcher.write_text(
        "import os, sys, pathlib\n"
        f"tries = pathlib.Path({str(spec)!r}, 'tries')\n"
        "with tries.open('a') as file: file.write('x')\n"
        f"if len(tries.read_text()) <= {failures}: sys.exit('Address already in use')\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'ipykernel_launcher', *sys.argv[1:]])\n"
    )
    argv = [sys.executable, str(launcher), "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "flaky", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "share"))
    return spec / "tries"


def test_a_kernel_that_fails_to_start_is_tried_again(bench, task, monkeypatch):
    tries = install_kernel(bench.folder, monkeypatch, failures=1)
    assert run_cell(task(WRITE, kernel="flaky")).error is None
    assert tries.read_text() == "xx"


def test_a_kernel_that_never_starts_is_a_failure(bench, task, monkeypatch):
    tries = install_kernel(bench.folder, monkeypatch, failures=99)
    monkeypatch.setattr(kernels, "KERNEL_STARTS", 1)
    outcome = run_cell(task(WRITE, kernel="flaky"))
    assert "Kernel died before replying" in outcome.error
    assert outcome.traceback == ("Address already in use",)
    assert tries.read_text() == "x"


def test_an_unknown_kernel_is_a_failure(task):
    assert "nosuch" in run_cell(task(WRITE, kernel="nosuch")).error


def test_a_worker_with_other_sources_refuses(task):
    assert "differs from when and where the sweep was started" in run_cell(task(WRITE, sources="other")).error


def test_a_log_has_the_parameters_and_what_the_cell_prints(bench, task):
    import_sys = "import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)"
    run_cell(task(import_sys, WRITE, log_dir=str(bench.folder / "logs")))
    log = (bench.folder / "logs" / "value=3.0.log").read_text()
    assert "{'value': 3.0}" in log
    assert "to stdout\n" in log
    assert "to stderr\n" in log


def test_stopping_a_sweep_ends_its_running_cell_and_leaves_nothing(bench, task):
    outcomes = []
    ready = bench.folder / "ready"
    wait = f"from pathlib import Path\nPath({str(ready)!r}).touch()"
    thread = threading.Thread(target=lambda: outcomes.append(run_cell(task(wait, NAP))))
    thread.start()
    wait_until(ready.exists)
    stop_cells(bench.folder.name)
    thread.join()
    assert bench.kernels() == []
    assert not bench.cells.exists()
    assert run_cell(task(WRITE)).error
    assert not bench.cells.exists()
