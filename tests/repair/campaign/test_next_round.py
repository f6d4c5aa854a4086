"""What to do next: the three answers at their borders, and what is said of a label that fails."""

import numpy as np
import pytest
from scipy.stats import norm

from mode_utils.repair.campaign.gain import Gain
from mode_utils.repair.campaign.next_round import (
    Forecast,
    LabelForecast,
    decide,
    forecast_label,
    forecast_round,
    samples_to_show,
    say_label,
)

BETTER, WORSE = Gain(20, 0.03, 0.01, 0.05, 0.005, 0.06), Gain(20, -0.03, -0.05, -0.01, -0.06, -0.005)
ABOVE, BELOW = Gain(20, 0.01, -0.01, 0.03, -0.02, 0.04), Gain(20, -0.01, -0.03, 0.01, -0.04, 0.02)
PAYS = Forecast(100, 0.02, 0.005)


def worth(probability, cost=0.0025):
    """Return a forecast that brings less than a cost with a probability."""
    return Forecast(100, cost - 0.01 * norm.ppf(probability), 0.01)


@pytest.mark.parametrize(
    ("gain", "forecast", "n_rounds", "advice"),
    [
        (None, PAYS, 1, "choose"), (None, PAYS, 9, "choose"), (None, worth(0.76), 1, "stop"),
        (None, worth(0.74), 1, "choose"), (BETTER, worth(0.76), 1, "stop"), (WORSE, worth(0.76), 1, "stop"),
        (BETTER, PAYS, 5, "choose"), (WORSE, PAYS, 1, "draw"), (WORSE, PAYS, 5, "draw"), (BELOW, PAYS, 4, "choose"),
        (BELOW, PAYS, 5, "draw"), (BELOW, PAYS, 6, "draw"), (ABOVE, PAYS, 5, "choose"),
        (Gain(20, 0.0, -0.1, 0.1, -0.1, 0.1), PAYS, 5, "draw"),
    ],
)  # fmt: skip
def test_each_answer_has_its_border(gain, forecast, n_rounds, advice):
    found, why = decide(gain, forecast, n_rounds, 5)
    assert found == advice
    assert why.startswith({"stop": "stop: another 100", "draw": "draw at random", "choose": "go on choosing"}[advice])
    assert f"{100 * forecast.mean:+.2f} pp of accuracy" in why


def test_what_labels_have_to_be_worth_decides_when_to_stop():
    assert decide(None, worth(0.9), 1, 5, label_cost=0)[0] == "choose" or worth(0.9).below(0) >= 3 / 4
    assert decide(WORSE, Forecast(100, 0.001, 0.001), 1, 5, label_cost=0)[0] == "draw"
    assert decide(BETTER, PAYS, 1, 5, label_cost=50)[0] == "stop"
    costs = np.linspace(0, 5, 30)
    stops = [decide(BETTER, PAYS, 1, 5, cost)[0] == "stop" for cost in costs]
    assert stops == sorted(stops) and not stops[0] and stops[-1]
    twice = Forecast(200, PAYS.mean, PAYS.deviation)  # 100 labels at twice the cost
    assert [decide(None, twice, 1, 5, cost)[0] for cost in costs / 2] == [decide(None, PAYS, 1, 5, c)[0] for c in costs]


def test_a_round_that_has_levelled_off_is_to_be_the_last_and_one_that_rises_is_not():
    flat = forecast_round([0, 100, 200, 300], [430, 470, 471, 471], 500, 100, 0.002)
    steep = forecast_round([0, 100, 200, 300], [150, 250, 320, 370], 500, 100, 0.002)
    assert abs(flat.mean) < 0.01 < steep.mean and steep.labels == 100
    assert decide(BETTER, steep, 3, 5)[0] == "choose" and decide(BETTER, flat, 3, 5, label_cost=1)[0] == "stop"


def test_noise_of_training_widens_the_forecast_by_a_part_of_its_variance():
    points = [0, 100, 200], [300, 350, 380], 500, 100
    still, noisy = forecast_round(*points, 0.0), forecast_round(*points, 0.02)
    assert noisy.mean == still.mean
    assert noisy.deviation**2 == pytest.approx(still.deviation**2 + 0.7 * 0.02**2)
    low, high = noisy.ends
    assert high - low == pytest.approx(2 * 1.96 * noisy.deviation, rel=1e-3) and (low + high) / 2 == pytest.approx(
        noisy.mean
    )


def test_of_a_model_above_its_curve_less_is_expected_than_of_one_below():
    points = [0, 100, 200, 300], 500, 100, 0.0
    lucky, unlucky = (
        forecast_round(points[0], right, *points[1:]) for right in ([300, 350, 380, 415], [300, 350, 380, 385])
    )
    assert lucky.mean < unlucky.mean


def test_a_forecast_without_any_doubt_has_an_answer():
    assert Forecast(100, 0.01, 1e-12).below(0.02) == 1 and Forecast(100, 0.01, 1e-12).below(0) == 0


@pytest.mark.parametrize(("theta", "n"), [(0.92, 80), (0.5, 271), (0.99, 11)])
def test_samples_that_show_it_are_as_many_as_the_normal_interval_needs(theta, n):
    assert samples_to_show(theta) == n
    assert (
        norm.isf(0.05) * np.sqrt(theta * (1 - theta) / n)
        <= 0.05
        < norm.isf(0.05) * np.sqrt(theta * (1 - theta) / (n - 1))
    )


@pytest.mark.parametrize(
    ("low", "high", "told"), [(50, 200, True), (50, 201, False), (0, 40, True), (0, 41, False), (50, np.inf, False)]
)
def test_a_narrow_interval_is_told_and_a_wide_one_is_not(low, high, told):
    forecast = LabelForecast(30, 45.0, low, high, None)
    assert forecast.is_told == told
    said = say_label("ship", forecast, 0.92)
    if told:
        assert said == f"ship: 45 labels, {low} to {high}; 80 validation samples to show it"
    else:
        assert said == "ship: cannot tell yet after 30 labels of its own"


def test_of_a_label_with_few_samples_it_cannot_be_told_and_of_one_with_many_it_can():
    given = [0, 30, 60, 120]
    few, many = (forecast_label(given, np.round(n * np.array([0.1, 0.6, 0.75, 0.88])), n, 0.92) for n in (8, 2_000))
    assert few.given == many.given == 120 and not few.is_told and many.is_told
    assert 120 < many.labels < 600
    assert not forecast_label([0, 0, 0], [0, 0, 0], 40, 0.92).is_told  # none of its own was found yet


FORMS = {  # accuracies before and after each of five rounds, as campaigns had them
    "halved each round": lambda start, rise: start + rise * (1 - 0.5 ** np.arange(6)) * 2,
    "a third each round": lambda start, rise: start + rise * (1 - (1 / 3) ** np.arange(6)) * 1.5,
    "all at once": lambda start, rise: start + rise * (np.arange(6) > 0),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_interval_of_the_next_round_holds_for_curves_of_other_forms(form):
    """Accuracy grows by 5 to 10 points at first; sampled as 500 validation samples sample it."""
    rng, held, n = np.random.default_rng(8), [], 500
    for _ in range(60):
        path = FORMS[form](rng.uniform(0.6, 0.75), rng.uniform(0.05, 0.1)).clip(max=0.97)
        right = (rng.random(n) < path[:, None]).sum(axis=1)  # the same samples each time
        played = rng.integers(1, 5)
        low, high = forecast_round(150 * np.arange(played + 1), right[: played + 1], n, 150, 0.004).ends
        held.append(low <= path[played + 1] - path[played] <= high)
    assert np.mean(held) >= 0.88  # 95% of 60, but for chance
