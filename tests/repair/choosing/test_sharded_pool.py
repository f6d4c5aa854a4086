"""A pool in shards: whatever the workers, their number and the order, the choice is the same."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import product
from urllib.parse import quote

import fsspec
import numpy as np
import pandas as pd
import psutil
import pytest
from tiers import by_night

from mode_utils.repair import Shards, arm_of
from mode_utils.repair.choose_command import main
from mode_utils.repair.choosing.sharded_pool import ShardedPool
from mode_utils.repair.outputs import choose_from_arrays
from mode_utils.repair.reading.shard_files import find_shards, open_shard

pytestmark = pytest.mark.slow

N_CLASSES, N_FEATURES, N_SHARDS = 6, 12, 5


def draw(n, seed):
    """Draw features about a centre for each class, and the probabilities of a model that hardly knows two of them."""
    rng = np.random.default_rng([7, seed])
    centres = np.random.default_rng(7).standard_normal((N_CLASSES, N_FEATURES))
    y = rng.integers(N_CLASSES, size=n)
    features = (centres[y] + rng.standard_normal((n, N_FEATURES))).astype(np.float32)
    logits = features @ centres.T + np.where(np.arange(N_CLASSES) < 2, -6, 0)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return features, (p / p.sum(axis=1, keepdims=True)).astype(np.float32), y


@pytest.fixture(scope="module")
def base():
    features, p, y = draw(900, 0)
    return {"features_validation": features, "probabilities_validation": p, "y_validation": y}


def write(folder, labelled=False, named=False, n=1500):
    folder.mkdir(exist_ok=True)
    for shard in range(N_SHARDS):
        features, p, y = draw(n, shard + 1)
        arrays = {"features_pool": features, "probabilities_pool": p} | ({"y_pool": y} if labelled else {})
        if named:
            arrays["names_pool"] = np.array([f"photo-{shard}-{row}" for row in range(n)])
        np.savez(folder / f"part-{shard}.npz", **arrays)
    return folder


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write(tmp_path_factory.mktemp("pool"))


def workers():
    """Return the processes that were forked for a cluster, those that live."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            found += [child.pid] if "forkserver" in " ".join(child.cmdline()) else []
    return found


def test_workers_their_number_the_order_and_one_that_is_killed_change_nothing(base, shards, monkeypatch):
    one = choose_from_arrays(base, 120, pool=Shards(str(shards), workers=1))
    backwards = lambda pool: dict(reversed(find_shards(pool).items()))  # noqa: E731
    monkeypatch.setattr("mode_utils.repair.choosing.sharded_pool.find_shards", backwards)
    assert len(arm_of(one.case).new) == 12 and set(arm_of(one.case).new) <= set(one.chosen["index"])
    killed = []

    def kill(done, total):
        if done == 1:
            killed.append(workers()[-1])
            os.kill(killed[0], signal.SIGKILL)

    two = choose_from_arrays(base, 120, pool=Shards(str(shards), workers=2, on_shard=kill))
    assert killed
    pd.testing.assert_frame_equal(one.chosen, two.chosen)
    pd.testing.assert_frame_equal(one.faults.table, two.faults.table)
    assert len(one.chosen) == 120 and one.chosen["index"].is_unique


SELECTED = {
    "recommended": {}, "adaptive": {"preset": "adaptive"}, "whole pool": {"allocation": "whole pool", "alpha": 0.5},
    "k-center": {"selector": "k-center"}, "margin": {"selector": "margin", "temperature": 0.0, "skip": ()},
    "neurons": {"selector": "similarity", "space": "neurons"}, "another seed": {"seed": 5},
}  # fmt: skip


WAYS = list(product(SELECTED, ["none", "some", "all"]))
BY_DAY = [way for place, way in enumerate(WAYS) if place % 3 == place // 3 % 3]  # each way to select once


@pytest.mark.parametrize(("how", "known"), by_night(WAYS, but=BY_DAY))
def test_a_pool_in_one_file_and_in_any_number_of_shards_is_the_same(how, known, base, tmp_path):
    """An array is one shard: what is chosen, what is said of it and what is found in the pool are equal to the bit."""
    features, p, y = draw(2_000, 1)
    features[1_500:1_520], p[1_500:1_520] = features[:20], p[:20]  # copies, in other shards
    features[1_600:1_700] += 50
    y = np.where(np.arange(2_000) % 7 < {"none": 0, "some": 2, "all": 7}[known], y, -1)
    names = np.array([f"photo-{row:04d}" for row in range(2_000)])
    pool = {"features_pool": features, "probabilities_pool": p, "names_pool": names} | (
        {} if known == "none" else {"y_pool": y}
    )
    training = {
        f"{name}_train": value for name, value in zip(("features", "probabilities", "y"), draw(300, 9), strict=True)
    }
    arrays, options = base | (training if how == "k-center" else {}), SELECTED[how]
    whole = choose_from_arrays(arrays | pool, 120, **options)
    for cuts in ([1], [7, 640, 641, 1_999]):
        folder = tmp_path / f"{len(cuts)}"
        folder.mkdir()
        for number, rows in enumerate(np.split(np.arange(2_000), cuts)):
            np.savez(folder / f"part-{number}.npz", **{name: array[rows] for name, array in pool.items()})
        split = choose_from_arrays(arrays, 120, pool=Shards(str(folder), workers=1), **options)
        pd.testing.assert_frame_equal(split.chosen, whole.chosen, check_exact=True)
        pd.testing.assert_frame_equal(split.faults.table, whole.faults.table, check_exact=True)
        assert split.remarks == whole.remarks and sum(split.case.rows.values()) == 2_000
    assert len(whole.chosen) == 120 and ("label" in whole.chosen) == (known == "all")


@pytest.mark.parametrize("most", [0, 2**10, 2**28])
def test_rows_are_those_that_are_asked_for_however_few_are_kept(most, shards, monkeypatch):
    monkeypatch.setattr("mode_utils.repair.choosing.sharded_pool._MOST_CACHED", most)
    pool = ShardedPool(Shards(str(shards), workers=1), N_FEATURES, N_CLASSES, ())
    every, rng = np.concatenate([draw(1500, shard + 1)[0] for shard in range(N_SHARDS)]), np.random.default_rng(0)
    for _ in range(6):
        places = rng.choice(len(pool), 40)  # some again, in any order
        np.testing.assert_array_equal(pool.features[places], every[places])
        assert pool.names[places].tolist() == [f"part-{place // 1500}.npz:{place % 1500}" for place in places]


def test_copies_are_chosen_once_and_counted(base, tmp_path):
    for name in ("a", "b"):
        features, p, _ = draw(400, 1)
        np.savez(tmp_path / f"{name}.npz", features_pool=features, probabilities_pool=p)
    found = choose_from_arrays(base, 60, pool=Shards(str(tmp_path / "*.npz"), workers=1))
    table = found.faults.table.set_index("fault")
    assert table.loc["exact copies", "found"] == 400
    assert len({name.split(":")[1] for name in found.chosen["name"]}) == 60


def test_labels_names_and_parquet(base, tmp_path):
    pa = pytest.importorskip("pyarrow", reason="install pyarrow")
    from pyarrow import parquet

    write(tmp_path / "npz", labelled=True, named=True, n=300)
    (tmp_path / "parquet").mkdir()
    for shard in range(N_SHARDS):
        features, p, y = draw(300, shard + 1)
        names = [f"photo-{shard}-{row}" for row in range(300)]
        columns = {"features": list(features), "probabilities": list(p), "name": names, "label": y}
        parquet.write_table(pa.table(columns), tmp_path / "parquet" / f"part-{shard}.parquet", row_group_size=100)
    found = [
        choose_from_arrays(base, 60, pool=Shards(str(tmp_path / kind), workers=1)).chosen for kind in ("npz", "parquet")
    ]
    pd.testing.assert_frame_equal(*found)
    assert found[0]["name"].str.startswith("photo-").all() and "label" in found[0]
    table = pa.table(
        {"features": list(draw(9, 1)[0]), "probabilities": list(draw(9, 1)[1]), "name": [None, *"12345678"]}
    )
    parquet.write_table(table, tmp_path / "parquet" / "part-9.parquet")
    with pytest.raises(ValueError, match=r"shard part-9.parquet"):
        choose_from_arrays(base, 60, pool=Shards(str(tmp_path / "parquet"), workers=1))


def shard_table(pa, n=8, **changes):
    features, p, y = draw(n, 1)
    columns = {"features": pa.array(list(features)), "probabilities": pa.array(list(p)), "label": pa.array(y)}
    return pa.table({name: column for name, column in (columns | changes).items() if column is not None})


def of_size(pa, rows, kind):
    flat = pa.array(np.asarray(rows).ravel(), kind)
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


FORMS = {  # one shard in all forms that a writer gives it
    "double": lambda pa, x, p, y: {"features": pa.array(list(x.astype(float)))},
    "fixed size": lambda pa, x, p, y: {"features": of_size(pa, x, pa.float32())},
    "large": lambda pa, x, p, y: {"features": pa.array(list(x), pa.large_list(pa.float32()))},
    "half": lambda pa, x, p, y: {"probabilities": of_size(pa, p.astype(np.float16), pa.float16())},
    "tensor": lambda pa, x, p, y: {"features": pa.FixedShapeTensorArray.from_numpy_ndarray(x)},
    "names of arrays": lambda pa, x, p, y: {
        "features": None, "probabilities": None, "label": None, "y_pool": pa.array(y),
        "probabilities_pool": pa.array(list(p)), "features_pool": pa.array(list(x)),
    },
    "texts": lambda pa, x, p, y: {"label": pa.array(np.array(list("abcdef"))[y])},
    "dictionary": lambda pa, x, p, y: {"label": pa.array(np.array(list("abcdef"))[y]).dictionary_encode()},
    "float labels": lambda pa, x, p, y: {"label": pa.array(y.astype(float))},
    "other columns": lambda pa, x, p, y: {"site": pa.array(["x"] * 8), "when": pa.array(np.arange(8).astype("M8[s]"))},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_shard_is_the_same_in_whatever_form_parquet_has_it(form, tmp_path):
    pa = pytest.importorskip("pyarrow", reason="install pyarrow")
    from pyarrow import parquet

    table = shard_table(pa, **FORMS[form](pa, *draw(8, 1)))
    parquet.write_table(table.select(table.column_names[::-1]), tmp_path / "x.parquet", row_group_size=3)
    with open_shard(str(tmp_path / "x.parquet"), tuple("abcdef")) as parts:
        features, p, _, labels = zip(*parts, strict=True)
    for found, expected in zip((features, p, labels), draw(8, 1), strict=True):
        np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-3 * (form == "half"))


def test_a_divided_pool_is_found_whatever_lies_beside_it_and_folders_may_say_the_label(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="install pyarrow")
    from pyarrow import parquet

    folder = tmp_path / "pool.parquet"
    for value in ["a", "b c", "__HIVE_DEFAULT_PARTITION__"]:
        (folder / "site=1" / f"label={quote(value)}").mkdir(parents=True)
        parquet.write_table(shard_table(pa, label=None), folder / "site=1" / f"label={quote(value)}" / "part-0.PARQUET")
    parquet.write_table(shard_table(pa).slice(0, 0), folder / "empty.parquet")
    for name in (
        "_SUCCESS",
        "_metadata",
        "_temporary/0.parquet",
        ".crc.parquet",
        "site=1/.hidden/0.parquet",
        "notes.txt",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    for pattern in (folder, tmp_path / "*.parquet", folder / "**/*.[pP]*", folder / "*"):
        found = find_shards(str(pattern))
        assert len(found) == 4, pattern
    labels = {}
    for name, url in found.items():
        with open_shard(url, ("a", "b c")) as parts:
            labels[name] = [label for part in parts for label in part[3]]
    assert sorted(labels.values()) == [[], [-1] * 8, [0] * 8, [1] * 8]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pa: {"features": pa.array([[1.0, 2], [1.0] * 4] * 4)}, "'features' has rows of different lengths"),
        (lambda pa: {"features": pa.array([1.0] * 8)}, "'features' holds double: a list of numbers a row is needed"),
        (lambda pa: {"features": pa.array([b"abc"] * 8)}, "'features' holds binary: a list"),
        (lambda pa: {"features": pa.array([["a"]] * 8)}, "features have shape .* and dtype object"),
        (lambda pa: {"features": pa.array([[1.0], None] * 4)}, "'features' has empty rows"),
        (lambda pa: {"features": None, "f0": pa.array([1.0] * 8), "f1": pa.array([1.0] * 8)},
         r"no column 'features', but probabilities, label, f0, f1: put the numbers of a row into one list, as"),
        (lambda pa: {"name": pa.array([*"abcdefg", None])}, "row 7 has no name: give all of them names, or none"),
        (lambda pa: {"name": pa.array(range(8))}, "names have dtype int64: they must be texts"),
        (lambda pa: {"label": pa.array(["a", "x"] * 4)}, "label 'x' at sample 1, which is not among the classes a, b"),
        (lambda pa: {"label": pa.array([0.5] * 8)}, "label 0.5 at sample 0: labels must be integers"),
        (lambda pa: {"label": pa.array(np.arange(8).astype("M8[s]"))}, "has dates"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_columns_is_said(change, message, tmp_path):
    pa = pytest.importorskip("pyarrow", reason="install pyarrow")
    from pyarrow import parquet

    parquet.write_table(shard_table(pa, **change(pa)), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=message), open_shard(str(tmp_path / "x.parquet"), tuple("abcdef")) as parts:
        list(parts)


@pytest.mark.parametrize(("kind", "none"), [("npz", -1), ("npz", np.nan), ("parquet", None)])
def test_of_partly_labelled_shards_only_what_has_no_label_is_chosen(kind, none, base, tmp_path):
    if kind == "parquet":
        pa, parquet = pytest.importorskip("pyarrow", reason="install pyarrow"), pytest.importorskip("pyarrow.parquet")
    for folder in ("partly", "rest"):
        (tmp_path / folder).mkdir()
    for shard in range(3):
        features, p, y = draw(300, shard + 1)
        names, known = (
            np.array([f"photo-{shard}-{row}" for row in range(300)]),
            np.random.default_rng(shard).random(300),
        )
        known = known < (0, 0.3, 1)[shard]
        labels = [label if known[row] else none for row, label in enumerate(y.tolist())]
        if kind == "parquet":
            table = {"features": list(features), "probabilities": list(p), "name": names, "label": labels}
            parquet.write_table(pa.table(table), tmp_path / "partly" / f"part-{shard}.parquet", row_group_size=100)
        else:
            labels = np.array([-1 if label is None else label for label in labels])
            arrays = {"features_pool": features, "probabilities_pool": p, "names_pool": names}
            np.savez(tmp_path / "partly" / f"part-{shard}.npz", **arrays, y_pool=labels)
        arrays = {"features_pool": features[~known], "probabilities_pool": p[~known], "names_pool": names[~known]}
        if not known.all():
            np.savez(tmp_path / "rest" / f"part-{shard}.npz", **arrays)
    partly, rest = (
        choose_from_arrays(base, 60, pool=Shards(str(tmp_path / folder), workers=1)) for folder in ("partly", "rest")
    )
    assert "guess" in partly.chosen and set(partly.chosen["name"]) <= set(rest.case.data.names_pool[:].tolist())
    assert any("have a label: they teach the reference and are not chosen from" in note for note in partly.case.notes)
    with pytest.raises(ValueError, match=r"larger than the pool, which has \d+ samples to choose from, as \d+ of 900"):
        choose_from_arrays(base, 700, pool=Shards(str(tmp_path / "partly"), workers=1))


def test_where_no_label_is_in_need_nothing_is_chosen_and_no_shard_is_blamed(base, shards):
    perfect = base | {"probabilities_validation": np.eye(N_CLASSES, dtype=np.float32)[base["y_validation"]]}
    found = choose_from_arrays(perfect, 60, pool=Shards(str(shards), workers=1))
    assert len(found.chosen) == 0 and found.case.n_pool == N_SHARDS * 1500


def test_any_of_the_label_and_what_is_to_be_expected_of_the_model(base, shards):
    found = choose_from_arrays(base, 60, pool=Shards(str(shards), workers=1), selector="random")
    assert len(found.chosen) == 60 and found.chosen["guess"].isin(["0", "1"]).mean() > 0.6
    truth = np.concatenate([draw(1500, shard + 1)[1].argmax(axis=1) == draw(1500, shard + 1)[2] for shard in range(5)])
    said = int(found.remarks[1].split("about ")[1].split("%")[0])
    assert abs(said - 100 * truth.mean()) < 4


def test_any_url_that_fsspec_knows(base, shards):
    memory = fsspec.filesystem("memory")
    for path in shards.iterdir():
        memory.pipe(f"/pool/deep/{path.name}", path.read_bytes())
    found = find_shards("memory://pool/deep/*.npz")
    assert list(found) == [f"part-{shard}.npz" for shard in range(N_SHARDS)]
    here, there = (choose_from_arrays(base, 60, pool=Shards(pool, workers=1)).chosen
                   for pool in (str(shards), "memory://pool/deep/*.npz"))  # fmt: skip
    pd.testing.assert_frame_equal(here, there)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:900]), "shard part-3.npz: .* not a complete .npz"),
        (lambda path: np.savez(path, features_pool=draw(9, 1)[0]), "has no array 'probabilities_pool'"),
        (lambda path: np.savez(path, features_pool=draw(9, 1)[0], probabilities_pool=draw(8, 1)[1]), "8 and 9 rows"),
        (lambda path: np.savez(path, features_pool=draw(9, 1)[0][:, :3], probabilities_pool=draw(9, 1)[1]), "features"),
        (lambda path: np.savez(path, features_pool=draw(9, 1)[0], probabilities_pool=draw(9, 1)[1] * 3), "logits|sums"),
        (lambda path: np.savez(path, features_pool=draw(9, 1)[0] * np.nan, probabilities_pool=draw(9, 1)[1]), "NaN"),
        (
            lambda path: np.savez(
                path, features_pool=draw(9, 1)[0], probabilities_pool=draw(9, 1)[1], y_pool=np.full(9, 77)
            ),
            "label 77 is too large for 6 classes: label has it at sample 0",
        ),
        (
            lambda path: np.savez(
                path, features_pool=draw(9, 1)[0], probabilities_pool=draw(9, 1)[1], y_pool=np.full(9, 1.5)
            ),
            "labels must be integers",
        ),
        (lambda path: path.with_suffix(".parquet").write_bytes(b"PAR1"), "shard part-3.parquet: "),
    ],
)
def test_a_damaged_shard_is_named(spoil, message, base, tmp_path):
    spoil(write(tmp_path / "pool", n=30) / "part-3.npz")
    with pytest.raises(ValueError, match=message) as error:
        choose_from_arrays(base, 12, pool=Shards(str(tmp_path / "pool"), workers=1))
    assert "\n" not in str(error.value)


def test_the_command_chooses_from_shards_and_names_what_is_wrong(base, shards, tmp_path, capsys):
    np.savez(tmp_path / "base.npz", **base)
    command = [str(tmp_path / "base.npz"), str(tmp_path / "out"), "--budget", "60"]
    assert main([*command, "--pool", str(shards), "--workers", "1"]) == 0
    table = pd.read_csv(tmp_path / "out/selected.csv")
    expected = choose_from_arrays(base, 60, pool=Shards(str(shards), workers=1)).chosen
    assert table["name"].tolist() == expected["name"].tolist()
    assert '"pool": 7500' in (tmp_path / "out/diagnosis.json").read_text()
    for more, message in {
        ("--pool", str(tmp_path / "none")): "has no shards",
        ("--pool", "nosuch://pool"): "cannot be looked into",
        ("--workers", "2"): "give it with --pool",
        ("--pool", str(shards), "--workers", "0"): "workers",
    }.items():
        assert main([command[0], str(tmp_path / "other"), "--budget", "60", *more]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.nightly
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_shard(base, tmp_path):
    peaks = []
    for n in (20_000, 200_000):
        features, p, _ = draw(n, 1)
        np.savez(tmp_path / "base.npz", **base)
        np.savez(tmp_path / "part.npz", features_pool=features, probabilities_pool=p)
        code = (
            "from mode_utils.repair import Shards, open_outputs\n"
            f"shards = Shards({str(tmp_path / 'part.npz')!r}, workers=1)\n"
            f"open_outputs({str(tmp_path / 'base.npz')!r}, 60, pool=shards).scan\n"
            "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
        )
        peaks.append(int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout))
    assert peaks[1] - peaks[0] < 15_000  # kB; ten times the rows are 13 MB more on the disk
