"""Every loss of Keras that a classifier can have, in every form in which Keras takes it, and losses of one's own."""

from functools import partial

import numpy as np
import pytest
from tiers import by_night, cover

from mode_utils.networks.backend import keras
from mode_utils.networks.classifiers import read_classifier
from mode_utils.networks.trainer import Trainer

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).random((23, 4)).astype(np.float32)
# A loss's function, options, units and activation of the output; then what the output is, and what labels it takes.
ROWS = [
    ("sparse_categorical_crossentropy", {}, 3, "softmax", "softmax", "sparse"),
    ("sparse_categorical_crossentropy", {"from_logits": True}, 3, None, "logits", "sparse"),
    ("sparse_categorical_crossentropy", {"ignore_class": -1}, 3, "softmax", "softmax", "sparse"),
    ("sparse_categorical_crossentropy", {}, 2, "softmax", "softmax", "sparse"),
    ("categorical_crossentropy", {}, 3, "softmax", "softmax", "one-hot"),
    ("categorical_crossentropy", {"from_logits": True, "label_smoothing": 0.1}, 3, None, "logits", "one-hot"),
    ("categorical_focal_crossentropy", {}, 3, "softmax", "softmax", "one-hot"),
    ("categorical_focal_crossentropy", {"from_logits": True, "gamma": 3.0}, 3, None, "logits", "one-hot"),
    ("kl_divergence", {}, 3, "softmax", "softmax", "one-hot"),
    ("mean_squared_error", {}, 3, "softmax", "softmax", "one-hot"),
    ("mean_absolute_error", {}, 3, "softmax", "softmax", "one-hot"),
    ("categorical_hinge", {}, 3, "softmax", "softmax", "one-hot"),
    ("binary_crossentropy", {}, 2, "softmax", "softmax", "one-hot"),
    ("binary_crossentropy", {}, 1, "sigmoid", "sigmoid", "binary"),
    ("binary_crossentropy", {"from_logits": True, "label_smoothing": 0.1}, 1, None, "sigmoid logits", "binary"),
    ("binary_focal_crossentropy", {"apply_class_balancing": True}, 1, "sigmoid", "sigmoid", "binary"),
    ("mean_squared_error", {}, 1, "sigmoid", "sigmoid", "binary"),
    ("mean_squared_error", {}, 1, "tanh", "sigmoid logits", "signed"),
    ("hinge", {}, 1, "tanh", "sigmoid logits", "binary"),
    ("squared_hinge", {}, 1, None, "sigmoid logits", "binary"),
]
TRAINED = [ROWS[place] for place in (1, 2, 5, 7, 8, 12, 14, 15, 17, 18)]  # each kind of labels and of output
OBJECTS = {
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy", "kl_divergence": "KLDivergence",
    "categorical_crossentropy": "CategoricalCrossentropy", "mean_absolute_error": "MeanAbsoluteError",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy", "mean_squared_error": "MeanSquaredError",
    "categorical_hinge": "CategoricalHinge", "binary_crossentropy": "BinaryCrossentropy", "hinge": "Hinge",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy", "squared_hinge": "SquaredHinge",
}  # fmt: skip


def made(function, options, **more):
    return getattr(keras.losses, OBJECTS[function])(**options, **more)


FORMS = {
    "name": lambda name, options: name, "name of a class": lambda name, options: OBJECTS[name],
    "function": lambda name, options: getattr(keras.losses, name), "object": made,
    "renamed": lambda name, options: made(name, options, name="loss"),
    "partial": lambda name, options: partial(getattr(keras.losses, name), **options),
    "list": lambda name, options: [made(name, options)], "list of names": lambda name, options: [name],
    "dict": lambda name, options: {"last": made(name, options)},
    "dict of functions": lambda name, options: {"last": partial(getattr(keras.losses, name), **options)},
}  # fmt: skip
WITHOUT_OPTIONS = ("name", "name of a class", "function", "list of names")


def network(units, activation, loss, eagerly=False, **more):
    keras.utils.set_random_seed(0)
    last = keras.layers.Dense(units, activation=activation, name="last", kernel_initializer="glorot_normal")
    x = keras.Input((4,))
    model = keras.Model(x, last(x))
    model.compile(optimizer=keras.optimizers.SGD(0.3), loss=loss, run_eagerly=eagerly, **more)
    return model


def encoded(y, labels, n_classes):
    column = y[:, None].astype(np.float32)
    return {"sparse": y, "one-hot": np.eye(n_classes, dtype=np.float32)[y], "binary": column, "signed": 2 * column - 1}[
        labels
    ]


@pytest.mark.parametrize("every", by_night([False, True], but=[False]))
@pytest.mark.parametrize("form", FORMS)
def test_what_a_loss_takes_is_found_in_whatever_form_it_comes(form, every):
    """By day each form of a fourth of the losses, so that each loss comes in two forms at least."""
    first = list(FORMS).index(form) % 4
    for name, options, units, activation, output, labels in ROWS if every else ROWS[first::4]:
        if not options or form not in WITHOUT_OPTIONS:
            meaning = read_classifier(network(units, activation, FORMS[form](name, options)))
            assert (meaning.output, meaning.labels) == (output, labels), name
            assert meaning.reasons[1].startswith(f"The loss {name} takes labels as") and not meaning.remarks


def check_training(units, activation, labels, loss, **more):
    n_classes = max(2, units)
    y = np.arange(len(X)) * 7 % 5 % n_classes
    trainer = Trainer(network(units, activation, loss(), **more), batch_size=9)
    assert trainer.meaning.labels == labels
    losses = trainer.fit(X, y, epochs=1, rng=np.random.default_rng(2))
    order = np.random.default_rng(2).permutation(len(X))
    reference = network(units, activation, loss(), eagerly=True, **more)
    reference.fit(X[order], encoded(y, labels, n_classes)[order], batch_size=9, shuffle=False, verbose=0)
    for ours, theirs in zip(trainer.model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.isfinite(losses).all() and losses.shape == (1, 3)


EACH_KIND = cover(range(len(TRAINED)), lambda place: TRAINED[place][3:])  # of an activation, an output, labels


@pytest.mark.parametrize("place", by_night(range(len(TRAINED)), but=EACH_KIND))
def test_training_is_that_of_keras_on_labels_as_the_loss_takes_them(place):
    name, options, units, activation, _, labels = TRAINED[place]
    check_training(units, activation, labels, lambda: made(name, options))


@pytest.mark.parametrize("form", ["list", "dict of functions"])
def test_training_is_that_of_keras_also_with_a_weight_of_the_loss(form):
    more = {"loss_weights": [0.5] if form == "list" else {"last": 0.5}}
    check_training(3, "softmax", "one-hot", lambda: FORMS[form]("kl_divergence", {}), **more)


def focal_of_integers(y_true, y_pred):
    rows = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), y_pred.shape[-1])
    right = keras.ops.sum(rows * y_pred, axis=-1)
    return -((1 - right) ** 2) * keras.ops.log(right)


def focal_of_rows(y_true, y_pred):
    return keras.ops.sum(-y_true * (1 - y_pred) ** 2 * keras.ops.log(y_pred), axis=-1)


class OfRows(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return focal_of_rows(y_true, y_pred)


class Weighted(keras.losses.SparseCategoricalCrossentropy):
    def call(self, y_true, y_pred):
        return 3 * super().call(y_true, y_pred)


def own_logits(y_true, y_pred):
    return keras.ops.sparse_categorical_crossentropy(keras.ops.cast(y_true, "int32"), y_pred, from_logits=True)


def own_margin(y_true, y_pred):
    return keras.ops.mean(keras.ops.maximum(1 - y_true * y_pred, 0), axis=-1)


def own_binary(y_true, y_pred):
    return keras.ops.mean((y_true - y_pred) ** 2, axis=-1)


@pytest.mark.parametrize(
    ("loss", "units", "activation", "stated", "labels"),
    [
        (focal_of_integers, 3, "softmax", None, "sparse"),
        (focal_of_rows, 3, "softmax", None, "one-hot"),
        (OfRows(), 3, "softmax", None, "one-hot"),
        (OfRows(name="sparse_categorical_crossentropy"), 3, "softmax", None, "one-hot"),
        (Weighted(), 3, "softmax", None, "sparse"),
        (own_logits, 3, None, "logits", "sparse"),
        (own_margin, 1, "tanh", None, "signed"),
        (own_binary, 1, "sigmoid", None, "binary"),
    ],
)  # fmt: skip
def test_what_a_loss_of_ones_own_takes_is_tried(loss, units, activation, stated, labels):
    meaning = read_classifier(network(units, activation, loss), output=stated)
    assert meaning.labels == labels
    other = {"sparse": "one-hot", "one-hot": "sparse", "binary": "signed", "signed": "binary"}[labels]
    with pytest.raises(ValueError, match=f"labels '{other}' do not fit the loss .*labels='{labels}'"):
        read_classifier(network(units, activation, loss), output=stated, labels=other)


OUTPUTS = {"softmax": (3, "softmax"), "logits": (3, None), "sigmoid": (1, "sigmoid"), "sigmoid logits": (1, None)}
SAYS = {3: keras.losses.SparseCategoricalCrossentropy, 1: keras.losses.BinaryCrossentropy}


@pytest.mark.parametrize("stated", OUTPUTS)
@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize("true", OUTPUTS)
def test_what_is_stated_of_an_output_or_said_by_its_loss_is_held_against_a_probe(true, logits, stated):
    """Sure mistakes are errors that say what is seen; what may be meant is a remark; nothing is without a word."""
    units, activation = OUTPUTS[true]
    model = network(units, activation, SAYS[units](from_logits=logits))
    model.layers[-1].bias.assign(model.layers[-1].bias - 2)  # out of 0 .. 1, if it is a logit
    if (units == 1) != stated.startswith("sigmoid"):
        with pytest.raises(ValueError, match=f"output '{stated}' does not fit"):
            read_classifier(model, output=stated)
        return
    if stated != true:
        with pytest.raises(ValueError, match=f"output '{stated}' is stated, but a probe gives .* is "):
            read_classifier(model, output=stated)
    else:
        meaning = read_classifier(model, output=stated)
        assert meaning.output == true and bool(meaning.remarks) == (logits != ("logits" in true))
    if not logits and "logits" in true:
        with pytest.raises(ValueError, match=r"is not a probability over the labels .*or state output="):
            read_classifier(model)
    else:
        assert read_classifier(model).output == true


def test_labels_that_are_stated_must_be_what_the_loss_takes():
    for name, options, units, activation, _, labels in ROWS[::3]:
        model = network(units, activation, made(name, options))
        assert read_classifier(model, labels=labels).labels == labels
        for stated in {"sparse", "one-hot", "binary", "signed"} - {labels}:
            with pytest.raises(ValueError, match=f"labels '{stated}' do not fit the loss {name}"):
                read_classifier(model, labels=stated)


@pytest.mark.parametrize(
    ("units", "activation", "loss", "message"),
    [
        (1, "sigmoid", "sparse_categorical_crossentropy", "does not fit a classifier of output width 1"),
        (3, "softmax", "ctc", "the loss ctc of .* does not fit a classifier of output width 3"),
        (3, "softmax", lambda y, p: 0.0, "it is not known which labels .*labels='sparse' or labels='one-hot'"),
        (3, "softmax", ["mse", "mse"], "is compiled with 2 losses"),
        (3, "softmax", None, "is compiled with 0 losses"),
    ],
)  # fmt: skip
def test_a_loss_that_cannot_be_meant_is_told(units, activation, loss, message):
    with pytest.raises(ValueError, match=message):
        read_classifier(network(units, activation, loss))
