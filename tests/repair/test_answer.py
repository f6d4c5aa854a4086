"""The last lines of a command and the first screen of its page: an answer, and a next command that can be pasted."""

import argparse
import shlex
from pathlib import Path

import pytest

from mode_utils.repair import __main__ as repair_command
from mode_utils.repair import choose_command
from mode_utils.repair.answer import answer, folder_after, in_terminal
from mode_utils.repair.command import find_notebook, next_command
from mode_utils.support.notebook.command_line import add_options
from mode_utils.support.notebook.parameters import read_declared

COMMANDS = {"mode-repair": (repair_command, "repair.ipynb"), "mode-choose": (choose_command, "choose.ipynb")}
TRAINING = {"moved": 0.1, "rate": 0.001}
LINE = {"accuracy_before": 0.7, "accuracy_after": 0.9, "samples": 200}
TERMS = [{"outcome": each} for each in ("kept", "kept", "cannot tell", "broken")]
OUTCOME = {
    "labels": [{"label": "cat", "after": 0.8}, {"label": "dog", "after": 0.95}], "training": TRAINING, "changed": True,
    "contract": {"outcome": "broken", "terms": TERMS},
}  # fmt: skip


def parse(name, line):
    module, notebook = COMMANDS[name]
    parser, declared = argparse.ArgumentParser(), read_declared(find_notebook(notebook))
    add_options(parser, declared, module._CHANGES)
    return parser.parse_args(shlex.split(line)), declared


def summary_of(**changed):
    labels = [{"label": "cat", "validation_accuracy": 0.1, "fault": "underfit", "chance": 0.001}]
    labels += [{"label": "dog", "validation_accuracy": 0.95, "fault": "", "chance": 1.0}]
    found = {"labels": labels, "chosen": 50, "drawn_at_random": 0, "without_label": 0, "accuracy": 0.7}
    found |= {
        "data": {"pool": 1_000, "validation": 200},
        "left": 950,
        "pool_labelled": True,
        "rounds": [LINE],
        "failure_modes": [],
    }
    return found | {"next_round": {"advice": "choose", "why": "go on choosing: it pays"}, "gain": ""} | changed


def answer_of(line, names=(), name="mode-repair", **changed):
    given, declared = parse(name, line)
    command = next_command(given, declared, COMMANDS[name][0]._CHANGES, name)
    lines = answer(summary_of(**changed), {*names, "report.html"}, given, command, command())
    return {line.word: line for line in lines}, in_terminal(lines)


MODEL, OUTPUTS = "model.keras data.npz out --budget 50 --seed 3", "arrays.npz out --budget 50"
BAD = TRAINING | {"moved": None}
NEXT = {  # what was typed, files, what was found -> the next command
    "labels are needed": (
        MODEL, (), {"without_label": 50, "pool_labelled": False},
        "mode-repair model.keras data.npz out-2 --budget 50 --seed 3 --apply labels.csv",
    ),
    "some labels are needed": (
        f"{MODEL} --apply a.csv", (), {"without_label": 2, "outcome": OUTCOME},
        "mode-repair model.keras data.npz out-2 --budget 50 --seed 3 --apply out/selected.csv labels.csv",
    ),
    "another round pays": (
        f"{MODEL} --apply a.csv", ("repaired.keras",), {"outcome": OUTCOME},
        "mode-repair data.npz out-2 --budget 50 --continue out --seed 3",
    ),
    "fewer are left than the budget": (
        f"{MODEL} --apply a.csv", ("repaired.keras",), {"outcome": OUTCOME, "left": 27},
        "mode-repair data.npz out-2 --budget 27 --continue out --seed 3",
    ),
    "nothing is left": (f"{MODEL} --apply a.csv", ("repaired.keras",), {"outcome": OUTCOME, "left": 0}, ""),
    "drawing is enough": (
        MODEL, ("repaired.keras",), {"outcome": OUTCOME, "next_round": {"advice": "draw", "why": "draw"}},
        "mode-repair data.npz out-2 --budget 50 --control-share 1.0 --continue out --seed 3",
    ),
    "enough": (MODEL, ("repaired.keras",), {"outcome": OUTCOME, "next_round": {"advice": "stop", "why": "stop"}}, ""),
    "it broke something": (
        MODEL, (), {"outcome": OUTCOME}, "mode-repair model.keras data.npz out-2 --budget 50 --seed 3 --keep-new-bugs",
    ),
    "it diverged": (
        MODEL, (), {"outcome": OUTCOME | {"training": BAD}},
        "mode-repair model.keras data.npz out-2 --budget 50 --learning-rate 0.0001 --seed 3",
    ),
    "nothing to add": (MODEL, (), {"chosen": 0}, ""),
    "outputs to label": (
        OUTPUTS, (), {"without_label": 50, "pool_labelled": False},
        "mode-choose arrays.npz out-2 --budget 50 --apply labels.csv",
    ),
    "outputs to retrain on": (
        f"{OUTPUTS} --apply a.csv", ("added.csv",), {"pool_labelled": False},
        "mode-choose arrays.npz out-2 --budget 50 --apply a.csv --outcome outcome.npz",
    ),
    "outputs, another round": (
        f"{OUTPUTS} --apply a.csv --outcome o.npz", ("added.csv",), {"outcome": OUTCOME | {"training": None}},
        "mode-choose outputs-2.npz out-2 --budget 50 --continue out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", NEXT)
def test_the_next_command_can_be_pasted_and_means_what_was_typed(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed, names, found, expected = NEXT[what]
    name = expected.split()[0] if expected else "mode-repair"
    lines, text = answer_of(typed, names, name, **found)
    assert lines["Next"].command == expected
    if expected:
        parse(name, expected.removeprefix(name))
        assert text.splitlines()[-1].strip() == expected
    assert list(lines) == ["Fails", "Chosen", "Accuracy", "Gain", "Files", "Next"]


def test_the_answer_says_what_fails_before_and_after_the_verdict_and_how_to_measure_the_gain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines, _ = answer_of(MODEL, ("repaired.keras", "selected.csv"), outcome=OUTCOME)
    assert lines["Fails"].text.startswith("1 of 2 labels") and "cat (10% before, 80% after)" in lines["Fails"].text
    assert "70.0% before, 90.0% after (200 validation samples)" in lines["Accuracy"].text
    assert "contract: broken (2 of 4 terms are kept, 1 broken, 1 cannot be told)" in lines["Accuracy"].text
    assert "repaired.keras (the repaired model), report.html" in lines["Files"].text
    assert "not known" in lines["Gain"].text and lines["Gain"].command
    lines, _ = answer_of(MODEL, outcome=OUTCOME, gain="choosing is better than drawing at random: +1 pp")
    assert "choosing is better" in lines["Gain"].text and not lines["Gain"].command
    lines, _ = answer_of(MODEL, pool_labelled=False, without_label=50, drawn_at_random=5)
    assert "5 of them drawn at random" in lines["Chosen"].text and not lines["Gain"].command
    lines, text = answer_of(
        MODEL, failure_modes=[f"cat: of {n} samples that lie together all are wrong" for n in range(5)]
    )
    assert list(lines)[:3] == ["Fails", "Mode", "Chosen"] and text.count("lie together") == 3


def test_an_option_that_was_given_is_in_the_next_command_even_if_it_is_zero(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = f"{MODEL} --class-names 'a b,c' --only label=a group=s --control-share 0 --label-studio"
    lines, _ = answer_of(typed, without_label=1)
    again, _ = parse("mode-repair", lines["Next"].command.removeprefix("mode-repair"))
    typed, _ = parse("mode-repair", typed)
    changed = {"output_dir": Path("out-2"), "apply": [Path("labels.csv")]}
    assert vars(again) == vars(typed) | changed


def test_the_next_folder_is_one_that_does_not_exist(tmp_path):
    assert folder_after(tmp_path / "out").name == "out-2" and folder_after(tmp_path / "ask-1").name == "ask-2"
    (tmp_path / "out-2").mkdir()
    assert folder_after(tmp_path / "out").name == "out-3"
