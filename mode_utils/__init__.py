"""MODE step by step: each file at the top is a stage, each folder a room with one other purpose.

data             datasets
splits           the four roles of data
run_setup        sizes, defect and random streams of a run
model_training   build and train the model under repair
assessment       which labels fail, and how
layer_selection  the target layer
heatmaps         HCI, HMI, HWI and their differentials
failure_modes    where in a label it fails
similarity       the nine metrics
input_selection  the next batch, in one call
debugging        the MODE loop and its control
repeated_runs    paired runs -> one tidy table
options          how to repair

networks/        how Keras models are read, traced and trained
selection/       who gets how many new samples, and which are wanted
study/           evidence: reads tables, trains nothing
repair/          your own model and data
sweep/           a notebook over a grid of parameters, in parallel
visualization/   plots
support/         leaves that know no MODE

MODE: Ma et al., "MODE: Automated Neural Network Model Debugging via State Differential Analysis and Input Selection",
ESEC/FSE 2018, doi 10.1145/3236024.3236082. After ``import mode_utils as mode``, the stages can be called by their names
alone: ``mode.assess`` is `assessment.assess`. A stage is imported when it is asked for.
"""

import importlib
import os

# TensorFlow reads this once, when it is first imported: notebooks are read by people, so its start-up log stays out.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_STAGES = {
    "data": ("load_dataset",), "run_setup": ("RunSetup", "check_study", "check_study_parameters", "split_for_run"),
    "support.streams": ("run_streams",), "model_training": ("new_trainer", "train_initial_model"),
    "assessment": ("assess",), "layer_selection": ("select_target_layer",), "heatmaps": ("class_heatmaps",),
    "failure_modes": ("find_failure_modes",),
    "similarity": ("METRICS", "similarity_scores"), "input_selection": ("extreme_inputs", "select_inputs"),
    "debugging": ("Repair", "debug_model", "retrain_at_random"), "repeated_runs": ("repeat_runs",),
    "options": ("DebugOptions", "PRESETS"), "support.notebook.parameters": ("check_injected",),
    "study.outcomes": ("paired_outcomes",), "study.formatting": ("reader_table",),
    "study.comparisons": ("accuracy_table", "compare_with_control", "format_accuracy_table"),
    "study.artefacts": ("save_arrays", "save_results"),
}  # fmt: skip
_HOMES = {name: module for module, names in _STAGES.items() for name in names}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"mode_utils has no stage {name!r}; it has: {', '.join(sorted(_HOMES))}")
    return getattr(importlib.import_module(f"mode_utils.{_HOMES[name]}"), name)


def __dir__():
    return sorted([*globals(), *_HOMES])
