"""Whatever is wrong with a model, its data or the command: one clear sentence, and nothing is written."""

import zipfile

import numpy as np
import pytest

from mode_utils.networks.backend import keras
from mode_utils.repair.__main__ import main

N_CASES = 200
SIZES = {"train": 40, "validation": 20, "pool": 50, "test": 10}


def good_arrays(rng):
    samples = {f"x_{part}": rng.random((n, 5, 4), dtype=np.float32) for part, n in SIZES.items()}
    return samples | {f"y_{part}": rng.permutation(np.arange(n) % 3) for part, n in SIZES.items()}


def classifier(units=3, **options):
    layers = [keras.layers.Flatten(), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(units, **options)]
    model = keras.Sequential([keras.Input((5, 4)), *layers])
    model.compile(loss="sparse_categorical_crossentropy")
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    softmax = {"activation": "softmax"}
    not_compiled = keras.Sequential([keras.Input((5, 4)), keras.layers.Flatten(), keras.layers.Dense(3, **softmax)])
    code = keras.Sequential([keras.Input((5, 4)), keras.layers.Lambda(lambda x: 2 * x), keras.layers.Flatten(),
                             keras.layers.Dense(3, **softmax)])  # fmt: skip
    code.compile(loss="sparse_categorical_crossentropy")
    image = keras.Input((5, 4))
    twice = [keras.layers.Dense(3, **softmax)(keras.layers.Flatten()(image)) for _ in range(2)]
    made = {"good": classifier(**softmax), "fewer labels": classifier(2, **softmax), "no probabilities": classifier(),
            "not compiled": not_compiled, "lambda": code, "two outputs": keras.Model(image, twice)}  # fmt: skip
    for name, model in made.items():
        model.save(folder / f"{name}.keras")
    whole = (folder / "good.keras").read_bytes()
    (folder / "truncated.keras").write_bytes(whole[: len(whole) // 2])
    (folder / "text.keras").write_text("this is no model")
    (folder / "model.h5").write_bytes(whole)
    return folder


def put(place, value):
    """Return a spoiler that puts something into the array of a random part, or of one."""

    def spoil(arrays, rng):
        name = place if place in arrays else f"{place}_{rng.choice(list(SIZES))}"
        arrays[name] = value(arrays[name], rng)

    return spoil


def one(array, value, rng):
    array = array.copy()
    array[(rng.integers(len(array)), *(0,) * (array.ndim - 1))] = value
    return array


NEEDED = ["x_train", "y_train", "x_validation", "y_validation", "x_pool"]
ARRAYS = {  # what is wrong with one of the arrays, at random
    "missing": lambda a, rng: a.pop(rng.choice(NEEDED)),
    "half of a pair": lambda a, rng: a.pop(rng.choice(["x_test", "y_test"])),
    "unknown name": lambda a, rng: a.update({str(rng.choice(["images", "x", "y_val", "pool"])): a["x_pool"]}),
    "shape": put("x", lambda x, rng: x.reshape(len(x), -1)[:, : rng.integers(1, 19)]),
    "flat": put("x", lambda x, rng: x.ravel()[: len(x)]),
    "scalar": put("x", lambda x, rng: np.float32(rng.random())),
    "empty": put("x", lambda x, rng: x[:0]),
    "length": put("y", lambda y, rng: y[: rng.integers(1, len(y))]),
    "text": put("x", lambda x, rng: x.astype(rng.choice(["U4", "S4"]))),
    "complex": put("x", lambda x, rng: x.astype(complex)),
    "not finite": put("x", lambda x, rng: one(x, rng.choice([np.nan, np.inf, -np.inf]), rng)),
    "range": put("x_pool", lambda x, rng: x * rng.choice([255, 1e4, 1e-3])),
    "negative label": put("y", lambda y, rng: y - rng.integers(1, 4)),
    "label too large": put("y", lambda y, rng: one(y, rng.integers(3, 99), rng)),
    "broken label": put("y", lambda y, rng: y + rng.uniform(0.1, 0.9)),
    "text labels": put("y", lambda y, rng: np.array(list("abc"))[y]),
    "label rows": put("y", lambda y, rng: rng.random((len(y), 3))),
    "objects": put("x", lambda x, rng: np.array([{"a": 1}] * len(x), dtype=object)),
}
FILES = ["truncated", "no zip", "stray entry", "no file", "a folder", "no array header"]
MODELS = ["fewer labels.keras", "no probabilities.keras", "not compiled.keras", "lambda.keras", "two outputs.keras",
          "truncated.keras", "text.keras", "model.h5", "none.keras"]  # fmt: skip
COMMANDS = [["--budget", "0"], ["--budget", "51"], ["--budget", "9", "--tolerance", "2"],
            ["--budget", "9", "--class-names", "a,b"], ["--budget", "9", "--preset", "best"],
            ["--budget", "9", "--output", "tanh"], ["--budget", "9", "--labels", "text"],
            ["--budget", "9", "--apply", "none.csv"]]  # fmt: skip
KINDS = [("arrays", kind) for kind in ARRAYS] + [("file", kind) for kind in FILES]
KINDS += [("model", name) for name in MODELS] + [("command", place) for place in range(len(COMMANDS))]


def spoil_file(path, kind, rng):
    whole = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(whole[: rng.integers(1, len(whole) - 30)])
    elif kind == "no zip":
        path.write_bytes(rng.bytes(rng.integers(0, 500)))
    elif kind in ("no file", "a folder"):
        path.unlink()
        path.mkdir() if kind == "a folder" else None
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("x_extra.npy" if kind == "no array header" else "readme.txt", b"no array")


@pytest.mark.parametrize("number", range(N_CASES))
def test_it_ends_in_one_clear_sentence_and_nothing_is_written(number, models, tmp_path, capsys):
    rng = np.random.default_rng(number)
    what, kind = KINDS[number % len(KINDS)]
    arrays = good_arrays(rng)
    if what == "arrays":
        ARRAYS[kind](arrays, rng)
    path, model = tmp_path / "data.npz", models / (kind if what == "model" else "good.keras")
    rng.choice([np.savez, np.savez_compressed])(path, **arrays)
    if what == "file":
        spoil_file(path, kind, rng)
    options = COMMANDS[kind] if what == "command" else ["--budget", "9"]
    status = main([str(model), str(path), str(tmp_path / "out"), *options])
    lines = capsys.readouterr().err.strip().splitlines()
    assert status == 2, f"{what}, {kind}"
    assert len(lines) == 1 and lines[0].startswith("error: ") and 25 < len(lines[0]) < 400, lines
    assert {entry.name for entry in tmp_path.iterdir()} <= {"data.npz"}


def test_what_is_good_passes(models, tmp_path):
    np.savez(tmp_path / "data.npz", **good_arrays(np.random.default_rng(0)))
    files = [str(models / "good.keras"), *(str(tmp_path / name) for name in ("data.npz", "out"))]
    assert main([*files, "--budget", "9"]) in (0, 1)
    assert (tmp_path / "out/selected.csv").exists()
