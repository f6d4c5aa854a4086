"""The case: a person's trained model, its data, and how to repair it; and an example of one."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mode_utils.assessment import assess, judge_accuracies, label_accuracies
from mode_utils.data import load_dataset
from mode_utils.model_training import new_trainer, train_initial_model
from mode_utils.networks.backend import keras
from mode_utils.networks.trainer import Predictions, Trainer
from mode_utils.options import DebugOptions
from mode_utils.repair.campaign.rounds import Earlier, continue_case, read_earlier
from mode_utils.repair.choosing.choice import PoolCase
from mode_utils.repair.choosing.restricted import read_only
from mode_utils.repair.class_weights import ClassWeights, find_class_weights, read_class_weights
from mode_utils.repair.reading.arrays import OwnData, say_known, say_unseen, with_arm
from mode_utils.repair.reading.case_options import CaseOptions
from mode_utils.repair.reading.model_files import load_model
from mode_utils.repair.reading.npz_files import read_arrays
from mode_utils.repair.reading.own_model import check_fit, check_model, read_data, read_model, renew_optimizer
from mode_utils.repair.reading.own_samples import check_known, say_one_label
from mode_utils.repair.retraining import check_trainable, say_last_layer, say_rate
from mode_utils.run_setup import RunSetup, split_for_run
from mode_utils.selection.eligible import Only
from mode_utils.selection.model_outputs import ModelOutputs
from mode_utils.support.checks import check_least


@dataclass(frozen=True)
class Case(PoolCase):
    """What a repair starts from; for `tolerance`, `seed`, `learning_rate` see `case_options.CaseOptions`.

    Attributes
    ----------
    model : keras.Model, as it came; its layers are those of the trainer's model
    trainer : Trainer
        Every step borrows its model in the state that it needs; a retraining leaves it repaired.
    data, options : OwnData, DebugOptions, whose `batch_size` is the budget: samples to add
    initial_state : tuple of arrays, of the model as it came
    notes : tuple of str, how the data were read, and what is odd about them
    sources : dict of str to path, the files of `model` and `data`, of what came as a file
    used : (n_used,) int, places in the pool of what earlier rounds have added, which is not chosen again
    earlier : rounds.Earlier, optional, those rounds
    only : selection.eligible.Only, what alone may be chosen
    fixed_epochs, class_weights : whether epochs are stated; ClassWeights of the retraining, optional
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
    only: Only | None = None
    has_samples = True  # which people can look at
    libraries = ("tensorflow", "keras", "numpy")

    @property
    def outputs(self):
        """What the model as it came makes of the samples, `ModelOutputs`."""
        return ModelOutputs(self.trainer, self.data.splits(), self.initial_state)

    def about(self):
        """Return what a file about the case says of its model and data."""
        reading = [*self.trainer.meaning.reasons, *self.notes]
        return {"model": {"name": self.model.name, "reading": reading}, "tolerance": self.tolerance}

    def assess(self):
        """Return what the model as it came gets wrong on validation samples, an `Assessment`."""
        data, limits = self.data, (self.options.theta, self.options.gamma)
        with self.trainer.at(self.initial_state):
            found = assess(self.trainer, data.splits(), *limits)
        if self.earlier is None or not len(self.earlier.checked):
            return found
        places, predicted = self.earlier.checked.T
        given = dict(zip(self.used.tolist(), self.earlier.labels(data.class_names), strict=True))
        y = np.concatenate([data.y_validation, [given[place] for place in places.tolist()]])
        unseen = label_accuracies(y, np.concatenate([found.predictions, predicted]), data.n_classes)
        joined = judge_accuracies(found.predictions, found.train_accuracies, unseen, *limits)
        return replace(joined, scores=found.scores)

    def step_options(self, n_steps):
        """Return the options of a repair that spends the budget in some steps, for a learning curve."""
        return replace(self.options, batch_size=self.options.batch_size // n_steps, max_iterations=n_steps)


def open_case(model, data, budget, **options):
    """Load a model and its data, and return a `Case`; an error says in one sentence if they do not fit, and what to do.

    Parameters
    ----------
    model : keras.Model or path
        A compiled classifier, or its file, see `model_files.load_model`; None takes the repaired one of
        `continue_from`.
    data : OwnData, dict of str to array, or path
        The arrays of `array_sets.SAMPLES` (of a model with several inputs `x_train.<input>` and so on for each), an
        .npz file of them, or a folder of images, see `image_folders.read_images`.
    budget : int, samples to add, at least 1
    **options
        Those of `case_options.CaseOptions`, and of `options.DebugOptions` to change in the preset.
    """
    check_least("budget", budget, 1)
    how = CaseOptions.of(options)
    repair_options = how.repair_options(budget)
    earlier = read_earlier(how.continue_from) if how.continue_from else None
    if model is None and earlier:
        model = earlier.model
        if model is None:
            told = f"{earlier.folder} has no repaired.keras, as it did not help"
            raise ValueError(f"{told}: give the model to go on with")
    sources = {what: Path(each) for what, each in (("model", model), ("data", data)) if isinstance(each, (str, Path))}
    model = load_model(model) if "model" in sources else model
    check_model(model)
    renewed = renew_optimizer(model)
    source = sources.get("data", data)
    source = read_arrays(source) if isinstance(source, Path) and not source.is_dir() else source
    trainer, whole, notes = read_model(model, source, how)
    check_trainable(whole, how.learning_rate)
    data, told = read_data(source, whole, trainer, how, sources.get("data", "the data"))
    repair_options, of_arm = with_arm(repair_options, data)
    only, restricted = read_only(how.only, data, repair_options)
    initial_state = trainer.state()
    check_fit(trainer.model, data, budget)
    predictions = Predictions(trainer, data.x_train)
    weak = _say_weak(predictions, data, how.even_if_weak)  # before what is odd about the data
    notes = (*weak, *renewed, *notes, *told, *say_unseen(data), *say_known(data), *of_arm, *restricted)
    notes = (*notes, *say_last_layer(whole))
    if how.class_weights is None:
        weights, told = find_class_weights(predictions, data.y_train, data.class_names)
    else:
        weights, told = read_class_weights(how.class_weights, data.class_names), ()
    case = Case(
        model, trainer, data, repair_options, how.tolerance, how.seed, initial_state, (*notes, *told), sources,
        learning_rate=how.learning_rate, fixed_epochs=how.epochs is not None, class_weights=weights, only=only,
    )  # fmt: skip
    case = replace(case, notes=(*case.notes, *say_rate(case)))
    return continue_case(case, earlier) if earlier else case


def make_example(folder, labelled=True, seed=0):
    """Make an example in a folder, MNIST with three labels starved in training; return paths of its model and data."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data, setup = load_dataset("mnist"), RunSetup(scenario="starved")
    trainer, splits = new_trainer(data, setup), split_for_run(data, setup, seed)
    train_initial_model(trainer, splits, setup, seed)
    trainer.model.save(folder / "model.keras")
    roles = {"train": splits.train, "validation": splits.validation, "pool": splits.bug_fixing, "test": splits.test}
    arrays = {f"{kind}_{role}": getattr(part, kind) for kind in "xy" for role, part in roles.items()}
    np.savez(folder / "data.npz", **{name: array for name, array in arrays.items() if labelled or name != "y_pool"})
    return folder / "model.keras", folder / "data.npz"


def _say_weak(predictions, data, even_if_weak):
    training = predictions, data.y_train, data.class_names
    if not even_if_weak:
        check_known(*training)
        return ()
    told = say_one_label(*training)
    return (f"{told[0].upper()}{told[1:]}: --class-weights balanced may help.",) if told else ()
