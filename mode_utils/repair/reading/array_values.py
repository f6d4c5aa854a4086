"""Check the numbers in arrays: that samples are finite and scaled alike, that probabilities are such."""

import warnings
from typing import NamedTuple

import numpy as np

from mode_utils.support.sample_parts import in_chunks, scattered

_NAMED = 10  # columns in sentences
_FAR = 20  # times as large or small
_LARGEST = float(np.finfo(np.float32).max)
_ENOUGH = 4_000_000  # numbers, for the usual ones
_ROUNDING = 0.02  # by which probabilities may miss a sum of 1, as those in half precision do
_BELOW = -1e-6  # what is lower is not a rounded 0


class Span(NamedTuple):
    """Samples x (n, ...), the least and the largest number at each place (...), and the usual sizes, see `_typical`."""

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    typical: np.ndarray


def check_samples(name, x, like, whose="x_train"):
    """Return the `Span` of samples; raise a ValueError if they are not finite numbers, or unlike others in shape."""
    if x.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {x.dtype}: samples must be numbers")
    if x.ndim < 2 or not len(x):
        raise ValueError(f"{name} has shape {x.shape}: samples must be (n, ...) with at least one of them")
    if x.shape[1:] != like.shape[1:]:
        shapes = f"a sample of {name} has shape {x.shape[1:]}, one of {whose} {like.shape[1:]}"
        raise ValueError(f"{shapes}: they must be alike")
    low, high = np.full(x.shape[1:], np.inf), np.full(x.shape[1:], -np.inf)
    for start, chunk in in_chunks(x):
        ends = chunk.min(axis=0), chunk.max(axis=0)  # NaN if there is one
        if not all((np.abs(end.astype(np.float64)) <= _LARGEST).all() for end in ends):
            raise ValueError(_not_finite(name, start, chunk))
        low, high = np.minimum(low, ends[0]), np.maximum(high, ends[1])
    return Span(x, low, high, _typical(x))


def check_span(name, span, like, whose="x_train", even_if_odd=False):
    """Return sentences on what is odd about the numbers of samples; raise a ValueError if another scale explains it.

    `span` and `like` are of the samples and of others, called `whose`. Usual numbers count, not the largest one, of a
    table in most columns. With `even_if_odd` another scale is only said, like a huge number or a column of other units.
    """
    ratios = span.typical / like.typical  # NaN where there is nothing but 0
    far = [np.all(ratios > _FAR, axis=0), np.all(ratios < 1 / _FAR, axis=0)]
    known = max(1, np.isfinite(ratios).all(axis=0).sum())
    if max(way.sum() for way in far) > known / 2:
        told, known = (f"{each.low.min():g} .. {each.high.max():g}" for each in (span, like))
        told = f"{name} spans {told}, but {whose} {known}"
        told += f", and its usual numbers are about {np.nanmedian(ratios[0]):.2g} times those"
        if not even_if_odd:
            raise ValueError(f"{told}: scale both alike, or go on all the same with --even-if-weak")
        return (f"The scales differ: {told}.",)
    odd = (far[0] | far[1]) & (min(len(span.x), len(like.x)) >= _FAR)  # of fewer, a column says nothing
    told = f"times as large as in {whose}: is it in one unit?"
    columns = np.flatnonzero(odd)[:_NAMED]
    notes = [f"Column {column} of {name} is about {ratios[0, column]:.2g} {told}" for column in columns]
    return (*notes, *_huge(name, span, like, whose, odd))


def are_numbers_of_things(x):
    """Tell whether samples are integers that stand for things, and not for the brightness of a pixel."""
    return x.dtype.kind in "iu" and x.dtype.itemsize > 1


def _not_finite(name, start, chunk):
    rows = chunk.reshape(len(chunk), -1)
    row, column = np.argwhere(~(np.abs(rows.astype(np.float64)) <= _LARGEST))[0]
    value = rows[row, column]
    what = "numbers that are too large for float32" if np.isfinite(value) else "NaN or infinite values"
    return f"{name} has {what}, the first in sample {start + row} ({value:g}, number {column} of it): replace them"


def _typical(x):
    """Return sizes (2, n_columns) that half and nearly all numbers stay below, 0 left out; of images, one column."""
    width = max(1, int(np.prod(x.shape[1:])))
    places = np.unique(np.linspace(0, len(x) - 1, max(16, min(len(x), 1_000, _ENOUGH // width))).astype(int))
    rows = np.abs(np.concatenate(list(scattered(x, places))).astype(np.float32)).reshape(len(places), -1)
    rows = rows if x.ndim == 2 else rows.reshape(-1, 1)
    rows[rows == 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns of 0 alone
        return np.nanquantile(rows, (0.5, 0.99), axis=0)


def _huge(name, span, like, whose, odd):
    """Say which sample has the largest number, if that is far beyond all that it should be like; odd columns aside."""
    sizes, known = (np.maximum(np.abs(each.low), np.abs(each.high)).ravel() for each in (span, like))
    known = known if span.x.ndim == 2 else np.broadcast_to(known.max(), known.shape)
    ratios = np.where(odd, 0, sizes / np.where(known > 0, known, np.inf))
    place = int(ratios.argmax())
    if ratios[place] <= _FAR:
        return ()
    columns = ((start, np.abs(x.reshape(len(x), -1)[:, place].astype(np.float64))) for start, x in in_chunks(span.x))
    row = next(start + int(column.argmax()) for start, column in columns if column.max() >= sizes[place])
    where = f"{'column' if span.x.ndim == 2 else 'number'} {place}"
    times = f"{ratios[place]:,.0f} times the largest of {whose}"
    return (f"Sample {row} of {name} has {sizes[place]:g} in {where}, {times}: is it right?",)


def check_probabilities(name, p):
    """Raise a ValueError if rows (n, n_classes) are not probabilities; return sentences on what is odd about them."""
    if p.dtype.kind not in "fiub" or p.ndim != 2 or not len(p):
        hint = ", a column for each class; of two classes, np.stack([1 - p, p], axis=1), where p is that of class 1"
        hint = hint if p.ndim == 1 and p.dtype.kind in "fiub" else ""
        raise ValueError(f"{name} has shape {p.shape} and dtype {p.dtype}: it must be (n, n_classes) numbers{hint}")
    if p.shape[1] < 2:
        raise ValueError(f"{name} has {p.shape[1]} column: give one for each class, of two classes 1 - p and p")
    certain = len(p) > 1
    for start, chunk in in_chunks(p):
        rows = np.asarray(chunk, np.float32)
        right = (np.abs(rows.sum(axis=1) - 1) <= _ROUNDING) & _in_range(rows).all(axis=1)
        if not right.all():
            bad = np.flatnonzero(~right)
            raise ValueError(_describe(name, start + bad[0], rows[bad[0]], np.asarray(chunk[bad], np.float64)))
        certain = certain and bool((rows.max(axis=1) == 1).all())
    told = f"{name} are 0 and 1 only: are they predicted labels? How sure the model is cannot be seen."
    return (told,) if certain else ()


def _in_range(values):
    return (values >= _BELOW) & (values <= 1 + _ROUNDING)


def _describe(name, row, values, others):
    if not np.isfinite(values).all() and not (np.isneginf(values).any() and (values <= 0).all()):
        return f"{name} has NaN or infinite values in row {row}: replace them"
    story = f"row {row} of {name} spans {values.min():.3g} .. {values.max():.3g}"
    with np.errstate(over="ignore"):
        if np.allclose(np.exp(others).sum(axis=1), 1, atol=_ROUNDING):
            return f"{story}: these look like logarithms of probabilities; apply np.exp"
    if (others >= 0).all() and np.allclose(others.sum(axis=1), 100, atol=1.5):
        return f"{story}: these look like percentages, not like probabilities; divide by 100"
    if (others >= 0).all() and np.allclose(others.sum(axis=1), 255, atol=len(values)):
        return f"{story}: these look like quantized probabilities; divide by 255"
    if not _in_range(values).all():
        scores = "of scores of scikit-learn's decision_function, too"
        return f"{story}: these look like logits, not like probabilities; apply a softmax ({scores})"
    told = f"row {row} of {name} sums to {values.sum():.3g}: probabilities of one label a sample must sum to 1"
    apart = np.abs(others.sum(axis=1) - 1).max() / others.shape[1]
    for digits in (1, 2, 3):
        if np.allclose(others, others.round(digits), rtol=0, atol=1e-6) and apart <= 0.5 * 10.0**-digits:
            return f"{told}; these are rounded to {digits} decimals: give all digits, or divide each row by its sum"
    return told
