"""What alone may be chosen, as people write it: ``label=3,5`` or ``group=siteC``."""

import numpy as np

from mode_utils.repair.reading.class_names import Names, guess, listed
from mode_utils.selection.eligible import Only
from mode_utils.support.checks import check_choice, check_least

_KINDS = ("label", "group")


def read_only(texts, data, options):
    """Return what alone may be chosen of `OwnData`, an `Only`, and sentences on it; a ValueError says what is wrong.

    Of `texts`, each is ``label=`` or ``group=`` with names, separated by commas; what both kinds allow may be chosen.
    """
    check_least("at_most_per_group", options.at_most_per_group, 0)
    found = {}
    for text in [texts] if isinstance(texts, str) else texts:
        kind, _, values = str(text).partition("=")
        check_choice("kind in only", kind.strip(), _KINDS)
        if not values.strip():
            raise ValueError(f"only {text!r} names nothing: write {kind}=A,B")
        names = Names(data.class_names if kind.strip() == "label" else _group_names(data))
        found.setdefault(kind.strip(), []).extend(_places(kind.strip(), values, names))
    groups = found.get("group")
    if groups is not None:
        groups = tuple(np.unique(data.groups_in("pool"))[groups].tolist())
    only = Only(tuple(found["label"]) if "label" in found else None, groups)
    if not only:
        return only, ()
    arm = "; the control arm is drawn from the whole pool all the same" if options.control_share else ""
    return only, (f"Only inputs with {' and '.join([texts] if isinstance(texts, str) else texts)} are chosen{arm}.",)


def say_fewer(case, chosen):
    """Return a sentence if fewer inputs are chosen than the budget allows, as a list; otherwise none."""
    n, budget = len(chosen), case.options.batch_size
    if not n or n >= budget:
        return []
    most = case.options.at_most_per_group
    why = ["of those that --only allows"] if case.only else []
    why += [f"with at most {most} of a group"] if most else []
    return [f"{n} of {budget} inputs are chosen: there are no more {', '.join(why)}."] if why else []


def _group_names(data):
    groups = data.groups_in("pool")
    if groups is None:
        raise ValueError("only group needs the groups of the pool: give groups_pool, or --groups for images")
    return data.groups.names[np.unique(groups)]


def _places(kind, values, names):
    """Return the places of names in a text, which may be one name that has commas."""
    parts = [values] if names.spelled(values) else values.split(",")
    for part in parts:
        if not part.strip() or not names.spelled(part):
            known = listed([name for name in names if name])
            raise ValueError(f"only {kind} {part.strip()!r}{guess(part, names)} is not there: choose from {known}")
    return [names.spelled(part)[-1] for part in parts]
