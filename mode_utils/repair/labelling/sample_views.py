"""Samples as they are shown to an annotator: pictures, curves, values, or nothing; those of a task share one scale."""

from dataclasses import dataclass

import numpy as np

from mode_utils.support.checks import check_choice
from mode_utils.support.pictures import KINDS, pixel_range, png_text, shown_as

_LARGEST = 256  # pixels of a side; what is larger is shrunk
_POINTS = 400  # of a curve or a row; of a longer one, the least and the most of each stretch are kept


@dataclass(frozen=True)
class SampleViews:
    """Samples, ready to be written into a file."""

    kind: str  # one of `support.pictures.KINDS`
    views: list  # PNG as text (base64) of images, numbers by channel of curves, a list of values, None of texts
    low: float = 0.0  # of the scale
    high: float = 1.0


def view_samples(samples, n, kind=None):
    """Return `SampleViews` of n images (h, w[, channels]), sequences (t, channels) or rows (d,), told by shape."""
    if kind is not None:
        check_choice("kind of view", kind, KINDS)
    if samples is None:
        samples, kind = np.zeros((n, 0)), "text"
    if len(samples) != n:
        raise ValueError(f"{len(samples)} samples for {n} rows: give the samples of the rows, in their order")
    kind = kind or shown_as(samples.shape[1:])
    if not n or kind == "text":
        return SampleViews("text", [None] * n)
    if len(samples.shape) - 1 not in {"image": (2, 3), "curves": (2,), "values": (1,)}[kind]:
        told = f"samples of shape {samples.shape[1:]} cannot be shown as {kind}"
        raise ValueError(f"{told}: choose another of {', '.join(KINDS)}")
    samples = np.asarray(samples)
    low, high = pixel_range(samples) if kind == "image" else (float(samples.min()), float(samples.max()))
    view = {"image": lambda sample: png_text(sample, low, high, _LARGEST), "values": _numbers,
            "curves": lambda sample: [_numbers(channel) for channel in sample.T]}[kind]  # fmt: skip
    return SampleViews(kind, [view(sample) for sample in samples], low, high)


def _thin(values):
    """Keep the least and the most of each stretch of a long curve, in their order: no peak is lost."""
    if len(values) <= _POINTS:
        return values
    stretches = np.array_split(values, _POINTS // 2)
    ends = [np.sort([part.argmin(), part.argmax()]) for part in stretches]
    return np.concatenate([part[places] for part, places in zip(stretches, ends, strict=True)])


def _numbers(values):
    """Return numbers as a file has them: whole ones whole, others to six digits, of a long curve the extremes."""
    values = np.asarray(_thin(values), np.float64)
    if (values == np.rint(values)).all():
        return values.astype(np.int64).tolist()
    return [float(f"{value:.6g}") for value in values.tolist()]
