"""Faults that were put into a pool are found, and in a clean one next to nothing."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mode_utils.networks.backend import keras
from mode_utils.repair import find_faults, open_case
from mode_utils.repair.choosing.pool_faults import doubtful_labels, exact_copies
from mode_utils.repair.reading.arrays import check_arrays

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits():
    """Return a trained model and digits in their roles."""
    keras.utils.set_random_seed(0)
    x, y = (load_digits().images / 16).astype(np.float32), load_digits().target
    order = np.random.default_rng(0).permutation(len(y))
    ends = np.cumsum([700, 400])
    parts = zip(("train", "validation", "pool"), np.split(x[order], ends), np.split(y[order], ends), strict=True)
    arrays = {name: array for role, xs, ys in parts for name, array in ((f"x_{role}", xs), (f"y_{role}", ys))}
    hidden = keras.layers.Dense(32, activation="relu")
    layers = [keras.Input((8, 8)), keras.layers.Flatten(), hidden, keras.layers.Dense(10, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
    model.fit(arrays["x_train"], arrays["y_train"], epochs=25, verbose=0)
    return model, arrays


def faults_of(digits, **changes):
    model, arrays = digits
    case = open_case(model, check_arrays(arrays | changes), budget=20)
    return find_faults(case)


def test_in_a_clean_pool_next_to_nothing_is_found(digits):
    table = faults_of(digits).table
    assert set(table["fault"]) <= {"doubtful labels"} and table["found"].sum() <= 0.03 * 697


def test_wrong_labels_are_found_the_clearest_first(digits):
    y, rng = digits[1]["y_pool"].copy(), np.random.default_rng(1)
    wrong = rng.choice(len(y), 100, replace=False)
    y[wrong] = (y[wrong] + rng.integers(1, 10, 100)) % 10
    places = faults_of(digits, y_pool=y).places["doubtful labels"]
    assert np.isin(wrong, places).mean() > 0.8 and np.isin(places, wrong).mean() > 0.8
    assert np.isin(places[:30], wrong).mean() > 0.95


def test_copies_are_found_in_the_pool_and_across_the_roles(digits):
    arrays = digits[1]
    x, y = arrays["x_pool"].copy(), arrays["y_pool"].copy()
    x[100:150], y[100:150] = x[:50], y[:50]
    x[150:160], x[160:165] = arrays["x_train"][:10], arrays["x_validation"][:5]
    validation = np.concatenate([arrays["x_validation"][:-7], arrays["x_train"][:7]])
    found = faults_of(digits, x_pool=x, y_pool=y, x_validation=validation)
    counts = found.table.set_index("fault")["found"].to_dict()
    assert (counts["exact copies"], counts["also in train"], counts["also in validation"]) == (
        50,
        10,
        12,
    )  # 7 are in both
    assert counts["validation also in train"] == 7
    assert found.places["exact copies"].tolist() == list(range(100, 150))


def test_foreign_samples_are_found(digits):
    x, rng = digits[1]["x_pool"].copy(), np.random.default_rng(2)
    x[:120] = np.kron(rng.random((120, 2, 2)), np.ones((4, 4)))  # coarse squares
    places = faults_of(digits, x_pool=x).places["foreign"]
    assert np.isin(np.arange(120), places).mean() > 0.8 and np.isin(places, np.arange(120)).mean() > 0.7


def test_shifted_copies_are_near_copies(digits):
    x = digits[1]["x_pool"].copy()
    x[300:600] = x[:300] + np.float32(0.001)
    places = faults_of(digits, x_pool=x).places["near copies"]
    assert np.isin(np.arange(300, 600), places).mean() > 0.9


def test_a_label_that_the_pool_lacks_and_a_pool_of_one_label_are_no_problem():
    beliefs = np.full((20, 3), 1 / 3, np.float32)
    assert doubtful_labels(np.zeros(20, int), beliefs).tolist() == []
    beliefs[:, 0] = 0
    labels = np.repeat([1, 2], 10)
    beliefs[np.arange(20), labels] = 0.9
    beliefs[3] = [0, 0.05, 0.95]
    assert doubtful_labels(labels, beliefs).tolist() == [3]


def test_exact_copies_are_all_but_the_first():
    assert exact_copies(np.array([5, 7, 5, 5, 9])).tolist() == [2, 3]


def test_of_a_preset_that_asks_no_reference_it_says_that_none_was_asked(digits):
    model, arrays = digits
    case = open_case(model, check_arrays(arrays), budget=20, preset="original")
    row = find_faults(case).table.iloc[0]
    assert (row["fault"], row["found"]) == ("doubtful labels", 0) and "the preset asks no reference" in row["meaning"]
