"""What people label comes back: for exactly these samples, whatever is chosen now, and never asked for again."""

import csv
import json
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from tiers import by_night

from mode_utils.repair import (
    assess_case,
    choose_inputs,
    find_faults,
    map_pool,
    open_case,
    retrain,
    save_repair,
    save_tasks,
    take_labels,
)
from mode_utils.repair.campaign.rounds import continue_case, read_earlier
from mode_utils.repair.labelling.agreement import gather_labels
from mode_utils.repair.labelling.label_table import as_text
from mode_utils.repair.outputs import choose_from_arrays, make_outputs_example, open_outputs
from mode_utils.repair.reading.arrays import check_arrays
from mode_utils.selection.reference import StatesReference

pytestmark = pytest.mark.slow

BUDGET, N_POOL = 8, 120
CLASSES = {
    "words": ("cat", "dog", "=1+1", "a;b"), "zeros": ("01", "02", "03", "04"), "ranges": ("0-9", "1-2", "10-19", "20+"),
    "tens": ("10", "20", "30", "40"),
}  # fmt: skip
NAMES = {
    "none": None, "files": np.array([f"pool/IMG {n:04d}.jpg" for n in range(N_POOL)]),
    "zeros": np.array([f"{n:03d}" for n in range(7, 7 + N_POOL)]),
    "signs": np.array([f"={n};, \"x\"" for n in range(N_POOL)]),
}  # fmt: skip
FORMS = ("selected", "page", "studio", "minimal")
WHICH = ("all", "half", "others", "more")
COLUMNS = ("both", "index", "name", "both")
EDITS = ("nobody", "pandas", "shuffled", "everything so far")
KNOWN = ("none", "some", "none", "some")


def draw(rng, centres, counts):
    y = rng.permutation(np.repeat(np.arange(4), counts))
    return (centres[y] + rng.normal(0, 1, (len(y), 8))).astype(np.float32), y


@pytest.fixture(scope="module")
def base():
    """Return a case whose last label is starved, the pool without labels, what came of a repair, and the truth."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1.2, (4, 8))
    parts = {"train": draw(rng, centres, [60, 60, 60, 2]), "validation": draw(rng, centres, [30] * 4)}
    parts["pool"] = draw(rng, centres, [N_POOL // 4] * 4)
    arrays = {f"{what}_{role}": part for role, pair in parts.items() for what, part in zip("xy", pair, strict=True)}
    truth = arrays.pop("y_pool")
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(4, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*parts["train"], epochs=30, verbose=0)
    case = open_case(model, check_arrays(arrays), BUDGET)
    return case, retrain(case, np.arange(20), truth[:20]), truth


def made(case, truth, names="none", classes="words", known="none"):
    """Return the case with names, classes, and labels of every fifth sample of the pool."""
    some = np.where(np.arange(N_POOL) % 5 == 0, truth, -1).astype(np.int32)
    y_pool = {"none": None, "some": some, "all": truth.astype(np.int32)}[known]
    data = replace(case.data, names_pool=NAMES[names], class_names=CLASSES[classes], y_pool=y_pool)
    return replace(case, data=data)


def label(folder, which, truth, case, chosen, rng):
    """Return the samples that somebody labels."""
    closed = {*chosen, *case.used.tolist(), *case.data.known_places.tolist()}
    free = rng.permutation(np.setdiff1d(np.arange(N_POOL), list(closed)))
    return {"all": chosen, "half": chosen[::2], "others": free[:6], "more": [*chosen, *free[:5]]}[which]


def write(path, form, columns, edit, places, case, truth):
    """Write the labels of some samples as people give them back."""
    names, classes = case.data.names_pool, case.data.class_names
    if form in ("studio", "minimal"):
        rows = [{"index": int(place)} | ({} if names is None else {"name": str(names[place])}) for place in places]
        answers = [{"from_name": "label", "value": {"choices": [classes[truth[place]]]}} for place in places]
        tasks = [
            {"data": row, "annotations": [{"result": [answer]}]} for row, answer in zip(rows, answers, strict=True)
        ]
        flat = [row | {"label": classes[truth[place]]} for row, place in zip(rows, places, strict=True)]
        path = path.with_suffix(".json")
        path.write_text(json.dumps(tasks if form == "studio" else flat))
        return path
    kept = {"both": ["index", "name"], "index": ["index"], "name": ["name" if names is not None else "index"]}[columns]
    rows = [{"index": place, "name": "" if names is None else as_text(str(names[place])), "reason": "a, b; c",
             "label": as_text(classes[truth[place]])} for place in places]  # fmt: skip
    with open(path, "w", newline="", encoding="utf-8-sig" if form == "page" else "utf-8") as file:
        out = csv.DictWriter(file, [*kept, *(["reason"] if form == "selected" else []), "label"], extrasaction="ignore")
        out.writeheader()
        out.writerows(rows)
    if edit == "pandas":
        pd.read_csv(path).to_csv(path, index=False)
    if edit == "shuffled":
        pd.read_csv(path, dtype=str).sample(frac=1, random_state=0).to_csv(path, index=False, sep=";")
    return path


def check_left(folder, case, chosen, given, truth):
    """Check that a folder has exactly the labels that were given, and asks for the rest."""
    names, classes = case.data.names_pool, case.data.class_names
    origin = json.loads((folder / "origin.json").read_text())
    assert {each["index"]: each["label"] for each in origin["samples"]} == {int(p): classes[truth[p]] for p in given}
    assert names is None or all(each["name"] == names[each["index"]] for each in origin["samples"])
    table = pd.read_csv(folder / "selected.csv", dtype=str, keep_default_na=False)
    assert set(map(int, table["index"])) == {*chosen, *given} and table["index"].is_unique
    for index, text in zip(map(int, table["index"]), table["label"], strict=True):
        assert text == (as_text(classes[truth[index]]) if index in given else "")
    assert names is None or table["name"].tolist() == [as_text(str(names[int(index)])) for index in table["index"]]
    left = [place for place in chosen if place not in given]
    assert (folder / "label.html").exists() == (folder / "tasks.json").exists() == bool(left)
    if left:
        assert [task["data"]["index"] for task in json.loads((folder / "tasks.json").read_text())] == left


# every pair of values of all but a few of the lists above; by day each value of each list
@pytest.mark.parametrize("number", by_night(range(16), but=[0, 1, 2, 4, 11, 12]))
def test_what_is_labelled_comes_back_in_each_round(number, base, tmp_path):
    first, second = divmod(number, 4)
    names, classes = list(NAMES)[first], list(CLASSES)[second]
    form, which = FORMS[(first + second) % 4], WHICH[(first + 2 * second + (second > 1)) % 4]
    columns, edit, known = COLUMNS[(first + 3 * second) % 4], EDITS[(2 * first + second) % 4], KNOWN[(second + 1) % 4]
    case, outcome, truth = base
    case = made(case, truth, names, classes, known)
    used, tables, rng = [], [], np.random.default_rng(number)
    for turn in range(1, 4 if first == second or edit == "everything so far" else 2):
        chosen = choose_inputs(case, assess_case(case))
        places = chosen["index"].tolist()
        assert len(set(places)) == BUDGET and not {*places} & {*used, *case.data.known_places.tolist()}
        given = label(tmp_path, which, truth, case, places, rng)
        tables.append(write(tmp_path / f"labels-{turn}.csv", form, columns, edit, given, case, truth))
        gathered = gather_labels(tables if edit == "everything so far" else tables[-1:], case.data.class_names, N_POOL,
                                 case.data.names_pool)  # fmt: skip
        taken = take_labels(gathered, case)
        assert dict(zip(taken.indices, taken.labels, strict=True)) == {place: truth[place] for place in given}
        added, folder = replace(outcome, added=(taken.indices, taken.labels)), tmp_path / f"round-{turn}"
        save_repair(folder, case, assess_case(case), chosen, added, taken, keep_new_bugs=True)
        save_tasks(folder, case, chosen, added, taken)
        check_left(folder, case, places, {*given}, truth)
        used += taken.indices.tolist()
        case = continue_case(made(base[0], truth, names, classes, known), read_earlier(folder))
        assert case.used.tolist() == used and case.data.y_train[-len(used) :].tolist() == truth[used].tolist()
    with pytest.raises(ValueError, match="samples with a label were added in an earlier round: label others"):
        take_labels(gather_labels(tables, case.data.class_names, N_POOL, case.data.names_pool), case)


def test_labels_against_what_is_known_are_refused_or_told(base, tmp_path):
    case, outcome, truth = base
    case = made(case, truth, "files", known="some")
    wrong = (truth + 1) % 4
    path = write(tmp_path / "other.csv", "page", "both", "nobody", [0, 1], case, wrong)
    taken = take_labels(gather_labels(path, case.data.class_names, N_POOL, case.data.names_pool), case)
    assert taken.labels.tolist() == wrong[:2].tolist()
    assert "1 samples have another label in y_pool, such as sample 0 ('pool/IMG 0000.jpg')" in taken.notes[-2]
    assert taken.notes[-1].startswith("0 of 1 inputs of the control arm have an answer")
    outcome = replace(outcome, added=(taken.indices, taken.labels))
    save_repair(tmp_path / "out", case, assess_case(case), choose_inputs(case, assess_case(case)), outcome)
    case = continue_case(case, read_earlier(tmp_path / "out"))
    path = write(tmp_path / "again.csv", "page", "both", "nobody", [1, 2], case, truth)
    gathered = gather_labels(path, case.data.class_names, N_POOL, case.data.names_pool)
    with pytest.raises(ValueError, match=r"sample 1 \('pool/IMG 0001.jpg'\) was added as .* leave it out"):
        take_labels(gathered, case)


@pytest.mark.parametrize("known", ["none", "some", "all"])
def test_a_table_of_a_pool_with_any_labels_is_applied(known, base, tmp_path):
    case, outcome, truth = base
    case = made(case, truth, "files", known=known)
    chosen = choose_inputs(case, assess_case(case))
    given = chosen["index"].to_numpy()[:3]
    save_repair(tmp_path / "out", case, assess_case(case), chosen, replace(outcome, added=(given, truth[given])))
    table = pd.read_csv(tmp_path / "out/selected.csv", keep_default_na=False)
    classes = np.array(CLASSES["words"])[truth[table["index"]]]
    has = np.isin(table["index"], given) | (known == "all")
    assert table["label"].tolist() == [as_text(text) if own else "" for text, own in zip(classes, has, strict=True)]
    assert ("guess" in table) == (known != "all") == (tmp_path / "out/label.html").exists()


def test_what_has_a_label_teaches_the_reference_and_is_not_chosen_from(base):
    case, _, truth = base
    half = np.where(np.arange(N_POOL) % 2, truth, -1).astype(np.int32)
    case = replace(case, data=replace(case.data, y_pool=half))
    alone = replace(case, data=replace(case.data, y_pool=None))
    scan, without = case.scan, alone.scan
    np.testing.assert_array_equal(scan.labels[1::2], truth[1::2])
    assert scan.reference_probabilities is None and (scan.self_confidence != without.self_confidence).any()
    known, states = case.outputs.of_validation()[0], case.outputs.states_at(np.arange(N_POOL))
    more = np.concatenate([known, states[1::2]]), np.concatenate([case.data.y_validation, truth[1::2]])
    found = StatesReference(4, *more, np.random.default_rng(0)).probabilities(np.arange(0, N_POOL, 2), states[::2])
    np.testing.assert_allclose(scan.self_confidence[::2], found.max(axis=1), atol=1e-5)
    with pytest.raises(ValueError, match="sample 2 has no label: retrain on samples that have one"):
        retrain(case, np.array([1, 2]), half[[1, 2]])
    selected = choose_inputs(case, assess_case(case))
    assert not selected["index"].mod(2).any() and "guess" in selected
    faults = find_faults(case)
    assert "doubtful labels" not in faults.places
    mapped = map_pool(case, selected, faults)
    assert "label" not in mapped.table and "doubtful" not in mapped.table


@pytest.mark.parametrize("none", [-1, np.nan, None, ""])
def test_a_pool_is_labelled_partly_labelled_or_not_whatever_stands_for_no_label(none, base):
    case, _, truth = base
    arrays = {
        f"{what}_{role}": getattr(case.data, f"{what}_{role}") for what in "xy" for role in ("train", "validation")
    }
    for known in (np.zeros(N_POOL, bool), np.arange(N_POOL) < 30, np.ones(N_POOL, bool)):
        labels = [int(label) if has else none for label, has in zip(truth, known, strict=True)]
        y_pool = np.array(labels, object if none in (None, "") and not known.all() else None)
        data = check_arrays({**arrays, "x_pool": case.data.x_pool, "y_pool": y_pool}, n_classes=4)
        assert data.pool_labelled == known.all() and (data.y_pool is None) == (not known.any())
        if known.any():
            np.testing.assert_array_equal(data.y_pool, np.where(known, truth, -1))
        assert len(data.known_places) == (30 if 0 < known.mean() < 1 else 0)
    partly = check_arrays(
        {**arrays, "x_pool": case.data.x_pool, "y_pool": np.where(np.arange(N_POOL) < 115, truth, -1)}
    )
    with pytest.raises(
        ValueError, match=r"a budget of 8 is larger than the pool, which has 5 samples to choose from, as"
    ):
        open_case(case.model, partly, BUDGET)
    assert "115 of 120 samples of the pool have a label" in " ".join(open_case(case.model, partly, 5).notes)


def test_of_a_few_labels_that_the_model_gets_wrong_no_other_order_of_the_classes_is_read():
    arrays = make_outputs_example()
    wrong = arrays["probabilities_pool"].argmin(axis=1)
    few = np.where(np.arange(len(wrong)) < 5, wrong[0], -1)
    case = open_outputs(arrays | {"y_pool": few}, 20)
    assert case.data.known_places.tolist() == [0, 1, 2, 3, 4]
    assert not set(choose_from_arrays(arrays | {"y_pool": few}, 20).chosen["index"]) & {0, 1, 2, 3, 4}
