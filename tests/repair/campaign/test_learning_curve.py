"""A learning curve says what it can know: it finds a known curve, narrows with evidence, and never falls."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from mode_utils.repair.campaign.next_round import OF_A_LABEL, OF_ROUNDS, LearningCurve

LABELS = np.array([0, 20, 40, 80, 160])
PRIORS = {"rounds": OF_ROUNDS, "a label": OF_A_LABEL}


def right_of(level, slope, scale, n_samples, labels=LABELS):
    return np.round(n_samples * expit(level + slope * np.log2(1 + labels / scale)))


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(("level", "slope"), [(-1.0, 0.5), (1.0, 0.3), (0.0, 0.8)])
def test_a_known_curve_is_found_from_many_samples(level, slope, prior):
    curve = LearningCurve(LABELS, right_of(level, slope, 20, 5_000), 5_000, PRIORS[prior])
    for n in (0, 60, 320):
        middle, low, high = curve.accuracy(n)
        truth = expit(level + slope * np.log2(1 + n / 20))
        assert middle == pytest.approx(truth, abs=0.02) and low - 0.01 <= truth <= high + 0.01
    mean, deviation = curve.gain(160, 160)
    truth = expit(level + slope * np.log2(17)) - expit(level + slope * np.log2(9))
    assert abs(mean - truth) < 3 * deviation + 0.005
    (middle, low, high), truth = curve.labels_to(0.9), 20 * (2 ** ((np.log(9) - level) / slope) - 1)
    assert low <= truth * 1.1 and truth * 0.9 <= high and low <= middle <= high


def width(curve, n=320):
    _, low, high = curve.accuracy(n)
    return high - low


@pytest.mark.parametrize("prior", PRIORS)
def test_more_samples_and_more_points_narrow_it(prior):
    widths = [width(LearningCurve(LABELS, right_of(-1, 0.5, 20, n), n, PRIORS[prior])) for n in (20, 200, 2_000)]
    assert widths[0] > widths[1] > widths[2]
    few, more = (LearningCurve(LABELS[:n], right_of(-1, 0.5, 20, 100)[:n], 100, PRIORS[prior]) for n in (1, 5))
    assert width(few) > width(more)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.sampled_from(sorted(PRIORS)))
def test_accuracy_never_falls_with_labels_and_ends_are_in_order(right, prior):
    curve = LearningCurve(LABELS[: len(right)], right, 30, PRIORS[prior])
    ends = np.array([curve.accuracy(n) for n in (0, 1, 30, 500, 10_000)])
    assert (np.diff(ends, axis=0) >= 0).all() and (ends[:, 1] <= ends[:, 0]).all() and (ends[:, 0] <= ends[:, 2]).all()
    assert ((ends >= 0) & (ends <= 1)).all() and curve.gain(10, 50)[0] >= 0
    with warnings.catch_warnings(action="error"):  # theta 0.5 is level 0, which a curve may start at, and never leave
        needed = np.array([curve.labels_to(theta) for theta in (0.3, 0.5, 0.8, 0.99)])
    assert not np.isnan(needed).any() and (needed >= 0).all()
    assert (needed[1:] >= needed[:-1]).all()  # infinite ends, too
    assert (needed[:, 1] <= needed[:, 0]).all() and (needed[:, 0] <= needed[:, 2]).all()


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_curve_that_stays_where_it_is_has_an_answer_without_a_warning(share, prior):
    with warnings.catch_warnings(action="error"):
        curve = LearningCurve(LABELS, 100 * share * np.ones(5), 100, PRIORS[prior])
        assert np.isfinite(curve.accuracy(0)).all() and np.isfinite(curve.gain(160, 40)).all()
        middle, low, high = curve.labels_to(0.5)
    assert not np.isnan([middle, low, high]).any()
    assert middle == 0 if share == 1 else high > 160
    assert curve.gain(160, 40)[0] < 0.03


@pytest.mark.parametrize("prior", PRIORS)
def test_of_curves_as_the_prior_draws_them_the_interval_covers_the_next_points(prior):
    """At 160 more labels, in 95%; three standard errors of 120 studies below, and of validation samples that all
    points share nothing is drawn here: each point has its own, so it covers no less than it says."""
    rng, studies, inside = np.random.default_rng(3), 120, []
    for _ in range(studies):
        slope = rng.exponential(0.1) if prior == "rounds" else abs(rng.normal(0.5, 0.3))
        level, scale = rng.normal(0, 2), rng.choice(PRIORS[prior].scales)
        p = expit(level + slope * np.log2(1 + LABELS / scale))
        curve = LearningCurve(LABELS, rng.binomial(200, p), 200, PRIORS[prior])
        _, low, high = curve.accuracy(320)
        inside.append(low <= expit(level + slope * np.log2(1 + 320 / scale)) <= high)
    assert np.mean(inside) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / studies)
