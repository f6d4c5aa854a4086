import numpy as np
import pytest
from scipy.special import expit, softmax

from mode_utils.networks.backend import keras
from mode_utils.networks.classifiers import read_classifier
from mode_utils.networks.layers import candidate_layers
from mode_utils.networks.plain_models import join_inputs, plain_model
from mode_utils.networks.trainer import Trainer

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).random((64, 4)).astype(np.float32)


def network(units, activation, loss="sparse_categorical_crossentropy", compiled=True):
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(5, activation="relu", name="hidden")
    model = keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(units, activation=activation, name="last")])
    if compiled:
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss)
    return model


KINDS = {  # units, activation, loss, and what should be found
    "softmax": (3, "softmax", "sparse_categorical_crossentropy", "softmax", "sparse"),
    "softmax, one-hot": (3, "softmax", "categorical_crossentropy", "softmax", "one-hot"),
    "logits": (3, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True), "logits", "sparse"),
    "logits, one-hot": (3, None, keras.losses.CategoricalCrossentropy(from_logits=True), "logits", "one-hot"),
    "sigmoid": (1, "sigmoid", "binary_crossentropy", "sigmoid", "binary"),
    "sigmoid logits": (1, None, keras.losses.BinaryCrossentropy(from_logits=True), "sigmoid logits", "binary"),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_predictions_are_probabilities_over_the_labels(kind):
    units, activation, loss, output, _ = KINDS[kind]
    model = network(units, activation, loss)
    raw = model.predict(X, verbose=0)
    second = raw if output == "sigmoid" else expit(raw)
    expected = {"softmax": raw, "logits": softmax(raw, axis=1)}.get(output, np.hstack([1 - second, second]))
    np.testing.assert_allclose(Trainer(model).predict(X), expected, atol=1e-5)


def test_frozen_layers_stay_as_they_are():
    model = network(3, "softmax", compiled=False)
    model.get_layer("hidden").trainable = False
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    before = [weights.copy() for weights in model.get_weights()]
    Trainer(model).fit(X, np.arange(len(X)) % 3, epochs=3, rng=np.random.default_rng(0))
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True]


@pytest.mark.parametrize(
    ("model", "stated", "message"),
    [
        (lambda: network(3, "sigmoid"), {}, "not a probability over .*with a softmax, or state output=.logits."),
        (lambda: network(3, None), {}, "not a probability over the labels"),
        (lambda: network(3, "softmax"), {"n_classes": 5}, r"output shape \(None, 3\); 5 labels need \(None, 5\)"),
        (lambda: network(3, "softmax", compiled=False), {}, "is not compiled"),
        (lambda: network(3, "softmax"), {"output": "softplus"}, "unknown output 'softplus'; choose from softmax"),
        (lambda: network(3, "softmax"), {"output": "sigmoid"}, "output 'sigmoid' does not fit .* width 3"),
        (lambda: network(3, "softmax"), {"labels": "dense"}, "unknown labels 'dense'; choose from sparse, one-hot"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error_that_says_what_to_state(model, stated, message):
    with pytest.raises(ValueError, match=message):
        read_classifier(model(), **stated)


def test_what_is_stated_counts():
    meaning = read_classifier(network(3, None), output="logits", labels="sparse")
    assert meaning.output == "logits" and meaning.reasons[0].endswith("as stated.")


def test_several_outputs_are_refused():
    x = keras.Input((4,))
    model = keras.Model(x, [keras.layers.Dense(3, activation="softmax")(x) for _ in range(2)])
    with pytest.raises(ValueError, match="has 2 outputs; one is needed"):
        read_classifier(model)


@pytest.fixture
def two_branches():
    """An image and a token: a branch for each, merged."""
    keras.utils.set_random_seed(1)
    image, token = keras.Input((4, 4, 1), name="image"), keras.Input((2,), dtype="int32", name="token")
    left = keras.layers.Flatten()(keras.layers.Conv2D(2, 3, activation="relu", name="conv")(image))
    right = keras.layers.Flatten()(keras.layers.Embedding(9, 3, name="embedding")(token))
    merged = keras.layers.Dense(6, activation="relu", name="merged")(
        keras.layers.Concatenate(name="both")([left, right])
    )
    model = keras.Model([image, token], keras.layers.Dense(3, activation="softmax", name="last")(merged))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model


def test_several_inputs_become_one_with_the_same_predictions_and_layers(two_branches):
    rng = np.random.default_rng(3)
    images, tokens = rng.random((20, 4, 4, 1)).astype(np.float32), rng.integers(9, size=(20, 2))
    trainer = Trainer(two_branches)
    joined = join_inputs([images, tokens])
    expected = two_branches.predict([images, tokens], verbose=0)
    np.testing.assert_allclose(trainer.predict(joined), expected, atol=1e-6)
    assert candidate_layers(trainer.model) == ["both", "merged", "last"]
    trainer.fit(joined, np.arange(20) % 3, epochs=2, rng=rng)
    assert not np.allclose(two_branches.predict([images, tokens], verbose=0), expected)  # its own layers were trained


def test_tokens_reach_an_embedding_as_whole_numbers(rng):
    tokens = keras.Input((6,), dtype="int32")
    mean = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(50, 8)(tokens))
    model = keras.Model(tokens, keras.layers.Dense(3, activation="softmax")(mean))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    x = rng.integers(50, size=(40, 6))
    np.testing.assert_allclose(Trainer(model).predict(x.astype(np.float32)), model.predict(x, verbose=0), atol=1e-6)


def test_several_inputs_of_unknown_shape_are_refused():
    image, text = keras.Input((4,)), keras.Input((None, 2))
    merged = keras.layers.Concatenate()([image, keras.layers.GlobalAveragePooling1D()(text)])
    model = keras.Model([image, text], keras.layers.Dense(2, activation="softmax")(merged))
    with pytest.raises(ValueError, match="several inputs need fixed shapes"):
        plain_model(model)
