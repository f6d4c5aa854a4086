"""Conclusions from few paired differences, many of them 0: interval, test, effect size, equivalence, runs needed."""

import numpy as np
from scipy import stats
from statsmodels.stats.power import TTestPower

from mode_utils.support.checks import MIN_RUNS, SIGNIFICANCE

_RESAMPLES = 9_999
_ENDS = 0.025, 0.975
_FEW_RUNS = 20  # below, the bootstrap alone promises too much
_SIGNED_RANK_EFFICIENCY = 3 / np.pi  # of the signed-rank test, relative to the t-test


def check_enough_runs(n_runs, what="runs"):
    """Raise a ValueError if there are too few runs to conclude anything."""
    if n_runs < MIN_RUNS:
        why = f"with fewer than {MIN_RUNS} no difference can reach p < 0.05"
        raise ValueError(f"{n_runs} {what} are too few: {why}; raise n_runs")


def without_noise(differences):
    """Return differences of accuracies rounded to nine digits: the last bits of a float would break ties of ranks."""
    return np.round(differences, 9)


def interval_of_mean(differences, random_state=0, n_resamples=_RESAMPLES):
    """Return both ends of the mean's 95% interval: the studentized bootstrap's; of few runs no less than Student's.

    Of 30 differences of which half are 0 it covers 95%, Student's, the percentile and the BCa intervals 90 to 93%; but
    of 6 with few values 83%, so that below 20 the outer of both ends counts (93% and more, unless half of so few are 0:
    86% of 6, 92% of 10), as far as that is not beyond all differences and Student's, which costs none of it. DiCiccio
    and Efron, Statist. Sci. 11 (1996), section 4, doi 10.1214/ss/1032280214.
    """
    as_they_are = np.asarray(differences, dtype=float)
    differences = without_noise(as_they_are)
    check_enough_runs(len(differences), "differences")
    mean = differences.mean()
    if np.ptp(differences) == 0:
        return (as_they_are.mean(),) * 2  # the mean of the table is neither above nor below
    error = stats.sem(differences)
    left, right = np.quantile(_studentized(differences, random_state, n_resamples), _ENDS)
    low, high = mean - right * error, mean - left * error
    if len(differences) < _FEW_RUNS:
        half = stats.t.ppf(_ENDS[1], len(differences) - 1) * error
        low = np.clip(low, min(differences.min(), mean - half), mean - half)
        high = np.clip(high, mean + half, max(differences.max(), mean + half))
    return low, high


def resampled_interval(statistic, n_runs, random_state=0, n_resamples=2_000):
    """Return both ends of the 95% expanded percentile interval of a statistic of runs; for a mean: `interval_of_mean`.

    `statistic` maps places (n_runs,) of runs to a number. For few runs it is as much wider than the plain one as
    Student's than a normal one. Hesterberg, Am. Stat. 69 (2015), section 4.3, doi 10.1080/00031305.2015.1089789.
    """
    check_enough_runs(n_runs)
    draws = np.random.default_rng(random_state).integers(n_runs, size=(n_resamples, n_runs))
    share = stats.norm.cdf(-np.sqrt(n_runs / (n_runs - 1)) * stats.t.ppf(0.975, n_runs - 1))
    low, high = np.quantile([statistic(runs) for runs in draws], [share, 1 - share])
    return float(low), float(high)


def describe(differences, random_state=0):
    """Return mean difference, 95% interval, p and effect size, as `comparisons.compare_with_control` has them."""
    low, high = interval_of_mean(differences, random_state)
    (p, rank_biserial), signs = signed_rank(differences), np.sign(without_noise(differences))
    return {"runs": len(differences), "mean": differences.mean(), "low": low, "high": high, "p": p,
            "rank_biserial": rank_biserial, "won": (signs > 0).mean(), "lost": (signs < 0).mean()}  # fmt: skip


def signed_rank(differences):
    """Return p of the two-sided Wilcoxon signed-rank test, and the matched-pairs rank-biserial correlation in [-1, 1].

    The test is exact, also with ties (SciPy's: up to 13). Without a difference from 0, p is 1 and the correlation 0.
    Streitberg and Roehmel, Comput. Statist. Quart. 1 (1986); effect size: Kerby (2014), doi 10.2466/11.IT.3.1.
    """
    differences = without_noise(np.asarray(differences, dtype=float))
    nonzero = differences[differences != 0]
    if not len(nonzero):
        return 1.0, 0.0
    ranks = np.rint(2 * stats.rankdata(np.abs(nonzero))).astype(int)  # doubled, so that shared ranks are whole
    above = int(ranks[nonzero > 0].sum())
    probability = np.zeros(ranks.sum() + 1)  # of each sum of ranks above 0, when each sign is as likely as the other
    probability[0] = 1
    for rank in ranks:
        probability[rank:] = (probability[rank:] + probability[:-rank]) / 2
        probability[:rank] /= 2
    p = 2 * min(probability[: above + 1].sum(), probability[above:].sum())
    return float(min(1.0, p)), 2 * above / ranks.sum() - 1


def holm(p_values, n_runs=None):
    """Adjust p-values of a family (Holm, 1979); NaN where no test of so few `n_runs` can stay below `SIGNIFICANCE`."""
    p_values = np.asarray(p_values, dtype=float)  # not by statsmodels, which collects garbage each time: 60 ms a call
    order, adjusted = np.argsort(p_values), np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1)).clip(max=1)
    return np.where(n_runs is None or len(adjusted) * smallest_p(n_runs) < SIGNIFICANCE, adjusted, np.nan)


def smallest_p(n_runs):
    """Return the smallest p that the two-sided signed-rank test of so many runs can have."""
    return 0.5 ** (np.asarray(n_runs) - 1.0)


def equivalence_p(differences, margin, random_state=0, n_resamples=_RESAMPLES):
    """Return p of two one-sided tests (TOST): the smaller, the surer that the mean is within the margin (above 0).

    Unlike Schuirmann's (doi 10.1007/BF01068419), the studentized bootstrap's, of few runs no less than Student's: of 30
    differences of which half are 0, t-tests find equivalence where there is none in 8 to 11% of studies instead of 5%.
    """
    differences = without_noise(np.asarray(differences, dtype=float))
    check_enough_runs(len(differences), "differences")
    if not margin > 0:
        raise ValueError(f"margin = {margin}; it must be greater than 0")
    if np.ptp(differences) == 0:
        return float(abs(differences[0]) >= margin)
    studentized = _studentized(differences, random_state, n_resamples)
    from_below, from_above = (differences.mean() + np.array([margin, -margin])) / stats.sem(differences)
    beyond = max((studentized >= from_below).sum(), (studentized <= from_above).sum())
    p = (beyond + 1) / (len(studentized) + 1)
    if len(differences) < _FEW_RUNS:
        p = max(p, stats.t.sf(min(from_below, -from_above), len(differences) - 1))
    return float(p)


def runs_needed(effect, spread, power=0.8, significance=0.05):
    """Return how many paired runs the signed-rank test needs, by its efficiency 3 / pi (Hodges and Lehmann, 1956)."""
    if not spread > 0:
        raise ValueError(f"spread = {spread}; it must be greater than 0")
    size = abs(effect) / spread
    if size == 0:
        return np.inf
    if size > 3:  # one more run than any test can do with
        return float(MIN_RUNS)
    runs = TTestPower().solve_power(effect_size=size, alpha=significance, power=power)
    return float(max(MIN_RUNS, np.ceil(float(np.squeeze(runs)) / _SIGNED_RANK_EFFICIENCY)))


def _studentized(differences, random_state, n_resamples):
    """Return t statistics of resamples around the mean; those all equal have none."""
    draws = np.random.default_rng(random_state).choice(differences, (n_resamples, len(differences)))
    draws = draws[np.ptp(draws, axis=1) > 0]
    return (draws.mean(axis=1) - differences.mean()) / stats.sem(draws, axis=1)
