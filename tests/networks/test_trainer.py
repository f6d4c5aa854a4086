from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from mode_utils.model_training import build_model
from mode_utils.networks.backend import keras
from mode_utils.networks.trainer import Predictions, Trainer

pytestmark = pytest.mark.slow


class RunningLosses(keras.callbacks.Callback):
    """Collect what `Model.fit` reports after each step: the mean loss so far."""

    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(logs["loss"])


@pytest.mark.parametrize("architecture", ["dense", "cnn"])
def test_losses_agree_with_model_fit_over_100_steps(architecture, splits):
    x, y = splits.bug_fixing.x, splits.bug_fixing.y
    x, y = np.tile(x, (3, 1, 1))[:3200], np.tile(y, 3)[:3200]
    trainer = Trainer(build_model(architecture))
    trainer.initialize(np.random.default_rng(0))
    initial = trainer.state()
    losses = trainer.fit(x, y, epochs=1, rng=np.random.default_rng(1))[0]
    weights = trainer.model.get_weights()

    trainer.restore(initial)
    order = np.random.default_rng(1).permutation(len(x))
    reported = RunningLosses()
    trainer.model.fit(x[order], y[order], batch_size=32, shuffle=False, verbose=0, callbacks=[reported])
    assert len(losses) == len(reported.values) == 100
    np.testing.assert_allclose(np.cumsum(losses) / np.arange(1, 101), reported.values, atol=1e-4)
    for ours, theirs in zip(weights, trainer.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_restored_trainer_repeats_its_training_bit_for_bit(trainer, splits):
    state, results = trainer.state(), []
    for _ in range(2):
        trainer.restore(state)
        losses = trainer.fit(splits.train.x, splits.train.y, epochs=2, rng=np.random.default_rng(3))
        results.append((losses.tobytes(), trainer.predict(splits.test.x).tobytes()))
    assert results[0] == results[1]


def test_random_layers_are_part_of_the_state(splits):
    layers = [
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(8),
        keras.layers.BatchNormalization(),
    ]
    model = keras.Sequential([keras.Input((28, 28)), *layers, keras.layers.Dense(10, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    trainer = Trainer(model)
    trainer.initialize(np.random.default_rng(0))
    state = trainer.state()
    first = trainer.fit(splits.test.x, splits.test.y, epochs=1, rng=np.random.default_rng(3))
    trainer.restore(state)
    np.testing.assert_array_equal(
        first, trainer.fit(splits.test.x, splits.test.y, epochs=1, rng=np.random.default_rng(3))
    )


def test_a_network_with_random_layers_is_the_same_each_time_it_is_built_and_initialized(splits):
    losses = []
    for _ in range(2):
        layers = [keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(10, activation="softmax")]
        model = keras.Sequential([keras.Input((28, 28)), *layers])
        model.compile(loss="sparse_categorical_crossentropy")
        trainer = Trainer(model)
        trainer.initialize(np.random.default_rng(0))
        losses.append(trainer.fit(splits.test.x, splits.test.y, epochs=1, rng=np.random.default_rng(3)))
    np.testing.assert_array_equal(*losses)


def test_initializing_is_as_good_as_a_new_model(trainer, splits):
    trainer.initialize(np.random.default_rng(5))
    first = trainer.state()
    trainer.fit(splits.test.x, splits.test.y, epochs=1, rng=np.random.default_rng(0))
    trainer.initialize(np.random.default_rng(5))
    for a, b in zip(first, trainer.state(), strict=True):
        np.testing.assert_array_equal(a, b)
    trainer.initialize(np.random.default_rng(6))
    assert not np.array_equal(first[0], trainer.state()[0])
    fresh = Trainer(build_model())
    np.testing.assert_array_equal(fresh.model.optimizer.iterations, trainer.model.optimizer.iterations)
    assert float(fresh.model.optimizer.learning_rate) == float(trainer.model.optimizer.learning_rate)


def test_initial_weights_have_the_spread_of_the_layers_initializer(trainer):
    trainer.initialize(np.random.default_rng(5))
    kernel, bias = trainer.model.get_layer("hidden_1").get_weights()
    limit = np.sqrt(6 / (784 + 28))  # Glorot, uniform
    assert np.abs(kernel).max() <= limit and kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert not bias.any()


def test_predictions_are_those_of_keras_whatever_the_number_of_samples(trainer, mnist):
    x = mnist.x_test[:9_000]
    np.testing.assert_allclose(trainer.predict(x), trainer.model.predict(x, verbose=0), atol=1e-6)


def test_activations_come_in_the_order_asked_for(trainer, splits):
    second, first = trainer.activations(splits.test.x, ["hidden_2", "hidden_1"])
    kernel, bias = trainer.model.get_layer("hidden_2").get_weights()
    np.testing.assert_allclose(second, np.maximum(first @ kernel + bias, 0), atol=1e-4)


def test_the_last_step_of_an_epoch_takes_what_is_left(trainer, splits):
    x, y = splits.test.x[:70], splits.test.y[:70]
    assert trainer.fit(x, y, epochs=2, rng=np.random.default_rng(0), batch_size=32).shape == (2, 3)


def test_a_model_that_is_not_compiled_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    with pytest.raises(ValueError, match="is not compiled"):
        Trainer(model)


def test_an_unknown_layer_is_an_error_that_names_the_choices(trainer, splits):
    with pytest.raises(ValueError, match=r"has no layer 'hidden_3'; choose from input_layer.*, flatten, hidden_1"):
        trainer.activations(splits.test.x, ["hidden_3"])


def test_a_state_of_another_architecture_is_refused(trainer):
    with pytest.raises(ValueError, match="does not fit model 'dense'"):
        trainer.restore(Trainer(build_model("cnn")).state())


def test_samples_that_change_are_looked_at_anew_and_those_that_cannot_are_converted_once(trainer):
    x = np.random.default_rng(0).random((2_000, 28, 28), dtype=np.float32)
    first = trainer.predict(x)
    x[:] = 0
    assert not np.array_equal(trainer.predict(x), first)
    fixed = np.random.default_rng(0).random((2_000, 28, 28), dtype=np.float32)
    fixed.setflags(write=False)
    before = len(trainer._tensors)
    np.testing.assert_array_equal(trainer.predict(fixed), first)
    assert trainer._tensor(fixed) is trainer._tensor(fixed) and len(trainer._tensors) == before + 1
    del fixed
    assert len(trainer._tensors) == before  # gone with the samples
    window = np.zeros((2_000, 28, 28), np.float32)
    view = window[:]
    view.setflags(write=False)  # what it shows can change all the same
    first = trainer.predict(view)
    window[:] = 1
    assert not np.array_equal(trainer.predict(view), first)


def test_no_samples_have_no_predictions(trainer):
    assert trainer.predict(np.empty((0, 28, 28), np.float32)).shape == (0, 10)


@pytest.fixture(scope="module")
def restless():
    """A trainer of a network in which a training changes everything that it can: statistics and seeds, too."""
    hidden = [keras.layers.Dense(5), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
    last = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((4,)), *hidden, last])
    model.compile(keras.optimizers.Nadam(0.05), "sparse_categorical_crossentropy")
    trainer = Trainer(model)
    return trainer, lambda: trainer.fit(
        np.eye(4, dtype=np.float32), [0, 1, 2, 0], epochs=1, rng=np.random.default_rng(0)
    )


def assert_equal_states(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("ends", ["well", "in an exception", "with a state that does not fit"])
@pytest.mark.parametrize("lent", [True, False])
def test_a_model_that_was_lent_is_as_it_was_bit_for_bit(restless, lent, ends):
    trainer, train = restless
    other = trainer.state()
    train()
    own, wrong = trainer.state(), {"in an exception": KeyError, "with a state that does not fit": ValueError}.get(ends)
    changed = sum(not np.array_equal(a, b) for a, b in zip(other, own, strict=True))
    assert changed == len(own) - 1  # all but the learning rate: weights, moments, statistics, seeds
    with pytest.raises(wrong) if wrong else nullcontext(), trainer.at(other if lent else None) as same:
        assert same is trainer
        assert_equal_states(trainer.state(), other if lent else own)
        train()
        with trainer.at(own):
            train(), train()
            inner = trainer.state()
        assert not np.array_equal(inner[0], trainer.state()[0])
        if ends == "in an exception":
            raise KeyError
        if wrong:
            trainer.restore(other[1:])
    assert_equal_states(trainer.state(), own)


def test_what_follows_a_loan_is_trained_as_if_there_had_been_none(restless):
    trainer, train = restless
    start, ends = trainer.state(), []
    for lent in (False, True):
        trainer.restore(start)
        train()
        if lent:
            with trainer.at(start):
                train()
        train()
        ends.append(trainer.state())
    assert_equal_states(*ends)


def test_each_sample_is_predicted_once_when_it_is_asked_for(rng):
    x, asked = rng.random((5_000, 3)), []

    def predict(x):
        asked.extend(x[:, 0])
        return x / x.sum(axis=1, keepdims=True)

    predictions = Predictions(SimpleNamespace(n_classes=3, predict=predict), x)
    expected = (x / x.sum(axis=1, keepdims=True)).astype(np.float32)
    for number in (1, 3_000, 40, 5_000):
        places = np.sort(rng.permutation(5_000)[:number])
        np.testing.assert_array_equal(predictions.at(places).astype(np.float32), expected[places])
    assert len(asked) == 5_000 and set(asked) == set(x[:, 0])
