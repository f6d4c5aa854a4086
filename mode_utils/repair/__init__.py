"""Repair a classifier of one's own: open a case, assess, choose, retrain, save."""

import importlib

_HOMES = {
    "case": ("Case", "make_example", "open_case"), "reading.model_files": ("load_model",),
    "outputs": ("ArraysChoice", "choose_from_arrays", "make_outputs_example", "open_outputs"),
    "choosing.choice": ("Report", "arm_of", "assess_case", "choose_inputs", "say_choice", "say_expected_accuracy"),
    "choosing.sharded_pool": ("Shards",), "choosing.pool_faults": ("find_faults",),
    "choosing.told_modes": ("say_modes",),
    "choosing.mapped_pool": ("map_pool", "save_map"), "folder": ("next_folder", "save_repair", "save_tasks"),
    "repair_outcome": ("RepairOutcome",), "retraining": ("retrain",), "campaign.rounds": ("rounds_with", "take_labels"),
    "campaign.compared": ("check_comparable", "compare_with_random"), "campaign.judged": ("judge_round",),
    "choosing.group_report": ("GroupReport",),
    "campaign.labelled_round": ("judge_outcome", "take_round"),
    "conclusion": ("say_health", "say_outcome"),
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
