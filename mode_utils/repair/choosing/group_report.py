"""Groups of a case: those on both sides of a split and what that pretends, and those that fail more than the rest."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from mode_utils.repair.reading.class_names import listed, shown
from mode_utils.study.formatting import interval, percent, pp
from mode_utils.study.significance import SIGNIFICANCE, holm
from mode_utils.support.clustered import accuracy_interval, difference_interval, holm_of_possible, more_wrong_p

_NAMED = 3  # groups in a sentence
_REMEDY = "put all samples of a group on one side (docs/groups.md)"


@dataclass(frozen=True)
class GroupReport:
    """What groups tell.

    Attributes
    ----------
    shared : tuple of str, sentences on groups that lie on both sides of a split
    table : pandas.DataFrame
        Accuracy on validation samples, a row a group, and one a label ("" for all) in it, the clearest failure first:
        `label`, `group`, `samples`, `accuracy`, `low`, `high` (ends of its 95% interval), `rest` (of the same label in
        all other groups), `p_holm`, adjusted for all rows, `fails`, whether it is shown to be worse than the rest.
    facts : tuple of str, sentences on the groups and on those that fail
    """

    shared: tuple[str, ...]
    table: pd.DataFrame
    facts: tuple[str, ...]


def assess_groups(data, predictions):
    """Return the `GroupReport` of `OwnData` and predictions (n_validation,); None if no groups are given."""
    if data.groups is None:
        return None
    right, own = predictions == data.y_validation, data.groups_in("validation")
    shared = tuple(filter(None, [_say_validation(data, right, own), *_say_others(data)]))
    if own is None:
        return GroupReport(shared, _table(data, right[:0], own), ("No groups of validation samples are given.",))
    table = _table(data, right, own)
    return GroupReport(shared, table, (*_say_odd(data, own), _say_accuracy(right, own), *_say_failing(table)))


def _say_validation(data, right, own):
    train = data.groups.of.get("train")
    if train is None or own is None or not (known := np.isin(own, train)).any():
        return ""
    n, n_known = len(np.unique(own)), len(np.unique(own[known]))
    told = f"{n_known} of {n} groups of validation samples are in training, too ({known.sum()} of {len(own)} samples)"
    if known.all():
        return f"{told}: how much accuracy that pretends cannot be told, as no other group is there; {_REMEDY}."
    told += f": the model gets {percent(right[known].mean())} of these right, {percent(right[~known].mean())} of other"
    more = right[known].mean() - right[~known].mean()
    ends = difference_interval(right[known], right[~known], own[known], own[~known])
    among = "too few groups for an interval" if np.isnan(ends).any() else f"95% interval {interval(*ends)}, by groups"
    what = f"so that they seem to pretend {pp(more)}" if more > 0 else f"a difference of {pp(more)}"
    return f"{told} groups, {what} ({among}); {_REMEDY}."


def _say_others(data):
    for role, others, when in (("test", ("train", "validation"), ""), ("pool", ("validation", "test"), "once added, ")):
        own, known = data.groups_in(role), {other: data.groups.of.get(other) for other in others}
        shared = {} if own is None else {other: np.isin(own, each) for other, each in known.items() if each is not None}
        where = " or ".join(other for other, each in shared.items() if each.any())
        if where:
            n = np.any(list(shared.values()), axis=0).sum()
            told = f"{n} of {len(own)} samples of {role} are of groups that are in {where}, too"
            yield f"{told}: {when}accuracy there says too much about new groups; {_REMEDY}."


def _table(data, right, own):
    names, rows = ("label", "group", "samples", "accuracy", "low", "high", "rest", "p_holm", "fails"), []
    if own is None:
        return pd.DataFrame(columns=names)
    of_labels = ((name, data.y_validation == label) for label, name in enumerate(data.class_names))
    for label, part in (("", np.ones(len(own), bool)), *of_labels):
        if part.any():
            rows.append(_rows_of(data, label, right[part], own[part]))
    table = pd.concat(rows, ignore_index=True)
    adjusted = holm_of_possible(table["p"], table["least"], holm)
    table = table.assign(p_holm=adjusted, fails=adjusted < SIGNIFICANCE)
    table = table.sort_values(["fails", "p_holm", "p"], ascending=[False, True, True], kind="stable", ignore_index=True)
    return table[[*names]]


def _rows_of(data, label, right, own):
    """Return a row for each group that has a name, with the p of its failing no more than the rest."""
    groups, places, samples = np.unique(own, return_inverse=True, return_counts=True)
    n_right, n = np.bincount(places, right), len(own)
    p, least = more_wrong_p(samples - n_right, samples, n - right.sum(), n)
    low, high = proportion_confint(n_right, samples, method="wilson")
    rest = np.divide(right.sum() - n_right, n - samples, out=np.full(len(samples), np.nan), where=samples < n)
    accuracy = n_right / samples
    columns = {"label": label, "group": data.groups.names[groups], "samples": samples, "accuracy": accuracy}
    table = pd.DataFrame(columns | {"low": low, "high": high, "rest": rest, "p": p, "least": least})
    return table[table["group"] != ""]


def _say_odd(data, own):
    groups, counts = np.unique(own, return_counts=True)
    if len(groups) == 1:
        return ["All validation samples are of one group: groups cannot be compared."]
    if counts.max() == 1:
        return ["No two validation samples share a group: groups tell nothing that samples do not."]
    pairs = np.unique(np.column_stack([own, data.y_validation]), axis=0)
    if len(pairs) == len(groups) and len(np.unique(data.y_validation)) > 1:
        return ["Each group has samples of one label only: a group that fails cannot be told from a label that fails."]
    return []


def _say_accuracy(right, own):
    ends, n = accuracy_interval(right, own), len(np.unique(own))
    told = f"The model gets {percent(right.mean())} of {len(right)} validation samples right"
    few = f"{n} groups are too few to tell how it does in others"
    return f"{told} ({few if np.isnan(ends).any() else f'{100 * ends[0]:.0f} to {100 * ends[1]:.0f}% by {n} groups'})."


def _say_failing(table):
    failing = table[table["fails"]]
    if not len(failing):
        return [f"No group is shown to fail more than the rest, nor a label in one ({len(table)} looked at)."]
    each = [
        f"{f'label {row.label} in ' if row.label else ''}group {shown(row.group)} "
        f"({row.accuracy:.0%} of {row.samples}, the rest {row.rest:.0%})"
        for row in failing.itertuples()
    ]
    return [f"Shown to fail more than the rest, of {len(table)} looked at: {listed(each, _NAMED)}."]
