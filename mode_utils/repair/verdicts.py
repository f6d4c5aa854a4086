"""Has a label become worse, or is that chance? A test of the validation samples that were broken and fixed.

A label of n samples of which b were right and are wrong, and f the other way round, has lost (b - f) / n. Whether its
true loss is more than the tolerance t is judged by the score of paired proportions with a margin (Tango, Statist. Med.
17, 1998): b - f - t n over its standard error, if the true loss were t and all else as likely as that allows. Of few
changed samples the normal distribution of this score promises too much, so p is exact: the largest probability of such
a score over all shares of changed samples that are plausible (Berger and Boos, J. Am. Statist. Assoc. 89, 1994).
"""

from functools import lru_cache

import numpy as np
from scipy.stats import beta, binom, norm

from mode_utils.study.significance import SIGNIFICANCE, holm

NEW_BUG = "new bug"
_MOST = 1_000  # times as many samples; no more are asked for
_IMPLAUSIBLE = 1e-6  # probability that the share of changed samples is not among those tried; added to p
_SHARES = 32  # of changed samples, that are tried
_FEW, _MANY = 40, 400  # changed samples, of which the score is nearly normal, and as good as normal


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
        for all labels that have samples); "cannot tell: ...", if it seems to, with the number of samples that it would
        take, or if it has no samples; "" otherwise.
    """
    samples, fixed, broken = (np.asarray(counts, int) for counts in (samples, fixed, broken))
    judged = samples > 0
    p = np.ones(len(samples))
    if judged.any():
        p[judged] = holm(loss_p(samples[judged], fixed[judged], broken[judged], tolerance))
    lost = broken - fixed > tolerance * samples
    return [
        "cannot tell: no validation samples" if not judged[label]
        else "" if not lost[label]
        else NEW_BUG if p[label] < SIGNIFICANCE
        else f"cannot tell: it would take {_needed(*counts, float(tolerance), int(judged.sum()))} samples"
        for label, counts in enumerate(zip(samples.tolist(), fixed.tolist(), broken.tolist(), strict=True))
    ]  # fmt: skip


def loss_p(samples, fixed, broken, tolerance):
    """Return p of a true loss of at most the tolerance: the smaller, the surer that a label has lost more.

    Parameters
    ----------
    samples, fixed, broken : (n,) int
    tolerance : float

    Returns
    -------
    (n,) float
        1 for each label that has not lost more than the tolerance.
    """
    rows = zip(*(np.asarray(counts).tolist() for counts in (samples, fixed, broken)), strict=True)
    return np.array([_exact_p(*row, float(tolerance)) for row in rows])


@lru_cache(maxsize=4_096)  # labels of as many samples, and retrainings, share their counts
def _exact_p(n, fixed, broken, tolerance):
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
    """Return Tango's score; the share of fixed samples is the likeliest one if the true loss is the tolerance."""
    linear = (2 * n - broken + fixed) * tolerance - broken - fixed
    root = np.sqrt(np.maximum(linear**2 + 8 * n * fixed * tolerance * (1 - tolerance), 0))
    error = np.sqrt(n * np.maximum((root - linear) / (2 * n) + tolerance * (1 - tolerance), 0))
    above = broken - fixed - tolerance * n
    return np.divide(above, error, out=np.zeros(np.shape(above)), where=(error > 0) & (np.abs(above) > 1e-9))


def _plausible_shares(n, changed, tolerance):
    """Return the ends of an exact interval (Clopper-Pearson) of the share of changed samples, from the tolerance on."""
    low = beta.ppf(_IMPLAUSIBLE / 2, changed, n - changed + 1) if changed else 0.0
    high = beta.isf(_IMPLAUSIBLE / 2, changed + 1, n - changed) if changed < n else 1.0
    return max(low, tolerance, 1e-12), max(high, tolerance, 1e-12)


def _least_broken(n, changed, score, tolerance):
    """Return with how many broken of each number of changed samples the score is reached; one more where with none."""
    low, high = np.zeros(len(changed)), changed + 1.0  # the score rises with each that is broken instead of fixed
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        reached = _score(n, middle, changed - middle, tolerance) >= score - 1e-9
        low, high = np.where(reached | (low == high), low, middle + 1), np.where(reached, middle, high)
    return low


@lru_cache(maxsize=4_096)
def _needed(samples, fixed, broken, tolerance, n_judged):
    """Return about how many samples it would take to see a loss of this size beyond chance, among as many labels."""
    level = SIGNIFICANCE / n_judged
    times = max(1.0, (norm.isf(level) / float(_score(samples, broken, fixed, tolerance))) ** 2)
    while times * (fixed + broken) < _FEW:  # of more, the normal distribution says about how many
        if _exact_p(*(round(times * count) for count in (samples, fixed, broken)), tolerance) < level:
            break
        times *= 1.1
    return f"about {times * samples:,.0f}" if times <= _MOST else f"more than {_MOST * samples:,}"
