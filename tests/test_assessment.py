import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import recall_score

from mode_utils.assessment import find_overfit_labels, find_underfit_labels, label_accuracies

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60).map(np.array)


@given(pairs)
def test_label_accuracies_are_the_recall_of_each_label(pairs):
    labels, predictions = pairs.T
    accuracies = label_accuracies(labels, predictions, n_classes=5)
    recall = recall_score(labels, predictions, labels=range(5), average=None, zero_division=np.nan)
    np.testing.assert_allclose(accuracies, recall)


def test_the_first_sample_counts():
    assert label_accuracies([1, 1], [1, 0], 2)[1] == 0.5


def test_a_label_without_samples_has_no_accuracy_and_is_not_buggy():
    accuracies = label_accuracies([0, 0], [0, 1], 2)
    assert accuracies[0] == 0.5 and np.isnan(accuracies[1])
    assert find_underfit_labels(accuracies, accuracies).tolist() == [0]
    assert find_overfit_labels(accuracies, accuracies).tolist() == []


def test_underfit_is_below_theta_on_both_and_the_worst_comes_first():
    train, validation = [0.90, 0.95, 0.91, 0.80, 0.92], [0.85, 0.80, 0.70, 0.95, 0.90]
    assert find_underfit_labels(train, validation, theta=0.92).tolist() == [2, 0]


def test_overfit_is_a_gap_above_gamma_and_the_largest_comes_first():
    train, validation = [1.0, 1.0, 0.9, 0.5], [0.85, 0.70, 0.85, 0.9]
    assert find_overfit_labels(train, validation, gamma=0.10).tolist() == [1, 0]


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_thresholds_outside_0_to_1_are_errors_that_name_the_value(value):
    with pytest.raises(ValueError, match=f"theta = {value}"):
        find_underfit_labels([1], [1], theta=value)
    with pytest.raises(ValueError, match=f"gamma = {value}"):
        find_overfit_labels([1], [1], gamma=value)


def test_labels_out_of_range_and_unequal_lengths_are_errors():
    with pytest.raises(ValueError, match=r"labels span 0 \.\. 3; they must lie in 0 \.\. 2"):
        label_accuracies([0, 3], [0, 1], 3)
    with pytest.raises(ValueError, match="one length"):
        label_accuracies([0, 1], [0], 3)
