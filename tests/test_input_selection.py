import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_utils.input_selection import Pool, extreme_inputs, rank_candidates, select_inputs
from mode_utils.similarity import METRICS, similarity_scores
from mode_utils.splits import Subset


def make_pool(counts):
    return Pool(np.repeat(np.arange(len(counts)), counts))


@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=5).filter(sum),
    st.floats(0, 1),
    st.sampled_from(["best", "worst"]),
    st.data(),
)
def test_the_pool_loses_exactly_the_selected_samples(counts, alpha, ranking, data):
    pool = make_pool(counts)
    batch_size = data.draw(st.integers(1, len(pool)))
    label = data.draw(st.integers(0, len(counts) - 1))
    candidates = pool.candidates(label)
    batch = select_inputs(pool, label, np.zeros(len(candidates)), np.random.default_rng(0), batch_size, alpha, ranking)
    before = set(pool.remaining())
    pool.take(batch.indices)
    assert len(batch.indices) == batch_size and set(pool.remaining()) == before - set(batch.indices)
    assert set(pool.labels[batch.ranked]) <= {label} and label not in pool.labels[batch.random]


def test_alpha_of_the_batch_is_the_top_of_the_ranking(rng):
    pool = make_pool([100, 100])
    scores = rng.random(100)
    best = select_inputs(pool, 1, scores, rng, batch_size=40, alpha=0.25, ranking="best")
    worst = select_inputs(pool, 1, scores, rng, batch_size=40, alpha=0.25, ranking="worst")
    assert best.ranked.tolist() == (100 + np.argsort(-scores)[:10]).tolist()
    assert worst.ranked.tolist() == (100 + np.argsort(scores)[:10]).tolist()
    assert len(best.random) == 30


@pytest.mark.parametrize("alpha", [0, 0.01])
def test_a_share_of_nothing_selects_nothing(alpha, rng):
    """`[-0:]` is everything; a share that rounds to 0 samples must not be."""
    batch = select_inputs(make_pool([50, 50]), 0, np.zeros(50), rng, batch_size=20, alpha=alpha)
    assert len(batch.ranked) == 0 and len(batch.random) == 20


def test_other_labels_make_up_for_a_short_label_and_the_other_way_round(rng):
    short = select_inputs(make_pool([3, 50]), 0, np.zeros(3), rng, batch_size=20, alpha=0.5)
    assert (len(short.ranked), len(short.random)) == (3, 17)
    long = select_inputs(make_pool([50, 3]), 0, np.zeros(50), rng, batch_size=20, alpha=0.5)
    assert (len(long.ranked), len(long.random)) == (17, 3)


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


def test_extreme_inputs_are_the_ends_of_each_labels_ranking():
    pool = Subset(np.array([[0.0], [5], [9], [2]]), np.array([0, 0, 0, 1]), np.arange(4))
    heatmaps = np.array([[16.0], [2], [1], [np.nan]])
    best, worst = extreme_inputs(pool, heatmaps, lambda x, label: x * (2 - label), "manhattan")
    assert best.tolist() == [2, 3, -1, -1] and worst.tolist() == [0, 3, -1, -1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 11}, "a batch of 11 is larger than the pool, which has 10 samples left"),
        ({"alpha": 1.5}, "alpha = 1.5; it must lie in"),
        ({"scores": [1.0]}, "1 scores for the 5 candidates of label 0"),
        ({"ranking": "middle"}, "unknown ranking 'middle'; choose from best, worst"),
    ],
)
def test_bad_input_is_an_error_that_names_it(changes, message, rng):
    arguments = {"label": 0, "scores": np.zeros(5), "rng": rng, "batch_size": 4, "alpha": 0.5} | changes
    with pytest.raises(ValueError, match=message):
        select_inputs(make_pool([5, 5]), **arguments)
