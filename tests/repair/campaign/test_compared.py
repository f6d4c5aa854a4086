"""Comparison of a choice with random inputs: other draws each time, and an interval for all that differs."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from mode_utils.repair import compare_with_random
from mode_utils.repair.campaign import compared as module

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class MadeCase:
    """A case whose retraining is an arithmetic: what a model gets right is decided by what it was given."""

    data: object
    seed: int = 0
    used: tuple = ()
    trainer: object = None


def made_case(n_test=400, x_test=True, n_pool=2_000):
    data = SimpleNamespace(x_pool=np.zeros(n_pool), y_pool=np.arange(n_pool) % 10, pool_labelled=True)
    data.groups_in = dict.fromkeys(("test", "pool", "validation")).get
    data.x_test, data.y_test = (np.zeros(n_test), np.zeros(n_test, int)) if x_test else (None, None)
    data.x_validation, data.y_validation = np.zeros(60), np.zeros(60, int)
    return MadeCase(data, trainer=SimpleNamespace(at=nullcontext))


@pytest.fixture
def retrainings(monkeypatch):
    """Return what each retraining was given, and let `right` say which samples are right after it."""
    seen = SimpleNamespace(calls=[], right=lambda case, indices: np.ones(5, bool))

    def take(case, indices, labels, x, y):
        np.testing.assert_array_equal(labels, case.data.y_pool[indices])
        seen.calls.append((case.seed, np.asarray(indices)))
        return seen.right(case, indices)

    monkeypatch.setattr(module, "_right", take)
    return seen


def test_each_seed_draws_others_of_what_was_not_used_and_the_choice_stays(retrainings):
    case = replace(made_case(), used=np.arange(1_900))
    found = compare_with_random(case, np.arange(1_900, 1_930), case.data.y_pool[1_900:1_930], n_seeds=4)
    chosen, drawn = retrainings.calls[::2], retrainings.calls[1::2]
    assert [seed for seed, _ in chosen] == [seed for seed, _ in drawn] == [0, 1, 2, 3]
    assert all((indices == np.arange(1_900, 1_930)).all() for _, indices in chosen)
    sets = [frozenset(indices.tolist()) for _, indices in drawn]
    assert len(set(sets)) == 4 and all(len(each) == 30 and min(each) >= 1_900 for each in sets)
    assert found.gain.mean == 0 and found.gain.verdict == "not told apart" and len(found.table) == 4


def test_who_judges_by_what_the_choice_was_made_by_is_told(retrainings):
    on_test, on_pool, on_validation = (
        compare_with_random(made_case(x_test=given, n_pool=n), np.arange(9), np.arange(9) % 10, n_seeds=2)
        for given, n in ((True, 2_000), (False, 2_000), (False, 900))
    )
    assert on_test.doubt == on_pool.doubt == "" and (on_test.table["judged_on"] == "test").all()
    assert "which favours them" in on_validation.doubt


@pytest.mark.parametrize(
    ("n_samples", "of_draws", "of_training", "of_samples"),
    [(100, 0.0, 0.1, 0.5), (400, 0.3, 0.1, 0.5), (900, 0.1, 0.3, 0.9), (200, 0.2, 0.2, 0.0)],
)
def test_the_interval_covers_for_other_draws_other_trainings_and_other_samples(
    n_samples, of_draws, of_training, of_samples, retrainings
):
    """Samples are easier or harder for what was chosen, in all repairs: over seeds alone an interval covers less.

    Of draws that differ by 5 points, skewed as accuracies near 1 are, six tell the interval to 92%: Student's limit.
    """
    rng, hits, truth = np.random.default_rng(n_samples), [], []
    for _ in range(200):
        easy, gained = _population(rng, n_samples, of_samples)
        drawn_by = {}

        def right(case, indices, easy=easy, gained=gained, drawn_by=drawn_by):
            is_chosen = indices[0] == 0 and (np.diff(indices) == 1).all()
            part = 0.0 if is_chosen else drawn_by.setdefault(tuple(indices), rng.normal(0, of_draws))
            return easy + is_chosen * gained + part + rng.normal(0, of_training) + rng.normal(0, 0.4, len(easy)) > 0

        retrainings.right = right
        gain = compare_with_random(made_case(n_samples), np.arange(30), np.arange(30) % 10).gain
        hits.append((gain.low, gain.high))
        truth.append(gain.mean)
    hits = np.array(hits)
    covered = (hits[:, 0] <= np.mean(truth)) & (np.mean(truth) <= hits[:, 1])
    assert covered.mean() >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 200)


def _population(rng, n_samples, of_samples):
    return rng.normal(2, 1.5, n_samples), rng.normal(0.2, of_samples, n_samples)


def test_to_compare_takes_labels():
    case = SimpleNamespace(data=SimpleNamespace(pool_labelled=False))
    with pytest.raises(ValueError, match="to compare with random choice, what is drawn needs labels"):
        compare_with_random(case, np.arange(3), np.zeros(3, int))


def test_inputs_of_the_pool_that_judge_are_neither_chosen_nor_drawn(retrainings, monkeypatch):
    judged, take = [], module._right
    monkeypatch.setattr(module, "_right", lambda *given: judged.append(given[-1]) or take(*given))
    case, seen = made_case(x_test=False), retrainings.calls
    case.data.y_pool = np.arange(2_000)
    found = compare_with_random(case, np.arange(50), np.arange(50), n_seeds=3)
    assert (found.table["judged_on"] == "pool").all() and all((y == judged[0]).all() for y in judged)
    assert len(judged[0]) == 390 and not np.isin(judged[0], np.concatenate([each for _, each in seen])).any()
