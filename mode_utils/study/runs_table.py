"""The columns of the tidy table of runs, beside `options.CONFIGURATION` and a `name`, and the check of a table."""

from typing import NamedTuple

from mode_utils.options import CONFIGURATION


class Column(NamedTuple):
    """What a column holds, its unit, and the least and the largest value of a number."""

    holds: str
    unit: str = ""
    least: float | None = None
    largest: float | None = None


_SHARE, _COUNT = ("share", 0, 1), (0, None)
ITERATION_COLUMNS = {
    "iteration": Column("0 is the model before the repair", "iterations", *_COUNT),
    "samples_added": Column("taken from the pool so far", "samples", *_COUNT),
    "test_accuracy": Column("accuracy on the test samples", *_SHARE),
    "diagnosis_accuracy": Column("accuracy on the held-out samples of the assessment", *_SHARE),
    "train_accuracy": Column("accuracy on the samples that the model was first trained on", *_SHARE),
    "weakest_label_accuracy": Column("lowest test accuracy of a label", *_SHARE),
    "n_underfit": Column("underfit labels", "labels", *_COUNT),
    "n_overfit": Column("overfit labels", "labels", *_COUNT),
    "fault": Column("what the iteration was for: underfit, overfit, or neither"),
    "target_label": Column("the label that got most", "label", *_COUNT),
    "target_layer": Column("the layer whose activations were compared, if any"),
    "n_ranked": Column("samples that were taken by rank rather than at random", "samples", *_COUNT),
    "seconds": Column("time of the iteration, differs each time", "s", *_COUNT),
    "selection_seconds": Column("how much of it was selecting", "s", *_COUNT),
}
POOL_COLUMNS = {  # where the truth about the pool is known
    "wrong_share": Column("wrong labels among the samples added so far", *_SHARE),
    "distinct_share": Column("distinct ones among the samples added so far", *_SHARE),
    "foreign_share": Column("foreign ones among the samples added so far", *_SHARE),
}
COLUMNS = {
    "seed": Column("decides split, weights and order of a run"),
    "strategy": Column("mode or control"),
    **ITERATION_COLUMNS,
    "finished_early": Column("whether the whole run ended without a label in need: none was buggy"),
}
TIMES = ("seconds", "selection_seconds")
STRATEGIES = ("mode", "control")
_SAVED = tuple(name for name in COLUMNS if name not in TIMES)


def configuration(table):
    """Return the columns of a table that tell repairs apart: of `name` and `CONFIGURATION` those that it has."""
    return [name for name in ("name", *CONFIGURATION) if name in table]


def check_runs_table(table, needed=_SAVED):
    """Return a table of runs; a ValueError if a needed column is missing or one of its numbers out of range."""
    if lacking := [name for name in needed if name not in table]:
        names = ", ".join(map(repr, lacking))
        raise ValueError(f"the table of runs has no column {names}; it has: {', '.join(map(str, table))}")
    for name in needed:
        _check_range(name, table[name], COLUMNS[name] if name in COLUMNS else Column(""))
    if "strategy" in needed and not table["strategy"].isin(STRATEGIES).all():
        strange = table["strategy"][~table["strategy"].isin(STRATEGIES)].iloc[0]
        raise ValueError(f"the table of runs has a strategy {strange!r}; choose from {', '.join(STRATEGIES)}")
    return table


def _check_range(name, values, column):
    least, largest = column.least, float("inf") if column.largest is None else column.largest
    if least is not None and len(outside := values[(values < least) | (values > largest)]):
        needed = f"at least {least}" if column.largest is None else f"in [{least}, {largest}]"
        where = f"column {name!r} of the table of runs has {outside.iloc[0]} in row {outside.index[0]}"
        raise ValueError(f"{where}; it must be {needed}")
