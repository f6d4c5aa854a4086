"""Kernels that are forked from a process which has imported what they need."""

import json
import os

import nbformat
import psutil
import pytest
from bench import REPOSITORY, WRITE, make_notebook, wait_until

from mode_utils.support.notebook import warm
from mode_utils.sweep.cells import run_cell
from mode_utils.sweep.manifest import fingerprint
from mode_utils.sweep.stores import LocalStore
from mode_utils.sweep.tasks import Task

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not warm.can_fork(), reason="kernels are not forked here")]
SLOW = "import os, pathlib\nwith open({log!r}, 'a') as file:\n    print(os.getpid(), file=file)\nSTATE = []\n"
TELL = """
import json, os, {module} as slow
from pathlib import Path
slow.STATE.append(value)
told = [os.getpid(), os.getppid(), slow.STATE, os.environ.get("COLOUR"), os.environ.get("NOTEBOOK_FORK_SERVER")]
Path(output_dir, "runs.csv").write_text(json.dumps(told))
"""


@pytest.fixture
def module(bench, monkeypatch, request):
    """A module of this test alone that notes in which processes it is imported."""
    name = f"slow_{abs(hash(request.node.name))}"
    (bench.folder / f"{name}.py").write_text(SLOW.format(log=str(bench.folder / "imports")))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), str(bench.folder)]))
    return name


@pytest.fixture
def run(bench, module):
    def cell(value, *sources, preload=(module,), **options):
        text = nbformat.writes(make_notebook(*(sources or [TELL.format(module=module)])))
        parameters = {"value": value}
        return run_cell(Task(
            sweep_id=bench.folder.name, cell=f"value={value}", notebook=text, fingerprint=fingerprint(text, parameters),
            parameters=parameters, outputs=("runs.csv",), store=LocalStore(bench.cells), preload=preload, **options,
        ))  # fmt: skip

    return cell


def told(bench, value):
    return json.loads((bench.cells / f"value={value}" / "runs.csv").read_text())


def imports(bench):
    return [int(line) for line in (bench.folder / "imports").read_text().split()]


def test_what_is_preloaded_is_imported_once_and_each_kernel_has_its_own_copy(bench, run):
    for value in (1.0, 2.0):
        assert run(value).error is None
    (first, server, state, *_), (second, same, other, *_) = told(bench, 1.0), told(bench, 2.0)
    assert imports(bench) == [server] and server == same and first != second
    assert state == [1.0] and other == [2.0]  # what one leaves in a module, the next does not see


def test_a_kernel_has_the_environment_of_its_task_and_does_not_know_of_the_server(bench, run):
    run(1.0, environment={"COLOUR": "red"})
    run(2.0, environment={"COLOUR": "blue"})
    assert told(bench, 1.0)[3:] == ["red", None] and told(bench, 2.0)[3:] == ["blue", None]
    assert len(imports(bench)) == 1


def test_other_numbers_of_threads_take_another_server(bench, run):
    """Libraries read them when they are imported."""
    run(1.0, environment={"OMP_NUM_THREADS": "1"})
    run(2.0, environment={"OMP_NUM_THREADS": "2"})
    assert len(set(imports(bench))) == 2


def test_a_killed_kernel_takes_nothing_with_it(bench, run):
    failed = run(1.0, "import os\nos.kill(os.getpid(), 9)")
    assert failed.error.startswith("the kernel was killed by SIGKILL")
    assert run(2.0).error is None and len(imports(bench)) == 1


def test_a_killed_server_is_replaced(bench, run):
    run(1.0)
    server = psutil.Process(told(bench, 1.0)[1])
    server.kill()
    wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    assert run(2.0).error is None
    assert len(set(imports(bench))) == 2


def test_what_cannot_be_imported_is_left_to_the_notebook(bench, run, module):
    assert run(1.0, WRITE, preload=("no_such_module", module)).error is None
    assert run(2.0, "import no_such_module", preload=("no_such_module",)).error.startswith("ModuleNotFoundError")


def test_where_forking_is_not_safe_kernels_start_as_usual(bench, run, monkeypatch):
    monkeypatch.setattr("mode_utils.support.notebook.kernels.can_fork", lambda: False)
    assert run(1.0).error is None
    kernel, parent, *_ = told(bench, 1.0)
    assert imports(bench) == [kernel] and parent == os.getpid()


def test_a_kernel_ends_when_its_worker_is_gone(bench, module):
    bench.write("import os, time\nfrom pathlib import Path\nPath(output_dir).mkdir(exist_ok=True)\ntime.sleep(600)")
    bench.grid(preload=[module])
    process = bench.start()
    wait_until(lambda: len(bench.kernels()) == 2)
    family = bench.processes()
    process.kill()
    process.communicate()
    wait_until(lambda: not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE])


def test_a_warm_sweep_makes_the_same_tables(bench, module):
    bench.grid(preload=[module])
    status, output = bench.run()
    assert status == 0, output
    assert bench.table() == "value,square\n1.0,1.0\n2.0,4.0\n3.0,9.0\n"
    assert len(imports(bench)) <= 2  # one a worker


def test_tensorflow_makes_its_context_after_the_fork(bench, run):
    """Its threads would not survive one: a network is trained in the forked kernel, and here."""
    work = "import os\nimport numpy as np\nfrom mode_utils.model_training import build_model\n"
    work += "from mode_utils.networks.trainer import Trainer\n"
    work += "trainer = Trainer(build_model())\ntrainer.initialize(np.random.default_rng(0))\n"
    work += "x, y = np.random.default_rng(1).random((500, 28, 28), dtype=np.float32), np.arange(500) % 10\n"
    work += "losses = trainer.fit(x, y, epochs=1, rng=np.random.default_rng(2))\n"
    work += "open(output_dir + '/runs.csv', 'w').write(f'{losses.tobytes().hex()} {os.getppid()}')"
    assert run(1.0, work, preload=("mode_utils.model_training",)).error is None
    warm_losses, server = (bench.cells / "value=1.0/runs.csv").read_text().split()
    exec(work, {"output_dir": str(bench.folder)})
    assert warm_losses == (bench.folder / "runs.csv").read_text().split()[0]
    assert "mode_utils.support.notebook.warm" in psutil.Process(int(server)).cmdline()
