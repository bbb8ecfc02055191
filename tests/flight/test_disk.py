"""The real disk: a directory, never left."""

import pytest

from ccsds.errors import MisuseError
from flight.disk import RealDisk, directory_of


@pytest.fixture
def disk(tmp_path):
    return RealDisk(tmp_path / "store")


def test_what_is_written_is_read_back_listed_and_measured(disk):
    disk.append("jobs/1/a", b"one")
    disk.append("jobs/1/a", b"two")
    disk.pwrite("jobs/1/a", 1, b"NE")
    disk.pwrite("b", 2, b"z")
    disk.fsync("jobs/1/a")
    disk.fsync("")
    assert disk.read("jobs/1/a") == b"oNEtwo"
    assert disk.read("jobs/1/a", 2, 3) == b"Etw"
    assert disk.read("b") == b"\x00\x00z"
    assert disk.list() == ["b", "jobs/1/a"]
    assert disk.list("jobs") == ["jobs/1/a"]
    assert disk.size("jobs/1/a") == 6


def test_a_rename_replaces_and_a_removal_removes(disk):
    disk.append("old", b"new content")
    disk.append("target", b"old content")
    disk.rename("old", "target")
    assert disk.read("target") == b"new content"
    disk.remove("target")
    assert disk.list() == []
    with pytest.raises(FileNotFoundError):
        disk.read("target")


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside", "jobs/../../outside"])
def test_a_path_outside_the_store_is_refused(disk, path):
    with pytest.raises(MisuseError, match="expected a path inside the store"):
        disk.append(path, b"x")


def test_the_directory_of_a_path_is_as_fsync_takes_it():
    assert directory_of("journal") == ""
    assert directory_of("jobs/1/a") == "jobs/1"


def test_a_rename_of_nothing_makes_nothing(disk):
    with pytest.raises(FileNotFoundError, match="expected a file to rename at 'old'"):
        disk.rename("old", "far/away/new")
    assert list(disk.root.iterdir()) == []


def test_a_directory_made_for_a_file_is_synced_into_the_one_above(disk, monkeypatch):
    synced = []
    monkeypatch.setattr("flight.disk._sync", lambda path: synced.append(path))
    disk.append("jobs/1/a", b"x")
    assert synced == [disk.root, disk.root / "jobs"]


def test_directories_are_made_listed_and_removed_when_empty(disk):
    disk.make_directory("a/b")
    assert disk.is_directory("a/b")
    assert disk.list_directories() == ("a", "a/b")
    assert disk.list_directories("a") == ("a/b",)
    with pytest.raises(FileExistsError):
        disk.make_directory("a/b")
    disk.append("a/b/file", b"x")
    assert not disk.is_directory("a/b/file")
    with pytest.raises(OSError, match="not empty"):
        disk.remove_directory("a/b")
    disk.remove("a/b/file")
    disk.remove_directory("a/b")
    assert disk.list_directories() == ("a",)


def test_files_in_dot_directories_are_listed(disk):
    disk.append(".cfdp/1-1.part", b"x")
    assert disk.list() == [".cfdp/1-1.part"]


def test_what_is_free_is_told_in_octets(disk):
    assert disk.free_octets() > 1 << 20


def test_a_link_that_leaves_the_directory_is_not_inside_it(disk, tmp_path):
    disk.append("files/plain", b"x")
    disk.append("journal", b"x")
    files = disk.root / "files"
    (files / "out").symlink_to(tmp_path)
    (files / "beside").symlink_to(disk.root / "journal")
    (files / "within").symlink_to(files / "plain")
    (files / "round").symlink_to(files / "round")
    assert disk.is_inside("files/plain", "files")
    assert disk.is_inside("files/within", "files")
    assert disk.is_inside("files/not/there", "files")
    assert disk.is_inside("files/beside")
    for path in ("files/out/x", "files/beside", "files/../journal", "/etc/passwd", "files/round/x"):
        assert not disk.is_inside(path, "files"), path
