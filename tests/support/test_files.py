import pytest

from mode_utils.support.files import copy_file, partial_path, remove_partial, whole_file, whole_folder, write_text


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


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    partial_path(tmp_path / "a").write_text("half")
    partial_path(tmp_path / "b").mkdir()
    (tmp_path / "deeper").mkdir()
    partial_path(tmp_path / "deeper" / "c").write_text("half")
    write_text(tmp_path / "kept", "whole")
    remove_partial(tmp_path)
    assert names(tmp_path) == ["deeper", "kept"] and names(tmp_path / "deeper") == []
