from dataclasses import replace

import numpy as np
import pytest

from mode_utils.selection.reference import believe, trust


@pytest.fixture
def own_state(trainer):
    return trainer.state()


def test_wrong_labels_are_not_believed_and_the_model_stays_as_it_was(trainer, splits, own_state):
    labels = splits.bug_fixing.y.copy()
    labels[:300] = (labels[:300] + 3) % 10
    noisy = replace(splits, bug_fixing=replace(splits.bug_fixing, y=labels))
    beliefs = believe(trainer, noisy, np.random.default_rng(0))
    own = beliefs[np.arange(len(labels)), labels]
    assert own[:300].mean() < 0.2 < 0.6 < own[300:].mean()
    assert np.allclose(beliefs.sum(axis=1), 1, atol=1e-4)
    assert all(np.array_equal(a, b) for a, b in zip(trainer.state(), own_state, strict=True))
    assert np.array_equal(beliefs, believe(trainer, noisy, np.random.default_rng(0)))


def test_hidden_labels_are_not_looked_at(trainer, splits):
    hidden = replace(splits, labelled=False)
    other = replace(hidden, bug_fixing=replace(splits.bug_fixing, y=np.zeros_like(splits.bug_fixing.y)))
    first, second = (believe(trainer, each, np.random.default_rng(0)) for each in (hidden, other))
    assert np.array_equal(first, second)
    assert (first.argmax(axis=1) == splits.bug_fixing.y).mean() > 0.7


def test_a_given_label_is_believed_as_far_as_the_reference_does():
    beliefs = np.array([[0.1, 0.9], [0.6, 0.4]])
    assert np.array_equal(trust(beliefs, np.array([0, 0]), True), [[0.1, 0], [0.6, 0]])
    assert trust(beliefs, None, False) is beliefs
