"""The map of a case's pool says of each sample what the scan, the faults and the choice say of it."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors
from tiers import by_night

from mode_utils.networks.backend import keras
from mode_utils.repair import assess_case, choose_inputs, find_faults, map_pool, open_case, save_map
from mode_utils.repair.reading.arrays import check_arrays

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small_map():
    """Instead of that of all tests: here the map is what is looked at."""


@pytest.fixture(scope="module", params=by_night(["labelled", "unlabelled"], but=["labelled"]))
def mapped(request):
    """Return a case with copies and foreign samples, what is known of its pool, and the map."""
    keras.utils.set_random_seed(0)
    x, y = (load_digits().images / 16).astype(np.float32), load_digits().target
    x[750:790] = x[700:740]
    x[800:860] = np.kron(np.random.default_rng(2).random((60, 2, 2)), np.ones((4, 4)))
    ends = {"train": slice(0, 400), "validation": slice(400, 650), "pool": slice(650, 1100)}
    arrays = {
        f"{name}_{role}": array[place] for role, place in ends.items() for name, array in {"x": x, "y": y}.items()
    }
    arrays["names_pool"] = np.array([f"{place}.png" for place in range(450)])
    if request.param == "unlabelled":
        del arrays["y_pool"]
    hidden = keras.layers.Dense(16, activation="relu")
    layers = [keras.Input((8, 8)), keras.layers.Flatten(), hidden, keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    model.fit(arrays["x_train"], arrays["y_train"], epochs=8, verbose=0)
    case = open_case(model, check_arrays(arrays), budget=30)
    chosen = choose_inputs(case, assess_case(case))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mode_utils.repair.choosing.pool_faults._COMPARED", 300)
        faults = find_faults(case)
    return case, case.scan, chosen, faults, map_pool(case, chosen, faults)


def test_the_table_says_what_scan_choice_and_faults_say(mapped):
    case, scan, chosen, faults, found = mapped
    table = found.table
    assert table["index"].tolist() == list(range(450)) and len(found.positions) == 450
    assert set(table["index"][table["chosen"]]) == set(chosen["index"])
    assert table["name"].tolist() == case.data.names_pool.tolist()
    assert table["predicted"].astype(int).tolist() == scan.predicted.tolist()
    assert table["guess" if case.data.y_pool is None else "label"].astype(int).tolist() == scan.labels.tolist()
    assert table["reason"][chosen["index"][0]] == chosen["reason"][0] and (table["reason"] != "").sum() == 30
    assert ("doubtful" in table) == (case.data.y_pool is not None)
    assert set(faults.places["foreign"]) == set(table["index"][table["foreign"].fillna(False)])
    assert set(faults.places["exact copies"]) <= set(table["index"][table["copy"]])


def test_what_nobody_has_looked_at_is_missing(mapped):
    _, _, _, faults, found = mapped
    looked_at = found.table["index"][found.table["foreign"].notna()]
    assert looked_at.tolist() == faults.compared.tolist() and len(looked_at) == 300
    assert found.table["copy"].notna().all()


def test_inputs_that_are_predicted_alike_lie_together(mapped):
    found = mapped[-1]
    predicted = found.table["predicted"].to_numpy()
    near = NearestNeighbors(n_neighbors=5).fit(found.positions).kneighbors(return_distance=False)
    assert (predicted[near] == predicted[:, None]).mean() > 0.6


def test_the_map_is_one_file(mapped, tmp_path):
    save_map(tmp_path, mapped[0], mapped[-1])
    text = (tmp_path / "map.html").read_text()
    assert "450 inputs are drawn." in text and "data:image/png;base64," in text and "<script src" not in text
