"""Whatever is wrong with a model, its data or the command: one clear sentence, and nothing is written."""

import errno
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiers import by_night

from mode_utils.networks.backend import keras
from mode_utils.repair import assess_case, choose_inputs, open_case, retrain
from mode_utils.repair.__main__ import main
from mode_utils.repair.reading.arrays import check_arrays

pytestmark = pytest.mark.slow

EACH = 3  # cases of a kind
SIZES = {"train": 40, "validation": 20, "pool": 50, "test": 10}


def good_arrays(rng):
    samples = {f"x_{part}": rng.random((n, 5, 4), dtype=np.float32) for part, n in SIZES.items()}
    return samples | {f"y_{part}": rng.permutation(np.arange(n) % 3) for part, n in SIZES.items()}


def classifier(units=3, **options):
    layers = [keras.layers.Flatten(), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(units, **options)]
    model = keras.Sequential([keras.Input((5, 4)), *layers])
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def diverged():
    model = classifier(activation="softmax")
    kernel = model.layers[-1].kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    return model


def other(units, activation, loss):
    model = classifier(units, activation=activation)
    model.compile(loss=loss)
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("models")
    softmax = {"activation": "softmax"}
    not_compiled = keras.Sequential([keras.Input((5, 4)), keras.layers.Flatten(), keras.layers.Dense(3, **softmax)])
    code = keras.Sequential([keras.Input((5, 4)), keras.layers.Lambda(lambda x: 2 * x), keras.layers.Flatten(),
                             keras.layers.Dense(3, **softmax)])  # fmt: skip
    code.compile(loss="sparse_categorical_crossentropy")
    image = keras.Input((5, 4))
    twice = [keras.layers.Dense(3, **softmax)(keras.layers.Flatten()(image)) for _ in range(2)]
    made = {
        "good": classifier(**softmax), "fewer labels": classifier(2, **softmax), "no probabilities": classifier(),
        "not finite": diverged(), "regression": other(1, "linear", "mse"), "lambda": code,
        "several labels": other(3, "sigmoid", "binary_crossentropy"), "not compiled": not_compiled,
        "two outputs": keras.Model(image, twice),
    }  # fmt: skip
    for name, model in made.items():
        model.save(folder / f"{name}.keras")
    whole = (folder / "good.keras").read_bytes()
    (folder / "truncated.keras").write_bytes(whole[: len(whole) // 2])
    (folder / "text.keras").write_text("this is no model")
    (folder / "model.h5").write_bytes(b"\x89HDF" + whole)
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
    "negative label": put("y", lambda y, rng: y - rng.integers(2, 5)),
    "label too large": put("y", lambda y, rng: one(y, rng.integers(3, 99), rng)),
    "broken label": put("y", lambda y, rng: y + rng.uniform(0.1, 0.9)),
    "text labels": put("y", lambda y, rng: np.array(list("abc"))[y]),  # beside numbers
    "label rows": put("y", lambda y, rng: rng.random((len(y), 3))),
    "infinite label": put("y", lambda y, rng: one(y.astype(float), np.inf, rng)),
    "label that wraps around": put("y", lambda y, rng: one(y.astype(np.int64), 2**32 + 1, rng)),
    "too few names": lambda a, rng: a.update(names_pool=np.array([str(n) for n in range(rng.integers(1, 50))])),
    "names that are numbers": lambda a, rng: a.update(names_pool=np.arange(50)),
    "objects": put("x", lambda x, rng: np.array([{"a": 1}] * len(x), dtype=object)),
}
FILES = ["truncated", "no zip", "stray entry", "no file", "a folder", "no array header", "bit flip", "encrypted"]
MODELS = ["not finite.keras", "regression.keras", "several labels.keras", "fewer labels.keras",
          "no probabilities.keras", "not compiled.keras", "lambda.keras", "two outputs.keras", "truncated.keras",
          "text.keras", "model.h5", "none.keras"]  # fmt: skip
COMMANDS = [["--budget", "0"], ["--budget", "51"], ["--budget", "9", "--tolerance", "2"],
            ["--budget", "9", "--class-names", "a,b"], ["--budget", "9", "--preset", "best"],
            ["--budget", "9", "--output", "tanh"], ["--budget", "9", "--labels", "text"],
            ["--budget", "9", "--batch-size", "0"], ["--budget", "9", "--seed", "-1"],
            ["--budget", "9", "--pixels", "0..2"], ["--budget", "9", "--class-names", "a,a,b"],
            ["--budget", "9", "--class-names", "a,,b"], ["--budget", "9", "--labels", "one-hot"],
            ["--budget", "9", "--apply", "none.csv"], ["--budget", "9", "--learning-rate", "0"],
            ["--budget", "9", "--epochs", "0"], ["--budget", "9", "--class-weights", "1,2"]]  # fmt: skip
KINDS = [("arrays", kind) for kind in ARRAYS] + [("file", kind) for kind in FILES]
KINDS += [("model", name) for name in MODELS] + [("command", place) for place in range(len(COMMANDS))]


def spoil_file(path, kind, rng):
    whole = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(whole[: rng.integers(1, len(whole) - 30)])
    elif kind == "no zip":
        path.write_bytes(rng.bytes(rng.integers(0, 500)))
    elif kind == "bit flip":  # in the middle of the samples
        with zipfile.ZipFile(path) as archive:
            entry = max(archive.infolist(), key=lambda entry: entry.compress_size)
        place = entry.header_offset + 200 + int(rng.integers(entry.compress_size - 200))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
    elif kind == "encrypted":
        path.write_bytes(whole.replace(b"PK\x01\x02\x2d\x03\x2d\x00\x00", b"PK\x01\x02\x2d\x03\x2d\x00\x01"))
    elif kind in ("no file", "a folder"):
        path.unlink()
        path.mkdir() if kind == "a folder" else None
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("x_extra.npy" if kind == "no array header" else "readme.txt", b"no array")


@pytest.mark.parametrize("number", by_night(range(EACH * len(KINDS)), but=range(len(KINDS))))
def test_it_ends_in_one_clear_sentence_and_nothing_is_written(number, models, tmp_path, capsys):
    rng = np.random.default_rng(number)
    what, kind = KINDS[number % len(KINDS)]
    arrays = good_arrays(rng)
    if what == "arrays":
        ARRAYS[kind](arrays, rng)
    path, model = tmp_path / "data.npz", models / (kind if what == "model" else "good.keras")
    stored = [np.savez_compressed] if kind == "encrypted" else [np.savez, np.savez_compressed]
    rng.choice(stored)(path, **arrays)
    if what == "file":
        spoil_file(path, kind, rng)
    options = COMMANDS[kind] if what == "command" else ["--budget", "9"]
    status = main([str(model), str(path), str(tmp_path / "out"), "--even-if-weak", *options])
    lines = [line for line in capsys.readouterr().err.strip().splitlines() if not re.match(r" *\d+ s  ", line)]
    assert status == 2, f"{what}, {kind}"
    assert len(lines) == 1 and lines[0].startswith("error: ") and 25 < len(lines[0]) < 400, lines
    assert {entry.name for entry in tmp_path.iterdir()} <= {"data.npz"}


def test_what_is_good_passes_and_what_moves_nothing_is_no_repair(models, tmp_path, capsys):
    np.savez(tmp_path / "data.npz", **good_arrays(np.random.default_rng(0)))
    files = [str(models / "good.keras"), *(str(tmp_path / name) for name in ("data.npz", "out"))]
    options = ["--learning-rate", "1e-10", "--epochs", "2", "--class-weights", "0=1,2=2", "--keep-new-bugs"]
    assert main([*files, "--budget", "9", "--even-if-weak", *options]) == 1
    assert (tmp_path / "out/selected.csv").exists() and not (tmp_path / "out/repaired.keras").exists()
    told = capsys.readouterr().out
    assert "nothing was repaired" in told and "not saved" in told and "go on choosing" not in told


def test_a_file_that_is_not_there_or_no_model_is_told_before_tensorflow_is_imported(tmp_path):
    (tmp_path / "cut.keras").write_bytes(b"PK\x03\x04")
    np.savez(tmp_path / "data.npz", **good_arrays(np.random.default_rng(0)))
    code = f"""
import sys
from mode_utils.repair.__main__ import main
for name in ("nothere", "cut"):
    status = main([f"{tmp_path}/{{name}}.keras", "{tmp_path}/data.npz", "{tmp_path}/out", "--budget", "9"])
    assert status == 2 and "tensorflow" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    missing, broken = done.stderr.splitlines()
    assert "there is no model file" in missing and "cut.keras" in broken


def test_a_parent_that_is_a_file_is_named(models, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    status = main([str(models / "good.keras"), "none.npz", str(tmp_path / "file/out"), "--budget", "9"])
    assert status == 2 and "cannot be made, as" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 3, "error: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "/out"), 3, "error: Permission denied: /out"),
        (KeyboardInterrupt(), 130, "interrupted: nothing was written"),
        (MemoryError("Unable to allocate"), 3, "error: MemoryError: Unable to allocate"),
        (RuntimeError("of a kind\nthat nobody has foreseen"), 4, "error: RuntimeError: that nobody has foreseen"),
        (ValueError("of a library"), 4, "error: ValueError: of a library"),
        (IndexError("out of bounds"), 4, "error: IndexError: out of bounds"),
    ],
)
def test_whatever_goes_wrong_has_a_status_and_a_line(error, status, text, models, tmp_path, capsys, monkeypatch):
    def fail(*_, **__):
        raise error

    np.savez(tmp_path / "data.npz", **good_arrays(np.random.default_rng(0)))
    monkeypatch.setattr("mode_utils.repair.__main__.report_notebook", fail)
    files = [str(models / "good.keras"), *(str(tmp_path / name) for name in ("data.npz", "out"))]
    assert main([*files, "--budget", "9", "--even-if-weak"]) == status
    said, _, kept = capsys.readouterr().err.strip().partition("; this was not foreseen, the traceback is in ")
    assert said == text and bool(kept) == (status == 4)
    assert {path for path in tmp_path.iterdir() if path.name != "data.npz"} == ({Path(kept)} if kept else set())
    assert not kept or (Path(kept).name.startswith("out-traceback-") and text.split(": ")[-1] in Path(kept).read_text())


def subclassed():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Dense(16, activation="relu")
            self.last = keras.layers.Dense(3, activation="softmax")

        def call(self, x):
            return self.last(self.first(keras.ops.reshape(x, (-1, 20))))

    return Own()


def test_a_model_that_is_subclassed_is_used_where_it_can_be_called_and_what_is_lost_is_said(tmp_path):
    keras.utils.set_random_seed(0)
    model, arrays = subclassed(), good_arrays(np.random.default_rng(0))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    np.savez(tmp_path / "data.npz", **arrays)
    for data in (check_arrays(arrays), tmp_path / "data.npz"):
        case = open_case(model, data, 9, even_if_weak=True)
        assert "its probabilities stand in for states" in case.notes[0]
        chosen = choose_inputs(case, assess_case(case))
        assert len(chosen) == 9
    before = model.predict(arrays["x_pool"], verbose=0)
    retrain(case, chosen["index"].to_numpy(), case.data.y_pool[chosen["index"]])
    after = model.predict(arrays["x_pool"], verbose=0)
    assert np.abs(after - before).max() > 1e-4  # it is the model itself that is repaired
    np.testing.assert_allclose(case.trainer.predict(arrays["x_pool"]), after, atol=1e-6)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda model, data, folder: (model, data), "is not compiled: call model.compile"),
        (lambda model, data, folder: (model.compile(loss="mse") or model, folder), "does not say how large its images"),
        (
            lambda model, data, folder: (
                model.compile(loss="mse") or model,
                check_arrays({name: a[:, :, :3] if name[0] == "x" else a for name, a in data.items()}),
            ),
            r"cannot be called on samples of shape \(5, 3\)",
        ),
        (lambda model, data, folder: ([1], data), "the model is a list: give a compiled keras.Model"),
    ],
)
def test_a_subclassed_model_that_cannot_be_used_is_told_why(spoil, message, tmp_path):
    keras.utils.set_random_seed(0)
    model = subclassed()
    model(np.zeros((1, 5, 4), np.float32))
    arrays = good_arrays(np.random.default_rng(0))
    model, data = spoil(model, arrays, tmp_path)
    with pytest.raises(ValueError, match=message):
        open_case(model, check_arrays(data) if isinstance(data, dict) else data, 9)


def test_labels_without_validation_samples_are_said_before_anything_is_chosen(models):
    arrays = good_arrays(np.random.default_rng(0))
    keep = arrays["y_validation"] != 1
    arrays |= {name: arrays[name][keep] for name in ("x_validation", "y_validation")}
    case = open_case(models / "good.keras", check_arrays(arrays), 9, even_if_weak=True)
    assert case.notes[-1:] == (
        "No validation samples of 1: whether the model fails there cannot be seen; it is taken to fail as often as in "
        "training, or as in the other labels.",
    )
    chosen = choose_inputs(case, assess_case(case))
    assert "1" in set(chosen.query("score == score")["label"])
    assert chosen.query("label == '1'")["reason"].str.contains("of which no validation sample is known").all()
