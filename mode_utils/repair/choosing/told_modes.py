"""Failure modes of a case: where they are sought, what tells them apart, and what is said of them."""

import re
from collections import Counter
from itertools import chain

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from mode_utils.failure_modes import find_failure_modes
from mode_utils.repair.reading.array_values import are_numbers_of_things

NO_MODE = "no part of a label was found that fails while the rest does not: labels fail as a whole, or here and there"
_MOST_COLUMNS = 200  # of a table, in which a rule is sought
_MOST_VALUES = 50  # of a column of texts
_FEWEST = 5  # texts with a word that a rule may have
_MOST_BYTES = 400e6  # of samples that modes are sought in
_LEAST_GAIN = 1e-3  # of purity by a condition; balanced weights leave a pure leaf a rest of rounding
_CLEAR = 0.8  # share of a rule's samples that are in the mode, at least


def case_modes(case, predictions):
    """Return each `failure_modes.FailureMode` of a `Case` or an `OutputsCase`, among its validation samples, a list.

    They are sought in the samples themselves, where these are numbers, and not too many, and in states; `predictions`
    (n_validation,) are labels.
    """
    data, spaces = case.data, {}
    few = 4 * data.x_validation.size <= _MOST_BYTES
    if few and case.has_samples and not are_numbers_of_things(data.x_validation):
        spaces["samples"] = np.asarray(data.x_validation, np.float32)
    spaces["states"] = case.outputs.of_validation()[0]
    groups = data.groups_in("validation")
    return find_failure_modes(spaces, data.y_validation, predictions, data.n_classes, case.seed, groups)


def say_modes(case, report):
    """Return a sentence on each mode of a case's Report, with a rule by columns, groups or words, if there is one.

    Where no mode is found, but labels fail, the sentence says so.
    """
    data, columns = case.data, pd.DataFrame(index=range(len(case.data.y_validation)))
    if data.x_validation.ndim == 2 and case.has_samples and data.x_validation.shape[1] <= _MOST_COLUMNS:
        columns = pd.DataFrame(np.asarray(data.x_validation)).add_prefix("column ")
    if (groups := data.groups_in("validation")) is not None:
        columns = columns.assign(group=data.groups.names[groups])
    if data.names_validation is not None:
        columns = columns.join(_words(data.names_validation))
    said = [say_mode(mode, data.y_validation, data.class_names, columns) for mode in report.modes]
    return said or [NO_MODE] * bool((report.labels["fault"] != "").any())


def say_mode(mode, labels, names, columns=None):
    """Return a sentence on a mode: how many are wrong, what they are taken for, and a rule by `tell_apart`.

    Parameters
    ----------
    mode : failure_modes.FailureMode
    labels : (n,) int, of the samples that were searched
    names : sequence of str, of the labels
    columns : pandas.DataFrame, optional; what is known of each of the samples, a row each, such as a table's columns
    """
    most, n_own = int(mode.taken_for.argmax()), mode.searched
    low, high = mode.share
    told = f"{names[mode.label]}: of {len(mode.members)} samples that lie together {len(mode.wrong)} are wrong"
    told += f" ({mode.error:.0%}; {mode.elsewhere:.0%} of its other {n_own - len(mode.members)})"
    told += f", {mode.taken_for[most]} of them taken for {names[most]}"
    told += f"; they are {len(mode.wrong) / n_own:.0%} of the label"
    told += f", {low:.0%} to {high:.0%}" if np.isfinite([low, high]).all() else ", of too few groups to tell of others"
    rule = None if columns is None else tell_apart(columns, mode, labels)
    return f"{told}; {rule}" if rule else told


def tell_apart(columns, mode, labels):
    """Return what sets a mode apart from the rest of its label in words, by at most two conditions; None if nothing.

    `columns` is a table with a row a sample: numbers are cut, texts are compared.
    """
    own = np.flatnonzero(labels == mode.label)
    inside = np.isin(own, mode.members)
    table = _as_numbers(columns.iloc[own], inside)
    if not table.shape[1]:
        return None
    tree = DecisionTreeClassifier(max_depth=2, min_samples_leaf=5, class_weight="balanced", random_state=0,
                                  min_impurity_decrease=_LEAST_GAIN)  # fmt: skip
    values = table.to_numpy(np.float64)
    leaves = tree.fit(values, inside).apply(values)
    best = max(np.unique(leaves), key=lambda leaf: inside[leaves == leaf].sum() - (~inside)[leaves == leaf].sum())
    there = leaves == best
    if inside[there].mean() < _CLEAR or inside[there].sum() < inside.sum() / 2:
        return None
    found = f"{inside[there].sum()} of its {inside.sum()} samples and {(~inside)[there].sum()} others"
    return f"{' and '.join(_conditions(tree.tree_, best, list(table)))}: {found}"


def _words(texts):
    """Return whether each text has each of the most frequent words, a column for each."""
    words = [set(re.findall(r"\w\w+", text.lower())) for text in texts]
    most = [word for word, n in Counter(chain(*words)).most_common(_MOST_COLUMNS) if n >= _FEWEST]
    return pd.DataFrame({f"word {word!r}": ["there" if word in each else "absent" for each in words] for word in most})


def _as_numbers(columns, inside):
    """Return the columns in numbers; of texts of few values, each that is more frequent inside becomes a column."""
    parts = []
    for name, column in columns.items():
        if pd.api.types.is_numeric_dtype(column) and column.notna().all():
            parts.append(column.astype(float))
        elif column.nunique() <= _MOST_VALUES:
            values = {value: (column == value).to_numpy() for value in column.dropna().unique()}
            parts += [
                pd.Series(there.astype(float), column.index, name=(name, value))
                for value, there in values.items()
                if there[inside].mean() > there.mean()
            ]
    return pd.concat(parts[:_MOST_COLUMNS], axis=1) if parts else pd.DataFrame(index=columns.index)


def _conditions(tree, leaf, names):
    """Return the conditions on the way to a leaf, the last one of each column and side."""
    above = {}
    for node in range(tree.node_count):
        for child, sign in ((tree.children_left[node], "at most"), (tree.children_right[node], "above")):
            above[child] = node, sign
    found, node = {}, leaf
    while node in above:
        node, sign = above[node]
        name = names[tree.feature[node]]
        if isinstance(name, tuple):
            found.setdefault((name, sign), f"{name[0]} is {'' if sign == 'above' else 'not '}{name[1]}")
        else:
            found.setdefault((name, sign), f"{name} is {sign} {tree.threshold[node]:.3g}")
    return list(found.values())[::-1]
