"""Choosing from probabilities and features alone, whatever they were made with."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier
from tiers import by_night

from mode_utils.networks.backend import keras
from mode_utils.repair import assess_case, choose_from_arrays, choose_inputs, find_faults, open_case
from mode_utils.repair.choose_command import main
from mode_utils.repair.outputs import make_outputs_example, open_outputs
from mode_utils.repair.reading.arrays import check_arrays

pytestmark = pytest.mark.slow

ROLES = {"train": slice(0, 600), "validation": slice(600, 1000), "pool": slice(1000, None)}


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return (x / 16).astype(np.float32).reshape(-1, 8, 8), y


@pytest.fixture(scope="module")
def example():
    return make_outputs_example()


def outputs_of(predict, features, x, y, labelled=False):
    arrays = {f"y_{role}": y[place] for role, place in ROLES.items() if role != "pool" or labelled}
    for role, place in ROLES.items():
        arrays |= {f"probabilities_{role}": predict(x[place]), f"features_{role}": features(x[place])}
    return arrays


@pytest.mark.parametrize("labelled", by_night([False, True], but=[False]))
def test_of_a_models_own_outputs_it_chooses_what_the_repair_chooses(labelled, digits):
    x, y = digits
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Flatten(), keras.layers.Dense(24, activation="relu")]
    model = keras.Sequential([keras.Input((8, 8)), *hidden, keras.layers.Dense(10, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    model.fit(x[:600], y[:600], epochs=8, verbose=0)
    samples = {f"x_{role}": x[place] for role, place in ROLES.items()}
    labels = {f"y_{role}": y[place] for role, place in ROLES.items() if labelled or role != "pool"}
    case = open_case(model, check_arrays(samples | labels), 80)
    outputs, arrays = case.outputs, samples | labels
    arrays["features_validation"], arrays["probabilities_validation"] = outputs.of_validation()
    arrays["features_pool"] = outputs.states_at(np.arange(outputs.n_pool))
    arrays["probabilities_pool"] = case.trainer.predict(samples["x_pool"])
    arrays["probabilities_train"] = case.trainer.predict(samples["x_train"])
    found, report = choose_from_arrays(arrays, 80), assess_case(case)
    pd.testing.assert_frame_equal(found.report.labels, report.labels)
    pd.testing.assert_frame_equal(found.faults.table, find_faults(case).table)
    pd.testing.assert_frame_equal(found.chosen, choose_inputs(case, report))


@pytest.mark.parametrize(
    "classifier", [RandomForestClassifier(60, random_state=0), MLPClassifier((32,), max_iter=60, random_state=0)]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_classifiers_of_scikit_learn(classifier, digits):
    x, y = digits[0].reshape(-1, 64), digits[1]
    starved = np.setdiff1d(np.arange(600), np.flatnonzero(y[:600] == 8)[3:])
    classifier.fit(x[starved], y[starved])
    found = choose_from_arrays(outputs_of(classifier.predict_proba, lambda x: x, x, y), 60)
    worst = found.report.labels.sort_values("validation_accuracy").iloc[0]
    assert worst["label"] == "8" and worst["fault"] == "underfit"
    truth = y[ROLES["pool"]][found.chosen["index"]]
    assert (truth == 8).mean() > 3 * (y[ROLES["pool"]] == 8).mean()


def test_a_network_of_another_framework(digits):
    mx = pytest.importorskip("mlx.core", reason="install mlx[cpu]")
    nn, optimizers = pytest.importorskip("mlx.nn"), pytest.importorskip("mlx.optimizers")
    x, y = digits[0].reshape(-1, 64), digits[1]
    starved = np.setdiff1d(np.arange(600), np.flatnonzero(y[:600] == 8)[3:])
    mx.random.seed(0)
    body, head = nn.Sequential(nn.Linear(64, 32), nn.ReLU()), nn.Linear(32, 10)
    model, optimizer = nn.Sequential(body, head), optimizers.Adam(0.01)
    step = nn.value_and_grad(model, lambda x, y: nn.losses.cross_entropy(model(x), y, reduction="mean"))
    for _ in range(80):
        optimizer.update(model, step(mx.array(x[starved]), mx.array(y[starved]))[1])
        mx.eval(model.parameters())
    predict = lambda x: np.array(mx.softmax(model(mx.array(x)), axis=-1))  # noqa: E731
    found = choose_from_arrays(outputs_of(predict, lambda x: np.array(body(mx.array(x))), x, y), 60)
    assert found.report.labels.sort_values("validation_accuracy").iloc[0]["label"] == "8"
    assert (y[ROLES["pool"]][found.chosen["index"]] == 8).mean() > 3 * (y[ROLES["pool"]] == 8).mean()


@pytest.mark.drawn
def test_the_command_leaves_a_whole_folder_and_names_are_inert(example, tmp_path, capsys):
    names = np.array([f"<script>alert({place})</script>" for place in range(len(example["x_pool"]))])
    np.savez(tmp_path / "arrays.npz", **example, names_pool=names)
    assert main([str(tmp_path / "arrays.npz"), str(tmp_path / "out"), "--budget", "50"]) == 0
    said = capsys.readouterr().out
    assert "50 inputs" in said and "label.html" in said
    table = pd.read_csv(tmp_path / "out/selected.csv")
    assert len(table) == 50 and set(table["name"]) <= set(names) and table["label"].isna().all()
    whole = choose_from_arrays(example | {"names_pool": names}, 50).chosen
    assert table["index"].tolist() == whole["index"].tolist()
    summary = json.loads((tmp_path / "out/diagnosis.json").read_text())
    assert summary["chosen"] == summary["without_label"] == 50
    for page in ("report.html", "label.html"):
        assert "<script>alert(" not in (tmp_path / "out" / page).read_text()
    assert main([str(tmp_path / "arrays.npz"), str(tmp_path / "out"), "--budget", "50"]) == 2


@pytest.mark.nightly  # by day a round of labels and a fitted head import none
def test_no_framework_is_imported(example, tmp_path):
    np.savez(tmp_path / "arrays.npz", **example)
    code = (
        "import sys; from mode_utils.repair.outputs import choose_from_arrays\n"
        "from mode_utils.repair import say_health; from mode_utils.repair.choose_command import main\n"
        f"choose_from_arrays({str(tmp_path / 'arrays.npz')!r}, 50, {str(tmp_path / 'out')!r})\n"
        "assert not {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "out/label.html").is_file()


def put(name, place, value):
    def spoil(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value

    return spoil


def to(name, function):
    return lambda arrays: arrays.update({name: function(arrays[name])})


def drop(*names):
    return lambda arrays: [arrays.pop(name) for name in names]


def add(name, array):
    return lambda arrays: arrays.update({name: array})


def logits(p):
    return np.log(np.maximum(p, 1e-9))


SPOILT = [
    *[(drop(name), rf"has no array '{name}'.*it needs") for name in ("probabilities_pool", "features_pool")],
    *[(drop(f"{what}_validation"), f"no array '{what}_validation'") for what in ("probabilities", "features", "y")],
    (lambda a: a.update(probs_pool=a.pop("probabilities_pool")), r"is it 'probs_pool'\?"),
    (add("weights", np.ones(3)), "has an array 'weights': choose from"),
    (drop("x_validation"), "has x_pool, but no x_validation"),
    (drop("x_pool"), "has x_validation, but no x_pool"),
    (drop("y_train"), "has .*_train, but no y_train"),
    (drop("probabilities_train", "features_train", "x_train"), "y_train, but neither features_train nor prob"),
    *[(to(f"probabilities_{role}", logits), "logarithms .* apply np.exp") for role in ("pool", "validation", "train")],
    *[(to(f"probabilities_{role}", lambda p: p / 2), r"row 0 .*sums to 0\.5") for role in ("pool", "validation")],
    (to("probabilities_pool", lambda p: p[:, :5] / p[:, :5].sum(axis=1, keepdims=True)), "probabilities_pool has 5"),
    (to("probabilities_pool", lambda p: p[:, :1]), "1 column: give one for each class"),
    (to("probabilities_pool", lambda p: p[:, 0]), r"must be \(n, n_classes\) numbers"),
    (to("probabilities_pool", lambda p: p.astype(str)), r"must be \(n, n_classes\) numbers"),
    (to("probabilities_pool", lambda p: p[:0]), r"must be \(n, n_classes\) numbers"),
    (to("probabilities_pool", lambda p: p * 100), r"look like percentages, not like probabilities; divide by 100"),
    (to("probabilities_pool", lambda p: np.rint(p * 255).astype(np.uint8)), "look like quantized .* divide by 255"),
    *[(to("probabilities_pool", lambda p, n=n: p.round(n)), f"rounded to {n} decimals: give all") for n in (1, 2)],
    (
        to("probabilities_pool", lambda p: (p > 0.05).astype(float)),
        "sums to (0|[2-9]): probabilities of one label a sample must sum to 1$",
    ),
    (to("probabilities_pool", lambda p: logits(p) * 3 + 2), "look like logits.*decision_function"),
    (to("probabilities_pool", lambda p: p.argmax(axis=1)), "of two classes, np.stack"),
    *[(put(f"probabilities_{role}", (7, 1), np.nan), "NaN or infinite values in row 7") for role in ("pool", "train")],
    *[(put(f"features_{role}", (7, 1), np.inf), "NaN or infinite") for role in ("pool", "validation", "train")],
    *[(put(f"x_{role}", (7, 1, 1), np.nan), "NaN or infinite") for role in ("pool", "validation")],
    (to("features_pool", lambda f: f[:-1]), "the arrays of pool must have a row for each"),
    (to("features_validation", lambda f: f[:-1]), "the arrays of validation must have a row for each"),
    (to("probabilities_train", lambda f: f[:-1]), "the arrays of train must have a row for each"),
    (to("features_pool", lambda f: f[:, :9]), r"features_.* has shape \(64,\), one of features_.* \(9,\)|\(9,\), one"),
    (to("features_pool", lambda f: f * 255), "scale both alike"),
    (to("features_pool", lambda f: f.reshape(-1, 8, 8)), "must be .n, n_features., feature maps averaged or flat"),
    (to("features_pool", lambda f: f[:, 0]), r"samples must be \(n, \.\.\.\)"),
    (to("features_pool", lambda f: f.astype(str)), "samples must be numbers"),
    (
        lambda a: a.update({name: f * 0 + 3 for name, f in a.items() if name.startswith("features_")}),
        "features_train, features_validation, features_pool have the same numbers in every row: nothing can be told",
    ),
    (to("features_pool", lambda f: np.ma.masked_equal(f, 0)), r"NaN or infinite values, the first in sample 0 \(nan"),
    (
        lambda a: a.update(
            class_names=np.arange(1, 11),
            y_train=np.clip(a["y_train"], 1, 9),
            y_validation=np.clip(a["y_validation"], 1, 9),
        ),
        "label 1 may be the class called '1', or the class at place 1, .* '2': give",
    ),
    (to("y_validation", lambda y: y[:-1]), "the arrays of validation must have a row for each"),
    (to("y_validation", lambda y: y + 5), "label 14 is too large for 10 classes: y_validation has it at"),
    (to("y_validation", lambda y: y - 1), "label -1"),
    (to("y_validation", lambda y: y + 0.5), "labels must be integers"),
    (to("y_validation", lambda y: y.astype(float) * np.nan), "has label nan at sample 0, which is none, as 400"),
    (to("y_validation", lambda y: y * 0), "has one class only"),
    (to("y_validation", lambda y: (y + 3) % 10), "the classes are probably in another order"),
    (to("y_validation", lambda y: np.char.add("n", y.astype(str))), "texts as labels, y_train numbers"),
    (add("y_pool", np.zeros(3, int)), "the arrays of pool must have a row for each"),
    (add("y_pool", np.full(797, 10)), "label 10 is too large for 10 classes: y_pool has it at sample 0"),
    (lambda a: a.update(y_pool=(a["probabilities_pool"].argmax(axis=1) + 3) % 10), "in another order: .* of the pool"),
    (add("y_pool", np.full(797, -2)), "label -2"),
    (add("names_pool", np.arange(797)), "it needs a text for each"),
    (add("names_pool", np.array(["a", "b"])), "the arrays of pool must have a row for each"),
    (add("class_names", np.array(["a", "b"])), "2 class names for 10 columns"),
    (add("class_names", np.array(["a"] * 10)), "'a' comes 10 times"),
    (add("class_names", np.array(["", *"abcdefghi"])), "the name of class 0 is empty"),
]


@pytest.mark.parametrize("case", range(len(SPOILT)))
def test_what_is_wrong_is_one_sentence(case, example):
    spoil, message = SPOILT[case]
    arrays = dict(example)
    spoil(arrays)
    with pytest.raises(ValueError, match=message) as error:
        _ = open_outputs(arrays, 50).scan
    assert "\n" not in str(error.value)


def test_what_looks_right_and_is_not_is_said(example):
    rng = np.random.default_rng(0)
    certain = {name: np.eye(10)[p.argmax(axis=1)] for name, p in example.items() if name.startswith("probabilities_")}
    notes = open_outputs(example | certain, 50).notes
    assert sum("are 0 and 1 only: are they predicted labels?" in note for note in notes) == 3
    other = example | {"probabilities_pool": rng.permutation(example["probabilities_pool"])}
    assert any(
        "rows that do not fit; probabilities and" in said for said in choose_from_arrays(other, 9).faults.sentences()
    )
    other = example | {"probabilities_validation": rng.permutation(example["probabilities_validation"])}
    assert "no more than always saying the most frequent label" in open_outputs(other, 50).notes[1]
    copies = {name.replace("validation", "train"): array for name, array in example.items() if "validation" in name}
    assert any(
        "validation also in train" in said for said in choose_from_arrays(example | copies, 9).faults.sentences()
    )
    assert not any("do not fit" in said for said in choose_from_arrays(example, 9).faults.sentences())
    scaled = example | {"features_pool": example["features_pool"] * 255}
    assert open_outputs(scaled, 50, even_if_weak=True).notes[0].startswith("The scales differ: features_pool spans")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "0"], "budget"), (["--budget", "9999"], "larger than the pool"), (["--seed", "-1"], "seed"),
        (["--preset", "original"], "needs a model"), (["--class-names", "a,b"], "2 class names"),
    ],
)  # fmt: skip
def test_wrong_options_write_nothing(options, message, example, tmp_path, capsys):
    np.savez(tmp_path / "arrays.npz", **example)
    budget = [] if "--budget" in options else ["--budget", "9"]
    assert main([str(tmp_path / "arrays.npz"), str(tmp_path / "out"), *budget, *options]) == 2
    assert message in capsys.readouterr().err and sorted(path.name for path in tmp_path.iterdir()) == ["arrays.npz"]


def test_half_precision_and_files_that_are_compressed_are_read(example, tmp_path):
    small = {name: array.astype(np.float16) if array.dtype.kind == "f" else array for name, array in example.items()}
    np.savez_compressed(tmp_path / "arrays.npz", **small)
    chosen = choose_from_arrays(tmp_path / "arrays.npz", 50).chosen
    assert len(set(chosen["index"]) & set(choose_from_arrays(example, 50).chosen["index"])) > 40
