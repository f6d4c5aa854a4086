from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.metrics import log_loss

from mode_utils.assessment import assess
from mode_utils.heatmaps import class_heatmaps
from mode_utils.options import DebugOptions
from mode_utils.selection.allocation import Group
from mode_utils.selection.candidates import Candidates
from mode_utils.selection.model_outputs import ModelOutputs, choose_view
from mode_utils.selection.next_batch import InputSelection, look_at_candidates
from mode_utils.selection.peers import register_peers
from mode_utils.selection.pool import standardise
from mode_utils.selection.selectors import SELECTORS, register_selector, selector_scores
from mode_utils.similarity import similarity_scores

NEURONS = DebugOptions(metric="euclidean", space="neurons", layer_selection=False)


@pytest.fixture
def make_candidates(trainer, splits):
    own = assess(trainer, splits)

    def make(
        selector,
        members=(range(40), range(100, 160)),
        n_wanted=10,
        fault="underfit",
        assessment=own,
        parts=None,
        **changes,
    ):
        groups = [Group(np.array(each, dtype=int), n_wanted) for each in members]
        options = replace(NEURONS, selector=selector, **changes)
        selection = InputSelection(ModelOutputs(trainer, splits), splits, options, np.random.default_rng(0))
        selection.reference_probabilities = np.random.default_rng(1).dirichlet(np.ones(10), len(splits.bug_fixing))
        return look_at_candidates(selection, groups, fault, assessment, parts)

    return make


@pytest.fixture
def never_8(trainer, splits):
    """An assessment in which no 8 is predicted as an 8: HCI_8 does not exist."""
    assessment = assess(trainer, splits)
    return replace(assessment, predictions=np.where(assessment.predictions == 8, 3, assessment.predictions))


@pytest.fixture
def score(make_candidates):
    return lambda selector, **changes: selector_scores(make_candidates(selector, **changes))


def test_uncertainty_is_that_of_the_oracles(make_candidates, score):
    candidates = make_candidates("deepgini")
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


def test_similarity_compares_each_candidate_with_the_heat_map_of_its_own_label(trainer, splits, score):
    own = trainer.predict(splits.held_out.x).argmax(axis=1)
    maps = class_heatmaps(splits.held_out.x, splits.held_out.y, own, 10)
    expected = [
        similarity_scores(x[None], maps.of(y, "hci"), "euclidean")[0]
        for x, y in zip(*splits.bug_fixing.take([*range(40), *range(100, 160)]), strict=True)
    ]
    assert np.allclose(score("similarity", space="pixels"), expected)
    assert np.allclose(score("similarity", space="pixels", ranking="worst"), -np.array(expected))


@pytest.mark.parametrize("heatmap", ["hci", "hmi", "hwi", "dhmi", "dhwi", "dhci"])
@pytest.mark.parametrize("space", ["pixels", "neurons"])
def test_the_maps_of_the_compared_labels_are_those_of_all_diagnosis_samples(heatmap, space, splits, make_candidates):
    three = np.flatnonzero(splits.bug_fixing.y == 3)
    candidates = make_candidates("similarity", members=(three,), space=space, heatmap=heatmap)
    compared = candidates.comparison
    every = compared.heatmaps()
    part = compared.heatmaps(None if heatmap == "dhci" else [3])
    np.testing.assert_array_equal(part.of(3, heatmap), every.of(3, heatmap))
    expected = similarity_scores(compared.features, every.of(3, heatmap), "euclidean")
    np.testing.assert_array_equal(selector_scores(candidates), expected)


@pytest.mark.parametrize("heatmap", ["hci", "hwi"])
def test_candidates_are_compared_with_the_heat_map_of_their_part_of_a_label(heatmap, trainer, splits, make_candidates):
    three, x, y = np.flatnonzero(splits.bug_fixing.y == 3), splits.held_out.x, splits.held_out.y
    places, rng = np.arange(len(splits.bug_fixing)), np.random.default_rng(0)
    pool, held_out = np.array(splits.bug_fixing.y), np.array(y)
    pool[three[places[: len(three)] % 2 == 0]] = 10  # a part of the threes
    held_out[(y == 3) & (rng.random(len(y)) < 0.5)] = 10
    made = make_candidates("similarity", (three,), space="pixels", heatmap=heatmap, parts=(pool, held_out))
    right, scores = trainer.predict(x).argmax(axis=1) == y, selector_scores(made)
    for part in (3, 10):
        wanted = x[(held_out == part) & (right == (heatmap == "hci"))].mean(axis=0)
        own = splits.bug_fixing.take(three[pool[three] == part])[0]
        expected = similarity_scores(own, wanted, "euclidean")
        np.testing.assert_allclose(scores[pool[three] == part], expected, rtol=1e-4)


@pytest.mark.parametrize("heatmap", ["hci", "hwi", "dhwi", "dhci"])
def test_a_part_that_is_all_wrong_borrows_what_is_right_in_the_rest(heatmap, trainer, splits, make_candidates):
    three, x, y = np.flatnonzero(splits.bug_fixing.y == 3), splits.held_out.x, splits.held_out.y
    right = trainer.predict(x).argmax(axis=1) == y
    pool, held_out = np.array(splits.bug_fixing.y), np.array(y)
    pool[three[::2]] = 10
    held_out[(y == 3) & ~right & (np.arange(len(y)) % 2 == 0)] = 10  # half of the wrong ones; all right ones stay
    made = make_candidates("similarity", (three,), space="pixels", heatmap=heatmap, parts=(pool, held_out))
    mean = {label: x[(y == label) & right].mean(axis=0) for label in range(10)}
    wrong = {part: x[(held_out == part) & ~right].mean(axis=0) for part in (3, 10)}
    others = np.mean([mean[label] for label in [*range(3), *range(3, 10)]], axis=0)  # and 3 once more, the other part
    scores = selector_scores(made)
    for part in (3, 10):
        maps = {"hci": mean[3], "hwi": wrong[part], "dhwi": wrong[part] - mean[3], "dhci": mean[3] - others}
        own = splits.bug_fixing.take(three[pool[three] == part])[0]
        expected = similarity_scores(own, maps[heatmap], "euclidean")
        np.testing.assert_allclose(scores[pool[three] == part], expected, rtol=1e-4)


def test_overfit_labels_have_a_similarity_of_their_own(score):
    least = score("similarity", fault="overfit", overfit_selection="least similar to hci")
    assert np.allclose(least, score("similarity", ranking="worst"))
    assert np.isnan(score("similarity", fault="overfit", overfit_selection="random")).all()


def test_a_label_without_its_heat_map_is_unknown_and_the_others_are_not(never_8, make_candidates):
    candidates = make_candidates("similarity", space="pixels", assessment=never_8)
    unknown = np.isnan(selector_scores(candidates))
    assert np.array_equal(unknown, candidates.labels == 8) and unknown.any()


def test_a_state_is_0_at_hci_and_1_at_hwi(make_candidates):
    candidates = make_candidates("state differential")
    maps, labels = candidates.state_heatmaps, candidates.labels
    label = int(np.flatnonzero(maps.counts["hwi"])[0])
    states = np.linspace(maps.hci[label], maps.hwi[label], len(labels))
    candidates = replace(candidates, states=states, labels=np.full(len(labels), label))
    assert np.allclose(selector_scores(candidates), np.linspace(0, 1, len(labels)))


def test_a_state_margin_says_whose_heat_map_is_nearest(make_candidates, score):
    candidates = make_candidates("state margin")
    nearest = cdist(candidates.states, candidates.state_heatmaps.hci).argmin(axis=1)
    assert np.array_equal(score("state margin") > 0, nearest != candidates.labels)
    assert 0 < (nearest != candidates.labels).mean() < 1


def test_a_missing_heat_map_makes_its_own_label_unknown_and_no_other(never_8, make_candidates):
    candidates = make_candidates("state margin", assessment=never_8)
    scores = selector_scores(candidates)
    assert np.array_equal(np.isnan(scores), candidates.labels == 8)


def test_adaptive_is_margin_where_all_is_right_and_state_margin_where_all_is_wrong(make_candidates, score):
    for share, like in ((0.0, "margin"), (1.0, "state margin")):
        candidates = replace(make_candidates("adaptive"), label_errors=np.full(10, share))
        for place, _ in candidates.by_group():
            expected = standardise(score(like)[place])
            assert np.allclose(selector_scores(candidates)[place], expected, atol=1e-5)


def test_a_scaled_temperature_follows_the_error_of_each_groups_label(trainer, make_candidates, splits):
    three, five = (np.flatnonzero(splits.bug_fixing.y == label) for label in (3, 5))
    candidates = make_candidates("random", members=(three, five), temperature=2.0, scale_temperature=True)
    wrong = trainer.predict(splits.held_out.x).argmax(axis=1) != splits.held_out.y
    expected = [2 * wrong[splits.held_out.y == label].mean() for label in (3, 5)]
    assert candidates.temperature.tolist() == pytest.approx(expected)
    assert make_candidates("random", temperature=2.0).temperature == 2.0


def test_the_expected_error_is_the_chance_that_model_and_reference_draw_different_labels(make_candidates):
    candidates = make_candidates("expected error")
    p, b = candidates.probabilities.astype(float), candidates.reference_probabilities
    rows, own = np.arange(100), candidates.labels
    assert np.allclose(selector_scores(candidates), b[rows, own] * (1 - p[rows, own]), atol=1e-6)
    unlabelled = replace(candidates, labelled=False)
    rng = np.random.default_rng(0)
    drawn = [[rng.choice(10, 4_000, p=each / each.sum()) for each in (p[0], b[0])], [1 - (p[0] * b[0]).sum()]]
    assert np.mean(drawn[0][0] != drawn[0][1]) == pytest.approx(drawn[1][0], abs=0.03)
    assert np.allclose(selector_scores(unlabelled), 1 - (p * b).sum(axis=1), atol=1e-5)
    both = replace(candidates, options=replace(candidates.options, selector="error or margin"))
    ranked = np.sort(p, axis=1)
    near = (1 + ranked[:, -2] - ranked[:, -1]) / 2
    assert np.allclose(selector_scores(both), selector_scores(candidates) + near, atol=1e-6)


def test_the_reducible_loss_is_the_models_loss_minus_the_references(make_candidates):
    candidates = make_candidates("reducible loss")
    p, b = candidates.probabilities.astype(float), candidates.reference_probabilities
    losses = [log_loss(candidates.labels, each / each.sum(axis=1, keepdims=True), labels=range(10)) for each in (p, b)]
    assert selector_scores(candidates).mean() == pytest.approx(losses[0] - losses[1], abs=1e-3)
    unlabelled = selector_scores(replace(candidates, labelled=False))
    assert np.allclose(unlabelled, stats.entropy(b, p, axis=1), atol=1e-3)


def test_k_center_takes_the_farthest_from_all_that_are_known_or_chosen(trainer, splits, make_candidates):
    candidates = make_candidates("k-center")
    scores, train = selector_scores(candidates), splits.train
    drawn = np.random.default_rng(0).choice(len(train), 2_000, replace=False)
    known = trainer.activations(train.take(drawn)[0], ["hidden_2"])[0].astype(float)
    for place, n_wanted in candidates.by_group():
        states, turns = candidates.states[place].astype(float), np.argsort(-scores[place], kind="stable")[:n_wanted]
        for turn in turns:
            nearest = cdist(states, known).min(axis=1)
            assert nearest[turn] == pytest.approx(nearest.max(), rel=1e-3)
            known = np.concatenate([known, states[turn : turn + 1]])


def test_what_is_read_and_how_often_does_not_change_what_is_drawn(trainer, splits):
    """All that draws numbers is done before the selector is asked."""
    rng = np.random.default_rng(3)
    options, groups = DebugOptions(metric="l2", space="importance"), [Group(np.arange(30), 10)]
    selection = InputSelection(ModelOutputs(trainer, splits), splits, options, rng)
    candidates = look_at_candidates(selection, groups, "underfit", assess(trainer, splits))
    drawn = rng.bit_generator.state
    first, second = selector_scores(candidates), selector_scores(candidates)
    assert np.array_equal(first, second) and rng.bit_generator.state == drawn


def test_with_layer_selection_the_selected_layer_is_looked_at(trainer, splits, make_candidates):
    candidates = make_candidates("state margin", layer_selection=True, similarity_threshold=10.0)
    options = replace(NEURONS, layer_selection=True, similarity_threshold=10.0)
    own = trainer.predict(splits.held_out.x).argmax(axis=1)
    view = choose_view(trainer, splits, options, "underfit", own, np.random.default_rng(0))
    assert candidates.target_layer == view.layer == "hidden_1"
    indices = [*range(40), *range(100, 160)]
    expected = trainer.activations(splits.bug_fixing.take(indices)[0], ["hidden_1"])[0]
    np.testing.assert_allclose(candidates.states, expected, rtol=1e-5)


def test_a_selector_of_ones_own_plugs_in_by_name(make_candidates, score):
    register_selector("brightest", lambda candidates: candidates.samples.mean(axis=(1, 2)))
    try:
        assert np.array_equal(score("brightest"), make_candidates("brightest").samples.mean(axis=(1, 2)))
        register_selector("brightest", lambda candidates: candidates.samples, needs=["samples"])
        with pytest.raises(
            ValueError, match=r"selector 'brightest' returned \(100, 28, 28\) scores for 100 candidates"
        ):
            score("brightest")
    finally:
        del SELECTORS["brightest"]
    with pytest.raises(ValueError, match="unknown selector 'brightest'"):
        DebugOptions(selector="brightest")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"needs": ["pixels"]},
            "unknown input 'pixels'; choose from samples, labels, reference probabilities, probabilities",
        ),
        ({"blends": ["oracle"]}, "unknown selector 'oracle'; choose from similarity"),
    ],
)
def test_a_selector_that_looks_at_what_does_not_exist_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        register_selector("mine", lambda candidates: candidates.samples, **changes)
    assert "mine" not in SELECTORS


@pytest.mark.parametrize("name", [name for name, each in SELECTORS.items() if each.one_by_one and name != "random"])
def test_a_score_that_is_given_one_by_one_does_not_depend_on_the_other_candidates(name, make_candidates):
    both, first, second = (
        selector_scores(make_candidates(name, members=members))
        for members in ((range(40), range(100, 160)), (range(40),), (range(100, 160),))
    )
    np.testing.assert_allclose(both, np.concatenate([first, second]), rtol=1e-4, atol=1e-6)


def test_no_candidates_have_no_scores(score):
    assert score("deepgini", members=([],)).shape == (0,)


@pytest.fixture
def outside():
    before = dict(SELECTORS)
    register_peers()
    yield
    SELECTORS.clear()
    SELECTORS.update(before)


def test_surprise_is_the_mahalanobis_distance_from_what_was_trained_on(
    outside, trainer, splits, make_candidates, score
):
    candidates = make_candidates("surprise")
    train = trainer.activations(splits.train.x, ["hidden_2"])[0].astype(float)
    centred = candidates.states - train.mean(axis=0)
    expected = np.einsum("ij,jk,ik->i", centred, np.linalg.pinv(np.cov(train.T, bias=True)), centred)
    assert stats.spearmanr(score("surprise"), expected).statistic > 0.999


@pytest.mark.parametrize("name", ["probcover", "typiclust", "maxherding", "badge", "falcun", "dropquery"])
def test_a_peer_gives_each_group_as_many_turns_as_it_has_places(outside, make_candidates, score, name):
    scores = score(name)
    for place, n_wanted in make_candidates(name).by_group():
        assert sorted(-scores[place])[: n_wanted + 1] == [*range(n_wanted), 100]
    assert np.array_equal(scores, score(name))


def test_falcun_and_badge_look_at_what_the_model_is_unsure_of(outside, make_candidates, score):
    unsure = 1 - make_candidates("falcun").probabilities.max(axis=1)
    for name in ("falcun", "badge"):
        chosen = score(name) > -100
        assert unsure[chosen].mean() > 1.2 * unsure[~chosen].mean(), name


def test_badge_takes_gradients_that_are_large_and_unlike(outside):
    rng = np.random.default_rng(0)
    states = rng.normal(size=(60, 5)).astype(np.float32)
    probabilities = rng.dirichlet(np.ones(4), 60).astype(np.float32)
    states[30:], probabilities[30:] = states[:30], probabilities[:30]
    gradients = np.einsum("ni,nj->nij", states, probabilities - np.eye(4)[probabilities.argmax(axis=1)]).reshape(60, -1)

    def turns(seed, n):
        groups = [Group(np.arange(60), n)]
        candidates = Candidates(None, groups, np.zeros(60, int), np.zeros(4), rng=np.random.default_rng(seed),
                                states=states, probabilities=probabilities)  # fmt: skip
        scores = SELECTORS["badge"].score(candidates)
        return np.argsort(-scores, kind="stable")[:n]

    assert all(len(np.unique(turns(seed, 12) % 30)) == 12 for seed in range(20))  # never a copy
    every = np.array([turns(seed, 2) for seed in range(4000)])
    assert set(every[:, 0] % 30) == {int(np.argmax(np.linalg.norm(gradients[:30], axis=1)))}
    squares = ((gradients - gradients[every[0, 0]]) ** 2).sum(axis=1)
    shares = np.bincount(every[:, 1] % 30, minlength=30) / len(every)
    expected = (squares[:30] + squares[30:]) / squares.sum()
    assert np.abs(shares - expected).max() < 4 * np.sqrt(expected.max() / len(every))
    assert stats.spearmanr(shares, expected).statistic > 0.8


def test_dropquery_asks_about_what_a_linear_head_does_not_take_for_the_same_without_some_features(outside):
    rng = np.random.default_rng(0)
    states, weights = rng.normal(size=(400, 6)), 3 * rng.normal(size=(6, 3))
    states[200:] = 4 * weights[:, states[200:, 0].astype(int) % 3].T / 3 + 0.1 * states[200:]  # of these it is sure
    probabilities = softmax(states @ weights, axis=1)
    groups = [Group(np.arange(400), 40)]
    candidates = Candidates(None, groups, np.zeros(400, int), np.zeros(3), rng=np.random.default_rng(0),
                            states=states, probabilities=probabilities)  # fmt: skip
    asked = SELECTORS["dropquery"].score(candidates) > -400
    assert asked.sum() == 40 and asked[:200].mean() > 3 * asked[200:].mean()


def test_tcm_takes_typical_ones_and_then_the_least_sure(outside, make_candidates, score):
    candidates = make_candidates("tcm")
    scores, typical, sure = score("tcm"), score("typiclust"), score("margin")
    for place, n_wanted in candidates.by_group():
        first, n = np.argsort(-scores[place], kind="stable")[:n_wanted], n_wanted // 2
        assert set(first[:n]) == set(np.argsort(-typical[place], kind="stable")[:n])
        others = np.setdiff1d(np.arange(place.stop - place.start), first[:n])
        assert set(first[n:]) == set(others[np.argsort(-sure[place][others], kind="stable")[: n_wanted - n]])


def test_clasp_pe_serves_labels_alike_and_wants_what_is_unsure(outside, make_candidates, score):
    candidates, scores = make_candidates("clasp pe"), score("clasp pe")
    predicted = candidates.probabilities.argmax(axis=1)
    for place, n_wanted in candidates.by_group():
        own = predicted[place]
        first = np.argsort(-scores[place], kind="stable")[:n_wanted]
        counts, there = (np.bincount(each, minlength=own.max() + 1) for each in (own[first], own))
        full = counts == there  # these have no more
        assert counts.max() - counts[~full].min() <= 1
        assert stats.spearmanr(scores[place], score("entropy")[place]).statistic > 0
