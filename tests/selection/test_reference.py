from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits

from mode_utils.repair.choosing.given_outputs import GivenOutputs
from mode_utils.selection.candidates import Candidates
from mode_utils.selection.model_outputs import ModelOutputs
from mode_utils.selection.reference import REFERENCES, fit_classifier, learn_reference
from mode_utils.selection.selectors import expected_error

pytestmark = pytest.mark.slow


def ask_reference(trainer, splits, rng, reference):
    outputs, places = ModelOutputs(trainer, splits), np.arange(len(splits.bug_fixing))
    return learn_reference(outputs, splits, rng, reference).probabilities(places, outputs.states_at(places))


@pytest.fixture
def own_state(trainer):
    return trainer.state()


@pytest.mark.parametrize("reference", REFERENCES)
def test_wrong_labels_get_no_probability_and_the_model_stays_as_it_was(reference, trainer, splits, own_state):
    labels = splits.bug_fixing.y.copy()
    labels[:300] = (labels[:300] + 3) % 10
    noisy = replace(splits, bug_fixing=replace(splits.bug_fixing, y=labels))
    found = ask_reference(trainer, noisy, np.random.default_rng(0), reference)
    own = found[np.arange(len(labels)), labels]
    assert own[:300].mean() < 0.2 < 0.6 < own[300:].mean()
    assert np.allclose(found.sum(axis=1), 1, atol=1e-4)
    assert all(np.array_equal(a, b) for a, b in zip(trainer.state(), own_state, strict=True))
    assert np.array_equal(found, ask_reference(trainer, noisy, np.random.default_rng(0), reference))


@pytest.mark.parametrize("reference", REFERENCES)
def test_hidden_labels_are_not_looked_at(reference, trainer, splits):
    hidden = replace(splits, labelled=False)
    other = replace(hidden, bug_fixing=replace(splits.bug_fixing, y=np.zeros_like(splits.bug_fixing.y)))
    first, second = (ask_reference(trainer, each, np.random.default_rng(0), reference) for each in (hidden, other))
    assert np.array_equal(first, second)
    assert (first.argmax(axis=1) == splits.bug_fixing.y).mean() > 0.7


def test_a_given_label_counts_as_far_as_the_reference_agrees():
    found, p = np.array([[0.1, 0.9], [0.6, 0.4]]), np.array([[0.2, 0.8], [0.5, 0.5]])
    known = Candidates(None, [], np.array([0, 0]), None, probabilities=p, reference_probabilities=found)
    assert np.allclose(expected_error(known), [0.1 * 0.8, 0.6 * 0.5])
    assert np.allclose(expected_error(replace(known, labelled=False)), [0.1 * 0.8 + 0.9 * 0.2, 0.5])


def test_labels_that_nobody_has_seen_get_no_probability_and_a_single_one_is(splits):

    def ask(splits):
        roles = {"pool": splits.bug_fixing, "validation": splits.validation, "train": splits.train}
        arrays = {f"features_{role}": part.x.reshape(len(part), -1)[:, ::50] for role, part in roles.items()}
        outputs = GivenOutputs(arrays | {"probabilities_validation": arrays["features_validation"],
                                         "y_train": splits.train.y}, arrays["features_pool"])  # fmt: skip
        reference = learn_reference(outputs, splits, np.random.default_rng(0))
        return reference.probabilities(np.arange(outputs.n_pool), arrays["features_pool"])

    part = splits.validation.subset(np.flatnonzero(splits.validation.y < 2))
    seen = splits.train.subset(np.flatnonzero(splits.train.y < 2))
    hidden = replace(splits, labelled=False, validation=part, train=seen)
    found = ask(hidden)
    assert found.shape == (1_500, 10) and np.allclose(found[:, :2].sum(axis=1), 1)
    ones = {"validation": part.subset(np.flatnonzero(part.y == 1)), "train": seen.subset(np.flatnonzero(seen.y == 1))}
    ones = replace(hidden, **ones)
    assert (ask(ones)[:, 1] == 1).all()


def test_a_reference_that_does_not_exist_is_refused(trainer, splits):
    with pytest.raises(ValueError, match="unknown reference 'oracle'; choose from network, states"):
        ask_reference(trainer, splits, np.random.default_rng(0), "oracle")


def test_a_regression_has_one_thread_however_many_there_are(rng):
    """On a busy machine two take many times as long as one, and sums of floats depend on how many there are."""
    seen = []

    class Watched(LogisticRegression):
        def fit(self, x, y):
            seen.extend(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
            return super().fit(x, y)

    with threadpool_limits(2, "blas"):
        fit_classifier(Watched(), rng.normal(size=(20, 3)), np.arange(20) % 2, 2)
    assert seen and set(seen) == {1}
