"""Whole sweeps on a cluster of this machine, from the command line's entry on."""

import json
import re
import shutil
import sys

import nbformat
import pytest
from bench import WRITE
from filelock import FileLock

from mode_utils.sweep import cluster
from mode_utils.sweep.__main__ import main
from mode_utils.sweep.cluster import count_workers, thread_environment
from mode_utils.sweep.run import summarise_time
from mode_utils.sweep.tasks import CellOutcome

pytestmark = pytest.mark.slow

TABLE = "value,square\n1.0,1.0\n2.0,4.0\n3.0,9.0\n"
REPORT_PARAMETERS = "sweep_dir = '.'\nresults_dir = '.'\nfigures_dir = '.'\ncells = []\ntitle = 'none'"
REPORT = """
from pathlib import Path
rows = Path(results_dir, "runs.csv").read_text().splitlines()
notebooks = [Path(sweep_dir, cell, "notebook.ipynb").is_file() for cell in cells]
Path(results_dir, "table.md").write_text(f"{title}: {len(rows) - 1} rows of {sum(notebooks)} notebooks")
Path(figures_dir, "best.png").write_bytes(b"png")
print("seen by readers")
"""


@pytest.fixture
def sweep(bench, capsys):
    """Run a sweep in this process, and return its exit status and what it printed."""

    def run(*more):
        status = main(bench.arguments(*more))
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def test_a_sweep_collects_its_tables_in_the_order_of_the_grid_and_then_has_nothing_to_do(bench, sweep):
    status, output = sweep()
    assert status == 0
    assert "small: 3 cells, 0 up to date, 3 missing" in output
    assert "dashboard: http://127.0.0.1:" in output
    assert re.search(r"wall time .* s, CPU time of the kernels .* s, parallel efficiency \d+%", output)
    assert bench.table() == TABLE
    before = (bench.cells / "value=1.0" / "manifest.json").stat().st_mtime_ns
    status, output = sweep()
    assert status == 0
    assert "small: 3 cells, 3 up to date\n" in output
    assert (bench.cells / "value=1.0" / "manifest.json").stat().st_mtime_ns == before


def test_a_rerun_does_only_what_is_missing_or_out_of_date_and_says_so(bench, sweep):
    sweep()
    kept = (bench.cells / "value=2.0" / "manifest.json").stat().st_mtime_ns
    shutil.rmtree(bench.cells / "value=1.0")
    manifest = bench.cells / "value=3.0" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"package": "other"}))
    _, output = sweep("--dry-run")
    assert "value=1.0: missing" in output
    assert "value=2.0: up to date" in output
    assert "value=3.0: out of date: package changed" in output
    status, output = sweep()
    assert status == 0
    assert "small: 3 cells, 1 up to date, 1 missing, 1 out of date: package changed" in output
    assert (bench.cells / "value=2.0" / "manifest.json").stat().st_mtime_ns == kept
    assert bench.table() == TABLE


DAMAGES = {
    "cut": ("runs.csv", b"squ", "damaged: runs.csv has 3 bytes instead of 11"),
    "changed digit": ("runs.csv", b"square\n5.0\n", "damaged: runs.csv has other content"),
    "empty": ("runs.csv", b"", "damaged: runs.csv has 0 bytes instead of 11"),
    "garbage": ("runs.csv", b"\xff\x00garbage\n\n", "damaged: runs.csv has other content"),
    "missing": ("runs.csv", None, "damaged: runs.csv is missing"),
    "empty manifest": ("manifest.json", b"", "missing"),
    "manifest of nothing": ("manifest.json", b"{}", "missing"),
    "garbage manifest": ("manifest.json", b"\xff{garbage", "missing"),
}


def damage(bench, value, name, content):
    path = bench.cells / f"value={value}" / name
    path.unlink() if content is None else path.write_bytes(content)


def test_damaged_cells_are_redone_and_the_tables_are_right_again(bench, sweep):
    sweep()
    shutil.copytree(bench.cells / "value=2.0", bench.folder / "good")
    for what, (name, content, reason) in DAMAGES.items():
        damage(bench, 2.0, name, content)
        assert f"value=2.0: {reason}" in sweep("--dry-run")[1], what
        shutil.copytree(bench.folder / "good", bench.cells / "value=2.0", dirs_exist_ok=True)
        assert "3 cells, 3 up to date" in sweep("--dry-run")[1]
    damage(bench, 1.0, *DAMAGES["changed digit"][:2])
    damage(bench, 2.0, *DAMAGES["garbage manifest"][:2])
    damage(bench, 3.0, *DAMAGES["missing"][:2])
    status, output = sweep()
    assert status == 0 and "small: 3 cells, 0 up to date, 1 " in output
    assert all(f"1 {reason}" in output for reason in ("missing", DAMAGES["changed digit"][2], DAMAGES["missing"][2]))
    assert bench.table() == TABLE
    assert "3 cells, 3 up to date" in sweep("--dry-run")[1]
    (bench.results / "runs.csv").write_text("value,square\n1.0,7.0\n")  # a collected table that was changed
    assert sweep()[0] == 0 and bench.table() == TABLE


def test_a_fresh_sweep_redoes_all_and_one_and_two_workers_give_the_same_bytes(bench, sweep):
    write = "import random\nfrom pathlib import Path\nrandom.seed(int(value))\n"
    write += 'Path(output_dir, "runs.csv").write_text(f"x\\n{random.random()!r}\\n{0.1 * value!r}\\n")'
    bench.write(write)
    sweep("--workers", "1")
    table = (bench.results / "runs.csv").read_bytes()
    _, output = sweep("--workers", "2", "--fresh")
    assert "3 cells, 0 up to date, 3 fresh" in output
    assert (bench.results / "runs.csv").read_bytes() == table
    assert table.count(b"\n") == 7


def test_failures_are_reported_while_others_finish_and_a_rerun_does_only_those(bench, sweep):
    kill = "if value == 3.0:\n    import os, signal\n    os.kill(os.getppid(), signal.SIGKILL)\n    signal.pause()"
    bench.write("if value == 2.0: raise OSError('no such luck')", kill, WRITE)
    status, output = sweep()
    assert status == 1
    assert bench.complete() == {"value=1.0"}
    assert "value=2.0: OSError: no such luck" in output
    assert str(bench.cells / "failed" / "value=2.0" / "notebook.ipynb") in output
    assert "value=3.0: the workers that ran it died" in output
    assert "there is no report from an incomplete sweep" in output
    assert f"python -m mode_utils.sweep {bench.folder / 'small.yml'}" in output
    assert not bench.results.exists()
    assert "small: 3 cells, 1 up to date, 2 missing" in sweep("--dry-run")[1]


def test_a_worker_that_dies_is_survived(bench, sweep):
    flag = bench.folder / "killed"
    kill = f"import os, pathlib, signal\nflag = pathlib.Path({str(flag)!r})\nif value == 2.0 and not flag.exists():\n"
    kill += "    flag.touch()\n    os.kill(os.getppid(), signal.SIGKILL)\n    signal.pause()"
    bench.write(kill, WRITE)
    status, _ = sweep()
    assert flag.exists()
    assert status == 0
    assert bench.table() == TABLE


def test_a_report_is_made_from_a_complete_sweep_printed_and_kept_while_up_to_date(bench, sweep):
    bench.write(REPORT, name="report.ipynb", parameters=REPORT_PARAMETERS)
    bench.grid(report={"notebook": "report.ipynb", "parameters": {"title": "squares"}, "print": ["table.md"]})
    status, output = sweep()
    assert status == 0
    assert "squares: 3 rows of 3 notebooks" in output
    assert "report made in" in output
    assert (bench.root / "figures" / "best.png").read_bytes() == b"png"
    page = (bench.cells / "report.html").read_text()
    assert "seen by readers" in page
    assert "is_file" not in page
    assert "report up to date" in sweep()[1]
    (bench.root / "figures" / "best.png").unlink()
    assert "report made in" in sweep()[1]
    assert (bench.root / "figures" / "best.png").exists()
    for path in (bench.results / "table.md", bench.cells / "report.html", bench.cells / "report.json"):
        path.write_text("changed by hand")
        assert "report made in" in sweep()[1]
        assert "changed by hand" not in path.read_text()
    assert "report up to date" in sweep()[1]


def test_what_is_tagged_to_be_done_once_is_done_in_the_first_cell_alone(bench, sweep):
    path = bench.write(WRITE, "open(output_dir + '/picture', 'w').write('drawn')")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].metadata["tags"] = ["picture"]
    nbformat.write(notebook, path)
    bench.grid(once=["picture"])
    status, output = sweep()
    assert status == 0, output
    assert bench.table() == TABLE
    assert [file.parent.name for file in bench.cells.glob("*/picture")] == ["value=1.0"]
    assert "see the copy `value=1.0`" in (bench.cells / "value=3.0" / "notebook.ipynb").read_text()
    assert "3 cells, 3 up to date" in sweep("--dry-run")[1]


def test_a_report_of_a_narrowed_sweep_shows_the_tables_that_it_makes(bench, sweep):
    bench.write(REPORT, name="report.ipynb", parameters=REPORT_PARAMETERS)
    bench.grid(report={"notebook": "report.ipynb", "print": ["never_made.md", "table.md"]})
    status, output = sweep("-p", "value", "1.0")
    assert status == 0 and "1 rows of 1 notebooks" in output and "Errno" not in output


def test_a_report_that_fails_leaves_the_last_one_and_is_reported(bench, sweep):
    bench.write("half = open(figures_dir + '/half.png', 'w')\n1 / 0", name="report.ipynb", parameters=REPORT_PARAMETERS)
    bench.grid(report={"notebook": "report.ipynb"})
    status, output = sweep()
    assert status == 1
    assert "report: ZeroDivisionError: division by zero" in output
    assert str(bench.cells / "failed" / "report" / "notebook.ipynb") in output
    assert bench.table() == TABLE
    assert not (bench.root / "figures").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-p", "mode", "god"], "error: cell value=1.0 of small.ipynb: mode = 'god' is not one of: good, bad, Ugly"),
        (["--store", "nosuch://x"], "error: --store nosuch://x: Protocol not known: nosuch"),
        (
            ["-p", "value", "[1.0"],
            "error: -p value [1.0: expected ',' or ']', but got '<stream end>' in line 1, column 5",
        ),
    ],
)
def test_a_wrong_command_ends_before_anything_starts(bench, sweep, more, message):
    status, output = sweep(*more)
    assert status == 2
    assert message in output
    assert not bench.root.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "error: there is no grid file {folder}/none.yml; choose from: small.yml"),
        (
            "grid: [1",
            "error: {folder}/none.yml is not YAML: expected ',' or ']', but got '<stream end>' in line 1, column 9",
        ),
        ("a: b: c", "error: {folder}/none.yml is not YAML: mapping values are not allowed here in line 1, column 5"),
        ("a: &a [*a]", "error: {folder}/none.yml is not YAML: an alias stands inside of what it names"),
        ("a: 1\na: 2", "error: {folder}/none.yml is not YAML: the key 'a' stands twice in line 2, column 1"),
        ("- 1", "error: {folder}/none.yml: a mapping of names to values is expected, not [1]"),
    ],
)
def test_a_missing_or_broken_grid_file_is_one_sentence(bench, capsys, content, message):
    path = bench.folder / "none.yml"
    if content is not None:
        path.write_text(content)
    assert main([str(path), "--output", str(bench.root)]) == 2
    printed = capsys.readouterr().err
    assert printed == message.format(folder=bench.folder) + "\n"


def test_a_scheduler_that_does_not_answer_is_an_error(sweep, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1.0)
    status, output = sweep("--scheduler", "tcp://127.0.0.1:9")
    assert status == 2
    assert "error: --scheduler tcp://127.0.0.1:9: no Dask scheduler answers there" in output


def test_a_second_sweep_in_the_same_place_is_refused(bench, sweep):
    bench.cells.mkdir(parents=True)
    with FileLock(bench.cells / ".lock"):
        status, output = sweep()
    assert status == 2
    assert "error: another sweep is running" in output


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--output", "s3://bucket"], "s3://bucket is a URL; give it as --store"),
        (["--workers", "0"], "0 is not greater than 0"),
        (["--timeout", "-1"], "-1 is not greater than 0"),
    ],
)
def test_a_wrong_option_is_refused(bench, capsys, more, message):
    with pytest.raises(SystemExit):
        main(bench.arguments(*more))
    assert message in capsys.readouterr().err


def test_cores_are_divided_among_workers_and_the_user_has_the_last_word(monkeypatch):
    monkeypatch.setattr(cluster, "CPU_COUNT", 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert thread_environment(3)["OMP_NUM_THREADS"] == "2"
    assert thread_environment(16)["TF_NUM_INTRAOP_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert thread_environment(3)["OMP_NUM_THREADS"] == "5"


def test_less_than_one_worker_is_an_error():
    with pytest.raises(ValueError, match="--workers 0: at least 1 is needed"):
        count_workers(0)


def test_parallel_efficiency_is_the_busy_share_of_the_workers():
    outcomes = [
        CellOutcome("a", "", seconds=30.0, cpu_seconds=20.0),
        CellOutcome("b", "", seconds=50.0, peak_memory=2 * 10**9),
    ]
    line = summarise_time(outcomes, workers=2, wall=50.0)
    assert "parallel efficiency 80%" in line
    assert "CPU time of the kernels 20.0 s" in line
    assert "largest kernel 2.00 GB" in line


def test_the_command_starts_without_tensorflow_and_papermill(bench):
    process = bench.start("--dry-run", command=(sys.executable, "-X", "importtime", "-m", "mode_utils.sweep"))
    output, _ = process.communicate(timeout=60)
    assert "value=1.0: missing" in output
    assert "| tensorflow" not in output
    assert "| papermill" not in output
