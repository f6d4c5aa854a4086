"""The case: somebody's trained model, its data, and how to repair it; and an example of one."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mode_utils.data import load_dataset
from mode_utils.model_training import new_trainer, train_initial_model
from mode_utils.networks.backend import keras
from mode_utils.networks.classifiers import read_classifier
from mode_utils.networks.trainer import Trainer
from mode_utils.options import DebugOptions
from mode_utils.repair.arrays import OwnData, check_arrays, load_own_data
from mode_utils.repair.image_folders import read_images, takes_raw_pixels
from mode_utils.run_setup import RunSetup, split_for_run
from mode_utils.support.checks import check_least, check_share


@dataclass(frozen=True)
class Case:
    """What a repair starts from.

    Attributes
    ----------
    model : keras.Model
        As it came; its layers are those of the trainer's model.
    trainer : Trainer
        Every step restores the state that it needs.
    data : OwnData
    options : DebugOptions
        `batch_size` is the budget: samples to add.
    tolerance : float
        How much validation accuracy a label may lose before that counts as a new bug, in [0, 1].
    seed : int
    initial_state : tuple of arrays
        Of the model as it came.
    """

    model: keras.Model
    trainer: Trainer
    data: OwnData
    options: DebugOptions
    tolerance: float
    seed: int
    initial_state: tuple[np.ndarray, ...] = field(repr=False)

    def step_options(self, n_steps):
        """Return the options of a repair that spends the budget in some steps, for a learning curve."""
        return replace(self.options, batch_size=self.options.batch_size // n_steps, max_iterations=n_steps)


def open_case(
    model, data, budget, *, class_names=None, output=None, labels=None, preset="recommended", tolerance=0.02, seed=0,
    batch_size=32, **changes,
):  # fmt: skip
    """Load a model and its data, and check that they fit.

    Parameters
    ----------
    model : keras.Model or path
        A compiled classifier, or the .keras file of one; files are loaded in safe mode.
    data : OwnData or path
        An .npz file, see `arrays.load_own_data`, or a folder of images, see `image_folders.read_images`, whose pixels
        are divided by 255, unless the model has a Rescaling layer.
    budget : int
        Samples to add, at least 1.
    class_names : sequence of str, optional
        One for each label.
    output, labels : str, optional
        What the model's output and its loss mean; detected by default, see `classifiers.read_classifier`.
    preset : {"recommended", "adaptive", "original"}
    tolerance : float
        See `Case`.
    seed : int
    batch_size : int
        Samples a step of the retraining.
    **changes
        Options of the preset to change, see `options.DebugOptions`.

    Returns
    -------
    Case

    Raises
    ------
    FileNotFoundError, ValueError
        In one sentence, what is wrong and what to do.
    """
    check_least("budget", budget, 1)
    check_share("tolerance", tolerance)
    changes = {"reference": "states"} | changes  # which any model has, however it was trained
    options = DebugOptions.preset(preset, batch_size=budget, max_iterations=1, **changes)
    model = model if isinstance(model, keras.Model) else load_model(model)
    meaning = read_classifier(model, len(class_names) if class_names else None, output, labels)
    if not isinstance(data, OwnData):
        data = _load_data(data, model, class_names, meaning.n_classes)
    _check_fit(model, data, budget)
    trainer = Trainer(model, meaning, batch_size)
    return Case(model, trainer, data, options, tolerance, seed, trainer.state())


def load_model(path):
    """Load a compiled classifier from a .keras file, without running any code that the file brings.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is no .keras file, truncated, or needs code of its own.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no model file {path}")
    if path.suffix != ".keras":
        raise ValueError(f"{path} is no .keras file: save the model with model.save('model.keras')")
    try:
        return keras.models.load_model(path, safe_mode=True)
    except Exception as error:  # Keras raises whatever goes wrong below it
        if "unsafe" in str(error).lower() or "lambda" in str(error).lower():
            raise ValueError(
                f"{path} has a Lambda layer, whose code is not run: replace it by a layer of Keras and save again"
            ) from None
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path} cannot be loaded as a Keras model ({reason}): save it again") from None


def make_example(folder, labelled=True, seed=0):
    """Make an example to repair: MNIST, three labels starved in training, and a pool that may have no labels.

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


def _load_data(path, model, class_names, n_classes):
    if not Path(path).is_dir():
        return load_own_data(path, class_names, n_classes, [tensor.name for tensor in model.inputs])
    shape = tuple(model.inputs[0].shape[1:])
    arrays, names = read_images(path, shape, class_names, 1 if takes_raw_pixels(model) else 255)
    if len(names) != n_classes:
        raise ValueError(f"{path} has {len(names)} classes, but the model {n_classes}: give the folders of all labels")
    return check_arrays(arrays, names, path=path)


def _check_fit(model, data, budget):
    sizes = [int(np.prod([side or 1 for side in tensor.shape[1:]])) for tensor in model.inputs]
    wanted = tuple(model.inputs[0].shape[1:]) if len(sizes) == 1 else (sum(sizes),)
    found = data.x_train.shape[1:]
    if len(found) != len(wanted) or any(w not in (None, f) for w, f in zip(wanted, found, strict=True)):
        raise ValueError(
            f"a sample has shape {found}, but the model takes {wanted}: give samples as the model takes them"
        )
    if budget > len(data.x_pool):
        raise ValueError(f"a budget of {budget} is larger than the pool, which has {len(data.x_pool)} samples")
