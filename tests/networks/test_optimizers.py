"""Whatever optimizer a model has, the trainer trains it as Keras does."""

import numpy as np
import pytest
from tiers import by_night

from mode_utils.networks.backend import keras
from mode_utils.networks.keras_internals import optimizer_variables
from mode_utils.networks.trainer import Trainer

pytestmark = pytest.mark.slow

schedules = keras.optimizers.schedules
WRAPPERS = {"LossScaleOptimizer", "MultiOptimizer"}
PLAIN = {
    name: kind
    for name, kind in vars(keras.optimizers).items()
    if isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer) and name not in {"Optimizer", *WRAPPERS}
}
MAKERS = PLAIN | {
    "LossScaleOptimizer": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Nadam()),
    "loss scale that grows": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(), dynamic_growth_steps=3
    ),
    "MultiOptimizer": lambda: keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(keras.optimizers.Adagrad(0.05), {"first/.*": keras.optimizers.Nadam(0.01)})
    ),
    "schedule, mixed": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(schedules.ExponentialDecay(0.1, 2, 0.5), momentum=0.9)
    ),
    "clipnorm": lambda: keras.optimizers.SGD(0.1, clipnorm=0.01),
    "global clipnorm": lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.01),
    "weight decay": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "average": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
    "average, taken over at times": lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=4),
    "fixed loss scale": lambda: keras.optimizers.Adam(0.01, loss_scale_factor=128.0),
}
BY_DAY = (  # an optimizer of each kind, and each thing that one may do beside its step
    "SGD", "Adam", "Muon", "ScheduleFreeAdamW", "MultiOptimizer", "schedule, mixed", "loss scale that grows",
    "global clipnorm", "weight decay", "average, taken over at times", "accumulation", "fixed loss scale",
)  # fmt: skip
X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
Y = (X[:, :3].argmax(axis=1)).astype(np.int32)


def classifier(make, layers=(), dtype=None, **compiled):
    keras.utils.set_random_seed(0)
    last = keras.layers.Dense(3, activation="softmax", name="last", dtype=dtype)
    model = keras.Sequential([keras.Input((6,)), *layers, last])
    model.compile(make(), "sparse_categorical_crossentropy", run_eagerly=True, **compiled)  # nothing to trace
    return model


def assert_trained_alike(model, sample_weights=None, atol=1e-5):
    """Train the same model in both ways, from the same state."""
    trainer, rng = Trainer(model), np.random.default_rng(1)
    orders, initial = [rng.permutation(len(X)) for _ in range(2)], trainer.state()
    with trainer.at():
        trainer.fit(X, Y, epochs=2, rng=np.random.default_rng(1), sample_weights=sample_weights)
        ours = trainer.state()
    order = np.concatenate(orders)
    factors = None if sample_weights is None else sample_weights[order]
    model.fit(X[order], Y[order], batch_size=32, shuffle=False, verbose=0, sample_weight=factors)
    assert max(np.abs(a - b).max() for a, b in zip(initial, ours, strict=True)) > 1e-4
    for a, b in zip(ours, trainer.state(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=atol)
    return trainer


@pytest.mark.parametrize("name", by_night(MAKERS, but=BY_DAY))
def test_each_optimizer_trains_as_in_keras_and_is_as_good_as_new_when_initialized(name):
    model = classifier(MAKERS[name], [keras.layers.Dense(4, name="first")] if name == "MultiOptimizer" else ())
    trainer, new = assert_trained_alike(model), MAKERS[name]()
    trainer.initialize(np.random.default_rng(5))
    new.build(model.trainable_variables)
    for ours, fresh in zip(optimizer_variables(model.optimizer), optimizer_variables(new), strict=True):
        np.testing.assert_array_equal(ours.numpy(), fresh.numpy(), err_msg=ours.path)


ADDED = [(False, None), (True, None), (True, "mixed_float16")]


@pytest.mark.parametrize(("weighted", "dtype"), by_night(ADDED, but=ADDED[1:]))
def test_what_layers_add_to_a_step_is_added_as_in_keras(weighted, dtype):
    adam = keras.optimizers.Adam(0.01)
    dense = {"kernel_regularizer": "l2", "kernel_constraint": "non_neg"}
    dense |= {} if dtype else {"activity_regularizer": "l1"}  # which Keras itself cannot add in float16
    layers = [keras.layers.BatchNormalization(dtype=dtype), keras.layers.Dense(4, dtype=dtype, **dense)]
    weights = np.linspace(0, 3, len(X)).astype(np.float32) if weighted else None
    options = {"loss_weights": [2.0], "weighted_metrics": ["accuracy"]}
    make = (lambda: keras.optimizers.LossScaleOptimizer(adam)) if dtype else lambda: adam
    assert_trained_alike(classifier(make, layers, dtype, **options), weights, 2e-3 if dtype else 1e-5)


def test_gradients_too_small_for_float16_move_weights_all_the_same():
    """Of a mean over many samples, at a loss that is nearly 0."""
    model = classifier(lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e4)), dtype="mixed_float16")
    trainer = Trainer(model)
    trainer.fit(X, Y, epochs=1, rng=np.random.default_rng(0), sample_weights=np.full(len(X), 1e-7))
    before = trainer.state()
    trainer.fit(X, Y, epochs=1, rng=np.random.default_rng(0), sample_weights=np.full(len(X), 1e-7))
    assert np.abs(trainer.state()[0] - before[0]).max() > 1e-5


@pytest.mark.parametrize("name", ["SGD", "schedule, mixed", "MultiOptimizer"])
def test_another_rate_is_taken_for_a_while_and_the_optimizer_keeps_its_own(name):
    model = classifier(MAKERS[name], [keras.layers.Dense(4, name="first")] if name == "MultiOptimizer" else ())
    trainer, states = Trainer(model), []
    initial, config = trainer.state(), model.optimizer.get_config()
    for rate in (None, 1e-9, 0.03, None):
        trainer.restore(initial)
        trainer.fit(X, Y, epochs=1, rng=np.random.default_rng(0), learning_rate=rate)
        states.append(trainer.model.get_weights()[0])
    assert model.optimizer.get_config() == config
    np.testing.assert_array_equal(states[0], states[3])
    np.testing.assert_allclose(states[1], initial[0], atol=1e-5)
    assert np.abs(states[2] - states[0]).max() > 1e-4
