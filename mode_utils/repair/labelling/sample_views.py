"""How a sample is shown to somebody who is to label it: as a picture, as curves, as values, or not at all.

Samples of one task share one scale, so that they can be compared.
"""

import base64
import io
from dataclasses import dataclass

import numpy as np

from mode_utils.support.checks import check_choice

KINDS = ("image", "curves", "values", "text")
_CHANNELS = (1, 3, 4)  # gray, RGB, RGBA
_SHORTEST, _LONGEST = 8, 4  # sides (h, w) that make a picture: at least 8 pixels, and no more than 4 times as long
_LARGEST = 256  # pixels of a side; what is larger is shrunk
_CURVES = 16  # channels that are drawn as curves; more make a picture
_POINTS = 400  # of a curve or a row; of a longer one, the least and the most of each stretch are kept


@dataclass(frozen=True)
class SampleViews:
    """Samples, ready to be written into a file.

    Attributes
    ----------
    kind : {"image", "curves", "values", "text"}
    views : list
        A view a sample: of an image, a PNG as text (base64); of curves, a list of numbers a channel; of values, a list
        of numbers; None where only the text of the row tells what the sample is.
    low, high : float
        The scale that all views share.
    """

    kind: str
    views: list
    low: float = 0.0
    high: float = 1.0


def view_samples(samples, n, kind=None):
    """Bring samples into a form that a page or a tool can show.

    Parameters
    ----------
    samples : (n, ...) array or None
        Images (h, w) or (h, w, channels) with 1, 3 or 4 channels; sequences (t, channels); rows (d,); None if there is
        nothing to show.
    n : int
        How many there are.
    kind : {"image", "curves", "values", "text"}, optional
        By default told by the shape: (d,) are values; (a, b) an image if both sides have 8 pixels or more and none is
        longer than four times the other, or if b is more than 16, curves otherwise; (h, w, 1, 3 or 4) an image; all
        else is not shown.

    Returns
    -------
    SampleViews

    Raises
    ------
    ValueError
        If there are not n samples, or they cannot be shown so.
    """
    if kind is not None:
        check_choice("kind of view", kind, KINDS)
    if samples is None:
        samples, kind = np.zeros((n, 0)), "text"
    if len(samples) != n:
        raise ValueError(f"{len(samples)} samples for {n} rows: give the samples of the rows, in their order")
    kind = kind or _kind(samples.shape[1:])
    if not n or kind == "text":
        return SampleViews("text", [None] * n)
    _check_shape(kind, samples.shape[1:])
    samples = np.asarray(samples)
    low, high = _scale(samples) if kind == "image" else (float(samples.min()), float(samples.max()))
    view = {"image": lambda sample: _png(sample, low, high), "curves": _curves, "values": _row}[kind]
    return SampleViews(kind, [view(sample) for sample in samples], low, high)


def image_address(png):
    """Return the data URI of a picture of `SampleViews`."""
    return f"data:image/png;base64,{png}"


def _kind(shape):
    if len(shape) == 1 and shape[0]:
        return "values"
    if len(shape) == 2 and min(shape):
        picture = min(shape) >= _SHORTEST and max(shape) <= _LONGEST * min(shape)
        return "image" if picture or shape[1] > _CURVES else "curves"
    return "image" if len(shape) == 3 and shape[2] in _CHANNELS else "text"


def _check_shape(kind, shape):
    fits = {
        "image": len(shape) == 2 or (len(shape) == 3 and shape[2] in _CHANNELS),
        "curves": len(shape) == 2,
        "values": len(shape) == 1,
    }
    if not fits[kind]:
        raise ValueError(f"samples of shape {shape} cannot be shown as {kind}: choose another of {', '.join(KINDS)}")


def _scale(samples):
    """Return what is black and what is white: of a usual range of pixels its ends, else the least and the most."""
    low, high = float(samples.min()), float(samples.max())
    for usual in ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0)):
        if usual[0] <= low and high <= usual[1]:
            return usual
    return low, high


def _png(sample, low, high):
    from PIL import Image  # slow to import, and only images need it

    pixels = (sample.astype(np.float64) - low) * (255 / ((high - low) or 1))
    pixels = np.rint(pixels).astype(np.uint8)
    image = Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    if max(image.size) > _LARGEST:
        image = image.resize(_shrunk(*image.size))
    with io.BytesIO() as stream:
        image.save(stream, "PNG", optimize=True)
        return base64.b64encode(stream.getvalue()).decode()


def _shrunk(width, height):
    """Return the size of a large picture: in proportion, unless that left a thread of it."""
    factor = _LARGEST / max(width, height)
    if max(width, height) > _LONGEST * min(width, height):
        return min(width, _LARGEST), min(height, _LARGEST)
    return round(width * factor), round(height * factor)


def _curves(sample):
    return [_numbers(_thin(channel)) for channel in sample.T]


def _row(sample):
    return _numbers(_thin(sample))


def _thin(values):
    """Keep the least and the most of each stretch of a long curve, in their order: no peak is lost."""
    if len(values) <= _POINTS:
        return values
    stretches = np.array_split(values, _POINTS // 2)
    ends = [np.sort([part.argmin(), part.argmax()]) for part in stretches]
    return np.concatenate([part[places] for part, places in zip(stretches, ends, strict=True)])


def _numbers(values):
    """Return numbers as a file has them: whole ones whole, others to six digits."""
    values = np.asarray(values, np.float64)
    if (values == np.rint(values)).all():
        return values.astype(np.int64).tolist()
    return [float(f"{value:.6g}") for value in values.tolist()]
