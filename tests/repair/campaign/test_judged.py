"""A round is judged from the model that the campaign began with, and what it says follows from what is known."""

import json
import shutil
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from tiers import by_night

from mode_utils.networks.backend import keras
from mode_utils.networks.trainer import Trainer
from mode_utils.repair import arm_of, assess_case, choose_inputs, judge_round, open_case, retrain, save_repair
from mode_utils.repair.campaign import judged as judged_module
from mode_utils.repair.campaign.gain import Gain, plan_trainings
from mode_utils.repair.campaign.judged import judge_lines
from mode_utils.repair.campaign.next_round import samples_to_show
from mode_utils.repair.campaign.rounds import FIRST, first_case, read_earlier, save_first

pytestmark = pytest.mark.slow

BUDGET = 60  # six of which are drawn at random


def play(folder, hidden, number, earlier=None, target=None):
    case = open_case(None if earlier else folder / "model.keras", folder / "data.npz", BUDGET, continue_from=earlier)
    report = assess_case(case)
    chosen = choose_inputs(case, report)
    indices = chosen["index"].to_numpy()
    outcome = retrain(case, indices, hidden[indices])
    state = case.trainer.state()
    outcome = replace(outcome, judged=judge_round(case, outcome))
    assert all((a == b).all() for a, b in zip(state, case.trainer.state(), strict=True))  # bit for bit
    save_repair(target or folder / f"judged-{number}", case, report, chosen, outcome, keep_new_bugs=True)
    return case, outcome


@pytest.fixture(scope="module", autouse=True)
def fewer_trainings():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged_module, "plan_trainings", partial(plan_trainings, n_models=3, n_redrawn=4))
        yield


@pytest.fixture(scope="module")
def judged(campaign):
    folder, hidden = campaign
    return [play(folder, hidden, 1), play(folder, hidden, 2, folder / "judged-1")]


def test_each_round_is_judged_by_its_arm_and_leaves_the_model_as_it_is(campaign, judged):
    for number, (case, outcome) in enumerate(judged, start=1):
        found, said = outcome.judged, "\n".join(outcome.judged.say())
        assert found.gain.labels == len(arm_of(case).places) >= 6 * number
        assert found.gain.low_of_all < found.gain.low < found.gain.mean < found.gain.high < found.gain.high_of_all
        assert found.advice in ("choose", "draw", "stop") and found.forecast.labels == BUDGET
        assert found.why in said and "inputs drawn at random, the model gets" in said and "alidation samples" in said
        line = json.loads((campaign[0] / f"judged-{number}/origin.json").read_text())["rounds"][-1]
        assert line["gain"] == pytest.approx(found.gain.mean, abs=1e-6) and sum(line["given"]) == BUDGET
        assert sum(line["right"]) == round(400 * line["accuracy_after"])
        summary = json.loads((campaign[0] / f"judged-{number}/diagnosis.json").read_text())
        assert summary["next_round"] == {"advice": found.advice, "why": found.why} and found.why in summary["told"]
    second = judged[1][1].judged
    for name, (given, right) in second.points.items():
        assert len(given) == len(right) == 3 and given[0] == 0 and second.labels[name].given == given[-1]


def test_the_first_model_goes_from_round_to_round_as_it_was(campaign, judged):
    (begun, _), (case, _) = judged
    first = first_case(case)
    assert all((a == b).all() for a, b in zip(first.initial_state, begun.initial_state, strict=True))
    np.testing.assert_array_equal(first.data.x_train, begun.data.x_train)
    np.testing.assert_array_equal(first.data.y_train, begun.data.y_train)
    with np.load(campaign[0] / "judged-1" / FIRST) as one, np.load(campaign[0] / "judged-2" / FIRST) as two:
        assert all((one[name] == two[name]).all() for name in one.files) and one.files == two.files


def test_where_the_first_model_is_lost_that_is_said_and_the_rest_is_judged(campaign, judged, tmp_path):
    folder, hidden = campaign
    shutil.copytree(folder / "judged-1", tmp_path / "older")
    (tmp_path / "older" / FIRST).unlink()
    origin = json.loads((tmp_path / "older/origin.json").read_text())
    for line in origin["rounds"]:
        for name in ("right", "right_before", "given", "gain"):
            line.pop(name, None)
    (tmp_path / "older/origin.json").write_text(json.dumps(origin))
    _, outcome = play(folder, hidden, 2, tmp_path / "older", tmp_path / "next")
    found = outcome.judged
    assert found.gain is None and found.advice in ("choose", "stop", "mend") and found.forecast.labels == BUDGET
    assert f"has no {FIRST}, the model that the campaign began with: what choosing gains" in "\n".join(found.say())
    assert not (tmp_path / "next" / FIRST).exists() and len(read_earlier(tmp_path / "next").rounds) == 2


CASE = SimpleNamespace(
    options=SimpleNamespace(theta=0.92, batch_size=50),
    data=SimpleNamespace(y_validation=np.repeat([0, 1], 100), class_names=["a", "b"]),
)
GAIN = Gain(20, 0.03, 0.01, 0.05, 0.005, 0.06)


def line(number, right_before, right, **changes):
    found = {"round": number, "added": 50, "given": [20, 30], "right_before": right_before, "right": right}
    return found | {"helps": True, "fixed": 20, "broken": 2, "samples": 200} | changes


def test_a_round_that_did_not_help_is_to_be_mended_before_labels_are_paid_for():
    found = judge_lines(CASE, [line(1, [90, 20], [90, 60]), line(2, [90, 60], [80, 60], helps=False)], GAIN)
    assert found.advice == "mend" and "do not pay for labels of another before that is mended" in found.why
    assert found.why.startswith("round 2 fixed 20 and broke 2 of 200 validation samples")


def test_where_all_is_right_nothing_is_left_to_show_a_gain_and_no_label_needs_any():
    found = judge_lines(CASE, [line(1, [90, 20], [100, 100])], GAIN)
    assert found.advice == "stop" and "no validation errors remain" in found.why and not found.labels


def test_rounds_of_an_older_version_count_but_are_no_points_of_the_curve():
    old = {"round": 1, "added": 50, "helps": True, "fixed": 3, "broken": 0, "samples": 200}
    lines = [line(2, [90, 40], [92, 60]), line(3, [92, 60], [93, 75])]
    with_old, without = (judge_lines(CASE, [*more, *lines], GAIN) for more in ([old], []))
    assert with_old.forecast == without.forecast and with_old.points["b"][0].tolist() == [0, 30, 60]
    below = Gain(20, -0.01, -0.03, 0.01, -0.04, 0.02)
    answers = [judge_lines(CASE, [*more, *lines], below, planned=3).advice for more in ([old], [])]
    assert answers == ["draw", "choose"]  # three rounds are over with it


def test_a_label_below_theta_is_told_what_it_needs_and_others_are_not():
    found = judge_lines(CASE, [line(1, [95, 20], [95, 60]), line(2, [95, 60], [95, 75])], GAIN)
    assert list(found.labels) == ["b"] and found.labels["b"].given == 60
    assert found.points["b"][1].tolist() == [0.2, 0.6, 0.75]
    said = next(each for each in found.say() if each.startswith("labels of its own until 92%"))
    assert "b: " in said and (f"{samples_to_show(0.92)} validation samples" in said or "cannot tell yet" in said)


def test_no_arm_no_gain_and_no_crash(campaign):
    folder, hidden = campaign
    case = open_case(folder / "model.keras", folder / "data.npz", 20, control_share=0.0)
    indices = choose_inputs(case, assess_case(case))["index"].to_numpy()
    found = judge_round(case, retrain(case, indices, hidden[indices]))
    assert found.gain is None and not found.pool and len(found.say()) >= 1


def test_an_arm_that_nobody_could_tell_is_told(campaign):
    folder, hidden = campaign
    case = open_case(folder / "model.keras", folder / "data.npz", 60)
    chosen, arm = choose_inputs(case, assess_case(case))["index"].to_numpy(), arm_of(case).new
    indices = np.setdiff1d(chosen, arm)
    gathered = SimpleNamespace(cannot_tell=arm)
    found = judge_round(case, retrain(case, indices, hidden[indices]), gathered)
    told = f"the arm has 0 labels, and {len(arm)} inputs that nobody could tell: what choosing gains takes 5 labels"
    assert found.gain is None and len(arm) == 6 and any(told in each for each in found.say())


@pytest.mark.parametrize("answered", by_night([1, 2, 3], but=[1]))
def test_an_arm_of_hardly_any_answers_is_described_and_checked_without_a_crash(answered, campaign, tmp_path):
    """Few validation samples: the arm joins them in the next diagnosis, half after half, of which one may be empty."""
    folder, hidden = campaign
    with np.load(folder / "data.npz") as found:
        arrays = dict(found)
    arrays |= {name: arrays[name][:120] for name in ("x_validation", "y_validation")}
    case = open_case(folder / "model.keras", arrays, 10 * answered)
    indices = choose_inputs(case, assess_case(case))["index"].to_numpy()
    outcome = retrain(case, indices, hidden[indices])
    found = judge_round(case, outcome)
    assert len(arm_of(case).new) == answered and found.gain is None
    assert set(found.checked[:, 0]) == set(arm_of(case).new) and f"By {answered} inputs" in found.pool[0]


@dataclass(frozen=True)
class Begun:
    initial_state: tuple
    data: object = None
    earlier: object = None
    used: tuple = ()


@pytest.mark.parametrize("policy", ["float32", "bfloat16", "float16", "mixed_bfloat16"])
def test_a_state_of_any_precision_is_kept_exactly(policy, tmp_path):
    layers = [keras.Input((4,)), keras.layers.Dense(3, dtype=policy), keras.layers.Dropout(0.5, seed=1)]
    model = keras.Sequential([*layers, keras.layers.Dense(2, activation="softmax", dtype=policy)])
    model.compile("adam", "sparse_categorical_crossentropy")
    trainer = Trainer(model)
    state = trainer.state()
    save_first(tmp_path, Begun(state))

    later = Begun((), Data(np.zeros((3, 4)), np.zeros(3, int)), SimpleNamespace(folder=tmp_path))
    found = first_case(later).initial_state
    trainer.restore([np.zeros_like(each) for each in state])
    trainer.restore(found)
    again = trainer.state()
    assert [each.dtype for each in again] == [each.dtype for each in state]
    assert all((a == b).all() for a, b in zip(again, state, strict=True))


@dataclass(frozen=True)
class Data:
    x_train: np.ndarray
    y_train: np.ndarray
    groups: object = None
