"""An example to repair: MNIST, three labels starved in training, and a pool that nobody has labelled."""

from pathlib import Path

import numpy as np

from mode_utils.data import load_dataset
from mode_utils.options import RunSetup
from mode_utils.runs import new_trainer, split_for_run, train_initial_model


def make_example(folder, labelled=True, seed=0):
    """Train the example's model, and write it and its data.

    Parameters
    ----------
    folder : path
        Gets `model.keras` and `data.npz`.
    labelled : bool
        Whether the pool comes with its labels.
    seed : int

    Returns
    -------
    model_path, data_path : Path
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data, setup = load_dataset("mnist"), RunSetup(scenario="starved")
    trainer, splits = new_trainer(data, setup), split_for_run(data, setup, seed)
    train_initial_model(trainer, splits, setup, seed)
    trainer.model.save(folder / "model.keras")
    roles = {"train": splits.train, "validation": splits.validation, "pool": splits.bug_fixing, "test": splits.test}
    arrays = {f"x_{role}": part.x for role, part in roles.items()} | {
        f"y_{role}": part.y for role, part in roles.items()
    }
    if not labelled:
        del arrays["y_pool"]
    np.savez(folder / "data.npz", **arrays)
    return folder / "model.keras", folder / "data.npz"
