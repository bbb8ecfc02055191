"""A folder: a disk of its own, from which nothing outside it can be named."""

import errno

import pytest

from ccsds.errors import MisuseError
from flight.disk import RealDisk
from flight.filestore.folder import Folder


@pytest.fixture
def disk(tmp_path):
    return RealDisk(tmp_path / "store")


@pytest.fixture
def folder(disk):
    return Folder(disk, "files")


def test_what_is_written_lies_in_the_directory_and_is_read_back(folder, disk):
    folder.append("a", b"one")
    folder.pwrite("dir/b", 2, b"two")
    folder.fsync("a")
    folder.fsync("")
    folder.rename("a", "dir/a")
    folder.make_directory("empty")
    assert disk.list() == ["files/dir/a", "files/dir/b"]
    assert folder.list() == ["dir/a", "dir/b"]
    assert folder.list("dir") == ["dir/a", "dir/b"]
    assert folder.list_directories() == ("dir", "empty")
    assert (folder.read("dir/a"), folder.read("dir/b", 2, 2), folder.size("dir/b")) == (b"one", b"tw", 5)
    assert folder.is_directory("dir")
    folder.remove("dir/a")
    folder.remove_directory("empty")
    assert (folder.list(), folder.list_directories()) == (["dir/b"], ("dir",))


@pytest.mark.parametrize("path", ["../journal", "/journal", "dir/../../journal"])
def test_nothing_outside_it_can_be_named(folder, disk, path):
    disk.append("journal", b"secret")
    for use in (
        lambda: folder.read(path),
        lambda: folder.append(path, b"x"),
        lambda: folder.pwrite(path, 0, b"x"),
        lambda: folder.rename(path, "a"),
        lambda: folder.remove(path),
        lambda: folder.list(path),
        lambda: folder.size(path),
        lambda: folder.is_directory(path),
        lambda: folder.make_directory(path),
        lambda: folder.remove_directory(path),
    ):
        with pytest.raises(MisuseError, match="expected a path inside the folder"):
            use()
    assert not folder.is_inside(path)
    assert disk.list() == ["journal"]


def test_a_link_to_the_store_around_it_is_outside(folder, disk):
    disk.append("journal", b"secret")
    folder.append("plain", b"x")
    (disk.root / "files/link").symlink_to(disk.root / "journal")
    assert folder.is_inside("plain")
    assert not folder.is_inside("link")


def test_the_room_kept_back_is_not_written_into(disk):
    folder = Folder(disk, "files", reserve_octets=disk.free_octets() + (1 << 40))
    assert folder.free_octets() == 0
    for write in (lambda: folder.append("a", b"x"), lambda: folder.pwrite("a", 0, b"x")):
        with pytest.raises(OSError) as caught:
            write()
        assert caught.value.errno == errno.ENOSPC
    assert disk.list() == []
