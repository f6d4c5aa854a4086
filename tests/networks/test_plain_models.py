"""Any structure of inputs, any dtype, masks, any length: what a model predicts and learns is what Keras makes of it."""

from itertools import permutations

import numpy as np
import pytest
from tiers import by_night

from mode_utils.layer_selection import last_hidden_layer
from mode_utils.networks.backend import keras
from mode_utils.networks.layers import candidate_layers, largest_output
from mode_utils.networks.plain_models import join_inputs, model_inputs, plain_model
from mode_utils.networks.trainer import Trainer

pytestmark = pytest.mark.slow

layers = keras.layers
N = 12


def ended(inputs, hidden, name=None):
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden), name=name)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model


def table(structure, names=("zip", "age", "mass")):
    """Return a model with an input a column, in some structure; columns have other widths and meanings."""
    keras.utils.set_random_seed(0)
    own = {name: keras.Input((width,), name=name) for width, name in enumerate(names, 1)}
    merged = layers.Concatenate()([layers.Dense(2)(own[name]) for name in sorted(names)])
    return ended(structure(own), merged)


STRUCTURES = {
    "-".join(order): (lambda own, order=order: {name: own[name] for name in order})
    for order in permutations(("zip", "age", "mass"))
}
STRUCTURES |= {
    "list": lambda own: [own["zip"], own["mass"], own["age"]],
    "nested": lambda own: [own["zip"], {"mass": own["mass"], "age": own["age"]}],
    "keys that are no names": lambda own: {"c": own["zip"], "b": own["age"], "age": own["mass"]},
}


@pytest.mark.parametrize("kind", STRUCTURES)
@pytest.mark.parametrize("saved", [False, True])
def test_inputs_are_matched_by_name_whatever_the_structure(kind, saved, rng, tmp_path):
    model = table(STRUCTURES[kind])
    if saved:
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    inputs = model_inputs(model)
    arrays = [rng.random((N, *own.shape), dtype=np.float32) for own in inputs]
    if kind != "nested":  # of which Keras forgets the names in a file
        names = {"zip", "age", "mass"} if kind != "keys that are no names" else {"c", "b", "age"}
        assert {own.names[0] for own in inputs} == names
        assert {own.names[0]: own.shape for own in inputs} == dict.fromkeys(names) | {
            name: tuple(tensor.shape[1:]) for name, tensor in named(model).items()
        }
    expected = np.asarray(model(keras.tree.pack_sequence_as(model.input, arrays)))
    found = np.asarray(plain_model(model)(join_inputs(arrays)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def named(model):
    """Return the tensors of a model by the keys that it was given, or their names."""
    return model.input if isinstance(model.input, dict) else {tensor.name: tensor for tensor in model.inputs}


def masked(kind):
    """Return a network on token ids whose padding is masked, or known to be none."""
    own = keras.Input((None,) if "any length" in kind else (9,), dtype=kind.split()[-1])
    steps = layers.Embedding(40, 6, mask_zero="no mask" not in kind)(own)
    if kind.startswith("attention"):
        steps = layers.Add()([steps, layers.MultiHeadAttention(2, 3)(steps, steps)])
    if kind.startswith("two"):
        steps = layers.LSTM(5, return_sequences=True)(steps)
    last = layers.GlobalAveragePooling1D() if kind.startswith("attention") else layers.LSTM(4)
    if kind.startswith("both ways"):
        last = layers.Bidirectional(layers.GRU(4))
    return ended(own, last(steps))


MASKED = ["one float32", "two any length int32", "attention any length int32", "both ways int64",
          "two no mask any length float32"]  # fmt: skip


@pytest.mark.parametrize("kind", by_night(MASKED, but=["attention any length int32", "both ways int64"]))
def test_tokens_with_padding_are_predicted_and_trained_as_keras_does_it(kind, rng):
    keras.utils.set_random_seed(0)
    model = masked(kind)
    x = rng.integers(1, 40, (N, 9))
    x[np.arange(9) >= rng.integers(1, 10, N)[:, None]] = 0
    trainer = Trainer(model)
    assert trainer.meaning.output == "softmax"
    layers = candidate_layers(trainer.model)
    states = trainer.activations(x, layers, grid=4)
    np.testing.assert_allclose(states[-1], model(keras.ops.cast(x, model.inputs[0].dtype)), atol=1e-6)
    assert all(np.isfinite(each).all() and each.ndim == 2 for each in states)
    assert [int(np.prod(trainer.output_shape(name, 4))) for name in layers] == [each.shape[1] for each in states]
    assert np.isfinite(trainer.fit(x, np.arange(N) % 3, epochs=1, rng=rng)).all()
    assert np.abs(trainer.activations(x, layers, grid=4)[-1] - states[-1]).max() > 0


def test_padding_does_not_count_in_states_that_are_averaged_over_time(rng):
    own = keras.Input((None,), dtype="int32")
    steps = layers.LSTM(5, return_sequences=True, name="steps")(layers.Embedding(40, 6, mask_zero=True)(own))
    trainer = Trainer(ended(own, layers.GlobalAveragePooling1D()(steps)))
    x = rng.integers(1, 40, (N, 5))
    padded = np.pad(x, [(0, 0), (0, 7)])
    (short,), (long,) = (trainer.activations(each, ["steps"], grid=4) for each in (x, padded))
    assert short.shape == (N, 5)
    np.testing.assert_allclose(short, long, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "bool", "float16", "float32", "float64"])
def test_samples_reach_the_model_in_its_own_dtype(dtype, rng):
    own = keras.Input((4,), dtype=dtype)
    seen = layers.Rescaling(0.25, dtype=dtype if dtype.startswith("float") else "float32")(own)
    model = ended(own, layers.Dense(5, dtype="float64" if dtype == "float64" else "float32")(seen))
    x = rng.integers(0, 2 if dtype == "bool" else 90, (N, 4))
    trainer = Trainer(model)
    assert trainer.dtype == dtype
    np.testing.assert_allclose(trainer.predict(x), model(x.astype(dtype)), atol=1e-5)
    assert trainer.predict(x).dtype == np.float32
    assert np.isfinite(trainer.fit(x, np.arange(N) % 3, epochs=1, rng=rng)).all()


def test_ten_digit_ids_are_told_apart_alone_and_beside_other_inputs():
    ids = 10**10 + np.arange(6)
    look = layers.IntegerLookup(vocabulary=ids)
    own, other = keras.Input((1,), dtype="int64", name="id"), keras.Input((2,), name="age")
    known = layers.Flatten()(layers.Embedding(7, 4)(look(own)))
    alone = ended(own, known)
    x = ids[np.arange(N) % 6, None]
    assert len(np.unique(Trainer(alone).predict(x).round(6), axis=0)) == 6
    both = ended({"id": own, "age": other}, layers.Concatenate()([known, other]))
    arrays = {"id": x, "age": np.zeros((N, 2))}
    joined = join_inputs([arrays[each.names[0]] for each in model_inputs(both)])
    assert joined.dtype == np.float64 and len(np.unique(Trainer(both).predict(joined).round(6), axis=0)) == 6
    with pytest.raises(ValueError, match="9007199254740993 of an input is too large"):
        join_inputs([np.array([[2**53 + 1]]), np.zeros((1, 2))])


def test_a_model_that_was_called_on_a_batch_before_it_knew_its_input_takes_any_number():
    model = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(3, activation="softmax")])
    model(np.zeros((2, 4), np.float32))
    model.compile(loss="sparse_categorical_crossentropy")
    x = np.random.default_rng(0).random((N, 4), dtype=np.float32)
    trainer = Trainer(model)
    np.testing.assert_allclose(trainer.predict(x), np.asarray(model(x)), atol=1e-6)
    assert last_hidden_layer(trainer.model) == model.layers[0].name


def texts(kind):
    own = keras.Input((1,), dtype="string", name="thal")
    words = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot", name="look")
    if kind == "beside another":
        age = keras.Input((2,), name="age")
        return ended({"thal": own, "age": age}, layers.Concatenate()([words(own), age]))
    if kind == "sequential":
        model = keras.Sequential([own, words, layers.Dense(3, activation="softmax")])
        model.compile(loss="sparse_categorical_crossentropy")
        return model
    split = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4, name="look")
    return ended(own, layers.LSTM(3)(layers.Embedding(5, 3, mask_zero=True)(split(own))))


@pytest.mark.parametrize("kind", ["alone", "sequential", "beside another"])
def test_where_to_cut_a_model_of_texts_is_said_in_code_that_runs(kind):
    m = texts(kind)
    with pytest.raises(ValueError, match=r"input 'thal' .* takes texts: cut the model behind layer 'look'") as raised:
        Trainer(m)
    cut, look = str(raised.value).split("with m the model, ")[1].split(", and give what ")
    scope = {"m": m, "keras": keras}
    exec(cut, scope)
    look = eval(look.split(" makes of")[0], scope)
    words = np.array([["a"], ["b"], ["c"]], dtype=object)
    given = {"thal": keras.ops.convert_to_tensor(words), "age": keras.ops.ones((3, 2))}
    given = given if kind == "beside another" else given["thal"]
    numbers = np.asarray(look(given))
    arrays = [
        numbers if each.shape == numbers.shape[1:] else np.asarray(given["age"]) for each in model_inputs(scope["new"])
    ]
    x = join_inputs(arrays) if len(arrays) > 1 else arrays[0]
    np.testing.assert_allclose(Trainer(scope["new"]).predict(x), np.asarray(m(given)), atol=1e-6)


def test_what_cannot_be_plain_is_told():
    stateful = keras.Input(batch_shape=(4, 3, 2))
    with pytest.raises(ValueError, match=r"layer 'memory' .* is stateful"):
        plain_model(ended(stateful, layers.LSTM(3, stateful=True, name="memory")(stateful)))
    with pytest.raises(ValueError, match="has 2 outputs; one is needed: choose one of"):
        plain_model(keras.Model(stateful, [stateful, stateful]))


@pytest.mark.parametrize("inside", [False, True])
def test_memory_goes_by_the_largest_output_of_a_layer_also_of_a_model_inside(inside):
    own = keras.Input((16, 16, 3))
    hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(50, 3, padding="same")(own))
    model = ended(own, hidden)
    if inside:
        outer = keras.Input((16, 16, 3))
        model = ended(outer, model(outer))
    assert largest_output(model, (16, 16, 3)) == 16 * 16 * 50
    attended = keras.Input((None, 2))
    assert largest_output(ended(attended, layers.MultiHeadAttention(3, 2)(attended, attended)), (100, 2)) == 30_000


def test_a_step_is_as_large_as_memory_allows_and_changes_no_number(rng, monkeypatch):
    own = keras.Input((6, 6, 1))
    trainer = Trainer(ended(own, layers.Flatten()(layers.Conv2D(4, 3)(own))))
    x, y = rng.random((50, 6, 6, 1), dtype=np.float32), np.arange(50) % 3
    state, results = trainer.state(), []
    for most, too_large in ((64e6, 2**30), (500, 2000)):
        monkeypatch.setattr("mode_utils.networks.trainer._CHUNK_NUMBERS", most / 3)
        monkeypatch.setattr("mode_utils.networks.trainer._MOST_NUMBERS", most)
        monkeypatch.setattr("mode_utils.networks.trainer._TOO_LARGE", too_large)
        trainer.restore(state)
        size = trainer._step_size(x)
        losses = trainer.fit(x, y, epochs=2, rng=np.random.default_rng(0), batch_size=4)
        results.append((size, losses, trainer.predict(x)))
    assert [size for size, _, _ in results] == [50, 7]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    np.testing.assert_allclose(results[0][2], results[1][2], atol=1e-6)
