from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.metrics import log_loss

from mode_utils.allocation import Group
from mode_utils.candidates import Candidates
from mode_utils.heatmaps import class_heatmaps
from mode_utils.input_selection import standardise
from mode_utils.options import DebugOptions
from mode_utils.outside_selectors import register_outside_selectors
from mode_utils.selectors import SELECTORS, register_selector, selector_scores
from mode_utils.similarity import similarity_scores

NEURONS = DebugOptions(metric="euclidean", space="neurons", layer_selection=False)


@pytest.fixture
def make_candidates(trainer, splits):
    own = trainer.predict(splits.diagnosis.x).argmax(axis=1)

    def make(selector, members=(range(40), range(100, 160)), n_wanted=10, fault="underfit", **changes):
        groups = [Group(np.array(each), n_wanted) for each in members]
        options = replace(NEURONS, selector=selector, **changes)
        return Candidates(trainer, splits, options, groups, fault, own, np.random.default_rng(0))

    return make


@pytest.fixture
def score(make_candidates):
    return lambda selector, **changes: selector_scores(make_candidates(selector, **changes))


@pytest.mark.parametrize("name", SELECTORS)
def test_every_selector_scores_every_candidate_the_same_each_time(score, name):
    first, second = score(name), score(name)
    assert first.shape == (100,) and np.array_equal(first, second, equal_nan=True)
    assert np.isnan(first).all() == (name == "random")


def test_uncertainty_is_that_of_the_oracles(make_candidates, score):
    candidates = make_candidates("random")
    p, y = candidates.probabilities.astype(float), candidates.labels
    assert np.allclose(score("entropy"), stats.entropy(p, axis=1), atol=1e-4)
    assert np.allclose(score("deepgini"), 1 - (p**2).sum(axis=1), atol=1e-6)
    ranked = np.sort(p, axis=1)
    assert np.allclose(score("margin"), ranked[:, -2] - ranked[:, -1], atol=1e-6)
    assert score("loss").mean() == pytest.approx(
        log_loss(y, p / p.sum(axis=1, keepdims=True), labels=range(10)), abs=1e-4
    )


def test_error_is_the_size_of_the_gradient_on_the_true_logit_and_has_the_order_of_the_loss(make_candidates, score):
    import tensorflow as tf

    candidates = make_candidates("error")
    logits = tf.Variable(np.log(np.maximum(candidates.probabilities, 1e-30)))
    with tf.GradientTape() as tape:
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(candidates.labels, logits)
    gradient = tape.gradient(loss, logits).numpy()[np.arange(100), candidates.labels]
    assert np.allclose(np.exp(score("error")), np.maximum(-gradient, 1e-6), atol=1e-5)
    assert np.array_equal(np.argsort(score("error"))[-20:], np.argsort(score("loss"))[-20:])


def test_similarity_compares_each_candidate_with_the_heat_map_of_its_own_label(make_candidates, score):
    candidates = make_candidates("similarity", space="pixels")
    diagnosis = candidates.splits.diagnosis
    maps = class_heatmaps(diagnosis.x, diagnosis.y, candidates.own_predictions, 10)
    expected = [
        similarity_scores(x[None], maps.of(y, "hci"), "euclidean")[0]
        for x, y in zip(candidates.x, candidates.labels, strict=True)
    ]
    assert np.allclose(score("similarity", space="pixels"), expected)
    assert np.allclose(score("similarity", space="pixels", ranking="worst"), -np.array(expected))


def test_overfit_labels_have_a_similarity_of_their_own(score):
    least = score("similarity", fault="overfit", overfit_selection="least similar to hci")
    assert np.allclose(least, score("similarity", ranking="worst"))
    assert np.isnan(score("similarity", fault="overfit", overfit_selection="random")).all()


def test_a_label_without_its_heat_map_is_unknown_and_the_others_are_not(trainer, splits, make_candidates):
    candidates = make_candidates("similarity", space="pixels")
    own = np.where(candidates.own_predictions == 8, 3, candidates.own_predictions)
    unknown = np.isnan(selector_scores(replace(candidates, own_predictions=own)))
    assert np.array_equal(unknown, candidates.labels == 8) and unknown.any()


def test_a_state_is_0_at_hci_and_1_at_hwi(make_candidates):
    candidates = make_candidates("state differential")
    maps, labels = candidates.state_heatmaps, candidates.labels
    label = int(np.flatnonzero(maps.counts["hwi"])[0])
    states = np.linspace(maps.hci[label], maps.hwi[label], len(labels))
    candidates.__dict__.update(states=states, labels=np.full(len(labels), label))
    assert np.allclose(selector_scores(candidates), np.linspace(0, 1, len(labels)))


def test_a_state_margin_says_whose_heat_map_is_nearest(make_candidates, score):
    candidates = make_candidates("state margin")
    nearest = cdist(candidates.states, candidates.state_heatmaps.hci).argmin(axis=1)
    assert np.array_equal(score("state margin") > 0, nearest != candidates.labels)
    assert 0 < (nearest != candidates.labels).mean() < 1


def test_a_missing_heat_map_makes_its_own_label_unknown_and_no_other(make_candidates):
    candidates = make_candidates("state margin")
    own = np.where(candidates.own_predictions == 8, 3, candidates.own_predictions)
    scores = selector_scores(replace(candidates, own_predictions=own))
    assert np.array_equal(np.isnan(scores), candidates.labels == 8)


def test_adaptive_is_margin_where_all_is_right_and_state_margin_where_all_is_wrong(make_candidates, score):
    for share, like in ((0.0, "margin"), (1.0, "state margin")):
        candidates = make_candidates("adaptive")
        candidates.__dict__["label_errors"] = np.full(10, share)
        for place, _ in candidates.by_group():
            expected = standardise(score(like)[place])
            assert np.allclose(selector_scores(candidates)[place], expected, atol=1e-5)


def test_a_scaled_temperature_follows_the_error_of_each_groups_label(make_candidates, splits):
    three, five = (np.flatnonzero(splits.bug_fixing.y == label) for label in (3, 5))
    candidates = make_candidates("random", members=(three, five), temperature=2.0, scale_temperature=True)
    wrong = candidates.own_predictions != splits.diagnosis.y
    expected = [2 * wrong[splits.diagnosis.y == label].mean() for label in (3, 5)]
    assert candidates.temperature.tolist() == pytest.approx(expected)
    assert make_candidates("random", temperature=2.0).temperature == 2.0


def test_k_center_takes_the_farthest_from_all_that_are_known_or_chosen(make_candidates):
    candidates = make_candidates("k-center")
    scores = selector_scores(candidates)
    train = candidates.splits.train
    drawn = np.random.default_rng(0).choice(len(train), 2_000, replace=False)
    known = candidates.states_of(train.take(drawn)[0]).astype(float)
    for place, n_wanted in candidates.by_group():
        states, turns = candidates.states[place].astype(float), np.argsort(-scores[place], kind="stable")[:n_wanted]
        for turn in turns:
            nearest = cdist(states, known).min(axis=1)
            assert nearest[turn] == pytest.approx(nearest.max(), rel=1e-3)
            known = np.concatenate([known, states[turn : turn + 1]])


def test_a_selector_costs_only_what_it_looks_at(make_candidates):
    candidates = make_candidates("deepgini")
    selector_scores(candidates)
    assert "view" not in candidates.__dict__ and candidates.target_layer is None
    candidates = make_candidates("random")
    selector_scores(candidates)
    assert "x" not in candidates.__dict__


def test_a_selector_of_ones_own_plugs_in_by_name(make_candidates, score):
    register_selector("brightest", lambda candidates: candidates.x.mean(axis=(1, 2)))
    try:
        assert np.array_equal(score("brightest"), make_candidates("random").x.mean(axis=(1, 2)))
        register_selector("brightest", lambda candidates: candidates.x)
        with pytest.raises(
            ValueError, match=r"selector 'brightest' returned \(100, 28, 28\) scores for 100 candidates"
        ):
            score("brightest")
    finally:
        del SELECTORS["brightest"]
    with pytest.raises(ValueError, match="unknown selector 'brightest'"):
        DebugOptions(selector="brightest")


def test_no_candidates_have_no_scores(score):
    assert score("deepgini", members=([],)).shape == (0,)


@pytest.fixture
def outside():
    before = dict(SELECTORS)
    register_outside_selectors()
    yield
    SELECTORS.clear()
    SELECTORS.update(before)


def test_surprise_is_the_mahalanobis_distance_from_what_was_trained_on(outside, make_candidates, score):
    candidates = make_candidates("surprise")
    train = candidates.states_of(candidates.splits.train.x).astype(float)
    centred = candidates.states - train.mean(axis=0)
    expected = np.einsum("ij,jk,ik->i", centred, np.linalg.pinv(np.cov(train.T, bias=True)), centred)
    assert stats.spearmanr(score("surprise"), expected).statistic > 0.999


def test_probcover_gives_each_group_as_many_turns_as_it_has_places(outside, make_candidates, score):
    scores = score("probcover")
    for place, n_wanted in make_candidates("probcover").by_group():
        assert sorted(-scores[place])[: n_wanted + 1] == [*range(n_wanted), 100]
