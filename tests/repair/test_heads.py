"""Heads that are fitted here: their strength, estimators as they are, refits on labels that come, and what is wrong."""

import json
import re
import shlex
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mode_utils.repair import choose_from_arrays, open_outputs
from mode_utils.repair.choose_command import main
from mode_utils.repair.heads import fit_head, try_strengths
from mode_utils.selection import reference

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
TRAIN = np.setdiff1d(np.arange(300), np.flatnonzero(Y[:300] == 3)[4:])
ROLES = {"train": TRAIN, "validation": np.arange(300, 700), "pool": np.arange(700, 1500)}
Y_POOL = Y[ROLES["pool"]]


def features(labelled=False, dtype=np.float32, names=None):
    arrays = {f"features_{role}": X[place].astype(dtype) for role, place in ROLES.items()}
    labels = {f"y_{role}": Y[place] for role, place in ROLES.items() if labelled or role != "pool"}
    return arrays | {name: y if names is None else names[y] for name, y in labels.items()}


def label(chosen, path):
    chosen.assign(label=Y_POOL[chosen["index"]]).to_csv(path, index=False)


@pytest.fixture(scope="module")
def found():
    return choose_from_arrays(features(), 60, head=True)


def test_a_weak_strength_is_taken_for_noise_and_a_strong_one_for_what_can_be_told():
    rng, y = np.random.default_rng(0), np.arange(200) % 4
    noise, clear = rng.normal(size=(200, 30)), np.eye(4)[y] + 0.01 * rng.normal(size=(200, 4))
    strengths = [table["C"][table["taken"]].item() for table in (try_strengths(x, y, 0) for x in (noise, clear))]
    assert strengths[0] <= 0.01 and strengths[1] >= 10
    pd.testing.assert_frame_equal(try_strengths(noise, y, 0), try_strengths(noise, y, 0))


def test_units_of_columns_count_where_they_are_of_one_kind_and_not_where_they_are_not():
    y, rng = np.arange(300) % 2, np.random.default_rng(0)
    alike = rng.normal(size=(300, 40)) * np.linspace(1, 3, 40) + y[:, None]
    unlike = alike * np.logspace(-4, 4, 40)
    for x, one_kind in ((alike, True), (1e4 * alike + 5, True), (unlike, False)):
        head = fit_head(True, (x.astype(np.float32), y), 2)
        assert head.model[0].one_kind_ == one_kind
        assert ("all columns by one spread" in head.say("01")[0]) == one_kind
    same = [fit_head(True, ((times * alike).astype(np.float32), y), 2) for times in (1, 1e4)]
    assert np.allclose(
        *(each.probabilities(times * alike) for each, times in zip(same, (1, 1e4), strict=True)), atol=1e-3
    )


def test_of_a_pool_with_labels_a_fitted_head_is_chosen_by_at_once_as_given_probabilities_are():
    found = choose_from_arrays(features(labelled=True), 60, head=True, steps=1)
    given = features(labelled=True) | {
        f"probabilities_{role}": found.case.head.probabilities(X[place]) for role, place in ROLES.items()
    }
    other = choose_from_arrays(given, 60)
    pd.testing.assert_frame_equal(found.chosen, other.chosen)
    pd.testing.assert_frame_equal(found.report.labels, other.report.labels)
    assert found.report.labels.sort_values("validation_accuracy")["label"].iloc[0] == "3"
    assert (
        found.case.notes[0].startswith(f"A head was fitted to {len(TRAIN)} samples") and "C = " in found.case.notes[0]
    )
    assert found.case.notes[1:] == other.case.notes


def test_of_frozen_features_training_samples_help_to_guess_and_rare_labels_are_not_lost(found):
    def right(case, rows=slice(None)):
        return (case.scan.labels == Y_POOL)[rows].mean()

    given = features() | {f"probabilities_{role}": found.case.head.probabilities(X[at]) for role, at in ROLES.items()}
    of_outputs, starved = open_outputs(given, 60), Y_POOL == 3
    assert right(found.case) > right(of_outputs) and right(found.case) > (found.case.scan.predicted == Y_POOL).mean()
    assert right(found.case, starved) > (found.case.scan.predicted == Y_POOL)[starved].mean() + 0.1


@pytest.mark.parametrize("spoilt", ["labels", "inputs"])
def test_training_samples_that_tell_nothing_of_validation_samples_teach_no_guess(spoilt, found):
    given, rng = features(), np.random.default_rng(0)
    if spoilt == "labels":
        wrong = rng.random(len(TRAIN)) < 0.5
        given["y_train"] = np.where(wrong, rng.integers(0, 10, len(TRAIN)), given["y_train"])
    else:
        given["features_train"] = given["features_train"] + rng.normal(size=(len(TRAIN), 64)).astype(np.float32)
    case = open_outputs(given, 60, head=True)
    probabilities = {f"probabilities_{role}": case.head.probabilities(given[f"features_{role}"]) for role in ROLES}
    np.testing.assert_array_equal(case.scan.labels, open_outputs(given | probabilities, 60).scan.labels)
    assert (found.case.scan.labels == Y_POOL).mean() > (case.scan.labels == Y_POOL).mean()
    told = "are their labels wrong, or are they of another kind? They teach no guess of a label."
    assert any(told in each for each in choose_from_arrays(given, 60, head=True).remarks)
    assert not any(told in each for each in found.remarks)


def test_of_many_training_samples_a_reference_learns_as_many_of_each_label_as_it_may(monkeypatch):
    monkeypatch.setattr(reference, "_MOST_LEARNED", 100)
    x, y = reference._some_of_each((X[TRAIN], Y[TRAIN]), np.random.default_rng(0))
    assert np.bincount(y).tolist() == [10, 10, 10, 4, 10, 10, 10, 10, 10, 10]
    assert {tuple(row) for row in x[y == 3]} == {tuple(row) for row in X[TRAIN][Y[TRAIN] == 3]}
    assert open_outputs(features(), 60, head=True).scan.labels.shape == Y_POOL.shape


def test_features_in_half_precision_and_labels_as_texts(found):
    names = np.array([f"digit {label}" for label in range(10)])
    other = choose_from_arrays(features(dtype=np.float16, names=names), 60, head=True)
    assert other.chosen["index"].tolist() == found.chosen["index"].tolist()
    assert set(other.chosen["guess"]) <= set(names)


@pytest.mark.parametrize("classes", [(0, 1), (3, 5, 8)])
def test_the_file_of_a_head_holds_plain_numbers_that_make_its_probabilities(classes, tmp_path):
    rows = np.flatnonzero(np.isin(Y, classes))[:200]
    head = fit_head(True, (X[rows], Y[rows]), 10)
    head.save(tmp_path / "head.npz", [str(label) for label in range(10)])
    with np.load(tmp_path / "head.npz", allow_pickle=False) as saved:
        p = softmax(X @ saved["coefficients"].T + saved["intercepts"], axis=1)
        assert saved["class_names"][saved["classes"]].tolist() == [str(label) for label in classes]
    assert np.allclose(p, head.probabilities(X)[:, classes], atol=1e-4)
    assert head.probabilities(X).sum() == pytest.approx(len(X), rel=1e-5)


@pytest.mark.parametrize(
    "estimator",
    [RandomForestClassifier(9), BaggingClassifier(n_estimators=3), make_pipeline(StandardScaler(), SGDClassifier())],
    ids=lambda estimator: str(estimator)[:40],
)
def test_an_estimator_that_draws_chooses_the_same_twice_by_the_seed(estimator):
    twice = [choose_from_arrays(features(), 20, head=estimator).chosen for _ in range(2)]
    pd.testing.assert_frame_equal(*twice)
    other = open_outputs(features(), 20, head=estimator, seed=1).outputs.of_validation()[1]
    assert not np.array_equal(other, open_outputs(features(), 20, head=estimator).outputs.of_validation()[1])


def test_one_sample_of_each_label_warns_of_nothing():
    x, y = np.random.default_rng(0).normal(size=(3, 201, 5)), np.arange(201)
    arrays = {f"features_{role}": part for role, part in zip(ROLES, x, strict=True)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        choose_from_arrays(arrays | {"y_train": y, "y_validation": y}, 10, head=True)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(C=0.5, max_iter=200),
        LinearSVC(C=0.01),
        RidgeClassifier(),
        make_pipeline(StandardScaler(), SelectKBest(k=30), RidgeClassifier()),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)),
        RandomForestClassifier(60, random_state=0),
    ],
    ids=lambda estimator: str(estimator)[:40],
)
@pytest.mark.filterwarnings("ignore:.*constant:UserWarning", "ignore:invalid value:RuntimeWarning")
def test_an_estimator_of_scikit_learn_is_a_head_as_it_is(estimator):
    case, own = open_outputs(features(), 60, head=estimator), clone(estimator).fit(X[TRAIN], Y[TRAIN])
    assert not hasattr(estimator, "classes_")  # what was given is cloned
    p, y = case.outputs.of_validation()[1], Y[ROLES["validation"]]
    x = X[ROLES["validation"]]
    assert np.allclose(p.sum(axis=1), 1, atol=1e-5) and (p.argmax(axis=1) == own.predict(x)).mean() > 0.995
    if hasattr(own, "predict_proba"):
        assert np.allclose(p, own.predict_proba(x), atol=1e-3)
    else:
        scores = own.decision_function(x)
        assert log_loss(y, p) < log_loss(y, softmax(scores, axis=1)) - 0.1 and "softmax" in case.notes[0]
    more = case.head.with_more(X[ROLES["pool"]][:200], Y_POOL[:200]).probabilities(x).argmax(axis=1)
    again = clone(estimator).fit(np.r_[X[TRAIN], X[ROLES["pool"]][:200]], np.r_[Y[TRAIN], Y_POOL[:200]])
    assert (more == again.predict(x)).mean() > 0.995 and (more == y).mean() > (p.argmax(axis=1) == y).mean()


def test_labels_that_came_are_learned_from_and_judged_and_the_next_round_begins_there(found, tmp_path):
    label(found.chosen, tmp_path / "labels.csv")
    first = choose_from_arrays(features(), 60, tmp_path / "out-1", head=True, apply=tmp_path / "labels.csv")
    gain = first.outcome.judged.gain
    assert gain.labels == 6 and gain.low <= gain.mean <= gain.high and first.outcome.helps
    assert any("of accuracy after 6 labels of each kind" in sentence for sentence in first.say_outcome())
    assert not any("--outcome" in sentence for sentence in first.remarks)
    second = choose_from_arrays(features(), 60, head=True, continue_from=tmp_path / "out-1")
    before, after = (each["validation_accuracy"] for each in (first.report.labels, second.report.labels))
    assert np.allclose(after, first.outcome.labels["after"]) and np.allclose(before, first.outcome.labels["before"])
    assert "and 60 labels that came" in second.case.notes[0]
    assert not set(second.chosen["index"]) & set(found.chosen["index"])
    plan, head = first.labelled.plan, first.case.head
    own = clone(head.model).fit(
        np.r_[X[TRAIN], X[ROLES["pool"]][plan["drawn"][0]]], np.r_[Y[TRAIN], Y_POOL[plan["drawn"][0]]]
    )
    x = X[ROLES["validation"]]
    drawn = head.retrained(X[ROLES["pool"]][plan["drawn"][0]], Y_POOL[plan["drawn"][0]], x)
    assert (drawn == own.predict(x)).mean() > 0.995
    with np.load(tmp_path / "out-1/repaired_head.npz", allow_pickle=False) as saved:
        p = softmax(x @ saved["coefficients"].T + saved["intercepts"], axis=1)
    assert np.allclose(p, second.case.outputs.of_validation()[1], atol=1e-4)


def test_a_pool_with_labels_is_judged_against_as_many_drawn_at_random():
    found = choose_from_arrays(features(labelled=True), 60, head=True)
    gain, told = found.outcome.judged.gain, " ".join(found.say_outcome())
    assert gain.labels == 60 and "contract" in told and "of accuracy after 60 labels of each kind" in told
    added = found.outcome.labels.set_index("label")
    assert added["after"]["3"] > added["before"]["3"] and len(found.outcome.added[0]) == 60


def test_known_labels_of_a_pool_that_needs_others_teach_the_head(found):
    y = np.where(np.arange(len(Y_POOL)) < 100, Y_POOL, -1)
    other = choose_from_arrays(features() | {"y_pool": y}, 60, head=True)
    assert other.case.notes[0].startswith(f"A head was fitted to {len(TRAIN) + 100} samples")
    assert other.chosen["index"].min() >= 100 and not any("is not trained on them" in note for note in other.case.notes)


def test_the_command_fits_judges_and_goes_on(found, tmp_path, capsys):
    data, out, labels = tmp_path / "features.npz", tmp_path / "out", tmp_path / "labels.csv"
    np.savez(data, **features())
    label(found.chosen, labels)
    assert main([str(data), str(out), "--budget", "60", "--fit", "--apply", str(labels)]) == 0
    said, summary = capsys.readouterr().out, json.loads((out / "diagnosis.json").read_text())
    assert "A head was fitted to" in said and "validation samples fixed" in said and "labels of each kind" in said
    told = said.split("Next ")[1]
    assert "repaired_head.npz" in told and ("--continue" not in told or "features.npz" in told)
    assert summary["next_round"]["advice"] and summary["rounds"][0]["total"] == 60
    assert {"head.npz", "repaired_head.npz", "origin.json", "report.html"} <= {path.name for path in out.iterdir()}
    assert pd.read_csv(out / "selected.csv")["index"].tolist() == found.chosen["index"].tolist()
    for more, message in (
        (["--outcome", str(data), "--apply", str(labels)], "--outcome is made here with --fit"),
        (["--pool", str(tmp_path / "*.npz")], "--fit takes a pool in one file"),
    ):
        assert main([str(data), str(tmp_path / "no"), "--budget", "60", "--fit", *more]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("only", [[], ["--only", "label=3"]])
def test_the_next_command_works_until_nothing_is_left(only, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = features(labelled=True)
    few = np.concatenate([np.flatnonzero(arrays["y_pool"] == 3)[:25], np.flatnonzero(arrays["y_pool"] != 3)[:45]])
    np.savez("features.npz", **arrays | {name: arrays[name][few] for name in ("features_pool", "y_pool")})
    line = ["features.npz", "out-1", "--fit", "--budget", "20", "--label-cost", "0.0", *only]
    places = []
    for _ in range(6):
        assert main(line) == 0
        line = next((each for each in capsys.readouterr().out.splitlines() if "--continue" in each), "")
        folder = sorted(tmp_path.glob("out-*"))[-1]
        places += pd.read_csv(folder / "selected.csv")["index"].tolist()
        assert len(places) == len(set(places))
        if not (left := json.loads((folder / "diagnosis.json").read_text())["left"]) or not line:
            break
        line = shlex.split(line)[1:]
    assert left == (25 if only else 70) - len(places)
    assert (arrays["y_pool"][few][places] == 3).all() if only else True


@pytest.mark.slow
def test_no_framework_is_imported(tmp_path):
    np.savez(tmp_path / "features.npz", **features(labelled=True))
    code = (
        "import sys; from mode_utils.repair.outputs import choose_from_arrays\n"
        "from mode_utils.repair import say_health; from mode_utils.repair.choose_command import main\n"
        "import mode_utils.visualization.pool_map\n"
        f"found = choose_from_arrays({str(tmp_path / 'features.npz')!r}, 50, {str(tmp_path / 'out')!r}, head=True)\n"
        "assert found.outcome and not {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def put(name, place, value):
    def spoil(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value

    return spoil


def to(name, change):
    return lambda arrays: arrays.update({name: change(arrays[name])})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.pop("features_train"), "no array 'features_train': it needs features_train, y_train"),
        (lambda a: a.pop("y_train"), "no array 'y_train'"),
        (lambda a: a.update(probabilities_pool=np.ones((800, 1))), "'probabilities_pool', but with --fit a head"),
        (to("features_pool", lambda x: x[:, 1:]), r"features_pool has shape \(63,\).* features_train \(64,\)"),
        (to("features_validation", lambda x: x[:, :9]), r"features_validation has shape \(9,\)"),
        (put("features_pool", (5, 7), np.nan), "features_pool has NaN .* sample 5 .*number 7"),
        (put("features_train", (2, 1), np.inf), "features_train has NaN or infinite values, the first in sample 2"),
        (to("y_train", lambda y: np.full_like(y, 4)), "y_train has one class only .4., in "),
        (to("y_validation", lambda y: np.full_like(y, 4)), "y_validation has one class only .4., in 400"),
        (to("y_train", lambda y: y[:-1]), "y_train has .* labels for"),
        (put("y_train", 3, -1), "y_train has label -1 at sample 3"),
    ],
)
def test_what_is_wrong_is_one_sentence(spoil, message):
    arrays = features()
    spoil(arrays)
    with pytest.raises(ValueError, match=message) as error:
        open_outputs(arrays, 60, head=True)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (StandardScaler(), r"head StandardScaler\(\) has neither predict_proba nor decision_function"),
        ("logistic", "head 'logistic' is not an estimator of scikit-learn.*mode-repair"),
        (LogisticRegression(C=-1), "the head LogisticRegression cannot be fitted to .* samples: .*'C'"),
    ],
)
def test_what_is_no_head_is_one_sentence(head, message):
    with pytest.raises(ValueError, match=message) as error:
        open_outputs(features(), 60, head=head)
    assert "\n" not in str(error.value)


def test_an_outcome_of_a_head_is_not_taken_and_features_alone_are_told_what_fits(found, tmp_path):
    label(found.chosen, tmp_path / "labels.csv")
    with pytest.raises(ValueError, match="a head is refitted here, which makes it"):
        choose_from_arrays(features(), 60, head=True, apply=tmp_path / "labels.csv", outcome={"now": Y_POOL})
    with pytest.raises(ValueError, match="no array 'probabilities_pool': --fit fits a head to features_train"):
        open_outputs(features(), 60)


def test_labels_with_one_training_sample_or_none_are_named():
    rows = np.concatenate([np.flatnonzero(Y[:300] == label)[: {3: 1, 8: 0}.get(label, 99)] for label in range(10)])
    arrays = features() | {"features_train": X[rows], "y_train": Y[rows]}
    notes = " ".join(open_outputs(arrays, 60, head=True).notes)
    assert "one sample only of 3: these are never held out" in notes and "No training samples of 8 are given" in notes
    few = np.array([np.flatnonzero(label == Y)[0] for label in range(10)])
    arrays |= {"features_train": X[few], "y_train": Y[few]}
    case = open_outputs(arrays, 60, head=True)
    assert re.search("C = 1, as no sample can be held out", case.notes[0]) and len(case.head.strengths) == 0


def test_of_many_labels_more_samples_pick_a_strength_than_four_of_each():
    rng, n_labels = np.random.default_rng(0), 500
    means = 0.31 * rng.standard_normal((n_labels, 40))
    y = np.arange(12 * n_labels) % n_labels
    x = (means[y] + 0.6 * rng.standard_normal((len(y), 40))).astype(np.float32)
    table = try_strengths(x, y, 0)
    few = try_strengths(x[:4_000], y[:4_000], 0)
    assert table["accuracy"].max() > few["accuracy"].max() + 0.02


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_label_without_validation_samples_warns_of_nothing(labelled):
    arrays = features(labelled)
    there = arrays["y_validation"] != 3
    arrays |= {name: arrays[name][there] for name in ("features_validation", "y_validation")}
    assert len(choose_from_arrays(arrays, 30, head=True).chosen) == 30
