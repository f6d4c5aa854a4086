import os
import platform
import re
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mode_utils.support.files import (
    PARTIAL,
    copy_file,
    hash_file,
    is_abandoned,
    partial_path,
    remove_partial,
    whole_file,
    whole_folder,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_the_old_one_until_the_new_one_is_complete(tmp_path):
    target = tmp_path / "below" / "table.csv"
    write_text(target, "old")
    with whole_file(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new" and names(target.parent) == ["table.csv"]


def test_a_file_that_fails_half_way_changes_nothing(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    with pytest.raises(ZeroDivisionError), whole_file(target) as partial:
        partial.write_text("ha")
        1 / 0  # noqa: B018
    assert target.read_text() == "old" and names(tmp_path) == ["table.csv"]


def test_a_copied_file_replaces_the_old_one(tmp_path):
    (tmp_path / "new").write_text("new")
    for _ in range(2):
        copy_file(tmp_path / "new", tmp_path / "below" / "target")
    assert (tmp_path / "below" / "target").read_text() == "new"
    assert names(tmp_path / "below") == ["target"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "below" / "out"
    with pytest.raises(ZeroDivisionError), whole_folder(target) as partial:
        (partial / "a").touch()
        1 / 0  # noqa: B018
    assert names(target.parent) == []
    with whole_folder(target) as partial:
        (partial / "a").touch()
        assert not target.exists()
    assert names(target) == ["a"]


def test_a_folder_never_takes_the_place_of_another(tmp_path):
    with (
        pytest.raises(FileExistsError, match="out exists already: name another folder"),
        whole_folder(tmp_path / "out"),
    ):
        (tmp_path / "out").mkdir()
    assert names(tmp_path) == ["out"]


def left_by_a_killed_process(target, kind="file"):
    """Let another process begin to write something, and kill it."""
    code = "import os, sys; from mode_utils.support.files import partial_path; partial = partial_path(sys.argv[1]); "
    code += "partial.mkdir() if sys.argv[2] == 'folder' else partial.write_text('half'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(target), kind], check=False)


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "deeper").mkdir()
    for target, kind in ((tmp_path / "a", "file"), (tmp_path / "b", "folder"), (tmp_path / "deeper" / "c", "file")):
        left_by_a_killed_process(target, kind)
    write_text(tmp_path / "kept", "whole")
    assert len(names(tmp_path)) == 4
    remove_partial(tmp_path, recursive=False)
    assert names(tmp_path) == ["deeper", "kept"] and len(names(tmp_path / "deeper")) == 1
    remove_partial(tmp_path)
    assert names(tmp_path / "deeper") == []


def test_what_is_being_written_by_a_process_that_lives_stays(tmp_path):
    with whole_file(tmp_path / "a") as partial:
        partial.write_text("half")
        remove_partial(tmp_path)
        assert partial.exists()
    assert (tmp_path / "a").read_text() == "half"


HERE, GONE = platform.node(), 999_999_999  # no process has this number: systems count to four million
PIECES = st.sampled_from(
    ["-", ".partial-", HERE, "elsewhere", str(GONE), str(os.getpid()), "0", "-1", "0" * 32, "backup"]
)
NAMES = st.lists(PIECES | st.text("abc019-. é\n", max_size=6), max_size=7).map("".join)


@given(NAMES.map(lambda name: PARTIAL + name) | NAMES)
@example(f"{PARTIAL}{HERE}-{GONE}-{'0' * 31}")
@example(f"{PARTIAL}{HERE}-{GONE}-{'0' * 33}")
@example(f"{PARTIAL}{HERE}-{GONE}-{'0' * 32}.npz")
@example(f"{PARTIAL}{HERE}-{10**30}-{'0' * 32}")
@example(f"{PARTIAL}{HERE}x-{GONE}-{'0' * 32}")
@example(f"{PARTIAL}elsewhere-{GONE}-{'0' * 32}")
@example(f"{PARTIAL}backup")
def test_a_name_is_ours_only_in_full_with_this_host_and_a_process_that_is_gone(name):
    ours = (
        re.fullmatch(r"[0-9a-f]{32}", name.rpartition("-")[2]) and name.rpartition("-")[0] == f"{PARTIAL}{HERE}-{GONE}"
    )
    assert is_abandoned(name) == bool(ours)


@pytest.mark.parametrize("host", ["", "a-b.example", "Böse Maschine", "12-34", HERE])
def test_what_a_process_that_is_gone_left_is_known_whatever_the_machine_is_called(host, monkeypatch):
    monkeypatch.setattr(platform, "node", lambda: host)
    assert not is_abandoned(partial_path("a").name)
    monkeypatch.setattr(os, "getpid", lambda: GONE)
    assert is_abandoned(partial_path("a").name)


def test_what_strangers_and_other_machines_left_stays_and_no_link_is_followed(tmp_path):
    """Beside the case of a folder of one's own that happens to begin with the prefix."""
    left = f"{PARTIAL}{HERE}-{GONE}-"
    for name in (f"{PARTIAL}backup", f"{PARTIAL}elsewhere-1-{'0' * 32}", f"{PARTIAL}backup-1-2", "whole"):
        (tmp_path / "out" / name).mkdir(parents=True)
        (tmp_path / "out" / name / "kept").touch()
        os.utime(tmp_path / "out" / name, (0, 0))
    (tmp_path / "out" / f"{left}{'0' * 32}").symlink_to(tmp_path / "out/whole", target_is_directory=True)
    (tmp_path / f"{left}{'1' * 32}").mkdir()
    (tmp_path / "out" / "linked").symlink_to(tmp_path, target_is_directory=True)
    before = sorted((tmp_path / "out").rglob("*"))
    remove_partial(tmp_path / "out")
    assert sorted((tmp_path / "out").rglob("*")) == before and (tmp_path / f"{left}{'1' * 32}").exists()


def test_a_look_into_a_folder_does_not_make_it_another_one_but_a_file_more_does(tmp_path):
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/1.png").write_bytes(b"1")
    before = hash_file(tmp_path)
    for name in (".DS_Store", "Thumbs.db", "pool/desktop.ini"):
        (tmp_path / name).write_bytes(b"icons")
        assert hash_file(tmp_path) == before
    (tmp_path / "pool/0.png").write_bytes(b"0")
    assert hash_file(tmp_path) != before
