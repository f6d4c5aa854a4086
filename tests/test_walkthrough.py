"""The walkthrough beside its defaults: each pair of values of its first parameters, tiny, in this process."""

from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from all_pairs import all_pairs
from tiers import by_night, cover

import mode_utils as mode
from mode_utils import repeated_runs
from mode_utils.run_setup import SCENARIOS
from mode_utils.selection.allocation import SERVE_BUGS
from mode_utils.selection.replay import Replay
from mode_utils.similarity import METRICS, SPATIAL
from mode_utils.study.runs_table import ITERATION_COLUMNS, TIMES

pytestmark = pytest.mark.slow

CELLS = [
    cell
    for cell in nbformat.read(Path(__file__).parents[1] / "notebooks/walkthrough.ipynb", as_version=4).cells
    if cell.cell_type == "code"
]
TINY = {
    "n_train": 300, "n_bug_fixing": 240, "n_validation": 120, "n_test": 120, "initial_epochs": 1, "epochs": 1,
}  # fmt: skip
ROWS = all_pairs(
    scenario=list(SCENARIOS), preset=list(mode.PRESETS), layer_selection=[True, False], batch_size=[30, 1, 80],
    max_iterations=[1, 3], seed=[12, 15], labelled=[True, False], compare=[[], ["margin"]],
)  # fmt: skip
EACH_VALUE = cover(range(len(ROWS)), lambda number: map(str, ROWS[number].values()))
ODD = {
    "no mistake, the widest metric": {"metric": SPATIAL, "theta": 0.0, "gamma": 1.0, "n_validation": 3, "n_test": 5},
    "few of each label": {"n_bug_fixing": 30, "batch_size": 5, "n_train": 20, "space": "importance", "heatmap": "dhwi"},
    "looked at on test": {"diagnose_on": "test", "space": "neurons", "theta": 1.0, "gamma": 0.0, "pool": "rare"},
}
PRESETS = list(product(mode.PRESETS, [True, False]))


def walk(folder, illustrated, **parameters):
    """Execute the cells of the walkthrough; return its names."""
    names = {}
    for cell in CELLS:
        tags = cell.metadata.get("tags", [])
        if illustrated or "illustration" not in tags:
            exec(cell.source.replace("mode.check_injected(mode.check_study_parameters)", ""), names)
        if "parameters" in tags:
            names |= TINY | {"output_dir": folder} | parameters
    plt.close("all")
    return names


def one_as_six(dataset, options, n_runs, seed, setup):
    """Return a run six times, as six seeds: fewer are refused, and more take their time."""
    runs = repeated_runs.repeat_runs(dataset, options, 1, seed, setup, cache_dir=None, progress=False)
    return pd.concat([runs.assign(seed=runs["seed"] + turn) for turn in range(n_runs)], ignore_index=True)


@pytest.fixture
def walked(built_once, monkeypatch, tmp_path):
    monkeypatch.setattr(mode, "repeat_runs", one_as_six, raising=False)
    yield lambda illustrated, **parameters: walk(tmp_path, illustrated, **parameters)
    plt.close("all")


def check(names):
    """A run is paired, ends early where no label is buggy, and is the same by hand."""
    runs, options = names["runs"], names["options"]
    last = runs[runs["strategy"] == "mode"].groupby("seed").tail(1)
    if options.allocation in SERVE_BUGS:
        clean = last["n_underfit"] + last["n_overfit"] == 0
        assert clean.equals(last["finished_early"].astype(bool))
    if "one_model" in names:
        by_hand = names["one_model"].query("name == @names['yours']")
        for strategy in ("mode", "control"):
            run = runs[(runs["seed"] == names["seed"]) & (runs["strategy"] == strategy)]
            hand = by_hand[by_hand["strategy"] == strategy].iloc[: len(run)]
            same = [name for name in ITERATION_COLUMNS if name not in TIMES]
            pd.testing.assert_frame_equal(
                *(each[same].reset_index(drop=True) for each in (run, hand)), check_exact=True
            )


@pytest.mark.parametrize("number", by_night(range(len(ROWS)), but=EACH_VALUE))
def test_the_walkthrough_runs_for_each_pair_of_its_first_parameters(number, walked):
    check(walked(number % 6 == 0, metric=METRICS[number % len(METRICS)], **ROWS[number]))


@pytest.mark.parametrize("what", ODD)
def test_the_walkthrough_runs_with_odd_data_too(what, walked):
    check(walked(True, **({"batch_size": 10, "max_iterations": 1, "compare": []} | ODD[what])))


@pytest.mark.parametrize(("preset", "labelled"), by_night(PRESETS, but=cover(PRESETS)))
def test_a_seed_gives_one_number_by_hand_and_in_repeated_runs_and_its_first_batch_is_the_one_shown(
    preset, labelled, mnist, one_trainer, built_once
):
    setup = mode.RunSetup(**{name: size for name, size in TINY.items() if name != "epochs"}, labelled=labelled)
    options = mode.DebugOptions.preset(preset, batch_size=30, max_iterations=1, epochs=1)
    (run,) = repeated_runs.start_runs(one_trainer(mnist, setup), mnist, setup, options, [15], None)
    runs = mode.repeat_runs(mnist, options, 1, 15, setup, cache_dir=None, progress=False)
    trainer, splits = run.trainer, run.splits
    trainer.restore(run.initial_state)
    shown = mode.Repair(trainer, splits, options, 15).next_batch()
    trainer.restore(run.initial_state)
    hand = mode.debug_model(trainer, splits, options, mode.run_streams(15)["repair"])
    same = [name for name in ITERATION_COLUMNS if name not in TIMES]
    expected = runs[runs["strategy"] == "mode"].reset_index(drop=True)
    pd.testing.assert_frame_equal(hand[same], expected[same], check_exact=True, check_dtype=False)
    trainer.restore(run.initial_state)
    retraining, _ = mode.run_streams(15)["repair"].spawn(2)
    memory = Replay(splits, options.replay, retraining.spawn(1)[0])
    trainer.fit(*memory.with_old(shown.indices), epochs=1, rng=retraining)
    assert mode.assess(trainer, splits).scores["test_accuracy"] == hand["test_accuracy"][1]


GOOD = next(cell.source for cell in CELLS if "parameters" in cell.metadata.get("tags", []))
CHECK = next(cell.source for cell in CELLS if "check_injected" in cell.source)
WRONG = {
    "a value": ('scenario = "starved"', 'scenario = "sick"', "sick"),
    "a type": ("n_runs = 6", 'n_runs = "six"', "six"),
    "too few runs": ("n_runs = 6", "n_runs = 2", "n_runs"),
    "no text": ('preset = "original"', "preset = original", "no preset"),
    "no Python": ("seed = 12", "seed = = 12", "no scenario"),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_error_in_the_parameters_leaves_nothing_that_later_cells_take_for_results(what):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        for source in (GOOD, CHECK, "runs = options = 'of the first run'"):
            shell.run_cell(source, store_history=True).raise_error()
        old, new, told = WRONG[what]
        failed = [not shell.run_cell(each, store_history=True).success for each in (GOOD.replace(old, new), CHECK)]
        assert failed[1] and "runs" not in shell.user_ns and "options" not in shell.user_ns
        assert told in str(shell.run_cell(CHECK, store_history=True).error_in_exec)
        assert isinstance(shell.run_cell("mode.save_results(output_dir, runs)").error_in_exec, NameError)
        for source in (GOOD, CHECK, "runs = 1"):
            shell.run_cell(source, store_history=True).raise_error()
    finally:
        InteractiveShell.clear_instance()
