"""The learning rate of an optimizer: what it is, what its schedule has given and will give, and another for a while."""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from mode_utils.networks.backend import keras, tf
from mode_utils.networks.keras_internals import rate_of

_LOOKED_AT = 30  # steps of a schedule


class Rate(NamedTuple):
    """What is known of a learning rate.

    Attributes
    ----------
    name : str
        Of its schedule, or of the optimizer if it is a number.
    now, highest : float
        In the next step, and the highest of some steps to come.
    usual : float
        The highest that the schedule has given so far, or of a number the default of its optimizer; `highest` if that
        is not known.
    """

    name: str
    now: float
    highest: float
    usual: float


class HeldRate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that gives one rate, which can be changed under a traced function."""

    def __init__(self):
        self.value = tf.Variable(0.0, trainable=False)

    def __call__(self, step):
        """Return the rate, whatever the step."""
        return self.value


def rated_optimizers(optimizer):
    """Return the optimizers that have a learning rate: itself, or those inside of it."""
    inner = getattr(optimizer, "inner_optimizer", None)  # of a LossScaleOptimizer
    return [inner] if inner is not None else list(getattr(optimizer, "optimizers", [optimizer]))


def is_scheduled(optimizer):
    """Tell whether a rate, of several optimizers any, is computed and not a variable."""
    return any(not isinstance(rate_of(each), keras.Variable) for each in rated_optimizers(optimizer))


@contextmanager
def held_rate(optimizer, rate, held):
    """Train at another rate, and put the optimizer's own back in the end.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
    rate : float or None
        None changes nothing.
    held : HeldRate
        Stands in for schedules.
    """
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
    """Look at the rate of an optimizer, and of a training of some steps to come.

    Returns
    -------
    Rate
        Of several optimizers inside of it, that of the one with the lowest `highest`.
    """
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
    steps = np.linspace(first, last, _LOOKED_AT), first - 1 + np.geomspace(1, 1 + last - first, _LOOKED_AT)
    steps = np.unique(np.ceil(np.concatenate(steps)).astype(int).clip(first, last))  # also those of a short warm-up
    return [float(schedule(tf.constant(step, tf.int64))) for step in steps]


def _default_rate(kind, otherwise):
    try:
        return float(kind().learning_rate)
    except Exception:  # whatever an optimizer of one's own needs to be made
        return otherwise
