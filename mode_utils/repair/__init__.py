"""Repair a classifier of one's own: open a case, diagnose, choose, retrain, save.

case           the model and its data, checked; an example of both
arrays         data from an .npz file
image_folders  data from folders of images
own_samples    does the model know its own training samples? scaling of pixels, order of classes
pool_scan      one pass over a pool, however large it is
pool_faults    doubtful labels, copies, foreign samples
mapped_pool    the pool as a map
steps          what is wrong, what to add, and what became of it
verdicts       has a label become worse, or is that chance?
worth          was it worth it to choose?
label_table    labels as people fill them in
folder         what a repair leaves behind
__main__       the command line
"""

import importlib

_HOMES = {
    "case": ("Case", "load_model", "make_example", "open_case"),
    "folder": ("next_folder", "save_repair"),
    "label_table": ("read_labels",),
    "pool_faults": ("find_faults",),
    "mapped_pool": ("map_pool", "save_map"),
    "steps": ("Diagnosis", "RepairOutcome", "choose", "diagnose", "look_at_pool", "retrain"),
    "worth": ("compare_with_random", "say_health", "say_worth"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


def __getattr__(name):
    """Import a name when it is asked for: a wrong command is to be told before TensorFlow is imported."""
    if name not in _HOME_OF:
        raise AttributeError(f"mode_utils.repair has no {name!r}; it has: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"mode_utils.repair.{_HOME_OF[name]}"), name)


def __dir__():
    return sorted([*globals(), *_HOME_OF])
