"""Verdicts on labels: a test of the validation samples that were broken and fixed.

A label of n samples, b broken and f fixed, has lost (b - f) / n. Whether its true loss exceeds the tolerance t is
judged by the score of paired proportions with a margin (Tango, Statist. Med. 17, 1998): b - f - t n over its standard
error at a true loss of t. The normal distribution is too optimistic for few changed samples, so p is exact: the largest
probability of such a score over all plausible shares of changed samples (Berger and Boos, JASA 89, 1994).
"""

from functools import lru_cache

import numpy as np
from scipy.special import betainccinv, betaincinv
from scipy.stats import binom, norm

from mode_utils.study.significance import SIGNIFICANCE, holm

NEW_BUG = "new bug"
_MOST = 100  # times as many samples, up to which a number is named
_IMPLAUSIBLE = 1e-6  # probability that the share of changed samples is not among those tried; added to p
_SHARES = 32  # of changed samples, that are tried
_END = norm.isf(SIGNIFICANCE)  # of the score, at which a one-sided 95% interval ends
_FEW, _MANY = 40, 400  # changed samples, from which the score is nearly normal, and as good as normal


def judge_labels(samples, fixed, broken, tolerance, beside=(), least_p=None):
    """Return a verdict for each label, from its validation samples (n_classes,), and those fixed and broken.

    It is "new bug" if the label has lost more than the tolerance, in [0, 1], beyond chance (p < 0.05, adjusted by Holm
    for all labels with samples, and for p `beside` them); "cannot tell: ..." if it seems to, with the number of samples
    that it would take, or if it has none; "" otherwise. `least_p` (n_classes,) is what p is at least where samples come
    in groups.
    """
    samples, fixed, broken = (np.asarray(counts, int) for counts in (samples, fixed, broken))
    judged, p = samples > 0, np.ones(len(samples))
    if judged.any():
        own = loss_p(samples[judged], fixed[judged], broken[judged], tolerance)
        own = own if least_p is None else np.maximum(own, np.asarray(least_p)[judged])
        p[judged] = holm([*own, *beside])[: len(own)]
    lost = broken - fixed > tolerance * samples
    return [
        "cannot tell: no validation samples" if not judged[label]
        else "" if not lost[label]
        else NEW_BUG if p[label] < SIGNIFICANCE
        else f"cannot tell: {_lacking(counts, float(tolerance), int(judged.sum()) + len(beside), least_p is not None)}"
        for label, counts in enumerate(zip(samples.tolist(), fixed.tolist(), broken.tolist(), strict=True))
    ]  # fmt: skip


def loss_p(samples, fixed, broken, tolerance):
    """Return p (n,) of a true loss of at most the tolerance, from counts (n,); 1 for a label that has not lost more."""
    rows = zip(*(np.asarray(counts).tolist() for counts in (samples, fixed, broken)), strict=True)
    return np.array([_exact_p(*row, float(tolerance)) for row in rows])


def kept_p(samples, fixed, broken, tolerance):
    """Return p (n,) of a true loss of at least the tolerance, from counts (n,): non-inferiority; 1 without samples."""
    # anything is tolerated, or: to lose more than -t the other way round
    return np.zeros(len(samples)) if tolerance >= 1 else loss_p(samples, broken, fixed, -float(tolerance))


def largest_loss(samples, fixed, broken):
    """Return the upper ends (n,) of one-sided 95% intervals of the true losses, by the score; 1 without samples."""
    n, fixed, broken = (np.asarray(counts, float) for counts in (samples, fixed, broken))
    low, high = np.divide(broken - fixed, n, out=np.ones_like(n), where=n > 0), np.ones_like(n)
    for _ in range(30):
        middle = (low + high) / 2
        excluded = _score(np.maximum(n, 1), fixed, broken, -middle) >= _END
        low, high = np.where(excluded, low, middle), np.where(excluded, middle, high)
    return high


def needed_to_tell(samples, fixed, broken, tolerance):
    """Return how many samples, in words, would show at this rate that the loss is below the tolerance, or above it."""
    if broken - fixed > tolerance * samples:
        return _needed(samples, fixed, broken, float(tolerance), 1)
    return _needed(samples, broken, fixed, -float(tolerance), 1)


@lru_cache(maxsize=4_096)  # labels and retrainings share counts
def _exact_p(n, fixed, broken, tolerance):
    if not n:
        return 1.0
    changed, score = fixed + broken, _score(n, broken, fixed, tolerance)
    if score <= 0:
        return 1.0
    if changed > _MANY:
        return float(norm.sf(score))
    shares = np.linspace(*_plausible_shares(n, changed, tolerance), _SHARES)[:, None]
    counts = np.arange(binom.ppf(1e-9, n, shares[0, 0]), binom.isf(1e-9, n, shares[-1, 0]) + 1)
    least = _least_broken(n, counts, score, tolerance)
    beyond = binom.sf(least - 1, counts, (shares + tolerance) / (2 * shares))
    return min(1.0, float((binom.pmf(counts, n, shares) * beyond).sum(axis=1).max()) + _IMPLAUSIBLE)


def _score(n, broken, fixed, tolerance):
    """Return Tango's score, with the likeliest share of fixed samples if the true loss is the tolerance."""
    linear = (2 * n - broken + fixed) * tolerance - broken - fixed
    root = np.sqrt(np.maximum(linear**2 + 8 * n * fixed * tolerance * (1 - tolerance), 0))
    error = np.sqrt(n * np.maximum((root - linear) / (2 * n) + tolerance * (1 - tolerance), 0))
    above = broken - fixed - tolerance * n
    return np.divide(above, error, out=np.zeros(np.shape(above)), where=(error > 0) & (np.abs(above) > 1e-9))


def _plausible_shares(n, changed, tolerance):
    """Return the ends of an exact interval (Clopper-Pearson) of the share of changed samples, from its least on."""
    least = abs(tolerance)
    low = betaincinv(changed, n - changed + 1, _IMPLAUSIBLE / 2) if changed else 0.0
    high = betainccinv(changed + 1, n - changed, _IMPLAUSIBLE / 2) if changed < n else 1.0
    return max(low, least, 1e-12), max(high, least, 1e-12)


def _least_broken(n, changed, score, tolerance):
    """Return how many of each number of changed samples must be broken to reach the score; one more if none do."""
    low, high = np.zeros(len(changed)), changed + 1.0  # the score rises with each that is broken instead of fixed
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        reached = _score(n, middle, changed - middle, tolerance) >= score - 1e-9
        low, high = np.where(reached | (low == high), low, middle + 1), np.where(reached, middle, high)
    return low


def _lacking(counts, tolerance, n_judged, in_groups):
    alone = _exact_p(*counts, tolerance) < SIGNIFICANCE / n_judged  # with each sample a group of its own
    if in_groups and alone:
        return "it would take more groups"
    return f"it would take {_needed(*counts, tolerance, n_judged)} samples{' of more groups' if in_groups else ''}"


@lru_cache(maxsize=4_096)
def _needed(samples, fixed, broken, tolerance, n_judged):
    """Return how many samples, in words, would show a loss of this size beyond chance, among as many labels."""
    level = SIGNIFICANCE / n_judged
    score = float(_score(samples, broken, fixed, tolerance))
    times = max(1.0, (norm.isf(level) / score) ** 2) if score > 0 else np.inf
    while times <= _MOST and times * (fixed + broken) < _FEW:  # for more, the normal distribution is good enough
        if _exact_p(*(round(times * count) for count in (samples, fixed, broken)), tolerance) < level:
            break
        times *= 1.1
    return say_needed(times, samples)


def say_needed(times, samples):
    """Return some times as many samples in words, with two digits, as more are not known."""
    number = f"{float(f'{min(times, _MOST) * samples:.2g}'):,.0f}"
    return f"about {number}" if times <= _MOST else f"more than {number}"
