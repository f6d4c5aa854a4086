"""Samples as pictures: which shapes are drawn as one, on which scale, and how it is encoded."""

import base64
import io

import numpy as np

KINDS = ("image", "curves", "values", "text")  # text: a sample that only its name tells
_CHANNELS = (1, 3, 4)  # gray, RGB, RGBA
_SHORTEST, _LONGEST = 8, 4  # sides of an image: at least 8 pixels, and no more than 4 times as long as the other
_CURVES = 16  # channels that are drawn as curves; more make an image


def shown_as(shape):
    """Return how a sample of this shape is shown everywhere, one of `KINDS`.

    (d,) are values. (a, b) is an image if both sides have 8 pixels or more and neither is longer than four times the
    other, or if b is more than 16; else it is b curves. (h, w, c) is an image if c is 1, 3 or 4, or it has such sides.
    """
    if not shape or not min(shape) or len(shape) > 3:
        return "text"
    if len(shape) == 1:
        return "values"
    sides = sorted(shape[:2])
    is_image = sides[0] >= _SHORTEST and sides[1] <= _LONGEST * sides[0]
    if len(shape) == 2:
        return "image" if is_image or shape[1] > _CURVES else "curves"
    return "image" if is_image or shape[2] in _CHANNELS else "text"


def pixel_range(samples):
    """Return what is black and what is white: of a usual range of pixels its ends, else the least and the most."""
    low, high = float(np.nanmin(samples)), float(np.nanmax(samples))
    usual = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0))
    return next((ends for ends in usual if ends[0] <= low and high <= ends[1]), (low, high))


def picture_size(shape, largest):
    """Return width and height of the picture of an image: in proportion, unless that left a thread of it."""
    height, width = shape[:2]
    if max(width, height) > _LONGEST * min(width, height):
        return min(width, largest), min(height, largest)
    factor = min(largest / max(width, height), 1)
    return round(width * factor), round(height * factor)


def most_square(n_features):
    """Return height <= width of the most square grid with exactly `n_features` places."""
    height = next(h for h in range(int(np.sqrt(n_features)), 0, -1) if n_features % h == 0)
    return height, n_features // height


def png_text(image, low, high, largest):
    """Return an image as a PNG in base64; values from `low` to `high` are black to white, NaN is black."""
    from PIL import Image  # slow to import, and only images need it

    if image.ndim == 3 and image.shape[2] not in (3, 4):
        image = image.mean(axis=2)
    pixels = (np.asarray(image, np.float64) - low) * (255 / ((high - low) or 1))
    picture = Image.fromarray(np.rint(np.nan_to_num(pixels)).clip(0, 255).astype(np.uint8))
    if max(picture.size) > largest:
        picture = picture.resize(picture_size(image.shape, largest))
    with io.BytesIO() as stream:
        picture.save(stream, "PNG", optimize=True)
        return base64.b64encode(stream.getvalue()).decode()


def image_address(png):
    """Return the data URI of a `png_text`."""
    return f"data:image/png;base64,{png}"
