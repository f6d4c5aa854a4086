"""Repair a classifier of one's own: open a case, assess, choose, retrain, save.

case           the model and its data, checked; an example of both
outputs        probabilities and features from any framework, in place of a model
steps          the retraining of a case, and its outcome
retraining     learning rate and epochs of a retraining, and whether that moved anything
class_weights  stated, or found in the probabilities of the training samples
conclusion     sentences on an outcome
verdicts       tests of whether a label has become worse
worth          comparison with random inputs
rounds         rounds of a campaign
folder         what a repair leaves behind
__main__       the command line of a repair, `mode-repair`
choose         a choice without a model, in one call
choose_command  the command line of that, `mode-choose`
command        what the two commands share

reading/       the model and the data of a user, read and checked
choosing/      what is chosen from a pool, by a model or by its outputs
labelling/     labels from people: a page to label in, tables, Label Studio
"""

import importlib

_HOMES = {
    "case": ("Case", "make_example", "open_case"), "reading.model_files": ("load_model",),
    "folder": ("next_folder", "save_repair", "save_tasks"), "outputs": ("make_outputs_example", "open_outputs"),
    "choosing.choice": ("Report", "assess_case", "choose_inputs", "say_expected_accuracy"),
    "choosing.sharded_pool": ("Shards",), "choosing.pool_faults": ("find_faults",),
    "choosing.mapped_pool": ("map_pool", "save_map"), "choose": ("ArraysChoice", "choose_from_arrays"),
    "steps": ("RepairOutcome", "retrain"), "rounds": ("rounds_with", "say_next_round", "take_labels"),
    "worth": ("check_comparable", "compare_with_random", "say_health", "say_worth"), "conclusion": ("say_outcome",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


def __getattr__(name):
    """Import a name when it is asked for: a wrong command is to be told before TensorFlow is imported."""
    if name not in _HOME_OF:
        raise AttributeError(f"mode_utils.repair has no {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"mode_utils.repair.{_HOME_OF[name]}"), name)


def __dir__():
    return sorted([*globals(), *_HOME_OF])
