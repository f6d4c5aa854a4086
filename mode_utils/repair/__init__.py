"""Repair a classifier of one's own: open a case, diagnose, choose, retrain, save.

case           the model and its data, checked; an example of both
arrays         data from an .npz file
image_folders  data from folders of images
pool_scan      one pass over a pool, however large it is
steps          what is wrong, what to add, and what became of it
folder         what a repair leaves behind
__main__       the command line
"""

from mode_utils.repair.case import Case, load_model, make_example, open_case
from mode_utils.repair.folder import next_folder, read_labels, save_repair
from mode_utils.repair.steps import Diagnosis, RepairOutcome, choose, diagnose, retrain

__all__ = [
    "Case",
    "Diagnosis",
    "RepairOutcome",
    "choose",
    "diagnose",
    "load_model",
    "make_example",
    "next_folder",
    "open_case",
    "read_labels",
    "retrain",
    "save_repair",
]
