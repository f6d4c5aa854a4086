"""Comparison of a choice with random inputs where the whole pool has labels: the same budget, the same retraining."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mode_utils.repair.campaign.gain import PLANNED_ROUNDS, Gain, estimate_gain
from mode_utils.support.sample_parts import joined

SEEDS = 6  # repairs of each kind
_LEAST, _MOST = 200, 5_000  # inputs of the pool that judge; fewer than a fifth of it


@dataclass(frozen=True)
class Compared:
    """Repairs with the chosen inputs and with as many drawn at random, each time others."""

    #: a row a seed: `chosen` and `random`, accuracy after the repair, in [0, 1], `difference`; `judged_on`: "test" if
    #: there is a test set, otherwise "pool", inputs that are neither chosen nor drawn, or "validation" in a small pool
    table: pd.DataFrame
    gain: Gain

    @property
    def doubt(self):
        """What speaks against the comparison, in a clause that may be empty."""
        on_unseen = (self.table["judged_on"] != "validation").all()
        return "" if on_unseen else ", on the validation samples that they were chosen by, which favours them"


def compare_with_random(case, indices, labels, n_seeds=SEEDS, planned=PLANNED_ROUNDS):
    """Repair with the chosen samples and with as many drawn at random, from several seeds, and return `Compared`.

    A case with a head has that refitted, which is the same for each seed but for what is drawn.

    Validation samples judge only where nothing else can: what was chosen by them looks better on them than it is.

    Parameters
    ----------
    case : Case or OutputsCase with a head
        Of a fully labelled pool, or it is a ValueError; the model of its trainer stays as it is.
    indices, labels : (n,) int, the chosen samples
    n_seeds : int, at least 2, of order, old samples, and what is drawn
    planned : int, rounds of the campaign, see `gain.estimate_gain`
    """
    check_comparable(case)
    data, right = case.data, {"random": [], "chosen": []}
    left, seeds = np.setdiff1d(np.arange(len(data.x_pool)), case.used), np.arange(case.seed, case.seed + n_seeds)
    judged_on, x, y, held = _judges(case, np.setdiff1d(left, indices))
    groups = data.groups_in(judged_on)
    groups = groups[held] if groups is not None and judged_on == "pool" else groups
    left = np.setdiff1d(left, held)
    for seed in seeds:
        drawn = np.random.default_rng([seed, 1]).choice(left, len(indices), replace=False)
        for kind, added in {"chosen": (indices, labels), "random": (drawn, data.y_pool[drawn])}.items():
            right[kind].append(_repaired(replace(case, seed=int(seed)), *added, x) == y)
    means = {kind: np.mean(each, axis=1) for kind, each in right.items()}
    table = {"seed": seeds, "chosen": means["chosen"], "random": means["random"]}
    table |= {"difference": means["chosen"] - means["random"]}
    table |= {"judged_on": judged_on}
    gain = estimate_gain(len(indices), right["random"], right["chosen"], n_looks=planned, groups=groups)
    return Compared(pd.DataFrame(table), gain)


def check_comparable(case):
    """Raise a ValueError unless the whole pool has labels: what is drawn at random needs them, too."""
    if not case.data.pool_labelled:
        told = "to compare with random choice, what is drawn needs labels, too: label the whole pool"
        raise ValueError(f"{told}, or rely on the control arm, which is drawn at random for that (--control-share)")


def _judges(case, others):
    """Return what judges: its name, samples, labels, and their places among `others` of the pool, if they are its."""
    data, head, n = case.data, case.head, min(len(others) // 5, _MOST)
    if data.x_test is not None:
        return "test", data.x_test, data.y_test, others[:0]
    if n < _LEAST:
        x = case.outputs.of_validation()[0] if head else data.x_validation
        return "validation", x, data.y_validation, others[:0]
    held = np.sort(np.random.default_rng([case.seed, 3]).choice(others, n, replace=False))
    x = case.outputs.states_at(held) if head else np.asarray(data.x_pool[held])
    return "pool", x, data.y_pool[held], held


def _repaired(case, indices, labels, x):
    """Return the labels that a model takes samples for, or a head features, after a repair."""
    if case.head:
        return case.head.retrained(*joined(case.head.more, (case.outputs.states_at(indices), labels)), x)
    from mode_utils.repair.retraining import retrain  # imports TensorFlow, which a choice without a model does without

    with case.trainer.at():
        retrain(case, indices, labels)
        return case.trainer.predict(x).argmax(axis=1)
