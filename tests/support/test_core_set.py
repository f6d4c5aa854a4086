import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from mode_utils.support.core_set import farthest_first


def one_by_one(points, known, n):
    """Look at all points in each turn."""
    turns = []
    nearest = cdist(points, known).min(axis=1)
    for _ in range(n):
        turns.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, cdist(points, points[turns[-1:]])[:, 0])
        nearest[turns[-1]] = -1
    return turns


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_each_turn_is_the_farthest_from_all_known_and_taken(seed, n):
    rng = np.random.default_rng(seed)
    points, known = rng.normal(size=(60, 3)), rng.normal(size=(5, 3))
    assert farthest_first(points, known, n).tolist() == one_by_one(points, known, n)


def test_copies_of_a_point_come_last_and_each_point_once():
    points = np.repeat(np.eye(4), 10, axis=0)
    turns = farthest_first(points, np.zeros((1, 4)), 40)
    assert sorted(turns[:4] // 10) == [0, 1, 2, 3]
    assert sorted(turns) == list(range(40))


def test_points_and_centers_are_compared_in_pieces():
    rng = np.random.default_rng(0)
    points, known = rng.normal(size=(5_000, 4)), rng.normal(size=(600, 4))
    assert farthest_first(points, known, 50).tolist() == one_by_one(points, known, 50)
