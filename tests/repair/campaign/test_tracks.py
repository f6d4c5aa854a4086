"""What judges a campaign: as many labels of each kind, others each time, and arms as they might have been drawn."""

import numpy as np
import pytest

from mode_utils.repair.campaign.gain import LEAST, judge_trainings, plan_trainings, redraw, run_trainings


@pytest.fixture
def pool():
    """Return an arm, what was chosen, and labels of a pool, in which label 3 is rare, and not in the arm."""
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 2_000, p=[0.5, 0.3, 0.2, 0.0])
    labels[500:520] = 3
    return np.arange(40), np.arange(400, 700), labels


@pytest.mark.parametrize(("n_arm", "n_chosen"), [(40, 300), (300, 40), (LEAST, 9), (40, 40)])
def test_all_models_get_as_many_labels_each_once_but_for_redrawn_arms(n_arm, n_chosen, pool, rng):
    arm, chosen = np.arange(n_arm), np.arange(400, 400 + n_chosen)
    plan, n = plan_trainings(arm, chosen, pool[2], rng), min(n_arm, n_chosen)
    assert {kind: len(every) for kind, every in plan.items()} == {"drawn": 8, "chosen": 8, "redrawn": 16}
    assert all(len(places) == n for every in plan.values() for places in every)
    for kind, among in {"drawn": arm, "chosen": chosen}.items():
        assert all(len(set(places)) == n and set(places) <= set(among) for places in plan[kind])
    assert all(set(places) <= {*arm, *chosen} for places in plan["redrawn"])
    if n_chosen > n:
        assert len({frozenset(places) for places in plan["chosen"]}) > 1


@pytest.mark.parametrize(("n_arm", "n_chosen"), [(LEAST - 1, 99), (99, LEAST - 1), (0, 9), (9, 0)])
def test_of_too_few_labels_nothing_is_judged(n_arm, n_chosen, pool, rng):
    assert plan_trainings(np.arange(n_arm), np.arange(400, 400 + n_chosen), pool[2], rng) == {}


def test_the_same_seed_makes_the_same_plan_and_another_one_another(pool):
    plans = [plan_trainings(*pool, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    same = [all(np.array_equal(a, b) for kind in plans[0] for a, b in zip(plans[0][kind], plan[kind], strict=True))
            for plan in plans]  # fmt: skip
    assert same == [True, True, False]


def test_redrawn_arms_have_labels_as_the_arm_has_and_now_and_then_one_that_it_lacks(pool, rng):
    arm, chosen, labels = pool
    every = np.concatenate([redraw(arm, np.concatenate([arm, chosen]), labels, rng) for _ in range(400)])
    shares = np.bincount(labels[every], minlength=4) / len(every)
    expected = (np.bincount(labels[arm], minlength=4) + 5 / 4) / (len(arm) + 5)
    np.testing.assert_allclose(shares, expected, atol=0.02)
    assert not (labels[arm] == 3).any() and 0 < shares[3] < 0.06


def test_labels_that_nobody_has_given_are_never_looked_at(pool, rng):
    arm, chosen, labels = pool
    hidden = np.full(len(labels), -1)
    hidden[np.concatenate([arm, chosen])] = labels[np.concatenate([arm, chosen])]
    plans = [plan_trainings(arm, chosen, known, np.random.default_rng(0)) for known in (labels, hidden)]
    assert all((a == b).all() for kind in plans[0] for a, b in zip(plans[0][kind], plans[1][kind], strict=True))


def test_every_training_has_a_number_of_its_own_and_the_gain_is_of_what_they_predict(pool, rng):
    plan, numbers, y = plan_trainings(*pool, rng), [], np.arange(100) % 4

    def retrain(places, number):
        numbers.append(number)
        n_right = 70 if places.max() < 100 else 80  # only the arm lies below
        return np.where(np.arange(100) < n_right, y, (y + 1) % 4)

    made = run_trainings(plan, retrain)
    assert len(set(numbers)) == len(numbers) == 32 and {each.shape for each in made.values()} == {(8, 100), (16, 100)}
    gain, spread = judge_trainings(made, y, 40)
    assert gain.mean == pytest.approx(0.1) and gain.labels == 40 and spread == 0
