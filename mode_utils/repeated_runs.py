"""Repeated, paired runs: one seed a run, every strategy of a run from the same trained model -> one tidy table.

The initial model and its control, which all metrics share, are computed once for a seed and cached on disk, also when
several processes start at the same time.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from mode_utils.data import DATA_DIR
from mode_utils.debugging import debug_model, retrain_at_random
from mode_utils.diagnosis import Assessment, assess
from mode_utils.input_selection import ask_reference, asks_reference
from mode_utils.model_training import new_trainer, train_initial_model
from mode_utils.networks.frozen_body import FrozenBody
from mode_utils.networks.trainer import Trainer
from mode_utils.options import CONFIGURATION, DebugOptions
from mode_utils.run_setup import RunSetup, run_streams, split_for_run
from mode_utils.selection.view import View, choose_view
from mode_utils.splits import Splits
from mode_utils.support.checks import MIN_RUNS, check_least
from mode_utils.support.code_hash import code_hash, versions
from mode_utils.support.progress import progress_bar

CACHE_DIR = DATA_DIR / "cache"
# these, and all that they import, decide a cached result
DECIDING = ("run_setup", "model_training", "debugging", "networks.frozen_body")
_SHARED_OPTIONS = ("batch_size", "max_iterations", "epochs", "replay", "theta", "gamma")  # with the control


@dataclass(frozen=True)
class Run:
    """One seed and what its repairs share.

    Trainer and splits are those of the model, or of its last layer alone and its features, if the setup fine-tunes
    that; `initial_state` is of the trained model. From options, `assess` gives its `Assessment`; `choose_view` is that
    of `selection.view` for the first numbers of the repair's stream; `ask_reference` gives the label probabilities of
    the pool by the name of a reference; `control`, from a number of iterations and options, the control's table, of
    which fewer iterations are the first rows.
    """

    seed: int
    trainer: Trainer
    splits: Splits
    initial_state: tuple[np.ndarray, ...]
    assess: Callable[[DebugOptions], Assessment]
    choose_view: Callable[..., View]
    ask_reference: Callable[[str], np.ndarray]
    control: Callable[[int, DebugOptions], pd.DataFrame]


def repeat_runs(
    dataset, options, n_runs=MIN_RUNS, seed=0, setup=None, cache_dir=CACHE_DIR, progress=True, control_iterations=0
):
    """Repair `n_runs` models, at least 1, each against its own control.

    Parameters
    ----------
    options : DebugOptions or dict of str to DebugOptions
        Several, by name, repair the same models, one after the other.
    seed : int
        Of the first run; the others follow: seed, seed + 1, ...
    setup : RunSetup, optional
    cache_dir : path, optional
        Where initial models and controls are kept; None keeps nothing.
    control_iterations : int
        How long control goes on at least.

    Returns
    -------
    pandas.DataFrame
        The rows of `debug_model` for each `seed` and `strategy` ("mode", "control"), ordered by options and seed,
        beside the `name`, if there are several, and the configuration (`options.CONFIGURATION`): the columns of
        `study.runs_table`. All but the seconds are the same, bit for bit, each time.
    """
    check_least("n_runs", n_runs, 1)
    several = {None: options} if isinstance(options, DebugOptions) else options
    first, setup = next(iter(several.values())), setup or RunSetup()
    seeds, tables = range(seed, seed + n_runs), {}
    started = start_runs(new_trainer(dataset, setup), dataset, setup, first, seeds, cache_dir, control_iterations)
    description = f"{len(several)} strategies" if len(several) > 1 else first.metric
    for run in progress_bar(started, total=n_runs, desc=description, unit="run", disable=not progress):
        with run.splits.in_memory() if len(several) > 1 else nullcontext():  # one copy for all
            for place, (name, each) in enumerate(several.items()):
                both = _repair(run, each, control_iterations)
                tables[place, run.seed] = [_label(table, run.seed, who, name, each) for who, table in both.items()]
        del run  # its samples, before the next run's are copied
    return pd.concat([table for key in sorted(tables) for table in tables[key]], ignore_index=True)


def _repair(run, options, control_iterations):
    known = run.ask_reference(options.reference) if asks_reference(options, run.splits) else None
    run.trainer.restore(run.initial_state)
    rng = run_streams(run.seed)["repair"]
    mode = debug_model(run.trainer, run.splits, options, rng, run.assess(options), run.choose_view, known)
    n_iterations = max(len(mode) - 1, options.max_iterations, control_iterations)
    return {"control": run.control(n_iterations, options), "mode": mode}


def _label(table, seed, strategy, name, options):
    names = {"seed": seed, "strategy": strategy} | ({"name": name} if name else {})
    names |= {option: getattr(options, option) for option in CONFIGURATION}
    return pd.concat([pd.DataFrame([names] * len(table)), table], axis=1)


def start_runs(trainer, dataset, setup, options, seeds, cache_dir=CACHE_DIR, control_iterations=0):
    """Yield each `Run` once its initial model and control exist, first those that no other process works on.

    Parameters are those of `repeat_runs`; `trainer` is of `new_trainer`, `options` decide the control. Runs are not in
    the order of the seeds if other processes work on the same ones.
    """
    memory = joblib.Memory(cache_dir, verbose=0)
    body = FrozenBody(trainer) if setup.fine_tune == "head" else None
    fine_tuned = body.head if body else trainer
    of_control = replace(setup, labelled=True)  # it uses no label of the pool
    of_model = replace(of_control, pool="clean")
    train = memory.cache(_train, ignore=["trainer", "splits"])
    assess_initial = memory.cache(_assess, ignore=["trainer", "splits", "initial_state"])
    choose = memory.cache(_choose_view, ignore=["trainer", "splits", "options", "predictions", "rng"])
    ask = memory.cache(_ask_reference, ignore=["trainer", "splits", "initial_state"])
    retrain = memory.cache(_retrain_control, ignore=["trainer", "splits", "initial_state", "assessment"])
    origin = (dataset.fingerprint, _code_version())

    def start(seed):
        splits = split_for_run(dataset, setup, seed)
        state = train(trainer, splits, replace(of_model, fine_tune="all"), seed, origin)
        if body:
            trainer.restore(state)
            body.cut()
            splits, state = splits.transformed(body.features), body.head.state()

        def assess_run(options):
            return assess_initial(fine_tuned, splits, state, options.theta, options.gamma, of_model, seed, origin)

        def view_of(trainer, splits, options, fault, predictions, rng):
            if not options.layer_selection:
                return choose_view(trainer, splits, options, fault, predictions, rng)
            decides = (fault, options.similarity_threshold, setup, seed, origin)
            found, rng.bit_generator.state = choose(trainer, splits, options, predictions, rng, *decides)
            return found

        def control(n_iterations, options):
            shared = DebugOptions(**{name: getattr(options, name) for name in _SHARED_OPTIONS})
            known = (shared, of_control, seed, origin, n_iterations)
            return retrain(fine_tuned, splits, state, assess_run(options), *known)

        control(max(options.max_iterations, control_iterations), options)
        reference = partial(ask, fine_tuned, splits, state, setup, seed, origin)
        return Run(seed, fine_tuned, splits, state, assess_run, view_of, reference, control)

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


# `origin` stands for the data and the code in the cache's keys.


def _train(trainer, splits, setup, seed, origin):
    train_initial_model(trainer, splits, setup, seed)
    return trainer.state()


def _assess(trainer, splits, initial_state, theta, gamma, setup, seed, origin):
    trainer.restore(initial_state)
    return assess(trainer, splits, theta, gamma)


def _choose_view(trainer, splits, options, predictions, rng, fault, similarity_threshold, setup, seed, origin):
    """Return the view of the initial model through its target layer, and the state of the generator afterwards."""
    return choose_view(trainer, splits, options, fault, predictions, rng), rng.bit_generator.state


def _ask_reference(trainer, splits, initial_state, setup, seed, origin, reference):
    trainer.restore(initial_state)
    return ask_reference(trainer, splits, run_streams(seed)["reference"], reference)


def _retrain_control(trainer, splits, initial_state, assessment, options, setup, seed, origin, n_iterations):
    trainer.restore(initial_state)
    return retrain_at_random(trainer, splits, options, run_streams(seed)["repair"], n_iterations, assessment)


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
