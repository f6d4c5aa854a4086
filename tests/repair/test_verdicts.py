"""A label is a new bug no oftener by chance than is said: at the margin, of few samples and many, among many labels."""

import numpy as np
import pytest
from scipy.stats import multinomial, norm

from mode_utils.repair.verdicts import NEW_BUG, judge_labels, kept_p, largest_loss, loss_p, needed_to_tell

pytestmark = pytest.mark.slow


def all_outcomes(n):
    """Return all counts of broken and of fixed samples that n samples can have."""
    broken, fixed = (counts.ravel() for counts in np.indices((n + 1, n + 1)))
    return tuple(counts[broken + fixed <= n] for counts in (broken, fixed))


def weights(broken, fixed, n, share, tolerance):
    """Return how likely these outcomes are if so large a share is fixed, and more is broken by the tolerance."""
    shares = [share + tolerance, share, max(0, 1 - 2 * share - tolerance)]
    return multinomial.pmf(np.stack([broken, fixed, n - broken - fixed], axis=1), n, shares)


@pytest.mark.parametrize("tolerance", [0, 0.01, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("n", [5, 10, 20, 27])
def test_of_few_samples_no_loss_that_is_tolerated_is_found_oftener_than_its_level_says(n, tolerance):
    """All outcomes are weighed, for all shares of fixed samples."""
    broken, fixed = all_outcomes(n)
    p = loss_p(np.full(len(broken), n), fixed, broken, tolerance)
    for share in np.linspace(0, (1 - tolerance) / 2, 21):
        weight = weights(broken, fixed, n, share, tolerance)
        for level in (0.001, 0.05, 0.2):
            assert weight[p <= level].sum() <= level * 1.0001


@pytest.mark.parametrize("tolerance", [0.02, 0.1])
@pytest.mark.parametrize("n", [5, 20, 40])
def test_nor_is_what_has_lost_as_much_as_the_tolerance_said_to_be_kept_oftener_than_its_level_says(n, tolerance):
    broken, fixed = all_outcomes(n)
    p = kept_p(np.full(len(broken), n), fixed, broken, tolerance)
    for share in np.linspace(0, (1 - tolerance) / 2, 11):
        weight = weights(broken, fixed, n, share, tolerance)
        assert weight[p <= 0.05].sum() <= 0.05 * 1.0001


def test_the_largest_loss_is_the_end_of_the_interval_of_the_score_and_more_samples_narrow_it():
    ends = largest_loss([50, 149, 5_000, 0], [0, 0, 30, 0], [0, 0, 130, 0])
    assert ends[0] > ends[1] and 0.02 < ends[2] < 0.026 and ends[3] == 1
    assert needed_to_tell(10, 0, 0, 0.02) == "about 160" and kept_p([160], [0], [0], 0.02)[0] < 0.05
    assert needed_to_tell(50, 0, 5, 0.02).startswith("about ") and needed_to_tell(50, 0, 1, 0.02) == "more than 5,000"


@pytest.mark.parametrize("tolerance", [0, 0.02, 0.1])
@pytest.mark.parametrize(("n", "share"), [(100, 0.2), (500, 0.0), (500, 0.1), (5_000, 0.001), (5_000, 0.3)])
def test_of_more_samples_neither_and_it_is_no_blunt_test(n, share, tolerance):
    rng, studies = np.random.default_rng(n), 200
    broken, fixed, _ = rng.multinomial(n, [share + tolerance, share, 1 - 2 * share - tolerance], studies).T
    found = (loss_p(np.full(studies, n), fixed, broken, tolerance) < 0.05).mean()
    assert found <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / studies)
    lost = tolerance + 5 * np.sqrt((2 * share + tolerance + 0.02) / n)
    broken, fixed, _ = rng.multinomial(n, [share + lost, share, 1 - 2 * share - lost], 40).T
    assert (loss_p(np.full(40, n), fixed, broken, tolerance) < 0.05).mean() > 0.9


def test_of_many_samples_it_is_the_score_of_paired_proportions():
    """Without a tolerance that is McNemar's; with one, the score in Tango's words: q solves a quadratic equation."""
    assert loss_p([9_000], [500], [560], 0)[0] == pytest.approx(norm.sf(60 / np.sqrt(1_060)))
    n, b, f, t = 9_000, 700, 400, 0.02
    q = max(np.roots([2 * n, (2 * n - b + f) * t - b - f, -f * t * (1 - t)]))
    assert loss_p([n], [f], [b], t)[0] == pytest.approx(norm.sf((b - f - n * t) / np.sqrt(n * (2 * q + t * (1 - t)))))


@pytest.mark.parametrize(("labels", "tolerance"), [(2, 0), (2, 0.02), (10, 0.02), (100, 0.02)])
def test_among_any_number_of_labels_one_is_a_new_bug_by_chance_in_at_most_5_percent_of_repairs(labels, tolerance):
    """Also of those that have lost: to choose these first, and adjust for them alone, would find some in 9%."""
    rng, repairs = np.random.default_rng(labels), 200
    counts = rng.multinomial(60, [0.1 + tolerance, 0.1, 0.8 - tolerance], (repairs, labels))
    outcomes = counts.transpose(0, 2, 1)[:, :2]
    found = [NEW_BUG in judge_labels([60] * labels, fixed, broken, tolerance) for broken, fixed in outcomes]
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / repairs)


def test_one_sample_of_27_is_no_new_bug_and_it_says_how_many_it_would_take():
    (verdict,) = judge_labels([27], [0], [1], 0.02)
    assert verdict.startswith("cannot tell: it would take about ") and verdict.endswith(" samples")
    needed = int(verdict.split("about ")[1].split()[0].replace(",", ""))
    assert judge_labels([needed], [0], [round(needed / 27)], 0.02) == [NEW_BUG]


def test_among_more_labels_it_takes_more_samples():
    words = [judge_labels([100] * n, [1] * n, [6] * n, 0.02)[0] for n in (1, 10, 100)]
    needed = [int(word.split("about ")[1].split()[0]) for word in words]
    assert needed == sorted(needed) and needed[0] < needed[2]


@pytest.mark.parametrize(
    ("samples", "fixed", "broken", "verdict"),
    [(500, 0, 40, NEW_BUG), (500, 3, 8, ""), (27, 0, 12, NEW_BUG), (0, 0, 0, "cannot tell: no validation samples"),
     (5, 0, 5, NEW_BUG), (9, 0, 9, NEW_BUG), (9, 9, 0, ""), (200_000, 9_000, 15_000, NEW_BUG)],
)  # fmt: skip
def test_a_loss_beyond_chance_is_a_new_bug_whatever_the_number_of_samples(samples, fixed, broken, verdict):
    assert judge_labels([samples], [fixed], [broken], 0.01) == [verdict]


@pytest.mark.parametrize("tolerance", [0, 0.02, 1])
def test_nothing_changed_and_everything_tolerated_are_no_bugs(tolerance):
    assert judge_labels([40, 1], [0, 0], [0, 0], tolerance) == ["", ""]
    assert judge_labels([40], [0], [40], 1) == [""]
