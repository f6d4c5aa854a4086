"""What became of a repair: labels before and after, validation samples fixed and broken, new bugs, its contract."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mode_utils.assessment import label_accuracies
from mode_utils.repair.contract import BROKEN, VALIDATION, ContractVerdict, as_labels, count_changes, judge_contract
from mode_utils.repair.verdicts import NEW_BUG


@dataclass(frozen=True)
class RepairOutcome:
    """What became of a repair.

    Attributes
    ----------
    labels : pandas.DataFrame
        A row a label: `label`, `before`, `after`, validation accuracies, and `change`; `samples`, `fixed`, `broken` of
        it; `verdict`, see `verdicts.judge_labels`; `test_before` and `test_after` where there is a test set.
    fixed, broken : int, validation samples that were wrong and are right, and the other way round
    new_bugs : list of str, names of the labels that have lost more than the tolerance, beyond chance
    accuracies : dict of str to float
        Shares of all samples that are right, in [0, 1]: `accuracy_before`, `accuracy_after`; of a test set, if there is
        one, `test_accuracy_before`, `test_accuracy_after`.
    replay : float, old samples for each new one, in the retraining that this is the outcome of
    more : tuple of int, labels that would have lost much, of which more old samples were taken
    state : tuple of arrays, of the repaired model, for `Trainer.restore`
    training : retraining.Training, how the retraining went; None where the user has retrained
    contract : contract.ContractVerdict, whether what worked still does
    added : (indices, labels) of the samples that were added, by place in the pool
    judged : campaign.judged.Judgement, optional, what the round shows
    """

    labels: pd.DataFrame
    fixed: int
    broken: int
    new_bugs: list[str]
    replay: float
    state: tuple[np.ndarray, ...]
    training: object
    accuracies: dict[str, float]
    contract: ContractVerdict | None = None
    more: tuple[int, ...] = ()
    added: tuple[np.ndarray, np.ndarray] = ((), ())
    judged: object = None

    @property
    def harms(self):
        """Whether a label is a new bug, its contract is broken, or more validation samples were broken than fixed."""
        return bool(self.new_bugs) or self.broken > self.fixed or self.breaks_contract

    @property
    def breaks_contract(self):
        """Whether a term of the contract is broken."""
        return self.contract is not None and self.contract.outcome == BROKEN

    @property
    def asks(self):
        """Labels that seem to have lost so much that the model is saved only if that is wanted."""
        return self.contract.large if self.contract else []

    @property
    def changed(self):
        """Whether the model is another one than before, and one that can be used."""
        return self.training is None or not (self.training.stands_still or self.training.diverged)

    @property
    def helps(self):
        """Whether validation samples were fixed, not more were broken, and no label is a new bug."""
        return self.changed and self.fixed > 0 and not self.harms

    def is_saved(self, keep_new_bugs=False):
        """Tell whether the repaired model is worth a file: it helps and asks nothing, or is another one and wanted."""
        return bool(self.training) and ((self.helps and not self.asks) or (keep_new_bugs and self.changed))


def compare_predictions(sides, names, contract, parts=None):
    """Return the `RepairOutcome` of what was predicted before and after.

    `sides` are (y, before, after) of "validation", maybe of "test", which is told and decides nothing, and of "old"
    samples, see `contract.judge_contract`; `contract` is a `contract.Contract`, `names` are those of the labels, and
    `parts` are `contract.Parts` of the validation samples.
    """
    columns, overall = {"label": list(names)}, {}
    for part in (each for each in (VALIDATION, "test") if each in sides):
        prefix, (y, *pair) = "" if part == VALIDATION else f"{part}_", sides[part]
        for when, predictions in zip(("before", "after"), map(as_labels, pair), strict=True):
            columns[prefix + when] = label_accuracies(y, predictions, len(names))
            overall[f"{prefix}accuracy_{when}"] = float((predictions == y).mean())
    labels = pd.DataFrame(columns)
    y, *pair = sides[VALIDATION]
    counts = count_changes(y, *map(as_labels, pair), len(names))
    judged, verdicts = judge_contract(contract, sides, names, parts)
    found = {"change": labels["after"] - labels["before"]}
    found |= dict(zip(("samples", "fixed", "broken"), counts, strict=True)) | {"verdict": verdicts}
    for place, (name, column) in enumerate(found.items(), start=3):
        labels.insert(place, name, column)
    new_bugs = labels.loc[labels["verdict"] == NEW_BUG, "label"].tolist()
    return RepairOutcome(labels, *counts[1:].sum(axis=1).tolist(), new_bugs, 0, (), None, overall, contract=judged)
