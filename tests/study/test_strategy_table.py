import numpy as np
import pandas as pd
import pytest
from made_runs import make_run

from mode_utils.study.strategy_table import (
    SETTING,
    beside_best_peer,
    of_models,
    read_settings,
    regrets,
    setting_rows,
    settings_page,
    summarize,
    yardstick_rows,
)

NAMES = ("mnist", "dense", "starved", "noisy", True, 500, "all")


def runs_of(gains, **shares):
    parts = [
        make_run(seed, [0.5, 0.6 + gain, 0.7 + gain / 2], [0.5, 0.6, 0.7, 0.8]).assign(name=name)
        for name, gain in gains.items() for seed in range(6)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True).assign(**shares)


def settings_of(**differences):
    """Return settings, one a value, after 500 samples."""
    rows = [
        dict(zip(SETTING, (*NAMES[:3], str(place), *NAMES[4:]), strict=True))
        | {"strategy": name, "samples": 500, "difference": value, "p": 0.01, "runs": 12}
        for name, values in differences.items() for place, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_strategies_are_compared_with_control_after_each_number_of_samples():
    table = setting_rows(runs_of({"good": 0.1, "bad": -0.1}), [10, 20])
    assert table["strategy"].tolist() == ["good", "bad"] * 2 and table["samples"].tolist() == [10, 10, 20, 20]
    assert table["difference"].tolist() == pytest.approx([0.1, -0.1, 0.05, -0.05])
    assert table["control"].tolist() == pytest.approx([0.6, 0.6, 0.7, 0.7])
    assert (table["runs"] == 6).all() and table["p"].iloc[0] == pytest.approx(2 / 64)
    shares = table[["wrong_share", "distinct_share", "foreign_share"]]
    assert (shares == [0, 1, 0]).all(axis=None)


def test_shares_are_those_of_the_chosen_not_of_control():
    runs = runs_of({"a": 0.1}, wrong_share=0.0, distinct_share=1.0, foreign_share=0.0)
    runs.loc[runs["strategy"] == "mode", "wrong_share"] = 0.25
    runs.loc[runs["strategy"] == "control", "distinct_share"] = 0.5
    table = setting_rows(runs, [20])
    assert table[["wrong_share", "distinct_share"]].to_numpy().tolist() == [[0.25, 1.0]]


def test_yardsticks_are_rows_without_a_control():
    rows = [{"name": "all", "samples": 900, "test_accuracy": accuracy, "seed": seed, "seconds": 1.0}
            for seed, accuracy in enumerate((0.8, 0.9))]  # fmt: skip
    table = yardstick_rows(pd.DataFrame(rows), 0.5)
    assert table.to_dict("records") == [
        {"strategy": "all", "samples": 900, "runs": 2, "initial": 0.5, "final": pytest.approx(0.85)}
    ]


def test_p_is_adjusted_for_the_comparisons_of_a_strategy_in_a_sweep(tmp_path):
    settings = settings_of(a=[0.1, 0.2], b=[0.0, 0.1, 0.2])
    settings.loc[len(settings)] = {**settings.iloc[0], "strategy": "all", "difference": np.nan, "p": np.nan}
    settings.to_csv(tmp_path / "cells.csv", index=False)
    read = read_settings(tmp_path / "cells.csv")
    assert read["p_holm"].tolist()[:5] == pytest.approx([0.02] * 2 + [0.03] * 3) and np.isnan(read["p_holm"].iloc[5])
    both = read_settings(tmp_path / "cells.csv", tmp_path / "cells.csv")
    assert (
        len(both) == 12 and both["p_holm"].tolist()[:5] == both["p_holm"].tolist()[6:11] == read["p_holm"].tolist()[:5]
    )


def test_a_family_in_which_so_few_runs_can_show_nothing_has_no_p(tmp_path):
    settings_of(a=[0.1, 0.2]).assign(runs=6, p=1 / 32).to_csv(tmp_path / "cells.csv", index=False)
    assert read_settings(tmp_path / "cells.csv")["p_holm"].isna().all()


def test_settings_that_repair_the_same_models_are_one_observation():
    settings = pd.concat([settings_of(a=[0.1, 0.3]).assign(samples=n, scenario=s) for n in (5, 9) for s in ("x", "y")])
    values = settings.set_index([*SETTING, "samples"])["difference"]
    assert of_models(values).tolist() == pytest.approx([0.2, 0.2])


def test_the_smallest_largest_regret_comes_first():
    table = regrets(settings_of(steady=[0.02, 0.02], bold=[0.05, -0.03]))
    assert table["strategy"].tolist() == ["steady", "bold"]
    assert table["largest_regret"].tolist() == pytest.approx([0.03, 0.05])
    assert table["least_difference"].tolist() == pytest.approx([0.02, -0.03])


def test_a_strategy_that_some_setting_lacks_has_no_regret_and_sets_none():
    settings = settings_of(a=[0.1, 0.1], b=[0.0, 0.1], c=[0.9])
    assert set(regrets(settings)["strategy"]) == {"a", "b"} and regrets(settings)["largest_regret"].tolist() == [
        0.0,
        0.1,
    ]


def test_the_best_peer_is_found_in_each_setting():
    best = beside_best_peer(settings_of(own=[0.9, 0.1], a=[0.1, 0.2], b=[0.3, np.nan]), "own", ["a", "b"])
    assert best["peer"].tolist() == ["b", "a"] and best["of_peer"].tolist() == [0.3, 0.2]
    assert best["behind"].tolist() == pytest.approx([-0.6, 0.1]) and (best["strategy"] == "own").all()


def test_the_page_of_the_settings_has_gains_in_percentage_points():
    settings = settings_of(own=[0.0123], a=[0.02]).assign(cell="digits", initial=0.5, final=0.6, control=0.5877)
    table = beside_best_peer(settings.assign(low=0.01, high=0.015, p_holm=1e-5), "own", ["a"])
    row = [text.strip() for text in settings_page(table, "best").splitlines()[2].strip("|").split("|")]
    assert row[:6] == ["digits", "500", "12", "0.500", "0.600", "0.588"]
    assert row[6:] == ["+1.23 (+1.00 to +1.50)", "< 0.001", "a +2.00"]


def test_a_group_is_summarized_by_what_the_preset_gains_and_whom_it_is_behind():
    settings = settings_of(own=[0.02, -0.01, 0.0], a=[0.01, 0.01, 0.0], rare=[0.05]).assign(p_holm=0.01)
    settings.loc[settings["strategy"] == "own", "p_holm"] = [0.01, 0.04, np.nan]
    table = summarize(settings, pd.Series("all", settings.index), "own", ["a", "rare"])
    assert table.to_dict("records") == [
        {"group": "all", "comparisons": 3, "above": 1, "below": 1, "gain": pytest.approx(0.01 / 3),
         "a": pytest.approx(-0.01 / 3), "behind": 2}
    ]  # fmt: skip
