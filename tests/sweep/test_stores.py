import json
import os
import threading

import fsspec
import pytest

from mode_utils.support.files import partial_path
from mode_utils.sweep.manifest import describe_files
from mode_utils.sweep.stores import LocalStore, RemoteStore, open_store


@pytest.fixture(params=["local", "remote"])
def store(request, tmp_path):
    if request.param == "local":
        return open_store(tmp_path, "small")
    return open_store(tmp_path, "small", f"memory://{tmp_path.name}")


@pytest.fixture
def result(tmp_path):
    folder = tmp_path / "result"
    (folder / "maps").mkdir(parents=True)
    (folder / "maps" / "best.png").write_bytes(b"png")
    write_result(folder, 1)
    return folder


def write_result(folder, number):
    (folder / "runs.csv").write_text(f"a\n{number}\n")
    (folder / "manifest.json").unlink(missing_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"files": describe_files(folder), "number": number}))


def test_a_published_cell_has_its_manifest_and_files(store, result):
    assert store.manifest("a=1") is None
    store.publish(result, "a=1")
    assert store.manifest("a=1")["number"] == 1
    assert (store.fetch("a=1") / "runs.csv").read_text() == "a\n1\n"
    assert (store.fetch("a=1") / "maps" / "best.png").read_bytes() == b"png"


def test_publishing_again_replaces_all_files(store, result):
    store.publish(result, "a=1")
    store.fetch("a=1")
    write_result(result, 2)
    store.publish(result, "a=1")
    assert store.manifest("a=1")["number"] == 2
    assert (store.fetch("a=1") / "runs.csv").read_text() == "a\n2\n"


def test_a_discarded_cell_is_missing(store, result):
    store.publish(result, "a=1")
    store.discard("a=1")
    assert store.manifest("a=1") is None


def test_a_failure_is_kept_apart_and_goes_when_the_cell_succeeds(store, result):
    place = store.keep_failure(result, "a=1")
    assert place.endswith("notebooks/executed/small/failed/a=1")
    assert store.manifest("a=1") is None
    assert store.manifest("failed/a=1") is not None
    store.publish(result, "a=1")
    assert store.manifest("failed/a=1") is None


def test_a_cell_that_lost_a_file_or_a_part_of_one_says_so(store, result):
    store.publish(result, "a=1")
    assert store.damage("a=1") is None and store.damage("b=1") is None
    filesystem, place = fsspec.core.url_to_fs(getattr(store, "url", None) or str(store.folder))
    filesystem.pipe_file(f"{place}/a=1/runs.csv", b"a")
    assert store.damage("a=1") == "runs.csv has 1 bytes instead of 4"
    filesystem.rm_file(f"{place}/a=1/runs.csv")
    assert store.damage("a=1") == "runs.csv is missing"


@pytest.mark.parametrize("text", ["", "{}", "half a", '{"files": ["runs.csv"]}'])
def test_a_cell_with_an_empty_or_foreign_manifest_is_missing(text, store, result):
    (result / "manifest.json").write_text(text)
    store.publish(result, "a=1")
    assert store.manifest("a=1") is None and store.damage("a=1") is None


def test_a_remote_cell_whose_content_has_changed_is_discarded_when_it_is_fetched(tmp_path, result):
    store = RemoteStore(f"memory://{tmp_path.name}/y", LocalStore(tmp_path / "mirror"))
    store.publish(result, "a=1")
    fsspec.filesystem("memory").pipe_file(f"/{tmp_path.name}/y/a=1/runs.csv", b"a\n9\n")
    assert store.damage("a=1") is None  # its size is right
    with pytest.raises(OSError, match=r"a=1 .* is damaged \(runs.csv has other content\) and discarded: run the same"):
        store.fetch("a=1")
    assert store.manifest("a=1") is None


def test_a_copy_that_was_changed_is_fetched_again(tmp_path, result):
    store = RemoteStore(f"memory://{tmp_path.name}/z", LocalStore(tmp_path / "mirror"))
    store.publish(result, "a=1")
    (store.fetch("a=1") / "runs.csv").write_text("a\n9\n")
    assert (store.fetch("a=1") / "runs.csv").read_text() == "a\n1\n"


def test_a_remote_cell_without_manifest_is_missing(tmp_path, result):
    store = RemoteStore(f"memory://{tmp_path.name}/x", LocalStore(tmp_path))
    (result / "manifest.json").unlink()
    store.publish(result, "a=1")
    assert store.manifest("a=1") is None


def test_leftovers_of_killed_sweeps_are_removed_and_results_kept(tmp_path, result, monkeypatch):
    store = LocalStore(tmp_path)
    store.publish(result, "a=1")
    monkeypatch.setattr(os, "getpid", lambda: 999_999_999)  # of no process
    folder, failed, page = (partial_path(tmp_path / name) for name in ("a", "failed/b", "c"))
    monkeypatch.undo()
    failed.mkdir(parents=True)
    folder.mkdir()
    (folder / "runs.csv").touch()
    page.write_text("half a page")
    store.clean()
    assert not list(tmp_path.rglob(".partial-*"))
    assert store.manifest("a=1")


def test_readers_see_a_complete_cell_or_none_while_it_is_replaced(tmp_path, result):
    store = LocalStore(tmp_path / "store")
    (result / "runs.csv").write_text("x" * 1_000_000)
    over = threading.Event()
    sizes = set()

    def read():
        while not over.is_set():
            for path in store.folder.glob("[!.]*/runs.csv"):
                try:
                    sizes.add(path.stat().st_size)
                except FileNotFoundError:
                    continue

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=lambda: [store.publish(result, "a=1") for _ in range(20)]) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    over.set()
    reader.join()
    assert sizes == {1_000_000}
    assert store.manifest("a=1")
    assert [path.name for path in store.folder.iterdir()] == ["a=1"]


def test_an_unknown_protocol_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="nosuch"):
        open_store(tmp_path, "small", "nosuch://bucket")


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_no_sweep_has_made_is_never_replaced_or_removed(kind, tmp_path, result):
    store, mine = LocalStore(tmp_path / "cells"), tmp_path / "cells" / "a"
    (tmp_path / "elsewhere").mkdir()
    for place in (mine, tmp_path / "cells/failed/a"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir() if kind == "folder" else place.touch() if kind == "file" else place.symlink_to(
            tmp_path / "elsewhere"
        )
        (place / "mine.txt").touch() if kind != "file" else None
    before = sorted(tmp_path.rglob("*"))
    for action in (store.publish, store.keep_failure):
        with pytest.raises(FileExistsError, match="a is not a result of a sweep: move it away"):
            action(result, "a")
    with pytest.raises(FileExistsError, match="move it away"):
        store.discard("a")
    store.forget_failure("a")
    assert [path for path in before if not path.exists()] == []
    assert not list(tmp_path.rglob(".partial-*"))
