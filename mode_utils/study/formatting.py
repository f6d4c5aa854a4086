"""How numbers are written everywhere: accuracies, percentage points (pp) of them, intervals, p-values."""

import html
import numbers
import re

import pandas as pd

NOTHING = "\N{EN DASH}"  # where there is no number
_MOST_ROWS = 100  # of a table that is read
_DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10",
             "banking77_minilm": "Banking77", "cifar10_features": "CIFAR-10 features"}  # fmt: skip


def dataset_title(name):
    """Return how readers know a dataset; a name that starts with one, up to a comma, keeps the rest."""
    first, comma, rest = name.partition(",")
    first = first.removesuffix(".npz")
    return _DATASETS.get(first, first) + comma + rest


def points(share):
    """Return a difference of accuracies in percentage points, with its sign unless it is rounded to nothing."""
    rounded = round(100 * share, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"


def pp(share):
    """Return a difference of accuracies in percentage points, with the unit."""
    return f"{points(share)} pp"


def interval(low, high):
    """Return the ends of an interval of differences of accuracies, in percentage points."""
    return f"{points(low)} to {points(high)}"


def mean_interval(row):
    """Return `mean` and the interval `low` to `high`, in pp, of a comparison's row: a mapping or a named tuple."""
    row = row._asdict() if hasattr(row, "_asdict") else row
    return f"{pp(row['mean'])} ({interval(row['low'], row['high'])})"


def p_value(p):
    """Return a p-value with three digits; one below 0.001 as that, and a dash where there are too few runs for any."""
    return NOTHING if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_equals(p):
    """Return a p-value for a sentence: "p = 0.012", "p < 0.001" or "too few runs for a p"."""
    return "too few runs for a p" if pd.isna(p) else f"p {p_value(p)}" if p < 0.001 else f"p = {p_value(p)}"


def format_comparison(compared):
    """Return a table of `compare_differences` as text: differences in percentage points, shares of the runs in %."""
    text = compared.iloc[:, [0]].copy()
    text["difference (pp)"] = compared["mean"].map(points)
    text["95% interval (pp)"] = [interval(*ends) for ends in zip(compared["low"], compared["high"], strict=True)]
    text["p"], text["p, adjusted (Holm)"] = (compared[name].map(p_value) for name in ("p", "p_holm"))
    text["effect (rank-biserial)"] = compared["rank_biserial"].map("{:+.2f}".format)
    for name in ("won", "lost"):
        text[f"{name} (%)"] = compared[name].map("{:.0%}".format).str.rstrip("%")
    return text.assign(runs=compared["runs"])


def percent(share):
    """Return a share in percent, with a digit after the point."""
    return f"{100 * share:.1f}%"


def significant(number):
    """Return a number with three significant digits, thousands apart; whole numbers whole."""
    if number == round(number) or abs(number) >= 1_000:
        return f"{number:,.0f}"
    return f"{number:.3g}" if abs(number) >= 0.001 else f"{number:.1e}"


def reader_table(table, index=False):
    """Return a table for readers, as Markdown: titles and units of `TITLES`, useful digits, a dash for nothing.

    Of more than 100 rows the first are shown, and how many there are beside these.
    """
    from IPython.display import Markdown  # only needed in notebooks, and slow to import

    table = table.reset_index() if index else table
    if {"low", "high"} <= set(table) and set(_DIFFERENCES) & set(table):  # others are ends of no accuracies
        ends = [interval(low, high) for low, high in zip(table["low"], table["high"], strict=True)]
        table = table.assign(low=ends).rename(columns={"low": "95% interval (pp)"}).drop(columns="high")
    titles = {name: TITLES[name][0] if name in TITLES else str(name).replace("_", " ") for name in table}
    text = pd.DataFrame({titles[name]: [_written(name, value) for value in table[name]] for name in table})
    sides = ["right" if _is_numeric(table[name]) else "left" for name in table]
    written = text.head(_MOST_ROWS).to_markdown(index=False, disable_numparse=True, colalign=sides)
    return Markdown(written + (f"\n\nand {len(text) - _MOST_ROWS:,} more rows" if len(text) > _MOST_ROWS else ""))


def _is_numeric(column):
    return all(isinstance(value, numbers.Number) and not isinstance(value, bool) for value in column.dropna())


def _written(name, value):
    if pd.isna(value):
        return NOTHING
    if isinstance(value, bool) or str(value) in ("True", "False"):
        return "yes" if value else "no"
    if not isinstance(value, numbers.Number):
        return re.sub(
            r"([\\`*_{}\[\]#|~$])", r"\\\1", html.escape(dataset_title(str(value)), quote=False)
        )  # a name, no Markdown
    if value in (float("inf"), float("-inf")):
        return "never"
    return TITLES[name][1](value) if name in TITLES else significant(value)


_OWN_NAMES = ("accuracy", "test_accuracy", "validation_accuracy", "before", "after", "accuracy_before",
              "accuracy_after", "test_accuracy_before", "test_accuracy_after", "confidence",
              "share of the label")  # fmt: skip
_ACCURACIES = {name: name.replace("_", " ") for name in _OWN_NAMES} | {
    "initial": "before", "final": "after", "control": "control, at random", "weakest_label": "weakest label, after",
    "control_weakest_label": "weakest label, control", "diagnosis_accuracy": "validation accuracy",
    "train_accuracy": "training accuracy", "weakest_label_accuracy": "accuracy of the weakest label",
    "won": "runs won", "lost": "runs lost", "test_before": "test, before", "test_after": "test, after",
    "rest": "the rest", "at_least": "at least", "at_most": "at most",
    "initial_gap": "gap before", "gap": "gap after", "control_gap": "gap of control",
}  # fmt: skip
_DIFFERENCES = {"mean": "mean difference (pp)", "difference": "gain over control (pp)", "change": "change (pp)"}
_NUMBERS = {"samples": "samples added", "samples_added": "samples added", "n_underfit": "underfit labels",
            "n_overfit": "overfit labels", "ratio": "times as many", "its_cost_pp": "its cost (pp)",
            "best_fixed_alpha": "best share for any number of classes"}  # fmt: skip
TITLES = (  # by column: its title, and how its numbers are written
    {name: (title, percent) for name, title in _ACCURACIES.items()}
    | {name: (title, points) for name, title in _DIFFERENCES.items()}
    | {name: (title, significant) for name, title in _NUMBERS.items()}
    | {"p": ("p", p_value), "p_holm": ("p, adjusted (Holm)", p_value)}
    | {"rank_biserial": ("effect (rank-biserial)", "{:+.2f}".format), "target_label": ("label that got most", str)}
)
