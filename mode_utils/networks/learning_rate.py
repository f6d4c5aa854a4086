"""The learning rate of an optimizer: now, earlier and in steps to come, and another in its place for a while."""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from mode_utils.networks.backend import keras, tf
from mode_utils.networks.keras_internals import rate_of

_SAMPLED = 30  # steps of a schedule


class Rate(NamedTuple):
    """A learning rate: its name, now, its highest to come, and the `usual`: a schedule's so far, or the default."""

    name: str
    now: float
    highest: float
    usual: float


class HeldRate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that gives one rate, which can be changed under a traced function."""

    def __init__(self):
        self.value = tf.Variable(0.0, trainable=False)

    def __call__(self, step):
        """Return the rate."""
        return self.value


def rated_optimizers(optimizer):
    """Return the optimizers that have a learning rate: itself, or those inside it."""
    inner = getattr(optimizer, "inner_optimizer", None)  # of a LossScaleOptimizer
    return [inner] if inner is not None else list(getattr(optimizer, "optimizers", [optimizer]))


def is_scheduled(optimizer):
    """Tell whether any rate is computed and not a variable."""
    return any(not isinstance(rate_of(each), keras.Variable) for each in rated_optimizers(optimizer))


def rate_scales_weights(optimizer):
    """Tell whether weights are computed as a multiple of the rate, as those of FTRL are: another rate shrinks them."""
    return any(isinstance(each, keras.optimizers.Ftrl) for each in rated_optimizers(optimizer))


@contextmanager
def held_rate(optimizer, rate, held):
    """Train at another rate, with None at the optimizer's own, which it has afterwards; `held` replaces schedules."""
    own = [] if rate is None else [(each, rate_of(each)) for each in rated_optimizers(optimizer)]
    values = [float(was) if isinstance(was, keras.Variable) else None for _, was in own]
    try:
        for (each, _), value in zip(own, values, strict=True):
            held.value.assign(rate)
            each.learning_rate = held if value is None else rate
        yield
    finally:
        for (each, was), value in zip(own, values, strict=True):
            each.learning_rate = was if value is None else value


def describe_rate(optimizer, n_steps):
    """Return the `Rate` of a training of some steps to come; of several optimizers, that of the lowest `highest`."""
    return min((_describe(each, n_steps) for each in rated_optimizers(optimizer)), key=lambda each: each.highest)


def _describe(optimizer, n_steps):
    rate, step = rate_of(optimizer), int(optimizer.iterations)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        coming, past = (_values(rate, *ends) for ends in ((step, step + n_steps - 1), (0, step)))
        return Rate(type(rate).__name__, coming[0], max(coming), max(past))
    now = float(optimizer.learning_rate)
    return Rate(type(optimizer).__name__, now, now, _default_rate(type(optimizer), now))


def _values(schedule, first, last):
    last = max(first, last)
    steps = np.linspace(first, last, _SAMPLED), first - 1 + np.geomspace(1, 1 + last - first, _SAMPLED)
    steps = np.unique(np.ceil(np.concatenate(steps)).astype(int).clip(first, last))  # also those of a short warm-up
    return [float(schedule(tf.constant(step, tf.int64))) for step in steps]


def _default_rate(kind, otherwise):
    try:
        return float(kind().learning_rate)
    except Exception:  # an optimizer of one's own may need arguments
        return otherwise
