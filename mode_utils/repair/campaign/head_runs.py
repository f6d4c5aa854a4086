"""Paired runs on frozen features: strategies choose, and a linear head is refitted on old and new samples."""

from dataclasses import replace

import numpy as np
import pandas as pd

from mode_utils.options import OWN_DATA, DebugOptions
from mode_utils.repair.choosing.in_steps import choose_batches
from mode_utils.repair.outputs import open_outputs
from mode_utils.run_setup import split_for_run
from mode_utils.selection.pool_kinds import make_pool
from mode_utils.selection.pool_scan import scan_pool
from mode_utils.selection.reference import learn_reference
from mode_utils.selection.selectors import scanned_selectors
from mode_utils.support.streams import run_streams

N_DRAWS = 3  # random draws whose mean is the control of a run


def head_options(steps=0, **changes):
    """Return the options of a strategy on features: `recommended` for one's own data, with changes; `steps` is none."""
    return DebugOptions.preset("recommended", **(OWN_DATA | changes | {"max_iterations": 1}))


def repeat_head_runs(dataset, strategies, budgets, n_runs, seed, setup, foreign=None):
    """Let strategies choose from the same pools for the same heads, and refit these; return a tidy table.

    Parameters
    ----------
    dataset : Dataset of features (n, n_features)
    strategies : dict of str to dict, changes of `head_options` by name, and `steps`, see `choosing.in_steps`
    budgets : sequence of int, samples that are added, each in one step from the first head
    n_runs, seed : int; the runs are `seed`, `seed + 1`, ...
    setup : RunSetup; of a "foreign" pool, whose samples are not trained on, as nobody can give them a label,
    foreign : (n, n_features) are what a fifth of it are replaced by

    Returns
    -------
    pandas.DataFrame
        A row a run, strategy and budget: `seed`, `strategy`, `samples`; test accuracies in [0, 1]: `initial`, `final`,
        and `control`, the mean of `N_DRAWS` random draws, which is also the `final` of a strategy that finds nothing to
        repair; `wrong_share`, of those chosen whose label is wrong or that have none; `validation_accuracy` of the
        first head.
    """
    rows = []
    for number in range(seed, seed + n_runs):
        run = _HeadRun(dataset, setup, number, foreign, [head_options(**each) for each in strategies.values()])
        rows += [run.row(name, changes, n) for n in budgets for name, changes in strategies.items()]
    return pd.DataFrame(rows)


class _HeadRun:
    """The head, pool and control of one seed."""

    def __init__(self, dataset, setup, seed, foreign, strategies):
        whole = split_for_run(dataset, replace(setup, pool="clean") if setup.pool == "foreign" else setup, seed)
        if setup.pool == "foreign":
            whole = make_pool(whole, "foreign", run_streams(seed)["pool"], foreign)
        self.splits, self.seed, self._drawn = whole, seed, {}
        parts = {"train": whole.train, "validation": whole.validation, "pool": whole.bug_fixing}
        arrays = {f"features_{role}": part.x for role, part in parts.items()}
        arrays |= {"y_train": whole.train.y, "y_validation": whole.validation.y}
        arrays |= {"y_pool": whole.bug_fixing.y} if setup.labelled else {}
        names = list(map(str, range(whole.n_classes)))
        fitted = {"head": True, "class_names": names, "even_if_weak": True, "control_share": 0.0}
        self.case = open_outputs(arrays, 1, seed=seed, **fitted)
        self.assessment, outputs, splits = self.case.assess(), self.case.outputs, self.case.data.splits()
        self._reference = learn_reference(outputs, splits, run_streams(seed)["reference"])
        names = {name for options in strategies for name in scanned_selectors(options) or ()}
        self.known = scan_pool(outputs, splits, self._reference, sorted(names), keep=True)
        self.initial = self._score(np.empty(0, int))

    def row(self, name, changes, n):
        """Return the row of a strategy and a budget."""
        case = replace(self.case, steps=changes.get("steps", 0), options=head_options(**changes, batch_size=n))
        selection = case.new_selection(self.known)
        selection.reference = self._reference
        batches = choose_batches(case, selection, self.assessment)
        if n not in self._drawn:
            rng = np.random.default_rng([self.seed, n])
            places = (rng.choice(len(self.splits.bug_fixing), n, replace=False) for _ in range(N_DRAWS))
            self._drawn[n] = float(np.mean([self._score(each) for each in places]))
        truth, chosen = self.splits.pool_truth, np.concatenate([np.empty(0, int), *(each.indices for each in batches)])
        final = self._score(chosen) if batches else self._drawn[n]
        scores = {"initial": self.initial, "final": final, "control": self._drawn[n]}
        scores |= {"validation_accuracy": float((self.assessment.predictions == self.splits.validation.y).mean())}
        wrong = 0.0 if truth is None or not len(chosen) else float((truth.wrong | truth.foreign)[chosen].mean())
        return {"seed": self.seed, "strategy": name, "samples": n, **scores, "wrong_share": wrong}

    def _score(self, places):
        truth, test = self.splits.pool_truth, self.splits.test
        places = places if truth is None else places[~truth.foreign[places]]
        return float((self.case.head.retrained(*self.splits.bug_fixing.take(places), test.x) == test.y).mean())
