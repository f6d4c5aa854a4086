"""Each verdict follows from the numbers: with other numbers it is another."""

import numpy as np
import pandas as pd
import pytest
from made_runs import outcomes_of

from mode_utils.study import claims
from mode_utils.study.comparisons import (
    compare_differences,
    compare_layer_selection,
    compare_metrics,
    compare_with_control,
)

NINE = ("dot product", "cosine similarity", "manhattan", "euclidean", "minkowski", "chebyshev", "earth mover",
        "canberra", "bray curtis")  # fmt: skip


def nine(earth_mover=0.0, others=0.0, n_runs=20, **names):
    return outcomes_of({metric: earth_mover if metric == "earth mover" else others for metric in NINE}, n_runs, **names)


def compared(effect, n_runs=20):
    steady = nine(n_runs=n_runs)
    rng = np.random.default_rng(0)
    steady["difference"] = effect + 0.001 * rng.standard_normal(len(steady))
    return compare_with_control(steady).assign(view="pixels")


@pytest.mark.parametrize(
    ("effect", "random", "significant"),
    [(0.01, "confirmed", "refuted"), (-0.01, "refuted", "refuted"), (0.0, "not shown", "not shown")],
)
def test_selection_beats_random_if_a_metric_ends_above_control(effect, random, significant):
    table = compared(effect)
    assert claims.selection_beats_random(table).verdict == random
    assert claims.nothing_is_significant(table).verdict == significant


def test_the_evidence_has_the_numbers_of_the_table():
    table = compared(-0.01)
    evidence = claims.selection_beats_random(table).evidence
    assert "Of 9 combinations" in evidence and "0 end above control and 9 below" in evidence
    assert f"{100 * table['mean'].min():+.2f} pp and {100 * table['mean'].max():+.2f} pp" in evidence


@pytest.mark.parametrize(
    ("earth_mover", "control", "verdict"),
    [
        (0.02, 0.0, "confirmed"),
        (0.01, -0.05, "first by its rank, but not above control"),
        (-0.02, 0.0, "refuted"),
    ],
)
def test_earth_mover_is_best_only_if_it_ranks_first_and_ends_above_control(earth_mover, control, verdict):
    outcomes = nine(earth_mover)
    table = compare_with_control(outcomes.assign(difference=outcomes["difference"] + control))
    found = claims.earth_mover_is_best(compare_metrics(outcomes), table, table.iloc[0])
    assert found.verdict == verdict


def test_single_runs_find_the_best_if_they_nearly_always_agree():
    same = pd.DataFrame({"winner": ["a"] * 9 + ["b"], "difference": 0.01})
    other = pd.DataFrame({"winner": list("abcdefghij"), "difference": [0.0] * 5 + [0.01] * 5})
    assert claims.single_runs_find_the_best(same, 0.006, "a").verdict == "confirmed"
    found = claims.single_runs_find_the_best(other, 0.006, "a")
    assert found.verdict == "refuted"
    assert "+0.60 pp or more in 50.0%" in found.evidence and "same winner in 10%" in found.evidence


def test_it_matters_which_metric_is_taken_where_friedmans_test_says_so():
    differ, same = compare_metrics(nine(0.02)), compare_metrics(nine())
    assert claims.metrics_differ({"a": differ, "b": differ}).verdict == "confirmed"
    assert claims.metrics_differ({"a": differ, "b": same}).verdict == "confirmed in part"
    assert claims.metrics_differ({"a": same}).verdict == "not shown"


@pytest.mark.parametrize(
    ("effect", "margin", "verdict"),
    [(0.0, 0.002, "confirmed for healthy models"), (0.01, 0.002, "refuted"), (0.0, 1e-5, "not shown")],
)
def test_layer_selection_has_no_effect_only_if_it_is_equivalent(effect, margin, verdict):
    without = nine(space="pixels", layer_selection=False)
    noise = 0.001 * np.random.default_rng(1).standard_normal(len(without))
    selected = without.assign(layer_selection=True, final=without["final"] + effect + noise)
    table = compare_layer_selection(pd.concat([selected, without]), by="space", margin=margin)
    starved = compare_differences(nine().assign(space="pixels")[:20], by="space")
    assert claims.layer_selection_has_no_effect(table, starved).verdict == verdict


@pytest.mark.parametrize(
    ("final", "low", "verdict"), [(0.95, 0.001, "refuted"), (0.94, 0.001, "not shown"), (0.95, -0.001, "not shown")]
)
def test_a_model_that_can_be_improved_was_not_too_good(final, low, verdict):
    row = pd.Series({"samples": 2000, "initial": 0.945, "final": final, "mean": 0.005, "low": low, "high": 0.01})
    found = claims.model_was_too_good(pd.DataFrame({"samples": [0, 0, 0, 10]}), row)
    assert found.verdict == verdict and "In 75% of the runs" in found.evidence


@pytest.mark.parametrize(
    ("faults", "verdict"), [(["underfit"], "confirmed for the healthy model"), (["overfit", "underfit"], "refuted")]
)
def test_overfitting_is_met_where_iterations_are_for_it(faults, verdict):
    runs = pd.DataFrame({"strategy": "mode", "iteration": range(1, len(faults) + 1), "fault": faults})
    assert claims.no_overfitting(runs, pd.DataFrame({"initial_gap": [0.1, 0.2]})).verdict == verdict


@pytest.mark.parametrize(
    ("means", "verdict"), [([0.01, 0.01], "confirmed"), ([-0.01, -0.01], "refuted"), ([0.01, 0.0], "not shown")]
)
def test_least_similar_inputs_help_if_they_are_better_everywhere(means, verdict):
    rows = pd.DataFrame({"mean": means, "p": [0.001 if mean else 0.9 for mean in means]})
    found = claims.least_similar_helps_overfit(rows.assign(overfit_selection="least similar to hci"))
    assert found.verdict == verdict


@pytest.mark.parametrize(("sign", "verdict"), [(1, "confirmed"), (-1, "refuted"), (0, "not shown")])
def test_looks_predict_the_outcome_if_they_are_correlated(sign, verdict):
    order = np.arange(9.0)
    scattered = np.array([4, 0, 8, 2, 6, 1, 5, 7, 3.0])
    table = pd.DataFrame({"metric": NINE, "likeness": order, "mean": sign * order if sign else scattered})
    found = claims.appearance_predicts_outcome(table)
    assert found.verdict == verdict and "bray curtis is number 1 by its looks" in found.evidence


@pytest.mark.parametrize(
    ("inflation", "spread", "verdict"), [(0.0, 0.001, "confirmed"), (0.01, 0.001, "refuted"), (0.0, 0.02, "not shown")]
)
def test_a_leak_is_harmless_only_if_it_inflates_by_less_than_the_margin(inflation, spread, verdict):
    honest = nine()
    noise = spread * np.random.default_rng(2).standard_normal(20)[honest["seed"]]
    honest = honest.assign(diagnosis_difference=honest["difference"] + inflation + noise)
    assert claims.leak_is_harmless(honest, honest).verdict == verdict
    shifted = honest.assign(difference=honest["difference"] + 0.01)
    quiet = honest.assign(diagnosis_difference=honest["difference"])
    assert claims.leak_is_harmless(quiet, shifted).verdict == "refuted"


@pytest.mark.parametrize(("spread", "verdict"), [(0.001, "confirmed"), (0.004, "confirmed in part"), (0.1, "refuted")])
def test_a_single_difference_means_something_if_single_runs_scatter_less(spread, verdict):
    table = pd.DataFrame({"reported": [0.01, -0.01, 0.005], "spread": spread, "runs": [9, 9, 30]})
    assert claims.single_differences_mean_something(table).verdict == verdict


@pytest.mark.parametrize(("high", "verdict"), [(-0.5, "confirmed"), (0.1, "not shown")])
def test_the_best_share_depends_on_the_classes_if_the_slope_is_not_0(high, verdict):
    rule = {"slope": -0.8, "low": -1.0, "dataset": "mnist"}
    rules = pd.DataFrame(
        [rule | {"replay": 0, "high": high, "its_cost_pp": 0.7}, rule | {"replay": 4, "high": 0, "its_cost_pp": 0.06}]
    )
    found = claims.share_depends_on_classes(rules)
    assert found.verdict == verdict and "at most 0.06 pp" in found.evidence


@pytest.mark.parametrize(
    ("original", "adaptive", "verdict"),
    [(0.01, 0.02, "confirmed"), (-0.01, 0.02, "refuted for MODE's own choice"), (-0.01, -0.02, "refuted")],
)
def test_weak_models_are_repaired_if_the_interval_is_above_0(original, adaptive, verdict):
    rows = [{"name": name, "initial": 0.7, "final": 0.9, "control": 0.9, "low": low, "samples": 2000}
            for name, low in (("original", original), ("adaptive", adaptive))]  # fmt: skip
    assert claims.selection_repairs_weak_models(pd.DataFrame(rows)).verdict == verdict


def test_verdicts_make_a_table():
    table = claims.verdict_table([claims.Verdict("c", "s", "confirmed", "e")])
    assert table.iloc[0].to_dict() == {"claim": "c", "source": "s", "verdict": "confirmed", "evidence": "e"}


def pool_cells(state=0.02, chance=0.01, wrong=0.4, known=0.93, n=8):
    """Return cells of two strategies and yardsticks, n of each kind of pool, with some scatter."""
    rng = np.random.default_rng(0)
    cell = {"architecture": "dense", "scenario": "starved", "labelled": True, "n_validation": 500, "fine_tune": "all"}
    rows = []
    for place in range(n):
        for pool in ("clean", "noisy"):
            own = cell | {"dataset": f"data {place}", "pool": pool, "initial": 0.7, "low": 0.0, "high": 0.02}
            for samples in (500, 2_000):
                for name, gain in {"adaptive": state, "any of the label": chance, "recommended": 0.03}.items():
                    row = {"strategy": name, "samples": samples, "difference": gain + 1e-4 * rng.standard_normal()}
                    share = {"adaptive": wrong, "recommended": 0.1}.get(name, 0.2) if pool == "noisy" else 0.0
                    rows.append(own | row | {"final": 0.94, "wrong_share": share})
            beside = {"validation alone": 0.9, "training and validation": known, "training and whole pool": 0.95}
            rows += [own | {"strategy": name, "samples": 500, "final": final} for name, final in beside.items()]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("state", "verdict"), [(0.02, "confirmed"), (0.0, "refuted"), (0.01, "not shown")], ids=["more", "less", "same"]
)
def test_differential_states_help_if_they_gain_more_than_chance_in_the_same_labels(state, verdict):
    found = claims.states_help_beyond_allocation(pool_cells(state=state))
    assert found.verdict == verdict and "8 kinds of models" in found.evidence and "32 combinations" in found.evidence


def test_more_pools_and_budgets_of_the_same_models_are_no_more_evidence():
    cells = pool_cells(state=0.0101)
    more = pd.concat([cells, cells.assign(pool=cells["pool"] + " too")])
    assert (
        claims.states_help_beyond_allocation(cells).evidence.split(" in the mean")[0]
        == (claims.states_help_beyond_allocation(more).evidence.split(" in the mean")[0])
    )


@pytest.mark.parametrize(("wrong", "verdict"), [(0.4, "confirmed in part"), (0.15, "refuted")])
def test_wrong_labels_mislead_what_collects_more_of_them_than_there_are(wrong, verdict):
    found = claims.wrong_labels_mislead(pool_cells(wrong=wrong), 0.2)
    assert found.verdict == verdict and f"adaptive {wrong:.0%}" in found.evidence


@pytest.mark.parametrize(("known", "verdict"), [(0.93, "refuted where labels are expensive"), (0.945, "confirmed")])
def test_validation_samples_would_do_if_they_alone_bring_as_much(known, verdict):
    cells = pool_cells(known=known)
    found = claims.simpler_remedies_suffice(cells[(cells["dataset"] == "data 0") & (cells["pool"] == "clean")])
    assert found.verdict == verdict and "recommended` with 2,000 labels 94.0%" in found.evidence
