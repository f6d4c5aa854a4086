"""A budget in steps: as many inputs as asked for, each once, by what the head has learned of those before."""

from dataclasses import replace

import numpy as np
import pytest
from all_pairs import all_pairs
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from mode_utils.repair import arm_of, assess_case, choose_from_arrays, choose_inputs, make_outputs_example, open_outputs
from mode_utils.repair.choosing.in_steps import choose_batches, steps_of


def example(labels="none"):
    arrays = make_outputs_example(True)
    rng, n = np.random.default_rng(1), len(arrays["features_pool"])
    if labels != "none":
        y = load_digits().target
        y_pool = y[np.random.default_rng(0).permutation(len(y))][-n:]
        arrays["y_pool"] = np.where(rng.random(n) < 0.2, y_pool, -1) if labels == "some" else y_pool
    return arrays | {"groups_pool": rng.integers(9, size=n), "groups_validation": np.zeros(400, int)}


SETTINGS = all_pairs(
    labels=["none", "some", "all"], steps=[0, 1, 2, 7], budget=[7, 40, 150], control_share=[0.0, 0.1, 1.0],
    only=[(), ("label=3,8",), ("group=1,2",)], serve=["labels", "modes"], allocation=["likely errors", "all labels"],
    selector=["error or margin", "random"],
)  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: "-".join(str(value) for value in each.values()))
def test_in_steps_as_many_are_chosen_as_at_once_each_once_with_the_same_arm(setting):
    labels = setting.pop("labels")
    budget = setting.pop("budget")
    case = open_outputs(example(labels), budget, head=True, **setting)
    report = assess_case(case)
    chosen, at_once = choose_inputs(case, report), choose_inputs(replace(case, steps=1), report)
    assert (
        len(chosen) == len(at_once)
        and chosen["index"].is_unique
        and list(chosen["rank"]) == list(range(1, len(chosen) + 1))
    )
    arm = arm_of(case).new
    assert np.isin(arm, chosen["index"]).all() and np.isin(arm, at_once["index"]).all()
    assert not np.isin(chosen["index"], case.used).any()
    if case.data.y_pool is not None and labels == "some":
        assert (case.data.y_pool[chosen["index"]] < 0).all()
    assert chosen.equals(choose_inputs(case, report))  # and the case is as it was
    if steps_of(case) == 1:
        assert chosen.equals(at_once)


def test_a_step_is_what_a_head_chooses_that_has_learned_what_the_reference_says_of_those_before():
    case = open_outputs(example(), 60, head=LogisticRegression(C=0.5), control_share=0.0, steps=2)
    selection, assessment = case.new_selection(case.scan), case.assess()
    first, second = choose_batches(case, selection, assessment)
    assert len(first.indices) == len(second.indices) == 30
    arrays, places = example(), np.sort(first.indices)
    x = np.concatenate([arrays["features_train"], arrays["features_pool"][places]])
    y = np.concatenate([arrays["y_train"], case.scan.labels[places]])
    model = clone(LogisticRegression(C=0.5)).fit(x, y)
    roles = ("train", "validation", "pool")
    given = {f"probabilities_{role}": model.predict_proba(arrays[f"features_{role}"]) for role in roles}
    other = replace(open_outputs(arrays | given, 30, control_share=0.0), used=places)
    again = other.new_selection()
    again.reference = selection.reference
    expected = again.next_batch(other.assess())
    np.testing.assert_array_equal(second.indices, expected.indices)


def test_the_report_says_in_how_many_steps_and_by_what_the_head_has_learned():
    for labels, learned in (("none", "what the reference takes them for"), ("all", "their labels")):
        found = choose_from_arrays(example(labels), 60, head=True)
        assert steps_of(found.case) > 1
        told = (
            f"They are chosen in {steps_of(found.case)} steps: after each, the head learns {learned}, and looks again."
        )
        assert told in found.remarks
        at_once = choose_from_arrays(example(labels), 60, head=True, steps=1)
        assert not any("steps" in each for each in at_once.remarks)


ALLOCATIONS = ("likely errors", "all labels", "buggy labels", "faultiest label", "whole pool")


def blobs(missing=2, n_pool=120):
    """Four labels far apart, one of which is missing in training: a head that has seen some of it is right."""
    rng, found = np.random.default_rng(0), {}
    centers = 4 * np.eye(4)
    for role, n in (("train", 60), ("validation", 80), ("pool", n_pool)):
        y = np.arange(n) % 4
        y = y[y != missing] if role == "train" else y
        found |= {f"features_{role}": centers[y] + rng.normal(size=(len(y), 4)) / 3, f"y_{role}": y}
    return found


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_a_budget_is_spent_although_a_step_has_repaired_the_head(labelled, allocation):
    arrays = blobs()
    if not labelled:
        del arrays["y_pool"]
    more = {"allocation": allocation, "control_share": 0.0, "even_if_weak": True}
    chosen = {steps: choose_from_arrays(arrays, 30, head=True, steps=steps, **more).chosen for steps in (1, 3, 30)}
    assert {len(each) for each in chosen.values()} == {30}
    assert all(each["index"].is_unique for each in chosen.values())


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.1])
@pytest.mark.parametrize("only", ["label=2", "group=1"])
def test_where_only_some_may_be_chosen_steps_take_all_that_are_left_and_no_others(only, share, labelled):
    arrays = blobs() | {"groups_pool": np.arange(120) // 10}
    if not labelled:
        del arrays["y_pool"]
    with_steps, at_once = (
        choose_from_arrays(arrays, 100, head=True, only=only, control_share=share, steps=n) for n in (3, 1)
    )
    assert set(with_steps.chosen["index"]) == set(at_once.chosen["index"]) and len(at_once.chosen) < 100
    assert any("there are no more of those that --only allows" in each for each in with_steps.remarks)


def test_where_nothing_is_chosen_no_steps_are_told():
    found = choose_from_arrays(blobs(missing=None), 30, head=True)
    assert not len(found.chosen) and not any("steps" in each for each in found.remarks)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1, "head": True}, "steps = -1; it must be at least 0"),
        ({"steps": 1.5, "head": True}, "steps = 1.5; it must be a whole number"),
        ({"steps": 31, "head": True}, "steps = 31 are more than the budget, which is 30"),
        ({"steps": 2}, "steps = 2 needs a head"),
        ({"steps": 2, "head": True, "at_most_per_group": 3}, "steps = 2 with at_most_per_group = 3"),
    ],
)
def test_what_cannot_be_is_one_sentence(options, message):
    arrays = example() if "head" in options else make_outputs_example()
    with pytest.raises(ValueError, match=message):
        choose_from_arrays(arrays, 30, **options)
