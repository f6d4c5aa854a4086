from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from all_pairs import all_pairs
from tiers import by_night, cover

from mode_utils.debugging import debug_model, retrain_at_random
from mode_utils.options import PRESETS, DebugOptions
from mode_utils.selection.allocation import ALLOCATIONS, SERVE_BUGS
from mode_utils.selection.selectors import OVERFIT_SELECTIONS, SELECTORS
from mode_utils.study.outcomes import paired_outcomes
from mode_utils.study.runs_table import TIMES

pytestmark = pytest.mark.slow

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


@pytest.fixture(scope="module")
def unchanged(shared_trainer, initial_state, splits):
    """Return the accuracies of a repair with the options that the others change."""
    with shared_trainer.at(initial_state):
        return debug_model(shared_trainer, splits, replace(OPTIONS, max_iterations=1), generator())["test_accuracy"]


LOOKS = list(product(["pixels", "neurons", "importance"], [True, False]))


@pytest.mark.parametrize(("space", "layer_selection"), by_night(LOOKS, but=cover(LOOKS)))
def test_a_repair_repeated_is_bit_identical(repair, space, layer_selection):
    tables = [repair(space=space, layer_selection=layer_selection).drop(columns=list(TIMES)) for _ in range(2)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert tables[0]["samples_added"].tolist()[:4] == [0, 200, 400, 600]


def test_mode_and_control_start_from_the_same_model_and_add_as_much(repair):
    mode, control = repair(), repair(retrain_at_random)
    scores = ["test_accuracy", "diagnosis_accuracy", "train_accuracy", "weakest_label_accuracy"]
    assert mode.loc[0, scores].equals(control.loc[0, scores])
    assert set(mode["samples_added"]) <= set(control["samples_added"])
    assert not mode.loc[1:3, "test_accuracy"].equals(control.loc[1:3, "test_accuracy"])


def test_new_samples_improve_a_model_that_has_seen_little(repair):
    for strategy in (debug_model, retrain_at_random):
        accuracy = repair(strategy, epochs=3)["test_accuracy"]
        assert accuracy.iloc[-1] > accuracy.iloc[0] + 0.02


def test_underfitting_is_served_with_the_weakest_label_and_alpha_of_the_batch(repair):
    table = repair(theta=1.0, gamma=1.0)
    assert (table["fault"][1:] == "underfit").all() and (table["n_ranked"][1:] == 50).all() and len(table) == 4
    assert not table["finished_early"].any()


def test_overfitting_is_served_when_nothing_is_underfit(repair):
    table = repair(theta=0.0, gamma=0.0)
    assert (table["fault"][1:] == "overfit").all()


@pytest.mark.parametrize("selection", [name for name in OVERFIT_SELECTIONS if name != "random"])
def test_every_selection_for_overfit_labels_differs_from_random_choice(repair, selection):
    changes = {"theta": 0.0, "gamma": 0.0, "max_iterations": 1}
    ranked, random = (repair(**changes, overfit_selection=name) for name in (selection, "random"))
    assert ranked["n_ranked"][1] == 50 and random["n_ranked"][1] == 0
    assert ranked["target_label"][1] == random["target_label"][1]
    assert ranked["test_accuracy"][1] != random["test_accuracy"][1]


def test_a_control_of_fewer_iterations_is_the_beginning_of_a_longer_one(trainer, splits):
    state, tables = trainer.state(), []
    for n_iterations in (2, 5):
        trainer.restore(state)
        tables.append(retrain_at_random(trainer, splits, OPTIONS, generator(), n_iterations).drop(columns=list(TIMES)))
    pd.testing.assert_frame_equal(tables[0], tables[1][:3], check_exact=True)


def test_the_loop_ends_when_the_pool_has_no_whole_batch_left(trainer, splits):
    assert retrain_at_random(trainer, splits, OPTIONS, generator(), 99)["samples_added"].max() == 1_400


def test_mode_finishes_before_the_first_iteration_when_no_label_is_buggy(repair):
    table = repair(theta=0.0, gamma=1.0)
    assert len(table) == 1 and table["finished_early"].all()
    assert len(repair(retrain_at_random, theta=0.0, gamma=1.0)) == 8  # as far as another repair of this pool could go


ENDS = all_pairs(
    allocation=list(ALLOCATIONS), faults=[(0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (0.7, 0.3)], batch_size=[60, 700]
)  # the pool has two batches of 700


@pytest.mark.parametrize("number", by_night(range(len(ENDS)), but=cover(range(len(ENDS)), lambda n: ENDS[n].values())))
def test_a_control_can_be_compared_wherever_its_repair_ends(repair, number):
    allocation, (theta, gamma), batch_size = ENDS[number].values()
    changes = {"allocation": allocation, "theta": theta, "gamma": gamma, "batch_size": batch_size}
    changes |= {"max_iterations": 2, "layer_selection": False}
    mode, control = repair(**changes), repair(retrain_at_random, **changes)
    both = pd.concat([mode.assign(strategy="mode"), control.assign(strategy="control")]).assign(seed=0, metric="l1")
    assert paired_outcomes(both)["samples"].item() == mode["samples_added"].iloc[-1]
    if allocation in SERVE_BUGS:
        assert mode["finished_early"].all() == (mode[["n_underfit", "n_overfit"]].iloc[-1].sum() == 0)
    else:
        assert not mode["finished_early"].any() and len(mode) == 3


def test_layer_selection_names_its_layer_and_pixels_without_it_need_none(repair):
    assert repair()["target_layer"][1:].isin(["hidden_1", "hidden_2"]).all()
    assert repair(layer_selection=False)["target_layer"].isna().all()
    assert (repair(layer_selection=False, space="neurons")["target_layer"][1:] == "hidden_2").all()


@pytest.mark.parametrize(
    "change",
    [
        {"metric": "l1"}, {"heatmap": "hwi"}, {"space": "neurons"}, {"space": "importance"}, {"ranking": "worst"},
        {"alpha": 0.8}, {"allocation": "buggy labels"}, {"allocation": "all labels"}, {"allocation": "whole pool"},
        {"temperature": 0.5}, {"temperature": 0.5, "scale_temperature": True}, {"replay": 1.0},
        *({"selector": name} for name in SELECTORS if name != "similarity"),
    ],
)  # fmt: skip
def test_every_choice_has_an_effect(repair, change, unchanged):
    assert not repair(**change, max_iterations=1)["test_accuracy"].equals(unchanged)


def test_drawing_at_random_from_the_whole_pool_is_a_control(repair):
    """A selector that knows nothing, on the path that all selectors take."""
    options = {"selector": "random", "allocation": "whole pool", "alpha": 1.0, "epochs": 3}
    table = repair(**options)
    assert (table["n_ranked"][1:] == 0).all() and table["target_label"].isna().all() and len(table) == 4
    assert table["test_accuracy"].iloc[-1] > table["test_accuracy"].iloc[0] + 0.02


def test_the_recommended_preset_repairs_and_goes_on_without_buggy_labels(repair):
    changes = {"theta": 0.0, "gamma": 1.0, "epochs": 3, **PRESETS["recommended"]}
    mode, control = repair(**changes), repair(retrain_at_random, **changes)
    assert mode["samples_added"].tolist() == control["samples_added"].tolist() == [0, 200, 400, 600]
    assert mode["test_accuracy"].iloc[-1] > mode["test_accuracy"].iloc[0] + 0.02


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
