"""Repeated, paired runs: one seed a run, every strategy of a run from the same trained model -> one tidy table.

What all metrics share, the trained initial model and its control, is computed once for a seed and cached on disk, also
when several processes start at the same time.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from mode_utils.data import DATA_DIR
from mode_utils.debugging import RandomRepair, Repair
from mode_utils.diagnosis import Assessment, assess
from mode_utils.model_training import new_trainer, train_initial_model
from mode_utils.networks.feature_models import FrozenBody
from mode_utils.networks.trainer import Trainer
from mode_utils.options import CONFIGURATION, DebugOptions
from mode_utils.run_setup import RunSetup, split_for_run
from mode_utils.selection.model_outputs import choose_view
from mode_utils.selection.source import View
from mode_utils.splits import Splits
from mode_utils.support.checks import MIN_RUNS, check_least
from mode_utils.support.code_hash import code_hash, versions
from mode_utils.support.progress import progress_bar

CACHE_DIR = DATA_DIR / "cache"
DECIDING = (
    "run_setup",
    "model_training",
    "debugging",
    "networks.feature_models",
)  # these, and all that they import, decide a cached result
_SHARED_OPTIONS = ("batch_size", "max_iterations", "epochs", "replay", "theta", "gamma")  # with the control


@dataclass(frozen=True)
class Run:
    """One seed and what its repairs share.

    Attributes
    ----------
    seed : int
    trainer : Trainer
        Of the model, or of its last layer alone, if the setup fine-tunes that.
    splits : Splits
        What that takes: samples, or features of them.
    initial_state : tuple of arrays
        Of the trained model, see `Trainer.restore`.
    diagnosis : callable
        From options to the `Assessment` of that model.
    view : callable
        `selection.model_outputs.choose_view` for that model and the first numbers of the repair's stream.
    reference_probabilities : callable
        From options to what their reference makes of the pool's labels.
    control : callable
        From a number of iterations and options to the control's table; the rows of fewer iterations are the first of
        more.
    """

    seed: int
    trainer: Trainer
    splits: Splits
    initial_state: tuple[np.ndarray, ...]
    diagnosis: Callable[[DebugOptions], Assessment]
    view: Callable[..., View]
    reference_probabilities: Callable[[DebugOptions], np.ndarray]
    control: Callable[[int, DebugOptions], pd.DataFrame]


def repeat_runs(
    dataset, options, n_runs=MIN_RUNS, seed=0, setup=None, cache_dir=CACHE_DIR, progress=True, control_iterations=0
):
    """Repair `n_runs` models, each against its own control.

    Parameters
    ----------
    dataset : Dataset
    options : DebugOptions or dict of str to DebugOptions
        Several, by name, repair the same models, one after the other.
    n_runs : int
        At least 1; comparisons take at least `checks.MIN_RUNS`.
    seed : int
        Of the first run; the others follow: seed, seed + 1, ...
    setup : RunSetup, optional
    cache_dir : path, optional
        Where initial models and controls are kept; None keeps nothing.
    progress : bool
        Show a progress bar.
    control_iterations : int
        How long control goes on at least.

    Returns
    -------
    pandas.DataFrame
        The rows of `debug_model` for each `seed` and `strategy` ("mode", "control"), ordered by options and seed,
        beside the `name`, if there are several, and the configuration (`options.CONFIGURATION`): the columns of
        `study.runs_table`. All but the seconds are the same, bit for bit, each time.

    Raises
    ------
    ValueError
        If `n_runs` is below 1; see also `split_dataset` and `debug_model`.
    """
    check_least("n_runs", n_runs, 1)
    several = {None: options} if isinstance(options, DebugOptions) else options
    first = next(iter(several.values()))
    setup = setup or RunSetup()
    trainer = new_trainer(dataset, setup)
    tables = {}
    started = start_runs(trainer, dataset, setup, first, range(seed, seed + n_runs), cache_dir, control_iterations)
    description = f"{len(several)} strategies" if len(several) > 1 else first.metric
    for run in progress_bar(started, total=n_runs, desc=description, unit="run", disable=not progress):
        with run.splits.in_memory() if len(several) > 1 else nullcontext():  # one copy for all
            for place, (name, each) in enumerate(several.items()):
                both = _repair(run, each, control_iterations)
                tables[place, run.seed] = [_label(table, run.seed, who, name, each) for who, table in both.items()]
        del run  # its samples, before the next run's are copied
    return pd.concat([table for key in sorted(tables) for table in tables[key]], ignore_index=True)


def _repair(run, options, control_iterations=0):
    repair = Repair(run.trainer, run.splits, options, run.seed)
    repair.assessment, repair.choose_view = run.diagnosis(options), run.view
    if repair.asks_reference:
        repair.reference_probabilities = run.reference_probabilities(options)
    with run.trainer.at(run.initial_state):
        mode = repair.run()
    n_iterations = max(len(mode) - 1, options.max_iterations, control_iterations)
    return {"control": run.control(n_iterations, options), "mode": mode}


def _label(table, seed, strategy, name, options):
    names = {"seed": seed, "strategy": strategy} | ({"name": name} if name else {})
    names |= {option: asdict(options)[option] for option in CONFIGURATION}
    return pd.concat([pd.DataFrame([names] * len(table)), table], axis=1)


def start_runs(trainer, dataset, setup, options, seeds, cache_dir=CACHE_DIR, control_iterations=0):
    """Yield each run once its initial model and control exist, first those that no other process is busy with.

    Parameters
    ----------
    trainer : Trainer
        Of `new_trainer`. It is the run's own `trainer` that repairs.
    dataset : Dataset
    setup : RunSetup
    options : DebugOptions
        For the control.
    seeds : iterable of int
    cache_dir : path, optional
        Where initial models and controls are kept; None keeps nothing.
    control_iterations : int
        How long control goes on at least.

    Yields
    ------
    Run
        Not in the order of the seeds if other processes work on the same ones.
    """
    memory = joblib.Memory(cache_dir, verbose=0)
    body = FrozenBody(trainer) if setup.fine_tune == "head" else None
    fine_tuned = body.head if body else trainer
    of_control = replace(setup, labelled=True)  # it looks at no label of the pool
    of_model = replace(of_control, pool="clean")
    train = memory.cache(_train, ignore=["trainer", "splits"])
    diagnose = memory.cache(_diagnose, ignore=["trainer", "splits", "initial_state"])
    look = memory.cache(_look, ignore=["trainer", "splits", "options", "predictions", "rng"])
    ask = memory.cache(_ask, ignore=["trainer", "splits", "initial_state", "options"])
    retrain = memory.cache(_retrain_control, ignore=["trainer", "splits", "initial_state", "diagnosis"])
    origin = (dataset.fingerprint, _code_version())

    def start(seed):
        splits = split_for_run(dataset, setup, seed)
        state = train(trainer, splits, replace(of_model, fine_tune="all"), seed, origin)
        if body:
            with trainer.at(state):
                body.cut()
                splits, state = splits.transformed(body.features), body.head.state()

        def diagnosis(options):
            return diagnose(fine_tuned, splits, state, options.theta, options.gamma, of_model, seed, origin)

        def view(options, fault, predictions, rng):
            if not options.layer_selection:
                return choose_view(fine_tuned, splits, options, fault, predictions, rng)
            decides = (fault, options.similarity_threshold, setup, seed, origin)
            found, rng.bit_generator.state = look(fine_tuned, splits, options, predictions, rng, *decides)
            return found

        def reference_probabilities(options):
            return ask(fine_tuned, splits, state, options, options.reference, setup, seed, origin)

        def control(n_iterations, options):
            shared = DebugOptions(**{name: getattr(options, name) for name in _SHARED_OPTIONS})
            known = (shared, of_control, seed, origin, n_iterations)
            return retrain(fine_tuned, splits, state, diagnosis(options), *known)

        control(max(options.max_iterations, control_iterations), options)
        return Run(seed, fine_tuned, splits, state, diagnosis, view, reference_probabilities, control)

    waiting = deque(seeds)
    while waiting:
        seed = waiting.popleft()
        try:
            with _lock(cache_dir, seed):
                run = start(seed)
        except Timeout:
            waiting.append(seed)
        else:
            yield run
            del run


def _train(trainer, splits, setup, seed, origin):
    """Return the initial state of a run; `origin` stands for the data and the code in the cache's key."""
    with trainer.at():
        train_initial_model(trainer, splits, setup, seed)
        return trainer.state()


def _diagnose(trainer, splits, initial_state, theta, gamma, setup, seed, origin):
    with trainer.at(initial_state):
        return assess(trainer, splits, theta, gamma)


def _look(trainer, splits, options, predictions, rng, fault, similarity_threshold, setup, seed, origin):
    """Return the view of the initial model through its target layer, and the state of the generator afterwards."""
    return choose_view(trainer, splits, options, fault, predictions, rng), rng.bit_generator.state


def _ask(trainer, splits, initial_state, options, reference, setup, seed, origin):
    with trainer.at(initial_state):
        return Repair(trainer, splits, options, seed).reference_probabilities


def _retrain_control(trainer, splits, initial_state, diagnosis, options, setup, seed, origin, n_iterations):
    control = RandomRepair(trainer, splits, options, seed)
    control.assessment = diagnosis
    with trainer.at(initial_state):
        return control.run(n_iterations)


def _lock(cache_dir, seed):
    if cache_dir is None:
        return nullcontext()
    Path(cache_dir).mkdir(parents=True, exist_ok=True)
    return FileLock(Path(cache_dir) / f"seed-{seed}.lock", timeout=0.05)


@lru_cache
def _code_version():
    """Hash the code and the versions that decide a result, so that no stale one is ever read."""
    digest = hashlib.sha256(repr(versions()).encode())
    digest.update(code_hash(Path(__file__).parent, *DECIDING).encode())
    return digest.hexdigest()
