import numpy as np
import pandas as pd
import pytest

from mode_utils.results import load_galleries, load_runs, save_results


@pytest.fixture
def runs():
    names = {"metric": "euclidean", "layer_selection": True, "space": "pixels", "heatmap": "hci", "ranking": "best"}
    names |= {"overfit_selection": "random"}
    rows = [
        {
            "seed": 0,
            "strategy": strategy,
            **names,
            "iteration": i,
            "test_accuracy": 1 / (3 + i),
            "seconds": 0.5 * i,
            "selection_seconds": 0.1 * i,
        }
        for strategy in ("control", "mode")
        for i in range(3)
    ]
    return pd.DataFrame(rows).assign(target_label=pd.array([pd.NA, 3, 4] * 2, dtype="Int64"), n_ranked=pd.NA)


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


def test_galleries_come_by_metric_in_the_usual_order(runs, tmp_path):
    for metric in ("euclidean", "cosine similarity"):
        save_results(tmp_path / metric, runs.assign(metric=metric), best=np.full((10, 4, 4), len(metric)))
    galleries = load_galleries(tmp_path)
    assert list(galleries) == ["cosine similarity", "euclidean"]
    assert (galleries["euclidean"]["best"] == len("euclidean")).all()


def test_no_gallery_is_an_error_that_says_where_it_was_sought(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        load_galleries(tmp_path)
