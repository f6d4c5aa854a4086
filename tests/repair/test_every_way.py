"""The commands, from the first to the last, over all pairs of kind of data, kind of model and ending.

By day few of them are walked, in which each kind of data is repaired with, and each model and ending is; each
night, all.

What is asserted is what a user would look at: the exit status, the files, and whether each label that was given
is that of the sample that it was given for.
"""

import csv
import json
import signal
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiers import by_night, cover

from mode_utils.networks.backend import keras
from mode_utils.repair.__main__ import main

pytestmark = pytest.mark.slow

SIZES = {"train": [60, 60, 60, 3], "validation": [25] * 4, "pool": [40] * 4}
BUDGET = 24
L = keras.layers


def clusters(rng):
    """Return samples (n, 8) and labels of each role; few samples of label 3 are in training."""
    centers, parts = 2 * rng.normal(0, 1, (4, 8)), {}
    for role, counts in SIZES.items():
        y = rng.permutation(np.repeat(np.arange(4), counts))
        parts[role] = (centers[y] + rng.normal(0, 1, (len(y), 8))).astype(np.float32), y
    return parts


class Arrays:
    """Columns of numbers; a subclass is another kind of data."""

    classes = tuple("0123")

    def __init__(self, parts, binary):
        self.parts = {role: (x, y // 3 if binary else y) for role, (x, y) in parts.items()}
        self.classes, self.truth = self.classes[: 2 if binary else 4], self.parts["pool"][1]

    def inputs(self):
        x = keras.Input((8,))
        return x, L.Dense(16, activation="relu")(x)

    def x(self, role):
        return self.parts[role][0]

    def named(self, role):
        return {f"x_{role}": self.x(role)}

    def y(self, role):
        return self.parts[role][1]

    def write(self, folder, labelled):
        arrays = {}
        for role in self.parts:
            arrays |= self.named(role)
            if role != "pool" or labelled:
                arrays[f"y_{role}"] = self.y(role)
        np.savez(folder / "data.npz", **arrays, **self.more())
        return folder / "data.npz"

    def more(self):
        return {}

    def label(self, row):
        """Return the true label of a row of selected.csv."""
        return self.classes[self.truth[int(row["index"])]]


class SeveralInputs(Arrays):
    def inputs(self):
        given = {"width": keras.Input((3,), name="width"), "age": keras.Input((5,), name="age")}
        return given, L.Dense(16, activation="relu")(L.Concatenate()(list(given.values())))

    def x(self, role):
        whole = self.parts[role][0]
        return {"width": whole[:, :3], "age": whole[:, 3:]}

    def named(self, role):
        return {f"x_{role}.{name}": x for name, x in self.x(role).items()}


class Integers(Arrays):
    """Numbers of ten digits, of which each belongs to a label; float32 cannot tell neighbours apart."""

    def inputs(self):
        lookup = L.IntegerLookup(vocabulary=1_000_000_000 + np.arange(40))
        x = keras.Input((1,), dtype="int64")
        hidden = L.Flatten()(L.Embedding(lookup.vocabulary_size(), 8)(lookup(x)))
        return x, L.Dense(16, activation="relu")(hidden)

    def x(self, role):
        samples, y = self.parts[role]
        return 1_000_000_000 + 10 * np.minimum(y, 3)[:, None] + (np.abs(samples[:, :1]) * 100).astype(np.int64) % 10


class TextClasses(Arrays):
    """And samples with names."""

    classes = ("ant", "bee", "cat", "dog")

    def more(self):
        return {"names_pool": np.array([f"row {n}, Zürich" for n in range(160)])}

    def write(self, folder, labelled):
        self.parts = {role: (x, np.array(self.classes)[y]) for role, (x, y) in self.parts.items()}
        return super().write(folder, labelled)


class Partly(Arrays):
    """A pool in which every fourth sample has a label; of a labelled one, three of four."""

    def y(self, role):
        y = super().y(role)
        return np.where(np.arange(len(y)) % 4 == 0, y, -1) if role == "pool" else y


class Images(Arrays):
    classes = ("ant", "bee", "cat", "dog")

    def inputs(self):
        x = keras.Input((8, 8, 3))
        return x, L.Dense(16, activation="relu")(L.Flatten()(L.Rescaling(1 / 255)(x)))

    def x(self, role):
        rows = np.clip(128 + 20 * self.parts[role][0], 0, 255).astype(np.uint8)
        return np.tile(rows[:, None, :, None], (1, 8, 1, 3))

    def write(self, folder, labelled):
        for role in self.parts:
            for n, (x, y) in enumerate(zip(self.x(role), self.y(role), strict=True)):
                place = folder / "images" / role / ("" if role == "pool" and not labelled else self.classes[y])
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(x).save(place / f"{n:03d}é.png")
        return folder / "images"

    def label(self, row):
        return self.classes[self.truth[int(Path(row["name"]).name[:3])]]


KINDS = {kind.__name__: kind for kind in (Arrays, SeveralInputs, Integers, TextClasses, Partly, Images)}


def softmax(hidden):
    return L.Dense(4, activation="softmax")(hidden), keras.losses.sparse_categorical_crossentropy


def logits(hidden):
    return L.Dense(4)(hidden), [keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="own")]


def one_hot(hidden):
    return L.Dense(4, activation="softmax", name="kind")(hidden), {"kind": "categorical_crossentropy"}


def nested_sigmoid(hidden):
    end = keras.Sequential([keras.Input(hidden.shape[1:]), L.Dense(8, activation="relu"), L.Dense(1, "sigmoid")])
    return end(hidden), "binary_crossentropy"


MODELS = {head.__name__: head for head in (softmax, logits, one_hot, nested_sigmoid)}


def trained(data, head):
    keras.utils.set_random_seed(0)
    inputs, hidden = data.inputs()
    output, loss = MODELS[head](hidden)
    model = keras.Model(inputs, output)
    model.compile(keras.optimizers.Adam(0.01), loss)
    x, y = data.x("train"), data.y("train")
    x = {name: keras.ops.convert_to_tensor(part) for name, part in x.items()} if isinstance(x, dict) else x
    model.fit(x, np.eye(4)[y] if head == "one_hot" else y, epochs=20, verbose=0)
    return model


def rows_of(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def way(tmp_path, capsys):
    """Return a function that makes model and data of a kind, and one that runs the command on them."""

    def make(kind, head, labelled):
        data = KINDS[kind](clusters(np.random.default_rng(3)), head == "nested_sigmoid")
        trained(data, head).save(tmp_path / "model.keras")
        files = [str(tmp_path / "model.keras"), str(data.write(tmp_path, labelled))]

        def run(out, *options):
            status = main([*files, str(tmp_path / out), "--budget", str(BUDGET), *options])
            return status, tmp_path / out, capsys.readouterr()

        return data, run

    return make


def label_all(selected, data, path):
    """Fill in the table as a person would who knows the truth."""
    rows = rows_of(selected)
    for row in rows:
        row["label"] = data.label(row)
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, rows[0])
        out.writeheader()
        out.writerows(rows)
    return {int(row["index"]): row["label"] for row in rows}


def added(out):
    return {s["index"]: s["label"] for s in json.loads((out / "origin.json").read_text())["samples"]}


def repaired(status, out, told, given):
    """The starved label is better, what was added has the labels that were given, and the saved model is the better."""
    assert status == 0, told
    assert added(out) == given
    outcome = json.loads((out / "diagnosis.json").read_text())["outcome"]
    assert outcome["fixed"] > outcome["broken"] and outcome["labels"][-1]["change"] > 0
    assert (out / "repaired.keras").exists() and (out / "report.html").exists()


def saved(data, run, tmp_path):
    status, out, told = run("out")
    given = {int(row["index"]): data.label(row) for row in rows_of(out / "selected.csv")}
    repaired(status, out, told, given)


def asked(data, run, tmp_path):
    status, out, told = run("ask")
    assert status == 0 and (out / "label.html").exists() and not (out / "repaired.keras").exists(), told
    given = label_all(out / "selected.csv", data, tmp_path / "labels.csv")
    status, out, told = run("out", "--apply", str(tmp_path / "labels.csv"))
    repaired(status, out, told, given)


def refused(data, run, tmp_path):
    (tmp_path / "labels.csv").write_text("index,label\n3,nobody\n")
    status, out, told = run("out", "--apply", str(tmp_path / "labels.csv"))
    assert status == 2 and not out.exists()
    assert told.err.count("error: ") == 1 and "unknown label 'nobody'" in told.err


def interrupted(data, run, tmp_path):
    before = sorted(tmp_path.iterdir())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mode_utils.repair.choose_inputs", lambda *_, **__: signal.raise_signal(signal.SIGINT))
        status, _, told = run("out")
    assert status == 130 and told.err.endswith("\ninterrupted: nothing was written\n") and "Reading " in told.err
    assert sorted(tmp_path.iterdir()) == before


ENDINGS = {ending.__name__: ending for ending in (saved, asked, refused, interrupted)}
WAYS = [  # each pair of two of the three at least once: the ending goes on by one from model to model and kind to kind
    (kind, model, list(ENDINGS)[(n + m) % 4]) for (n, kind), (m, model) in product(enumerate(KINDS), enumerate(MODELS))
]


def test_the_ways_have_all_pairs():
    for first, second in ((0, 1), (0, 2), (1, 2)):
        factors = KINDS, MODELS, ENDINGS
        assert {(way[first], way[second]) for way in WAYS} == set(product(factors[first], factors[second]))


def walked(way):
    """Return a way with the ending that it has: of a pool that has labels in part the others are asked for."""
    kind, model, ending = way
    return kind, model, "asked" if kind == "Partly" and ending == "saved" else ending


def tried(way):
    """Return what a way tries: a kind of data only if it goes the whole way, to a repaired model."""
    kind, model, ending = walked(way)
    return kind if ending in ("saved", "asked") else None, model, ending


BY_DAY = cover(WAYS, tried)


def test_by_day_each_kind_of_data_ends_in_a_repair_and_each_model_and_ending_is_there():
    for factor, values in enumerate(({*KINDS, None}, set(MODELS), set(ENDINGS))):
        assert {tried(way)[factor] for way in BY_DAY} == values
    assert len(BY_DAY) <= 8


@pytest.mark.drawn(ending="saved")
@pytest.mark.parametrize(("kind", "model", "ending"), by_night(WAYS, but=BY_DAY))
def test_every_way_ends_as_it_should(kind, model, ending, way, tmp_path):
    kind, model, ending = walked((kind, model, ending))
    data, run = way(kind, model, labelled=kind == "Partly" or ending != "asked")
    ENDINGS[ending](data, run, tmp_path)
