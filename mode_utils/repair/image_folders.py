"""Somebody's own images: a folder a role, in it a folder a class; a pool without labels has no folders.

``python -m mode_utils.repair.image_folders FOLDER FILE.npz`` packs the roles `train` and `test` into a file of bytes,
as `data.load_dataset` reads a local CIFAR-10.
"""

import argparse
from pathlib import Path

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.support.files import whole_file

ROLES = ("train", "validation", "pool", "test")
_ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def read_images(folder, input_shape, class_names=None, divide_by=255):
    """Read images by role into arrays, as `arrays.read_arrays` does.

    Parameters
    ----------
    folder : path
        Has `train/<class>/`, `validation/<class>/`, `pool/<class>/` or images right in `pool/`; maybe `test/<class>/`.
    input_shape : tuple of int
        Height, width and channels (1, 3 or 4) that the model takes; images are resized to it.
    class_names : sequence of str, optional
        Names of the class folders in the order of the labels; by default those of `train`, sorted.
    divide_by : float
        255 makes pixels lie in [0, 1].

    Returns
    -------
    arrays : dict of str to array
        `x_train`, `y_train`, ...
    class_names : tuple of str

    Raises
    ------
    ValueError
        If a folder is missing or empty, has a class of its own, or the model takes no images.
    """
    folder = Path(folder)
    if len(input_shape) != 3 or input_shape[2] not in (1, 3, 4) or None in input_shape:
        raise ValueError(f"the model takes samples of shape {input_shape}: images need (height, width, 1, 3 or 4)")
    missing = [role for role in ROLES[:3] if not (folder / role).is_dir()]
    if missing:
        raise ValueError(
            f"{folder} has no folder {missing[0]!r}: it needs train, validation and pool, and may have test"
        )
    names = tuple(class_names or _classes(folder / "train"))
    arrays = {}
    for role in [role for role in ROLES if (folder / role).is_dir()]:
        labelled = role != "pool" or bool(_classes(folder / role))
        _check(folder / role, names if labelled else None)
        arrays |= _read(folder / role, role, input_shape, names if labelled else None, divide_by)
    return arrays, names


def pack_images(folder, file, shape=(32, 32, 3), origin=""):
    """Write the images of `train/<class>/` and `test/<class>/` to an .npz file: pixels 0 .. 255, classes in order.

    Parameters
    ----------
    folder, file : path
    shape : tuple of int
        Height, width and channels.
    origin : str
        What these images are, if they are not the published ones.

    Raises
    ------
    ValueError
        If a folder is missing or empty, or has a class of its own.
    """
    folder = Path(folder)
    missing = [role for role in ("train", "test") if not (folder / role).is_dir()]
    if missing:
        raise ValueError(f"{folder} has no folder {missing[0]!r}: it needs train and test")
    names, arrays = tuple(_classes(folder / "train")), {}
    for role in ("train", "test"):
        _check(folder / role, names)
        arrays |= _read(folder / role, role, shape, names, 1)
    bytes_ = {name: np.rint(array).astype(np.uint8) for name, array in arrays.items()}
    with whole_file(Path(file)) as partial, open(partial, "wb") as stream:
        np.savez_compressed(stream, **bytes_, class_names=np.array(names), origin=np.array(origin))


def takes_raw_pixels(model):
    """Tell whether a model scales pixels itself, so that it wants them from 0 to 255."""
    return any(isinstance(layer, keras.layers.Rescaling) for layer in model.layers)


def _classes(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def _check(folder, names):
    strange = sorted(set(_classes(folder)) - set(names)) if names else []
    if strange:
        raise ValueError(
            f"{folder} has a class {strange[0]!r} that is not among {', '.join(names)}: rename or remove it"
        )
    where = [folder / name for name in names if (folder / name).is_dir()] if names else [folder]
    if not any(path.suffix.lower() in _ENDINGS for place in where for path in place.iterdir()):
        raise ValueError(f"{folder} has no images: {', '.join(ending[1:] for ending in _ENDINGS)} are read")


def _read(folder, role, input_shape, names, divide_by):
    present = [name for name in names if (folder / name).is_dir()] if names else None
    samples = keras.utils.image_dataset_from_directory(
        folder, labels="inferred" if names else None, label_mode="int" if names else None, class_names=present,
        color_mode={1: "grayscale", 3: "rgb", 4: "rgba"}[input_shape[2]], image_size=input_shape[:2], batch_size=None,
        shuffle=False, verbose=False,
    )  # fmt: skip
    if names is None:
        return {f"x_{role}": np.stack([x.numpy() for x in samples]) / np.float32(divide_by)}
    x, y = zip(*((x.numpy(), int(label)) for x, label in samples), strict=True)
    places = np.array([names.index(name) for name in present])
    return {f"x_{role}": np.stack(x) / np.float32(divide_by), f"y_{role}": places[np.array(y)]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pack images into a file of arrays.")
    parser.add_argument("folder", help="has train/<class>/ and test/<class>/")
    parser.add_argument("file", help="for example data/cifar10.npz")
    parser.add_argument("--origin", default="", help="what these images are, if they are not the published ones")
    given = parser.parse_args()
    pack_images(given.folder, given.file, origin=given.origin)
