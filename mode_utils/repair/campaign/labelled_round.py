"""A round of outputs of any framework: what to retrain on, and what that shows; of a head, which is refitted here."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mode_utils.repair.campaign.compared import compare_with_random
from mode_utils.repair.campaign.gain import LEAST, PLANNED_ROUNDS, judge_trainings, plan_trainings, run_trainings
from mode_utils.repair.campaign.judged import judge_lines
from mode_utils.repair.campaign.next_round import LABEL_COST
from mode_utils.repair.campaign.pool_facts import describe_pool
from mode_utils.repair.campaign.rounds import answered_arm, labelled_so_far, rounds_with, take_labels
from mode_utils.repair.choosing.choice import arm_of
from mode_utils.repair.contract import VALIDATION, Contract, Parts
from mode_utils.repair.labelling.agreement import GatheredLabels, gather_labels
from mode_utils.repair.labelling.label_table import as_text
from mode_utils.repair.reading.array_values import check_probabilities
from mode_utils.repair.reading.arrays import check_order
from mode_utils.repair.reading.label_arrays import labels_of
from mode_utils.repair.reading.npz_files import as_plain, read_arrays
from mode_utils.repair.repair_outcome import compare_predictions
from mode_utils.support.checks import check_least

N_MODELS = 3  # of each kind of `gain.plan_trainings`, and one more of redrawn arms
KINDS = ("drawn", "chosen", "redrawn")


@dataclass(frozen=True)
class LabelledRound:
    """Labels of a round of an `OutputsCase`, and what to retrain on.

    Attributes
    ----------
    case, gathered : OutputsCase, and GatheredLabels of this round
    known : (n_pool,) int, all labels that are known, -1 where none is
    arm : (n,) int, places of the labelled inputs so far that were drawn at random
    plan : dict of str to list of (n,) int, see `gain.plan_trainings`; empty where the choice cannot be judged
    """

    case: object
    gathered: GatheredLabels
    known: np.ndarray
    arm: np.ndarray
    plan: dict

    @property
    def added(self):
        """All inputs of the campaign with a label, a DataFrame: `index`, maybe `name`, `label`."""
        places = np.concatenate([self.case.used, self.gathered.indices]).astype(int)
        table, names = self._table(places), self.case.data.names_pool
        if names is not None:
            table.insert(1, "name", [as_text(str(name)) for name in names[places]])
        return table

    @property
    def trainings(self):
        """What to retrain the first model of the campaign on, a row an input: `model`, `index`, `label`."""
        parts = [
            self._table(places).assign(model=f"{kind}-{number}")
            for kind, every in self.plan.items()
            for number, places in enumerate(every, start=1)
        ]
        return pd.concat([pd.DataFrame({"model": [], "index": [], "label": []}, dtype=object), *parts])

    def _table(self, places):
        names = [as_text(self.case.data.class_names[label]) for label in self.known[places]]
        return pd.DataFrame({"index": places, "label": names})

    def say_next(self):
        """Return sentences on what to retrain, and how to have it judged."""
        n, n_added = len(self.case.data.y_validation), len(self.case.used) + len(self.gathered.indices)
        said = [f"Retrain on added.csv, the {n_added} inputs of this campaign with a label, beside old training data"]
        wanted = f"`now` ({n},), of the model that was retrained on added.csv"
        if self.plan:
            counts, size = {kind: len(every) for kind, every in self.plan.items()}, len(self.plan["drawn"][0])
            told = f"To judge the choice, retrain the first model of the campaign {sum(counts.values())} times, once"
            told += f" for each model in trainings.csv, on its {size} inputs beside the data that it was trained on"
            said.append(f"{told}; one that comes twice counts twice")
            wanted += "".join(f", `{kind}` ({number}, {n})" for kind, number in counts.items())
        else:
            n_chosen = n_added - np.isin(self.arm, np.append(self.case.used, self.gathered.indices)).sum()
            told = f"{len(self.arm)} labels of inputs drawn at random and {n_chosen} of chosen ones are there"
            said.append(f"What choosing gains is not judged in this round: {told}, and it takes {LEAST} of each")
        told = f"Save what they predict for the validation samples as an .npz file with {wanted}, labels or, with one"
        return [*said, f"{told} axis more, probabilities; give it to --outcome, with the same --apply and a new folder"]

    def save(self, folder):
        """Write `added.csv` and `trainings.csv` into a folder."""
        self.added.to_csv(Path(folder) / "added.csv", index=False)
        self.trainings.to_csv(Path(folder) / "trainings.csv", index=False)


def take_round(case, paths, n_models=N_MODELS):
    """Read the labels of a round of an `OutputsCase`, from one or several people; return the `LabelledRound`.

    Parameters
    ----------
    case : outputs.OutputsCase, opened with the options that the inputs were chosen with
    paths : path or sequence of path, see `labelling.agreement.gather_labels`; of a pool in shards, `index` counts
    n_models : int, at least 2, to retrain on each of drawn and chosen inputs, and one more on redrawn arms
    """
    check_least("models", n_models, 2)
    data = case.data
    if data.pool_labelled:
        raise ValueError("each input of the pool has a label: there is none to apply")
    names = data.names_pool if isinstance(data.names_pool, np.ndarray) else None  # those of shards are not read whole
    gathered = take_labels(gather_labels(paths, data.class_names, case.n_pool, names), case)
    known, arm, chosen, _ = labelled_so_far(case, (gathered.indices, gathered.labels), gathered.cannot_tell)
    rng = np.random.default_rng([case.seed, len(case.used)])
    return LabelledRound(case, gathered, known, arm, plan_trainings(arm, chosen, known, rng, n_models, n_models + 1))


def judge_outcome(labelled, outcome, planned=PLANNED_ROUNDS, label_cost=LABEL_COST):
    """Judge a round by what retrained models predict for the validation samples; return the `RepairOutcome`.

    Parameters
    ----------
    labelled : LabelledRound, of the same labels that the models were retrained on
    outcome : dict of str to array, or path of an .npz file
        `now`, (n_validation,) labels or (n_validation, n_classes) probabilities of the model retrained on all of
        `labelled.added`; of those retrained on `labelled.trainings`, in their order, `drawn`, `chosen` and `redrawn`,
        (n_models, n_validation) or (n_models, n_validation, n_classes), at least 2 of each. Without these three, the
        choice is not judged.
    planned : int, rounds of the campaign, at least 1
    label_cost : float, at least 0, points of accuracy that 100 labels have to bring
    """
    check_least("planned_rounds", planned, 1)
    check_least("label_cost", label_cost, 0, whole=False)
    case, plan = labelled.case, labelled.plan
    where = Path(outcome) if isinstance(outcome, (str, Path)) else "the outcome"
    now, made = read_outcome(read_arrays(where) if isinstance(where, Path) else outcome, where, case, plan)
    found = outcome_of(case, now, (labelled.gathered.indices, labelled.gathered.labels))
    groups, y = case.data.groups_in("validation"), case.data.y_validation
    shown = judge_trainings(made, y, len(plan["drawn"][0]), planned, groups) if made else ()
    judged = judge_lines(case, rounds_with(case, found), *(shown or (None,)), planned=planned, label_cost=label_cost)
    return replace(found, judged=replace(judged, pool=_describe(labelled)))


def outcome_of(case, now, added):
    """Return the `RepairOutcome` of labels (n_validation,) predicted `now`, after (indices, labels) were added."""
    sides = {VALIDATION: (case.data.y_validation, case.outputs.of_validation()[1].argmax(axis=1), now)}
    return replace(compare_predictions(sides, case.data.class_names, Contract(), Parts.of(case.data)), added=added)


def read_outcome(arrays, where, case, plan):
    """Return labels (n_validation,) of `now`, and (n_models, n_validation) by kind; a ValueError says what is wrong."""
    y, names = case.data.y_validation, case.data.class_names
    if unknown := next((name for name in arrays if name not in ("now", *KINDS)), None):
        raise ValueError(f"{where} has an array {unknown!r}: choose from now, {', '.join(KINDS)}")
    if "now" not in arrays:
        raise ValueError(f"{where} has no array 'now': what the model that was retrained on added.csv predicts")
    now = _labels_in(where, "now", arrays["now"], (len(y),), names)
    check_order(now, y, names, "of the validation samples of `now`")
    given = [kind for kind in KINDS if kind in arrays]
    if not given:
        return now, {}
    if lacking := [kind for kind in KINDS if kind not in given]:
        raise ValueError(f"{where} has {given[0]!r}, but no {lacking[0]!r}: give all of {', '.join(KINDS)}, or none")
    if not plan:
        told = f"{where} has {given[0]!r}, but with these labels no model is asked for: apply the same tables as before"
        raise ValueError(f"{told}, or leave {', '.join(KINDS)} out")
    made = {}
    for kind in KINDS:
        n = np.shape(arrays[kind])[:1]
        n = n[0] if n and 2 <= n[0] <= len(plan[kind]) else f"2 to {len(plan[kind])} models"
        made[kind] = _labels_in(where, kind, arrays[kind], (n, len(y)), names)
    return now, made


def _labels_in(where, name, array, shape, class_names):
    array = as_plain(array)
    with_classes = *shape, len(class_names)
    if array.shape not in (shape, with_classes):
        wanted = [", ".join(map(str, each)) + ("," if len(each) == 1 else "") for each in (shape, with_classes)]
        told = f"{name!r} of {where} has shape {array.shape}: it must be ({wanted[0]}) labels or ({wanted[1]})"
        raise ValueError(f"{told} probabilities of the validation samples")
    if array.shape == with_classes:
        check_probabilities(name, array.reshape(-1, len(class_names)))
        return array.argmax(axis=-1)
    rows = array.reshape(-1, shape[-1])
    found = [labels_of(name if len(shape) == 1 else f"{name}[{n}]", row, len(row), class_names)
             for n, row in enumerate(rows)]  # fmt: skip
    return np.array(found).reshape(shape)


def _describe(labelled):
    """Return sentences on the pool by the new members of the arm, and the model that they were chosen with."""
    case, gathered = labelled.case, labelled.gathered
    new = np.intersect1d(arm_of(case).new, answered_arm(case, gathered.indices, gathered.cannot_tell)[0])
    arm = new[labelled.known[new] >= 0]
    if not len(arm):
        return ()
    sides = [(labelled.known[arm], case.outputs.at(arm, ("probabilities",))[0])]
    sides.append((case.data.y_validation, case.outputs.of_validation()[1]))
    said, _ = describe_pool(*sides, len(new) - len(arm), case.data.class_names)
    return (*said, *(["The pool is here what had no label before this round"] if case.earlier else []))


def judge_head(case, chosen, labelled=None, planned=PLANNED_ROUNDS, label_cost=LABEL_COST):
    """Refit a head on old and new samples, and judge it: a `RepairOutcome`; None where the new ones have no labels.

    Parameters
    ----------
    case : outputs.OutputsCase, with a `head`
    chosen : pandas.DataFrame, see `choosing.choice.choose_inputs`; of a labelled pool, as many drawn at random are
        compared with it
    labelled : LabelledRound, optional, of a pool without labels
    planned, label_cost : see `judge_outcome`
    """
    if labelled:
        return judge_outcome(labelled, refit_round(labelled), planned, label_cost)
    if not case.data.pool_labelled or not len(chosen):
        return None
    added = chosen["index"].to_numpy(), case.data.y_pool[chosen["index"]]
    found = outcome_of(case, _labels_after(case, *added), added)
    compared = compare_with_random(case, *added, planned=planned)
    gain, spread = compared.gain, compared.table["random"].std()
    judged = judge_lines(case, rounds_with(case, found), gain, spread, planned, label_cost)
    return replace(found, judged=replace(judged, doubt=compared.doubt))


def refit_round(labelled):
    """Return what the head predicts that learns from the labels of a round, and those of its `trainings`."""
    case, gathered = labelled.case, labelled.gathered

    def refit(places, _):
        states = case.outputs.states_at(np.sort(places))
        return case.head.retrained(states, labelled.known[np.sort(places)], case.outputs.of_validation()[0])

    now = _labels_after(case, gathered.indices, gathered.labels)
    return {"now": now} | run_trainings(labelled.plan, refit)


def save_heads(folder, case, outcome=None):
    """Write `head.npz` into a folder, and `repaired_head.npz` after a round that helps, see `heads.Head.save`."""
    case.head.save(Path(folder) / "head.npz", case.data.class_names)
    if outcome is not None and outcome.helps and not outcome.asks:
        _after(case, *outcome.added).save(Path(folder) / "repaired_head.npz", case.data.class_names)


def _after(case, indices, labels):
    return case.head.with_more(case.outputs.states_at(indices), np.asarray(labels))


def _labels_after(case, indices, labels):
    return _after(case, indices, labels).probabilities(case.outputs.of_validation()[0]).argmax(axis=1)
