from dataclasses import replace

import numpy as np
import pytest

from mode_utils.input_selection import ask_reference
from mode_utils.selection.reference import REFERENCES, believe, trust


@pytest.fixture
def own_state(trainer):
    return trainer.state()


@pytest.mark.parametrize("reference", REFERENCES)
def test_wrong_labels_are_not_believed_and_the_model_stays_as_it_was(reference, trainer, splits, own_state):
    labels = splits.bug_fixing.y.copy()
    labels[:300] = (labels[:300] + 3) % 10
    noisy = replace(splits, bug_fixing=replace(splits.bug_fixing, y=labels))
    beliefs = ask_reference(trainer, noisy, np.random.default_rng(0), reference)
    own = beliefs[np.arange(len(labels)), labels]
    assert own[:300].mean() < 0.2 < 0.6 < own[300:].mean()
    assert np.allclose(beliefs.sum(axis=1), 1, atol=1e-4)
    assert all(np.array_equal(a, b) for a, b in zip(trainer.state(), own_state, strict=True))
    assert np.array_equal(beliefs, ask_reference(trainer, noisy, np.random.default_rng(0), reference))


@pytest.mark.parametrize("reference", REFERENCES)
def test_hidden_labels_are_not_looked_at(reference, trainer, splits):
    hidden = replace(splits, labelled=False)
    other = replace(hidden, bug_fixing=replace(splits.bug_fixing, y=np.zeros_like(splits.bug_fixing.y)))
    first, second = (ask_reference(trainer, each, np.random.default_rng(0), reference) for each in (hidden, other))
    assert np.array_equal(first, second)
    assert (first.argmax(axis=1) == splits.bug_fixing.y).mean() > 0.7


def test_a_given_label_is_believed_as_far_as_the_reference_does():
    beliefs = np.array([[0.1, 0.9], [0.6, 0.4]])
    assert np.array_equal(trust(beliefs, np.array([0, 0]), True), [[0.1, 0], [0.6, 0]])
    assert trust(beliefs, None, False) is beliefs


def test_labels_that_nobody_has_seen_are_not_believed_and_a_single_one_is(splits):
    states = {"states": lambda x: x.reshape(len(x), -1)[:, ::50]}
    part = splits.validation.subset(np.flatnonzero(splits.validation.y < 2))
    seen = splits.train.subset(np.flatnonzero(splits.train.y < 2))
    hidden = replace(splits, labelled=False, validation=part, train=seen)
    beliefs = believe(None, hidden, np.random.default_rng(0), **states)
    assert beliefs.shape == (1_500, 10) and np.allclose(beliefs[:, :2].sum(axis=1), 1)
    ones = {"validation": part.subset(np.flatnonzero(part.y == 1)), "train": seen.subset(np.flatnonzero(seen.y == 1))}
    ones = replace(hidden, **ones)
    assert (believe(None, ones, np.random.default_rng(0), **states)[:, 1] == 1).all()


def test_a_reference_that_does_not_exist_is_refused(trainer, splits):
    with pytest.raises(ValueError, match="unknown reference 'oracle'; choose from network, states"):
        ask_reference(trainer, splits, np.random.default_rng(0), "oracle")
