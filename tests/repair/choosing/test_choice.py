"""What is asked for: the control arm among it, which nothing in the table gives away, and which the program finds."""

import re

import numpy as np
import pandas as pd
import pytest

from mode_utils.repair import arm_of, assess_case, choose_from_arrays, choose_inputs, find_faults, map_pool
from mode_utils.repair.outputs import make_outputs_example, open_outputs
from mode_utils.selection import next_batch

REASON = r"the reference takes it for \d, of which .*; the model (agrees|takes it for \d) \(\d+% sure\)"


@pytest.fixture(scope="module")
def example():
    return make_outputs_example()


def chosen_with(example, budget=100, **options):
    case = open_outputs(example, budget, **options)
    return case, choose_inputs(case, assess_case(case))


def test_the_table_holds_the_arm_and_does_not_tell_which_it_is(example):
    case, chosen = chosen_with(example, control_share=0.5)
    arm = np.isin(chosen["index"], arm_of(case).new)
    assert arm.sum() == 50 and len(chosen) == 100 and not chosen["index"].duplicated().any()
    assert chosen["rank"].tolist() == list(range(1, 101)) and "score" not in chosen
    assert all(re.fullmatch(REASON, each) for each in chosen["reason"])
    assert all(set(map(type, chosen[name][arm])) == set(map(type, chosen[name][~arm])) for name in chosen)
    assert 10 <= arm[:50].sum() <= 40 and 3 <= arm[:20].sum() <= 17  # whoever labels a part labels as much of the arm
    mapped = map_pool(case, chosen, find_faults(case)).table.set_index("index").loc[chosen["index"]]
    assert mapped["chosen"].all() and mapped["reason"].tolist() == chosen["reason"].tolist()


def test_what_is_drawn_to_fill_a_batch_is_no_longer_told_as_that_would_tell_the_rest(example):
    options = {"selector": "random", "alpha": 0.5}
    assert chosen_with(example, control_share=0, **options)[1]["reason"].str.startswith("drawn at random").any()
    assert chosen_with(example, **options)[1]["reason"].str.fullmatch(REASON).all()


def test_the_arm_is_found_without_a_look_at_the_outputs(example, monkeypatch):
    case, chosen = chosen_with(example)
    monkeypatch.setattr(next_batch, "scan_pool", lambda *_: 1 / 0)
    other = {name: array[::-1] for name, array in example.items() if name.startswith(("prob", "feat"))}
    with pytest.raises(ZeroDivisionError):
        _ = open_outputs(example, 100).scan
    again = arm_of(open_outputs(example | other, 100, even_if_weak=True, class_names=None))
    assert again.new.tolist() == arm_of(case).new.tolist() and set(again.new) <= set(chosen["index"])
    assert arm_of(open_outputs(example, 200)).new[:10].tolist() == again.new.tolist()  # a larger budget goes on
    assert set(arm_of(open_outputs(example, 100, seed=1)).new) != set(again.new)


def test_without_an_arm_the_choice_is_what_it_was_and_labelled_pools_have_none(example):
    case, chosen = chosen_with(example, control_share=0)
    assert "score" in chosen and not len(arm_of(case).new) and not any("at random" in note for note in case.notes)
    labelled = example | {"y_pool": example["probabilities_pool"].argmax(axis=1)}
    case, chosen = chosen_with(labelled)
    assert "score" in chosen and not len(arm_of(case).new) and not any("at random" in note for note in case.notes)


def test_of_a_partly_labelled_pool_what_has_a_label_joins_the_arm_and_is_not_asked_for(example):
    labels = np.where(np.arange(797) % 2, -1, example["probabilities_pool"].argmax(axis=1))
    case, chosen = chosen_with(example | {"y_pool": labels})
    arm = arm_of(case)
    assert len(arm.new) == 10 and set(arm.new) <= set(chosen["index"]) and (arm.new % 2).all()
    assert len(arm.places) > 10 and not np.isin(arm.places, chosen["index"])[arm.places % 2 == 0].any()


def test_what_is_drawn_is_said_with_what_it_is_good_for(example, tmp_path):
    found = choose_from_arrays(example, 50, tmp_path / "out")
    told = "5 of 50 inputs are drawn at random from the whole pool: a control arm, whose labels tell what"
    assert any(note.startswith(told) and "--control-share 0" in note for note in found.case.notes)
    assert '"drawn_at_random": 5' in (tmp_path / "out/diagnosis.json").read_text()
    assert pd.read_csv(tmp_path / "out/selected.csv")["index"].tolist() == found.chosen["index"].tolist()
    small = open_outputs(example, 4)
    assert not len(arm_of(small).new) and "A budget of 4 is too small for a control arm of 10%" in " ".join(small.notes)
    with pytest.raises(ValueError, match=r"control_share = 1.1; it must lie in \[0, 1\]"):
        open_outputs(example, 50, control_share=1.1)
