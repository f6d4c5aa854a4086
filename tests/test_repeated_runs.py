import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest

from mode_utils.options import CONFIGURATION, DebugOptions
from mode_utils.repeated_runs import repeat_runs
from mode_utils.run_setup import RunSetup
from mode_utils.study.outcomes import paired_outcomes
from mode_utils.study.runs_table import TIMES
from mode_utils.support.streams import run_streams

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("built_once")]

OPTIONS = DebugOptions(batch_size=100, max_iterations=2, epochs=1)

IN_ANOTHER_PROCESS = """
import pathlib, sys
from mode_utils.data import load_dataset
from mode_utils.options import DebugOptions
from mode_utils.run_setup import RunSetup
from mode_utils.study.runs_table import TIMES
from mode_utils.repeated_runs import repeat_runs
setup = RunSetup(600, 400, 200, 200, initial_epochs=1)
options = DebugOptions(metric="l1", batch_size=50, max_iterations=1, epochs=1)
dataset = load_dataset()
pathlib.Path(sys.argv[3]).touch()  # what takes long is imported: both begin at once
runs = repeat_runs(dataset, options, 2, 0, setup, cache_dir=sys.argv[1], progress=False)
runs.drop(columns=list(TIMES)).to_csv(sys.argv[2], index=False)
"""


@pytest.fixture(scope="module")
def runs(mnist, small_setup):
    return repeat_runs(mnist, OPTIONS, n_runs=2, seed=3, setup=small_setup, cache_dir=None, progress=False)


def test_runs_are_paired_and_in_the_order_of_their_seeds(runs):
    assert runs.drop_duplicates(["seed", "strategy"])[["seed", "strategy"]].to_numpy().tolist() == [
        [3, "control"], [3, "mode"], [4, "control"], [4, "mode"]
    ]  # fmt: skip
    assert set(CONFIGURATION) <= set(runs.columns)
    initial = runs[runs["iteration"] == 0].pivot(index="seed", columns="strategy", values="test_accuracy")
    assert (initial["mode"] == initial["control"]).all() and initial["mode"].nunique() == 2


def test_several_strategies_at_once_are_the_same_as_each_alone(mnist, small_setup, tmp_path):
    other = replace(OPTIONS, selector="margin", allocation="all labels", replay=1.0)
    together, *apart = (
        repeat_runs(mnist, options, 2, 3, small_setup, tmp_path, progress=False)
        for options in ({"a": OPTIONS, "b": other}, OPTIONS, other)
    )
    assert together["name"].unique().tolist() == ["a", "b"]
    assert paired_outcomes(together)["name"].tolist() == ["a", "a", "b", "b"]
    apart = pd.concat(apart, ignore_index=True).drop(columns=list(TIMES))
    pd.testing.assert_frame_equal(together.drop(columns=[*TIMES, "name"]), apart, check_exact=True)
    controls = together[(together["strategy"] == "control") & (together["iteration"] == 1)]
    assert controls.groupby("seed")["test_accuracy"].nunique().eq(2).all()  # each replays what its strategy replays


def test_a_run_is_the_same_alone_or_among_others_cached_or_not(runs, mnist, small_setup, tmp_path):
    expected = runs[runs["seed"] == 4].drop(columns=list(TIMES)).reset_index(drop=True)
    for _ in range(2):
        alone = repeat_runs(mnist, OPTIONS, 1, 4, small_setup, cache_dir=tmp_path, progress=False)
        pd.testing.assert_frame_equal(alone.drop(columns=list(TIMES)), expected, check_exact=True)


def test_all_metrics_share_initial_models_and_controls(mnist, small_setup, tmp_path):
    tables = [
        repeat_runs(mnist, replace(OPTIONS, metric=metric), 2, 0, small_setup, cache_dir=tmp_path, progress=False)
        for metric in ("cosine", "emd")
    ]
    assert len(list(tmp_path.rglob("_train/*/output.pkl"))) == 2  # one a seed, none a metric
    controls = [  # a repair that takes more iterations has a longer control
        table[(table["strategy"] == "control") & (table["iteration"] <= 2)]
        .drop(columns="metric")
        .reset_index(drop=True)
        for table in tables
    ]
    pd.testing.assert_frame_equal(*(control.drop(columns=list(TIMES)) for control in controls), check_exact=True)


def test_what_a_repair_sees_first_is_shared_and_the_same_as_seen_anew(mnist, small_setup, tmp_path):
    """The first target layer of a seed is the same for all metrics; what is drawn afterwards is, too."""
    options = replace(OPTIONS, layer_selection=True, space="neurons", temperature=0.5)
    for metric in ("l1", "l2"):  # the second reads what the first has kept
        shared, anew = (
            repeat_runs(mnist, replace(options, metric=metric), 2, 0, small_setup, cache_dir=folder, progress=False)
            for folder in (tmp_path, None)
        )
        times = list(TIMES)
        pd.testing.assert_frame_equal(shared.drop(columns=times), anew.drop(columns=times), check_exact=True)
    assert len(list(tmp_path.rglob("_choose_view/*/output.pkl"))) == 2
    assert len(list(tmp_path.rglob("_assess/*/output.pkl"))) == 2


def test_a_change_of_the_setup_is_not_read_from_the_cache(mnist, small_setup, tmp_path):
    for setup in (small_setup, replace(small_setup, initial_epochs=2)):
        repeat_runs(mnist, OPTIONS, 1, 0, setup, cache_dir=tmp_path, progress=False)
    assert len(list(tmp_path.rglob("_train/*/output.pkl"))) == 2


def test_two_processes_share_one_cache_and_agree_with_one(mnist, tmp_path):
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, tmp_path / "cache", tmp_path / "there.csv", tmp_path / "ready"]
    options = replace(OPTIONS, metric="l1", batch_size=50, max_iterations=1)
    setup = RunSetup(600, 400, 200, 200, initial_epochs=1)
    with subprocess.Popen(command) as other:
        while not (tmp_path / "ready").exists() and other.poll() is None:
            time.sleep(0.05)
        here = repeat_runs(mnist, options, 2, 0, setup, cache_dir=tmp_path / "cache", progress=False)
    assert other.returncode == 0 and len(list((tmp_path / "cache").rglob("_train/*/output.pkl"))) == 2
    here.drop(columns=list(TIMES)).to_csv(tmp_path / "here.csv", index=False)
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()
    alone = repeat_runs(mnist, options, 1, 1, setup, cache_dir=tmp_path / "alone", progress=False)
    pd.testing.assert_frame_equal(*(
        each[each["seed"] == 1].drop(columns=list(TIMES)).reset_index(drop=True) for each in (here, alone)
    ), check_exact=True)  # fmt: skip


def test_streams_of_a_seed_are_fresh_and_independent():
    first, again = run_streams(1), run_streams(1)
    numbers = {name: first[name].random() for name in first}
    assert numbers == {name: again[name].random() for name in again}
    assert len(set(numbers.values())) == len(numbers)


def test_no_runs_is_an_error(mnist):
    with pytest.raises(ValueError, match="n_runs = 0; it must be at least 1"):
        repeat_runs(mnist, OPTIONS, n_runs=0)


def test_control_goes_on_for_as_long_as_is_asked(mnist, small_setup, tmp_path):
    options = DebugOptions(batch_size=100, max_iterations=1, epochs=1)
    runs = repeat_runs(mnist, options, 1, 0, small_setup, tmp_path, progress=False, control_iterations=3)
    assert runs[runs["strategy"] == "control"]["samples_added"].tolist() == [0, 100, 200, 300]


@pytest.mark.parametrize("labelled", [True, False])
def test_what_was_chosen_from_a_pool_with_faults_is_told(mnist, small_setup, tmp_path, labelled):
    setup = replace(small_setup, pool="noisy", labelled=labelled)
    options = DebugOptions.preset("recommended", batch_size=100, max_iterations=2)
    runs = repeat_runs(mnist, {"own": options}, 1, 0, setup, tmp_path, progress=False)
    shares = runs[runs["iteration"] > 0].set_index(["strategy", "iteration"])["wrong_share"]
    assert 0.1 < shares["control", 2] < 0.3
    assert shares["mode", 2] < 0.05 if labelled else 0.05 < shares["mode", 2] < 0.4  # hidden labels cannot be doubted
    clean = repeat_runs(mnist, {"own": options}, 1, 0, small_setup, tmp_path, progress=False)
    assert "wrong_share" not in clean
