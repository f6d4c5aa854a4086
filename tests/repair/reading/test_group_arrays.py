"""Groups as people have them: texts, integers, with holes, in any roles; and of images, by folder or by name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mode_utils.repair.reading.array_sets import ROLES
from mode_utils.repair.reading.arrays import check_arrays
from mode_utils.repair.reading.group_arrays import check_pattern, gather_groups, groups_of, groups_of_files
from mode_utils.repair.reading.image_folders import read_images

N = 12
GIVEN = {  # twelve samples of three groups, as they may come
    "integers": lambda: np.arange(N) % 3,
    "small integers": lambda: (np.arange(N) % 3).astype(np.uint8),
    "a column": lambda: (np.arange(N) % 3)[:, None],
    "whole floats": lambda: np.arange(N) % 3 + 0.0,
    "texts": lambda: (np.arange(N) % 3).astype(str),
    "bytes": lambda: (np.arange(N) % 3).astype("S4"),
    "objects": lambda: (np.arange(N) % 3).astype(str).astype(object),
    "objects of both": lambda: np.array([str(n % 3) if n % 2 else n % 3 for n in range(N)], object),
    "texts of numpy 2": lambda: (np.arange(N) % 3).astype(str).astype(np.dtypes.StringDType()),
    "spaces around": lambda: np.array([f" {n % 3} " for n in range(N)]),
}
HOLES = {"none": None, "NaN": np.nan, "None": None, "empty": "", "the text nan": "nan", "NA": pd.NA}


def with_hole(array, hole):
    if hole == "none":
        return array
    array = np.array(array.ravel(), object)
    array[[2, 5]] = [HOLES[hole]] * 2
    return array


def samples(**groups):
    x, y = np.random.default_rng(0).random((N, 4)), np.arange(N) % 2
    arrays = {f"{kind}_{role}": each for role in ROLES for kind, each in (("x", x), ("y", y))}
    return check_arrays(arrays | groups)


@pytest.mark.parametrize("hole", HOLES)
@pytest.mark.parametrize("kind", GIVEN)
def test_whatever_groups_are_written_as_they_are_the_same_ones(kind, hole):
    data = samples(groups_train=np.arange(N) % 3, groups_validation=with_hole(GIVEN[kind](), hole))
    train, own = data.groups_in("train"), data.groups_in("validation")
    kept = np.setdiff1d(np.arange(N), [] if hole == "none" else [2, 5])
    assert (own[kept] == train[kept]).all() and data.groups_in("pool") is None
    if hole != "none":
        assert (
            own[2] != own[5]
            and not np.isin(own[[2, 5]], train).any()
            and list(data.groups.names[own[[2, 5]]]) == ["", ""]
        )
        assert data.notes[0] == "2 of 12 samples of validation have no group: each counts as a group of its own."


@pytest.mark.parametrize("roles", [ROLES[:1], ROLES[1:2], ROLES[2:3], ROLES[3:], ROLES[:3], ROLES])
def test_groups_of_some_roles_are_groups_in_the_splits_of_these(roles):
    data = samples(**{f"groups_{role}": np.arange(N) // 4 for role in roles})
    splits = data.splits()
    for role, part in zip(ROLES, (splits.train, splits.validation, splits.bug_fixing, splits.test), strict=True):
        assert (part.groups is not None) == (role in roles)
        if part.groups is not None:
            some = part.subset([7, 0])
            assert some.groups.tolist() == [1, 0] and some.transformed(lambda x: x).groups.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((N, 2)), "groups_train has shape .12, 2. and dtype float64: groups must be"),
        (np.arange(N) + 0.5, "groups_train has group 0.5: groups must be texts or whole numbers"),
        (np.r_[np.inf, np.arange(N - 1)], "groups_train has group inf"),
        (np.zeros(N, "M8[s]"), "groups_train has shape .12,. and dtype datetime64"),
        (np.zeros(N - 1, int), "groups_train has 11 rows: the arrays of train must have a row for each"),
    ],
)
def test_what_are_no_groups_is_told(array, match):
    with pytest.raises(ValueError, match=match):
        samples(groups_train=array)


def test_without_groups_and_of_holes_alone():
    assert gather_groups({}) == (None, ()) and samples().groups is None
    groups, told = gather_groups({"pool": groups_of("groups_pool", np.full(4, ""))})
    assert len(set(groups.of["pool"])) == 4 and "4 of 4 samples of pool have no group" in told[0]


def test_what_is_added_brings_its_groups_and_what_was_added_can_be_taken_back():
    data = samples(groups_train=np.arange(N), groups_pool=np.arange(N) + 6)
    added = data.groups.with_added(np.array([0, 11]), N)
    assert added.of["train"][:N].tolist() == data.groups.of["train"].tolist()
    assert [added.names[place] for place in added.of["train"][N:]] == ["6", "17"]
    assert added.of_first_trained(N).of["train"].tolist() == data.groups.of["train"].tolist()
    unknown = samples(groups_train=np.arange(N)).groups.with_added(np.array([3, 4]), N)
    assert len(set(unknown.of["train"])) == N + 2 and unknown.names[unknown.of["train"][-1]] == ""


@pytest.fixture
def folder(tmp_path):
    """Images by role, class and site, with the patient in the name of the file; one lies right in its class."""
    rng = np.random.default_rng(0)
    for role in ("train", "validation", "pool"):
        for n in range(12):
            label = "" if role == "pool" else f"{'ab'[n % 2]}/"
            place = tmp_path / role / f"{label}{'' if n == 5 else f'site{n % 3}'}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (4, 4), np.uint8)).save(place / f"p{n // 4}_{n}.png")
    return tmp_path


def flatten(pool):
    """Let images without labels lie right in their folder: only where folders are groups, they need not be classes."""
    for path in [*pool.glob("*/*.png")]:
        path.rename(pool / path.name)
    for place in [*pool.glob("site*")]:
        place.rmdir()


@pytest.mark.parametrize("groups", ["parent", "^(p[0-9]+)_"])
def test_groups_of_images_are_folders_or_what_a_pattern_finds(folder, groups):
    if groups != "parent":
        flatten(folder / "pool")
    found = read_images(folder, (4, 4, 1), groups=groups)
    for role in ("train", "validation", "pool"):
        own = found.arrays[f"groups_{role}"]
        if groups == "parent":
            assert sorted(set(own)) == ["", "site0", "site1", "site2"] and (own == "").sum() == 1
        else:
            assert sorted(own) == sorted(f"p{n // 4}" for n in range(12))
    assert "y_pool" not in found.arrays and len(found.arrays["x_pool"]) == 12
    names = found.arrays["names_pool"]
    if groups == "parent":
        assert all(own in name for own, name in zip(found.arrays["groups_pool"], names, strict=True))


@pytest.mark.parametrize(
    ("pattern", "match"),
    [("(", "is not a regular expression"), ("p", "has 0 groups in brackets"), ("(p)(q)", "has 2 groups"),
     ("(zebra)", "finds no group in .*it fits no file")],
)  # fmt: skip
def test_a_pattern_that_cannot_be_meant_is_told(folder, pattern, match):
    flatten(folder / "pool")
    with pytest.raises(ValueError, match=match):
        read_images(folder, (4, 4, 1), groups=pattern)


def test_folders_of_classes_are_no_groups(tmp_path):
    for role in ("train", "validation", "pool"):
        for label in "ab":
            (tmp_path / role / label).mkdir(parents=True)
            Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / role / label / "1.png")
    with pytest.raises(ValueError, match="no image lies in a folder below that of its class"):
        read_images(tmp_path, (4, 4, 1), groups="parent")


def test_a_file_is_of_the_folder_right_above_it():
    files = [Path("siteA/day 1/x.png"), Path("x.png"), Path("siteA/x.png")]
    assert groups_of_files(files, "parent").tolist() == ["day 1", "", "siteA"]
    check_pattern("parent")
