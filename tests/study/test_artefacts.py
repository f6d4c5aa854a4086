import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mode_utils.study.artefacts import (
    load_gallery,
    load_runs,
    save_arrays,
    save_figure,
    save_results,
)


@pytest.fixture
def runs():
    names = {"metric": "euclidean", "layer_selection": True, "space": "pixels", "heatmap": "hci", "ranking": "best"}
    names |= {"overfit_selection": "random"}
    scores = ["diagnosis_accuracy", "train_accuracy", "weakest_label_accuracy"]
    rest = dict.fromkeys(scores, 0.5) | {"n_underfit": 1, "n_overfit": 0, "target_layer": "a", "finished_early": False}
    rows = [
        {
            "seed": 0, "strategy": strategy, **names, "iteration": i, "samples_added": 10 * i,
            "test_accuracy": 1 / (3 + i), **rest, "fault": "underfit", "n_ranked": pd.NA,
            "seconds": 0.5 * i, "selection_seconds": 0.1 * i,
        }
        for strategy in ("control", "mode")
        for i in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(target_label=pd.array([pd.NA, 3, 4] * 2, dtype="Int64"))


def test_runs_are_read_as_they_were_saved(runs, tmp_path):
    save_results(tmp_path, runs)
    loaded = load_runs(tmp_path)
    assert loaded["test_accuracy"].tolist() == runs["test_accuracy"].tolist()  # to the last bit
    assert loaded["target_label"].equals(runs["target_label"])
    assert loaded.groupby("strategy")["seconds"].sum().tolist() == [1.5, 1.5]


def test_the_table_of_runs_holds_nothing_that_differs_each_time(runs, tmp_path):
    save_results(tmp_path / "a", runs)
    save_results(tmp_path / "b", runs.assign(seconds=99.0, selection_seconds=9.0))
    assert (tmp_path / "a/runs.csv").read_bytes() == (tmp_path / "b/runs.csv").read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["runs.csv", "timings.csv"]


def test_the_gallery_is_that_of_the_first_cell_that_has_one(tmp_path):
    gallery = {"metrics": np.array(["a", "b"]), "best": np.ones((2, 10, 4, 4)), "hci": np.full((10, 4, 4), np.nan)}
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
    save_arrays(tmp_path / "second", "gallery", gallery)
    save_arrays(tmp_path / "third", "gallery", {"metrics": np.array(["c"])})
    loaded = load_gallery(tmp_path / name for name in ("first", "second", "third"))
    assert set(loaded) == set(gallery)
    for name, array in gallery.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_no_gallery_is_an_error_that_says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="none of 1 executed cells has a gallery: run the sweep first"):
        load_gallery([tmp_path])
    with pytest.raises(FileNotFoundError, match="none of 0 executed cells"):
        load_gallery([])


def test_figures_are_the_same_bit_for_bit_each_time(tmp_path):
    figure, ax = plt.subplots()
    ax.plot([1, 2, 0])
    for folder in ("a", "b"):
        save_figure(tmp_path / folder, "curve", figure)
    plt.close(figure)
    for kind in ("png", "svg"):
        assert (tmp_path / f"a/curve.{kind}").read_bytes() == (tmp_path / f"b/curve.{kind}").read_bytes()


def test_runs_of_several_cells_find_their_timings(runs, tmp_path):
    """A sweep puts its axes in front of the tables that have no column for them."""
    parts = [
        runs.assign(scenario=scenario, seconds=seconds) for scenario, seconds in (("healthy", 1.0), ("starved", 2.0))
    ]
    for part in parts:
        save_results(tmp_path / part["scenario"].iloc[0], part)
    for table in ("runs", "timings"):
        own = [pd.read_csv(tmp_path / name / f"{table}.csv").assign(scenario=name) for name in ("healthy", "starved")]
        pd.concat(own).to_csv(tmp_path / f"{table}.csv", index=False)
    assert load_runs(tmp_path).groupby("scenario")["seconds"].sum().tolist() == [6.0, 12.0]


def test_a_table_that_was_cut_or_is_none_of_runs_is_refused(runs, tmp_path):
    save_results(tmp_path, runs)
    pd.read_csv(tmp_path / "runs.csv").drop(columns="finished_early").to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(ValueError, match="the table of runs has no column 'finished_early'"):
        load_runs(tmp_path)
