"""Sweeps that are killed, interrupted or moved elsewhere: real processes, signals, clusters and servers."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from bench import wait_until
from tiers import by_night

from mode_utils.sweep.__main__ import main

pytestmark = pytest.mark.slow

PAUSE = """
import time
from pathlib import Path
time.sleep(0.3)
Path(output_dir, "runs.csv").write_text(f"square\\n{value**2!r}\\n")
time.sleep(0.3)
Path(output_dir, "late.csv").write_text("x\\n" * 1000)
"""
NAP = """
import os, time
open(f"{os.environ['SWEEP_TEST']}/napping-{os.getpid()}", "w").close()
time.sleep(600)
"""
VALUES = [float(value) for value in range(3)]
TABLE = "value,square\n" + "".join(f"{value},{value**2}\n" for value in VALUES)


@pytest.fixture
def slow(bench):
    bench.write(PAUSE)
    bench.grid(grid={"value": VALUES}, outputs=["runs.csv", "late.csv"])
    return bench


def assert_only_complete_cells(bench):
    for folder in bench.cells.glob("value=*"):
        names = {path.name for path in folder.iterdir()}
        assert names == {"manifest.json", "notebook.ipynb", "runs.csv", "late.csv"}


def kill_at_random(bench, rng):
    """Start a sweep and kill its whole process group a moment after a kernel has appeared."""
    process = bench.start()
    wait_until(lambda: bench.kernels() or process.poll() is not None)
    time.sleep(rng.uniform(0.2, 1.0))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("times", by_night([1, 3], but=[1]))
def test_killed_sweeps_leave_only_complete_cells_and_resume_to_the_same_tables(times, slow):
    rng = random.Random(0)
    for _ in range(times):
        kill_at_random(slow, rng)
        assert_only_complete_cells(slow)
    status, output = slow.run()
    assert status == 0, output
    assert_only_complete_cells(slow)
    assert slow.table() == TABLE
    assert not list(slow.root.rglob(".partial-*"))
    assert slow.processes() == []


def test_an_interrupted_sweep_ends_all_processes_and_says_how_to_go_on(bench):
    bench.write(NAP)
    process = bench.start()
    wait_until(lambda: len(bench.kernels()) == 2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; complete cells are kept, continue with: python -m mode_utils.sweep" in output
    assert "Traceback" not in output
    assert bench.processes() == []


def test_workers_and_kernels_end_with_a_killed_driver_and_a_resumed_sweep_ends_those_that_cannot(bench):
    bench.write(NAP)
    process = bench.start()
    wait_until(lambda: len(list(bench.folder.glob("napping-*"))) == 2)  # a kernel that starts has no eye on its parent
    orphan = bench.kernels()[0]
    orphan.suspend()  # it cannot look for its parent any more
    process.kill()
    process.communicate()
    # a sweep of another test that starts now may end the orphan, too: sweeps do so for all of this machine
    wait_until(lambda: set(bench.processes()) <= {orphan})
    bench.write("open(output_dir + '/runs.csv', 'w').write('x\\n1\\n')")
    status, output = bench.run("-p", "value", "1.0")
    assert status == 0, output
    assert bench.processes() == []


def start_worker(address: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--host", "127.0.0.1"]
    command += ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)


@pytest.fixture
def scheduler(bench):
    """Start a scheduler and two workers by hand; yield its address and the workers."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen([*command, "--no-dashboard"], stderr=subprocess.PIPE, text=True, start_new_session=True)
    address = next(re.search(r"tcp://\S+", line)[0] for line in process.stderr if "Scheduler at:" in line)
    workers = [start_worker(address) for _ in range(2)]
    yield address, workers
    for started in (*workers, process):
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    process.stderr.close()


@pytest.mark.nightly
def test_a_cluster_started_by_hand_outlives_an_interrupted_sweep(slow, scheduler):
    address, workers = scheduler
    slow.write(NAP)
    process = slow.start("--scheduler", address)
    wait_until(lambda: len(slow.kernels()) == 2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    wait_until(lambda: slow.kernels() == [])
    assert [worker.poll() for worker in workers] == [None, None]


@pytest.mark.nightly  # by day a worker of the sweep's own cluster dies
def test_a_cluster_started_by_hand_survives_the_death_of_a_worker(slow, scheduler):
    address, workers = scheduler
    process = slow.start("--scheduler", address)
    wait_until(lambda: len(slow.kernels()) == 2)
    os.killpg(workers[0].pid, signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert slow.table() == TABLE
    assert workers[1].poll() is None


@pytest.fixture
def bucket(monkeypatch):
    """Start an S3 server in a process of its own, and yield the URL of a bucket in it."""
    s3fs = pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    endpoint = next(re.search(r"http://127\S+", line)[0] for line in server.stderr if "http://127" in line)
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", endpoint),
    ):
        monkeypatch.setenv(name, value)
    filesystem = s3fs.S3FileSystem()
    filesystem.mkdir("bucket")
    yield "s3://bucket/prefix"
    server.kill()
    server.wait()
    server.stderr.close()


@pytest.mark.nightly
def test_results_live_on_s3_and_another_machine_goes_on_from_there(slow, bucket, capsys):
    import s3fs

    status, output = slow.run("--store", bucket)
    assert status == 0, output
    assert slow.table() == TABLE
    filesystem = s3fs.S3FileSystem()
    place = "bucket/prefix/notebooks/executed/small/value=1.0"
    present = {name.rsplit("/", 1)[-1] for name in filesystem.find(place)}
    assert present == {"manifest.json", "notebook.ipynb", "runs.csv", "late.csv"}
    assert filesystem.cat("bucket/prefix/data/results/small/runs.csv").decode() == TABLE

    shutil.rmtree(slow.root)
    assert main(slow.arguments("--store", bucket)) == 0
    assert "small: 3 cells, 3 up to date" in capsys.readouterr().out
    assert slow.table() == TABLE
    filesystem.rm(f"{place}/manifest.json")
    assert main(slow.arguments("--store", bucket, "--dry-run")) == 0
    assert "value=1.0: missing" in capsys.readouterr().out
