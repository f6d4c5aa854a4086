"""Models of Keras from their files, without running any code that these bring; of another file, what it is."""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

_OUTPUTS = "or choose with outputs of the model instead of the model: mode-choose, see docs/any-framework.md"
_SAVE = "save the whole model with model.save('model.keras')"
_IN_PYTHON = "open the case in Python, with the model itself in place of the file"
_TF_KERAS = "tf_keras.models.load_model(path).save('model.h5'), which is read here"
_OLD = f"where it was written, or where tf_keras is installed: {_TF_KERAS}"
_STARTS = {  # of files of others
    b"\x80": f"is a pickle, as torch.save or joblib write it, and is never unpickled: {_SAVE}, {_OUTPUTS}",
    b"{": "has the structure of a model, but not its weights: make the model of it with "
    f"keras.models.model_from_json(text), load its weights, compile it, and {_SAVE}",
}  # fmt: skip
_ENDINGS = {".onnx": "ONNX", ".tflite": "TensorFlow Lite", ".safetensors": "safetensors", ".pt": "PyTorch",
            ".pth": "PyTorch", ".pb": "TensorFlow"}  # fmt: skip


def check_model_file(path):
    """Raise a ValueError if a file is not a whole model of Keras, by its content; nothing slow is imported."""
    path = Path(path)
    if problem := _problem_of(path):
        raise ValueError(f"{path} {problem}")


def load_model(path):
    """Load a compiled classifier from a .keras or HDF5 file, running no code of it; a ValueError says why it cannot."""
    from mode_utils.networks.backend import keras

    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no model file {path}")
    check_model_file(path)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return keras.models.load_model(_as_keras_reads(path, Path(scratch)), safe_mode=True)
        except Exception as error:  # Keras raises whatever goes wrong below it
            raise ValueError(_say_failure(path, str(error), type(error).__name__, keras.__version__)) from None


def _problem_of(path):
    if path.is_dir():
        return _problem_of_folder(path)
    if not (start := _start_of(path)):
        return f"is empty: copy it again, or {_SAVE}"
    if _is_archive(path):
        return _problem_of_archive(path)
    if start.startswith(b"PK"):
        return f"is not complete, as its end is missing: copy it again, or {_SAVE}"
    if start.startswith(b"\x89HDF"):
        return _problem_of_hdf5(path)
    if known := next((text for first, text in _STARTS.items() if start.startswith(first)), None):
        return known
    if path.suffix in _ENDINGS:
        return f"is a model of {_ENDINGS[path.suffix]}: give one of Keras, {_OUTPUTS}"
    return f"is not a model of Keras: {_SAVE}, {_OUTPUTS}"


def _problem_of_folder(path):
    names = {each.name for each in path.iterdir()}
    if {"config.json", "model.weights.h5"} <= names:
        return ""
    if "keras_metadata.pb" in names:
        return f"is a SavedModel of Keras 2, which Keras 3 cannot retrain: {_OLD}; {_OUTPUTS}"
    if "saved_model.pb" in names:
        original = "give the Keras model that it is from, as model.save('model.keras') writes it"
        return f"is a SavedModel that was exported to be used, not to be trained: {original}, {_OUTPUTS}"
    return f"is a folder without a model of Keras in it: {_SAVE}"


def _problem_of_archive(path):
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if any(name.endswith("data.pkl") for name in names):
            return f"is a model of PyTorch: give one of Keras, {_OUTPUTS}"
        if names and all(name.endswith(".npy") for name in names):
            return "is an archive of arrays (.npz): the model comes first, then the data"
        if not {"config.json", "model.weights.h5"} <= names:
            return f"is an archive without a model of Keras in it: {_SAVE}"
        version = _version(archive)
    is_old = version.startswith(("0.", "1.", "2."))
    return f"was written by Keras 2 ({version}) in a form that Keras 3 does not read: {_OLD}" if is_old else ""


def _problem_of_hdf5(path):
    import h5py

    try:
        with h5py.File(path) as file:
            has_model = "model_config" in file.attrs
    except OSError as error:
        return f"is an HDF5 file that cannot be opened ({error}): copy it again, or {_SAVE}"
    alone = f"has the weights of a model, but not its structure: build the model, load_weights, compile it, and {_SAVE}"
    return "" if has_model else alone


def _is_archive(path):
    """Tell whether a file is a whole archive; `zipfile` takes one for that which begins with anything."""
    return path.is_file() and _start_of(path).startswith(b"PK") and zipfile.is_zipfile(path)


def _start_of(path):
    with open(path, "rb") as file:
        return file.read(8)


def _version(archive):
    try:
        return str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (KeyError, ValueError, TypeError):
        return ""


def _as_keras_reads(path, scratch):
    """Return the path of a model under the ending that Keras goes by, of Keras 2 with what Keras 3 calls otherwise."""
    if path.is_dir():
        return path
    if _is_archive(path):
        return path if path.suffix == ".keras" else _linked(path, scratch / "model.keras")
    import h5py

    with h5py.File(path) as file:
        old = {name: json.loads(file.attrs[name]) for name in ("model_config", "training_config") if name in file.attrs}
    new = {name: _renewed(config) for name, config in old.items()}
    if new == old:
        return path if path.suffix in (".h5", ".hdf5") else _linked(path, scratch / "model.h5")
    copy = scratch / "model.h5"
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        for name, config in new.items():
            file.attrs[name] = json.dumps(config)
    return copy


def _linked(path, link):
    link.symlink_to(path.resolve())
    return link


def _renewed(config):
    """Return a configuration of Keras 2 in the words of Keras 3: only what means the same is changed."""
    if isinstance(config, list):
        return [_renewed(each) for each in config]
    if not isinstance(config, dict):
        return config
    config = {key: _renewed(value) for key, value in config.items()}
    own, kind = config.get("config"), config.get("class_name")
    if isinstance(own, dict):
        if own.get("time_major") is False:
            del own["time_major"]
        if own.get("reduction") == "auto":
            own["reduction"] = "sum_over_batch_size"
        if "reduction" in own:  # of a loss, whose class says which function it is
            own.pop("fn", None)
        if kind == "BatchNormalization" and isinstance(own.get("axis"), list) and len(own["axis"]) == 1:
            own["axis"] = own["axis"][0]
        if kind == "DepthwiseConv2D" and own.get("groups") == 1:
            del own["groups"]
    return config


def _say_failure(path, text, kind, version):
    if "unsafe" in text.lower() or "lambda" in text.lower():
        return f"{path} has a Lambda layer, whose code is not run: replace it by a layer of Keras and save again"
    if "custom_objects" in text or "Could not locate" in text:
        return f"{path} has a layer or loss of its own, whose code is not run: {_IN_PYTHON}"
    lines = [line for line in text.strip().splitlines() if line]
    cause = next((line for line in reversed(lines) if line.startswith("Exception encountered")), (lines or [kind])[0])
    written, remedy = "", f"use the version that wrote it, or {_IN_PYTHON}"
    if _is_archive(path):
        with zipfile.ZipFile(path) as archive:
            written = f", which Keras {_version(archive)} wrote"
    elif path.is_file():
        weights = "give it the weights with model.load_weights(path)"
        remedy = f"build the model anew in Keras 3, {weights}, compile it, and {_SAVE}"
    return f"Keras {version} cannot load {path}{written} ({cause}): {remedy}"
