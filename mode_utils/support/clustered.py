"""Means and tests of samples that come in groups, of which another study would draw others: groups count, not samples.

Within a group samples are alike, so that fifty frames of a sequence say hardly more than one. Without groups each
sample is a group of its own. Cameron and Miller, J. Human Resources 50 (2015), doi 10.3368/jhr.50.2.317.
"""

import numpy as np
from scipy import stats

from mode_utils.support.checks import SIGNIFICANCE

_LEAST = 5  # groups, of which something can be told about others
_ALIKE = 4  # groups whose samples are all alike, that count as seen: few groups do not show how alike they are


def mean_variance(values, groups=None):
    """Return the variance of the mean of values (n,), and its degrees of freedom; of one group NaN and 0.

    The jackknife that leaves out a group (n,) int at a time; of groups of other sizes, as many count as would of one.
    """
    values = np.asarray(values, float)
    if groups is None:
        return values.var(ddof=1) / len(values), len(values) - 1
    _, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    n, n_groups = len(values), len(sizes)
    if n_groups < 2:
        return np.nan, 0
    without = (values.sum() - np.bincount(places, values)) / (n - sizes)
    variance = (n_groups - 1) / n_groups * ((without - values.mean()) ** 2).sum()
    return variance, max(1.0, n**2 / (sizes**2.0).sum() - 1)


def design_effect(values, groups):
    """Return how many times as large the variance of the mean of values (n,) is by groups as by samples, at least 1."""
    if np.ptp(values) == 0:
        return 1.0
    return float(np.fmax(1, mean_variance(values, groups)[0] / mean_variance(values)[0]))


def accuracy_interval(right, groups=None):
    """Return both ends of the 95% interval of a mean of right (n,) bool: Wilson's, of as many samples as count.

    These are fewer than n where the samples of a group are alike (Rao and Scott, Biometrics 48, 1992), by a correlation
    that is drawn towards 1, as `_ALIKE` more groups would draw it. Of fewer than `_LEAST` there is no interval: NaN.
    """
    right = np.asarray(right, float)
    mean, groups = right.mean(), np.arange(len(right)) if groups is None else groups
    variance, freedom = mean_variance(right, groups)
    sizes, n, correlation = np.unique(groups, return_counts=True)[1], len(right), 1.0
    if len(sizes) < _LEAST:
        return np.nan, np.nan
    more = (sizes**2.0).sum() / n - 1  # samples beside one, in its group
    if more and 0 < mean < 1:
        correlation = np.clip((variance * n / (mean * (1 - mean)) - 1) / more, 0, 1)
        correlation = (len(sizes) * correlation + _ALIKE) / (len(sizes) + _ALIKE)
    square = stats.t.isf(SIGNIFICANCE / 2, freedom) ** 2 * (1 + correlation * more) / n
    middle = (mean + square / 2) / (1 + square)
    half = np.sqrt(square * mean * (1 - mean) + square**2 / 4) / (1 + square)
    return float(middle - half), float(middle + half)


def difference_interval(right, others, groups, groups_of_others):
    """Return both ends of the 95% interval of a difference of two accuracies (Newcombe, Statist. Med. 17, 1998)."""
    (low, high), (other_low, other_high) = accuracy_interval(right, groups), accuracy_interval(others, groups_of_others)
    mean, other = np.mean(right), np.mean(others)
    below, above = np.hypot(mean - low, other_high - other), np.hypot(high - mean, other - other_low)
    return float(mean - other - below), float(mean - other + above)


def excess_p(values, groups, margin):
    """Return p of a mean of at most the margin, one-sided, by Student's test of sums over groups; of one group 1."""
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], np.asarray(values, float) - margin)
    if len(sums) < 2 or sums.sum() <= 0:
        return 1.0
    return float(stats.ttest_1samp(sums, 0, alternative="greater").pvalue) if np.ptp(sums) > 1e-9 else 0.0


def more_wrong_p(wrong, samples, all_wrong, all_samples):
    """Return p of parts of some samples that fail no more than the rest, and the least p that each could have.

    Fisher's exact test, one-sided; counts (n,) of parts, and of all samples that they are parts of. What is told is
    about these parts, whose samples count one by one.
    """
    wrong, samples = np.asarray(wrong), np.asarray(samples)
    most = np.minimum(samples, all_wrong)
    return tuple(stats.hypergeom.sf(least - 1, all_samples, all_wrong, samples) for least in (wrong, most))


def holm_of_possible(p_values, least_p, adjust):
    """Adjust p-values by `adjust`, of those parts that can be significant at all; 1 for the others.

    How small a p can be is known without the result, so that what can show nothing costs nothing (Tarone, Biometrics
    46, 1990): 10,000 groups of one sample do not hide one that fails.
    """
    p_values, least = np.asarray(p_values, float), np.sort(least_p)
    n = next((k for k in range(1, len(least) + 1) if (least <= SIGNIFICANCE / k).sum() <= k), 0)
    possible = np.asarray(least_p) <= SIGNIFICANCE / max(n, 1)
    adjusted = np.ones(len(p_values))
    if possible.any():
        adjusted[possible] = adjust(p_values[possible])
    return adjusted
