"""The station's files on a real directory: what stays inside and what is kept back; no link changes the outbox."""

import errno

import pytest

from ccsds.cfdp.filestore import refusal_of
from ccsds.errors import MisuseError
from ground import outbox
from ground.file_names import OUTBOX, shown_name
from ground.file_store import DirectoryStore


@pytest.fixture
def store(tmp_path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "files", reserve_octets=0)


def test_what_is_written_is_there_under_its_name(store):
    store.pwrite("a/b/c", 4, b"later")
    store.pwrite("a/b/c", 0, b"soon")
    store.append("a/b/c", b".")
    store.append("d", b"new")
    store.fsync("a/b/c")
    store.fsync("a/b")
    assert store.read("a/b/c") == b"soonlater."
    assert store.read("a/b/c", 4, 5) == b"later"
    assert store.size("a/b/c") == 10
    assert store.list() == ["a/b/c", "d"]
    assert store.list("a") == ["a/b/c"]
    store.rename("a/b/c", "e/f")
    assert store.list() == ["d", "e/f"]
    store.remove("d")
    assert store.list() == ["e/f"]
    assert store.free_octets() > 0


def test_directories_are_made_and_removed_empty(store):
    store.make_directory("a/b")
    assert store.is_directory("a/b")
    with pytest.raises(FileExistsError):
        store.make_directory("a/b")
    with pytest.raises(OSError, match="not empty"):
        store.remove_directory("a")
    store.remove_directory("a/b")
    assert not store.is_directory("a/b")


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda store: store.read("nothing"), FileNotFoundError),
        (lambda store: store.size("nothing"), FileNotFoundError),
        (lambda store: store.size("directory"), IsADirectoryError),
        (lambda store: store.rename("nothing", "other"), FileNotFoundError),
        (lambda store: store.remove("nothing"), FileNotFoundError),
        (lambda store: store.pwrite("file/below", 0, b"x"), OSError),
        (lambda store: store.read("../outside"), PermissionError),
        (lambda store: store.pwrite("/outside", 0, b"x"), PermissionError),
    ],
)
def test_what_cannot_be_done_raises_what_the_port_says(store, tmp_path, act, error):
    (tmp_path / "outside").write_bytes(b"precious")
    store.make_directory("directory")
    store.pwrite("file", 0, b"x")
    with pytest.raises(error):
        act(store)
    assert (tmp_path / "outside").read_bytes() == b"precious"


def test_links_that_leave_the_store_are_seen_and_so_are_those_that_turn_in_a_circle(store, tmp_path):
    (tmp_path / "outside").mkdir()
    (store.root / "out").symlink_to(tmp_path / "outside")
    (store.root / "in").symlink_to(store.root)
    (store.root / "circle").symlink_to(store.root / "circle")
    assert not store.is_inside("out/file")
    assert store.is_inside("in/file")
    assert refusal_of(store, "out/file", ".cfdp") is not None
    assert refusal_of(store, "plain/file", ".cfdp") is None
    store.is_inside("circle/file")


def test_files_leave_room_for_the_archive(tmp_path):
    store = DirectoryStore(tmp_path, reserve_octets=1 << 62)
    assert store.free_octets() == 0
    with pytest.raises(OSError, match="expected room for 1 octets") as raised:
        store.pwrite("file", 0, b"x")
    assert raised.value.errno == errno.ENOSPC
    assert store.list() == []


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(MisuseError, match="expected a directory, found a file"):
        DirectoryStore(tmp_path / "file")


def test_nothing_that_a_link_asks_for_changes_the_outbox(store, tmp_path):
    name = take_in(store, "photo.png", b"picture")
    (store.root / "way").symlink_to(store.root / OUTBOX)
    round_about = name.replace(OUTBOX, "way")
    store.pwrite("other", 0, b"x")
    for act in (
        lambda: store.pwrite(name, 0, b"x"),
        lambda: store.append(name, b"x"),
        lambda: store.pwrite(round_about, 0, b"x"),
        lambda: store.rename("other", name),
        lambda: store.rename(name, "other"),
        lambda: store.remove(name),
        lambda: store.make_directory(f"{OUTBOX}/x"),
    ):
        with pytest.raises(PermissionError, match="outside of the outbox"):
            act()
    assert store.read(name) == b"picture"


def test_a_copy_in_the_outbox_is_free_of_its_source_and_goes_with_its_transfer(store, tmp_path):
    first, second = take_in(store, "photo.png", b"picture"), take_in(store, "photo.png", b"picture")
    assert first != second
    assert store.read(first) == store.read(second) == b"picture"
    assert shown_name(first) == "photo.png"
    assert shown_name("plain/name") == "plain/name"
    outbox.clear(store.root, kept=[first])
    assert store.list() == [first]
    outbox.remove(store.root, "plain/name")
    outbox.remove(store.root, first)
    assert store.list() == []


def test_a_source_of_any_name_gets_one_that_cfdp_lets_through(store):
    for given in ("ä" * 100, "with\nline", "back\\slash", "../../up", "x" * 200 + ".png", "-rf"):
        name = take_in(store, given, b"x")
        assert refusal_of(store, name, ".cfdp") is None
        assert name.endswith(".png") is given.endswith(".png")
        assert store.read(name) == b"x"
    for none in ("", ".", ".."):
        with pytest.raises(MisuseError, match="expected the name of a file"):
            outbox.Incoming(store.root, none)


def test_what_did_not_come_whole_leaves_nothing_in_the_outbox(store):
    incoming = outbox.Incoming(store.root, "photo.png")
    incoming.write(b"pict")
    incoming.discard()
    assert store.list() == []


def test_a_file_that_comes_leaves_room_on_the_disk(store, monkeypatch):
    monkeypatch.setattr(outbox, "RESERVE_OCTETS", 1 << 60)
    incoming = outbox.Incoming(store.root, "photo.png")
    with pytest.raises(OSError, match="expected room on the disk"):
        incoming.write(b"pict")
    incoming.discard()


def take_in(store, name: str, content: bytes) -> str:
    incoming = outbox.Incoming(store.root, name)
    incoming.write(content)
    return incoming.finish()
