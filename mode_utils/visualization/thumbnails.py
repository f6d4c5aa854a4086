"""Small pictures of inputs, or their first values, as texts that fit into a page."""

from base64 import b64encode
from io import BytesIO

import numpy as np
from PIL import Image

SIDE = 64  # pixels of the longer side, shown; larger pictures are stored with as many
_VALUES = 8  # of an input that is no image
_AT_ONCE = 16_000_000  # bytes of inputs that are read in one go
_SCALED_BY = 512  # inputs whose values are black and white


def is_image(inputs):
    """Tell whether inputs are images: (n, height, width), grey, or (n, height, width, channels).

    What has less than 4 pixels on a side, or 8 times as many on the other, is a sequence.
    """
    sides = sorted(np.shape(inputs)[1:3])
    return np.ndim(inputs) in (3, 4) and sides[0] >= 4 and sides[1] <= 8 * sides[0]


def describe_inputs(inputs, places, max_bytes):
    """Return what stands for inputs in a page, as far as it fits.

    Parameters
    ----------
    inputs : (N, ...) array
        May be mapped from a file: only what is shown is read. The values of images lie in 0 .. 255 if they are bytes,
        and between those of the first places otherwise.
    places : (n,) int
        The most important first.
    max_bytes : int
        That all texts together may take.

    Returns
    -------
    list of str
        Of the first places: data URLs of PNG files, or the first values as text.
    """
    made, taken = [], 0
    make = _pictures(inputs, places) if is_image(inputs) else _values
    row_bytes = max(int(np.prod(inputs.shape[1:])) * inputs.dtype.itemsize, 1)
    step = max(_AT_ONCE // row_bytes, 1)
    for start in range(0, len(places), step):
        for each in _read(inputs, places[start : start + step]):
            text = make(each)
            taken += len(text)
            if taken > max_bytes:
                return made
            made.append(text)
    return made


def shown_size(shape):
    """Return width and height, in pixels, that an image of a shape (height, width, ...) is shown with."""
    height, width = shape[:2]
    factor = SIDE / max(height, width)
    return max(round(width * factor), 1), max(round(height * factor), 1)


def _read(inputs, places):
    """Read inputs in the order of a file, and return them in their own."""
    order = np.argsort(places)
    read = np.asarray(inputs[places[order]])
    return read[np.argsort(order)]


def _pictures(inputs, places):
    """Return what makes a PNG of an image, all on one scale."""
    low, high = 0, 255
    if inputs.dtype != np.uint8 and len(places):
        row_bytes = max(int(np.prod(inputs.shape[1:])) * inputs.dtype.itemsize, 1)
        first = _read(inputs, places[: max(min(_SCALED_BY, _AT_ONCE // row_bytes), 1)]).astype(float)
        low, high = np.nanmin(first), np.nanmax(first)
    span = float(high - low) or 1.0

    def make(image):
        pixels = np.nan_to_num(255 * np.clip((np.asarray(image, float) - low) / span, 0, 1)).round().astype(np.uint8)
        if pixels.ndim == 3 and pixels.shape[-1] not in (3, 4):
            pixels = pixels.mean(axis=-1).astype(np.uint8)
        picture, file = Image.fromarray(pixels), BytesIO()
        picture.thumbnail((SIDE, SIDE))
        picture.save(file, "PNG")
        return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"

    return make


def _values(row):
    flat = np.ravel(row)
    more = f", … ({flat.size} values)" if flat.size > _VALUES else ""
    return ", ".join(f"{value:.3g}" for value in flat[:_VALUES]) + more
