"""Make a small model with a starved label, and its data, in the working folder: something to repair in seconds."""

import keras
import numpy as np
from sklearn.datasets import load_digits

LABEL, KEPT, ENDS = 3, 3, [700, 1100]  # the starved label, its training samples, where training and validation end

x, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(y))
x, y = (x[order] / 16).astype(np.float32).reshape(-1, 8, 8), y[order]
arrays = {}
for role, x_of, y_of in zip(("train", "validation", "pool"), np.split(x, ENDS), np.split(y, ENDS), strict=True):
    keep = (y_of != LABEL) | (np.cumsum(y_of == LABEL) <= KEPT) | (role != "train")
    arrays |= {f"x_{role}": x_of[keep], f"y_{role}": y_of[keep]}

keras.utils.set_random_seed(0)
image = keras.Input((8, 8))
hidden = keras.layers.Dense(32, activation="relu")(keras.layers.Flatten()(image))
model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(hidden))
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy")
model.fit(arrays["x_train"], arrays["y_train"], epochs=30, verbose=0)
model.save("model.keras")
np.savez("data.npz", **arrays)
