import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mode_utils.study.artefacts import (
    collect_galleries,
    load_arrays,
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
    save_results(tmp_path / "a", runs, best=np.zeros(3))
    save_results(tmp_path / "b", runs.assign(seconds=99.0, selection_seconds=9.0))
    assert (tmp_path / "a/runs.csv").read_bytes() == (tmp_path / "b/runs.csv").read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["gallery.npz", "runs.csv", "timings.csv"]


def gallery(value):
    kinds = {kind: np.full((10, 4, 4), value) for kind in ("hci", "hmi", "hwi")}
    return kinds | {"best": np.full((10, 4, 4), value), "worst": np.zeros((10, 4, 4))}


def test_galleries_come_by_metric_in_the_usual_order_and_can_be_kept(runs, tmp_path):
    for metric in ("euclidean", "cosine similarity"):
        save_results(tmp_path / metric, runs.assign(metric=metric), **gallery(len(metric)))
    galleries = collect_galleries([tmp_path / "euclidean", tmp_path / "cosine similarity"])
    assert galleries["metrics"].tolist() == ["cosine similarity", "euclidean"]
    assert galleries["best"].shape == (2, 10, 4, 4) and (galleries["best"][1] == len("euclidean")).all()
    assert (galleries["hci"] == len("cosine similarity")).all()
    save_arrays(tmp_path, "galleries", galleries)
    loaded = load_arrays(tmp_path, "galleries")
    assert all((loaded[name] == galleries[name]).all() for name in galleries) and set(loaded) == set(galleries)


def test_no_gallery_is_an_error_that_says_where_it_was_sought(runs, tmp_path):
    save_results(tmp_path, runs)
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        collect_galleries([tmp_path])
    with pytest.raises(ValueError, match="no walkthrough to collect galleries of"):
        collect_galleries([])


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
