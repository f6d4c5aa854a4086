import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from mode_utils.similarity import similarity_scores
from mode_utils.support.earth_mover import earth_mover_distances


def exact(image, target):
    """POT's network simplex on the same grid."""
    places = np.argwhere(np.ones(image.shape)).astype(float)
    cost = np.abs(places[:, None] - places).sum(axis=2)
    a, b = (part.ravel().astype(float) / part.sum(dtype=float) for part in (image, target))
    return ot.emd2(a, b, cost, numItermax=1_000_000)


def square(row, column, shape=(16, 16), side=4):
    image = np.zeros(shape)
    image[row : row + side, column : column + side] = 1
    return image


@pytest.mark.parametrize("label", [3, 8])
def test_digits_come_in_the_order_of_the_exact_distance(label, mnist):
    digits = mnist.x_train[mnist.y_train == label]
    target, images = digits[100:400].mean(axis=0), digits[:20]
    ours, oracle = earth_mover_distances(images, target), np.array([exact(image, target) for image in images])
    assert spearmanr(ours, oracle).statistic > 0.98
    assert np.all(ours > oracle) and np.all(ours - oracle < 0.4)


@given(arrays(np.float64, (5, 4), elements=st.floats(0, 1)).filter(lambda image: image.sum() > 0.1))
def test_a_small_blur_comes_close_to_the_exact_distance(image):
    target = np.zeros((5, 4))
    target[1:3, 1:3] = 1
    assert earth_mover_distances(image[None], target, blur=0.1)[0] == pytest.approx(exact(image, target), abs=0.08)


def test_a_shift_costs_as_many_pixels_as_it_moves():
    target = square(4, 4)
    images = np.stack([square(4, 4 + shift) for shift in range(7)])
    steps = np.diff(earth_mover_distances(images, target))
    assert np.allclose(steps[2:], 1, atol=0.02)


def test_where_the_ink_is_counts_unlike_in_a_histogram(rng):
    target = square(2, 2)
    shuffled = rng.permutation(target.ravel()).reshape(1, 16, 16)
    assert similarity_scores(shuffled, target, "earth mover")[0] == 0
    same, other = similarity_scores(np.concatenate([target[None], shuffled]), target, "spatial earth mover")
    assert same > other + 2


def test_brightness_and_empty_margins_change_nothing(mnist):
    images, target = mnist.x_train[:5], mnist.x_train[:200].mean(axis=0)
    plain = earth_mover_distances(images, target, blur=0.5)
    assert np.allclose(earth_mover_distances(images * 0.2, target * 3), plain)
    padded = [np.pad(array, [(0, 0)] * (array.ndim - 2) + [(2, 3), (4, 0)]) for array in (images, target)]
    assert np.allclose(earth_mover_distances(*padded, blur=0.5), plain)


def test_an_empty_image_is_the_farthest_of_all():
    distances = earth_mover_distances(np.stack([np.zeros((16, 16)), square(12, 12)]), square(0, 0))
    assert distances[0] == 30 and distances[1] < 30
    assert earth_mover_distances(np.empty((0, 16, 16)), square(0, 0)).shape == (0,)


def test_large_images_do_not_underflow():
    target, far = square(2, 2, (200, 200)), square(190, 190, (200, 200))
    assert earth_mover_distances(far[None], target)[0] == pytest.approx(376, abs=5)


@pytest.mark.parametrize(
    ("images", "target", "message"),
    [
        (np.ones((3, 16)), np.ones(16), r"needs images \(n, height, width\)"),
        (np.ones((3, 4, 4)), np.ones((4, 5)), r"not \(3, 4, 4\) and \(4, 5\)"),
        (-np.ones((3, 4, 4)), np.ones((4, 4)), "values of at least 0"),
        (np.ones((3, 4, 4)), np.eye(4) - 0.5, "values of at least 0"),
        (np.ones((3, 4, 4)), np.zeros((4, 4)), "the target is empty"),
    ],
)
def test_what_is_no_mass_on_a_grid_is_an_error(images, target, message):
    with pytest.raises(ValueError, match=message):
        earth_mover_distances(images, target)
