import numpy as np
import pytest
from tiers import by_night

from mode_utils.model_training import train_initial_model
from mode_utils.networks.backend import keras
from mode_utils.networks.feature_models import FrozenBody
from mode_utils.networks.trainer import Trainer
from mode_utils.options import DebugOptions
from mode_utils.repeated_runs import repeat_runs, start_runs
from mode_utils.run_setup import ARCHITECTURES, RunSetup, split_for_run

pytestmark = pytest.mark.slow

SIZES = {"n_train": 2_000, "n_bug_fixing": 1_500, "n_validation": 500, "n_test": 1_000, "initial_epochs": 1}


@pytest.mark.parametrize("architecture", by_night(ARCHITECTURES, but=["cnn"]))
def test_the_head_on_its_features_is_the_network(architecture, mnist, one_trainer):
    setup = RunSetup(**SIZES, architecture=architecture)
    splits, trainer = split_for_run(mnist, setup, 0), one_trainer(mnist, setup)
    train_initial_model(trainer, splits, setup, 0)
    body = FrozenBody(trainer)
    body.cut()
    cut = splits.transformed(body.features)
    for role in ("train", "bug_fixing", "validation", "test"):
        whole, part = getattr(splits, role), getattr(cut, role)
        np.testing.assert_array_equal(part.y, whole.y)
        np.testing.assert_allclose(body.head.predict(part.x), trainer.predict(whole.x), atol=1e-5)


def test_to_train_the_head_leaves_the_body_as_it_is(mnist, one_trainer):
    setup = RunSetup(**SIZES)
    splits, trainer = split_for_run(mnist, setup, 0), one_trainer(mnist, setup)
    train_initial_model(trainer, splits, setup, 0)
    before = trainer.state()
    body = FrozenBody(trainer)
    body.cut()
    cut = splits.transformed(body.features)
    whole = trainer.predict(splits.test.x)
    body.head.fit(cut.train.x, cut.train.y, epochs=2, rng=np.random.default_rng(0))
    assert np.abs(body.head.predict(cut.test.x) - whole).max() > 0.01
    for one, other in zip(trainer.state(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    body.cut()
    np.testing.assert_allclose(body.head.predict(cut.test.x), whole, atol=1e-5)


@pytest.mark.usefixtures("built_once")
def test_runs_that_fine_tune_the_head_start_where_the_others_do_and_end_elsewhere(mnist, tmp_path, one_trainer):
    options = DebugOptions.preset("recommended", batch_size=100, max_iterations=2, epochs=1)
    tables = []
    for fine_tune in ("all", "head"):
        setup = RunSetup(**SIZES, fine_tune=fine_tune, pool="noisy")
        tables.append(repeat_runs(mnist, options, 1, 0, setup, tmp_path, progress=False))
    start, end = ([table.loc[table["iteration"] == n, "test_accuracy"].to_numpy() for table in tables] for n in (0, 2))
    np.testing.assert_allclose(*start, atol=0.002)
    assert (end[0] != end[1]).all()
    run = next(start_runs(one_trainer(mnist, setup), mnist, setup, options, [0], tmp_path))
    assert run.splits.bug_fixing.x.shape == (1_500, 28) and run.splits.pool_truth.wrong.mean() == pytest.approx(0.2)
    assert run.trainer.model.count_params() == 29 * 10


def test_a_last_layer_that_takes_no_vector_is_an_error():
    layers = [keras.Input((4, 4, 2)), keras.layers.Softmax(), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential(layers)
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=r"takes \(None, 4, 4, 2\); a body that is kept needs one vector a sample"):
        FrozenBody(Trainer(model))


def test_an_unknown_part_to_fine_tune_is_an_error_that_names_the_choices():
    with pytest.raises(ValueError, match="unknown fine_tune 'body'; choose from all, head"):
        RunSetup(fine_tune="body")
