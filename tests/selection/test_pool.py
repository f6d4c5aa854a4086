import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_utils.selection.allocation import allocate
from mode_utils.selection.pool import Pool, draw_batch, rank_candidates, soften
from mode_utils.similarity import METRICS, similarity_scores


def make_pool(counts):
    return Pool(np.repeat(np.arange(len(counts)), counts))


def choose(counts, served, scores=None, seed=0, batch_size=20, alpha=0.5, temperature=0.0):
    """Select from a pool with `counts` samples a label, in which the `served` labels need equally much."""
    pool, needs = make_pool(counts), np.isin(np.arange(len(counts)), served).astype(float)
    groups = allocate(pool, needs, batch_size, alpha)
    n_candidates = sum(len(group.members) for group in groups)
    scores = np.zeros(n_candidates) if scores is None else scores
    return pool, draw_batch(pool, groups, scores, np.random.default_rng(seed), batch_size, temperature)


@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=5).filter(sum),
    st.floats(0, 1),
    st.sampled_from([0.0, 0.5, 3.0]),
    st.data(),
)
def test_the_pool_loses_exactly_the_selected_samples(counts, alpha, temperature, data):
    batch_size = data.draw(st.integers(1, sum(counts)))
    served = data.draw(st.sets(st.integers(0, len(counts) - 1), min_size=1))
    pool, batch = choose(counts, list(served), None, 0, batch_size, alpha, temperature)
    before = set(pool.remaining())
    pool.take(batch.indices)
    assert len(batch.indices) == batch_size and set(pool.remaining()) == before - set(batch.indices)
    assert set(pool.labels[batch.ranked]) <= served
    if any(count for label, count in enumerate(counts) if label not in served):
        assert not set(pool.labels[batch.random]) & served


def test_alpha_of_the_batch_is_the_top_of_the_ranking(rng):
    scores = rng.random(100)
    _, batch = choose([100, 100], [1], scores, batch_size=40, alpha=0.25)
    assert batch.ranked.tolist() == (100 + np.argsort(-scores)[:10]).tolist()
    assert len(batch.random) == 30


def test_each_label_in_need_gets_its_own_best(rng):
    scores = rng.random(200)
    _, batch = choose([100, 100, 100], [0, 2], scores, batch_size=40, alpha=0.5)
    assert batch.ranked[:10].tolist() == np.argsort(-scores[:100])[:10].tolist()
    assert batch.ranked[10:].tolist() == (200 + np.argsort(-scores[100:])[:10]).tolist()


def test_the_whole_pool_is_one_ranking_and_the_rest_comes_from_what_it_leaves(rng):
    pool, scores = make_pool([30, 30]), rng.random(60)
    batch = draw_batch(pool, allocate(pool, None, 20, 0.5), scores, rng, 20)
    assert batch.ranked.tolist() == np.argsort(-scores)[:10].tolist()
    assert len(set(batch.indices)) == 20


@pytest.mark.parametrize("alpha", [0, 0.01])
def test_a_share_of_nothing_selects_nothing(alpha):
    """`[-0:]` is everything; a share that rounds to 0 samples must not be."""
    _, batch = choose([50, 50], [0], alpha=alpha)
    assert len(batch.ranked) == 0 and len(batch.random) == 20


def test_other_labels_make_up_for_a_short_label_and_the_other_way_round():
    short = choose([3, 50], [0])[1]
    assert (len(short.ranked), len(short.random)) == (3, 17)
    long = choose([50, 3], [0])[1]
    assert (len(long.ranked), len(long.random)) == (17, 3)


def test_samples_without_a_score_take_their_place_at_random():
    chosen = [choose([50, 50], [0], np.full(50, np.nan), seed)[1] for seed in (1, 2)]
    assert all(len(batch.ranked) == 0 and len(batch.random) == 20 for batch in chosen)
    assert set(chosen[0].random) != set(chosen[1].random)
    assert all((batch.random < 50).sum() == 10 for batch in chosen)


def test_scores_of_other_candidates_are_an_error():
    with pytest.raises(ValueError, match="49 scores for 50 candidates"):
        choose([50, 50], [0], np.zeros(49))


def test_temperature_goes_from_greedy_to_random(rng):
    scores = rng.standard_normal(2_000)
    top = np.argsort(-scores)[:200]
    shares = [
        np.isin(rank_candidates(soften(scores, temperature, rng))[:200], top).mean()
        for temperature in (0, 0.2, 1, 5, 1000)
    ]
    assert shares[0] == 1 and shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(0.1, abs=0.06)


def test_a_softened_choice_is_drawn_in_proportion_to_the_exponential_score(rng):
    """The Gumbel-max law, on two scores that are standardised to -1 and 1."""
    first = np.mean([np.argmax(soften(np.array([3.0, 7.0]), 2.0, rng)) for _ in range(4_000)])
    assert first == pytest.approx(np.e / (np.e + 1), abs=0.03)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.floats(0.1, 10), st.floats(-5, 5))
def test_softening_knows_no_unit(scores, scale, shift):
    keys = [soften(np.array(s), 1.0, np.random.default_rng(0)) for s in (scores, np.array(scores) * scale + shift)]
    assert np.allclose(*keys, atol=1e-3) or np.std(scores) < 1e-3


@pytest.mark.parametrize("metric", METRICS)
def test_an_identical_image_is_first_among_the_best_and_last_among_the_worst(metric, mnist):
    candidates = mnist.x_train[:200].reshape(200, -1)
    candidates = candidates / np.linalg.norm(candidates, axis=1, keepdims=True)
    scores = similarity_scores(candidates, candidates[42], metric)
    assert rank_candidates(scores, "best")[0] == 42 and rank_candidates(scores, "worst")[-1] == 42


def test_a_sample_cannot_leave_the_pool_twice():
    pool = make_pool([5])
    pool.take([1, 2])
    with pytest.raises(ValueError, match="1 samples have left the pool before, the first is 2"):
        pool.take([2, 3])
    with pytest.raises(ValueError, match="a batch holds a sample twice"):
        pool.take([3, 3])
    assert pool.remaining().tolist() == [0, 3, 4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 11}, "a batch of 11 is larger than the pool, which has 10 samples left"),
        ({"alpha": 1.5}, "alpha = 1.5; it must lie in"),
        ({"scores": [1.0]}, "1 scores for 5 candidates"),
        ({"temperature": -1}, "temperature = -1; it must be at least 0"),
    ],
)
def test_bad_input_is_an_error_that_names_it(changes, message):
    with pytest.raises(ValueError, match=message):
        choose([5, 5], [0], **{"batch_size": 4} | changes)


def test_an_unknown_ranking_is_an_error():
    with pytest.raises(ValueError, match="unknown ranking 'middle'; choose from best, worst"):
        rank_candidates([1.0], "middle")
