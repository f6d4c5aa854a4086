"""``--only`` and ``--at-most-per-group``: what may be chosen, from a pool with and without labels."""

from itertools import product

import numpy as np
import pytest
from sklearn.datasets import load_digits
from tiers import by_night, cover

from mode_utils import failure_modes
from mode_utils.repair.choosing.choice import arm_of
from mode_utils.repair.outputs import choose_from_arrays, make_outputs_example, open_outputs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def arrays():
    made, rng = make_outputs_example(), np.random.default_rng(0)
    for role in ("validation", "pool"):
        made[f"groups_{role}"] = np.array(["siteA", "siteB", "site C, old"])[rng.integers(0, 3, len(made[f"x_{role}"]))]
    return made


WAYS = list(product(["recommended", "adaptive"], [False, True]))


@pytest.mark.parametrize(("preset", "labelled"), by_night(WAYS, but=cover(WAYS)))
@pytest.mark.parametrize(
    ("only", "labels", "groups"),
    [
        (["label=3"], ["3"], None),
        ("label=3, 8", ["3", "8"], None),
        (["label=3", "label=0"], ["3", "0"], None),
        (["group=siteA"], None, ["siteA"]),
        (["group=site C, old"], None, ["site C, old"]),
        (["label=3,8", "group=siteB"], ["3", "8"], ["siteB"]),
    ],
)
def test_only_what_is_allowed_is_chosen(only, labels, groups, preset, labelled, arrays):
    given = dict(arrays)
    if labelled:
        given["y_pool"] = open_outputs(arrays, 20).scan.labels
    found = choose_from_arrays(given, 20, only=only, preset=preset, control_share=0)
    chosen = found.chosen
    assert len(chosen) == 20
    if labels:
        own = "label" if labelled else "guess"
        assert (chosen[own].isin(labels) | ((not labelled) & chosen["predicted"].isin(labels))).all()
        assert set(chosen[own]) & set(labels)
    if groups:
        assert set(arrays["groups_pool"][chosen["index"]]) == set(groups)
    assert any("Only inputs with" in note for note in found.case.notes)


def test_the_least_sure_of_a_label_that_does_not_fail_are_chosen_by_rank(arrays):
    """A label without an error needs nothing, but it is what was asked for: not drawn at random."""
    found = choose_from_arrays(arrays, 10, only="label=0", control_share=0, temperature=0.0)
    assert found.report.labels["validation_accuracy"][0] > 0.95
    assert found.chosen["score"].notna().all()
    assert found.chosen["confidence"].mean() < found.case.scan.confidence[found.case.scan.labels == 0].mean()


@pytest.mark.parametrize("share", [0, 0.2])
@pytest.mark.parametrize("most", [1, 4, 50])
def test_of_a_group_at_most_so_many_are_chosen_and_fewer_than_the_budget_is_told(most, share, arrays):
    many = arrays | {"groups_pool": np.arange(len(arrays["x_pool"])) % 9}
    found = choose_from_arrays(many, 40, at_most_per_group=most, control_share=share)
    counts = np.bincount(many["groups_pool"][found.chosen["index"]], minlength=9)
    if not share:
        assert counts.max() <= most and len(found.chosen) == min(40, 9 * most)
        assert any("inputs are chosen: there are no more with at most" in each for each in found.remarks) == (most < 5)
    else:  # the arm is drawn from the whole pool, whatever is allowed, and counts
        arm = arm_of(found.case).new
        of_arm = np.bincount(many["groups_pool"][arm], minlength=9)
        assert (counts <= np.maximum(most, of_arm)).all() and len(arm) == round(40 * share)


def test_holes_are_groups_of_their_own_and_not_limited(arrays):
    holes = arrays | {"groups_pool": np.where(np.arange(len(arrays["x_pool"])) % 2, "", "all others")}
    chosen = choose_from_arrays(holes, 30, at_most_per_group=1, control_share=0).chosen
    assert len(chosen) == 30 and (holes["groups_pool"][chosen["index"]] == "").sum() >= 29


@pytest.mark.parametrize("serve", ["labels", "groups"])
def test_places_shared_among_groups_go_to_the_one_that_fails(serve, arrays):
    own, predicted = arrays["groups_validation"], arrays["probabilities_validation"].copy()
    bad = own == "siteB"
    predicted[bad] = predicted[bad][:, np.roll(np.arange(10), 1)]  # every label is taken for another one there
    given = arrays | {"probabilities_validation": predicted}
    chosen = choose_from_arrays(given, 60, serve=serve, control_share=0).chosen
    share = (arrays["groups_pool"][chosen["index"]] == "siteB").mean()
    assert share > 0.6 if serve == "groups" else share < 0.55


@pytest.mark.parametrize("labelled", [False, True])
def test_places_shared_among_modes_go_to_the_part_of_a_label_that_fails(labelled, arrays, monkeypatch):
    """A model that knows eights of one way of writing, and takes the others for ones; the pool has both."""
    given, shares = {name: each for name, each in arrays.items() if "group" not in name}, {}
    eights = given["features_validation"][given["y_validation"] == 8]
    written = np.linalg.svd(eights - eights.mean(axis=0))[2][0]  # what they differ in most

    def is_other(features):
        return (features - eights.mean(axis=0)) @ written > 0.4

    truth = load_digits(return_X_y=True)[1][np.random.default_rng(0).permutation(1797)][1000:]
    for role, y in {"validation": given["y_validation"], "pool": truth}.items():
        probabilities = 0.01 + 0.9 * np.eye(10)[y]
        probabilities[(y == 8) & is_other(given[f"features_{role}"])] = 0.01 + 0.9 * np.eye(10)[1]
        given[f"probabilities_{role}"] = probabilities
    given |= {"y_pool": truth} if labelled else {}
    for serve in ("labels", "modes"):
        places = choose_from_arrays(given, 20, serve=serve, control_share=0, selector="random").chosen["index"]
        shares[serve] = ((truth == 8) & is_other(given["features_pool"]))[places].mean()
    assert shares["modes"] > shares["labels"] + 0.2, shares
    monkeypatch.setattr(failure_modes, "_AT_ONCE", 1_000)  # a pool larger than memory is looked at part by part
    again = choose_from_arrays(given, 20, serve="modes", control_share=0, selector="random").chosen["index"]
    assert again.tolist() == places.tolist()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"only": "label=31"}, "only label '31' .*is not there: choose from 0, 1, 2"),
        ({"only": "site=siteA"}, "unknown kind in only 'site'; choose from label, group"),
        ({"only": "label="}, "only 'label=' names nothing: write label=A,B"),
        ({"only": ["group=siteD"]}, r"only group 'siteD' \(is it 'site.'\?\) is not there: choose from site"),
        ({"only": ["label=3,"]}, "only label ''"),
        ({"at_most_per_group": -1}, "at_most_per_group = -1; it must be at least 0"),
        ({"serve": "sites"}, "unknown serve 'sites'; choose from labels, groups, modes"),
    ],
)
def test_bad_values_are_named_with_the_choices(options, match, arrays):
    with pytest.raises(ValueError, match=match):
        choose_from_arrays(arrays, 20, **options)


@pytest.mark.parametrize("options", [{"only": "group=siteA"}, {"at_most_per_group": 3}, {"serve": "groups"}])
def test_what_needs_groups_says_so_where_there_are_none(options):
    with pytest.raises(ValueError, match=r"needs the groups of .*: give groups_pool"):
        choose_from_arrays(make_outputs_example(), 20, **options)


def test_the_arm_is_the_same_whatever_alone_may_be_chosen(arrays):
    places = [arm_of(open_outputs(arrays, 50, **each)).new.tolist()
              for each in ({}, {"only": "label=3"}, {"only": "group=siteA", "at_most_per_group": 2})]  # fmt: skip
    assert places[0] == places[1] == places[2] and len(places[0]) == 5
    found = choose_from_arrays(arrays, 50, only="group=siteA")
    others = found.chosen["index"][arrays["groups_pool"][found.chosen["index"]] != "siteA"]
    assert set(others) <= set(places[0]) and set(places[0]) <= set(found.chosen["index"])
