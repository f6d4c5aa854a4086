"""The two sets of arrays that can be brought, samples or outputs of a model: their names, and the checks of both."""

from typing import NamedTuple

import numpy as np

from mode_utils.repair.reading.array_values import are_numbers_of_things, check_probabilities, check_samples, check_span
from mode_utils.repair.reading.class_names import check_class_names, guess
from mode_utils.repair.reading.group_arrays import groups_of
from mode_utils.repair.reading.label_arrays import find_classes, labels_of, names_of
from mode_utils.repair.reading.npz_files import as_plain

ROLES = ("train", "validation", "pool", "test")


class ArraySet(NamedTuple):
    """Names of arrays, each `<kind>_<role>`: x, features, probabilities, y (labels), groups, names; `class_names`."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    together: tuple[tuple[str, tuple[str, ...]], ...]  # where the first is, one of the others has to be


SAMPLES = ArraySet(required=("x_train", "y_train", "x_validation", "y_validation", "x_pool"),
                   optional=("y_pool", "names_pool", "names_validation", "x_test", "y_test",
                             *(f"groups_{role}" for role in ROLES)),
                   together=(("x_test", ("y_test",)), ("y_test", ("x_test",)),
                             ("groups_test", ("x_test",))))  # fmt: skip
OUTPUTS = ArraySet(
    required=("probabilities_pool", "features_pool", "probabilities_validation", "features_validation", "y_validation"),
    optional=("y_pool", "names_pool", "class_names", "features_train", "probabilities_train", "y_train", "x_pool",
              "x_train", "x_validation", "names_validation", *(f"groups_{role}" for role in ROLES[:3])),
    together=(("x_pool", ("x_validation",)), ("x_validation", ("x_pool",)), ("x_train", ("x_pool",)),
              *((f"{kind}_train", ("y_train",)) for kind in ("features", "probabilities", "x")),
              ("y_train", ("features_train", "probabilities_train"))),
)  # fmt: skip
OUTPUTS_BESIDE_SHARDS = ArraySet(tuple(name for name in OUTPUTS.required if not name.endswith("_pool")),
                                 ("class_names", "features_train", "probabilities_train", "y_train", "groups_train",
                                  "groups_validation", "names_validation"),
                                 OUTPUTS.together)  # fmt: skip

FEATURES = ArraySet(("features_train", "y_train", "features_validation", "y_validation", "features_pool"),
                    tuple(name for name in OUTPUTS.optional
                          if name not in ("features_train", "probabilities_train", "y_train")),
                    OUTPUTS.together[:3])  # fmt: skip


def check_set(arrays, names, where, class_names=None, n_classes=None, even_if_odd=False):
    """Return a set of arrays as they are used, the names of classes (None if unknown), their number, and notes.

    Labels become integers, names texts; `y_pool` without labels is left out. A ValueError says what is wrong, `where`.
    """
    _check_names(where, arrays, names)
    arrays = {name: as_plain(array) for name, array in arrays.items()}
    notes = [note for name, p in of_kind(arrays, "probabilities").items() for note in check_probabilities(name, p)]
    widths = {name: p.shape[1] for name, p in of_kind(arrays, "probabilities").items()}
    if len(set(widths.values())) > 1:
        raise ValueError(f"{_counted(widths)} classes: they must be columns of the same classes, in one order")
    for kind in ("features", "x"):
        notes += _check_rows(kind, of_kind(arrays, kind), even_if_odd)
    class_names, n_classes, told = _classes(arrays, class_names, next(iter(widths.values()), n_classes), bool(widths))
    for role in ROLES:
        _read_role(role, arrays, class_names, n_classes)
    n_classes = n_classes or 1 + max(int(y.max()) for y in of_kind(arrays, "y").values())
    y = arrays["y_validation"]
    if n_classes > 1 and len(np.unique(y)) == 1:
        told = f"y_validation has one class only ({y[0]}), in {len(y)} samples"
        raise ValueError(f"{told}: give validation samples of several")
    if "y_pool" in arrays and (arrays["y_pool"] < 0).all():
        del arrays["y_pool"]
    return arrays, class_names, n_classes, (*told, *notes)


def check_outputs(arrays, where="the set of arrays", names=OUTPUTS, class_names=None, even_if_odd=False):
    """Return outputs of a model as `check_set` does, with `class_names` where they are known, and notes."""
    arrays, class_names, _, notes = check_set(arrays, names, where, class_names, even_if_odd=even_if_odd)
    return arrays | ({} if class_names is None else {"class_names": np.array(class_names, str)}), notes


def of_kind(arrays, kind):
    """Return the arrays of a kind that are there by name, in the order of the roles."""
    return {name: arrays[name] for role in ROLES if arrays.get(name := f"{kind}_{role}") is not None}


def _check_names(where, arrays, names):
    required, known = names.required, (*names.required, *names.optional)
    unknown = [name for name in arrays if name not in known]
    made = next((name for name in unknown if name.startswith("probabilities_")), None)
    if names is FEATURES and made:
        told = f"{where} has an array {made!r}, but with --fit a head is fitted that makes them"
        raise ValueError(f"{told}: leave out the probabilities, or --fit")
    if lacking := next((name for name in required if name not in arrays), None):
        needs = f"it needs {', '.join(required)}, and may have {', '.join(names.optional)}"
        if names is OUTPUTS and not of_kind(arrays, "probabilities") and {*FEATURES.required} <= {*arrays}:
            needs = "--fit fits a head to features_train that makes them, or give those of your model"
        raise ValueError(f"{where} has no array {lacking!r}{guess(lacking, unknown)}: {needs}")
    if unknown:
        raise ValueError(f"{where} has an array {unknown[0]!r}: choose from {', '.join(known)}")
    for name, others in names.together:
        if name in arrays and not any(other in arrays for other in others):
            lacking = f"no {others[0]}" if len(others) == 1 else f"neither {' nor '.join(others)}"
            raise ValueError(f"{where} has {name}, but {lacking}: give both or none")


def _check_rows(kind, arrays, even_if_odd):
    """Check the samples or features of all roles against those of the first; return what is odd about their scale."""
    spans, first = {}, next(iter(arrays), None)
    for name, x in arrays.items():
        if kind == "features" and x.ndim > 2:
            needed = "features must be (n, n_features), feature maps averaged or flat"
            raise ValueError(f"{name} has shape {x.shape}: {needed}")
        spans[name] = check_samples(name, x, arrays[first], first)
    if kind == "features" and spans and _are_alike(list(spans.values())):
        raise ValueError(f"{', '.join(spans)} have the same numbers in every row: nothing can be told from them")
    notes = []
    for name, x in arrays.items():
        if kind == "features" or not (are_numbers_of_things(x) and are_numbers_of_things(arrays[first])):
            notes += check_span(name, spans[name], spans[first], first, even_if_odd)
    return notes


def _are_alike(spans):
    low, high = (np.asarray([getattr(span, end) for span in spans], np.float32) for end in ("low", "high"))
    return sum(len(span.x) for span in spans) > len(spans) and (low.min(axis=0) == high.max(axis=0)).all()


def _classes(arrays, class_names, n_classes, have_columns):
    names = arrays.pop("class_names", None) if class_names is None else class_names
    if names is not None:
        names = [str(name) for name in np.asarray(names).ravel()]
        check_class_names(names)
        if have_columns and len(names) != n_classes:
            raise ValueError(f"{len(names)} class names for {n_classes} columns of probabilities: one each is needed")
    return find_classes(of_kind(arrays, "y"), names, n_classes)


def _read_role(role, arrays, class_names, n_classes):
    """Read the labels and names of a role, after a look at whether its arrays have a row for each sample."""
    own = {name: array for name, array in arrays.items() if name.endswith(f"_{role}") and not name.startswith("y_")}
    sizes = {name: len(array) for name, array in own.items() if array.ndim}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"{_counted(sizes)} rows: the arrays of {role} must have a row for each of its samples")
    if (name := f"y_{role}") in arrays:
        arrays[name] = labels_of(name, arrays[name], max(sizes.values()), class_names, n_classes)
    if (name := f"names_{role}") in arrays:
        arrays[name] = names_of(arrays[name], max(sizes.values()), name)
    if (name := f"groups_{role}") in arrays:
        arrays[name] = groups_of(name, arrays[name])


def _counted(counts):
    return ", ".join(f"{name} has {count}" for name, count in counts.items())
