"""What became of a repair: labels before and after, validation samples fixed and broken, new bugs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mode_utils.assessment import label_accuracies
from mode_utils.repair.verdicts import NEW_BUG, judge_labels
from mode_utils.study.clustered import excess_p


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
    state : tuple of arrays, of the repaired model, for `Trainer.restore`
    training : retraining.Training, how the retraining went; None where the user has retrained
    tries : int, retrainings that this is the best of, by the same validation samples
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
    tries: int = 1
    added: tuple[np.ndarray, np.ndarray] = ((), ())
    judged: object = None

    @property
    def harms(self):
        """Whether a label is a new bug, or more validation samples were broken than fixed."""
        return bool(self.new_bugs) or self.broken > self.fixed

    @property
    def changed(self):
        """Whether the model is another one than before, and one that can be used."""
        return self.training is None or not (self.training.stands_still or self.training.diverged)

    @property
    def helps(self):
        """Whether validation samples were fixed, not more were broken, and no label is a new bug."""
        return self.changed and self.fixed > 0 and not self.harms

    def is_saved(self, keep_new_bugs=False):
        """Tell whether the repaired model is worth a file: it helps, or it is another one and wanted all the same."""
        return bool(self.training) and (self.helps or (keep_new_bugs and self.changed))


def compare_predictions(data, before, after, tolerance):
    """Return the `RepairOutcome` of labels predicted before and after, (n,) for "validation" and maybe "test"."""
    truth, columns, overall = {"validation": data.y_validation, "test": data.y_test}, {"label": data.class_names}, {}
    for part in before:
        prefix = "" if part == "validation" else f"{part}_"
        for when, predictions in (("before", before), ("after", after)):
            columns[prefix + when] = label_accuracies(truth[part], predictions[part], data.n_classes)
            overall[f"{prefix}accuracy_{when}"] = float((predictions[part] == truth[part]).mean())
    labels = pd.DataFrame(columns)
    was, is_ = (predictions["validation"] == data.y_validation for predictions in (before, after))
    counts = {"samples": np.ones_like(was), "fixed": ~was & is_, "broken": was & ~is_}
    counts = {name: np.bincount(data.y_validation[part], minlength=data.n_classes) for name, part in counts.items()}
    found = {"change": labels["after"] - labels["before"], **counts}
    lost, groups = was.astype(int) - is_, data.groups_in("validation")
    least = None if groups is None else [
        excess_p(lost[part], groups[part], tolerance) if part.any() else 1.0
        for part in (data.y_validation == label for label in range(data.n_classes))
    ]  # fmt: skip
    found |= {"verdict": judge_labels(**counts, tolerance=tolerance, least_p=least)}
    for place, (name, column) in enumerate(found.items(), start=3):
        labels.insert(place, name, column)
    new_bugs = labels.loc[labels["verdict"] == NEW_BUG, "label"].tolist()
    fixed, broken = (int(counts[name].sum()) for name in ("fixed", "broken"))
    return RepairOutcome(labels, fixed, broken, new_bugs, 0, (), None, overall)
