import numpy as np
import pandas as pd
import pytest

from mode_utils.study.label_economy import fit_payoff, predict_gain, surplus


def test_the_surplus_is_what_serving_labels_by_their_error_adds():
    errors, rng = np.array([0.9, 0.1, 0.1, 0.1]), np.random.default_rng(0)
    served = rng.random(200_000) < errors[rng.choice(4, 200_000, p=errors / errors.sum())]
    alike = rng.random(200_000) < errors[rng.integers(4, size=200_000)]
    assert surplus(errors) == pytest.approx(served.mean() - alike.mean(), abs=0.005)


def test_equal_labels_have_no_surplus_nor_has_a_perfect_model():
    assert surplus([0.2, 0.2, np.nan]) == pytest.approx(0)
    assert surplus(np.zeros((2, 3))).tolist() == [0, 0]


def test_a_predicted_gain_is_fitted_on_other_settings():
    others = pd.DataFrame({"surplus": [0.1, 0.2, 0.0], "slope": [0.0, 0.0, 0.1], "difference": [0.01, 0.02, 0.03]})
    assert fit_payoff(others) == pytest.approx([0.1, 0.3])
    settings = pd.DataFrame({"surplus": [0.4, 0.01, 0.3, 0.0], "slope": [0.0, 0.0, -0.2, 0.02]})
    found = predict_gain(others, settings.assign(difference=[0.05, 0.0, -0.01, -0.01]))
    assert found["foretold"].tolist() == pytest.approx([0.04, 0.001, -0.03, 0.006])
    assert found["says"].tolist() == [True, False, False, True]
    assert found["hit"].tolist() == [True, True, True, False]


def test_a_sign_that_no_setting_has_predicts_nothing():
    flat = pd.DataFrame({"surplus": [0.0, 0.0], "slope": [0.1, 0.2], "difference": [0.1, 0.2]})
    assert fit_payoff(flat) == pytest.approx([0, 1])
