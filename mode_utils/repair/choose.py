"""A choice without a model, from outputs of any framework, in one call."""

from dataclasses import dataclass

import pandas as pd

from mode_utils.repair.choosing.choice import Report, assess_case, choose_inputs, say_expected_accuracy
from mode_utils.repair.choosing.pool_faults import PoolFaults, find_faults
from mode_utils.repair.folder import save_repair
from mode_utils.repair.outputs import open_outputs


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
    """

    case: object
    report: Report
    faults: PoolFaults
    chosen: pd.DataFrame

    @property
    def remarks(self):
        """Sentences on the model on the pool, and on the pool."""
        return [say_expected_accuracy(self.case), *self.faults.sentences()]


def choose_from_arrays(arrays, budget, folder=None, **options):
    """Choose the samples of a pool that are worth adding, or worth a label, from outputs of any model: `ArraysChoice`.

    Parameters
    ----------
    arrays : dict of str to array, or path of an .npz file
        `probabilities_pool` (n, n_classes), `features_pool` (n, n_features), `probabilities_validation`,
        `features_validation`, `y_validation`; see `outputs` for what else there may be.
    budget : int, samples to choose, at least 1
    folder : path, optional
        Gets `selected.csv`, `diagnosis.json` and, of a pool without labels, `label.html`; must not have them.
    **options
        Of `outputs.open_outputs`: `pool` (in shards; a scheduler that is not there is a ConnectionError),
        `class_names`, `preset`, `seed`, and any of `options.DebugOptions`.
    """
    case = open_outputs(arrays, budget, **options)
    report = assess_case(case)
    found = ArraysChoice(case, report, find_faults(case), choose_inputs(case, report))
    if folder is not None:
        save_repair(folder, case, report, found.chosen, remarks=found.remarks)
    return found
