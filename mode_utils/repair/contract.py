"""The contract of a repair: what must not become worse, by how much, and whether that is kept, broken or open.

Non-inferiority is tested for each term: it is kept if a loss of its tolerance or more is excluded (p < 0.05), broken if
the loss exceeds the tolerance beyond chance (p < 0.05, adjusted by Holm for all terms). Validation samples judge, which
decide nothing in a retraining. A label is also judged by old training samples that no retraining has seen (`OLD`): the
model has learnt them, so that their loss is rather overstated, and they can show that a label is kept.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import norm

from mode_utils.repair.verdicts import NEW_BUG, judge_labels, kept_p, largest_loss, loss_p, needed_to_tell, say_needed
from mode_utils.study.significance import SIGNIFICANCE, holm
from mode_utils.support.clustered import excess_p

KEPT, BROKEN, OPEN = "kept", "broken", "cannot tell"
VALIDATION, OLD = "validation", "old"  # samples that judge
WHOLE, CALIBRATION_ERROR, LOG_LOSS = "all samples", "calibration error", "log loss"
_BINS, _DRAWS = 10, 200  # of confidence; of samples, for the error of a calibration error
_SEEN = 0.1  # p, adjusted by Holm, of a loss that is large by all samples that judge
_LEAST, _NO_ERROR = 1e-4, 1e-12  # probability, in a log loss; standard error of what does not vary
_LEAST_OF_PART, _MOST_PARTS = 10, 20  # samples of a group that is a term, and how many groups are


@dataclass(frozen=True)
class Parts:
    """What validation samples share: the group (n,) int of each, and places (n_part,) of those of a term, by name."""

    groups: np.ndarray | None = None
    places: dict = field(default_factory=dict)

    @classmethod
    def of(cls, data, modes=()):
        """Return the parts of `OwnData`: its groups, of which the largest are terms, and failure modes."""
        groups, places = data.groups_in(VALIDATION), {}
        if groups is not None:
            numbers, sizes = np.unique(groups, return_counts=True)
            largest = np.argsort(-sizes, kind="stable")[:_MOST_PARTS]
            named = [(data.groups.names[numbers[k]], numbers[k]) for k in largest if sizes[k] >= _LEAST_OF_PART]
            places = {f"group {name}": np.flatnonzero(groups == number) for name, number in named if name}
        for number, mode in enumerate(modes, start=1):
            places[f"mode {number}, of {data.class_names[mode.label]}"] = mode.members
        return cls(groups, places)


@dataclass(frozen=True)
class Contract:
    """By how much a term may become worse: shares of samples in [0, 1], a calibration error in [0, 1], a log loss."""

    whole: float = 0.01
    label: float = 0.02
    part: float = 0.05  #: of a group, or a failure mode
    calibration_error: float = 0.05
    log_loss: float = 0.1
    large: float = 0.1  #: loss of a label from which a repair is not saved unasked, though it is not broken


@dataclass(frozen=True)
class Trade:
    """Samples of one label that are now taken for another, whose own samples are no longer taken for it; shares."""

    loser: str
    winner: str
    lost: float  #: of the loser's samples, in all
    given: float  #: of the loser's samples, those that are now taken for the winner
    gained: float  #: of the winner's samples, in all
    taken: float  #: of the winner's samples, those that were taken for the loser


@dataclass(frozen=True)
class ContractVerdict:
    """What became of a contract.

    Attributes
    ----------
    terms : pandas.DataFrame
        A row a term: `term`, `loss` (below 0: a gain), `at_most`, the upper end of its one-sided 95% interval,
        `tolerance`, `samples` and `old_samples` that judge, `outcome`, and `needed`, samples that would decide it.
    large : list of str, labels that are not broken, but by all samples that judge lose more than `Contract.large`
    trades : list of Trade
    flips : pandas.DataFrame
        A row a validation sample that was right and is wrong, the surest first: `index`, its place; `label`, which it
        was taken for before; `after`, what it is taken for; `confidence` in that, NaN without probabilities.
    """

    terms: pd.DataFrame
    large: list[str] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    flips: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def outcome(self):
        """The worst of the terms: broken, else cannot tell, else kept."""
        return next((each for each in (BROKEN, OPEN) if (self.terms["outcome"] == each).any()), KEPT)

    def of(self, outcome):
        """Return the terms with an outcome, the largest loss first."""
        return self.terms[self.terms["outcome"] == outcome].sort_values("loss", ascending=False, kind="stable")


def judge_contract(contract, sides, names, parts=None):
    """Return the `ContractVerdict`, and that of each label on new bugs, see `verdicts.judge_labels`.

    Parameters
    ----------
    contract : Contract
    sides : dict of str to (y, before, after)
        True labels (n,), and what the models before and after predict, labels (n,) or probabilities (n, n_classes);
        of `VALIDATION`, maybe of `OLD`. Calibration is judged by probabilities alone.
    names : sequence of str, of the labels
    parts : Parts, optional, of the validation samples; where these come in groups, groups count, and not samples
    """
    parts = parts or Parts()
    judging = [sides[part] for part in (VALIDATION, OLD) if part in sides]  # never what is only told
    labels = [(y, *(as_labels(each) for each in pair)) for y, *pair in judging]
    own, *_ = counts = [count_changes(*each, len(names)) for each in labels]
    every = sum(counts)
    whole, of_calibration = own.sum(axis=1, keepdims=True), _calibration(contract, *sides[VALIDATION])
    of_parts = {name: count_changes(*(each[places] for each in labels[0]), len(names)).sum(axis=1, keepdims=True)
                for name, places in parts.places.items()}  # fmt: skip
    least = _least_p(parts.groups, *labels[0], len(names), contract)
    beside = [max(loss_p(*whole, contract.whole)[0], least["whole"])]
    beside += [norm.sf((loss - allowed) / error) for loss, error, allowed in of_calibration.values()]
    beside += [loss_p(*each, contract.part)[0] for each in of_parts.values()]
    verdicts = judge_labels(*own, contract.label, beside, least["labels"])
    p = np.maximum(loss_p(*own, contract.label), 0 if least["labels"] is None else least["labels"])
    adjusted = holm([*p[own[0] > 0], *beside])[-len(beside) :]
    kept = np.where(p < SIGNIFICANCE, 1, np.maximum(kept_p(*every, contract.label), least["kept"]))
    of_whole = max(kept_p(*whole, contract.whole)[0], least["whole kept"])
    ends = largest_loss(*np.hstack([whole, every, *of_parts.values()]))
    rows = [_row(WHOLE, whole, whole, ends[0], contract.whole, adjusted[0] < SIGNIFICANCE, of_whole)]
    for place, name in enumerate(names):
        each, broken = slice(place, place + 1), verdicts[place] == NEW_BUG
        rows.append(_row(name, own[:, each], every[:, each], ends[1 + place], contract.label, broken, kept[place]))
    for (name, each), broken in zip(of_calibration.items(), adjusted[1:], strict=False):
        rows.append(_of_error(name, len(labels[0][0]), *each, broken < SIGNIFICANCE))
    of_ends = zip(ends[1 + len(names) :], adjusted[len(adjusted) - len(of_parts) :], strict=True)
    for (name, each), (end, p_broken) in zip(of_parts.items(), of_ends, strict=True):
        outcome = p_broken < SIGNIFICANCE, kept_p(*each, contract.part)[0]
        rows.append(_row(name, each, each, end, contract.part, *outcome))
    loss = np.divide(every[2] - every[1], every[0], out=np.zeros(len(names)), where=every[0] > 0)
    seen = holm(loss_p(*every, contract.label)) < _SEEN
    large = [name for name, lost, told, beyond in zip(names, loss, verdicts, seen, strict=True)
             if beyond and lost > contract.large and told != NEW_BUG]  # fmt: skip
    flips = find_flips(*sides[VALIDATION], names)
    return ContractVerdict(pd.DataFrame(rows), large, find_trades(labels, names, contract.label), flips), verdicts


def _least_p(groups, y, before, after, n_classes, contract):
    """Return what p is at least where samples come in groups: of losses, and of their being less than is tolerated."""
    if groups is None:
        return {"labels": None, "kept": 0.0, "whole": 0.0, "whole kept": 0.0}
    lost = (before == y).astype(int) - (after == y)
    own = [y == label for label in range(n_classes)]
    p = {sign: [excess_p(sign * lost[part], groups[part], sign * contract.label) if part.any() else 1.0 for part in own]
         for sign in (1, -1)}  # fmt: skip
    whole = [excess_p(sign * lost, groups, sign * contract.whole) for sign in (1, -1)]
    return {"labels": np.array(p[1]), "kept": np.array(p[-1]), "whole": whole[0], "whole kept": whole[1]}


def as_labels(predicted):
    """Return labels (n,) of predictions, which may be probabilities (n, n_classes)."""
    return np.argmax(predicted, axis=1) if np.ndim(predicted) == 2 else np.asarray(predicted)


def count_changes(y, before, after, n_classes):
    """Return counts (3, n_classes) by label: samples, those that were wrong and are right, and the other way round."""
    was, is_ = before == y, after == y
    parts = np.ones_like(was), ~was & is_, was & ~is_
    return np.array([np.bincount(y[part], minlength=n_classes) for part in parts])


def find_flips(y, before, after, names):
    """Return negative flips among samples, see `ContractVerdict`."""
    is_, names = as_labels(after), np.asarray(names)
    places = np.flatnonzero((as_labels(before) == y) & (is_ != y))
    sure = np.max(after, axis=1)[places] if np.ndim(after) == 2 else np.full(len(places), np.nan)
    table = {"index": places, "label": names[y[places]], "after": names[is_[places]], "confidence": sure}
    return pd.DataFrame(table).sort_values("confidence", ascending=False, kind="stable", ignore_index=True)


def find_trades(sides, names, tolerance):
    """Return the trades in (y, before, after), labels (n,): a loss, most of it to a label that gains."""
    y, before, after = (np.concatenate(each) for each in zip(*sides, strict=True))
    samples, fixed, broken = count_changes(y, before, after, len(names))
    moved, returned = np.zeros((2, len(names), len(names)))
    np.add.at(moved, (y, after), (before == y) & (after != y))
    np.add.at(returned, (y, before), (before != y) & (after == y))
    found = []
    for loser in np.flatnonzero(broken - fixed > tolerance * samples):
        winner = int(moved[loser].argmax())
        shares = moved[loser, winner] / samples[loser], returned[winner, loser] / max(samples[winner], 1)
        if 2 * moved[loser, winner] >= broken[loser] and 2 * shares[1] >= shares[0] and fixed[winner] > broken[winner]:
            lost, gained = ((broken - fixed)[loser] / samples[loser], (fixed - broken)[winner] / samples[winner])
            found.append(
                Trade(names[loser], names[winner], float(lost), float(shares[0]), float(gained), float(shares[1]))
            )
    return found


def calibration_error(right, confidence):
    """Return expected calibration errors (...), in [0, 1], in ten bins of the n samples (..., n) each (Nixon, 2019)."""
    order, n = np.argsort(confidence, axis=-1, kind="stable"), np.shape(confidence)[-1]
    over = np.take_along_axis(np.subtract(right, confidence, dtype=float), order, axis=-1)
    starts = [part[0] for part in np.array_split(np.arange(n), min(_BINS, n))]
    return np.abs(np.add.reduceat(over, starts, axis=-1)).sum(axis=-1) / n


def _row(term, own, every, at_most, tolerance, broken, p_kept):
    samples, fixed, broken_samples = (int(each[0]) for each in every)
    loss, n = (broken_samples - fixed) / samples if samples else np.nan, int(own[0, 0])
    needed = needed_to_tell(samples, fixed, broken_samples, tolerance) if samples else ""
    counts = {"samples": n, "old_samples": samples - n}
    return _term(term, loss, at_most, tolerance, counts, broken, p_kept < SIGNIFICANCE, needed)


def _term(name, loss, at_most, tolerance, counts, broken, is_kept, needed):
    """Return a row of `ContractVerdict.terms`; `needed` is told where nothing can be."""
    outcome = BROKEN if broken else KEPT if is_kept else OPEN
    found = {"term": name, "loss": float(loss), "at_most": float(at_most), "tolerance": tolerance, **counts}
    return found | {"outcome": outcome, "needed": needed if outcome == OPEN else ""}


def _calibration(contract, y, before, after):
    """Return loss, its standard error, and tolerance of the terms of calibration; nothing without probabilities."""
    if np.ndim(before) != 2 or np.ndim(after) != 2 or len(y) < 2:
        return {}
    losses = [-np.log(np.clip(p[np.arange(len(y)), y], _LEAST, 1)) for p in (before, after)]
    change = losses[1] - losses[0]
    sides = [(p.argmax(axis=1) == y, p.max(axis=1)) for p in (before, after)]
    rng = np.random.default_rng(0)
    draws = np.vstack([np.arange(len(y)), rng.integers(len(y), size=(_DRAWS, len(y)))])
    few = np.array_split(draws, np.clip(len(y) // 500, 1, len(draws)))  # which fit into a cache
    errors = np.concatenate([np.subtract(*(calibration_error(right[each], sure[each]) for right, sure in sides[::-1]))
                             for each in few])  # fmt: skip
    return {
        CALIBRATION_ERROR: (errors[0], max(np.std(errors[1:]), _NO_ERROR), contract.calibration_error),
        LOG_LOSS: (change.mean(), max(change.std(ddof=1) / np.sqrt(len(y)), _NO_ERROR), contract.log_loss),
    }


def _of_error(name, n, loss, error, tolerance, broken):
    """Return the row of a term whose loss has a standard error."""
    times = ((z := norm.isf(SIGNIFICANCE)) * error / (tolerance - loss)) ** 2 if loss != tolerance else np.inf
    counts, is_kept = {"samples": n, "old_samples": 0}, (tolerance - loss) / error > z
    return _term(name, loss, loss + z * error, tolerance, counts, broken, is_kept, say_needed(times, n))
