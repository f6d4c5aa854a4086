"""Repeated, paired runs: one seed a run, every strategy of a run from the same trained model -> one tidy table."""

import hashlib
from collections import deque
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from mode_utils.assessment import assess
from mode_utils.data import DATA_DIR
from mode_utils.debugging import RandomRepair, Repair
from mode_utils.model_training import new_trainer, train_initial_model
from mode_utils.networks.feature_models import FrozenBody
from mode_utils.networks.trainer import Trainer
from mode_utils.options import CONFIGURATION, DebugOptions
from mode_utils.run_setup import RunSetup, split_for_run
from mode_utils.selection.model_outputs import choose_view
from mode_utils.splits import Splits
from mode_utils.support.checks import MIN_RUNS, check_least
from mode_utils.support.code_hash import code_hash, versions
from mode_utils.support.progress import progress_bar

CACHE_DIR = DATA_DIR / "cache"
# these, and all that they import, decide a cached result
DECIDING = ("run_setup", "model_training", "debugging", "networks.feature_models")
_SHARED_OPTIONS = ("batch_size", "max_iterations", "epochs", "replay", "theta", "gamma")  # with the control


@dataclass(frozen=True)
class Run:
    """One seed and what its repairs share, computed once and kept.

    Trainer and splits are of the model, or of its last layer alone, if that is fine-tuned; `origin`: of data and code.
    """

    seed: int
    trainer: Trainer
    splits: Splits
    initial_state: tuple[np.ndarray, ...]
    setup: RunSetup
    memory: joblib.Memory
    origin: tuple[str, str]

    def assess(self, options):
        """Return the `Assessment` of the initial model."""
        of_model = replace(self.setup, labelled=True, pool="clean")
        assess_initial = self.memory.cache(_assess, ignore=["trainer", "splits", "initial_state"])
        return assess_initial(*self._model, options.theta, options.gamma, of_model, self.seed, self.origin)

    def choose_view(self, options, fault, predictions, rng):
        """Return the view of the initial model, see `selection.model_outputs.choose_view`."""
        if not options.layer_selection:
            return choose_view(self.trainer, self.splits, options, fault, predictions, rng)
        choose = self.memory.cache(_choose_view, ignore=["trainer", "splits", "options", "predictions", "rng"])
        decides = (fault, options.similarity_threshold, self.setup, self.seed, self.origin)
        found, rng.bit_generator.state = choose(self.trainer, self.splits, options, predictions, rng, *decides)
        return found

    def reference_probabilities(self, options):
        """Return the label probabilities of the pool by the reference of the options."""
        ask = self.memory.cache(_ask_reference, ignore=["trainer", "splits", "initial_state", "options"])
        return ask(*self._model, options, options.reference, self.setup, self.seed, self.origin)

    def control(self, n_iterations, options):
        """Return the control's table; the rows of fewer iterations are the first of more."""
        shared = DebugOptions(**{name: getattr(options, name) for name in _SHARED_OPTIONS})
        of_control = replace(self.setup, labelled=True)  # it uses no label of the pool
        retrain = self.memory.cache(_retrain_control, ignore=["trainer", "splits", "initial_state", "assessment"])
        return retrain(*self._model, self.assess(options), shared, of_control, self.seed, self.origin, n_iterations)

    @property
    def _model(self):
        return self.trainer, self.splits, self.initial_state


def repeat_runs(dataset, options, n_runs=MIN_RUNS, seed=0, setup=None, cache_dir=CACHE_DIR, progress=True,
                control_iterations=0):  # fmt: skip
    """Repair `n_runs` models, at least 1, each against its own control.

    Parameters
    ----------
    options : DebugOptions, or a dict of several by name, which repair the same models, one after the other
    seed : int of the first run; the others follow: seed, seed + 1, ...
    setup : RunSetup, optional
    cache_dir : path, where initial models and controls are kept; None keeps nothing
    control_iterations : int, how long control goes on at least

    Returns
    -------
    pandas.DataFrame
        The rows of `debug_model` for each `seed` and `strategy` ("mode", "control"), ordered by options and seed, with
        the `name`, if there are several, and `options.CONFIGURATION`: the columns of `study.runs_table`. All but the
        seconds are the same, bit for bit, each time.
    """
    check_least("n_runs", n_runs, 1)
    several = {None: options} if isinstance(options, DebugOptions) else options
    first, setup = next(iter(several.values())), setup or RunSetup()
    seeds, tables = range(seed, seed + n_runs), {}
    started = start_runs(new_trainer(dataset, setup), dataset, setup, first, seeds, cache_dir, control_iterations)
    by = first.metric if first.selector == "similarity" else first.selector
    description = f"{len(several)} strategies" if len(several) > 1 else by
    for run in progress_bar(started, total=n_runs, desc=description, unit="run", disable=not progress):
        with run.splits.in_memory() if len(several) > 1 else nullcontext():  # one copy for all
            for place, (name, each) in enumerate(several.items()):
                both = _repair(run, each, control_iterations)
                tables[place, run.seed] = [_label(table, run.seed, who, name, each) for who, table in both.items()]
        del run  # its samples, before the next run's are copied
    return pd.concat([table for key in sorted(tables) for table in tables[key]], ignore_index=True)


def _repair(run, options, control_iterations=0):
    repair = Repair(run.trainer, run.splits, options, run.seed)
    repair.assessment, repair.choose_view = run.assess(options), run.choose_view
    if repair.asks_reference:
        repair.reference_probabilities = run.reference_probabilities(options)
    with run.trainer.at(run.initial_state):
        mode = repair.run()
    control = run.control(max(len(mode) - 1, options.max_iterations, control_iterations), options)
    return {"control": control, "mode": mode}


def _label(table, seed, strategy, name, options):
    names = {"seed": seed, "strategy": strategy} | ({"name": name} if name else {})
    names |= {option: getattr(options, option) for option in CONFIGURATION}
    return pd.concat([pd.DataFrame([names] * len(table)), table], axis=1)


def start_runs(trainer, dataset, setup, options, seeds, cache_dir=CACHE_DIR, control_iterations=0):
    """Yield each `Run` once its model and control exist, first those no other process works on; see `repeat_runs`."""
    memory = joblib.Memory(None if cache_dir is None else Path(cache_dir), verbose=0)  # a text would be another folder
    origin = dataset.fingerprint, _code_version()
    body = FrozenBody(trainer) if setup.fine_tune == "head" else None
    of_model = replace(setup, labelled=True, pool="clean", fine_tune="all")
    waiting = deque(seeds)
    while waiting:
        seed = waiting.popleft()
        try:
            with _lock(cache_dir, seed):
                splits = split_for_run(dataset, setup, seed)
                state = memory.cache(_train, ignore=["trainer", "splits"])(trainer, splits, of_model, seed, origin)
                own, splits, state = _cut(body, trainer, splits, state) if body else (trainer, splits, state)
                run = Run(seed, own, splits, state, setup, memory, origin)
                run.control(max(options.max_iterations, control_iterations), options)
        except Timeout:
            waiting.append(seed)
        else:
            yield run
            del run


def _cut(body, trainer, splits, state):
    with trainer.at(state):
        body.cut()
        return body.head, splits.transformed(body.features), body.head.state()


def _train(trainer, splits, setup, seed, origin):
    with trainer.at():
        train_initial_model(trainer, splits, setup, seed)
        return trainer.state()


def _assess(trainer, splits, initial_state, theta, gamma, setup, seed, origin):
    with trainer.at(initial_state):
        return assess(trainer, splits, theta, gamma)


def _choose_view(trainer, splits, options, predictions, rng, fault, similarity_threshold, setup, seed, origin):
    return choose_view(trainer, splits, options, fault, predictions, rng), rng.bit_generator.state


def _ask_reference(trainer, splits, initial_state, options, reference, setup, seed, origin):
    with trainer.at(initial_state):
        return Repair(trainer, splits, options, seed).reference_probabilities


def _retrain_control(trainer, splits, initial_state, assessment, options, setup, seed, origin, n_iterations):
    control = RandomRepair(trainer, splits, options, seed)
    control.assessment = assessment
    with trainer.at(initial_state):
        return control.run(n_iterations)


def _lock(cache_dir, seed):
    if cache_dir is None:
        return nullcontext()
    Path(cache_dir).mkdir(parents=True, exist_ok=True)
    return FileLock(Path(cache_dir) / f"seed-{seed}.lock", timeout=0.05)


@lru_cache
def _code_version():
    return hashlib.sha256(f"{versions()!r}{code_hash(Path(__file__).parent, *DECIDING)}".encode()).hexdigest()
