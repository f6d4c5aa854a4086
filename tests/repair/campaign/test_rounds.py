"""Round after round: what was used stays used, what was labelled stays training data, and nothing is lost between."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mode_utils.repair import (
    arm_of,
    assess_case,
    choose_inputs,
    find_faults,
    open_case,
    retrain,
    rounds_with,
    save_repair,
)
from mode_utils.repair.__main__ import main
from mode_utils.repair.campaign.rounds import answered_arm, read_earlier, take_labels
from mode_utils.repair.labelling.agreement import GatheredLabels, gather_labels

pytestmark = pytest.mark.slow


def play_round(folder, number, hidden, name=None):
    """Choose, label with what is hidden, retrain and save, as the command does."""
    model, earlier = (folder / "model.keras", None) if number == 1 else (None, folder / f"round-{number - 1}")
    case = open_case(model, folder / "data.npz", 25, continue_from=earlier)
    report = assess_case(case)
    chosen = choose_inputs(case, report)
    indices = chosen["index"].to_numpy()
    outcome = retrain(case, indices, hidden[indices])
    target = folder / (name or f"round-{number}")
    save_repair(target, case, report, chosen, outcome, keep_new_bugs=True)
    return case, indices, rounds_with(case, outcome)


@pytest.fixture(scope="module")
def played(campaign):
    return [play_round(campaign[0], number, campaign[1]) for number in (1, 2)]


@pytest.mark.nightly
def test_a_campaign_of_five_rounds(campaign, played):
    folder, hidden = campaign
    played = [*played, *(play_round(folder, number, hidden) for number in (3, 4, 5))]
    every = np.concatenate([indices for _, indices, _ in played])
    assert len(np.unique(every)) == len(every) == 125
    for number, (case, _, rounds) in enumerate(played, start=1):
        before = every[: 25 * (number - 1)]
        np.testing.assert_array_equal(case.used, before)
        np.testing.assert_array_equal(case.data.y_train[len(case.data.y_train) - len(before) :], hidden[before])
        assert len(rounds) == number and rounds[-1]["total"] == 25 * number
    assert "also in train" not in find_faults(case).places  # what rounds have added is no copy
    table = pd.DataFrame(rounds)
    np.testing.assert_allclose(table["accuracy_before"][1:], table["accuracy_after"][:-1], atol=1e-6)
    assert table["test_accuracy_after"].iloc[-1] > table["test_accuracy_before"].iloc[0] + 0.05
    origin = json.loads((folder / "round-5/origin.json").read_text())
    assert len(origin["earlier_samples"]) == 100 and len(origin["samples"]) == 25 and origin["rounds"] == rounds


@pytest.mark.drawn
def test_the_command_goes_on_and_says_what_the_round_gained(campaign, played, tmp_path, capsys):
    folder, hidden = campaign
    first = pd.DataFrame({"index": played[0][1][:3], "label": hidden[played[0][1][:3]]})
    first.to_csv(tmp_path / "again.csv", index=False)
    command = [str(folder / "data.npz"), str(tmp_path / "out"), "--budget", "20", "--continue", str(folder / "round-2")]
    assert main([*command, "--apply", str(tmp_path / "again.csv")]) == 2
    assert "all 3 samples with a label were added in an earlier round: label others" in capsys.readouterr().err
    fresh = np.setdiff1d(np.arange(600), np.concatenate([played[0][1], played[1][1]]))[:20]
    pd.DataFrame({"index": fresh, "label": hidden[fresh]}).to_csv(tmp_path / "labels.csv", index=False)
    assert main([*command, "--keep-new-bugs", "--apply", str(tmp_path / "labels.csv")]) in (0, 1)
    said = capsys.readouterr().out
    assert "Round 3: 50 samples were added before, and are kept." in said
    assert "another 20 labels are expected to bring" in said or "round 3 fixed" in said
    origin = json.loads((tmp_path / "out/origin.json").read_text())
    assert [line["total"] for line in origin["rounds"]] == [25, 50, 70]
    table = pd.read_csv(tmp_path / "out/selected.csv")
    assert not set(table["index"]) & {each["index"] for each in origin["earlier_samples"]}


def test_half_of_an_arm_counts_the_rest_is_asked_again_and_what_nobody_can_tell_never(campaign, tmp_path, capsys):
    folder, hidden = campaign
    data, budget = str(folder / "data.npz"), ["--budget", "40"]
    model = str(folder / "model.keras")
    assert main([model, data, str(tmp_path / "ask-1"), *budget]) == 0
    assert "4 of 40 inputs are drawn at random from the whole pool" in (tmp_path / "ask-1/report.html").read_text()
    assert json.loads((tmp_path / "ask-1/diagnosis.json").read_text())["drawn_at_random"] == 4
    first = arm_of(open_case(model, data, 40)).new
    table = pd.read_csv(tmp_path / "ask-1/selected.csv")
    assert set(first) < set(table["index"]) and "score" not in table
    others = np.setdiff1d(table["index"], first)
    rows = pd.DataFrame({"index": [*others, first[0]], "label": [*hidden[others].astype(str), hidden[first[0]]]})
    unsure = [others[5], first[1]]  # an answer, too
    rows["note"] = ""
    rows = pd.concat([rows[~rows["index"].isin(unsure)], pd.DataFrame({"index": unsure, "note": "cannot tell"})])
    rows.to_csv(tmp_path / "labels.csv", index=False)
    command = [
        model,
        data,
        str(tmp_path / "out-1"),
        *budget,
        "--keep-new-bugs",
        "--apply",
        str(tmp_path / "labels.csv"),
    ]
    assert main(command) in (0, 1)
    assert "2 chosen inputs have no label yet" in capsys.readouterr().out  # the other half of the arm
    report = (tmp_path / "out-1/report.html").read_text()
    assert "2 of 4 inputs of the control arm have an answer: these count, the others will be asked for again" in report
    origin = json.loads((tmp_path / "out-1/origin.json").read_text())
    assert origin["arm"] == first[:2].tolist() and sorted(origin["cannot_tell"]) == sorted(unsure)
    assert len(origin["samples"]) == 36 and not {row["index"] for row in origin["samples"]} & {*unsure}
    filled = gather_labels(tmp_path / "out-1/selected.csv", [*"0123456789"], 600)
    assert set(filled.cannot_tell) == {*unsure} and len(filled.indices) == 36  # to go on from the table

    assert main([data, str(tmp_path / "ask-2"), *budget, "--continue", str(tmp_path / "out-1")]) == 0
    asked = pd.read_csv(tmp_path / "ask-2/selected.csv")["index"]
    case = open_case(None, data, 40, continue_from=tmp_path / "out-1")
    arm = arm_of(case)
    assert "36 samples were added before, and are kept. 2 that nobody could tell are not" in case.notes[-1]
    assert case.used.tolist() == [row["index"] for row in origin["samples"]] and len(case.data.y_train) < 500 + 36
    assert arm.places[:2].tolist() == origin["arm"] and {*first[2:]} < {*arm.new} < {*asked} and len(arm.new) == 4
    assert not {*asked} & {*unsure, *case.used}

    told = take_labels(
        GatheredLabels(np.setdiff1d(asked, arm.new), hidden[np.setdiff1d(asked, arm.new)], rows, ""), case
    )
    assert "0 of 4 inputs of the control arm have an answer: what choosing gains over drawing cannot" in told.notes[-1]
    assert "seed 0, a budget of 40 and a share of 0.1: are these the ones" in told.notes[-1]
    assert answered_arm(case, told.indices)[0].tolist() == origin["arm"]  # what was known before stays
    places, said = answered_arm(case, asked)
    assert places.tolist() == arm.places.tolist() and said == ""
    late = replace(told, indices=np.array(unsure), labels=hidden[unsure].astype(np.int32))  # somebody can, after all
    assert take_labels(late, case).indices.tolist() == unsure


def test_folders_of_before_have_no_arm(campaign, played, tmp_path):
    origin = json.loads((campaign[0] / "round-1/origin.json").read_text())
    for name in ("arm", "cannot_tell"):
        del origin[name]
    (tmp_path / "origin.json").write_text(json.dumps(origin))
    earlier = read_earlier(tmp_path)
    assert not len(earlier.arm) and not len(earlier.cannot_tell)


def test_a_killed_round_loses_itself_alone_and_wrong_folders_are_told(campaign, played, tmp_path, monkeypatch):
    folder, hidden = campaign
    data = folder / "data.npz"
    monkeypatch.setattr("mode_utils.repair.folder.json.dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        play_round(folder, 3, hidden, "killed")
    monkeypatch.undo()
    assert len(open_case(None, data, 25, continue_from=folder / "round-2").earlier.rounds) == 2
    with pytest.raises(FileNotFoundError, match="no folder"):
        open_case(None, data, 9, continue_from=tmp_path / "none")
    with pytest.raises(ValueError, match=r"no origin.json: it is not the folder of a repair"):
        open_case(None, data, 9, continue_from=tmp_path)
    (tmp_path / "selected.csv").write_text("index,label\n")
    with pytest.raises(ValueError, match="waits for labels"):
        read_earlier(tmp_path)
    (tmp_path / "origin.json").write_text("{}")
    with pytest.raises(ValueError, match="is damaged"):
        read_earlier(tmp_path)
    with pytest.raises(ValueError, match=r"is not what .*round-1 was made with"):
        open_case(None, folder / "labelled.npz", 9, continue_from=folder / "round-1")
    with pytest.raises(
        ValueError, match="has 575 samples to choose from, as 25 of 600 have a label or were added before"
    ):
        open_case(None, data, 580, continue_from=folder / "round-1")
    with pytest.raises(ValueError, match="that is not among the class names"):
        open_case(None, data, 9, continue_from=folder / "round-1", class_names=list("abcdefghij"))
    (folder / "round-1/repaired.keras").rename(tmp_path / "repaired.keras")
    with pytest.raises(ValueError, match=r"has no repaired\.keras"):
        open_case(None, data, 9, continue_from=folder / "round-1")
    assert len(open_case(tmp_path / "repaired.keras", data, 9, continue_from=folder / "round-1").used) == 25
    (tmp_path / "repaired.keras").rename(folder / "round-1/repaired.keras")


def test_a_model_is_needed_to_begin_with(tmp_path, capsys):
    assert main([str(tmp_path / "data.npz"), str(tmp_path / "out"), "--budget", "9"]) == 2
    assert "a model is needed" in capsys.readouterr().err
