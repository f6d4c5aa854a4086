"""Repair a classifier of one's own: open a case, diagnose, choose, retrain, save.

case           the model and its data, checked; an example of both
model_files    the model from its file, or what that is instead
arrays         data from an .npz file: samples and labels in their roles
sample_parts   samples part by part, and in the dtype of a model
sample_scales  are samples numbers, and scaled as in training?
npz_files      the arrays of an .npz file, without running what it brings
label_arrays   labels and names as people have them: numbers, one-hot rows, texts, and places without one
image_folders  data from folders of images
own_model      is a model one that can be repaired, and do its data fit it?
own_samples    does the model know its own training samples? scaling of pixels, order of classes
outputs        probabilities and features from any framework, in place of a model
output_arrays  are these outputs of a classifier?
pool_scan      one pass over a pool, however large it is
pool_faults    doubtful labels, copies, foreign samples
choice         a look at the pool, and what is to be added, by it alone
mapped_pool    the pool as a map
steps          a model's steps: diagnose, choose, retrain
retraining     how it is retrained: learning rate, epochs, and whether that moved anything
class_weights  stated, or found in what the model makes of its training samples
conclusion     what is said of an outcome, wherever it is said
shard_files    the files of a pool in shards
shards         one shard, and what it hands over
sharded        a choice from all shards, on a cluster
verdicts       has a label become worse, or is that chance?
worth          was it worth it to choose?
rounds         round after round
folder         what a repair leaves behind
__main__       the command line of a repair, `mode-repair`
choose         a choice without a model, in one call
choose_command  the command line of that, `mode-choose`
command        what the two commands share

labelling/     labels from people: a page to label in, tables, Label Studio
"""

import importlib

_HOMES = {
    "case": ("Case", "make_example", "open_case"),
    "model_files": ("load_model",),
    "folder": ("next_folder", "save_choice", "save_repair"),
    "outputs": ("diagnose_outputs", "make_outputs_example", "open_outputs"),
    "pool_faults": ("find_faults",),
    "choice": ("ArraysChoice", "Diagnosis", "choose_from_scan", "look_at_pool"),
    "choose": ("choose_from_arrays",),
    "conclusion": ("say_outcome",),
    "rounds": ("round_of", "say_next_round", "take_labels"),
    "sharded": ("choose_from_shards",),
    "mapped_pool": ("map_pool", "save_map"),
    "steps": ("RepairOutcome", "choose_inputs", "diagnose", "retrain"),
    "worth": ("check_comparable", "compare_with_random", "say_health", "say_worth"),
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
