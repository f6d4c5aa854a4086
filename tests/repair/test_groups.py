"""The commands and the round trip with groups: digits of scikit-learn at three made sites, one of them darker."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from mode_utils.networks.backend import keras
from mode_utils.repair import choose_from_arrays, open_case
from mode_utils.repair.__main__ import main as repair
from mode_utils.repair.choose_command import main as choose

pytestmark = pytest.mark.slow

SIZES = {"train": 500, "validation": 400, "pool": 600, "test": 250}


@pytest.fixture(scope="module")
def digits():
    """Samples, labels and sites by role; the model will have seen few of site C, whose images are dark and inverted."""
    rng, (x, y) = np.random.default_rng(0), load_digits(return_X_y=True)
    x, order = (x / 16).astype(np.float32), rng.permutation(len(y))
    places = np.split(order, np.cumsum([*SIZES.values()]))[:4]
    arrays = {}
    for role, place in zip(SIZES, places, strict=True):
        shares = [0.55, 0.42, 0.03] if role == "train" else [1 / 3] * 3
        site = rng.choice(["siteA", "siteB", "siteC"], len(place), p=shares)
        dark = (site == "siteC")[:, None]
        arrays |= {f"x_{role}": np.where(dark, 0.5 - x[place] / 2, x[place]), f"y_{role}": y[place]}
        arrays[f"groups_{role}"] = site
    return arrays


@pytest.fixture(scope="module")
def files(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(32, activation="relu")
    model = keras.Sequential([keras.Input((64,)), hidden, keras.layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(digits["x_train"], digits["y_train"], epochs=40, verbose=0)
    model.save(folder / "model.keras")
    np.savez(folder / "data.npz", **digits)
    np.savez(folder / "no_labels.npz", **{name: each for name, each in digits.items() if name != "y_pool"})
    return folder


@pytest.mark.drawn
def test_a_repair_tells_and_serves_the_site_that_fails(files, digits, tmp_path, capfd):
    out = tmp_path / "out"
    given = [str(files / "model.keras"), str(files / "data.npz"), str(out), "--budget", "120", "--serve", "groups"]
    assert repair(given) in (0, 1)
    told, table = capfd.readouterr().out, pd.read_csv(out / "groups.csv", keep_default_na=False)
    assert told.index("3 of 3 groups of validation samples are in") < told.index("validation samples right")
    first = table.iloc[0]
    assert (first["label"], first["group"], first["fails"]) == ("", "siteC", True) and first["accuracy"] < 0.6
    assert "Shown to fail more than the rest" in told and "group siteC" in told
    chosen = pd.read_csv(out / "selected.csv")["index"]
    assert (digits["groups_pool"][chosen] == "siteC").mean() > 0.6
    assert json.loads((out / "diagnosis.json").read_text())["groups"]["failing"]
    assert "groups of validation or test samples" in told and "Traceback" not in told


@pytest.mark.nightly
def test_a_repair_without_labels_goes_round_with_groups_and_limits(files, digits, tmp_path, capfd):
    options = [str(files / "no_labels.npz"), "--budget", "40", "--only", "group=siteC", "--at-most-per-group", "30"]
    data, *rest = options
    assert repair([str(files / "model.keras"), data, str(tmp_path / "ask"), *rest]) == 0
    asked = pd.read_csv(tmp_path / "ask/selected.csv")
    sites = digits["groups_pool"][asked["index"]]
    assert (sites == "siteC").sum() == 30 and len(asked) <= 34  # the arm is of the whole pool
    assert "of 40 inputs are chosen: there are no more of those that --only allows" in capfd.readouterr().out
    asked.assign(label=digits["y_pool"][asked["index"]]).to_csv(tmp_path / "labels.csv", index=False)
    labels = ["--apply", str(tmp_path / "labels.csv")]
    assert repair([str(files / "model.keras"), data, str(tmp_path / "out"), *rest, *labels]) in (0, 1)
    told = capfd.readouterr().out
    assert "Traceback" not in told and (tmp_path / "out/origin.json").exists()
    case = open_case(files / "model.keras", files / "no_labels.npz", 20, continue_from=tmp_path / "out")
    train = case.data.groups_in("train")
    assert case.data.groups.names[train[-len(case.used) :]].tolist() == digits["groups_pool"][case.used].tolist()


def test_a_choice_from_first_to_last(digits, tmp_path, capfd):
    model = LogisticRegression(max_iter=300).fit(digits["x_train"], digits["y_train"])
    arrays = {"y_validation": digits["y_validation"], "groups_train": digits["groups_train"]}
    for role in ("validation", "pool"):
        x = digits[f"x_{role}"]
        arrays |= {f"probabilities_{role}": model.predict_proba(x), f"features_{role}": x}
        arrays[f"groups_{role}"] = digits[f"groups_{role}"]
    np.savez(tmp_path / "arrays.npz", **arrays)
    given = [str(tmp_path / "arrays.npz"), str(tmp_path / "ask"), "--budget", "60", "--at-most-per-group", "25"]
    assert choose(given) == 0
    told = capfd.readouterr().out
    assert told.index("3 of 3 groups of validation samples are in training, too") < told.index("The model gets")
    asked = pd.read_csv(tmp_path / "ask/selected.csv")
    assert pd.Series(digits["groups_pool"][asked["index"]]).value_counts().max() <= 25 and len(asked) == 60
    asked.assign(label=digits["y_pool"][asked["index"]]).to_csv(tmp_path / "labels.csv", index=False)
    options = {"at_most_per_group": 25, "apply": tmp_path / "labels.csv"}
    plan = choose_from_arrays(arrays, 60, **options).labelled
    outcome = {"now": retrained(digits, plan.added)}
    for name, table in plan.trainings.groupby("model", sort=False):
        outcome.setdefault(name.split("-")[0], []).append(retrained(digits, table))
    found = choose_from_arrays(arrays, 60, tmp_path / "out", outcome=outcome, **options)
    assert any("of accuracy after" in each for each in found.say_outcome())
    gain = found.outcome.judged.gain
    del arrays["groups_validation"]
    alone = choose_from_arrays(arrays, 60, outcome=outcome, **options)
    assert gain.high - gain.low > alone.outcome.judged.gain.high - alone.outcome.judged.gain.low


def retrained(digits, table):
    rows = table["index"].to_numpy(int)
    x, y = np.r_[digits["x_train"], digits["x_pool"][rows]], np.r_[digits["y_train"], digits["y_pool"][rows]]
    return LogisticRegression(max_iter=300).fit(x, y).predict(digits["x_validation"])


@pytest.mark.parametrize(
    ("option", "match"),
    [
        (["--only", "group=siteD"], "only group 'siteD' (is it 'site"), (["--only", "color=3"], "unknown kind in only"),
        (["--at-most-per-group", "-1"], "at_most_per_group = -1"), (["--serve", "site"], "labels, groups, modes"),
        (["--groups", "parent"], "groups = 'parent' is for a folder of images"),
    ],
)  # fmt: skip
def test_bad_options_are_told_in_a_sentence(option, match, files, tmp_path, capfd):
    given = [str(files / "model.keras"), str(files / "data.npz"), str(tmp_path / "out"), "--budget", "20"]
    assert repair([*given, *option]) == 2 and match in capfd.readouterr().err and not (tmp_path / "out").exists()
