"""The case: somebody's trained model, its data, and how to repair it; and an example of one."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mode_utils.data import load_dataset
from mode_utils.diagnosis import assess
from mode_utils.model_training import new_trainer, train_initial_model
from mode_utils.networks.backend import keras
from mode_utils.networks.classifiers import read_classifier
from mode_utils.networks.plain_models import model_inputs, plain_model
from mode_utils.networks.trainer import Predictions, Trainer
from mode_utils.options import DebugOptions
from mode_utils.repair.choosing.choice import PoolCase
from mode_utils.repair.class_weights import ClassWeights, find_class_weights, read_class_weights
from mode_utils.repair.reading.arrays import (
    OwnData,
    check_arrays,
    load_own_data,
    say_known,
    say_unseen,
    with_classes,
)
from mode_utils.repair.reading.image_folders import read_images
from mode_utils.repair.reading.label_arrays import check_class_names
from mode_utils.repair.reading.model_files import load_model
from mode_utils.repair.reading.own_model import SAMPLES, check_fit, check_model, followed
from mode_utils.repair.reading.own_samples import PIXELS, check_known, choose_pixels, say_one_label
from mode_utils.repair.retraining import check_trainable, say_rate
from mode_utils.repair.rounds import Earlier, continue_case, read_earlier
from mode_utils.run_setup import RunSetup, split_for_run
from mode_utils.selection.model_outputs import ModelOutputs
from mode_utils.support.checks import check_choice, check_least, check_share
from mode_utils.support.sample_parts import convert_samples


@dataclass(frozen=True)
class Case(PoolCase):
    """What a repair starts from.

    Attributes
    ----------
    model : keras.Model
        As it came; its layers are those of the trainer's model.
    trainer : Trainer
        Every step borrows its model in the state that it needs; a retraining leaves it repaired.
    data : OwnData
    options : DebugOptions
        `batch_size` is the budget: samples to add.
    tolerance : float
        How much validation accuracy a label may lose before that counts as a new bug, in [0, 1].
    seed : int
    initial_state : tuple of arrays
        Of the model as it came.
    notes : tuple of str
        Sentences on how the data were read.
    sources : dict of str to path
        The files of `model` and `data`, of what came as a file.
    used : (n_used,) int
        Places in the pool of what earlier rounds have added, which is not chosen again; see `rounds`.
    earlier : rounds.Earlier, optional
        Those rounds.
    learning_rate : float, optional
        Of the retraining, in place of the optimizer's own.
    fixed_epochs : bool
        Whether the epochs of the options are stated, so that a slow training does not go on by itself.
    class_weights : class_weights.ClassWeights, optional
        Of the retraining.
    """

    model: keras.Model
    trainer: Trainer
    data: OwnData
    options: DebugOptions
    tolerance: float
    seed: int
    initial_state: tuple[np.ndarray, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    sources: dict[str, Path] = field(default_factory=dict)
    used: np.ndarray = field(default_factory=lambda: np.empty(0, int), repr=False)
    earlier: Earlier | None = field(default=None, repr=False)
    learning_rate: float | None = None
    fixed_epochs: bool = False
    class_weights: ClassWeights | None = None
    has_samples = True  # which people can look at

    @property
    def outputs(self):
        """What the model as it came makes of the samples, `ModelOutputs`."""
        return ModelOutputs(self.trainer, self.data.splits(), self.initial_state)

    @property
    def n_pool(self):
        """Samples of the pool."""
        return len(self.data.x_pool)

    def about(self):
        """Return what a file about the case says of its model and data."""
        reading = [*self.trainer.meaning.reasons, *self.notes]
        return {"model": {"name": self.model.name, "reading": reading}, "tolerance": self.tolerance}

    def assess(self):
        """Return what the model as it came gets wrong on validation samples, an `Assessment`."""
        with self.trainer.at(self.initial_state):
            return assess(self.trainer, self.data.splits(), self.options.theta, self.options.gamma)

    def step_options(self, n_steps):
        """Return the options of a repair that spends the budget in some steps, for a learning curve."""
        return replace(self.options, batch_size=self.options.batch_size // n_steps, max_iterations=n_steps)


def open_case(
    model, data, budget, *, class_names=None, output=None, labels=None, pixels=None, skip_broken=False,
    even_if_weak=False, preset="recommended", tolerance=0.02, seed=0, batch_size=32, continue_from=None,
    epochs=None, learning_rate=None, class_weights=None, **changes,
):  # fmt: skip
    """Load a model and its data, and check that they fit.

    Parameters
    ----------
    model : keras.Model or path
        A compiled classifier, or the file of one, see `model_files.load_model`. None takes the repaired one of
        `continue_from`.
    data : OwnData or path
        An .npz file, see `arrays.load_own_data`, or a folder of images, see `image_folders.read_images`.
    budget : int
        Samples to add, at least 1.
    class_names : sequence of str, optional
        One for each label.
    output, labels : str, optional
        What the model's output and its loss mean; detected by default, see `classifiers.read_classifier`.
    pixels : {"0..1", "0..255", "-1..1", "caffe", "torch"}, optional
        How the model wants pixels, see `own_samples.PIXELS`; detected by default, see `own_samples.choose_pixels`.
    skip_broken : bool
        Go on without images that cannot be read.
    even_if_weak : bool
        Go on with a model that hardly knows its own training samples, see `own_samples.check_known`.
    preset : {"recommended", "adaptive", "original"}
    tolerance : float
        See `Case`.
    seed : int
    batch_size : int
        Samples a step of the retraining.
    continue_from : path, optional
        The folder of a repair with the same data, to go on from, see `rounds`.
    epochs : int, optional
        Passes over the samples in a retraining; by default 3, and more while it is slow, see `retraining.train`.
    learning_rate : float, optional
        Of the retraining; by default the model's own, or a higher one if that moves nothing, see `steps.retrain`.
    class_weights : optional
        Of the retraining, see `class_weights.read_class_weights`; by default those that the model was trained with, if
        they can be seen, see `class_weights.find_class_weights`.
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
    check_least("batch_size", batch_size, 1)
    check_least("seed", seed, 0)
    check_share("tolerance", tolerance)
    check_class_names(class_names or ())
    if pixels is not None:
        check_choice("pixels", pixels, PIXELS)
    if learning_rate is not None and not 0 < learning_rate < np.inf:
        raise ValueError(f"learning_rate = {learning_rate}; it must be above 0 and finite")
    changes = {"reference": "states"} | changes  # which any model has, however it was trained
    options = DebugOptions.preset(preset, batch_size=budget, max_iterations=1, epochs=epochs, **changes)
    earlier = read_earlier(continue_from) if continue_from else None
    model = _model_of(earlier) if model is None and earlier else model
    sources = {"model": model, "data": data}
    sources = {name: Path(source) for name, source in sources.items() if isinstance(source, (str, Path))}
    model = load_model(model) if "model" in sources else model
    check_model(model)
    whole, notes = followed(model, sources.get("data", data))
    plain = plain_model(whole)  # which refuses what cannot be one
    meaning = read_classifier(whole, len(class_names) if class_names else None, output, labels)
    check_trainable(whole)
    trainer, notes = Trainer(plain, meaning, batch_size), (*notes, *meaning.remarks)
    if "data" in sources:
        data, how = _load_data(sources["data"], whole, trainer, class_names, pixels, skip_broken, even_if_weak)
        notes = (*notes, *how)
    else:
        data = _converted(data, trainer.dtype)
    data = with_classes(data, trainer.n_classes)
    notes = (*notes, *data.notes)
    check_fit(plain, data, budget)
    predictions = Predictions(trainer, data.x_train)
    if not even_if_weak:
        check_known(predictions, data.y_train, data.class_names)
    elif told := say_one_label(predictions, data.y_train, data.class_names):
        notes = (f"{told[0].upper()}{told[1:]}: --class-weights balanced may help.", *notes)
    if told := say_unseen(data):
        notes = (*notes, told)
    if known := say_known(data):
        notes = (*notes, known)
    weights, told = _class_weights(class_weights, predictions, data)
    case = Case(
        model, trainer, data, options, tolerance, seed, trainer.state(), (*notes, *told), sources,
        learning_rate=learning_rate, fixed_epochs=epochs is not None, class_weights=weights,
    )  # fmt: skip
    case = replace(case, notes=(*case.notes, *say_rate(case)))
    return continue_case(case, earlier) if earlier else case


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


def _class_weights(stated, predictions, data):
    """Return class weights, and what is to be said of them."""
    if stated is not None:
        return read_class_weights(stated, data.class_names), ()
    return find_class_weights(predictions, data.y_train, data.class_names)


def _load_data(path, model, trainer, class_names, pixels, skip_broken, even_if_weak):
    """Return data and notes on how they were read."""
    n_classes = trainer.n_classes
    if not path.is_dir():
        return load_own_data(path, class_names, n_classes, model_inputs(model), trainer.dtype, even_if_weak), ()
    input_shape = tuple(model.inputs[0].shape[1:])
    found = read_images(path, input_shape, class_names, skip_broken)
    if len(found.class_names) != n_classes:
        raise ValueError(
            f"{path} has {len(found.class_names)} classes, but the model {n_classes}: give the folders of all labels"
        )
    arrays, reason = found.arrays, f"Pixels are given as {pixels}, as stated."
    if pixels is None:
        pixels, reason = choose_pixels(trainer, arrays["x_train"], arrays["y_train"])
    if not PIXELS[pixels].fits(arrays["x_train"]):
        raise ValueError(f"pixels {pixels!r} are of images with three channels, but the model takes {input_shape}")
    for name in [name for name in arrays if name.startswith("x_")]:
        arrays[name] = PIXELS[pixels].apply(arrays[name])
    if np.dtype(trainer.dtype).kind in "iu":
        arrays |= {name: np.rint(x) for name, x in arrays.items() if name.startswith("x_")}  # resized
    data = check_arrays(arrays, found.class_names, path=path, dtype=trainer.dtype, even_if_odd=even_if_weak)
    return data, (reason, *found.notes)


def _converted(data, dtype):
    """Return data that came as `OwnData` with samples as a model takes them."""
    names = [name for name in SAMPLES if getattr(data, name) is not None]
    return replace(data, **{name: convert_samples(name, getattr(data, name), dtype) for name in names})


def _model_of(earlier):
    if earlier.model is None:
        raise ValueError(f"{earlier.folder} has no repaired.keras, as it did not help: give the model to go on with")
    return earlier.model
