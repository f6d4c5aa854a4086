"""Thousands of labels with a few validation samples each: what is chosen, what is said, and what fits into memory."""

import tracemalloc
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from mode_utils.assessment import another_order, judge_accuracies
from mode_utils.repair import Shards, assess_case, choose_inputs, find_faults, open_outputs
from mode_utils.repair.choosing.choice import _confusions
from mode_utils.repair.choosing.told_labels import chances, table_of_labels
from mode_utils.repair.reading.class_names import check_class_names
from mode_utils.study.formatting import reader_table
from mode_utils.support.label_gaussians import LabelGaussians
from mode_utils.visualization import plot_label_accuracies

N_LABELS, N_FEATURES = 400, 24


def made(rng, n_labels=N_LABELS, sick=0.1, per_label=4, n_pool=6_000, shuffled=False):
    """Return outputs of a head that knows all labels but some, the labels of the pool, and which labels are sick."""
    centres = 1.15 * rng.normal(size=(n_labels, N_FEATURES))
    known, bad = centres.copy(), rng.permutation(n_labels)[: round(sick * n_labels)]
    known[bad] += 1.3 * rng.normal(size=(len(bad), N_FEATURES))
    y = {"validation": np.repeat(np.arange(n_labels), per_label), "pool": rng.integers(n_labels, size=n_pool)}
    arrays = {"y_validation": y["validation"]}
    for role, own in y.items():
        x = centres[own] + 0.8 * rng.normal(size=(len(own), N_FEATURES))
        logits = (x @ known.T - (known**2).sum(axis=1) / 2) / 0.8**2
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        arrays |= {
            f"features_{role}": x,
            f"probabilities_{role}": (p / p.sum(axis=1, keepdims=True)).astype(np.float32),
        }
    if shuffled:
        arrays["features_pool"] = rng.permutation(arrays["features_pool"])
    return arrays, y["pool"], bad


def test_places_go_to_what_is_wrong_and_hardly_a_label_that_fails_gets_none(rng):
    arrays, y, bad = made(rng)
    case = open_outputs(arrays, 400, control_share=0.0)
    chosen = choose_inputs(case, assess_case(case))["index"].to_numpy()
    wrong, counts = arrays["probabilities_pool"].argmax(axis=1) != y, np.bincount(y[chosen], minlength=N_LABELS)
    assert wrong[chosen].mean() > 4 * wrong.mean()
    assert np.isin(y[chosen], bad).mean() > 0.5 and (counts[bad] == 0).mean() < 0.05


def test_what_a_reference_cannot_know_the_model_tells(rng):
    arrays, y, _ = made(rng)
    seen = arrays["y_validation"] % 4 > 0  # a quarter of the labels has no validation sample
    arrays |= {name: arrays[name][seen] for name in arrays if name.endswith("validation")}
    scan = open_outputs(arrays, 100).scan
    alone, together = ((guess == y) for guess in (scan.referred, scan.labels))
    assert scan.blended and together.mean() > alone.mean() + 0.1
    assert alone[y % 4 == 0].mean() == 0 and together[y % 4 == 0].mean() > 0.8


def test_features_in_another_order_than_probabilities_are_still_found(rng):
    told = {shuffled: find_faults(open_outputs(made(rng, shuffled=shuffled)[0], 50)).table["fault"].tolist()
            for shuffled in (False, True)}  # fmt: skip
    assert "rows that do not fit" in told[True] and "rows that do not fit" not in told[False]


def assessed(rng, accuracies, per_label):
    """Return an assessment of labels that are right so often, by so many validation samples each."""
    right = rng.binomial(per_label, accuracies) / per_label
    return judge_accuracies(None, right, right), np.full(len(accuracies), per_label)


def test_labels_that_fail_beyond_chance_do_fail_and_of_one_sample_none_does(rng):
    accuracies = np.where(rng.random(2_000) < 0.1, 0.1, 0.92)  # nine in ten are just good enough
    for per_label, found in ((5, 0.5), (20, 0.95), (1, 0)):
        assessment, counts = assessed(rng, accuracies, per_label)
        sure = chances(assessment, counts, 0.92, 0.1) < 0.05
        assert (accuracies[sure] > 0.5).sum() <= 0.1 * sure.sum()
        assert sure[accuracies < 0.5].mean() >= found and sure.sum() < len(assessment.buggy["underfit"])
    assert not sure.any()


def test_an_overfit_label_fails_beyond_chance_below_its_training_accuracy_less_gamma(rng):
    seen, unseen = np.array([1.0, 1.0, 0.5]), np.array([0.5, 0.85, 0.5])
    found = chances(judge_accuracies(None, seen, unseen), np.array([40, 20, 0]), 0.4, 0.1)
    assert found[0] < 0.001 and found[1] > 0.2 and found[2] == 1


def test_of_many_labels_a_table_shows_groups_and_of_few_each_one(rng):
    arrays, _, _ = made(rng, n_pool=300)
    gone = arrays["y_validation"] >= 3
    arrays |= {name: arrays[name][gone] for name in arrays if name.endswith("validation")}
    report = assess_case(open_outputs(arrays, 50))
    table = table_of_labels(report)
    assert table["labels"].sum() == N_LABELS and table["validation samples"].sum() == gone.sum()
    assert table["what"].tolist()[0] == "fail beyond chance" and table["what"].tolist()[-1] == "no validation sample"
    assert table["such as"].iloc[-1] == "0, 1, 2" and table["validation_accuracy"].iloc[2] > 0.92
    few = replace(report, labels=report.labels.head(40), counts=report.counts[:40], chances=report.chances[:40])
    assert table_of_labels(few) is few.labels
    assert (
        reader_table(report.labels).data.count("\n") < 110 and "and 300 more rows" in reader_table(report.labels).data
    )


def test_a_plot_of_many_labels_counts_them(rng):
    accuracies = rng.random(1_000)
    ax = plot_label_accuracies(np.full(1_000, np.nan), accuracies, plt.figure().gca(), 0.5, np.arange(1_000))
    assert (
        ax.get_title() == f"Accuracy of 1,000 labels; {(accuracies < 0.5).sum()} are below theta on validation samples"
    )
    assert sum(bar.get_height() for bar in ax.patches) == 1_000 and len(ax.get_xticks()) < 20
    plt.close("all")


@pytest.mark.parametrize("most", [1, 2, 8])
def test_gaussians_are_as_sure_as_they_are_right(most, rng):
    n_labels, spread = 2_500, np.linspace(0.5, 1.5, 16)
    centres = 2 * rng.normal(size=(n_labels, 16)) * spread
    counts, test = rng.integers(1, most + 1, size=n_labels), rng.integers(n_labels, size=3_000)
    x, truth = (
        centres[y] + spread * rng.normal(size=(len(y), 16)) for y in (np.repeat(np.arange(n_labels), counts), test)
    )
    model = LabelGaussians().fit(x, np.repeat(np.arange(n_labels), counts))
    p = model.predict_proba(truth)
    right = (p.argmax(axis=1) == test).mean()
    assert right > 0.1 and np.allclose(p.sum(axis=1), 1)
    if most == 1:  # nothing tells how far the samples of a label lie apart
        assert p.max() < 0.5
    else:
        assert abs(p.max(axis=1).mean() - right) < 0.05


def test_gaussians_of_nothing_but_copies_tell_them_apart(rng):
    x = rng.normal(size=(300, 8)) * (np.arange(8) > 0)  # and a column of one number
    p = LabelGaussians().fit(np.repeat(x, 2, axis=0), np.repeat(np.arange(300), 2)).predict_proba(x)
    assert np.isfinite(p).all() and (p.argmax(axis=1) == np.arange(300)).all()


def test_gaussians_of_many_samples_are_those_of_a_discriminant_analysis(rng):
    y = np.repeat(np.arange(12), 400)
    x = (2 * rng.normal(size=(12, 6)))[y] + rng.normal(size=(len(y), 6)) * np.linspace(0.5, 1.5, 6)
    theirs = LinearDiscriminantAnalysis().fit(x, y).predict_proba(x)
    model = LabelGaussians().fit(x, y)
    model._temperature = 1.0  # which is what held-out samples say, but for chance
    assert np.abs(model.predict_proba(x) - theirs).max() < 0.05


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_another_order_is_the_best_one(share, rng):
    labels, order = rng.integers(30, size=800), rng.permutation(30)
    said = np.where(rng.random(800) < share, order[labels], labels)
    said = np.where(rng.random(800) < 0.2, rng.integers(30, size=800), said)
    counts = np.zeros((30, 30), int)
    np.add.at(counts, (labels, said), 1)
    best = counts[linear_sum_assignment(-counts)].sum() / 800
    found, told = another_order(labels, said, 30)
    assert (found is None) == (best <= (said == labels).mean() + 0.4 or best < 0.5)
    assert found is None or (told == best and sorted(found) == list(range(30)))


def test_nothing_is_as_large_as_all_pairs_of_labels(rng):
    n = 20_000  # a square of them has 3 GB
    labels = rng.integers(n, size=3 * n)
    said, names = (
        np.where(rng.random(3 * n) < 0.3, rng.integers(n, size=3 * n), labels),
        np.array([*map(str, range(n))]),
    )
    tracemalloc.start()
    assert another_order(labels, said, n) == (None, 0.0)
    table = _confusions(labels, said, names)
    check_class_names(names)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert table["samples"].sum() == (labels != said).sum() and (table["label"] != table["predicted"]).all()
    assert peak < 100e6


def test_of_a_pool_in_shards_no_probabilities_stay(rng, tmp_path):
    arrays, _, _ = made(rng, n_labels=1_000, per_label=2)
    shards = {name: arrays.pop(name).astype(np.float16) for name in list(arrays) if name.endswith("_pool")}
    for n in range(3):
        part = {name: rows[2_000 * n : 2_000 * (n + 1)] for name, rows in shards.items()}
        np.savez(tmp_path / f"part-{n}.npz", **part)
    case = open_outputs(arrays, 100, pool=Shards(str(tmp_path), workers=1))
    tracemalloc.start()
    case.data.x_pool.prefetch(np.arange(6_000))
    left = tracemalloc.get_traced_memory()[0]
    assert case.outputs.at(np.array([7, 5_999, 7]), ("probabilities",))[0].argmax(axis=1).tolist() == [
        shards["probabilities_pool"][place].argmax() for place in (7, 5_999, 7)
    ]
    tracemalloc.stop()
    assert left < 4 * 6_000 * 1_000 / 4
