"""Check that arrays are the probabilities of a classifier, and say what they are instead."""

import numpy as np

from mode_utils.support.sample_parts import in_chunks

_ROUNDING = 0.02  # by which probabilities may miss a sum of 1, as those in half precision do
_BELOW = -1e-6  # what is lower is not a rounded 0


def check_probabilities(name, p):
    """Raise a ValueError if rows (n, n_classes) are not probabilities; return sentences on what is odd about them."""
    if p.dtype.kind not in "fiub" or p.ndim != 2 or not len(p):
        hint = ""
        if p.ndim == 1 and p.dtype.kind in "fiub":
            hint = ", a column for each class; of two classes, np.stack([1 - p, p], axis=1), where p is that of class 1"
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
    """Say what a row is that does not hold probabilities, by all others like it in the same part."""
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
    return f"row {row} of {name} sums to {values.sum():.3g}: probabilities of one label a sample must sum to 1"
