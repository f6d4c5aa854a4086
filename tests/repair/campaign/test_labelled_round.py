"""Rounds of outputs of any framework: labels, what to retrain on, what that shows, and the next round."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from mode_utils.repair import Shards, arm_of, choose_from_arrays, judge_outcome, take_round
from mode_utils.repair.choose_command import main
from mode_utils.repair.outputs import open_outputs

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs/any-framework.md"
X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
OLD = np.setdiff1d(np.arange(600), np.flatnonzero(Y[:600] == 3)[5:])
X_POOL, Y_POOL, X_VALIDATION, Y_VALIDATION = X[1000:], Y[1000:], X[600:1000], Y[600:1000]


def fit(table=None):
    places = np.empty(0, int) if table is None else table["index"].to_numpy(int)
    return LogisticRegression(max_iter=300).fit(np.r_[X[OLD], X_POOL[places]], np.r_[Y[OLD], Y_POOL[places]])


def outputs(model):
    arrays = {"features_pool": X_POOL, "features_validation": X_VALIDATION, "y_validation": Y_VALIDATION}
    arrays |= {"probabilities_pool": model.predict_proba(X_POOL)}
    return arrays | {"probabilities_validation": model.predict_proba(X_VALIDATION)}


def label(folder, path, rows=slice(None), answer=None):
    table = pd.read_csv(folder / "selected.csv").iloc[rows]
    table.assign(label=Y_POOL[table["index"]] if answer is None else answer).to_csv(path, index=False)


def predictions(folder, probabilities=False):
    """Return what a user saves: the predictions of the models that a folder asks for."""
    ask = (lambda model: model.predict_proba(X_VALIDATION)) if probabilities else lambda m: m.predict(X_VALIDATION)
    made = {}
    for name, table in pd.read_csv(folder / "trainings.csv").groupby("model", sort=False):
        assert (table["label"] == Y_POOL[table["index"]]).all()
        made.setdefault(name.split("-")[0], []).append(ask(fit(table)))
    new = fit(pd.read_csv(folder / "added.csv"))
    return new, {"now": ask(new)} | {kind: np.array(each) for kind, each in made.items()}


@pytest.fixture(scope="module")
def first():
    return outputs(fit())


@pytest.fixture(scope="module")
def labelled(first):
    case = open_outputs(first, 60)
    chosen = choose_from_arrays(first, 60).chosen
    return case, chosen.assign(label=Y_POOL[chosen["index"]])


@pytest.fixture(scope="module")
def round_of_labels(labelled, tmp_path_factory):
    case, table = labelled
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    table.to_csv(path, index=False)
    return take_round(case, path)


def test_two_rounds_by_command(first, tmp_path, capsys):
    arrays, how = first, []
    for number, probabilities in ((1, False), (2, True)):
        data, labels, outcome = (tmp_path / f"{name}-{number}" for name in ("data.npz", "labels.csv", "outcome.npz"))
        ask, todo, out = (tmp_path / f"{name}-{number}" for name in ("ask", "todo", "out"))
        np.savez(data.open("wb"), **arrays)
        command = [str(data), "--budget", "60", *how]
        choose_from_arrays(data, 60, ask, **({"continue_from": how[1]} if how else {}))
        label(ask, labels)
        capsys.readouterr()
        assert main([*command[:1], str(todo), *command[1:], "--apply", str(labels)]) == 0
        said = capsys.readouterr().out
        assert f"Retrain on added.csv, the {60 * number} inputs" in said and "give it to --outcome" in said
        assert "label them in" not in said and not (todo / "origin.json").exists()
        model, made = predictions(todo, probabilities)
        np.savez(outcome.open("wb"), **made)
        given = ["--apply", str(labels), "--outcome", str(outcome)]
        assert main([*command[:1], str(out), *command[1:], *given]) == 0
        said = capsys.readouterr().out
        assert "validation samples fixed" in said and re.search(r"labels of each kind \(95% interval", said)
        assert "of the pool right" in said and "another 60 labels" in said
        arrays, how = outputs(model), ["--continue-from", str(out)]
    origin, told = (json.loads((out / f"{name}.json").read_text()) for name in ("origin", "diagnosis"))
    assert [line["total"] for line in origin["rounds"]] == [60, 120] == [60, len(told["rounds"]) * 60]
    assert len(origin["samples"]) == len(origin["earlier_samples"]) == 60
    assert not {each["index"] for each in origin["samples"]} & {each["index"] for each in origin["earlier_samples"]}
    assert told["next_round"]["advice"] in ("choose", "draw", "stop") and origin["rounds"][1]["gain"] is not None
    before = json.loads((tmp_path / "out-1/origin.json").read_text())["arm"]
    assert origin["arm"][: len(before)] == before and len(origin["arm"]) >= 12
    sizes = pd.read_csv(tmp_path / "todo-2/trainings.csv")["model"].value_counts()
    assert len(sizes) == 10 and (sizes == len(origin["arm"])).all()


def test_what_is_to_be_retrained_on_is_arm_and_choice(round_of_labels, labelled):
    case, _ = labelled
    table, arm = round_of_labels.trainings, arm_of(case).new
    models = {name: set(rows["index"]) for name, rows in table.groupby("model")}
    assert sorted(models) == sorted(
        [*(f"{kind}-{n}" for kind in ("drawn", "chosen") for n in (1, 2, 3)), *(f"redrawn-{n}" for n in (1, 2, 3, 4))]
    )
    assert all(models[f"drawn-{n}"] == set(arm) and not models[f"chosen-{n}"] & set(arm) for n in (1, 2, 3))
    assert list(table) == ["model", "index", "label"] and list(round_of_labels.added) == ["index", "label"]


def made(labels, **changes):
    n = len(Y_VALIDATION)
    sizes = {"drawn": 3, "chosen": 3, "redrawn": 4}
    rng, found = np.random.default_rng(0), {"now": Y_VALIDATION.copy()}
    for kind, size in sizes.items():
        found[kind] = np.where(rng.random((size, n)) < 0.1, 0, Y_VALIDATION)
    return {name: array for name, array in (found | changes).items() if array is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"now": None}, "has no array 'now'"),
        ({"then": np.zeros(3)}, "has an array 'then': choose from now, drawn, chosen, redrawn"),
        ({"now": Y_VALIDATION[:-1]}, r"'now' .* shape \(399,\): it must be \(400,\) labels or \(400, 10\) prob"),
        ({"now": Y_VALIDATION + 5}, "label 14 is too large for 10 classes: now"),
        ({"now": np.full((400, 10), 0.5)}, "sums to 5"),
        ({"now": (Y_VALIDATION + 1) % 10}, "in another order: .* `now`"),
        ({"chosen": None}, "has 'drawn', but no 'chosen'"),
        ({"drawn": np.tile(Y_VALIDATION, (4, 1))}, r"'drawn' .*\(4, 400\): it must be \(2 to 3 models, 400\) labels"),
        ({"redrawn": Y_VALIDATION[None]}, r"\(1, 400\): it must be \(2 to 4 models, 400\)"),
        ({"chosen": np.tile(Y_VALIDATION, (3, 1)) - 1}, r"chosen\[0\] has label -1"),
    ],
)
def test_what_is_wrong_with_an_outcome_is_one_sentence(changes, message, round_of_labels):
    with pytest.raises(ValueError, match=message) as error:
        judge_outcome(round_of_labels, made(round_of_labels, **changes))
    assert "\n" not in str(error.value)


def test_fewer_models_and_none_are_allowed(round_of_labels):
    few = {kind: array[:2] for kind, array in made(round_of_labels).items() if kind != "now"}
    assert judge_outcome(round_of_labels, made(round_of_labels, **few)).judged.gain.labels == 6
    now = fit(round_of_labels.added).predict(X_VALIDATION)
    alone = judge_outcome(round_of_labels, {"now": now}).judged
    assert alone.gain is None and alone.advice in ("choose", "stop") and "another 60 labels" in alone.why
    assert judge_outcome(round_of_labels, {"now": now.astype(str)}).judged.say() == alone.say()


def test_a_round_that_breaks_more_than_it_fixes_is_to_be_mended(round_of_labels, first):
    now = first["probabilities_validation"].argmax(axis=1)
    now[:40] = (Y_VALIDATION[:40] + 1) % 10
    found = judge_outcome(round_of_labels, {"now": now})
    assert found.judged.advice == "mend" and not found.helps and found.broken > found.fixed


def test_without_half_of_the_arm_the_choice_is_not_judged(labelled, tmp_path):
    case, table = labelled
    arm = arm_of(case).new
    table[~table["index"].isin(arm[:4])].to_csv(tmp_path / "labels.csv", index=False)
    found = take_round(case, tmp_path / "labels.csv")
    assert not found.plan and len(found.trainings) == 0 and len(found.added) == 56
    assert "is not judged in this round: 0 labels" in found.say_next()[1]
    assert any("2 of 6 inputs of the control arm have an answer" in note for note in found.gathered.notes)
    with pytest.raises(ValueError, match="with these labels no model is asked for: apply the same tables"):
        judge_outcome(found, made(found))
    outcome = judge_outcome(found, {"now": fit(found.added).predict(X_VALIDATION)})
    assert outcome.judged.gain is None and outcome.judged.pool == ()


def test_several_people_and_what_nobody_can_tell(labelled, first, tmp_path):
    table = labelled[1]
    sure = table.assign(label=table["label"].astype(object))
    sure.loc[sure.index[:3], "label"] = "cannot tell"
    other = sure.iloc[10:].copy()
    other.loc[other.index[0], "label"] = (table["label"].iloc[10] + 1) % 10
    sure.to_csv(tmp_path / "anna.csv", index=False)
    other.to_csv(tmp_path / "ben.csv", index=False)
    both = [tmp_path / "anna.csv", tmp_path / "ben.csv"]
    found = choose_from_arrays(first, 60, tmp_path / "todo", apply=both)
    assert len(found.labelled.added) == 56 and len(pd.read_csv(tmp_path / "todo/disagreed.csv")) == 1
    selected = pd.read_csv(tmp_path / "todo/selected.csv", dtype=str)["label"]
    assert (selected == "cannot tell").sum() == 3 and selected.isna().sum() == 1
    now = {"now": fit(found.labelled.added).predict(X_VALIDATION)}
    choose_from_arrays(first, 60, tmp_path / "out", apply=both, outcome=now)
    again = open_outputs(first, 60, continue_from=tmp_path / "out")
    assert len(again.used) == 56 and len(again.earlier.cannot_tell) == 3 and again.notes[-1].startswith("Round 2: 56")
    asked = choose_from_arrays(first, 60, continue_from=tmp_path / "out").chosen["index"]
    assert not set(asked) & {*again.used, *again.earlier.cannot_tell}


def test_a_folder_that_does_not_fit_is_not_gone_on_from(labelled, first, tmp_path):
    table = labelled[1]
    table.to_csv(tmp_path / "labels.csv", index=False)
    todo = {"folder": tmp_path / "todo", "apply": tmp_path / "labels.csv"}
    found = choose_from_arrays(first, 60, **todo)
    with pytest.raises(ValueError, match="waits for an outcome: give it with --outcome first"):
        open_outputs(first, 60, continue_from=tmp_path / "todo")
    with pytest.raises(ValueError, match="an outcome needs the labels"):
        choose_from_arrays(first, 60, outcome=made(found.labelled))
    out = todo | {"folder": tmp_path / "out"}
    choose_from_arrays(first, 60, **out, outcome=made(found.labelled))
    fewer = {name: array[:-1] if "validation" in name else array for name, array in first.items()}
    with pytest.raises(ValueError, match="was judged by 400 validation samples, not by 399"):
        open_outputs(fewer, 60, continue_from=tmp_path / "out")
    small = {name: array[:300] if "pool" in name else array for name, array in first.items()}
    with pytest.raises(ValueError, match="of a larger pool"):
        open_outputs(small, 60, continue_from=tmp_path / "out")
    with pytest.raises(ValueError, match="there is none to apply"):
        choose_from_arrays(first | {"y_pool": Y_POOL}, 60, apply=tmp_path / "labels.csv")
    arrays = str(tmp_path / "arrays.npz")
    np.savez(arrays, **first)
    assert main([arrays, str(tmp_path / "new"), "--budget", "60", "--outcome", arrays]) == 2


def test_a_pool_in_shards_goes_the_same_way(labelled, first, tmp_path):
    labelled[1].drop(columns="reason").to_csv(tmp_path / "labels.csv", index=False)
    (tmp_path / "pool").mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(X_POOL)), 3)):
        part = {name: first[f"{name}_pool"][rows] for name in ("features", "probabilities")}
        np.savez(tmp_path / f"pool/part-{number}.npz", **{f"{name}_pool": array for name, array in part.items()})
    beside, given = {name: array for name, array in first.items() if "pool" not in name}, None
    for round_of in ("whole", "shards"):
        arrays, how = (
            (first, {}) if round_of == "whole" else (beside, {"pool": Shards(str(tmp_path / "pool/*.npz"), workers=1)})
        )
        how |= {"apply": tmp_path / "labels.csv"}
        todo = choose_from_arrays(arrays, 60, tmp_path / f"todo-{round_of}", **how)
        how["outcome"] = made(todo.labelled)
        out = choose_from_arrays(arrays, 60, tmp_path / f"out-{round_of}", **how)
        how = {name: each for name, each in how.items() if name == "pool"}
        again = choose_from_arrays(arrays, 60, **how, continue_from=tmp_path / f"out-{round_of}").chosen
        found = todo.labelled.trainings.to_numpy().tolist(), out.say_outcome(), again["index"].tolist()
        assert given is None or found == given
        given = found


def test_the_example_of_the_page_needs_no_framework(tmp_path):
    section = PAGE.read_text().split("## Was it worth it?")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    code = f"import os, mode_utils.repair\nos.chdir({str(tmp_path)!r})\n{code}"  # of this checkout
    code += "\nimport sys\nassert not {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)\n"
    code += "print(*[line['total'] for line in found.case.earlier.rounds], len(found.chosen))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told.splitlines()[-1] == "100 100" and "of accuracy after 10 labels of each kind" in told


@pytest.mark.parametrize("known_by", ["names", "samples", "features of a head"])
def test_a_round_goes_on_with_the_same_pool_alone(known_by, tmp_path):
    arrays, options = outputs(fit()), {}
    if known_by == "names":
        arrays["names_pool"] = np.array([f"row {n}" for n in range(len(X_POOL))])
    elif known_by == "samples":
        arrays |= {"x_pool": X_POOL, "x_validation": X_VALIDATION}
    else:
        options = {"head": True}
        arrays = {name: each for name, each in arrays.items() if "probabilities" not in name}
        arrays |= {"features_train": X[OLD], "y_train": Y[OLD]}
    choose_from_arrays(arrays, 20, tmp_path / "ask", **options)
    label(tmp_path / "ask", tmp_path / "labels.csv")
    outcome = None if options else {"now": Y_VALIDATION}
    choose_from_arrays(arrays, 20, tmp_path / "out", apply=tmp_path / "labels.csv", outcome=outcome, **options)
    choose_from_arrays(arrays, 20, tmp_path / "out-1b", continue_from=tmp_path / "out", **options)
    pool = [name for name in arrays if name.endswith("_pool")]
    again = arrays | {name: arrays[name].astype(np.float16) for name in pool if arrays[name].dtype.kind == "f"}
    open_outputs(again, 20, continue_from=tmp_path / "out", **options)  # as it is computed or saved another time
    for order in (np.arange(len(X_POOL))[::-1], np.roll(np.arange(len(X_POOL)), 1)):
        other = arrays | {name: arrays[name][order] for name in pool}
        with pytest.raises(ValueError, match=r"samples that .*out has labels of are others in this pool, the first is"):
            open_outputs(other, 20, continue_from=tmp_path / "out", **options)
