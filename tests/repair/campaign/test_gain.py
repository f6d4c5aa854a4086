"""The gain of choosing over drawing covers what it says, and chance is not taken for a gain."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from mode_utils.repair.campaign.gain import PLANNED_ROUNDS, Gain, estimate_gain
from mode_utils.repair.campaign.gain import _of_training as of_training

pytestmark = pytest.mark.slow

#: what differs, in log odds of being right: the gain, of samples in it, of draws, of trainings; and samples that judge
WORLDS = {
    "no gain": (0.0, 0.0, 0.05, 0.05, 50),
    "no gain, many samples": (0.0, 0.0, 0.05, 0.05, 500),
    "a gain that differs between samples": (0.5, 0.8, 0.05, 0.05, 500),
    "large training noise": (0.3, 0.3, 0.05, 0.5, 500),
    "large drawing noise": (0.3, 0.3, 0.4, 0.05, 500),
    "all noise, few samples": (0.3, 0.5, 0.3, 0.3, 50),
    "no gain, all noise": (0.0, 0.5, 0.3, 0.3, 500),
}
STUDIES = 400


def play(rng, gain, of_samples, of_draws, of_training, n_samples, n_models=8, n_redrawn=16):
    """Return which samples are right, of drawn, chosen and redrawn models; one draw is shared by those of the arm."""
    easy, ahead = rng.normal(1.5, 2, n_samples), rng.normal(gain, of_samples, n_samples)

    def models(n, level):
        level = level + rng.normal(0, of_training, (n, 1))
        return rng.random((n, n_samples)) < expit(level + easy)

    drawn = models(n_models, rng.normal(0, of_draws))
    chosen = rng.random((n_models, n_samples)) < expit(rng.normal(0, of_training, (n_models, 1)) + easy + ahead)
    return drawn, chosen, models(n_redrawn, rng.normal(0, of_draws, (n_redrawn, 1)))


def truth_of(gain, of_samples, of_draws, of_training, n=400_000):
    """Return the mean gain over all samples, draws and trainings of a world."""
    rng = np.random.default_rng(1)
    easy, ahead = rng.normal(1.5, 2, n), rng.normal(gain, of_samples, n)
    training, draw = rng.normal(0, of_training, n), rng.normal(0, of_draws, n)
    return (expit(easy + ahead + training) - expit(easy + training + draw)).mean()


@pytest.mark.parametrize("name", WORLDS)
def test_the_interval_covers_for_other_samples_other_draws_and_other_trainings(name):
    """92.5 to 99.5%: two standard errors of so many studies are 2.2 points; it may cover more, as a quarter of what
    differs between redrawn models is always put down to the drawing, and variances below 0 are taken for 0."""
    *world, n_samples = WORLDS[name]
    rng, truth = np.random.default_rng(n_samples), truth_of(*world)
    gains = [estimate_gain(50, *play(rng, *world, n_samples)) for _ in range(STUDIES)]
    covered = np.mean([gain.low <= truth <= gain.high for gain in gains])
    assert 0.925 <= covered <= 0.995, covered


@pytest.mark.parametrize("name", [name for name in WORLDS if WORLDS[name][0] == 0 and WORLDS[name][4] > 50])
def test_in_a_whole_campaign_chance_is_taken_for_a_gain_in_at_most_5_percent(name):
    """Five looks at the same samples and one growing arm: all that differs is shared in part, as in a campaign."""
    _, of_samples, of_draws, of_noise, n_samples = WORLDS[name]
    rng, campaigns, taken = np.random.default_rng(2), 200, 0
    shift = -truth_of(0.0, of_samples, of_draws, of_noise) * 8  # log odds a point, roughly: no gain in the mean
    for _ in range(campaigns):
        looks = [play(rng, shift if of_samples else 0.0, of_samples, of_draws, of_noise, n_samples)
                 for _ in range(PLANNED_ROUNDS)]  # fmt: skip
        taken += any(estimate_gain(50, *look, n_looks=PLANNED_ROUNDS).verdict == "better" for look in looks)
    assert taken / campaigns <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / campaigns)


def test_without_noise_of_training_the_samples_alone_are_not_taken_for_it():
    """All models toss the same coin a sample: they differ by the samples alone, which the two-way table knows."""
    rng = np.random.default_rng(0)
    p = rng.random(200)
    parts = [of_training(rng.random((8, 200)) < p) for _ in range(300)]
    naive = [(rng.random((8, 200)) < p).mean(axis=1).var(ddof=1) / 8 for _ in range(300)]
    assert np.mean(parts) < 0.5 * np.mean(naive)
    steps = np.linspace(-0.2, 0.2, 8)[:, None]
    right = rng.random((8, 5_000)) < 0.5 + steps
    assert of_training(right.astype(float)) == pytest.approx(steps.var(ddof=1) / 8, rel=0.15)


RIGHT = np.ones((8, 40), bool)


@pytest.mark.parametrize(
    ("drawn", "chosen", "mean", "verdict"),
    [
        (RIGHT, RIGHT, 0, "not told apart"),
        (~RIGHT, ~RIGHT, 0, "not told apart"),
        (np.arange(40) < RIGHT * 30, np.arange(40) < RIGHT * 30, 0, "not told apart"),
        (np.arange(40) < RIGHT * 30, np.arange(40) < RIGHT * 31, 1 / 40, "not told apart"),
        (np.arange(40) < RIGHT * 31, np.arange(40) < RIGHT * 30, -1 / 40, "not told apart"),
        (np.arange(40) < RIGHT * 10, np.arange(40) < RIGHT * 30, 0.5, "better"),
        (np.arange(40) < RIGHT * 30, np.arange(40) < RIGHT * 10, -0.5, "worse"),
    ],
)
@pytest.mark.parametrize("redrawn", [None, np.repeat(RIGHT, 2, axis=0)])
def test_models_that_are_all_equal_give_a_number_the_right_way_round_and_no_warning(
    drawn, chosen, mean, verdict, redrawn
):
    with warnings.catch_warnings(action="error"):
        gain = estimate_gain(20, drawn, chosen, redrawn, PLANNED_ROUNDS)
    assert gain.mean == pytest.approx(mean) and gain.verdict == verdict
    assert np.isfinite([gain.low, gain.high, gain.low_of_all, gain.high_of_all]).all()


@given(st.integers(2, 5), st.integers(2, 30), st.integers(1, 9), st.integers(0, 999))
def test_ends_are_in_order_those_of_all_looks_outside_and_the_other_way_round_is_the_negative(models, n, looks, seed):
    drawn, chosen = np.random.default_rng(seed).random((2, models, n)) < 0.7
    gain, back = (estimate_gain(9, *each, n_looks=looks) for each in ((drawn, chosen), (chosen, drawn)))
    assert gain.low_of_all <= gain.low <= gain.mean <= gain.high <= gain.high_of_all
    assert [back.mean, back.low, back.high_of_all] == pytest.approx([-gain.mean, -gain.high, -gain.low_of_all])


def test_a_sentence_has_the_verdict_the_points_and_the_labels():
    said = Gain(40, 0.0283, 0.02, 0.04, 0.01, 0.05).say()
    assert said.startswith("choosing is better than drawing at random: +2.83 pp of accuracy after 40 labels")
    assert "95% interval +1.00 to +5.00" in said
    assert Gain(40, -0.03, -0.05, -0.02, -0.05, -0.01).say().startswith("choosing is worse")
    assert "are not told apart: 0.00 pp" in Gain(40, 0.0, -0.1, 0.1, -0.1, 0.1).say()


@pytest.mark.parametrize("n_groups", [12, 40])
def test_where_the_gain_differs_by_group_the_interval_covers_by_groups(n_groups):
    """Of 20 samples a group, alike: 93% and more by groups; sample by sample it covers far less."""
    rng, covered, of_samples, truth = np.random.default_rng(n_groups), 0, 0, 0.03
    for _ in range(STUDIES):
        groups = np.repeat(np.arange(n_groups), 20)
        ahead = np.clip(rng.normal(truth, 0.12, n_groups), -0.2, 0.3)[groups]
        drawn, chosen = (rng.random((6, len(groups))) < 0.6 + part for part in (0, ahead))
        for each in (groups, None):
            gain = estimate_gain(20, drawn, chosen, groups=each)
            hit = gain.low <= truth <= gain.high
            covered, of_samples = (covered + hit, of_samples) if each is not None else (covered, of_samples + hit)
    assert covered / STUDIES >= 0.93 - 2 * np.sqrt(0.93 * 0.07 / STUDIES) and of_samples < covered


def test_of_one_group_nothing_is_told_and_of_groups_of_one_what_samples_tell():
    rng = np.random.default_rng(0)
    drawn, chosen = rng.random((4, 90)) < 0.5, rng.random((4, 90)) < 0.9
    one = estimate_gain(20, drawn, chosen, groups=np.zeros(90, int))
    assert (one.low, one.high, one.verdict) == (-1, 1, "not told apart")
    each, without = estimate_gain(20, drawn, chosen, groups=np.arange(90)), estimate_gain(20, drawn, chosen)
    assert (each.low, each.high) == pytest.approx((without.low, without.high), abs=0.01)
