"""A retraining that changed nothing is no repair, whatever the cause; a slow one goes on; class weights are kept."""

import warnings
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from tiers import by_night

from mode_utils.networks.backend import keras
from mode_utils.networks.learning_rate import describe_rate
from mode_utils.networks.trainer import Predictions, Trainer
from mode_utils.repair import (
    assess_case,
    choose_from_arrays,
    choose_inputs,
    open_case,
    retrain,
    say_health,
    say_outcome,
)
from mode_utils.repair.campaign.judged import judge_lines, judge_round
from mode_utils.repair.campaign.rounds import round_of
from mode_utils.repair.class_weights import find_class_weights, read_class_weights
from mode_utils.repair.conclusion import still_failing
from mode_utils.repair.reading.arrays import check_arrays
from mode_utils.repair.repair_outcome import RepairOutcome
from mode_utils.repair.retraining import Training

pytestmark = pytest.mark.slow

schedules = keras.optimizers.schedules
OPTIMIZERS = keras.optimizers


def blobs(counts, n=8, distance=1.2, pool=None):
    """Return arrays of overlapping groups of points; `counts` are those of the training samples."""
    rng = np.random.default_rng(0)
    centers = rng.normal(0, distance, (len(counts), n))

    def draw(counts):
        y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        return (centers[y] + rng.normal(size=(len(y), n))).astype(np.float32), y

    share = [60] * len(counts)
    parts = {"train": draw(counts), "validation": draw(share), "pool": draw(pool or share)}
    return {f"{name}_{role}": array for role, both in parts.items() for name, array in zip("xy", both, strict=True)}


def fitted(arrays, epochs=40, class_weight=None):
    """Return a model that was trained on arrays by Adam."""
    keras.utils.set_random_seed(0)
    n_classes = int(arrays["y_pool"].max()) + 1
    hidden, last = keras.layers.Dense(16, activation="relu"), keras.layers.Dense(n_classes, activation="softmax")
    model = keras.Sequential([keras.Input(arrays["x_pool"].shape[1:]), hidden, last])
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    weights = np.array([class_weight.get(label, 1) for label in arrays["y_train"]]) if class_weight else None
    x, y, rng = arrays["x_train"], arrays["y_train"], np.random.default_rng(0)
    Trainer(model, batch_size=64).fit(x, y, epochs=epochs, rng=rng, sample_weights=weights)
    return model


@pytest.fixture(scope="module")
def starved():
    arrays = blobs([150, 150, 150, 5])
    return arrays, fitted(arrays)


def repaired(model, arrays, budget=60, **options):
    case = open_case(model, check_arrays(arrays), budget, **options)
    indices = choose_inputs(case, assess_case(case))["index"].to_numpy()
    return case, retrain(case, indices, arrays["y_pool"][indices])


ENDED = {
    "cosine": schedules.CosineDecay(0.003, 20),
    "exponential": schedules.ExponentialDecay(0.003, 1, 0.5),
    "inverse": schedules.InverseTimeDecay(0.003, 1e-3, 1.0),
    "pieces": schedules.PiecewiseConstantDecay([10, 20], [0.003, 0.001, 0.0]),
    "polynomial": schedules.PolynomialDecay(0.003, 20, 0.0),
    "after a warm-up": schedules.CosineDecay(0.0, 20, warmup_target=0.003, warmup_steps=5),
    "restarts that are over": schedules.CosineDecayRestarts(0.003, 20, m_mul=0.01),
}


@pytest.mark.parametrize("name", ENDED)
def test_of_a_schedule_it_is_known_what_it_gives_and_what_it_gave(name):
    optimizer = OPTIMIZERS.SGD(ENDED[name])
    optimizer.iterations.assign(5_000)
    for each in (optimizer, OPTIMIZERS.LossScaleOptimizer(optimizer)):
        rate = describe_rate(each, 40)
        assert rate.name == type(ENDED[name]).__name__ and rate.now <= rate.highest < 0.01 * rate.usual
        assert rate.usual == pytest.approx(0.003, rel=0.2)
    later = OPTIMIZERS.SGD(schedules.CosineDecay(0.0, 1_000, warmup_target=0.1, warmup_steps=100))
    assert describe_rate(later, 50).highest == pytest.approx(0.05, rel=0.05)  # it is still warming up


@pytest.mark.parametrize("name", ["Adam", "SGD", "Adadelta", "Lion"])
def test_of_a_number_it_is_known_what_is_usual(name):
    kind = getattr(OPTIMIZERS, name)
    usual = float(kind().learning_rate)
    for make in (lambda each: each, OPTIMIZERS.LossScaleOptimizer,
                 lambda each: OPTIMIZERS.MultiOptimizer(OPTIMIZERS.OptimizerMap(each))):  # fmt: skip
        assert describe_rate(make(kind(1e-8)), 9)[1:] == pytest.approx((1e-8, 1e-8, usual))


TOO_LOW = {
    "cosine": lambda: OPTIMIZERS.Adam(ENDED["cosine"]),
    "plateau": lambda: OPTIMIZERS.Adam(1e-8),
    "nothing, mixed": lambda: OPTIMIZERS.LossScaleOptimizer(OPTIMIZERS.RMSprop(0.0)),
}


@pytest.mark.parametrize("name", by_night(TOO_LOW, but=["cosine", "nothing, mixed"]))
def test_a_rate_that_moves_nothing_is_said_and_replaced_by_one_that_does(name, starved):
    arrays, model = starved
    model.compile(TOO_LOW[name](), "sparse_categorical_crossentropy")
    getattr(model.optimizer, "inner_optimizer", model.optimizer).iterations.assign(5_000)  # the schedule is over
    weights, config = model.get_weights(), model.optimizer.get_config()
    case, outcome = repaired(model, arrays)
    assert "If that moves nothing, it is retrained at 0.00" in case.notes[-1]
    assert outcome.training.replaced and 0.0009 < outcome.training.rate < 0.0031
    assert outcome.helps and outcome.labels["change"][3] > 0.1
    assert model.optimizer.get_config() == config  # it is saved as it came
    model.set_weights(weights)


BY_RATE = {  # all of Keras, at rates at which they learn
    "SGD": 0.05, "RMSprop": 1e-3, "Adam": 1e-3, "AdamW": 1e-3, "Adadelta": 1.0, "Adagrad": 0.05, "Adamax": 5e-3,
    "Adafactor": 0.02, "Nadam": 1e-3, "Ftrl": 0.1, "Lion": 3e-4, "Lamb": 5e-3, "Muon": 5e-3,
    "ScheduleFreeAdamW": 2.5e-3,
}  # fmt: skip


@pytest.mark.parametrize("name", by_night(BY_RATE, but=["Adafactor", "Ftrl"]))
def test_a_retraining_by_any_optimizer_learns_and_forgets_nothing(name, starved):
    arrays, model = starved
    weights, x, y = model.get_weights(), arrays["x_train"], arrays["y_train"]
    model.compile(getattr(OPTIMIZERS, name)(BY_RATE[name]), "sparse_categorical_crossentropy")
    Trainer(model, batch_size=32).fit(x, y, epochs=15, rng=np.random.default_rng(0))
    case, outcome = repaired(model, arrays)
    before, after = case.initial_state, outcome.state
    asked = arrays["x_validation"], arrays["y_validation"]
    losses = []
    for state in (before, after):
        with case.trainer.at(state):
            p = case.trainer.predict(asked[0])
        losses.append(-np.log(p[np.arange(len(p)), asked[1]] + 1e-30).mean())
    assert losses[1] < losses[0] and outcome.training.moved < 0.6
    model.set_weights(weights)


WRAPPED = {"alone": lambda each: each, "scaled": OPTIMIZERS.LossScaleOptimizer}


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("kind", ["Sequential", "functional"])
def test_a_model_from_hdf5_is_retrained_as_the_same_one_from_a_keras_file(kind, wrapped, tmp_path):
    arrays, outcomes = blobs([60, 60, 60, 5]), []
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, activation="softmax")])
    if kind == "functional":
        model = keras.Model(model.inputs, model.outputs)
    model.compile(WRAPPED[wrapped](OPTIMIZERS.SGD(0.05)), "sparse_categorical_crossentropy")  # which has no moments
    model.fit(arrays["x_train"], arrays["y_train"], epochs=3, verbose=0)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        case, outcome = repaired(tmp_path / name, arrays, budget=20)
        outcomes.append(outcome)
        assert any("it begins anew" in note for note in case.notes) == (name == "model.h5")
        case.model.save(tmp_path / "again.keras")
        keras.models.load_model(tmp_path / "again.keras").fit(arrays["x_train"], arrays["y_train"], verbose=0)
    assert outcomes[0].training.moved == outcomes[1].training.moved > 0.01


def test_another_rate_is_refused_where_weights_are_a_multiple_of_it(starved):
    arrays, model = starved
    for optimizer in (OPTIMIZERS.Ftrl(0.1), OPTIMIZERS.LossScaleOptimizer(OPTIMIZERS.Ftrl(0.1))):
        model.compile(optimizer, "sparse_categorical_crossentropy")
        with pytest.raises(ValueError, match=r"learning_rate = 0.01, but the weights that FTRL computes"):
            open_case(model, check_arrays(arrays), 60, learning_rate=0.01)


def test_a_rate_that_is_stated_is_taken_even_if_it_moves_nothing_which_is_no_repair(starved):
    arrays, model = starved
    model.compile(TOO_LOW["cosine"](), "sparse_categorical_crossentropy")
    weights = model.get_weights()
    case, outcome = repaired(model, arrays, learning_rate=1e-10)
    assert not outcome.changed and not outcome.helps and not outcome.is_saved(keep_new_bugs=True)
    outcome = replace(outcome, judged=judge_round(case, outcome))
    said = say_outcome(outcome, assess_case(case), 0.92)
    assert said[0].startswith("nothing was repaired") and "at a learning rate of 1e-10" in said[0]
    assert outcome.judged.advice == "mend" and not any("go on choosing" in sentence for sentence in said)
    model.set_weights(weights)
    _, outcome = repaired(model, arrays, learning_rate=0.003)
    assert outcome.helps and outcome.training.rate == 0.003
    model.set_weights(weights)


def test_a_model_without_a_weight_to_train_is_told_before_anything_is_chosen(starved):
    arrays, _ = starved
    model = fitted(arrays, epochs=1)
    model.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="everything is frozen"):
        open_case(model, check_arrays(arrays), 9, even_if_weak=True)


def test_a_slow_rate_goes_on_and_stated_epochs_are_kept(starved):
    arrays, model = starved
    model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy")
    weights = model.get_weights()
    _, short = repaired(model, arrays, epochs=3)
    model.set_weights(weights)
    case, outcome = repaired(model, arrays)
    assert short.training.epochs == 3 and 3 < outcome.training.epochs <= 64
    assert outcome.labels["change"][3] > short.labels["change"][3] + 0.1
    assert "the retraining went on for" in " ".join(say_outcome(outcome, assess_case(case), 0.92))
    model.set_weights(weights)


def test_gradients_that_are_gathered_for_more_steps_than_there_are_change_nothing_and_that_is_the_cause(starved):
    arrays, model = starved
    model.compile(keras.optimizers.Adam(gradient_accumulation_steps=10_000), "sparse_categorical_crossentropy")
    case, outcome = repaired(model, arrays)
    assert not outcome.is_saved() and "every 10000 steps" in say_outcome(outcome, assess_case(case), 0.92)[0]


def test_what_diverges_is_no_repair(starved):
    arrays, model = starved
    model.compile(keras.optimizers.SGD(), "sparse_categorical_crossentropy")
    weights = model.get_weights()
    case, outcome = repaired(model, arrays, learning_rate=1e30)
    assert outcome.training.diverged and not outcome.is_saved(keep_new_bugs=True)
    assert "diverged" in say_outcome(outcome, assess_case(case), 0.92)[0]
    model.set_weights(weights)


IMBALANCED = {"two": [900, 60], "three": [600, 300, 40], "five": [400, 300, 200, 60, 30]}


def seen_in(model, x, y):
    """Return what is found in a model of scikit-learn."""
    n_classes = len(model.classes_)
    trainer = SimpleNamespace(n_classes=n_classes, predict=model.predict_proba)
    return find_class_weights(Predictions(trainer, x), y, range(n_classes))


@pytest.mark.parametrize("weights", ["none", "balanced", "rarest", "root"])
@pytest.mark.parametrize("kind", IMBALANCED)
def test_class_weights_are_seen_where_there_are_some_and_nowhere_else(kind, weights):
    counts = np.array(IMBALANCED[kind])
    arrays = blobs(counts, distance=0.3)
    given = {"none": np.ones(len(counts)), "balanced": counts.max() / counts, "rarest": np.ones(len(counts)),
             "root": np.sqrt(counts.max() / counts)}[weights]  # fmt: skip
    given[-1] = 15 if weights == "rarest" else given[-1]
    model = LogisticRegression(C=1e6, max_iter=2_000, class_weight=dict(enumerate(given)))
    found, note = seen_in(model.fit(arrays["x_train"], arrays["y_train"]), arrays["x_train"], arrays["y_train"])
    if weights == "none":
        assert found is None and note == ()
    elif found is not None or weights != "root":  # which may be too weak to be seen
        np.testing.assert_allclose(found.values, given / given.min(), rtol=0.1)
        assert "--class-weights none" in note[0]


def made_digits(kind):
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = (x[order[:900]] / 16).astype(np.float32), y[order[:900]]
    keep = np.ones(900, bool)
    if kind == "starved":
        keep[np.flatnonzero(np.isin(y, [3, 8]))[15:]] = False
    if kind == "uneven":
        keep = np.random.default_rng(1).random(900) < np.linspace(0.2, 1, 10)[y]
    return x[keep], y[keep]


@pytest.mark.parametrize("epochs", [1, 2, 4, 8, 100])  # underfit to overfit
@pytest.mark.parametrize("kind", ["starved", "uneven", "even"])
def test_no_class_weights_are_seen_in_a_model_that_was_trained_without(kind, epochs):
    x, y = made_digits(kind)
    model = MLPClassifier([32], max_iter=epochs, random_state=0)
    with warnings.catch_warnings(action="ignore"):  # that it has not converged
        assert seen_in(model.fit(x, y), x, y) == (None, ())


def test_recall_that_class_weights_gave_is_kept():
    arrays = blobs([1_500, 80], distance=0.45, pool=[500, 40])
    model, lost = fitted(arrays, class_weight={0: 1, 1: 19}, epochs=20), {}
    weights = model.get_weights()
    for stated in (None, "none"):
        model.set_weights(weights)
        lost[stated] = -repaired(model, arrays, 150, class_weights=stated)[1].labels["change"][1]
    assert lost[None] < 0.1 < lost["none"]


@pytest.mark.parametrize(
    ("stated", "values"),
    [
        ("1,2,30", [1, 2, 30]), ("b=5", [1, 5, 1]), ({"c": 4, "a": 0.5}, [0.5, 1, 4]), ([1, 1, 2.5], [1, 1, 2.5]),
        ("a=1, c=1e1", [1, 1, 10]),
    ],
)  # fmt: skip
def test_class_weights_are_read_as_they_are_stated(stated, values):
    weights = read_class_weights(stated, "abc")
    assert weights.values.tolist() == values
    found = weights.of_samples(np.array([0, 0, 1, 2]))
    assert found.mean() == pytest.approx(1) and found[3] / found[0] == pytest.approx(values[2] / values[0])


@pytest.mark.parametrize(
    "stated", ["1,2", "d=3", "a=x", "1,2,0", "a=-1", "1,2,nan", "best", "1,2,3,4", {"d": 1}, [1], "", "a=1,2"]
)
def test_class_weights_that_are_none_are_told(stated):
    with pytest.raises(ValueError, match="give balanced, none, or a number above 0 for each of the 3 labels"):
        read_class_weights(stated, "abc")


def test_balanced_lets_labels_weigh_alike_and_none_is_none():
    weights = read_class_weights("balanced", "ab").of_samples(np.array([0, 0, 0, 1]))
    assert weights[:3].sum() == pytest.approx(weights[3]) and read_class_weights("none", "ab") is None


@pytest.mark.parametrize("rare", by_night([20, 60], but=[20]))
def test_a_model_that_always_says_no_is_stopped_and_goes_on_when_asked(rare):
    arrays = blobs([1_500, rare])
    model = fitted(arrays, epochs=1)
    model.layers[-1].set_weights([np.zeros((16, 2)), np.array([4.0, 0.0])])
    with pytest.raises(ValueError, match=r"takes 100.0% of .* for '0', and hardly knows one of 1.*--even-if-weak"):
        open_case(model, check_arrays(arrays), 40)
    case, outcome = repaired(model, arrays, 40, even_if_weak=True, class_weights="balanced")
    assert case.notes[0].startswith("The model takes 100.0%")
    assert outcome.labels["after"][1] > 0.3


def outcome_of(before, after, fixed, broken, verdicts, training):
    labels = pd.DataFrame({"label": list("ab"), "before": before, "after": after, "verdict": verdicts})
    labels["samples"] = 50
    bugs = [label for label, verdict in zip("ab", verdicts, strict=True) if verdict == "new bug"]
    added = np.arange(60), np.zeros(60, int)
    accuracies = {"accuracy_before": float(np.mean(before)), "accuracy_after": float(np.mean(after))}
    return RepairOutcome(labels, fixed, broken, bugs, 4.0, (), training, accuracies, added=added)


MOVED = Training(3, 30, 0.001, 0.001, moved=0.1, loss_before=2.0, loss_after=0.5, known=0.2)
TRAININGS = {
    "moved": MOVED, "still": replace(MOVED, moved=1e-6, loss_after=2.0),
    "known": replace(MOVED, moved=0, loss_after=2.0, known=1.0),
    "diverged": replace(MOVED, moved=np.nan), "slow": replace(MOVED, slow=(1,), epochs=64, went_on=True),
    "replaced": replace(MOVED, own_rate=0.0, replaced=True),
}  # fmt: skip
COUNTS = [(0, 0), (40, 0), (3, 3), (9, 12)]
VERDICTS = [["", ""], ["new bug", ""], ["cannot tell: no validation samples", ""]]
AFTERS = [[0.9, 0.0], [0.9, 0.5], [0.99, 0.95], [1.0, 1.0]]
CASE = SimpleNamespace(
    earlier=None, used=(), options=SimpleNamespace(theta=0.92, batch_size=60),
    data=SimpleNamespace(y_validation=np.repeat([0, 1], 50), class_names=["a", "b"]),
)  # fmt: skip
CASES = list(product(COUNTS, VERDICTS, AFTERS, [(False, 0), (True, 3), (False, 3)]))[::5]  # all pairs of values


@pytest.mark.parametrize("training", TRAININGS)
def test_what_is_said_of_an_outcome_never_contradicts_itself(training):
    for (fixed, broken), verdicts, after, (keep, without) in CASES:
        outcome = outcome_of([0.95, 0.0], after, fixed, broken, verdicts, TRAININGS[training])
        labels = pd.DataFrame({"label": list("ab"), "fault": ["", "underfit"]})
        report = type("Report", (), {"labels": labels})
        outcome = replace(outcome, judged=judge_lines(CASE, [round_of(CASE, outcome)]))
        said = say_outcome(outcome, report, 0.92, keep, without)
        text = "\n".join(said)
        saved = outcome.is_saved(keep)
        assert ("not saved" in text) == (not saved) and ("saved all the same" in text or not saved or outcome.helps)
        assert outcome.helps == (training not in ("still", "known", "diverged") and fixed > 0 and fixed >= broken
                                 and "new bug" not in verdicts)  # fmt: skip
        assert not ("go on choosing" in text and not outcome.helps) and ("did not help" in text) == (not outcome.helps)
        assert text.startswith("nothing was repaired") == (not outcome.changed)
        assert ("still at 0%: b" in text) == (outcome.changed and after[1] == 0)
        assert ("still below 92%: b" in text) == (outcome.changed and 0 < after[1] < 0.92)
        assert ("new bugs: a" in text) == ("new bug" in verdicts) and (f"{without} chosen inputs" in text) == bool(
            without
        )
        assert len(still_failing(outcome, report, 0.92)) == (after[1] < 0.92) and len(set(said)) == len(said)
        if training == "slow" and after[1] < 0.92:
            assert "after 64 epochs the loss of b still falls: a higher --learning-rate may reach them" in text


def test_of_a_healthy_model_it_says_that_little_is_to_be_gained_and_of_a_sick_one_nothing():
    labels = pd.DataFrame({"fault": ["", ""], "validation_accuracy": [0.97, 0.99]})
    assert "largest error 3.0%" in say_health(SimpleNamespace(labels=labels))
    assert say_health(SimpleNamespace(labels=labels.assign(fault=["underfit", ""]))) == ""


def built(kind, n_features=8):
    """Return an untrained model of four labels, of which more or less is trained."""
    x, layers = keras.Input((n_features,)), keras.layers
    hidden = layers.Dense(16, "relu")
    hidden.trainable = kind == "all of it"
    below = hidden(x)
    if kind == "a normalization, too":
        below = layers.BatchNormalization()(below)
    if kind == "two branches that are kept":
        below = layers.Concatenate()([below, layers.BatchNormalization(trainable=False)(x)])
    last = layers.Dense(4)(x if kind == "a linear model" else below)
    model = keras.Model(x, layers.Activation("softmax")(last))
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize(
    ("kind", "is_said"),
    [("all of it", False), ("a normalization, too", False), ("the last layer", True), ("a linear model", True),
     ("two branches that are kept", True)],
)  # fmt: skip
def test_a_model_of_which_only_the_last_layer_is_trained_is_told_what_is_better(kind, is_said, starved):
    arrays, model = starved[0], built(kind)
    Trainer(model).fit(arrays["x_train"], arrays["y_train"], epochs=8, rng=np.random.default_rng(0))
    case = open_case(model, check_arrays(arrays), 30)
    assert any("Only the last layer" in note and "mode-choose --fit" in note for note in case.notes) == is_said


def test_the_last_layer_fitted_anew_goes_back_into_its_network(starved, tmp_path):
    arrays, model = starved[0], built("the last layer")
    Trainer(model).fit(arrays["x_train"], arrays["y_train"], epochs=8, rng=np.random.default_rng(0))
    last = next(layer for layer in reversed(model.layers) if layer.weights)  # as docs/embeddings.md has it from here
    body = keras.Model(model.inputs, last.input)
    given = {f"features_{role}": body.predict(arrays[f"x_{role}"], verbose=0)
             for role in ("train", "validation", "pool")}  # fmt: skip
    given |= {name: array for name, array in arrays.items() if name.startswith("y_")}
    found = choose_from_arrays(given, 40, tmp_path / "out", head=True)
    head = np.load(tmp_path / "out" / "repaired_head.npz")
    kernel, bias = (each.copy() for each in last.get_weights())
    kernel[:, head["classes"]], bias[head["classes"]] = head["coefficients"].T, head["intercepts"]
    before = (model.predict(arrays["x_validation"], verbose=0).argmax(axis=1) == arrays["y_validation"]).mean()
    last.set_weights([kernel, bias])
    predicted = model.predict(arrays["x_validation"], verbose=0)
    own = found.case.head.with_more(given["features_pool"][found.outcome.added[0]], found.outcome.added[1])
    np.testing.assert_allclose(predicted, own.probabilities(given["features_validation"]), atol=1e-4)
    assert (predicted.argmax(axis=1) == arrays["y_validation"]).mean() > before + 0.03
