"""A campaign on hidden labels: the same again, by no label that was not asked for, and nothing is drawn twice."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mode_utils.model_training import train_initial_model
from mode_utils.options import DebugOptions
from mode_utils.repair.campaign.played import PlayedCampaign, play_campaign
from mode_utils.run_setup import RunSetup, split_for_run

pytestmark = pytest.mark.slow

SETUP = RunSetup(
    n_train=800, n_bug_fixing=600, n_validation=200, n_test=300, scenario="starved", labelled=False, initial_epochs=2
)


@pytest.fixture(scope="module")
def begun(mnist, shared_trainer):
    """Return splits with hidden labels, and the state of a model that fails."""
    splits = split_for_run(mnist, SETUP, 0)
    with shared_trainer.at():
        train_initial_model(shared_trainer, splits, SETUP, 0)
        return splits, shared_trainer.state()


def begin(begun, trainer, splits=None, at_random=False, **options):
    trainer.restore(begun[1])
    options = {"batch_size": 100, "control_share": 0.1, "layer_selection": False, "epochs": 2} | options
    return PlayedCampaign(trainer, splits or begun[0], DebugOptions.preset("recommended", **options), 3, at_random)


@pytest.fixture(scope="module")
def played(begun, shared_trainer):
    with shared_trainer.at():
        campaign = begin(begun, shared_trainer)
        return campaign, *play_campaign(campaign, 2, 2, n_draws=2)


def test_a_campaign_is_told_and_scored_round_by_round(played):
    campaign, rounds, labels = played
    assert rounds["round"].tolist() == [0, 1, 2] and rounds["labels"].tolist() == [0, 100, 200]
    told = rounds.iloc[1:]
    assert told[["gain", "low_of_all", "forecast"]].notna().all(axis=None)
    assert set(told["advice"]) <= {"choose", "draw", "stop"}
    assert (told["forecast_low"] < told["forecast"]).all() and (told["forecast"] < told["forecast_high"]).all()
    assert rounds["true_gain"].notna().sum() == 1 and rounds["true_next"].notna().sum() == 1
    assert rounds["validation_accuracy"].iloc[-1] > rounds["validation_accuracy"].iloc[0]
    failing = labels[labels["round"] == 2].set_index("label")["given"]
    assert failing.to_dict() == {label: campaign.given()[2, label] for label in failing.index}
    assert (labels["low"] <= labels["needed"]).all() and (labels["needed"] <= labels["high"]).all()
    assert len(campaign.describe_pool(list("0123456789"))) >= 3


def test_nothing_is_asked_for_twice_and_the_arm_is_the_beginning_of_a_random_order(played):
    """What was chosen before and is met there joins it: without that, it would be a sample of what choosing left."""
    campaign = played[0]
    asked, order = np.concatenate(campaign.batches), campaign._repair._order
    assert len(asked) == len(set(asked)) == 200 == campaign.given()[-1].sum()
    assert np.bincount(campaign.splits.bug_fixing.y[asked], minlength=10).tolist() == campaign.given()[-1].tolist()
    first, arm = campaign.arms
    np.testing.assert_array_equal(order[: len(arm)], arm)
    np.testing.assert_array_equal(first, arm[: len(first)])
    assert len(first) == 10 and len(arm) > 20 and set(arm) <= set(asked)


def test_it_is_the_same_again_whatever_the_labels_are_that_nobody_asked_for(begun, played, trainer):
    campaign, rounds, labels = played
    asked = np.concatenate(campaign.batches)
    y = np.array(begun[0].bug_fixing.y)
    others = np.setdiff1d(np.arange(len(y)), asked)
    y[others] = (y[others] + 1) % 10
    splits = replace(begun[0], bug_fixing=replace(begun[0].bug_fixing, y=y))
    again, its_labels = play_campaign(begin(begun, trainer, splits), 2, 2)
    true = ["true_gain", "true_next"]
    pd.testing.assert_frame_equal(again.drop(columns=true), rounds.drop(columns=true))
    pd.testing.assert_frame_equal(its_labels, labels)


def test_without_an_arm_there_is_no_gain_and_no_fact_on_the_pool_but_the_rest(begun, trainer):
    campaign = begin(begun, trainer, control_share=0.0)
    rounds, _ = play_campaign(campaign, 1, n_draws=2)
    assert "gain" not in rounds and rounds["true_gain"].isna().all()
    assert rounds["forecast"].notna().sum() == 1 and rounds["advice"].iloc[1] in ("choose", "stop")
    assert campaign.describe_pool(list("0123456789")) == []


def test_a_campaign_at_random_has_no_choice_to_judge(begun, trainer):
    campaign = begin(begun, trainer, at_random=True)
    assert len(campaign.play_rounds(1)) == 2 and campaign.judge(1).gain is None


def test_where_nothing_is_wrong_no_round_is_played_and_nothing_changes(begun, trainer):
    campaign = begin(begun, trainer, theta=0.0, gamma=1.0, allocation="faultiest label")
    before = trainer.state()
    assert not campaign.play_round() and not campaign.arms
    assert all((a == b).all() for a, b in zip(before, trainer.state(), strict=True))
    rounds, labels = play_campaign(campaign, 2)
    assert len(rounds) == 1 and not len(labels)
