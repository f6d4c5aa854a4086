"""The case: a person's trained model, its data, and how to repair it; and an example of one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from mode_utils.data import load_dataset
from mode_utils.layer_selection import last_hidden_layer
from mode_utils.model_training import new_trainer, train_initial_model
from mode_utils.networks.backend import keras
from mode_utils.networks.classifiers import read_classifier
from mode_utils.networks.feature_models import GRID
from mode_utils.networks.plain_models import model_inputs, plain_model
from mode_utils.networks.trainer import Trainer
from mode_utils.options import DebugOptions
from mode_utils.repair.class_weights import ClassWeights, find_class_weights, read_class_weights
from mode_utils.repair.reading.array_sets import of_kind
from mode_utils.repair.reading.arrays import (
    OwnData,
    check_arrays,
    join_arrays,
    say_known,
    say_unseen,
    with_classes,
)
from mode_utils.repair.reading.class_names import check_class_names
from mode_utils.repair.reading.image_folders import read_images
from mode_utils.repair.reading.model_files import load_model
from mode_utils.repair.reading.npz_files import read_arrays
from mode_utils.repair.reading.own_model import check_fit, check_model, followed
from mode_utils.repair.reading.own_samples import PIXELS, check_known, choose_pixels, say_one_label
from mode_utils.repair.retraining import check_trainable, say_rate
from mode_utils.repair.rounds import Earlier, continue_case, read_earlier
from mode_utils.run_setup import RunSetup, split_for_run
from mode_utils.support.checks import check_choice, check_least, check_share
from mode_utils.support.sample_parts import convert_samples, in_chunks, scattered


class ModelOutputs:
    """States of the last hidden layer and probabilities of a trainer's model for `OwnData`: `pool_scan.Outputs`."""

    def __init__(self, trainer, data):
        self._trainer, self._data = trainer, data
        self._layer = last_hidden_layer(trainer.model)
        self.n_classes, self.n_pool = trainer.n_classes, len(data.x_pool)

    def of_validation(self):
        """Return states and probabilities of the validation samples."""
        return self._look(self._data.x_validation)

    def in_chunks(self):
        """Yield start, states and probabilities of each part of the pool in turn."""
        for start, x in in_chunks(self._data.x_pool):
            yield start, *self._look(x)

    def states_at(self, places):
        """Return the states at some places of a pool that may be larger than memory."""
        parts = scattered(self._data.x_pool, places)
        return np.concatenate([self._trainer.activations(x, [self._layer], grid=GRID)[0] for x in parts])

    def at(self, places):
        """Return states and probabilities at some places of the pool."""
        parts = zip(*(self._look(x) for x in scattered(self._data.x_pool, places)), strict=True)
        return tuple(map(np.concatenate, parts))

    def of_training(self, labels=None):
        """Return states and labels of the training samples, or of those with some labels."""
        x, y = self._data.x_train, self._data.y_train
        places = np.flatnonzero(np.isin(y, labels)) if labels is not None else slice(None)
        return self._look(x[places])[0], y[places]

    def _look(self, x):
        return self._trainer.activations(x, [self._layer, self._trainer.output_layer], grid=GRID)


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
    tolerance, seed, learning_rate
        See `CaseOptions`.
    initial_state : tuple of arrays
        Of the model as it came.
    notes : tuple of str
        How the data were read, and what is odd about them.
    sources : dict of str to path
        The files of `model` and `data`, of what came as a file.
    used : (n_used,) int
        Places in the pool of what earlier rounds have added, which is not chosen again; see `rounds`.
    earlier : rounds.Earlier, optional
        Those rounds.
    fixed_epochs : bool
        Whether epochs are stated, so that a slow training does not go on by itself.
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
        self.trainer.restore(self.initial_state)
        return ModelOutputs(self.trainer, self.data)

    @property
    def n_pool(self):
        """Samples of the pool."""
        return len(self.data.x_pool)

    def step_options(self, n_steps):
        """Return the options of a repair that spends the budget in some steps, for a learning curve."""
        return replace(self.options, batch_size=self.options.batch_size // n_steps, max_iterations=n_steps)


@dataclass(frozen=True)
class CaseOptions:
    """How a model and its data are read, and how the model is retrained.

    Attributes
    ----------
    class_names : sequence of str, optional
        One for each label.
    output, labels : str, optional
        What the model's output and its loss mean; detected by default, see `classifiers.read_classifier`.
    pixels : {"0..1", "0..255", "-1..1", "caffe", "torch"}, optional
        How the model wants pixels, see `own_samples.PIXELS`; detected by default, see `own_samples.choose_pixels`.
    skip_broken : bool
        Go on without images that cannot be read.
    even_if_weak : bool
        Go on with a model at chance on its own training samples, see `own_samples.check_known`.
    tolerance : float
        How much validation accuracy a label may lose before that counts as a new bug, in [0, 1].
    seed : int
    batch_size : int
        Samples a step of the retraining.
    continue_from : path, optional
        The folder of a repair with the same data, to go on from, see `rounds`.
    preset : {"recommended", "adaptive", "original"}
    epochs : int, optional
        Passes over the samples in a retraining; by default 3, and more while it is slow, see `retraining.train`.
    learning_rate : float, optional
        Of the retraining; by default the model's own, or a higher one if that moves nothing, see `steps.retrain`.
    class_weights : optional
        Of the retraining, see `class_weights.read_class_weights`; by default those that the model was trained with, if
        they can be seen, see `class_weights.find_class_weights`.
    changes : dict
        Options of the preset to change, see `options.DebugOptions`.

    Raises
    ------
    ValueError
        If a value is out of its range.
    """

    class_names: Sequence[str] | None = None
    output: str | None = None
    labels: str | None = None
    pixels: str | None = None
    skip_broken: bool = False
    even_if_weak: bool = False
    tolerance: float = 0.02
    seed: int = 0
    batch_size: int = 32
    continue_from: str | Path | None = None
    preset: str = "recommended"
    epochs: int | None = None
    learning_rate: float | None = None
    class_weights: object = None
    changes: dict = field(default_factory=dict)

    def __post_init__(self):
        check_least("batch_size", self.batch_size, 1)
        check_least("seed", self.seed, 0)
        check_share("tolerance", self.tolerance)
        check_class_names(self.class_names or ())
        if self.pixels is not None:
            check_choice("pixels", self.pixels, PIXELS)
        if self.learning_rate is not None and not 0 < self.learning_rate < np.inf:
            raise ValueError(f"learning_rate = {self.learning_rate}; it must be above 0 and finite")

    @classmethod
    def of(cls, given):
        """Return options from a dict of them and of changes to the preset; a ValueError names one that is unknown."""
        own = [each.name for each in fields(cls) if each.name != "changes"]
        of_preset = [each.name for each in fields(DebugOptions) if each.name not in (*own, "max_iterations")]
        for name in given:
            check_choice("option", name, (*own, *of_preset))
        changes = {name: given[name] for name in of_preset if name in given}
        return cls(**{name: given[name] for name in own if name in given}, changes=changes)

    def repair_options(self, budget):
        """Return the options of a repair that adds a budget of samples in one step."""
        changes = {"reference": "states"} | self.changes  # which any model has, however it was trained
        return DebugOptions.preset(self.preset, batch_size=budget, max_iterations=1, epochs=self.epochs, **changes)


def open_case(model, data, budget, **options):
    """Load a model and its data, and check that they fit.

    Parameters
    ----------
    model : keras.Model or path
        A compiled classifier, or the file of one, see `model_files.load_model`. None takes the repaired one of
        `continue_from`.
    data : OwnData or path
        An .npz file with the arrays of `array_sets.SAMPLES` (of a model with several inputs `x_train.<input>` and so on
        for each), or a folder of images, see `image_folders.read_images`.
    budget : int
        Samples to add, at least 1.
    **options
        Those of `CaseOptions`, and of `options.DebugOptions` to change in the preset.

    Returns
    -------
    Case

    Raises
    ------
    FileNotFoundError, ValueError
        In one sentence, what is wrong and what to do.
    """
    check_least("budget", budget, 1)
    how = CaseOptions.of(options)
    repair_options = how.repair_options(budget)
    earlier = read_earlier(how.continue_from) if how.continue_from else None
    model = _model_of(earlier) if model is None and earlier else model
    sources = {"model": model, "data": data}
    sources = {name: Path(source) for name, source in sources.items() if isinstance(source, (str, Path))}
    model = load_model(model) if "model" in sources else model
    check_model(model)
    if "data" in sources:
        data = sources["data"] if sources["data"].is_dir() else read_arrays(sources["data"])
    trainer, whole, notes = _read_model(model, data, how)
    data, told = _read_data(data, whole, trainer, how, sources)
    case = Case(
        model, trainer, data, repair_options, how.tolerance, how.seed, trainer.state(), (*notes, *told), sources,
        learning_rate=how.learning_rate, fixed_epochs=how.epochs is not None,
    )  # fmt: skip
    for check in _CHECKS:
        case = replace(case, notes=(*case.notes, *check(case, how)))
    weights, told = _class_weights(how.class_weights, trainer, data)
    case = replace(case, class_weights=weights, notes=(*case.notes, *told, *say_rate(case)))
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


def _read_model(model, data, how):
    """Return the trainer of a model, the model as one whose layers can be followed, and notes."""
    whole, notes = followed(model, data)
    plain = plain_model(whole)  # which refuses what cannot be one
    meaning = read_classifier(whole, len(how.class_names) if how.class_names else None, how.output, how.labels)
    check_trainable(whole)
    return Trainer(plain, meaning, how.batch_size), whole, (*notes, *meaning.remarks)


def _read_data(data, model, trainer, how, sources):
    """Return `OwnData` with the classes of a model, and notes; data are arrays by name, a folder, or such data."""
    notes = ()
    if isinstance(data, Path):
        data, notes = _read_folder(data, model, trainer, how)
    elif isinstance(data, dict):
        arrays = join_arrays(data, model_inputs(model))
        path, weak = sources["data"], how.even_if_weak
        data = check_arrays(arrays, how.class_names, trainer.n_classes, path, trainer.dtype, weak)
    else:
        samples = {name: x for name, x in of_kind(vars(data), "x").items() if x is not None}
        data = replace(data, **{name: convert_samples(name, x, trainer.dtype) for name, x in samples.items()})
    data = with_classes(data, trainer.n_classes)
    return data, (*notes, *data.notes)


def _read_folder(folder, model, trainer, how):
    """Return data from a folder of images, with pixels as the model wants them, and notes."""
    input_shape, n_classes = tuple(model.inputs[0].shape[1:]), trainer.n_classes
    found = read_images(folder, input_shape, how.class_names, how.skip_broken)
    if len(found.class_names) != n_classes:
        n_found = len(found.class_names)
        raise ValueError(f"{folder} has {n_found} classes, but the model {n_classes}: give the folders of all labels")
    arrays, pixels, reason = found.arrays, how.pixels, f"Pixels are given as {how.pixels}, as stated."
    if pixels is None:
        pixels, reason = choose_pixels(trainer, arrays["x_train"], arrays["y_train"])
    if not PIXELS[pixels].fits(arrays["x_train"]):
        raise ValueError(f"pixels {pixels!r} are of images with three channels, but the model takes {input_shape}")
    takes_whole = np.dtype(trainer.dtype).kind in "iu"
    for name, x in of_kind(arrays, "x").items():
        x = PIXELS[pixels].apply(x)
        arrays[name] = np.rint(x) if takes_whole else x  # resized
    data = check_arrays(arrays, found.class_names, path=folder, dtype=trainer.dtype, even_if_odd=how.even_if_weak)
    return data, (reason, *found.notes)


def _fit(case, how):
    check_fit(case.trainer.model, case.data, case.options.batch_size)
    return ()


def _known(case, how):
    told = say_one_label(case.trainer, case.data.x_train, case.data.y_train, case.data.class_names)
    if how.even_if_weak:
        return (f"{told[0].upper()}{told[1:]}: --class-weights balanced may help.",) if told else ()
    check_known(case.trainer, case.data.x_train, case.data.y_train, case.data.class_names)
    return ()


_CHECKS = (_fit, _known, lambda case, how: say_unseen(case.data), lambda case, how: say_known(case.data))


def _class_weights(stated, trainer, data):
    """Return class weights, and notes."""
    if stated is not None:
        return read_class_weights(stated, data.class_names), ()
    return find_class_weights(trainer, data.x_train, data.y_train, data.class_names)


def _model_of(earlier):
    if earlier.model is None:
        raise ValueError(f"{earlier.folder} has no repaired.keras, as it did not help: give the model to go on with")
    return earlier.model
