"""How a model is retrained: at which learning rate, for how long, and whether that moved anything.

What decides is measured on the new samples: a rate that moves nothing is replaced by one that does, and a training that
has not yet reached a label goes on while its loss falls.
"""

from dataclasses import dataclass

import numpy as np

from mode_utils.networks.learning_rate import describe_rate, is_scheduled, rated_optimizers
from mode_utils.selection.replay import Replay

_MOST_EPOCHS = 64  # of a training that goes on by itself
_STILL = 0.01  # relative change of the weights under which a training has hardly moved them
_FALLS = 0.02  # relative fall of the loss that is more than noise
_UNREACHED, _REACHED = 0.5, 0.8  # share of a label's samples that is right, below and up to which a training goes on
_LOW = 0.01  # of its usual rate, under which a rate is told before the training
_LEAST = 1e-30  # probability that a loss is taken of


@dataclass(frozen=True)
class Training:
    """How a training went.

    Attributes
    ----------
    epochs, steps : int
        Passes over the samples, and steps of the optimizer.
    rate : float
        The highest learning rate of the training.
    own_rate : float
        The highest that the optimizer itself would have had.
    moved : float
        Change of the trainable weights in relation to their size, both Euclidean norms; not finite if it diverged.
    loss_before, loss_after : float
        Mean -log of the probability of their labels over the new samples.
    known : float
        Share of the new samples that were right before.
    replaced : bool
        Whether `rate` stands in for a rate that moved nothing.
    went_on : bool
        Whether it was longer than the options say.
    accumulated : int
        Steps after which the optimizer changes weights.
    slow : tuple of int
        Labels that are not reached in the end, while their loss still falls.
    """

    epochs: int
    steps: int
    rate: float
    own_rate: float
    moved: float
    loss_before: float
    loss_after: float
    known: float
    replaced: bool = False
    went_on: bool = False
    accumulated: int = 1
    slow: tuple[int, ...] = ()

    @property
    def stands_still(self):
        """Whether neither the weights nor the loss on the new samples have moved to speak of."""
        return bool(self.moved < _STILL and self.loss_before - self.loss_after < _FALLS * self.loss_before)

    @property
    def at_limit(self):
        """Whether it was as long as it may be by itself."""
        return self.epochs >= _MOST_EPOCHS

    @property
    def diverged(self):
        """Whether weights are no longer finite."""
        return not np.isfinite(self.moved)


def train(case, splits, indices, replay, learning_rate=None):
    """Train a case's model on new samples with old ones beside them, from its initial state.

    Unless the case says for how many epochs, it goes on if most samples of a label, new and old, are wrong: twice as
    long each time, until most are right or their loss no longer falls.

    Parameters
    ----------
    case : Case
        Its trainer holds the trained model afterwards.
    splits : Splits
    indices : (n,) int
        New samples, places in the pool.
    replay : float
        Old samples for each new one.
    learning_rate : float, optional
        In place of the optimizer's own rate.

    Returns
    -------
    Training
    """
    trainer, rng, epochs = case.trainer, np.random.default_rng(case.seed), 0
    trainer.restore(case.initial_state)
    x, y = Replay(splits, replay, rng.spawn(1)[0]).with_old(indices)
    n_new = len(indices)
    weights = None if case.class_weights is None else case.class_weights.of_samples(y)
    looks, chunk, slow = [_look(trainer, x, y)], case.options.epochs, ()
    own = describe_rate(trainer.model.optimizer, _n_steps(case, len(y), chunk)).highest
    while chunk > 0:
        trainer.fit(x, y, epochs=chunk, rng=rng, sample_weights=weights, learning_rate=learning_rate)
        epochs += chunk
        looks.append(_look(trainer, x, y))
        slow = _slow(y, *looks[-2:], _REACHED if slow else _UNREACHED)
        chunk = min(epochs, _MOST_EPOCHS - epochs) if slow and not case.fixed_epochs else 0
    (before, right), (after, _) = looks[0], looks[-1]
    means = [float(part[:n_new].mean()) for part in (before, after, right)]
    replaced, went_on = learning_rate != case.learning_rate, epochs > case.options.epochs
    steps = _n_steps(case, len(y), epochs)
    optimizers = rated_optimizers(trainer.model.optimizer)
    accumulated = max(each.gradient_accumulation_steps or 1 for each in optimizers)
    rates = learning_rate or own, own
    return Training(epochs, steps, *rates, _moved(case), *means, replaced, went_on, accumulated, slow)


def higher_rate(case, training):
    """Return a learning rate that the model is known to learn at, if it is clearly higher than that of a training."""
    usual = describe_rate(case.trainer.model.optimizer, training.steps).usual
    return usual if usual > 2 * training.rate else None


def check_trainable(model):
    """Raise a ValueError if nothing of a model is trained."""
    if not model.trainable_variables:
        raise ValueError(
            f"model {model.name!r} has no weight that is trained: everything is frozen, so that no retraining can "
            "change it; set `trainable = True` for the layers to repair, compile it and save it again"
        )


def say_rate(case):
    """Return a sentence on a rate that is probably too low to repair a model, before that is tried; or none."""
    optimizer, replay = case.trainer.model.optimizer, case.options.replay
    n_new = case.options.batch_size
    n_steps = _n_steps(case, n_new + min(round(replay * n_new), len(case.data.x_train)), case.options.epochs)
    name, now, highest, usual = describe_rate(optimizer, n_steps)
    if case.learning_rate or highest >= _LOW * usual:
        return ()
    scheduled = f"its schedule, {name}, gives at most {highest:.3g} in the {n_steps} steps of a retraining"
    told = scheduled if is_scheduled(optimizer) else f"{name} usually has {usual:g}"
    return (
        f"The learning rate that was saved with the model is {now:.3g}; {told}. If that moves nothing, it is retrained "
        f"at {usual:.3g}; --learning-rate takes another.",
    )


def _n_steps(case, n_samples, epochs):
    return epochs * -(-n_samples // case.trainer.batch_size)


def _look(trainer, x, y):
    """Return the loss of each sample, and whether it is right."""
    probabilities = trainer.predict(x)
    own = np.nan_to_num(probabilities[np.arange(len(y)), y].astype(float))
    return -np.log(np.maximum(own, _LEAST)), probabilities.argmax(axis=1) == y


def _slow(y, before, after, least):
    """Return the labels of whose samples less than a share is right although their loss has fallen."""
    found = []
    for label in np.unique(y):
        was, is_ = (losses[y == label].mean() for losses, _ in (before, after))
        if after[1][y == label].mean() < least and was - is_ > _FALLS * was:
            found.append(int(label))
    return tuple(found)


def _moved(case):
    model = case.trainer.model
    was = {id(variable): value for variable, value in zip(model.variables, case.initial_state, strict=False)}
    pairs = [(was[id(weight)].astype(float), weight.numpy().astype(float)) for weight in model.trainable_variables]
    change, size = (np.sqrt(sum(np.sum(part**2) for part in parts)) for parts in
                    ([new - old for old, new in pairs], [old for old, _ in pairs]))  # fmt: skip
    return float(change / (size or 1))
