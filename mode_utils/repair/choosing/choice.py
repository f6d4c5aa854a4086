"""A case and its pool: what is wrong with the model, and what to add; the same for a model and for outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from mode_utils.assessment import Assessment
from mode_utils.failure_modes import FailureMode
from mode_utils.repair.choosing.group_report import GroupReport, assess_groups
from mode_utils.repair.choosing.in_steps import choose_batches, steps_of
from mode_utils.repair.choosing.restricted import say_fewer
from mode_utils.repair.choosing.told_labels import chances
from mode_utils.repair.choosing.told_modes import case_modes
from mode_utils.repair.reading.arrays import FEW, check_order
from mode_utils.selection.next_batch import InputSelection
from mode_utils.study.formatting import percent
from mode_utils.support.streams import repair_streams

_BINS = 10  # of the model's confidence
_UNRANKED = "drawn at random, as nothing ranks it; "


class PoolCase:
    """What a case of a model and a case of outputs have in common: `data`, `options`, `seed`, `used` and `outputs`."""

    earlier = None  # rounds, `rounds.Earlier`
    only = None  # what alone may be chosen, `selection.eligible.Only`
    head = None  # that is refitted in place of a model, `heads.Head`

    @property
    def n_pool(self):
        """Samples of the pool."""
        return len(self.data.x_pool)

    @cached_property
    def scan(self):
        """What is known of each sample of the pool, a `selection.pool_scan.PoolScan`; looked at once."""
        known = self.new_selection().known
        if self.data.pool_labelled:  # of a few labels, which are of what the model gets wrong, no order can be told
            check_order(known.predicted, self.data.y_pool, self.data.class_names, "of the pool")
        return known

    def n_left(self, gone):
        """Return how many samples may still be chosen once those at some places are gone."""
        selection = self.new_selection(self.scan)
        left = selection.allowed & selection.pool.available
        return int(np.delete(left, gone).sum())

    def new_selection(self, known=None):
        """Return what chooses from the pool, as the laboratory does in a run of the same seed; `known` is the scan."""
        used, arm = self.used, ()
        if self.earlier:
            used, arm = np.union1d(used, self.earlier.cannot_tell), self.earlier.arm
        rng = repair_streams(self.seed)[1]
        selection = InputSelection(self.outputs, self.data.splits(), self.options, rng, used, arm, self.only)
        if known is not None:
            selection.known = known
        return selection


@dataclass(frozen=True)
class Report:
    """What is wrong with a model.

    Attributes
    ----------
    labels : pandas.DataFrame
        A row a label: `label`, its name; `train_accuracy`, if it is known, and `validation_accuracy`; `fault`,
        "underfit", "overfit" or "".
    confusions : pandas.DataFrame
        `label`, `predicted`, `samples` and `share` of the label's validation samples, the most frequent first.
    assessment : assessment.Assessment
    counts : (n_classes,) int, validation samples
    chances : (n_classes,) float in [0, 1], see `told_labels.chances`
    groups : group_report.GroupReport, where groups are given
    modes : sequence of failure_modes.FailureMode, of validation samples; see `told_modes.say_modes`
    """

    labels: pd.DataFrame
    confusions: pd.DataFrame
    assessment: Assessment
    counts: np.ndarray
    chances: np.ndarray
    groups: GroupReport | None = None
    modes: Sequence[FailureMode] = ()


def assess_case(case):
    """Return a `Report` on what the model of a `Case` or an `OutputsCase` gets wrong on validation samples."""
    data, assessment = case.data, case.assess()
    names, faults = np.array(data.class_names), np.full(data.n_classes, "", dtype=object)
    for fault in ("overfit", "underfit"):  # a label that is both is underfit
        faults[assessment.buggy[fault]] = fault
    seen, unseen = assessment.train_accuracies, assessment.held_out_accuracies
    accuracies = ({} if seen is unseen else {"train_accuracy": seen}) | {"validation_accuracy": unseen}
    labels = pd.DataFrame({"label": names, **accuracies, "fault": faults})
    groups = assess_groups(data, assessment.predictions)
    confusions = _confusions(data.y_validation, assessment.predictions, names)
    modes = case_modes(case, assessment.predictions)
    counts = np.bincount(data.y_validation, minlength=data.n_classes)
    unlikely = chances(assessment, counts, case.options.theta, case.options.gamma)
    return Report(labels, confusions, assessment, counts, unlikely, groups, modes)


def arm_of(case):
    """Return the control `selection.arm.Arm` of a `Case` or an `OutputsCase`: which of its inputs are drawn at random.

    Its seed, budget, share and earlier rounds decide it, and the size of the pool; the model is not asked.
    """
    return case.new_selection().draw_arm()


def choose_inputs(case, report):
    """Choose the samples of the pool that are worth adding, or worth a label where the pool has none.

    The control arm, see `arm_of`, is among them where the pool has no labels; the table does not tell which it is, so
    that nobody labels it in another way.

    Parameters
    ----------
    case, report : Case or OutputsCase, and its Report

    Returns
    -------
    pandas.DataFrame
        A row a sample, the most wanted first: `rank`, from 1; `index`, its place in the pool; `name`, `group`, if there
        are any; `score`, the higher the more wanted among those of its label, NaN of those drawn at random; `label`,
        its true label, or `guess`, what the reference takes it for; `predicted` and `confidence`, the model's label and
        its probability; `reason`, a sentence. Labels take turns as often as they get places, so that each beginning of
        the table serves them alike; what was only drawn to fill the batch comes last. No row if no label needs any.
        With a control arm, whose samples stand anywhere, there is no `score`.
    """
    batches = choose_batches(case, case.new_selection(case.scan), report.assessment, report.modes)
    if not batches:
        return _describe(case, report, np.empty(0, int), np.empty(0), np.empty(0, bool))
    chosen = pd.concat([_describe_batch(case, report, batch) for batch in batches], ignore_index=True)
    chosen["rank"], arm = np.arange(1, len(chosen) + 1), batches[0].arm
    return _mix(case, report, chosen, arm) if len(arm) else chosen


def say_expected_accuracy(case):
    """Say how much of the pool the model gets right, by its accuracy at the same confidence on validation samples."""
    probabilities = case.outputs.of_validation()[1]
    right = probabilities.argmax(axis=1) == case.data.y_validation
    seen, pool = (np.minimum(np.multiply(p, _BINS).astype(int), _BINS - 1)
                  for p in (probabilities.max(axis=1), case.scan.confidence))  # fmt: skip
    counts = np.bincount(seen, minlength=_BINS)
    shares = np.where(counts, np.bincount(seen, right, minlength=_BINS) / np.maximum(counts, 1), right.mean())
    told = f"By how sure it is, the model gets about {shares[pool].mean():.0%} of the pool right"
    return f"{told}; of validation {right.mean():.0%}."


def say_choice(case, report, chosen):
    """Return sentences on chosen inputs: shares of labels, groups that judge, fewer than the budget."""
    data, places = case.data, chosen["index"].to_numpy(int)
    groups, known = data.groups_in("pool"), [data.groups_in(role) for role in ("validation", "test")]
    known = np.concatenate([np.empty(0, int), *(each for each in known if each is not None)])
    n = 0 if groups is None else np.isin(groups[places], known).sum()
    told = f"{n} of {len(places)} chosen inputs are of groups of validation or test samples: once they are added"
    judging = [f"{told}, accuracy there says too much about new groups."] if n else []
    told = [*_say_misled(case), *_say_shares(case, report), *_say_steps(case, chosen)]
    return [*told, *judging, *say_fewer(case, chosen)]


def _say_misled(case):
    if not case.scan.misled:
        return ()
    told = "Validation samples that are held out are predicted worse once training samples teach the reference, too"
    return (f"{told}: are their labels wrong, or are they of another kind? They teach no guess of a label.",)


def _say_steps(case, chosen):
    if (n_steps := steps_of(case)) == 1 or not len(chosen):
        return ()
    guessed = "what model and reference take them for" if case.scan.blended else "what the reference takes them for"
    learned = "their labels" if case.data.pool_labelled else guessed
    return (f"They are chosen in {n_steps} steps: after each, the head learns {learned}, and looks again.",)


def _say_shares(case, report):
    errors, served = report.assessment.errors, case.new_selection(case.scan).served_errors(report.assessment)
    if served is None or np.isnan(errors).all() or not np.nanmax(errors):
        return ()
    n = int(np.median(report.counts))
    measured = f"errors of {percent(np.nanmin(errors))} to {percent(np.nanmax(errors))}"
    counted = "1 validation sample a label measures" if n == 1 else f"{n} validation samples a label measure"
    told = f"{counted} {measured}; with what the pool leads to expect,"
    return (f"{told} places are shared by {percent(served.min())} to {percent(served.max())}.",)


def _confusions(labels, predictions, names):
    wrong = np.flatnonzero(labels != predictions)  # of many labels, a square of all pairs does not fit into memory
    pairs, samples = np.unique(labels[wrong].astype(np.int64) * len(names) + predictions[wrong], return_counts=True)
    rows, columns = np.divmod(pairs, len(names))
    table = {"label": names[rows], "predicted": names[columns], "samples": samples}
    table["share"] = samples / np.bincount(labels, minlength=len(names))[rows]
    return pd.DataFrame(table).sort_values("samples", ascending=False, ignore_index=True, kind="stable")


def _describe_batch(case, report, batch):
    every = np.full(len(case.scan.labels), np.nan)
    every[batch.candidates] = batch.scores
    others = np.concatenate([batch.ranked, batch.random])
    return _describe(case, report, others, every[others], np.isin(others, batch.candidates))


def _describe(case, report, indices, scores, wanted):
    names, own, scan = np.array(case.data.class_names), case.data.known_as, case.scan
    errors, counts = (each[scan.labels[indices]] for each in (report.assessment.errors, report.counts))
    table = pd.DataFrame({
        "rank": 0, "index": indices, "score": scores, own: names[scan.labels[indices]],
        "predicted": names[scan.predicted[indices]], "confidence": scan.confidence[indices],
    })  # fmt: skip
    if case.data.names_pool is not None:
        table.insert(2, "name", case.data.names_pool[indices] if len(indices) else [])
    if (groups := case.data.groups_in("pool")) is not None:
        table.insert(2, "group", case.data.groups.names[groups[indices]])
    turns = table.groupby(own)["score"].rank(ascending=False, method="first", na_option="bottom") - 0.5
    shares = turns / table.groupby(own)["index"].transform("size")
    table["rank"] = shares.where(wanted, np.inf).rank(method="first").astype(int)
    guess = "model and reference take it for" if scan.blended else "the reference takes it for"
    known = {"label": "it is", "guess": guess}[own]
    rows = zip(table.itertuples(), errors, counts, strict=True)
    reasons = [_reason(row, known, getattr(row, own), error, count) for row, error, count in rows]
    return table.assign(reason=reasons).sort_values("rank", ignore_index=True)


def _mix(case, report, chosen, arm):
    """Put the arm at random places among what is chosen, so that each part of the table has as much of it."""
    rng, n = np.random.default_rng([case.seed, 2]), len(chosen) + len(arm)
    drawn = _describe(case, report, arm, np.zeros(len(arm)), np.ones(len(arm), bool))
    order, is_drawn = np.empty(n, int), np.isin(np.arange(n), rng.permutation(n)[: len(arm)])
    order[~is_drawn], order[is_drawn] = np.arange(len(chosen)), len(chosen) + rng.permutation(len(arm))
    table = pd.concat([chosen, drawn], ignore_index=True).iloc[order].reset_index(drop=True)
    reason = table["reason"].str.removeprefix(_UNRANKED)
    return table.assign(rank=np.arange(1, n + 1), reason=reason).drop(columns="score")


def _reason(row, known, label, error, count):
    seen = "the model agrees" if row.predicted == label else f"the model takes it for {row.predicted}"
    how = _UNRANKED if np.isnan(row.score) else ""
    share = f"{error:.0%}" if count >= FEW else f"{round(np.nan_to_num(error) * count)} of {count}"
    fails = f"the model gets {share} wrong" if count else "no validation sample is known"
    return f"{how}{known} {label}, of which {fails}; {seen} ({row.confidence:.0%} sure)"
