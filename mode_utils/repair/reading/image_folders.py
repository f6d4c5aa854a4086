"""Images from folders: one for each role, in it one for each class; those of a pool may lie in none.

They are decoded and resized as `keras.utils.image_dataset_from_directory` does; what that does not read (TIFF, WebP,
BMP but for 24 bits, CMYK, GIF for one channel) as `keras.utils.load_img` does. Like both, it does not rotate by EXIF,
takes the first of several pictures, and drops alpha where the model takes none. ``python -m
mode_utils.repair.reading.image_folders FOLDER FILE.npz`` packs the roles `train` and `test` into a file of bytes.
"""

import argparse
import io
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from mode_utils.networks.backend import tf
from mode_utils.repair.reading.array_sets import ROLES
from mode_utils.repair.reading.class_names import NO_LABEL, clean, guess, listed, printable, shown
from mode_utils.repair.reading.group_arrays import PARENT, check_pattern, groups_of_files
from mode_utils.support.files import whole_file

_ENDINGS = (".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # of Pillow, by channels
_IGNORED = ("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found", "thumbs.db", "desktop.ini")
_ROTATED, _ORIENTATION = "a rotation in EXIF, which is not applied, as Keras does not apply it", 0x0112
_SIXTEEN_BITS = "16 bits, of which the upper 8 are read, as image_dataset_from_directory does"
_SEVERAL = "several pictures, of which the first is read"


class Images(NamedTuple):
    """Arrays by name (x float32 in 0 .. 255), the files of the pool as `names_pool`; notes say what was left out."""

    arrays: dict[str, np.ndarray]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def read_images(folder, input_shape, class_names=None, skip_broken=False, groups=None):
    """Read the `Images` of a folder with a folder for each of `ROLES` (`test` may lack), in it one for each class.

    Images right in `pool/` have no label; hidden files are passed over. Images are resized to the height, width and
    channels (1, 3 or 4) of the input shape. Class names are those of the folders in the order of the labels; by default
    those of `train`, sorted. `groups` says what the group of an image is: "parent", the folder that it lies in, if that
    lies in the one of its class; or what a regular expression finds in brackets in the name of its file; `groups_train`
    and so on have them. A ValueError says what is wrong with which folder or image.
    """
    folder = Path(folder)
    if groups is not None:
        check_pattern(groups)
    if len(input_shape) != 3 or input_shape[2] not in (1, 3, 4) or None in input_shape:
        raise ValueError(f"the model takes samples of shape {input_shape}: images need (height, width, 1, 3 or 4)")
    _check_roles(folder, ROLES[:3], "train, validation and pool, and may have test")
    names = tuple(map(clean, class_names or _classes(folder / "train")))
    arrays, notes = {}, []
    for role in [role for role in ROLES if (folder / role).is_dir()]:
        labelled = role != "pool" or _has_classes(folder / role, names, groups)
        arrays |= _read(folder, role, input_shape, names if labelled else None, skip_broken, notes, groups)
    _check_found(arrays, folder, groups)
    return Images(arrays, names, tuple(notes))


def pack_images(folder, file, shape=(32, 32, 3), origin=""):
    """Write the images of `train/<class>/` and `test/<class>/` to an .npz file: pixels 0 .. 255, classes in order."""
    folder = Path(folder)
    _check_roles(folder, ("train", "test"), "train and test")
    names, bytes_ = tuple(_classes(folder / "train")), {}
    for role in ("train", "test"):
        arrays = _read(folder, role, shape, names, False, [])
        bytes_ |= {name: np.rint(array).astype(np.uint8) for name, array in arrays.items()}
    with whole_file(Path(file)) as partial, open(partial, "wb") as stream:
        np.savez_compressed(stream, **bytes_, class_names=np.array(names), origin=np.array(origin))


def _check_roles(folder, roles, needed):
    if missing := next((role for role in roles if not (folder / role).is_dir()), None):
        raise ValueError(f"{folder} has no folder {missing!r}: it needs {needed}")


def _has_classes(pool, names, groups):
    """Tell whether the folders of a pool are classes; where folders are groups, none has to be one."""
    found = _classes(pool)
    return bool(found) and (groups != PARENT or any(name in names for name in found))


def _check_found(arrays, folder, groups):
    found = [each for name, each in arrays.items() if name.startswith("groups_")]
    if found and not any((each != "").any() for each in found):
        where = "no image lies in a folder below that of its class" if groups == PARENT else "it fits no file"
        raise ValueError(f"groups = {groups!r} finds no group in {folder}: {where}")


def _classes(folder):
    """Return the folders of classes by name, sorted as Keras sorts them; one name may be written in two ways."""
    found = {}
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and not _is_hidden(path.name)):
        found.setdefault(clean(path.name), []).append(path)
    return found


def _is_hidden(name):
    return name.startswith(".") or name.lower() in _IGNORED


def _read(folder, role, shape, names, skip_broken, notes, groups=None):
    files, labels = _list(folder / role, names, notes)
    images, broken, oddities = _decode(files, shape)
    if broken and not skip_broken:
        first, reason = next(iter(broken.items()))
        told = f"{shown(files[first])} cannot be decoded as an image ({reason}), one of {len(broken)} in"
        raise ValueError(f"{told} {folder / role}: replace or remove it, or go on without (--skip-broken)")
    if len(broken) == len(files):
        raise ValueError(f"{folder / role} has no image that can be decoded: {_some(files, folder)}")
    if broken:
        left_out = _some([files[n] for n in broken], folder)
        notes.append(f"{len(broken)} broken images of {role} were left out: {left_out}.")
    notes += [f"{count} images of {role} have {oddity}." for oddity, count in sorted(oddities.items())]
    kept = np.setdiff1d(np.arange(len(files)), list(broken))
    arrays = {f"x_{role}": images[kept] if broken else images} | ({f"y_{role}": labels[kept]} if names else {})
    if groups is not None:
        below = [files[n].relative_to(folder / role) for n in kept]
        in_class = [path.relative_to(path.parts[0]) if names and path.parts[1:] else path for path in below]
        arrays[f"groups_{role}"] = groups_of_files(in_class, groups)
    if role == "pool":
        arrays["names_pool"] = np.array([printable(files[n].relative_to(folder).as_posix()) for n in kept])
    return arrays


def _list(place, names, notes):
    classes = _classes(place) if names else {}
    if (strange := next((name for name in classes if name not in names), None)) is not None:
        beside = "; images without labels belong right into it" if place.name == "pool" else ""
        told = f"{place} has a class {strange!r} that is not among {', '.join(names)}{guess(strange, names, 1)}"
        raise ValueError(f"{told}: rename or remove it{beside}")
    beside = [path for path in _files(place, "*") if names and _is_image(path)]
    if beside and place.name != "pool":  # where these have no label yet
        told = f"{place} has {len(beside)} images beside its class folders, such as {shown(beside[0].name)}"
        raise ValueError(f"{told}: put each into the folder of its class")
    folders = [classes.get(name, []) for name in names] if names else [[place]]
    every = [[path for folder in same for path in _files(folder, "**/*")] for same in folders]
    found = [[path for path in files if _is_image(path)] for files in every]
    if not any(found) and not beside:
        raise ValueError(f"{place} has no images: {', '.join(ending[1:] for ending in _ENDINGS)} are read")
    empty = [same[0].name for same, files in zip(folders, found, strict=True) if same and not files]
    if empty and place.name == "train":
        raise ValueError(f"{place / empty[0]} has no images: fill it, or remove the folder")
    if empty:
        notes.append(f"{place.name} has no images of {listed(map(printable, empty))}.")
    if others := [path for files in every for path in files if not _is_image(path)]:
        told = f"{len(others)} files of {place.name} are of kinds that are not read: {_some(others, place)}"
        notes.append(f"{told}; convert them to PNG if they are images.")
    parts = [*found, beside]
    labels = np.repeat([*range(len(folders)), NO_LABEL], list(map(len, parts)))
    return [path for files in parts for path in files], labels


def _files(folder, pattern):
    """Return the files of a folder, sorted, but for those that file managers and archives leave behind."""
    files = (path for path in folder.glob(pattern) if path.is_file())
    return sorted(path for path in files if not any(map(_is_hidden, path.relative_to(folder).parts)))


def _is_image(path):
    return path.suffix.lower() in _ENDINGS


def _some(files, folder):
    return listed((shown(file.relative_to(folder).as_posix()) for file in files), 3)


def _decode(files, shape):
    """Return images (n, *shape) float32 in 0 .. 255, what is wrong with which of them, and oddities with counts."""
    images, broken, oddities = np.zeros((len(files), *shape), np.float32), {}, Counter()

    def read(place):
        content = files[place].read_bytes()
        try:
            pixels, odd = _pixels(content, shape[2])
        except (OSError, ValueError, tf.errors.OpError, Image.DecompressionBombError) as error:
            return place, _reason(error) if content else "it is empty", ()
        images[place] = tf.image.resize(pixels, shape[:2]).numpy()
        return place, "", odd

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for place, reason, odd in threads.map(read, range(len(files))):
            broken |= {place: reason} if reason else {}
            oddities.update(odd)
    return images, broken, oddities


def _reason(error):
    """Return what a decoder says, without the names of its own parts."""
    said = getattr(error, "message", str(error)).split("}} ")[-1].split(": <_io")[0].split(" <_io")[0]
    return (said.split(" [Op")[0].strip() or type(error).__name__).splitlines()[0]


def _pixels(content, channels):
    """Return the pixels (height, width, channels) of an image in 0 .. 255, and what is odd about it."""
    with Image.open(io.BytesIO(content)) as image:
        odd = [_ROTATED] if image.getexif().get(_ORIENTATION, 1) != 1 else []
        odd += [_SEVERAL] if image.format != "MPO" and getattr(image, "is_animated", False) else []
        odd += [_SIXTEEN_BITS] if image.mode.startswith("I") else []
        if _is_for_tensorflow(image, channels):
            return tf.io.decode_image(content, channels=channels, expand_animations=False), odd
        if image.mode in ("I", "F"):
            raise ValueError(f"pixels of 32 bits, {image.mode}: save it with 8 or 16")
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
        pixels = np.asarray(image.convert(_MODES[channels]))
    return pixels.reshape(*pixels.shape[:2], channels), odd


def _is_for_tensorflow(image, channels):
    """Tell whether TensorFlow decodes an image right: palettes of BMP it takes for gray, and GIF has three channels."""
    if image.format in ("JPEG", "MPO"):
        return channels == 3 or (channels == 1 and image.mode != "CMYK")
    if image.format == "PNG":  # where it gives palettes another alpha
        return channels < 4 or image.mode in ("RGB", "RGBA")
    return image.format == "GIF" and channels == 3


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pack images into a file of arrays.")
    parser.add_argument("folder", help="has train/<class>/ and test/<class>/")
    parser.add_argument("file", help="for example data/cifar10.npz")
    parser.add_argument("--origin", default="", help="what these images are, if they are not the published ones")
    given = parser.parse_args()
    pack_images(given.folder, given.file, origin=given.origin)
