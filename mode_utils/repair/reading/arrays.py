"""Samples and labels in their roles, from the named arrays of an .npz file."""

from dataclasses import dataclass, replace

import numpy as np

from mode_utils.assessment import another_order
from mode_utils.repair.reading.array_sets import SAMPLES, check_set, of_kind
from mode_utils.repair.reading.class_names import listed
from mode_utils.repair.reading.group_arrays import Groups, gather_groups
from mode_utils.splits import Splits, Subset
from mode_utils.support.sample_parts import convert_samples

FEW = 10  # validation samples of a label
CONTROL_SHARE = 0.1  # of a budget, by default


@dataclass(frozen=True)
class OwnData:
    """Samples (n, ...), float32 unless the model takes others, and labels (n,) int32 in their roles."""

    x_train: np.ndarray  # what the model was trained on
    y_train: np.ndarray
    x_validation: np.ndarray  # what diagnosis looks at
    y_validation: np.ndarray
    x_pool: np.ndarray  # what a repair may add, as it is in its file
    y_pool: np.ndarray | None  # -1 where a sample has no label; None if none has one
    x_test: np.ndarray | None  # what only scores
    y_test: np.ndarray | None
    class_names: tuple[str, ...]
    names_pool: np.ndarray | None = None  # (n,) str, such as their files, or the texts that they are
    notes: tuple[str, ...] = ()  # how the arrays were read, and what is odd about them
    groups: Groups | None = None  # what samples share beside their label
    names_validation: np.ndarray | None = None  # (n,) str, whose words tell failure modes apart

    @property
    def n_classes(self):
        """Number of labels."""
        return len(self.class_names)

    @property
    def pool_labelled(self):
        """Whether each sample of the pool has a label."""
        return self.y_pool is not None and bool((self.y_pool >= 0).all())

    @property
    def known_places(self):
        """Places (n_known,) of samples with a label in a pool in which others have none: they are not chosen from."""
        known = np.empty(0, int) if self.y_pool is None else np.flatnonzero(self.y_pool >= 0)
        return known[: 0 if self.pool_labelled else None]

    @property
    def known_as(self):
        """What the label of a chosen sample is called: "label", or "guess" where it has none."""
        return "label" if self.pool_labelled else "guess"

    def groups_in(self, role):
        """Return the group (n,) int of each sample of a role; None where groups are not known."""
        x = getattr(self, f"x_{role}")
        return None if self.groups is None or x is None else self.groups.in_role(role, len(x))

    def call(self, place):
        """Return what a sample of the pool is called in a sentence."""
        return str(place) if self.names_pool is None else f"{place} ({str(self.names_pool[place])!r})"

    def splits(self, pool_labels=None):
        """Return `splits.Splits`, the pool with the given or known labels; validation stands in for a test."""
        labelled, partly = self.pool_labelled or pool_labels is not None, None
        if pool_labels is None:
            pool_labels = np.zeros(len(self.x_pool)) if self.y_pool is None else self.y_pool
            partly = None if labelled else self.y_pool
        roles = {"train": "train", "validation": "validation", "bug_fixing": "pool"}
        roles |= {"test": "validation" if self.x_test is None else "test"}
        subsets = {}
        for part, role in roles.items():
            y = np.asarray(pool_labels if role == "pool" else getattr(self, f"y_{role}"), np.int32)
            subsets[part] = Subset(getattr(self, f"x_{role}"), y, np.arange(len(y)), self.groups_in(role))
        return Splits(**subsets, n_classes=self.n_classes, labelled=labelled, partly_known=partly)


def check_arrays(arrays, class_names=None, n_classes=None, path="the data", dtype=None, even_if_odd=False):
    """Make `OwnData` of arrays by name, those of `array_sets.SAMPLES`; a ValueError says what is wrong.

    Without class names these are the labels, texts in order. `dtype` is the model's; `even_if_odd`: see `check_span`.
    """
    arrays, class_names, n_classes, notes = check_set(arrays, SAMPLES, path, class_names, n_classes, even_if_odd)
    arrays |= {name: convert_samples(name, x, dtype) for name, x in of_kind(arrays, "x").items()}
    names = tuple(map(str, class_names or range(n_classes)))
    own = {name: arrays.get(name) for name in (*SAMPLES.required, *SAMPLES.optional) if not name.startswith("groups_")}
    groups, told = gather_groups(arrays_of_groups(arrays))
    data = OwnData(**own, class_names=names, groups=groups)
    return replace(data, notes=(*told, *notes, *thin_labels(data)))


def arrays_of_groups(arrays):
    """Return the arrays of groups by role."""
    return {name.removeprefix("groups_"): each for name, each in of_kind(arrays, "groups").items()}


def join_arrays(arrays, inputs):
    """Put the arrays of several `plain_models.ModelInput`, `x_train.<input>` and so on, side by side."""
    if not inputs:
        return arrays
    joined, parts = {}, {}
    for name, array in arrays.items():
        part, dot, own = name.partition(".")
        if dot:
            parts.setdefault(part, {})[own] = array
        else:
            joined[name] = array
    for part in sorted(parts):
        if part in joined:
            raise ValueError(f"there is an array {part!r} beside {part!r} of an input: give one or the other")
        joined[part] = _side_by_side(part, parts[part], inputs)
    return joined


def _side_by_side(part, own, inputs):
    from mode_utils.networks.plain_models import join_inputs  # imports TensorFlow

    ordered, left, known = [], dict(own), ", ".join(each.names[0] for each in inputs)
    for each in inputs:
        if (name := next((name for name in each.names if name in left), None)) is None:
            lacking = f"{part}.{each.names[0]}"
            raise ValueError(f"the model has the inputs {known}, but there is no array {lacking!r}: add it")
        ordered.append(_of_input(f"{part}.{name}", left.pop(name), each))
    if left:
        unused = f"{part}.{next(iter(left))}"
        raise ValueError(f"the model has the inputs {known}, so that {unused!r} is for none: remove it")
    if len(set(lengths := [len(array) for array in ordered])) > 1:
        raise ValueError(f"the arrays {part}.{known} have {lengths} samples: they must have the same, in one order")
    return ordered[0] if len(ordered) == 1 else join_inputs(ordered)


def _of_input(name, array, own):
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {array.dtype}: samples must be numbers")
    array = array[:, None] if array.ndim == 1 and own.shape == (1,) else array
    if not fits_shape(array.shape[1:], own.shape):
        told = f"a sample of {name} has shape {array.shape[1:]}"
        raise ValueError(f"{told}, but the input takes {own.shape}: give it as it does")
    is_whole = own.dtype == "bool" or np.dtype(own.dtype).kind in "iu"
    return convert_samples(name, array, own.dtype) if is_whole else array


def fits_shape(found, wanted):
    """Tell whether the shape of a sample is one that a model takes, in which None is any length."""
    return len(found) == len(wanted) and all(w in (None, f) for w, f in zip(wanted, found, strict=True))


def check_order(predicted, y, class_names, whose):
    """Raise a ValueError if labels explain predictions far better in another order, see `assessment.another_order`."""
    order, another = another_order(y, predicted, len(class_names))
    if order is None:
        return
    moved = np.intersect1d(np.flatnonzero(order != np.arange(len(order))), y)
    first = max(moved, key=lambda label: ((y == label) & (predicted == order[label])).sum())
    told = f"the model gets {(predicted == y).mean():.0%} {whose} right, but {another:.0%} if {len(moved)} labels are"
    told += f" exchanged; what the data call {class_names[first]!r} it takes for label {order[first]}"
    remedy = f"({class_names[order[first]]!r}): give the classes in its order (--class-names)"
    raise ValueError(f"the classes are probably in another order: {told} {remedy}")


def check_left(budget, data, used=()):
    """Raise a ValueError if a budget is larger than what is left to choose from."""
    n, closed = len(data.x_pool), len(np.union1d(used, data.known_places))
    why = f" to choose from, as {closed} of {n} have a label or were added before" if closed else ""
    if budget > n - closed:
        raise ValueError(f"a budget of {budget} is larger than the pool, which has {n - closed} samples{why}")


def with_arm(options, data):
    """Return options with a control arm where a pool needs labels, see `selection.arm`; and a tuple of what to say."""
    share, budget = options.control_share, options.batch_size
    if data.pool_labelled or not share:
        return replace(options, control_share=0.0), ()
    n = round(share * budget)
    if not n:
        told = f"A budget of {budget} is too small for a control arm of {share:.0%}"
        return options, (f"{told}: what choosing gains over drawing at random will not be told.",)
    told = f"{n} of {budget} inputs are drawn at random from the whole pool: a control arm, whose labels tell what"
    return options, (f"{told} the pool is like and what choosing gains; --control-share 0 leaves them out.",)


def with_classes(data, n_classes):
    """Return data with as many classes as a model; a ValueError if they have others, or fewer that have names."""
    if data.n_classes < n_classes and data.class_names == tuple(map(str, range(data.n_classes))):
        return replace(data, class_names=tuple(map(str, range(n_classes))))
    if data.n_classes != n_classes:
        told = f"the data have {data.n_classes} classes ({listed(data.class_names)}), but the model {n_classes}"
        raise ValueError(f"{told}: number the labels 0 .. {n_classes - 1} in its order, and give a name for each class")
    return data


def say_unseen(data):
    """Return a sentence on labels without validation samples, as a tuple; none where there are none."""
    unseen, unknown = (~np.isin(np.arange(data.n_classes), y) for y in (data.y_validation, data.y_train))
    if not unseen.any():
        return ()
    told = f"No validation samples of {_names(data, unseen)}: whether the model fails there cannot be seen"
    told += "; it is taken to fail as often as in training, or as in the other labels."
    unknown &= unseen
    if unknown.any() and data.y_pool is None:
        told += f" Nor are training samples of {_names(data, unknown)} known: no sample of the pool is taken for one."
    return (told,)


def say_known(data):
    """Return a sentence on a pool in which some samples have labels and others none, as a tuple; otherwise none."""
    n = len(data.known_places)
    told = f"{n} of {len(data.x_pool)} samples of the pool have a label: they teach the reference and are not chosen"
    return (f"{told} from; the model is not trained on them unless they are in x_train.",) if n else ()


def thin_labels(data):
    """Return sentences on labels of which training or validation samples say little."""
    notes = []
    seen, counts = (np.bincount(y, minlength=data.n_classes) for y in (data.y_train, data.y_validation))
    if len(data.y_train) and (unknown := _names(data, seen == 0)):
        notes.append(f"No training samples of {unknown} are given.")
    if few := _names(data, (counts > 0) & (counts < FEW)):
        notes.append(f"Fewer than {FEW} validation samples of {few}: how often the model fails there is hardly known.")
    return tuple(notes)


def _names(data, marked):
    return listed(data.class_names[label] for label in np.flatnonzero(marked))
