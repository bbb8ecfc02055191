"""What the ground sees of the store: files, and models to be read only."""

import pytest

from flight.disk import RealDisk
from flight.filestore.folder import Folder
from flight.filestore.shelf import Shelf


@pytest.fixture
def disk(tmp_path):
    disk = RealDisk(tmp_path / "store")
    disk.append("journal", b"secret")
    disk.append("files/a", b"one")
    disk.append("files/dir/b", b"two")
    for path in ("jobs/3/model.safetensors", "jobs/3/slot-a.json", "jobs/12/model.safetensors", "jobs/4/slot-a.json"):
        disk.append(path, path.encode())
    return disk


@pytest.fixture
def shelf(disk):
    return Shelf(Folder(disk, "files"), disk)


def test_models_stand_beside_the_files(shelf):
    models = ["jobs/12/model.safetensors", "jobs/3/model.safetensors"]
    assert shelf.list() == ["a", "dir/b", *models]
    assert (shelf.list("jobs"), shelf.list("jobs/3"), shelf.list("dir")) == (models, models[1:], ["dir/b"])
    assert shelf.list_directories() == ("dir", "jobs", "jobs/12", "jobs/3")
    assert shelf.list_directories("jobs") == ("jobs/12", "jobs/3")
    assert [shelf.is_directory(each) for each in ("jobs", "jobs/3", "jobs/4", models[1])] == [True, True, False, False]
    assert shelf.read(models[1], 5, 1) == b"3"
    assert shelf.size(models[1]) == len(models[1])
    assert shelf.is_inside(models[1])


@pytest.mark.parametrize("path", ["jobs/3/slot-a.json", "jobs/5/model.safetensors", "jobs/3"])
def test_nothing_else_of_a_job_is_shown(shelf, path):
    for ask in (shelf.read, shelf.size):
        with pytest.raises(FileNotFoundError):
            ask(path)
    assert path not in shelf.list()


@pytest.mark.parametrize(
    "change",
    [
        lambda shelf, path: shelf.append(path, b"x"),
        lambda shelf, path: shelf.pwrite(path, 0, b"x"),
        lambda shelf, path: shelf.remove(path),
        lambda shelf, path: shelf.rename(path, "mine"),
        lambda shelf, path: shelf.rename("a", path),
        lambda shelf, path: shelf.make_directory(path),
        lambda shelf, path: shelf.remove_directory(path),
    ],
    ids=["append", "pwrite", "remove", "move out", "move in", "make directory", "remove directory"],
)
@pytest.mark.parametrize("path", ["jobs/3/model.safetensors", "jobs/9/model.safetensors", "jobs"])
def test_what_is_below_jobs_cannot_be_changed(shelf, disk, change, path):
    before = {each: disk.read(each) for each in disk.list()}
    with pytest.raises(PermissionError, match="read only"):
        change(shelf, path)
    assert {each: disk.read(each) for each in disk.list()} == before


def test_a_link_out_of_the_jobs_is_not_inside(shelf, disk):
    (disk.root / "jobs/3/model.safetensors").unlink()
    (disk.root / "jobs/3/model.safetensors").symlink_to(disk.root / "journal")
    assert not shelf.is_inside("jobs/3/model.safetensors")


def test_files_of_the_ground_are_changed_as_in_the_folder(shelf, disk):
    shelf.append("c", b"three")
    shelf.fsync("c")
    shelf.rename("c", "d")
    shelf.remove("a")
    assert disk.list("files") == ["files/d", "files/dir/b"]
