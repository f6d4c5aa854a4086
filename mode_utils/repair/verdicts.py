"""Has a label become worse, or is that chance? A test of the validation samples that were broken and fixed.

A label of n samples of which b were right and are wrong, and f the other way round, has lost (b - f) / n. If its true
loss is at most the tolerance t, b is at most binomial of b + f with the probability (b + f + t n) / (2 (b + f)): the
exact test of paired proportions (McNemar's), with the tolerance as its margin.
"""

import numpy as np
from scipy.stats import binom

from mode_utils.study.significance import holm

NEW_BUG = "new bug"
_SIGNIFICANCE = 0.05
_MOST = 1_000  # times as many samples; no more are asked for


def judge_labels(samples, fixed, broken, tolerance):
    """Judge what a repair did to each label.

    Parameters
    ----------
    samples, fixed, broken : (n_classes,) int
        Of each label: validation samples, those that were wrong and are right, and the other way round.
    tolerance : float
        Loss that does not matter, in [0, 1].

    Returns
    -------
    list of str
        A verdict a label: "new bug", if it has lost more than the tolerance, beyond chance (p < 0.05, adjusted by Holm
        for the labels that lost more); "cannot tell: ...", if it seems to, with the number of samples that it would
        take, or if it has no samples; "" otherwise.
    """
    samples, fixed, broken = (np.asarray(counts) for counts in (samples, fixed, broken))
    lost = broken - fixed > tolerance * samples
    p = np.ones(len(samples))
    if lost.any():
        p[lost] = holm(loss_p(samples[lost], fixed[lost], broken[lost], tolerance))
    return [
        "cannot tell: no validation samples" if not samples[label]
        else "" if not lost[label]
        else NEW_BUG if p[label] < _SIGNIFICANCE
        else f"cannot tell: it would take {_needed(samples[label], fixed[label], broken[label], tolerance)} samples"
        for label in range(len(samples))
    ]  # fmt: skip


def loss_p(samples, fixed, broken, tolerance):
    """Return p of a true loss of at most the tolerance: the smaller, the surer that a label has lost more.

    Parameters
    ----------
    samples, fixed, broken : (n,) int
    tolerance : float
    """
    changed = fixed + broken
    share = np.divide(changed + tolerance * samples, 2 * changed, out=np.ones(np.shape(changed)), where=changed > 0)
    return binom.sf(broken - 1, changed, np.minimum(share, 1))


def _needed(samples, fixed, broken, tolerance):
    """Return about how many samples it would take to see a loss of this size beyond chance."""
    times = np.geomspace(1, _MOST, 100)
    more = [np.rint(times * count) for count in (samples, fixed, broken)]
    enough = np.flatnonzero(loss_p(*more, tolerance) < _SIGNIFICANCE)
    return f"about {more[0][enough[0]]:,.0f}" if len(enough) else f"more than {_MOST * samples:,}"
