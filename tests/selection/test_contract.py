"""What every selector, metric, space, allocation, preset and source keeps to, whatever it is combined with."""

from dataclasses import fields, replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from all_pairs import all_pairs
from tiers import by_night, cover

from mode_utils.assessment import assess
from mode_utils.debugging import Repair
from mode_utils.heatmaps import HEATMAPS, SPACES
from mode_utils.input_selection import select_inputs
from mode_utils.networks.backend import keras
from mode_utils.networks.trainer import Trainer
from mode_utils.options import PRESETS, DebugOptions
from mode_utils.repair import assess_case, choose_inputs, open_case
from mode_utils.repair.outputs import open_outputs
from mode_utils.repair.reading.arrays import check_arrays
from mode_utils.selection.allocation import ALLOCATIONS, Group
from mode_utils.selection.candidates import Candidates
from mode_utils.selection.model_outputs import ModelOutputs
from mode_utils.selection.next_batch import InputSelection, look_at_candidates
from mode_utils.selection.peers import register_peers
from mode_utils.selection.pool import Pool, draw_batch
from mode_utils.selection.reference import REFERENCES
from mode_utils.selection.screening import SKIPS
from mode_utils.selection.selectors import INPUTS, OVERFIT_SELECTIONS, SELECTORS, needs_of, register_selector
from mode_utils.similarity import METRICS, SPATIAL
from mode_utils.splits import Splits, Subset

N_CLASSES, SHAPE = 4, (7, 7)
OWN = {  # what somebody may register: partly unknown, beyond all numbers, looking at a thing alone
    "half known": (lambda c: np.where(c.labels % 2, np.nan, c.probabilities[:, 0]), ("labels", "probabilities")),
    "infinite": (lambda c: np.where(c.probabilities[:, 0] > 0.3, np.inf, -np.inf), ("probabilities",)),
    "all alike": (lambda c: np.zeros(len(c), np.float32), ()),
}
LOOKING = {  # at a thing alone, and at probabilities beside it
    **{f"by {look}": (lambda c: np.arange(len(c)) % 5, (look,)) for look in INPUTS},
    **{f"by {look} and more": (lambda c: -c.probabilities[:, 1], (look, "probabilities")) for look in INPUTS},
}
TURNS = (
    "k-center",
    "probcover",
    "typiclust",
    "maxherding",
    "badge",
    "falcun",
    "dropquery",
    "tcm",
    "clasp pe",
)  # one after the other, some drawn


@pytest.fixture(scope="module", autouse=True)
def registered():
    before = dict(SELECTORS)
    register_peers()
    for name, (score, looks) in (OWN | LOOKING).items():
        register_selector(name, score, looks)
    register_selector("blend", lambda c: c.scores["margin"] + c.reference_probabilities[:, 0],
                      ("reference probabilities",), blends=("margin",))  # fmt: skip
    yield
    SELECTORS.clear()
    SELECTORS.update(before)


@cache
def model():
    layers = [keras.layers.Flatten(), *(keras.layers.Dense(n, "relu") for n in (6, 5))]
    built = keras.Sequential([keras.Input(SHAPE), *layers, keras.layers.Dense(N_CLASSES, "softmax")])
    built.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    return built


@cache
def made():
    """Return a trained model, and samples of its roles, (x, y) by name."""
    rng, centres = np.random.default_rng(0), np.random.default_rng(1).random((N_CLASSES, *SHAPE))
    roles = {}
    for role, n in {"train": 80, "bug_fixing": 60, "validation": 50}.items():
        y = np.arange(n, dtype=np.int32) % N_CLASSES
        roles[role] = (0.6 * centres[y] + 0.4 * rng.random((n, *SHAPE))).astype(np.float32), y
    trainer = Trainer(model())
    trainer.initialize(rng)
    trainer.fit(*roles["train"], epochs=9, rng=rng)
    return trainer, trainer.state(), roles


def splits_of(kind, labelled):
    """Return the splits of one kind of data; there is no test set, so that nobody can look at it."""
    roles = dict(made()[2])
    keep = {
        "a label without pool samples": ("bug_fixing", lambda y: y != 2),
        "one label in the pool": ("bug_fixing", lambda y: y == 1),
        "a label without validation samples": ("validation", lambda y: y != 1),
        "a label without training samples": ("train", lambda y: y != 0),
        "one validation sample": ("validation", lambda y: np.arange(len(y)) == 5),
        "a tiny pool": ("bug_fixing", lambda y: np.arange(len(y)) < 11),
    }
    if kind in keep:
        role, which = keep[kind]
        x, y = roles[role]
        roles[role] = x[which(y)], y[which(y)]
    parts = {role: Subset(x, y, np.arange(len(y))) for role, (x, y) in roles.items()}
    return Splits(**parts, test=None, n_classes=N_CLASSES, labelled=labelled)


KINDS = (
    "plain", "a label without pool samples", "one label in the pool", "a label without validation samples",
    "a label without training samples", "one validation sample", "a tiny pool", "all that is left",
)  # fmt: skip
SETTINGS = all_pairs(
    how=[*(("similarity", metric) for metric in (*METRICS, SPATIAL)),
         *((name, "cosine similarity") for name in [
             *(name for name in SELECTORS if name != "similarity"), "surprise", *TURNS[1:], "blend", *OWN])],
    kind=KINDS, allocation=ALLOCATIONS, space=SPACES, layer_selection=[True, False], labelled=[True, False],
    served=["underfit", "overfit", "a label"], heatmap=HEATMAPS, ranking=["best", "worst"],
    overfit_selection=list(OVERFIT_SELECTIONS), temperature=[0.0, 2.0], scale_temperature=[False, True],
    skip=[(), SKIPS], alpha=[0.0, 0.5, 1.0], serve=["labels", "modes"],
)  # fmt: skip
EACH_CHOICE = sorted({
    *cover(range(len(SETTINGS)), lambda place: map(str, SETTINGS[place].values())), *range(0, len(SETTINGS), 5),
})  # fmt: skip


def options_of(setting):
    selector, metric = setting["how"]
    given = {name: value for name, value in setting.items() if name not in ("how", "kind", "labelled", "served")}
    if metric == SPATIAL:
        given |= {"space": "pixels", "heatmap": "hci", "overfit_selection": "random"}
    sizes = {"batch_size": 9, "max_iterations": 1, "epochs": 1}
    if given.get("allocation") == "whole pool":
        given |= {"serve": "labels"}
    bugs = {"theta": 0.0, "gamma": 0.0} if setting["served"] == "overfit" else {"theta": 1.0, "gamma": 1.0}
    return DebugOptions(selector=selector, metric=metric, **given, **sizes, **bugs)


def same(first, second):
    return np.array_equal(first.indices, second.indices) and np.array_equal(first.scores, second.scores, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("places", [EACH_CHOICE, pytest.param(range(len(SETTINGS)), marks=pytest.mark.nightly)],
                         ids=["each choice", "each pair of choices"])  # fmt: skip
def test_each_pair_of_choices_gives_a_batch_that_keeps_to_the_contract(places):
    trainer, state, _ = made()
    for number in places:
        setting = SETTINGS[number]
        trainer.restore(state)
        splits, options = splits_of(setting["kind"], setting["labelled"]), options_of(setting)
        assessment = assess(trainer, replace(splits, test=splits.validation), options.theta, options.gamma)
        labels = splits.bug_fixing.y if splits.labelled else np.arange(len(splits.bug_fixing)) % N_CLASSES
        pool, target = Pool(labels), 1 if setting["served"] == "a label" else None
        pool.take(np.arange(len(labels) - 9) if setting["kind"] == "all that is left" else [0])
        left = pool.remaining()
        hidden = replace(splits, bug_fixing=replace(splits.bug_fixing, y=np.zeros_like(splits.bug_fixing.y)))
        by_label = options if target is None else replace(options, allocation="faultiest label")
        first, *again = (
            next_of(each, by_label, 5, pool).next_batch(assessment, target)
            for each in (splits, splits if splits.labelled else hidden)[: 1 + (number % 3 == 0)]
        )
        assert all(map(np.array_equal, state, trainer.state())), setting
        assert np.array_equal(pool.remaining(), left), setting
        if first is None:
            assert target is None and options.allocation != "whole pool", setting
            continue
        assert all(same(first, each) for each in again), setting
        assert len(first.indices) == len(set(first.indices)) == 9 and set(first.indices) <= set(left), setting
        assert first.scores.shape == first.candidates.shape and set(first.candidates) <= set(left), setting
        known = dict(zip(first.candidates.tolist(), first.scores.tolist(), strict=True))
        assert not np.isnan([known[place] for place in first.ranked.tolist()]).any(), setting
        if not (options.temperature or options.skip):
            for label in [None] if options.allocation == "whole pool" and target is None else range(N_CLASSES):
                own = np.array([place for place in known if label is None or labels[place] == label], int)
                taken = np.isin(own, first.ranked)
                scores = np.array([known[place] for place in own])
                assert not taken.any() or scores[taken].min() >= np.nanmax([*scores[~taken], -np.inf]), setting


def next_of(splits, options, seed, pool=None):
    """Return what chooses from a pool by the model, of which some may be gone."""
    selection = InputSelection(ModelOutputs(made()[0], splits), splits, options, np.random.default_rng(seed))
    if pool is not None:
        selection.pool = pool
    return selection


def look(splits, setting, order, beliefs):
    """Return what a selector sees of a pool in some order, in a group of each label, and the places in that order."""
    trainer, state, _ = made()
    trainer.restore(state)
    splits = replace(splits, bug_fixing=splits.bug_fixing.subset(order))
    labels = splits.bug_fixing.y
    groups = [Group(np.flatnonzero(labels == label), 3) for label in range(N_CLASSES)]
    assessment = assess(trainer, replace(splits, test=splits.validation), 1.0, 1.0)
    fault = setting["served"] if setting["served"] != "a label" else None
    selection = next_of(splits, options_of(setting), 2)
    selection.reference_probabilities = beliefs[order]
    return look_at_candidates(selection, groups, fault, assessment), np.concatenate([group.members for group in groups])


@pytest.mark.parametrize("every", by_night([False, True], but=[False]))
def test_a_selector_gets_all_that_it_declares_and_nothing_else_and_scores_a_sample_wherever_it_stands(every):
    optional = {field.name for field in fields(Candidates)} & {look.replace(" ", "_") for look in INPUTS}
    beliefs = np.random.default_rng(3).dirichlet(np.ones(N_CLASSES), 60).astype(np.float32)
    orders = [np.arange(60), np.random.default_rng(4).permutation(60)]
    settings = all_pairs(**{
        "how": [*dict.fromkeys(each["how"] for each in SETTINGS), *((name, "cosine similarity") for name in LOOKING)],
        "space": SPACES, "layer_selection": [True, False], "served": ["underfit", "overfit"],
    })  # fmt: skip
    by_day = cover(range(len(settings)), lambda place: map(str, settings[place].values()))
    for setting in settings if every else [settings[place] for place in by_day]:
        setting = {"kind": "plain", "labelled": True, "ranking": "best", "heatmap": "hci"} | setting
        found, moves = [], setting["how"][0] not in (*TURNS, *LOOKING)
        for order in orders[: 1 + moves]:
            candidates, places = look(splits_of("plain", True), setting, order, beliefs)
            declared = {name.replace(" ", "_") for name in needs_of(setting["how"][0])}
            given = {name for name in optional if name != "labels" and getattr(candidates, name) is not None}
            assert given == declared - {"labels"}, setting
            scores = SELECTORS[setting["how"][0]].score(candidates)
            assert scores.shape == (60,), setting
            found.append(scores[np.argsort(order[places])])
        if moves:
            np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-5, err_msg=str(setting))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_unknown_scores_take_their_share_of_the_places_whatever_the_unit_and_the_temperature(scale, temperature):
    """Half of the candidates are unknown: about half of the places are theirs, and the known ones keep their order."""
    rng, pool, taken = np.random.default_rng(0), Pool(np.zeros(200, int)), []
    for shift in (-5, 0, 5):
        scores = scale * (rng.standard_normal(200) + shift)
        scores[rng.permutation(200)[:100]] = np.nan
        for _ in range(40):
            batch = draw_batch(pool, [Group(pool.remaining(), 50)], scores, rng, 50, temperature)
            taken.append(len(batch.random))
            if not temperature:
                assert set(batch.ranked) == set(np.argsort(-scores)[: len(batch.ranked)])
    assert np.mean(taken) == pytest.approx(25, abs=1.5) and np.std(taken) + 3 > 4


def test_softening_outlives_infinite_scores():
    rng, pool = np.random.default_rng(0), Pool(np.zeros(40, int))
    scores = np.r_[np.full(3, np.inf), np.linspace(0, 1, 34), np.full(3, -np.inf)]
    drawn = [draw_batch(pool, [Group(pool.remaining(), 10)], scores, rng, 10, 0.2).ranked for _ in range(30)]
    counts = np.bincount(np.concatenate(drawn), minlength=40)
    assert counts[:3].mean() > 5 * counts[-3:].mean() and counts[3:37].max() > 0


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("reference", REFERENCES)
def test_a_preset_serves_a_label_without_validation_samples(preset, reference, labelled):
    """It is in training, and hardly learned: a label of which nothing is known is not a label without need."""
    trainer, state, _ = made()
    splits = splits_of("a label without validation samples", labelled)
    trainer.restore(state)
    weights, bias = trainer.model.layers[-1].get_weights()
    trainer.model.layers[-1].set_weights([weights, bias - 20 * (np.arange(N_CLASSES) == 1)])
    options = DebugOptions.preset(preset, batch_size=12, max_iterations=1, alpha=1.0, reference=reference, skip=())
    assessment = assess(trainer, replace(splits, test=splits.validation), options.theta, options.gamma)
    batch = select_inputs(trainer, splits, options, assessment, np.random.default_rng(0))
    assert (splits.bug_fixing.y[batch.indices] == 1).sum() >= 3


def as_arrays(labelled):
    """Return the samples as somebody's data, and the outputs of the model for them."""
    trainer, state, roles = made()
    trainer.restore(state)
    names = {"train": "train", "validation": "validation", "bug_fixing": "pool"}
    data = {
        f"{what}_{names[role]}": each for role, both in roles.items() for what, each in zip("xy", both, strict=True)
    }
    data["y_pool"] = data["y_pool"] if labelled else None
    data = {name: each for name, each in data.items() if each is not None}
    outputs = {name: each for name, each in data.items() if name != "x_train"} | {"x_train": data["x_train"]}
    hidden = trainer.model.layers[-2].name
    for role, (x, _) in roles.items():
        states, probabilities = trainer.activations(x, [hidden, trainer.output_layer], grid=4)
        outputs |= {f"features_{names[role]}": states, f"probabilities_{names[role]}": probabilities}
    return check_arrays(data), outputs


@pytest.mark.parametrize("every", by_night([False, True], but=[False]))
@pytest.mark.parametrize("labelled", [True, False])
def test_a_model_and_outputs_of_one_lead_to_the_same_choice_by_every_selector(labelled, every):
    """By day each selector with labels or without; each night with both, and with all pairs."""
    data, arrays = as_arrays(labelled)
    opened = open_case(model(), data, 9, temperature=0.0, skip=(), layer_selection=False, control_share=0)
    settings = all_pairs(
        how=[setting for setting in dict.fromkeys(each["how"] for each in SETTINGS) if setting[0] != "random"],
        allocation=["all labels", "whole pool"], space=["pixels", "neurons"],
    )  # fmt: skip
    by_day = cover(range(len(settings)), lambda place: map(str, settings[place].values()))[labelled::2]
    for setting in settings if every else [settings[place] for place in by_day]:
        selector, metric = setting["how"]
        space = "pixels" if metric == SPATIAL else setting["space"]
        given = {"selector": selector, "metric": metric, "space": space, "allocation": setting["allocation"]}
        own = open_outputs(arrays, 9, temperature=0.0, skip=(), layer_selection=False, control_share=0, **given)
        case = replace(opened, options=replace(opened.options, **given))
        first, second = (choose_inputs(each, assess_case(each)) for each in (case, own))
        assert len(first) == len(set(first["index"])) == 9, setting
        assert first["index"].tolist() == second["index"].tolist(), setting
        assert np.allclose(first["score"], second["score"], equal_nan=True, atol=1e-5), setting
    mine = [each for each in vars(data).values() if isinstance(each, np.ndarray)] + list(arrays.values())
    assert all(each.flags.writeable for each in mine)  # nobody has touched what belongs to the caller


LAYERS = list(product(PRESETS, [True, False], SPACES))


@pytest.mark.parametrize(("preset", "labelled", "space"), by_night(LAYERS, but=cover(LAYERS)))
def test_a_target_layer_can_be_selected_with_every_preset_in_a_repair(preset, labelled, space):
    data, _ = as_arrays(labelled)
    case = open_case(model(), data, 9, preset=preset, layer_selection=True, space=space, theta=1.0)
    chosen = choose_inputs(case, assess_case(case))
    assert len(chosen) == len(set(chosen["index"])) == 9
    if preset == "recommended":  # whose selector looks at no layer
        plain = open_case(model(), data, 9, preset=preset, space=space, theta=1.0)
        assert chosen["index"].tolist() == choose_inputs(plain, assess_case(plain))["index"].tolist()


WAYS = list(product(PRESETS, REFERENCES, [True, False]))


@pytest.mark.parametrize(("preset", "reference", "labelled"), by_night(WAYS, but=cover(WAYS)))
def test_a_repair_of_a_users_model_takes_what_the_laboratory_takes(preset, reference, labelled):
    data, _ = as_arrays(labelled)
    case = open_case(model(), data, 9, preset=preset, reference=reference, theta=1.0, seed=3)
    chosen = choose_inputs(case, assess_case(case))
    trainer, state, _ = made()
    trainer.restore(state)
    splits = splits_of("plain", labelled)
    shown = Repair(trainer, replace(splits, test=splits.validation), case.options, 3).next_batch()
    assert sorted(chosen["index"]) == sorted(shown.indices)
    assert len(shown.arm) == (0 if labelled else 1) and ("score" in chosen) == labelled
    if labelled:
        assert chosen["score"].notna().sum() == np.isin(shown.indices, shown.candidates).sum()
