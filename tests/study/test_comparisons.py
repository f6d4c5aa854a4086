import numpy as np
import pandas as pd
import pytest
from made_runs import make_run, outcomes_of
from scipy import stats

from mode_utils.study.comparisons import (
    compare_differences,
    compare_layer_selection,
    compare_metrics,
    compare_with_control,
)
from mode_utils.study.outcomes import paired_outcomes
from mode_utils.study.significance import interval_of_mean, signed_rank

METRICS = ("euclidean", "manhattan", "canberra")


def random_runs(shift, n_runs=20, metric="euclidean", **names):
    rng = np.random.default_rng(4)
    finals = 0.9 + 0.01 * rng.standard_normal((n_runs, 2))
    return pd.concat(
        [make_run(s, [0.8, m + shift], [0.8, c], metric, **names) for s, (m, c) in enumerate(finals)], ignore_index=True
    )


def test_a_row_is_mean_interval_test_effect_size_and_share_of_seeds():
    outcomes = paired_outcomes(random_runs(0.005))
    differences, row = outcomes["difference"].to_numpy(), compare_with_control(outcomes).iloc[0]
    assert row["mean"] == differences.mean() and (row["low"], row["high"]) == interval_of_mean(differences)
    assert (row["p"], row["rank_biserial"]) == signed_rank(differences)
    assert row["won"] == (differences > 0).mean() and row["lost"] == (differences < 0).mean()


def test_runs_and_their_outcomes_say_the_same():
    runs = pd.concat([random_runs(0.005, metric=metric) for metric in METRICS])
    outcomes = paired_outcomes(runs)
    pd.testing.assert_frame_equal(compare_with_control(runs), compare_with_control(outcomes))
    pd.testing.assert_frame_equal(compare_metrics(runs).pairs, compare_metrics(outcomes).pairs)
    both = pd.concat([runs, runs.assign(layer_selection=False)])
    pd.testing.assert_frame_equal(compare_layer_selection(both), compare_layer_selection(paired_outcomes(both)))


def test_p_values_are_adjusted_for_the_number_of_metrics():
    compared = compare_with_control(paired_outcomes(pd.concat([random_runs(0.01, metric=m) for m in METRICS])))
    assert compared["p"].nunique() == 1
    assert compared["p_holm"].tolist() == pytest.approx([min(1, 3 * p) for p in compared["p"]])


def test_a_real_difference_is_found_and_none_is_not_made_up():
    better, same = (compare_with_control(paired_outcomes(random_runs(shift))).iloc[0] for shift in (0.02, 0))
    assert better["low"] > 0 and better["p_holm"] < 0.01 and better["low"] < better["mean"] < better["high"]
    assert same["low"] < 0 < same["high"] and same["p_holm"] > 0.05


def test_runs_that_never_differ_have_a_p_of_1_and_an_interval_of_0():
    runs = pd.concat([make_run(seed, [0.5], [0.5, 0.6]) for seed in range(6)])
    compared = compare_with_control(paired_outcomes(runs)).iloc[0]
    assert (compared["p_holm"], compared["low"], compared["high"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda o: o[o["seed"] < 5], "5 runs of metric 'euclidean' are too few: with fewer than 6 no difference"),
        (lambda o: pd.concat([o, o[o["seed"] == 3]]), "metric 'euclidean' has seed 3 twice"),
    ],
)
def test_too_few_runs_and_seeds_that_stand_twice_are_errors(spoil, message):
    outcomes = outcomes_of(dict.fromkeys(METRICS, 0))
    for call in (compare_with_control, lambda o: compare_differences(o, "metric")):
        with pytest.raises(ValueError, match=message):
            call(spoil(outcomes))


def test_friedmans_test_and_mean_ranks_are_scipys():
    outcomes = outcomes_of({"euclidean": 0.004, "manhattan": 0.0, "canberra": -0.004})
    comparison = compare_metrics(outcomes)
    wide = outcomes.pivot(index="seed", columns="metric", values="difference")[list(METRICS)]
    expected = stats.friedmanchisquare(*wide.to_numpy().T)
    assert (comparison.statistic, comparison.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert comparison.ranks.to_dict() == pytest.approx(wide.rank(axis=1, ascending=False).mean().to_dict())


def test_pairs_are_compared_in_the_same_runs_whose_luck_cancels():
    comparison = compare_metrics(outcomes_of({"euclidean": 0.004, "manhattan": 0.0, "canberra": -0.004}))
    assert comparison.pairs[["first", "second"]].to_numpy().tolist() == [
        ["euclidean", "manhattan"], ["euclidean", "canberra"], ["manhattan", "canberra"]
    ]  # fmt: skip
    assert (comparison.pairs["p_holm"] < 0.01).all() and comparison.ranks.idxmin() == "euclidean"
    matrix = comparison.p_matrix()
    assert (matrix.to_numpy() == matrix.to_numpy().T).all()
    assert matrix.loc["canberra", "manhattan"] == comparison.pairs["p_holm"].iloc[2]


def test_metrics_that_never_differ_share_their_ranks():
    outcomes = outcomes_of(dict.fromkeys(METRICS, 0)).assign(difference=0.0)
    comparison = compare_metrics(outcomes)
    assert comparison.p == 1 and comparison.ranks.eq(2).all() and comparison.pairs["p_holm"].eq(1).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda o: o[(o["metric"] != "manhattan") | (o["seed"] != 4)], "metric 'manhattan' lacks seed 4"),
        (lambda o: pd.concat([o, o[:1]]), "metric 'euclidean' has seed 0 twice"),
        (lambda o: o[o["seed"] < 3], "3 runs are too few"),
        (lambda o: o[o["metric"] != "manhattan"], "takes at least three, not"),
        (lambda o: pd.concat([o, o.assign(layer_selection=False)]), "runs with different layer_selection are mixed"),
    ],
)
def test_metrics_are_only_compared_in_the_same_runs(spoil, message):
    with pytest.raises(ValueError, match=message):
        compare_metrics(spoil(outcomes_of(dict.fromkeys(METRICS, 0))))


@pytest.mark.parametrize(
    ("effect", "margin", "verdict"),
    [
        (0.0, 0.002, "equivalent"),
        (0.01, 0.002, "different"),
        (0.001, 0.02, "different, by less than the margin"),
        (0.0, 0.00001, "undecided"),
    ],
)
def test_not_different_and_equivalent_are_two_things(effect, margin, verdict):
    rng = np.random.default_rng(8)
    without = outcomes_of({"euclidean": 0.0}, 30, layer_selection=False)
    selected = without.assign(layer_selection=True, final=without["final"] + effect + 0.001 * rng.standard_normal(30))
    row = compare_layer_selection(pd.concat([selected, without]), margin=margin).iloc[0]
    assert row["verdict"] == verdict and row["mean"] == pytest.approx(effect, abs=0.0006)


def test_layer_selection_needs_each_seed_with_and_without():
    outcomes = outcomes_of({"euclidean": 0.0})
    with pytest.raises(ValueError, match="each metric and seed is needed with and without layer selection"):
        compare_layer_selection(outcomes)
    both = pd.concat([outcomes, outcomes[outcomes["seed"] > 0].assign(layer_selection=False)])
    with pytest.raises(ValueError, match="each metric and seed is needed"):
        compare_layer_selection(both)


def test_a_column_of_ones_own_can_name_configurations():
    runs = pd.concat([random_runs(0), random_runs(0, layer_selection=False, space="neurons")])
    outcomes = paired_outcomes(runs)
    compared = compare_with_control(outcomes.assign(view=outcomes["space"]), by="view")
    assert compared["view"].tolist() == ["pixels", "neurons"]
    with pytest.raises(ValueError, match="runs with different layer_selection, space are mixed"):
        compare_with_control(outcomes.assign(view="all"), by="view")
    with pytest.raises(ValueError, match="unknown by 'colour'"):
        compare_with_control(outcomes, by="colour")


@pytest.mark.parametrize("n_test", [10_000, 9_973])
def test_metrics_with_equal_accuracies_are_tied_whatever_floats_make_of_their_differences(n_test):
    rng = np.random.default_rng(0)
    final, control = rng.integers(9_000, 9_004, (3, 12)), rng.integers(8_990, 8_994, (3, 12))
    counts, floats = final - control, final / n_test - control / n_test
    compared = [
        compare_metrics(pd.DataFrame(table.T, columns=METRICS).rename_axis("seed").reset_index().melt(
            "seed", var_name="metric", value_name="difference").assign(layer_selection=True))
        for table in (counts, floats)
    ]  # fmt: skip
    assert compared[0].ranks.equals(compared[1].ranks) and compared[0].p == compared[1].p
    same = ["p", "p_holm", "rank_biserial", "won", "lost"]
    pd.testing.assert_frame_equal(compared[0].pairs[same], compared[1].pairs[same])


def test_where_so_few_runs_cannot_show_anything_there_is_no_adjusted_p_and_no_difference():
    comparison = compare_metrics(outcomes_of({"euclidean": 0.5, "manhattan": 0.0, "canberra": -0.5}, 6))
    assert comparison.pairs["p"].max() < 0.05 and comparison.pairs["p_holm"].isna().all()
    without = outcomes_of(dict.fromkeys(METRICS, 0.0), 6, layer_selection=False)
    selected = without.assign(layer_selection=True, final=without["final"] + 0.5)
    rows = compare_layer_selection(pd.concat([selected, without]))
    assert rows["p_holm"].isna().all() and (rows["verdict"] == "undecided").all()
