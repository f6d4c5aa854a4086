from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mode_utils.debugging import debug_model, retrain_at_random
from mode_utils.options import DebugOptions

OPTIONS = DebugOptions(batch_size=200, max_iterations=3, epochs=1)


def generator():
    return np.random.default_rng(11)


@pytest.fixture
def repair(trainer, splits):
    """Return a function that repairs the same model again each time."""
    state = trainer.state()

    def run(strategy=debug_model, **changes):
        trainer.restore(state)
        return strategy(trainer, splits, replace(OPTIONS, **changes), generator())

    return run


@pytest.mark.parametrize("space", ["pixels", "neurons"])
@pytest.mark.parametrize("layer_selection", [True, False])
def test_a_repair_repeated_is_bit_identical(repair, space, layer_selection):
    tables = [repair(space=space, layer_selection=layer_selection).drop(columns="seconds") for _ in range(2)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert tables[0]["samples_added"].tolist() == [0, 200, 400, 600]


def test_mode_and_control_start_from_the_same_model_and_add_as_much(repair):
    mode, control = repair(), repair(retrain_at_random)
    scores = ["test_accuracy", "diagnosis_accuracy", "weakest_label_accuracy"]
    assert mode.loc[0, scores].equals(control.loc[0, scores])
    assert mode["samples_added"].equals(control["samples_added"])
    assert not mode.loc[1:, "test_accuracy"].equals(control.loc[1:, "test_accuracy"])


def test_new_samples_improve_a_model_that_has_seen_little(repair):
    for strategy in (debug_model, retrain_at_random):
        accuracy = repair(strategy, epochs=3)["test_accuracy"]
        assert accuracy.iloc[-1] > accuracy.iloc[0] + 0.02


def test_underfitting_is_served_with_the_weakest_label_and_alpha_of_the_batch(repair):
    table = repair(theta=1.0)
    assert (table["fault"][1:] == "underfit").all() and (table["n_ranked"][1:] == 50).all()
    assert not table["finished_early"].any()


def test_overfitting_is_served_when_nothing_is_underfit(repair):
    table = repair(theta=0.0, gamma=0.0)
    assert (table["fault"][1:] == "overfit").all()


def test_the_worst_are_taken_for_overfit_labels_unless_told_otherwise(repair):
    auto, worst, best = (
        repair(theta=0.0, gamma=0.0, ranking=r).drop(columns="seconds") for r in ("auto", "worst", "best")
    )
    assert auto.equals(worst) and not auto.equals(best)


def test_mode_finishes_before_the_first_iteration_when_no_label_is_buggy(repair):
    table = repair(theta=0.0, gamma=1.0)
    assert len(table) == 1 and table["finished_early"].all()
    assert len(repair(retrain_at_random, theta=0.0, gamma=1.0)) == 4


def test_layer_selection_names_its_layer_and_pixels_without_it_need_none(repair):
    assert repair()["target_layer"][1:].isin(["hidden_1", "hidden_2"]).all()
    assert repair(layer_selection=False)["target_layer"].isna().all()
    assert (repair(layer_selection=False, space="neurons")["target_layer"][1:] == "hidden_2").all()


@pytest.mark.parametrize("change", [{"metric": "l1"}, {"heatmap": "hwi"}, {"space": "neurons"}, {"alpha": 0.8}])
def test_every_choice_has_an_effect(repair, change):
    assert not repair(**change)["test_accuracy"].equals(repair()["test_accuracy"])


def test_a_label_without_its_heat_map_is_served_at_random(trainer, splits):
    """A model that never answers 8: HCI_8 does not exist."""
    weights, bias = trainer.model.get_layer("output").get_weights()
    bias[8] = -1e3
    trainer.model.get_layer("output").set_weights([weights, bias])
    table = debug_model(trainer, splits, replace(OPTIONS, layer_selection=False, max_iterations=1), generator())
    assert table["target_label"][1] == 8 and table["n_ranked"][1] == 0
    assert table["samples_added"][1] == 200


def test_a_budget_beyond_the_pool_is_an_error_before_any_training(trainer, splits):
    before = trainer.state()
    with pytest.raises(
        ValueError, match=r"batch_size = 600 x max_iterations = 3 needs 1800 samples, but the pool has 1500"
    ):
        debug_model(trainer, splits, replace(OPTIONS, batch_size=600), generator())
    assert all(np.array_equal(a, b) for a, b in zip(before, trainer.state(), strict=True))
