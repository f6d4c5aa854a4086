import numpy as np
import pytest

from mode_utils.selection.allocation import Group
from mode_utils.selection.pool import Pool, draw_batch
from mode_utils.selection.pool_kinds import make_pool
from mode_utils.selection.screening import SKIPS, Screen, column_scales, outlines, spectra
from mode_utils.splits import Subset


@pytest.fixture
def screen_of(splits):
    def screen_of(kind, skip, believed=None, foreign=None):
        made = make_pool(splits, kind, np.random.default_rng(0), foreign)
        return Screen((skip,), made, np.random.default_rng(0), believed), made

    return screen_of


@pytest.mark.parametrize("kind", ["duplicated", "shifted"])
def test_copies_are_skipped_also_of_what_was_chosen_before(kind, screen_of):
    screen, made = screen_of(kind, "copies")
    original = made.pool_truth.original
    ranked = np.argsort(original, kind="stable")  # copies one after the other
    first = ranked[screen.pick(ranked, 50)[0]]
    assert made.pool_truth.shares(first)["distinct_share"] >= 0.95
    rest = np.setdiff1d(ranked, first, assume_unique=True)
    both = np.concatenate([first, rest[screen.pick(rest, 50, before=first)[0]]])
    assert made.pool_truth.shares(both)["distinct_share"] >= 0.95


def test_where_nothing_is_to_be_skipped_nearly_all_of_the_first_are_picked(screen_of):
    ranked = np.random.default_rng(1).permutation(1_500)
    for skip in ("copies", "foreign"):
        screen, _ = screen_of("clean", skip)
        picked, _ = screen.pick(ranked, 200)
        assert np.array_equal(picked, np.sort(picked)) and len(picked) == 200
        assert picked[-1] < 220, skip


def test_foreign_samples_are_skipped(screen_of, rng):
    foreign = np.clip(rng.normal(0.5, 0.3, (400, 28, 28)), 0, 1).astype(np.float32)
    screen, made = screen_of("foreign", "foreign", foreign=foreign)
    ranked = np.argsort(~made.pool_truth.foreign, kind="stable")  # the foreign ones first
    assert made.pool_truth.foreign[ranked[screen.pick(ranked, 100)[0]]].mean() <= 0.05


def test_labels_in_doubt_are_skipped(screen_of):
    believed = np.where(np.arange(1_500) % 2, 0.51, 0.5)
    screen, _ = screen_of("clean", "doubtful", believed)
    assert (screen.pick(np.arange(1_500), 700)[0] % 2 == 1).all()


def test_copies_stand_in_where_a_label_has_no_others(screen_of):
    screen, made = screen_of("duplicated", "copies")
    pool, original = Pool(made.bug_fixing.y), made.pool_truth.original
    groups = [Group(pool.candidates(label), n) for label, n in ((3, 25), (4, 3))]
    n_distinct = len(np.unique(original[groups[0].members]))
    scores = np.zeros(sum(len(group.members) for group in groups))
    batch = draw_batch(pool, groups, scores, np.random.default_rng(0), 28, screen=screen).indices
    assert np.bincount(made.bug_fixing.y[batch], minlength=10)[[3, 4]].tolist() == [25, 3] and len(set(batch)) == 28
    assert n_distinct - 1 <= len(np.unique(original[batch])) - 3 <= n_distinct < 25


def test_what_a_label_lacks_goes_to_the_others_and_what_was_skipped_fills_up_at_last(splits, screen_of):
    sure = np.flatnonzero((splits.bug_fixing.y != 3) | (np.arange(1_500) < 200))
    screen, made = screen_of("clean", "doubtful", np.where(np.isin(np.arange(1_500), sure), 0.9, 0.1))
    pool = Pool(made.bug_fixing.y)
    members = [pool.candidates(label) for label in (3, 4)]
    n_sure = np.isin(members[0], sure).sum()
    scores = np.zeros(sum(map(len, members)))
    for n_wanted, expected in (
        ((60, 20), [n_sure, 80 - n_sure]),
        ((100, 100), [200 - len(members[1]), len(members[1])]),
    ):
        groups = [Group(each, n) for each, n in zip(members, n_wanted, strict=True)]
        batch = draw_batch(pool, groups, scores, np.random.default_rng(0), sum(n_wanted), screen=screen).indices
        assert np.bincount(pool.labels[batch], minlength=10)[[3, 4]].tolist() == expected


def test_of_a_pool_in_which_all_is_to_be_skipped_only_the_beginning_is_looked_at(screen_of, monkeypatch):
    looked_at = []
    screen, _ = screen_of("clean", "doubtful", np.zeros(1_500))
    monkeypatch.setattr(screen, "_tests", [lambda indices: looked_at.extend(indices) or np.ones(len(indices), bool)])
    picked, copies = screen.pick(np.arange(1_500), 5)
    assert not len(picked) and not len(copies) and looked_at == list(range(1_100))


def test_a_shift_does_not_change_a_spectrum_nor_brightness_an_outline(splits):
    x = splits.train.x[:50]
    moved = np.roll(x, (2, -1), axis=(1, 2))
    assert np.allclose(spectra(x), spectra(moved), atol=1e-5)
    assert np.allclose(outlines(x), outlines(x * 0.5), atol=1e-5)
    assert not np.allclose(outlines(x), outlines(moved), atol=0.1)


@pytest.mark.parametrize("shape", [(40, 5), (40, 6, 6), (40, 300, 2), (40, 32, 32, 3), (40, 9, 9, 64)])
def test_samples_of_any_shape_are_screened(shape, rng):
    x = rng.normal(size=shape).astype(np.float32)
    part = Subset(x, np.zeros(40, np.int32), np.arange(40))
    twice = Subset(x, np.zeros(80, np.int32), np.tile(np.arange(40), 2))
    splits = type("Splits", (), {"bug_fixing": twice, "train": part, "held_out": part, "labelled": True})
    screen = Screen(SKIPS, splits, rng, self_confidence=np.ones(80))
    picked, copies = screen.pick(np.arange(80), 60)
    assert len(set(picked % 40)) == len(picked) <= 40 and len(copies) > 30
    assert np.allclose(np.linalg.norm(outlines(x), axis=1), 1) and np.allclose(np.linalg.norm(spectra(x), axis=1), 1)


_HIDING = {
    "a date in seconds": lambda rng, n: 1.7e9 + rng.integers(0, 10**7, n),
    "two dates": lambda rng, n: 1.7e9 + rng.integers(0, 10**7, (n, 2)),
    "a year": lambda rng, n: rng.integers(1990, 2030, n),
    "the same number": lambda rng, n: np.full(n, 1e6),
    "amounts": lambda rng, n: np.exp(rng.normal(8, 2, n)),
}


@pytest.mark.parametrize("column", [*_HIDING, "all far from 0"])
def test_a_column_of_other_units_does_not_hide_what_is_a_copy_and_what_is_foreign(column, rng):
    x = rng.normal(size=(1_100, 6))
    pool = x[:700]
    pool[600:650] = pool[:50] + rng.normal(0, 1e-4, (50, 6))  # copies
    pool[650:] += 12 * np.sign(pool[650:])  # foreign
    if column in _HIDING:
        more = _HIDING[column](rng, 1_100).reshape(1_100, -1)
        more[600:650] = more[:50]
        rows = np.hstack([x, more]).astype(np.float32)
    else:
        rows = (x + 3_000).astype(np.float32)
    roles = dict(zip(("bug_fixing", "train", "held_out"), np.split(rows, [700, 900]), strict=True))
    parts = {role: Subset(part, np.zeros(len(part), int), np.arange(len(part))) for role, part in roles.items()}
    splits = type("Splits", (), {**parts, "labelled": True})
    for skip, planted in (("copies", np.arange(600, 650)), ("foreign", np.arange(650, 700))):
        picked, _ = Screen((skip,), splits, np.random.default_rng(0)).pick(np.arange(700), 700)
        passed = np.setdiff1d(np.arange(700), picked)
        assert np.isin(planted, passed).mean() >= 0.9, skip
        assert len(np.setdiff1d(passed[passed < 600], planted)) <= 30, skip  # 5%; these are neither


def test_columns_of_one_kind_are_compared_by_their_direction(rng):
    for x in (rng.normal(size=(400, 8)), np.maximum(rng.normal(-1, 2, (400, 32)), 0), rng.random((400, 2)) + 1):
        assert column_scales(x) is None
    x = np.array([[1.0, 1e6], [2.0, 1e6], [3.0, 1e6]])
    assert np.allclose(outlines(x, column_scales(x)), [[-1.2247, 0], [0, 0], [1.2247, 0]], atol=1e-3)
