"""Somebody's own images: a folder a role, in it a folder a class; images of a pool without labels are in no folder.

Images are decoded and resized as `keras.utils.image_dataset_from_directory` does. ``python -m
mode_utils.repair.image_folders FOLDER FILE.npz`` packs the roles `train` and `test` into a file of bytes, as
`data.load_dataset` reads a local CIFAR-10.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mode_utils.networks.backend import tf
from mode_utils.support.files import whole_file

ROLES = ("train", "validation", "pool", "test")
_ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_NOT_READ = (".avif", ".heic", ".jp2", ".svg", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Images:
    """What was read from folders.

    Attributes
    ----------
    arrays : dict of str to array
        `x_train` (n, height, width, channels) float32 in 0 .. 255, `y_train` (n,), ..., and `names_pool`, the files of
        the pool below the folder.
    class_names : tuple of str
    notes : tuple of str
        Sentences on what was left out.
    """

    arrays: dict[str, np.ndarray]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def read_images(folder, input_shape, class_names=None, skip_broken=False):
    """Read images by role into arrays, as `arrays.read_arrays` does.

    Parameters
    ----------
    folder : path
        Has `train/<class>/`, `validation/<class>/`, `pool/<class>/`; maybe `test/<class>/`. Images right in `pool/`,
        alone or beside classes, have no label. What is hidden is not looked at.
    input_shape : tuple of int
        Height, width and channels (1, 3 or 4) that the model takes; images are resized to it.
    class_names : sequence of str, optional
        Names of the class folders in the order of the labels; by default those of `train`, sorted.
    skip_broken : bool
        Go on without images that cannot be decoded.

    Returns
    -------
    Images

    Raises
    ------
    ValueError
        If a folder is missing or empty, has a class of its own or images beside its classes, if an image is broken, or
        if the model takes no images.
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
    arrays, notes = {}, []
    for role in [role for role in ROLES if (folder / role).is_dir()]:
        labelled = role != "pool" or bool(_classes(folder / role))
        arrays |= _read(folder, role, input_shape, names if labelled else None, skip_broken, notes)
    return Images(arrays, names, tuple(notes))


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
        arrays |= _read(folder, role, shape, names, False, [])
    bytes_ = {name: np.rint(array).astype(np.uint8) for name, array in arrays.items()}
    with whole_file(Path(file)) as partial, open(partial, "wb") as stream:
        np.savez_compressed(stream, **bytes_, class_names=np.array(names), origin=np.array(origin))


def _classes(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read(folder, role, shape, names, skip_broken, notes):
    """Read the images of a role, of classes if they have names; what is left out gets a note."""
    files, labels = _list(folder / role, names, notes)
    images, broken = _decode(files, shape)
    if broken and not skip_broken:
        raise ValueError(
            f"{broken[0]} is no image that can be read, one of {len(broken)} in {folder / role}: replace or remove it, "
            "or go on without (--skip-broken)"
        )
    if len(broken) == len(files):
        raise ValueError(f"{folder / role} has no image that can be read: {broken[0]} is broken, as are all others")
    if broken:
        notes.append(f"{len(broken)} broken images of {role} were left out: {_some(broken, folder)}.")
    kept = ~np.isin(files, broken)
    arrays = {f"x_{role}": images} | ({f"y_{role}": labels[kept]} if names else {})
    if role == "pool":
        arrays["names_pool"] = np.array([Path(file).relative_to(folder).as_posix() for file in np.array(files)[kept]])
    return arrays


def _list(place, names, notes):
    """Return the images of a role, sorted, and their labels."""
    strange = sorted(set(_classes(place)) - set(names)) if names else []
    if strange:
        raise ValueError(
            f"{place} has a class {strange[0]!r} that is not among {', '.join(names)}: rename or remove it"
        )
    beside = _images(place, "*") if names else []
    if beside and place.name != "pool":  # where these have no label yet
        raise ValueError(
            f"{place} has {len(beside)} images beside its class folders, such as {beside[0].name}: put each into the "
            "folder of its class"
        )
    folders = [place / name for name in names] if names else [place]
    found = [_images(folder, "**/*") if folder.is_dir() else [] for folder in folders]
    if not any(found) and not beside:
        raise ValueError(f"{place} has no images: {', '.join(ending[1:] for ending in _ENDINGS)} are read")
    empty = [folder.name for folder, files in zip(folders, found, strict=True) if folder.is_dir() and not files]
    if empty and place.name == "train":
        raise ValueError(f"{place / empty[0]} has no images: fill it, or remove the folder")
    if empty:
        notes.append(f"{place.name} has no images of {', '.join(empty)}.")
    others = [path for folder in folders if folder.is_dir() for path in _images(folder, "**/*", _NOT_READ)]
    if others:
        notes.append(
            f"{len(others)} files of {place.name} are of kinds that are not read: {_some(others, place)}; convert them "
            "to PNG."
        )
    labels = np.repeat([*range(len(folders)), -1], [len(files) for files in (*found, beside)])
    return [str(path) for files in (*found, beside) for path in files], labels


def _images(folder, pattern, endings=_ENDINGS):
    files = (path for path in folder.glob(pattern) if path.suffix.lower() in endings and path.is_file())
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _some(files, folder):
    names = [Path(file).relative_to(folder).as_posix() for file in files[:3]]
    return ", ".join(names) + (", ..." if len(files) > 3 else "")


def _decode(files, shape):
    """Return the images (n_read, *shape) float32 in 0 .. 255, and the files that are none."""

    def read(file):
        image = tf.io.decode_image(tf.io.read_file(file), channels=shape[2], expand_animations=False)
        image.set_shape((None, None, shape[2]))
        return tf.image.resize(image, shape[:2])

    try:
        read_all = tf.data.Dataset.from_tensor_slices(files).map(read, num_parallel_calls=tf.data.AUTOTUNE)
        return np.stack(list(read_all.as_numpy_iterator())), []
    except tf.errors.OpError:  # does not say which
        images, broken = [], []
        for file in files:
            try:
                images.append(read(file).numpy())
            except tf.errors.OpError:
                broken.append(file)
        return np.array(images, np.float32).reshape(-1, *shape), broken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pack images into a file of arrays.")
    parser.add_argument("folder", help="has train/<class>/ and test/<class>/")
    parser.add_argument("file", help="for example data/cifar10.npz")
    parser.add_argument("--origin", default="", help="what these images are, if they are not the published ones")
    given = parser.parse_args()
    pack_images(given.folder, given.file, origin=given.origin)
