import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial import distance

from mode_utils import similarity
from mode_utils.similarity import METRICS, metric_name, register_metric, similarity_scores

ORACLES = {
    "dot product": np.dot,
    "cosine similarity": lambda u, v: 1 - distance.cosine(u, v),
    "manhattan": lambda u, v: -distance.cityblock(u, v),
    "euclidean": lambda u, v: -distance.euclidean(u, v),
    "minkowski": lambda u, v: -distance.minkowski(u, v, p=3),
    "chebyshev": lambda u, v: -distance.chebyshev(u, v),
    "earth mover": lambda u, v: -stats.wasserstein_distance(u, v),
    "canberra": lambda u, v: -distance.canberra(u, v),
    "bray curtis": lambda u, v: -distance.braycurtis(u, v),
}


@pytest.fixture(scope="module")
def images(mnist):
    return mnist.x_train[:300]


def test_there_are_nine_metrics_and_an_oracle_for_each():
    assert len(METRICS) == 9 and set(METRICS) == set(ORACLES)


@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_those_of_scipy(metric, images):
    heatmap = images[:100].mean(axis=0)
    expected = [ORACLES[metric](np.float64(image.ravel()), np.float64(heatmap.ravel())) for image in images]
    np.testing.assert_allclose(similarity_scores(images, heatmap, metric), expected, rtol=1e-5, atol=1e-9)


@given(
    arrays(np.float64, (5, 12), elements=st.floats(0.01, 10)),
    arrays(np.float64, 12, elements=st.floats(0.01, 10)),
    st.sampled_from(METRICS),
)
def test_scores_are_those_of_scipy_on_any_positive_input(candidates, heatmap, metric):
    expected = [ORACLES[metric](candidate, heatmap) for candidate in candidates]
    np.testing.assert_allclose(similarity_scores(candidates, heatmap, metric), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("p", [1, 2, 2.5, 7])
def test_minkowski_of_any_order_is_that_of_scipy(p, images):
    heatmap = images[0].ravel()
    expected = [-distance.minkowski(image.ravel(), heatmap, p=p) for image in images]
    np.testing.assert_allclose(similarity_scores(images, heatmap, "minkowski", minkowski_p=p), expected, rtol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_an_identical_image_ranks_first(metric, images):
    candidates = images.reshape(len(images), -1)
    if metric == "dot product":  # it grows with the norm, so the law holds among candidates of equal norm
        candidates = candidates / np.linalg.norm(candidates, axis=1, keepdims=True)
    for place in (0, 17, 299):
        scores = similarity_scores(candidates, candidates[place], metric)
        assert scores.argmax() == place and np.isfinite(scores).all()


@pytest.mark.parametrize("metric", METRICS)
def test_the_order_does_not_depend_on_the_precision_of_the_candidates(metric, images):
    heatmap = images.mean(axis=0)
    single, double = (similarity_scores(images.astype(kind), heatmap, metric) for kind in (np.float32, np.float64))
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-9)


def test_the_earth_mover_distance_ignores_where_a_pixel_is(images, rng):
    shuffled = rng.permutation(images[0].ravel())
    assert similarity_scores(shuffled[None], images[0], "earth mover")[0] == 0


@pytest.mark.parametrize("metric", METRICS)
def test_silent_neurons_get_finite_scores(metric):
    candidates, silence = np.array([[0.0, 0, 0], [1, 0, 2]]), np.zeros(3)
    assert np.isfinite(similarity_scores(candidates, silence, metric)).all()
    assert np.isfinite(similarity_scores(candidates, np.array([0.0, 1, 0]), metric)).all()


@pytest.mark.parametrize("metric", METRICS)
def test_no_candidates_give_no_scores(metric):
    assert similarity_scores(np.empty((0, 3)), np.ones(3), metric).shape == (0,)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("dot", "dot product"), ("L1", "manhattan"), ("cityblock", "manhattan"), ("l2", "euclidean"),
        ("l-inf", "chebyshev"), ("Wasserstein", "earth mover"), ("EMD", "earth mover"), ("bray_curtis", "bray curtis"),
        ("braycurtis", "bray curtis"), ("Cosine", "cosine similarity"), *((name, name) for name in METRICS),
    ],
)  # fmt: skip
def test_usual_aliases_are_accepted(alias, name):
    assert metric_name(alias) == name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((2, 3)), np.ones(3), "jaccard"), "unknown metric 'jaccard'; choose from dot product, cosine"),
        ((np.ones((2, 3)), np.ones(4)), "candidates have 3 features, the heat map 4"),
        ((np.array([[1, np.nan]]), np.ones(2)), "candidates contain NaN"),
        ((np.ones((1, 2)), np.array([np.nan, 1])), "the heat map contains NaN"),
        ((np.ones((2, 3)), np.ones(3), "minkowski", 0.5), "minkowski_p = 0.5; it must be at least 1"),
    ],
)
def test_bad_input_is_an_error_that_names_it(arguments, message):
    with pytest.raises(ValueError, match=message):
        similarity_scores(*arguments)


def test_a_metric_of_ones_own_plugs_in_by_name(images, monkeypatch):
    monkeypatch.setattr(similarity, "_METRICS", dict(similarity._METRICS))
    register_metric("ink", lambda candidates, heatmap, _: -np.abs(candidates.sum(axis=(1, 2)) - heatmap.sum()))
    assert metric_name("Ink") == "ink"
    assert similarity_scores(images, images[7], "ink").argmax() == 7
