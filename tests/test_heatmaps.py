import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mode_utils.heatmaps import class_heatmaps

FEATURES = np.array([[1.0, 0], [3, 0], [0, 4], [8, 8], [0, 2]])
LABELS = np.array([0, 0, 0, 1, 1])
PREDICTIONS = np.array([0, 0, 1, 1, 0])


def test_correct_false_positive_and_false_negative_are_not_mixed_up():
    maps = class_heatmaps(FEATURES, LABELS, PREDICTIONS, 2)
    np.testing.assert_array_equal(maps.hci, [[2, 0], [8, 8]])
    np.testing.assert_array_equal(maps.hmi, [[0, 2], [0, 4]])  # not i, but predicted i
    np.testing.assert_array_equal(maps.hwi, [[0, 4], [0, 2]])  # i, but predicted otherwise
    assert {kind: counts.tolist() for kind, counts in maps.counts.items()} == {
        "hci": [2, 1],
        "hmi": [1, 1],
        "hwi": [1, 1],
    }


def test_differentials_are_what_their_names_say():
    maps = class_heatmaps(FEATURES, LABELS, PREDICTIONS, 2)
    np.testing.assert_array_equal(maps.dhci, maps.hci - maps.hci[::-1])
    np.testing.assert_array_equal(maps.dhmi, maps.hmi - maps.hci)
    np.testing.assert_array_equal(maps.dhwi, maps.hwi - maps.hci)


def test_dhci_compares_with_the_mean_of_the_labels_that_have_one():
    features, labels = np.array([[1.0], [2], [6], [5]]), np.array([0, 1, 2, 3])
    maps = class_heatmaps(features, labels, np.array([0, 1, 2, 0]), 4)
    np.testing.assert_allclose(maps.dhci[0], 1 - (2 + 6) / 2)
    assert np.isnan(maps.dhci[3]).all()


@given(
    arrays(np.float64, (20, 3), elements=st.floats(-10, 10)),
    arrays(np.int64, 20, elements=st.integers(0, 3)),
    arrays(np.int64, 20, elements=st.integers(0, 3)),
)
def test_the_groups_together_are_all_samples_of_a_label(features, labels, predictions):
    maps = class_heatmaps(features, labels, predictions, 4)
    sums = sum(np.nan_to_num(getattr(maps, kind)) * maps.counts[kind][:, None] for kind in ("hci", "hwi"))
    expected = [features[labels == label].sum(axis=0) for label in range(4)]
    np.testing.assert_allclose(sums, expected, atol=1e-9)
    assert maps.counts["hmi"].sum() == maps.counts["hwi"].sum() == (labels != predictions).sum()


def test_a_missing_heat_map_says_so_and_is_not_made_up():
    maps = class_heatmaps(FEATURES[:3], LABELS[:3], np.array([0, 0, 1]), 3)
    assert maps.missing("hci").tolist() == [1, 2] and np.isnan(maps.hci[1]).all()
    with pytest.raises(ValueError, match="HCI of label 1 does not exist: there are no samples classified correctly"):
        maps.of(1, "hci")
    with pytest.raises(ValueError, match=r"DHMI of label 0 does not exist: .* mistaken for it"):
        maps.of(0, "dhmi")


def test_images_are_flattened(mnist):
    labels = mnist.y_test[:500]
    maps = class_heatmaps(mnist.x_test[:500], labels, labels, 10)
    np.testing.assert_allclose(maps.hci[3].reshape(28, 28), mnist.x_test[:500][labels == 3].mean(axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda maps: maps.of(5), r"unknown label 5; choose from 0 \.\. 1"),
        (lambda maps: maps.of(0, "hxi"), "unknown heatmap 'hxi'; choose from hci, hmi, hwi, dhci, dhmi, dhwi"),
        (lambda _: class_heatmaps(FEATURES * np.nan, LABELS, PREDICTIONS, 2), "features contain NaN"),
        (lambda _: class_heatmaps(FEATURES, LABELS, PREDICTIONS, 1), r"labels span 0 \.\. 1"),
    ],
)
def test_bad_input_is_an_error_that_names_it(call, message):
    maps = class_heatmaps(FEATURES, LABELS, PREDICTIONS, 2)
    with pytest.raises(ValueError, match=message):
        call(maps)
