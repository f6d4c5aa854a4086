"""Make the sets of frozen features for notebooks/sweeps/features.yml: ``python examples/make_features.py``.

They are written into data/, as .npz files that `load_dataset` reads by their name; Banking77 needs the package
`sentence-transformers` and two tables, see `banking77`. Each other set is a matter of a minute.
"""

import argparse
import csv

import numpy as np

from mode_utils.data import DATA_DIR, load_dataset


def digits():
    """Return the digits of scikit-learn, 8 x 8 pixels as they are: features that nobody has trained."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return split(x / 16, y)


def breast_cancer():
    """Return a table of scikit-learn, two labels and 30 columns, standardised."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return split((x - x.mean(axis=0)) / x.std(axis=0), y)


def fashion_features():
    """Return Fashion-MNIST as the last hidden layer of a network sees it that has learned to read digits."""
    return through(load_dataset("mnist"), load_dataset("fashion_mnist"))


def cifar10_features():
    """Return five classes of CIFAR-10 as a network sees them that has learned the five others."""
    from mode_utils.data import keep_classes

    data = load_dataset("cifar10")
    return through(keep_classes(data, [0, 2, 4, 6, 8]), keep_classes(data, [1, 3, 5, 7, 9]))


def banking77(train="banking77_train.csv", test="banking77_test.csv"):
    """Return bank customers' questions in 77 classes as sentence embeddings, from tables with text and category."""
    from sentence_transformers import SentenceTransformer

    model, arrays = SentenceTransformer("sentence-transformers/all-MiniLM-L6-v2"), {}
    for role, path in (("train", train), ("test", test)):
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        classes = sorted({row["category"] for row in rows})
        arrays[f"x_{role}"] = model.encode([row["text"] for row in rows], normalize_embeddings=True)
        arrays[f"y_{role}"] = np.array([classes.index(row["category"]) for row in rows])
        arrays["class_names"] = np.array(classes)
    return arrays


def split(x, y, seed=0):
    """Return a dataset whose test part is a quarter of the samples (n, n_features), drawn at random."""
    train, test = np.split(np.random.default_rng(seed).permutation(len(y)), [3 * len(y) // 4])
    return {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]}


def through(source, target, n=10_000, epochs=4):
    """Train a small convolutional network on one dataset, and return the features that it makes of another one."""
    from mode_utils.networks.backend import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    shape = source.x_train.shape[1:]
    body = [layers.Reshape((*shape, 1) if len(shape) == 2 else shape)]
    for filters in (32, 64):
        body += [layers.Conv2D(filters, 3, activation="relu", padding="same"), layers.MaxPooling2D()]
    body += [
        layers.Conv2D(64, 3, activation="relu", padding="same"),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
    ]
    model = keras.Sequential([keras.Input(shape), *body, layers.Dense(source.n_classes, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(source.x_train[:n], source.y_train[:n], batch_size=128, epochs=epochs, verbose=2)
    features = keras.Model(model.inputs, model.layers[-2].output)
    samples = {"x_train": target.x_train[:25_000], "x_test": target.x_test}
    arrays = {name: features.predict(x, batch_size=512, verbose=0) for name, x in samples.items()}
    scale = arrays["x_train"].std()
    arrays = {name: (each / scale).astype(np.float32) for name, each in arrays.items()}
    names = {"class_names": np.array(target.class_names)}
    return arrays | names | {"y_train": target.y_train[:25_000], "y_test": target.y_test}


SETS = {"digits": digits, "breast_cancer": breast_cancer, "fashion_features": fashion_features,
        "cifar10_features": cifar10_features, "banking77_minilm": banking77}  # fmt: skip

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make sets of frozen features.")
    told = f"of {', '.join(SETS)}; by default all but the last"
    parser.add_argument("names", nargs="*", default=list(SETS)[:4], metavar="NAME", help=told)
    for name in parser.parse_args().names:
        np.savez(DATA_DIR / f"{name}.npz", **SETS[name]())
        print(DATA_DIR / f"{name}.npz")
