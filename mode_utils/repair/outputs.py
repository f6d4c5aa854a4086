"""Cases of outputs in place of a model: probabilities and features from any framework, as arrays or an .npz file.

Given are probabilities (n, n_classes) and features (n, n_features) of a pool and of validation samples; or features
alone and those of training samples, to which a head is fitted. Nothing here imports a framework; arrays stored without
compression are read from the file as they are needed.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mode_utils.assessment import judge_accuracies, label_accuracies
from mode_utils.options import OWN_DATA, DebugOptions
from mode_utils.repair.campaign.labelled_round import LabelledRound, judge_head, judge_outcome, save_heads, take_round
from mode_utils.repair.campaign.rounds import Earlier, continue_outputs, read_earlier
from mode_utils.repair.choosing.choice import (
    PoolCase,
    Report,
    assess_case,
    choose_inputs,
    say_choice,
    say_expected_accuracy,
)
from mode_utils.repair.choosing.given_outputs import GivenOutputs
from mode_utils.repair.choosing.in_steps import check_steps
from mode_utils.repair.choosing.pool_faults import PoolFaults, find_faults
from mode_utils.repair.choosing.restricted import read_only
from mode_utils.repair.choosing.sharded_pool import ShardedOutputs, ShardedPool, Shards
from mode_utils.repair.conclusion import say_outcome
from mode_utils.repair.folder import hash_files, save_repair, versions_of
from mode_utils.repair.heads import Head, fit_head
from mode_utils.repair.reading.array_sets import (
    FEATURES,
    OUTPUTS,
    OUTPUTS_BESIDE_SHARDS,
    ROLES,
    check_outputs,
    of_kind,
)
from mode_utils.repair.reading.arrays import (
    CONTROL_SHARE,
    OwnData,
    arrays_of_groups,
    check_left,
    check_order,
    say_known,
    say_unseen,
    thin_labels,
    with_arm,
)
from mode_utils.repair.reading.group_arrays import gather_groups
from mode_utils.repair.reading.npz_files import read_arrays
from mode_utils.repair.repair_outcome import RepairOutcome
from mode_utils.selection.eligible import Only
from mode_utils.support.checks import check_least
from mode_utils.support.sample_parts import in_chunks, joined

_PRESETS = ("recommended", "adaptive")


@dataclass(frozen=True)
class ArraysChoice:
    """What is wrong with a model, with the pool, and what to add, from arrays alone.

    Attributes
    ----------
    case : outputs.OutputsCase, whose `notes` say how the arrays were read
    report, faults : choosing.choice.Report, choosing.pool_faults.PoolFaults
    chosen : pandas.DataFrame, see `choosing.choice.choose_inputs`
        Of a pool in shards, `index` counts the rows of all in the order of their names, and `name` is the row's own, or
        that of its shard with the row's number.
    labelled, outcome : campaign.labelled_round.LabelledRound, RepairOutcome, where labels and outcome were given
    """

    case: object
    report: Report
    faults: PoolFaults
    chosen: pd.DataFrame
    labelled: LabelledRound | None = None
    outcome: RepairOutcome | None = None

    @property
    def remarks(self):
        """Sentences on the model on the pool, and on the pool."""
        todo = self.labelled.say_next() if self.labelled and not self.outcome else []
        groups = self.report.groups
        told = [*groups.shared, *groups.facts] if groups else []
        told += [*say_choice(self.case, self.report, self.chosen), say_expected_accuracy(self.case)]
        return [*told, *self.faults.sentences(), *todo]

    def say_outcome(self):
        """Return sentences on what models show that were retrained on the labels."""
        return say_outcome(self.outcome, self.report, self.case.options.theta)


def choose_from_arrays(arrays, budget, folder=None, apply=(), outcome=None, **options):
    """Choose the samples of a pool that are worth adding, or worth a label, from outputs of any model: `ArraysChoice`.

    Parameters
    ----------
    arrays : dict of str to array, or path of an .npz file
        `probabilities_pool` (n, n_classes), `features_pool` (n, n_features), `probabilities_validation`,
        `features_validation`, `y_validation`, with a `head` features and y alone; see `array_sets` for what else.
    budget : int, samples to choose, at least 1
    folder : path, optional
        Gets `selected.csv`, `diagnosis.json` and, of a pool without labels, `label.html`; must not have them. With
        `apply`, `added.csv` and `trainings.csv`, too; with `outcome`, `origin.json`, to continue from.
    apply, outcome : labels of what was chosen, and what models predict that were retrained on them
        See `campaign.labelled_round.take_round` and `judge_outcome`. A head is refitted here, which makes the outcome.
    **options
        Of `outputs.open_outputs`: `pool` (in shards; a scheduler that is not there is a ConnectionError), `head`,
        `class_names`, `preset`, `seed`, `continue_from`, `only`, and any of `options.DebugOptions`.
    """
    case = open_outputs(arrays, budget, **options)
    report = assess_case(case)
    if outcome is not None and not apply:
        raise ValueError("an outcome needs the labels that its models were retrained on: apply them, too")
    if outcome is not None and case.head:
        raise ValueError("an outcome is given, but a head is refitted here, which makes it: leave out one of them")
    labelled = take_round(case, apply) if apply else None
    chosen = choose_inputs(case, report)
    judged = judge_head(case, chosen, labelled) if case.head else None
    judged = judged if outcome is None else judge_outcome(labelled, outcome)
    found = ArraysChoice(case, report, find_faults(case), chosen, labelled, judged)
    if folder is not None:
        gathered = labelled and labelled.gathered
        save_repair(folder, case, report, found.chosen, judged, gathered, found.remarks)
        if labelled:
            labelled.save(folder)
        if case.head:
            save_heads(folder, case, judged)
    return found


@dataclass(frozen=True)
class OutputsCase(PoolCase):
    """What a choice starts from, in place of a `case.Case`."""

    outputs: GivenOutputs
    data: OwnData  # its samples are features where the samples themselves are not given
    options: DebugOptions  # `batch_size` is the budget: samples to choose
    seed: int
    train_accuracies: np.ndarray | None = None  # (n_classes,), where probabilities of training samples are given
    notes: tuple[str, ...] = ()  # how the arrays were read
    sources: dict[str, Path] = field(default_factory=dict)  # the file of `data`, if there is one
    used: np.ndarray = field(default_factory=lambda: np.empty(0, int), repr=False)  # places that are not chosen
    has_samples: bool = False  # whether `data` has the samples themselves
    earlier: Earlier | None = field(default=None, repr=False)  # rounds of the same campaign
    only: Only | None = None  # what alone may be chosen
    head: Head | None = None  # that was fitted here, and is refitted on labels that come
    steps: int = 0  # that the budget of a head is spent in, see `choosing.in_steps`; 0: as many as are best
    libraries = ("numpy", "scikit-learn")

    @property
    def rows(self):
        """Rows of each shard of the pool, by name; empty for a pool in one file."""
        return self.outputs.pool.rows if isinstance(self.outputs, ShardedOutputs) else {}

    def about(self):
        """Return what a file about the case says of its data and options."""
        versions, files = versions_of(*self.libraries), hash_files(self.sources)
        return {"notes": self.notes, "options": asdict(self.options), "versions": versions, "files": files}

    def assess(self):
        """Return what the model gets wrong on validation samples, an `Assessment`."""
        predicted = self.outputs.of_validation()[1].argmax(axis=1)
        unseen = label_accuracies(self.data.y_validation, predicted, self.data.n_classes)
        seen = unseen if self.train_accuracies is None else self.train_accuracies
        return judge_accuracies(predicted, seen, unseen, self.options.theta, self.options.gamma)


def open_outputs(
    arrays, budget, *, pool=None, class_names=None, preset="recommended", seed=0, even_if_weak=False,
    continue_from=None, **changes,
):  # fmt: skip
    """Check outputs of a model, return an `OutputsCase`; an error says in one sentence what is wrong and what to do.

    Parameters
    ----------
    arrays : dict of str to array, or path
        Those of `array_sets.OUTPUTS`; or an .npz file with them.
    budget : int, samples to choose, at least 1
    pool : choosing.sharded_pool.Shards or str, optional
        A pool in shards, or the pattern that finds them: then no array is of the pool.
    class_names : sequence of str, optional
        One for each label; by default the array `class_names`, the labels where they are texts, or the numbers.
    preset, seed : {"recommended", "adaptive"}, int
    even_if_weak : bool
        Go on with a pool that seems to be scaled in another way than validation samples, see `array_values`.
    continue_from : path, optional
        The folder of an earlier round that was judged, of the same pool and validation samples in the same order.
    **changes : options of the preset to change, see `options.DebugOptions`
        And `only`, see `restricted.read_only`. `control_share` is .1 here, where a pool needs labels, see
        `selection.arm`; of others none is drawn. And `head`, True or an estimator of scikit-learn, see
        `heads.fit_head`, which is fitted to the arrays of `array_sets.FEATURES` and makes the probabilities; its
        `steps`, see `choosing.in_steps`.
    """
    check_least("budget", budget, 1)
    check_least("seed", seed, 0)
    if preset not in _PRESETS:
        raise ValueError(f"preset {preset!r} needs a model: choose from {', '.join(_PRESETS)}")
    if changes.pop("layer_selection", None):
        raise ValueError("layer_selection = True needs a model, whose layers are looked at: leave it out")
    only, head, steps = changes.pop("only", ()), changes.pop("head", None), changes.pop("steps", 0)
    fits = head is not None and head is not False  # an ensemble that is not fitted has no truth
    changes = OWN_DATA | {"control_share": CONTROL_SHARE} | changes
    if changes["reference"] != "states":
        raise ValueError(f"reference {changes['reference']!r} needs a model, which is trained afresh: leave it out")
    options = DebugOptions.preset(preset, batch_size=budget, max_iterations=1, layer_selection=False, **changes)
    check_steps(steps, options, fits)
    sources, where = {}, "the set of arrays"
    if isinstance(arrays, (str, Path)):
        where = Path(arrays)
        arrays, sources = read_arrays(where), {"data": where}
    if pool is not None:
        _check_no_pool(arrays, where, fits)
    earlier = read_earlier(continue_from) if continue_from else None
    of_arrays = FEATURES if fits else OUTPUTS if pool is None else OUTPUTS_BESIDE_SHARDS
    arrays, told = check_outputs(arrays, where, of_arrays, class_names or None, even_if_weak)
    if fits:
        head, arrays = _fit_head(head, arrays, earlier, seed)
    n_features, n_classes = (arrays[f"{what}_validation"].shape[1] for what in ("features", "probabilities"))
    names, sharded = tuple(map(str, arrays.get("class_names", range(n_classes)))), None
    if pool is not None:
        sharded = ShardedPool(pool if isinstance(pool, Shards) else Shards(str(pool)), n_features, n_classes, names)
        arrays |= {"features_pool": sharded.features, "names_pool": sharded.names, "y_pool": sharded.labels}
    data = _as_data(arrays, names)
    options, of_arm = with_arm(options, data)
    only, restricted = read_only(only, data, options)
    check_left(budget, data)
    predicted = np.asarray(arrays["probabilities_validation"]).argmax(axis=1)
    check_order(predicted, data.y_validation, data.class_names, "of the validation samples")
    seen = None
    if "probabilities_train" in arrays:
        parts = [np.asarray(chunk).argmax(axis=1) for _, chunk in in_chunks(arrays["probabilities_train"])]
        seen = label_accuracies(arrays["y_train"], np.concatenate(parts), data.n_classes)
    notes, has_samples = told + _notes(arrays, data, predicted, head) + of_arm + restricted, "x_pool" in arrays
    if sharded is not None:
        notes = (*notes, f"The pool: {len(sharded):,} rows in {len(sharded.rows):,} shards.")
    outputs = GivenOutputs(arrays, data.x_pool, has_samples, fits)
    outputs = outputs if sharded is None else ShardedOutputs(arrays, sharded)
    more = {"has_samples": has_samples, "only": only, "head": head or None, "steps": steps}
    case = OutputsCase(outputs, data, options, seed, seen, notes, sources, **more)
    return continue_outputs(case, earlier) if earlier else case


def make_outputs_example(features_alone=False, seed=0):
    """Return outputs to try: handwritten digits, one of them starved in their classifier, and a pool without labels.

    With `features_alone` there are no probabilities: a head takes their place.
    """
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    x, y = (x[order] / 16).astype(np.float32), y[order]
    train = np.setdiff1d(np.arange(600), np.flatnonzero(y[:600] == 3)[5:])
    model = LogisticRegression(max_iter=500).fit(x[train], y[train])
    places = {"train": train, "validation": np.arange(600, 1000), "pool": np.arange(1000, len(y))}
    arrays = {}
    for role, place in places.items():
        arrays[f"probabilities_{role}"], arrays[f"features_{role}"] = model.predict_proba(x[place]), x[place]
        arrays[f"x_{role}"], arrays[f"y_{role}"] = x[place].reshape(-1, 8, 8), y[place]
    del arrays["y_pool"]
    return {name: each for name, each in arrays.items() if not features_alone or "probabilities" not in name}


def _check_no_pool(arrays, where, head):
    if head:
        raise ValueError("a head is fitted for a pool in one file only: leave out the shards, or give probabilities")
    if own := next((name for name in arrays if name.endswith("_pool")), None):
        raise ValueError(f"{where} has an array {own!r}, but the pool is in shards: give one of them")
    if own := next((name for name in arrays if name.startswith("x_")), None):
        raise ValueError(f"{where} has an array {own!r}: with a pool in shards, only features are compared")


def _fit_head(given, arrays, earlier, seed):
    """Return a `Head` fitted to training samples and to all known labels of a pool that needs some; and its outputs."""
    names = arrays.get("class_names", range(1 + max(int(y.max()) for y in of_kind(arrays, "y").values())))
    pool, y_pool = arrays["features_pool"], arrays.get("y_pool", np.empty(0, np.int32))
    known = np.flatnonzero(y_pool >= 0) if (y_pool < 0).any() else np.empty(0, int)
    first = (np.asarray(arrays["features_train"], np.float32), arrays["y_train"])
    first = joined(first, (np.asarray(pool[known], np.float32), y_pool[known]))
    more = None
    if earlier:
        labels = earlier.labels(tuple(map(str, names)))
        used = np.array([each["index"] for each in earlier.samples], int)
        is_there = used < len(pool)  # otherwise it is another pool, which is told later
        more = np.asarray(pool[used[is_there]], np.float32), labels[is_there]
    head = fit_head(given, first, len(names), more, seed)
    return head, arrays | {
        f"probabilities_{role}": head.probabilities(arrays[f"features_{role}"]) for role in ROLES[:3]
    }


def _as_data(arrays, names):
    what = "x" if "x_pool" in arrays else "features"
    validation = np.asarray(arrays[f"{what}_validation"], np.float32)
    train = np.asarray(arrays.get(f"{what}_train", validation[:0]), np.float32)
    y_train = arrays["y_train"] if len(train) else np.empty(0, np.int32)
    groups, told = gather_groups(arrays_of_groups(arrays))
    return OwnData(
        train, y_train, validation, arrays["y_validation"], arrays[f"{what}_pool"], arrays.get("y_pool"),
        None, None, names, arrays.get("names_pool"), told, groups, arrays.get("names_validation"),
    )  # fmt: skip


def _notes(arrays, data, predicted, head):
    right = (predicted == data.y_validation).mean()
    chance = np.bincount(data.y_validation).max() / len(predicted)
    notes = head.say(data.class_names) if head else []
    notes += [f"The model gets {right:.1%} of {len(predicted)} validation samples right."]
    if right <= chance:
        notes.append(f"That is no more than always saying the most frequent label ({chance:.1%}): is it the right y?")
    notes += [*data.notes, *(() if head else say_known(data))]
    if "x_pool" not in arrays:
        notes.append("Copies and foreign samples are looked for among features, as the samples are not given.")
    if "probabilities_train" not in arrays:
        notes += ["Of training samples nothing is known: what is below theta counts as underfit, nothing as overfit."]
    return (*notes, *say_unseen(data), *thin_labels(data))
