"""Retraining of a case: at which learning rate, for how long, whether that moved anything, and what became of it."""

from dataclasses import dataclass, replace

import numpy as np

from mode_utils.networks.backend import keras
from mode_utils.networks.keras_internals import own_variables
from mode_utils.networks.learning_rate import (
    describe_rate,
    is_scheduled,
    rate_scales_weights,
    rated_optimizers,
)
from mode_utils.repair.contract import OLD, VALIDATION, Contract, Parts, as_labels, count_changes
from mode_utils.repair.repair_outcome import compare_predictions
from mode_utils.selection.replay import Replay
from mode_utils.splits import Splits


def retrain(case, indices, labels, modes=()):
    """Retrain the model on chosen samples, old ones beside them, and see what became of it.

    If a label loses much of the old samples that are kept back to choose by, it is done again, twice at most, with more
    old samples of all labels that lose, and what loses least is taken. If a training moves nothing, at the learning
    rate that was saved with the model, it is done at a higher one that is known, unless the case says which. A
    ValueError names a sample without a label (-1).

    Parameters
    ----------
    case : Case
    indices, labels : (n,) int, places in the pool, and their true labels
    modes : sequence of failure_modes.FailureMode, of validation samples, that must not become worse

    Returns
    -------
    RepairOutcome
        `case.trainer` holds the repaired model. Validation samples, and the other half of the old ones that were kept
        back, judge it, and have decided nothing here.
    """
    lacking = np.flatnonzero(np.asarray(labels) < 0)
    if lacking.size:
        raise ValueError(f"sample {indices[lacking[0]]} has no label: retrain on samples that have one")
    indices, labels = np.asarray(indices), np.asarray(labels)
    kept = keep_back(case, indices, labels)
    x, y = kept.choose
    with case.trainer.at(case.initial_state):
        known, before = _predict(case, x), {part: _predict(case, x) for part, (x, _) in kept.judge.items()}
    chosen, worst, more = None, np.inf, ()
    for _ in range(_TRIES):
        tried = _retrain_once(case, kept.splits, indices, more)
        losses = losses_of_labels(y, known, _predict(case, x))
        if losses.max() < worst:
            chosen, worst = tried, losses.max()
        more = tuple(sorted({*more, *losing(losses)}))
        if not losing(losses) or not case.options.replay:
            break
    case.trainer.restore(chosen["state"])
    sides = {part: (y, before[part], _predict(case, x)) for part, (x, y) in kept.judge.items()}
    parts = Parts.of(case.data, modes)
    outcome = compare_predictions(sides, case.data.class_names, Contract(label=case.tolerance), parts)
    return replace(outcome, added=(indices, labels), **chosen)


def _predict(case, x):
    return case.trainer.predict(x) if len(x) else np.empty((0, case.data.n_classes), np.float32)


def _retrain_once(case, splits, indices, more):
    """Retrain from the initial state, at a higher rate if need be; return fields of a `RepairOutcome`."""
    replay, rate = case.options.replay, case.learning_rate
    training = train(case, splits, indices, replay, rate, more)
    if rate is None and training.stands_still and training.known < 1 and (rate := higher_rate(case, training)):
        training = train(case, splits, indices, replay, rate, more)
    return {"state": case.trainer.state(), "training": training, "replay": replay, "more": more}


_MORE_REPLAY = 2.0  # old samples for each new one, of labels that lose, beside the others
_TRIES = 3  # trainings
_LOST, _LOSES = 0.05, 0.02  # of a label's old samples, from which it is retrained again, and from which it gets more
_LEAST_BACK, _MOST_BACK, _MOST_BYTES = 0.2, 10_000, 400e6  # share, number and size of training samples kept back
_UNCHANGED = 10  # old samples of each label that are taken to stay as they are, so that few decide little


@dataclass(frozen=True)
class KeptBack:
    """A case's samples by what they are for: `splits` to retrain on, (x, y) that choose, by part those that judge."""

    splits: Splits
    choose: tuple
    judge: dict


def keep_back(case, indices, labels):
    """Return the `KeptBack` of a case and what is added to it, by places in the pool (n,) and labels (n,)."""
    known = np.zeros(len(case.data.x_pool), np.int32)
    known[indices] = labels
    splits, data = case.data.splits(known), case.data
    n, needed = len(splits.train), round((case.options.replay + _MORE_REPLAY) * len(indices))
    most = min(_MOST_BACK, _MOST_BYTES // max(1, splits.train.source[:1].nbytes))
    n_back = int(np.clip(n - needed, min(_LEAST_BACK * n, most), most))
    places = np.random.default_rng([case.seed, 4]).permutation(n)
    choose, judge = (splits.train.take(np.sort(part)) for part in np.array_split(places[:n_back], 2))
    parts = {VALIDATION: (data.x_validation, data.y_validation), "test": (data.x_test, data.y_test), OLD: judge}
    parts = {part: each for part, each in parts.items() if each[0] is not None and len(each[1])}
    return KeptBack(replace(splits, train=splits.train.subset(np.sort(places[n_back:]))), choose, parts)


def losses_of_labels(y, before, after):
    """Return the shares (n_classes,) that labels of samples (n,) have lost, by probabilities (n, n_classes)."""
    samples, fixed, broken = count_changes(y, as_labels(before), as_labels(after), before.shape[1])
    return (broken - fixed) / (samples + _UNCHANGED)


def losing(losses):
    """Return the labels that are to get more old samples: all that lose noticeably, if any loses much; or none."""
    return tuple(np.flatnonzero(losses > _LOSES).tolist()) if losses.max() > _LOST else ()


_MOST_EPOCHS = 64  # of a training that goes on by itself
_STILL = 0.01  # relative change of the weights under which a training has hardly moved them
_FALLS = 0.02  # relative fall of the loss that is more than noise
_UNREACHED, _REACHED = 0.5, 0.8  # share of a label's samples that is right, below and up to which a training goes on
_LOW = 0.01  # of its usual rate, under which a rate is reported before the training
_CALM = 0.1  # of the learning rate, for one epoch more at the end
_LEAST = 1e-30  # probability, in a loss


@dataclass(frozen=True)
class Training:
    """How a training went; losses are means of -log of the probability of the new samples' labels."""

    epochs: int
    steps: int
    rate: float  # the highest learning rate
    own_rate: float  # the highest of the optimizer itself
    moved: float  # change of the trainable weights over their size, Euclidean norms; not finite if it diverged
    loss_before: float
    loss_after: float
    known: float  # share of the new samples that were right before
    replaced: bool = False  # whether `rate` stands in for one that moved nothing
    went_on: bool = False  # whether it was longer than the options say
    accumulated: int = 1  # steps after which the optimizer changes weights
    slow: tuple[int, ...] = ()  # labels that are not reached in the end, while their loss still falls

    @property
    def stands_still(self):
        """Whether neither the weights nor the loss on the new samples have moved noticeably."""
        return bool(self.moved < _STILL and self.loss_before - self.loss_after < _FALLS * self.loss_before)

    @property
    def at_limit(self):
        """Whether it was as long as it may be unless epochs are stated."""
        return self.epochs >= _MOST_EPOCHS

    @property
    def diverged(self):
        """Whether weights are no longer finite."""
        return not np.isfinite(self.moved)


def train(case, splits, indices, replay, learning_rate=None, more=()):
    """Train a case's model from its initial state on samples of the pool, and leave it trained; return the `Training`.

    `replay` is the number of old samples for each new one; labels that get `more` have `_MORE_REPLAY` beside them.
    Unless the case states epochs, it goes on if most samples of a label are wrong: twice as long each time, until most
    are right or their loss no longer falls. A last epoch at a tenth of the learning rate calms what single steps have
    done to labels.
    """
    trainer, rng, epochs = case.trainer, np.random.default_rng(case.seed), 0
    trainer.restore(case.initial_state)
    x, y = Replay(splits, replay, rng.spawn(1)[0]).with_old(indices)
    n_new = len(indices)
    if more:
        places = rng.permutation(np.flatnonzero(np.isin(splits.train.y, more)))[: round(_MORE_REPLAY * n_new)]
        x, y = (np.concatenate(each) for each in zip((x, y), splits.train.take(places), strict=True))
    weights = None if case.class_weights is None else case.class_weights.of_samples(y)
    looks, chunk, slow = [_look(trainer, x, y)], case.options.epochs, ()
    own = describe_rate(trainer.model.optimizer, _n_steps(case, len(y), chunk)).highest
    while chunk > 0:
        trainer.fit(x, y, epochs=chunk, rng=rng, sample_weights=weights, learning_rate=learning_rate)
        epochs += chunk
        looks.append(_look(trainer, x, y))
        slow = _slow(y, *looks[-2:], _REACHED if slow else _UNREACHED)
        chunk = min(epochs, _MOST_EPOCHS - epochs) if slow and not case.fixed_epochs else 0
    if (calm := _CALM * (learning_rate or own)) > 0 and not rate_scales_weights(trainer.model.optimizer):
        trainer.fit(x, y, epochs=1, rng=rng, sample_weights=weights, learning_rate=calm)
        looks.append(_look(trainer, x, y))
    (before, right), (after, _) = looks[0], looks[-1]
    means = [float(part[:n_new].mean()) for part in (before, after, right)]
    replaced, went_on = learning_rate != case.learning_rate, epochs > case.options.epochs
    accumulated = max(each.gradient_accumulation_steps or 1 for each in rated_optimizers(trainer.model.optimizer))
    progress = epochs, _n_steps(case, len(y), epochs), learning_rate or own, own, _moved(case)
    return Training(*progress, *means, replaced, went_on, accumulated, slow)


def higher_rate(case, training):
    """Return the usual learning rate of the model if it is clearly higher than that of a training, or None."""
    usual = describe_rate(case.trainer.model.optimizer, training.steps).usual
    scales = rate_scales_weights(case.trainer.model.optimizer)
    return usual if usual > 2 * training.rate and not scales else None


def check_trainable(model, learning_rate=None):
    """Raise a ValueError if a model has no trainable weights, or cannot be trained at another rate that is stated."""
    if not model.trainable_variables:
        told = f"model {model.name!r} has no weight that is trained: everything is frozen, so that no retraining can"
        remedy = "set `trainable = True` for the layers to repair, compile it and save it again"
        raise ValueError(f"{told} change it; {remedy}")
    if learning_rate is not None and rate_scales_weights(model.optimizer):
        told = f"learning_rate = {learning_rate}, but the weights that FTRL computes are a multiple of its own rate"
        raise ValueError(f"{told}: leave it out, or compile the model with another optimizer")


def say_last_layer(model):
    """Return a sentence, as a tuple, if one linear layer at the end is all that is trained of a model."""
    weighted = [(layer, any(weight.trainable for weight in own)) for layer, own in own_variables(model) if own]
    last, others = weighted[-1][0], [layer for layer, is_trained in weighted[:-1] if is_trained]
    if others or not isinstance(last, keras.layers.Dense):
        return ()
    told = f"Only the last layer, {last.name!r}, is trained: such a layer gains more if it is fitted anew to old and"
    return (f"{told} new samples. mode-choose --fit does that, with what reaches it as features (docs/embeddings.md).",)


def say_rate(case):
    """Return a sentence, as a tuple, if the learning rate is probably too low to repair the model."""
    optimizer, replay = case.trainer.model.optimizer, case.options.replay
    n_new = case.options.batch_size
    n_steps = _n_steps(case, n_new + min(round(replay * n_new), len(case.data.x_train)), case.options.epochs)
    name, now, highest, usual = describe_rate(optimizer, n_steps)
    if case.learning_rate or highest >= _LOW * usual:
        return ()
    scheduled = f"its schedule, {name}, gives at most {highest:.3g} in the {n_steps} steps of a retraining"
    told = scheduled if is_scheduled(optimizer) else f"{name} usually has {usual:g}"
    remedy = f"If that moves nothing, it is retrained at {usual:.3g}; --learning-rate takes another."
    return (f"The learning rate that was saved with the model is {now:.3g}; {told}. {remedy}",)


def _n_steps(case, n_samples, epochs):
    return epochs * -(-n_samples // case.trainer.batch_size)


def _look(trainer, x, y):
    """Return the loss of each sample, and whether it is right."""
    probabilities = trainer.predict(x)
    own = np.nan_to_num(probabilities[np.arange(len(y)), y].astype(float))
    return -np.log(np.maximum(own, _LEAST)), probabilities.argmax(axis=1) == y


def _slow(y, before, after, least):
    """Return the labels whose share of right samples is below `least` although their loss has fallen."""
    slow = []
    for label in np.unique(y):
        was, is_ = (losses[y == label].mean() for losses, _ in (before, after))
        if after[1][y == label].mean() < least and was - is_ > _FALLS * was:
            slow.append(int(label))
    return tuple(slow)


def _moved(case):
    model = case.trainer.model
    was = {id(variable): value for variable, value in zip(model.variables, case.initial_state, strict=False)}
    pairs = [(was[id(weight)].astype(float), weight.numpy().astype(float)) for weight in model.trainable_variables]
    change = np.sqrt(sum(np.sum((new - old) ** 2) for old, new in pairs))
    size = np.sqrt(sum(np.sum(old**2) for old, _ in pairs))
    return float(change / (size or 1))
