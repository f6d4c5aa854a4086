"""What a file given as a model is, is told by its content; each remedy that is named works."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

from mode_utils.networks.backend import _import_keras, keras
from mode_utils.repair.reading.model_files import check_model_file, load_model

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).random((3, 9), dtype=np.float32)


def small():
    keras.utils.set_random_seed(0)
    x = keras.Input((9,))
    hidden = keras.layers.BatchNormalization()(keras.layers.LSTM(3)(keras.layers.Reshape((3, 3))(x)))
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax")(hidden))
    model.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy())
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("files"), small()
    for name in ("model.keras", "model.h5", "model.weights.h5"):
        model.save_weights(folder / name) if "weights" in name else model.save(folder / name)
    return folder


def with_old_words(path):
    """Write what Keras 2.15 wrote where Keras 3 says something else, as in files of tf_keras."""
    with h5py.File(path, "r+") as file:
        model, training = (json.loads(file.attrs[name]) for name in ("model_config", "training_config"))
        for layer in model["config"]["layers"]:
            if layer["class_name"] == "LSTM":
                layer["config"]["time_major"] = False
            if layer["class_name"] == "BatchNormalization":
                layer["config"]["axis"] = [1]
        loss = training["loss"]["config"]
        loss["reduction"], loss["fn"] = "auto", "sparse_categorical_crossentropy"
        file.attrs["model_config"], file.attrs["training_config"] = json.dumps(model), json.dumps(training)
        file.attrs["keras_version"] = "2.15.0"


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model of Keras 3", "hdf5 of Keras 2", "a folder"])
def test_whole_models_are_loaded_under_any_ending(name, folder, tmp_path):
    path = tmp_path / name
    if name == "a folder":
        with zipfile.ZipFile(folder / "model.keras") as archive:
            archive.extractall(path)
    else:
        path.write_bytes((folder / ("model.h5" if "h" in name else "model.keras")).read_bytes())
    if name == "hdf5 of Keras 2":
        with_old_words(path)
    before = path.read_bytes() if path.is_file() else None
    model = load_model(path)
    np.testing.assert_allclose(model.predict(X, verbose=0), small().predict(X, verbose=0), atol=1e-6)
    assert model.compiled and (before is None or path.read_bytes() == before)


def archive(**entries):
    with io.BytesIO() as stream:
        with zipfile.ZipFile(stream, "w") as file:
            for name, text in entries.items():
                file.writestr(name, text)
        return stream.getvalue()


def of_keras_2(whole):
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    return archive(**entries | {"metadata.json": json.dumps({"keras_version": "2.15.0"})})


NONE = {  # what a file holds, of the whole model, and what is said of it
    "empty": (lambda whole: b"", "is empty: copy it again"),
    "cut": (lambda whole: whole[: len(whole) // 2], "is not complete, as its end is missing"),
    "text": (lambda whole: b"this is no model", "is not a model of Keras: save the whole model with"),
    "structure": (lambda whole: small().to_json().encode(), "has the structure of a model, but not its weights"),
    "pickle": (lambda whole: pickle.dumps([1]), "is a pickle, .*never unpickled.*mode-choose"),
    "torch": (lambda whole: archive(**{"m/data.pkl": "", "m/version": "3"}), "is a model of PyTorch.*mode-choose"),
    "m.onnx": (
        lambda whole: b"\x08\x07\x12\x07pytorch",
        "is a model of ONNX: give one of Keras, or choose",
    ),
    "arrays": (lambda whole: archive(**{"x_train.npy": ""}), "is an archive of arrays .*: the model comes first"),
    "archive": (lambda whole: archive(readme=""), "is an archive without a model of Keras in it"),
    "keras 2": (of_keras_2, r"was written by Keras 2 \(2.15.0\) .*tf_keras.*save\('model.h5'\), which is read here"),
    "hdf5, cut": (lambda whole: b"\x89HDF\r\n\x1a\n" + whole, "is an HDF5 file that cannot be opened"),
}


@pytest.mark.parametrize("kind", NONE)
def test_what_is_no_model_of_keras_is_told_by_what_it_is(kind, folder, tmp_path):
    content, message = NONE[kind]
    for name in dict.fromkeys([kind if "." in kind else "model.keras", kind]):
        (tmp_path / name).write_bytes(content((folder / "model.keras").read_bytes()))
        with pytest.raises(ValueError, match=message):
            check_model_file(tmp_path / name)
        with pytest.raises(ValueError, match=message):
            load_model(tmp_path / name)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["saved_model.pb", "keras_metadata.pb"], r"SavedModel of Keras 2.*save\('model.h5'\), which is read.*mode-ch"),
        (["saved_model.pb"], "exported to be used, not to be trained: .*mode-choose"),
        ([], "is a folder without a model of Keras"),
    ],
)  # fmt: skip
def test_folders_are_told_apart(files, message, tmp_path):
    for name in files:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path)


def test_weights_alone_can_be_used_as_it_is_said(folder, tmp_path):
    with pytest.raises(ValueError, match=r"has the weights of a model, but not its structure: build .* load_weights"):
        load_model(folder / "model.weights.h5")
    model = small()
    model.load_weights(folder / "model.weights.h5")
    model.save(tmp_path / "model.keras")
    assert load_model(tmp_path / "model.keras").compiled


def test_what_keras_cannot_load_is_said_with_its_own_cause(folder, tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes((folder / "model.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["config"]["of_the_future"] = 1
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(ValueError, match=r"cannot load .*of_the_future.*model.load_weights\(path\)"):
        load_model(path)
    model = small()
    model.load_weights(path)  # the remedy
    np.testing.assert_allclose(model.predict(X, verbose=0), small().predict(X, verbose=0), atol=1e-6)


@pytest.mark.nightly
def test_the_backend_is_tensorflow_whatever_the_user_has_chosen_and_their_choice_stays(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "jax", "floatx": "float64"}')
    environment = os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "torch"}
    code = """
import os, numpy as np
from mode_utils.networks.backend import _import_keras, keras
from mode_utils.networks.trainer import Trainer
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
trainer = Trainer(model)
x = np.eye(4)[:3]
trainer.fit(x, np.arange(3), epochs=1, rng=np.random.default_rng(0))
assert np.allclose(trainer.predict(x), model.predict(x, verbose=0))
print(keras.backend.backend(), os.environ.get("KERAS_BACKEND"), trainer.dtype)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["tensorflow", "torch", "float64"], done.stderr


def test_a_keras_that_is_there_already_with_another_backend_is_told(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ImportError, match="set KERAS_BACKEND=tensorflow, or import mode_utils first"):
        _import_keras()
