"""Repair a classifier of one's own: open a case, diagnose, choose, retrain, save."""

from mode_utils.repair.case import Case, load_model, open_case
from mode_utils.repair.example import make_example
from mode_utils.repair.folder import new_folder, next_folder, read_labels, save_repair
from mode_utils.repair.stages import Diagnosis, Outcome, choose, diagnose, retrain

__all__ = [
    "Case",
    "Diagnosis",
    "Outcome",
    "choose",
    "diagnose",
    "load_model",
    "make_example",
    "new_folder",
    "next_folder",
    "open_case",
    "read_labels",
    "retrain",
    "save_repair",
]
