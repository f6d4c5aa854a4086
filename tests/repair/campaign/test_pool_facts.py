"""The arm tells what the pool is like, and whether validation samples are like it; chance is seldom told."""

import warnings

import numpy as np
import pytest

from mode_utils.repair.campaign.pool_facts import compare_with_validation, describe_arm, say_validation

NAMES = list("abcd")


def test_counts_have_wilsons_interval():
    y = np.repeat([0, 1, 2], [50, 30, 20])
    predicted = np.where(np.arange(100) % 10 == 0, 3, y)  # a tenth is wrong
    said = describe_arm(y, predicted, 25, NAMES)
    assert said[0] == "By 100 inputs drawn at random, the model gets 90% (83 to 94%) of the pool right"
    assert said[1] == "Labels in the pool: a: 50% (40 to 60%); b: 30% (22 to 40%); c: 20% (13 to 29%)"
    assert said[2].startswith("Accuracy on the pool of the weakest labels with 10 inputs or more: ")
    assert said[3] == "Inputs of the pool that nobody can tell: 20% (14 to 28%)"


@pytest.mark.parametrize("n", [2, 9])
def test_few_inputs_and_one_label_are_described_too(n):
    with warnings.catch_warnings(action="error"):
        said = describe_arm(np.zeros(n, int), np.zeros(n, int), 0, ["a", "b"])
        p = compare_with_validation(*(samples(np.zeros(each, int)) for each in (n, 40)))
    assert (
        len(said) == 2
        and f"By {n} inputs" in said[0]
        and said[1].startswith("Labels in the pool: a: 100%")
        and "b:" not in said[1]
    )
    assert p["accuracy"] == p["shares of labels"] == 1 and 0 <= p["confidence"] <= 1


def test_of_many_labels_the_commonest_are_named():
    y = np.repeat(np.arange(8), np.arange(10, 18))
    said = describe_arm(y, y, 0, list("abcdefgh"))
    assert said[1].endswith("; ...") and said[1].startswith("Labels in the pool: h: ") and said[1].count("%)") == 5


def samples(y, accuracy=1.0, confidence=0.5, rng=None):
    """Return labels, what they are taken for, and confidences around a mean."""
    n, rng = len(y), rng or np.random.default_rng(0)
    return y, np.where(rng.random(n) < accuracy, y, (y + 1) % 4), np.clip(rng.normal(confidence, 0.2, n), 0, 1)


def draw(rng, n, shares=(0.25, 0.25, 0.25, 0.25), **of_samples):
    return samples(rng.choice(4, n, p=shares), rng=rng, **of_samples)


@pytest.mark.parametrize(
    ("other", "told"),
    [({"shares": (0.7, 0.1, 0.1, 0.1)}, "shares of labels"), ({"accuracy": 0.5}, "accuracy"),
     ({"confidence": 0.8}, "confidence")],
)  # fmt: skip
def test_a_pool_that_differs_in_one_way_is_told_by_it_and_by_no_other(other, told, rng):
    found = [
        compare_with_validation(draw(rng, 100, **({"accuracy": 0.9} | other)), draw(rng, 500, accuracy=0.9))
        for _ in range(60)
    ]
    shares = {name: np.mean([each[name] < 0.05 for each in found]) for name in found[0]}
    assert shares.pop(told) > 0.95 and max(shares.values()) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    p = {"accuracy": 1.0, "confidence": 1.0} | {told: 0.001}
    said = say_validation(p, 0.6, 0.9)
    assert said.startswith(f"Validation samples are not like the pool, by {told} (p ") and "validate on it" in said
    assert "90.0% of them right, and 60.0% of the arm" in said


@pytest.mark.parametrize(("n", "accuracy"), [(20, 0.95), (100, 0.7)])
def test_samples_of_the_same_pool_are_told_apart_in_at_most_5_percent(n, accuracy):
    rng, studies = np.random.default_rng(n), 300
    shares = (0.6, 0.3, 0.08, 0.02)
    found = [min(compare_with_validation(*(draw(rng, each, shares, accuracy=accuracy) for each in (n, 200))).values())
             for _ in range(studies)]  # fmt: skip
    assert np.mean(np.array(found) < 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / studies)


def test_what_is_alike_is_not_praised():
    said = say_validation({"accuracy": 1.0, "confidence": 0.06}, 0.8, 0.8)
    assert said.startswith("Nothing tells validation samples from the pool")
