"""A choice without a model, from outputs of any framework, in one call."""

from mode_utils.repair.choice import ArraysChoice, choose_from_scan, look_at_pool
from mode_utils.repair.folder import save_choice
from mode_utils.repair.outputs import diagnose_outputs, open_outputs
from mode_utils.repair.pool_faults import find_faults


def choose_from_arrays(arrays, budget, folder=None, **options):
    """Choose the samples of a pool that are worth adding, or worth a label, from outputs of any model.

    Parameters
    ----------
    arrays : dict of str to array, or path of an .npz file
        `probabilities_pool` (n, n_classes), `features_pool` (n, n_features), `probabilities_validation`,
        `features_validation`, `y_validation`; see `outputs` for what else there may be.
    budget : int
        Samples to choose, at least 1.
    folder : path, optional
        Gets `selected.csv`, `diagnosis.json` and, of a pool without labels, `label.html`; must not have them.
    **options
        Of `outputs.open_outputs`: `class_names`, `preset`, `seed`, and any of `options.DebugOptions`.

    Returns
    -------
    choice.ArraysChoice

    Raises
    ------
    FileNotFoundError, ValueError
        In one sentence, what is wrong and what to do.
    """
    case = open_outputs(arrays, budget, **options)
    diagnosis, scan = diagnose_outputs(case), look_at_pool(case)
    found = ArraysChoice(case, diagnosis, find_faults(case, scan), choose_from_scan(case, diagnosis, scan))
    if folder is not None:
        save_choice(folder, case, diagnosis, found.chosen, found.faults.sentences())
    return found
