import gc
import os
import shutil
import signal
import sys
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # a core each, before anything reads how many there are
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start processes: each would compile the package anew
sys.dont_write_bytecode = False
gc.disable()  # until all is imported, of which nothing is garbage

import numpy as np
import pytest
from browsing import open_browser
from filelock import FileLock
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it, and so would sweeps


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# the package is imported where it is first needed: the process that only hands out tests does without TensorFlow
@pytest.fixture(scope="session")
def mnist():
    from mode_utils.data import load_dataset

    return load_dataset("mnist")


@pytest.fixture(scope="session")
def small_setup():
    from mode_utils.run_setup import RunSetup

    return RunSetup(n_train=2_000, n_bug_fixing=1_500, n_validation=500, n_test=1_000, initial_epochs=1)


@pytest.fixture(scope="session")
def splits(mnist, small_setup):
    from mode_utils.run_setup import split_for_run

    return split_for_run(mnist, small_setup, seed=0)


@pytest.fixture(scope="session")
def one_trainer():
    """Return a `new_trainer` that builds a model of a kind once: to trace it takes longer than to train it."""
    from mode_utils.model_training import new_trainer
    from mode_utils.run_setup import scenario_of

    built = {}

    def one(dataset, setup):
        width = scenario_of(setup).width * setup.width
        kind = setup.architecture, dataset.x_train.shape[1:], dataset.n_classes, width
        built[kind] = built.get(kind) or new_trainer(dataset, setup)
        return built[kind]

    return one


@pytest.fixture
def built_once(one_trainer, monkeypatch):
    """Have repeated runs take the one trainer of a kind of model; each run draws its weights afresh."""
    from mode_utils import model_training, repeated_runs

    monkeypatch.setattr(repeated_runs, "new_trainer", one_trainer)
    monkeypatch.setattr(model_training, "new_trainer", one_trainer)


@pytest.fixture(scope="session")
def shared_trainer(one_trainer, mnist, small_setup):
    return one_trainer(mnist, small_setup)


@pytest.fixture(scope="session")
def initial_state(shared_trainer, splits, small_setup):
    from mode_utils.model_training import train_initial_model

    with shared_trainer.at():
        train_initial_model(shared_trainer, splits, small_setup, seed=0)
        return shared_trainer.state()


@pytest.fixture
def trainer(shared_trainer, initial_state):
    """A trainer that holds a briefly trained model; a test may do with it what it likes."""
    with shared_trainer.at(initial_state):
        yield shared_trainer


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Return a function: `once(name, make)` is a folder that `make(folder)` has filled, once for all test processes."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make_once(name, make):
        folder, partial = base / f"once-{name}", Path(base / f"once-{name}-partial")
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                make(partial)
                partial.rename(folder)
        return folder

    return make_once


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.hookimpl(optionalhook=True)  # -p no:xdist knows no such hook
def pytest_xdist_auto_num_workers(config):
    """Half as many again as cores: about a third of the time tests wait for processes that they have started."""
    return max(1, (os.cpu_count() or 1) * 3 // 2)


def pytest_addoption(parser):
    parser.addoption("--every", action="store_true", help="run the tests marked `nightly`, too")


def pytest_collection_modifyitems(config, items):
    """Leave out what only a night runs: more of a kind of which `make test` runs one at least."""
    if not config.option.every:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("nightly")])
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop():
    gc.enable()
