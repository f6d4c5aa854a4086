import numpy as np
import pandas as pd
import pytest
from made_runs import make_run

from mode_utils.options import CONFIGURATION, DebugOptions
from mode_utils.repeated_runs import repeat_runs
from mode_utils.study.label_economy import learning_curves
from mode_utils.study.outcomes import paired_outcomes
from mode_utils.study.runs_table import COLUMNS, TIMES, check_runs_table, configuration


def test_a_study_makes_the_columns_of_the_contract_and_no_others(mnist, small_setup, built_once):
    options = DebugOptions(batch_size=100, max_iterations=1, epochs=1)
    runs = repeat_runs(mnist, options, 1, 0, small_setup, cache_dir=None, progress=False)
    assert set(runs) == {*COLUMNS, *CONFIGURATION}
    assert check_runs_table(runs, list(COLUMNS)) is runs


def test_every_number_has_a_unit_and_a_range():
    for name, column in COLUMNS.items():
        assert column.holds and (column.unit == "") == (column.least is None), name


def test_the_configuration_is_what_a_table_has_of_it():
    table = pd.DataFrame(columns=["seed", "metric", "name", "alpha"])
    assert configuration(table) == ["name", "alpha", "metric"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns="seed"), "has no column 'seed'; it has: strategy, metric"),
        (lambda t: t.assign(test_accuracy=95.0), r"'test_accuracy' .* has 95.0 in row 0; it must be in \[0, 1\]"),
        (lambda t: t.assign(samples_added=-1), "'samples_added' .* has -1 in row 0; it must be at least 0"),
        (lambda t: t.assign(strategy="MODE"), "has a strategy 'MODE'; choose from mode, control"),
    ],
)
def test_a_table_that_is_none_of_runs_is_an_error_where_it_is_read(spoil, message):
    runs = make_run(0, [0.5, 0.6], [0.5, 0.7])
    with pytest.raises(ValueError, match=message):
        paired_outcomes(spoil(runs))


def test_learning_curves_check_what_they_read():
    runs = pd.DataFrame({"name": "a", "seed": [0, 1], "samples_added": 0, "test_accuracy": [0.5, np.nan]})
    assert learning_curves(runs, 10, ["test_accuracy"])["test_accuracy"].tolist() == [0.5]
    with pytest.raises(ValueError, match="has no column 'weakest_label_accuracy'"):
        learning_curves(runs, 10)


def test_seconds_are_the_only_columns_that_differ_each_time():
    assert {name for name in COLUMNS if "seconds" in name} == set(TIMES)
