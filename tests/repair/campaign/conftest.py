import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mode_utils.networks.backend import keras


@pytest.fixture(scope="module")
def campaign(once, tmp_path_factory):
    """Return the folder of a model in which two digits are starved, the data without labels of the pool, and these."""
    folder = tmp_path_factory.mktemp("campaign")
    shutil.copytree(once("campaign", begin), folder, dirs_exist_ok=True)
    with np.load(folder / "labelled.npz") as arrays:
        return folder, arrays["y_pool"]


def begin(folder):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = load_digits(return_X_y=True)
    order = rng.permutation(len(y))
    x, y = (x[order] / 16).astype(np.float32).reshape(-1, 8, 8), y[order]
    train = np.setdiff1d(np.arange(500), np.flatnonzero(np.isin(y[:500], [3, 8]))[6:])
    places = {"train": train, "validation": np.arange(500, 900), "pool": np.arange(900, 1500)}
    places |= {"test": np.arange(1500, len(y))}
    arrays = {f"x_{role}": x[place] for role, place in places.items()}
    arrays |= {f"y_{role}": y[place] for role, place in places.items()}
    image = keras.Input((8, 8))
    hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Flatten()(image))
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(hidden))
    model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
    model.fit(arrays["x_train"], arrays["y_train"], epochs=30, verbose=0)
    model.save(folder / "model.keras")
    np.savez(folder / "labelled.npz", **arrays)
    del arrays["y_pool"]
    np.savez(folder / "data.npz", **arrays)
