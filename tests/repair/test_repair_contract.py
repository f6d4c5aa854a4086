"""A contract is kept or broken no oftener by chance than is said; trades and flips are found; old samples choose."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from tiers import by_night, cover

from mode_utils.repair.conclusion import say_contract
from mode_utils.repair.contract import BROKEN, KEPT, OLD, OPEN, VALIDATION, Contract, Parts, judge_contract
from mode_utils.repair.reading.arrays import check_arrays
from mode_utils.repair.retraining import keep_back, losing, losses_of_labels

pytestmark = pytest.mark.slow

NAMES = [f"label {n}" for n in range(5)]


def changed(rng, n, lost, share=0.05, accuracy=0.8):
    """Return labels, and what is predicted before and after, of which a share `lost` of each label's is lost."""
    y = np.repeat(np.arange(len(NAMES)), n)
    before = np.where(rng.random(len(y)) < accuracy, y, (y + 1) % len(NAMES))
    lost, right = np.broadcast_to(lost, len(NAMES))[y], before == y
    gone = right & (rng.random(len(y)) < (share + np.maximum(lost, 0)) / accuracy)
    come = ~right & (rng.random(len(y)) < (share + np.maximum(-lost, 0)) / (1 - accuracy))
    return y, before, np.where(gone, (y + 1) % len(NAMES), np.where(come, y, before))


def outcomes(lost, n, tolerance, studies=60, **made):
    rng, contract = np.random.default_rng(n), Contract(whole=tolerance, label=tolerance)
    return [judge_contract(contract, {VALIDATION: changed(rng, n, lost, **made)}, NAMES)[0] for _ in range(studies)]


SIZES = list(product([10, 50, 150], [0.02, 0.1]))


@pytest.mark.parametrize(("n", "tolerance"), by_night(SIZES, but=cover(SIZES)))
def test_what_has_lost_as_much_as_the_tolerance_is_rarely_kept_and_what_has_lost_nothing_rarely_broken(n, tolerance):
    limit = 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    at_limit = [each.terms["outcome"].to_numpy() == KEPT for each in outcomes(tolerance, n, tolerance)]
    assert np.mean(at_limit, axis=0).max() <= limit
    assert np.mean([each.outcome == BROKEN for each in outcomes(0.0, n, tolerance)]) <= limit


def test_a_large_loss_is_broken_and_a_gain_is_kept():
    lost = np.array([0.3, -0.12, -0.12, -0.12, -0.12])
    found = outcomes(lost, 400, 0.02, studies=20)
    assert all(each.of(BROKEN)["term"].tolist()[0] == "label 0" for each in found)
    assert np.mean([len(each.of(KEPT)) for each in found]) > 3.5


def test_of_few_samples_it_says_how_many_it_would_take_and_old_ones_can_show_that_a_label_is_kept():
    rng = np.random.default_rng(0)
    few, many = changed(rng, 10, 0.0, share=0.0), changed(rng, 500, 0.0, share=0.0)
    alone, _ = judge_contract(Contract(), {VALIDATION: few}, NAMES)
    assert alone.outcome == OPEN and alone.terms["needed"].iloc[1] == "about 160"
    told = "\n".join(say_contract(alone))
    assert "cannot tell of all samples, label 0" in told and "up to 21.3 points are possible" in told
    helped, _ = judge_contract(Contract(), {VALIDATION: few, OLD: many}, NAMES)
    assert (helped.terms["outcome"].iloc[1:6] == KEPT).all() and helped.terms["old_samples"].iloc[1] == 500


def test_old_samples_do_not_hide_a_loss_that_validation_shows():
    rng = np.random.default_rng(0)
    sides = {VALIDATION: changed(rng, 40, [0.5, 0, 0, 0, 0], share=0), OLD: changed(rng, 900, 0.0, share=0)}
    found, verdicts = judge_contract(Contract(), sides, NAMES)
    assert found.terms["outcome"].iloc[1] == BROKEN and verdicts[0] == "new bug" and not found.large
    sides[VALIDATION] = changed(rng, 6, [0.5, 0, 0, 0, 0], share=0)
    assert judge_contract(Contract(), sides, NAMES)[0].terms["outcome"].iloc[1] != BROKEN


def test_a_label_that_loses_a_lot_of_old_samples_asks_and_one_of_few_samples_does_not():
    y, after, old = np.repeat(np.arange(5), 10), np.repeat(np.arange(5), 10), np.repeat(np.arange(5), 200)
    after[:2] = 1
    sides = {VALIDATION: (y, y, after), OLD: (old, old, np.where(np.arange(1000) < 24, 1, old))}
    found, verdicts = judge_contract(Contract(), sides, NAMES)
    assert found.large == ["label 0"] and verdicts[0].startswith("cannot tell: it would take")
    assert found.flips["index"].tolist() == [0, 1] and found.flips["after"].tolist() == ["label 1"] * 2
    assert not judge_contract(Contract(large=0.3), sides, NAMES)[0].large
    alone = judge_contract(Contract(), {VALIDATION: sides[VALIDATION]}, NAMES)[0]
    assert not alone.large and "label 0 loses 20.0 points, perhaps" in "\n".join(say_contract(alone))


def test_what_one_label_loses_to_another_is_shown_with_both_sides():
    y = np.repeat([0, 1], 100)
    before, after = np.zeros(200, int), y.copy()
    after[:30] = 1
    sides = {VALIDATION: (y, before, after), "test": (y, y, 1 - y)}  # which decides nothing
    verdict, _ = judge_contract(Contract(), sides, NAMES[:2])
    (trade,) = verdict.trades
    assert (trade.loser, trade.winner, trade.lost, trade.given) == ("label 0", "label 1", 0.3, 0.3)
    assert (trade.gained, trade.taken) == (1.0, 1.0)
    told = "\n".join(say_contract(verdict))
    assert "a trade: label 0 loses 30.0 points, 30.0 are now taken for label 1; that gains 100.0 points" in told
    assert "broken: label 0 loses 30.0 points, 2.0 points are allowed" in told and "30 validation samples" in told


@pytest.mark.parametrize("n", [100, 500])
def test_calibration_is_broken_rarely_by_chance_and_surely_where_it_is(n):
    rng, found = np.random.default_rng(n), {"same": [], "sure": []}
    for _ in range(40):
        y, score = rng.integers(3, size=n), rng.normal(size=(n, 3))
        score[np.arange(n), y] += 1.2
        noise = score + rng.normal(0, 0.1, score.shape)
        before = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
        for name, logits in {"same": noise, "sure": 5 * noise}.items():
            after = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            verdict, _ = judge_contract(Contract(), {VALIDATION: (y, before, after)}, NAMES[:3])
            found[name].append((verdict.terms["outcome"] == BROKEN).iloc[-2:].to_numpy())
    assert np.mean(np.any(found["same"], axis=1)) <= 0.15
    assert np.mean(found["sure"]) > (0.3 if n == 100 else 0.9)


def test_labels_that_lose_get_more_old_samples_if_one_loses_much_and_few_samples_decide_little():
    def lost(*counts):
        y = np.repeat(np.arange(len(counts)), [n for n, _ in counts])
        after = np.concatenate([np.where(np.arange(n) < k, label + 1, label) for label, (n, k) in enumerate(counts)])
        return losses_of_labels(y, np.eye(4)[y], np.eye(4)[after])

    np.testing.assert_allclose(lost((10, 1), (990, 99), (0, 0)), [0.05, 0.099, 0, 0])
    assert losing(lost((10, 1), (190, 6))) == () and losing(lost((10, 1), (190, 6), (190, 20))) == (0, 1, 2)
    assert losing(lost((0, 0))) == ()


def test_old_samples_that_choose_judge_and_are_replayed_are_different_ones():
    x = np.arange(1_000, dtype=np.float32)[:, None]
    data = check_arrays({f"{kind}_{role}": x if kind == "x" else np.arange(1_000) % 5 for role in
                         ("train", "validation", "pool") for kind in "xy"})  # fmt: skip
    options = SimpleNamespace(replay=4.0)
    for n_new, n_back in ((20, 880), (100, 400), (300, 200)):
        kept = keep_back(SimpleNamespace(data=data, options=options, seed=0), np.arange(n_new), np.zeros(n_new, int))
        parts = [kept.choose[0][:, 0], kept.judge[OLD][0][:, 0], kept.splits.train.x[:, 0]]
        assert len(parts[0]) + len(parts[1]) == n_back and np.array_equal(np.sort(np.concatenate(parts)), x[:, 0])


def test_groups_and_modes_are_terms_and_a_loss_of_one_group_is_no_loss_of_many():
    """All that is lost lies in one site of six: the site is broken, and the whole cannot be told by six groups."""
    rng = np.random.default_rng(0)
    y, groups = rng.integers(3, size=600), np.repeat(np.arange(6), 100)
    after = np.where((groups == 2) & (rng.random(600) < 0.6), (y + 1) % 3, y)
    sides, places = {VALIDATION: (y, y, after)}, {f"group {n}": np.flatnonzero(groups == n) for n in range(6)}
    alone, _ = judge_contract(Contract(), sides, NAMES[:3])
    verdict, labels = judge_contract(Contract(), sides, NAMES[:3], Parts(groups, places))
    of_alone, of_both = (each.terms.set_index("term")["outcome"] for each in (alone, verdict))
    assert of_alone["all samples"] == "broken" and of_both["all samples"] == "cannot tell"
    assert of_both["group 2"] == "broken" and (of_both[[f"group {n}" for n in (0, 1, 3, 4, 5)]] == "kept").all()
    assert verdict.outcome == "broken" and "new bug" not in labels
