"""Models packed and unpacked on board: over the link, through power cuts, with little room, and what is refused."""

import errno
import hashlib
import struct
import tracemalloc
import zlib

import msgspec
import numpy as np
import pytest

from ccsds.cfdp.codes import ConditionCode
from flight.filestore.packer import SYNC_OCTETS
from hil.disk.simulated_disk import SimulatedDisk
from hil.streams import Streams
from packing.container import BLOCK_OCTETS, MAGIC, VERSION, read_head
from packing.exact import pack, unpack
from packing.layers import pack_layers
from packing.source import Octets
from tests.packing.conftest import model, safetensors_file
from tests.packing.test_layers import whole_layers

BASE, NEW = model(metadata={"step": "1"}), model(moved=1e-3, metadata={"step": "2"})
OTHER = model(moved=1e-2, metadata={"step": "7"})
# As long as BASE, with its header, and other weights: only its digest tells it apart.
TWIN = model(moved=1e-4, metadata={"step": "1"})


def packed(data, base=None):
    return b"".join(pack(Octets(data), None if base is None else Octets(base)))


DIFFERENCE = packed(NEW, BASE)
LAYERS = b"".join(pack_layers(Octets(NEW), Octets(BASE)))


@pytest.fixture
def stocked(sky):
    sky.file("base.safetensors", BASE)
    return sky


def unpack_on_board(sky, name="new.pack", destination="new.safetensors", base="", seconds=30):
    assert sky.command("model.unpack", name=name, destination=destination, base=base) == [("executed", "")]
    assert sky.run(seconds, lambda: sky.spacecraft._packer.next_deadline() is None)
    return sky


def refusal(sky, word="model.unpack", **arguments):
    given = {"name": "new.pack", "destination": "new.safetensors", "base": "", **arguments}
    ((outcome, text),) = sky.command(word, **given)
    assert outcome == "refused"
    return text


def leftovers(sky):
    return [path for path in sky.disk.list("files") if path.startswith("files/.cfdp/")]


@pytest.mark.parametrize("told", [packed(NEW), DIFFERENCE], ids=["whole", "difference"])
def test_a_packed_model_that_came_up_is_made_whole_with_a_base_that_is_found(stocked, told):
    stocked.put(told, "new.pack")
    assert stocked.run()
    unpack_on_board(stocked)
    assert stocked.disk.read("files/new.safetensors") == NEW
    (told_of,) = stocked.told("model_unpacked")
    base = "base.safetensors" if told is DIFFERENCE else ""
    assert (told_of["sha256"], told_of["size"], told_of["base"]) == (hashlib.sha256(NEW).hexdigest(), len(NEW), base)
    assert leftovers(stocked) == []


def test_a_base_is_found_by_its_digest_among_files_that_look_like_it(stocked):
    stocked.file("a.safetensors", TWIN)
    stocked.file("new.pack", DIFFERENCE)
    unpack_on_board(stocked)
    assert stocked.disk.read("files/new.safetensors") == NEW
    assert stocked.told("model_unpacked")[0]["base"] == "base.safetensors"


def test_a_model_that_is_packed_on_board_is_whole_at_the_ground(stocked):
    stocked.file("new.safetensors", NEW)
    arguments = {"name": "new.safetensors", "destination": "down.pack", "base": "base.safetensors"}
    assert stocked.command("model.pack", **arguments) == [("executed", "")]
    assert stocked.run(30, lambda: bool(stocked.told("model_packed")))
    stocked.command("file.send", name="down.pack")
    assert stocked.run(200)
    told = stocked.store.read("down.pack")
    assert told == DIFFERENCE
    assert stocked.told("model_packed")[0]["packed_size"] == len(told) < 0.9 * len(NEW)
    assert b"".join(unpack(Octets(told), Octets(BASE))) == NEW


def test_layers_that_are_on_their_way_up_still_are_used_as_far_as_they_came(stocked):
    ends = whole_layers(LAYERS)
    transaction = stocked.put(LAYERS, "new.pack")
    # What the line holds after the second layer is lost, so the transfer stands where it is.
    stocked.loses = lambda direction, number: (
        stocked.spacecraft._files.entity.transfers != []
        and (direction == "up" and stocked.spacecraft._files.entity.transfers[0].done_octets > ends[1])
    )
    stocked.run(20)
    assert ends[1] < stocked.spacecraft._files.entity.transfers[0].done_octets < len(LAYERS)
    unpack_on_board(stocked)
    (told_of,) = stocked.told("model_approximated")
    assert (told_of["layers"], told_of["layers_in_all"], told_of["base"]) == (2, 4, "base.safetensors")
    assert 0 < told_of["error"] < 0.9
    assert hashlib.sha256(stocked.disk.read("files/new.safetensors")).hexdigest() == told_of["sha256"]
    # The transfer goes on undisturbed, and the rest comes.
    stocked.loses = lambda direction, number: False
    assert stocked.run(until=lambda: any(event.transaction == transaction for event in stocked.finished))
    assert stocked.disk.read("files/new.pack") == LAYERS
    unpack_on_board(stocked, destination="whole.safetensors")
    assert stocked.told("model_approximated")[1]["layers"] == 4


def test_a_difference_that_is_on_its_way_up_is_refused(stocked):
    stocked.put(DIFFERENCE, "new.pack")
    stocked.run(5, lambda: bool(stocked.spacecraft._files.entity.part_of("new.pack")))
    stocked.run(1)
    assert "where it is cut off" in refusal(stocked)


CHANGED = DIFFERENCE[:-1] + bytes([DIFFERENCE[-1] ^ 1])


@pytest.mark.parametrize(
    ("content", "arguments", "reason"),
    [
        (b"", {}, "new.pack: packed file: expected it to begin with STPK, found nothing"),
        (NEW, {}, "new.pack: packed file: expected it to begin with STPK"),
        (DIFFERENCE[:-9], {}, "octets in all, found them up to"),
        (LAYERS[: whole_layers(LAYERS)[0] - 1], {}, "expected a first layer of 3 blocks, found it cut off"),
        (DIFFERENCE, {"base": "other.safetensors"}, "found another: other.safetensors"),
        (DIFFERENCE, {"base": "gone.safetensors"}, "expected a file at 'gone.safetensors', found none"),
        (packed(NEW, OTHER), {}, f"expected a base of {len(OTHER)} octets with SHA-256"),
        (DIFFERENCE, {"name": "gone.pack"}, "expected a file at 'gone.pack', found none"),
        (DIFFERENCE, {"name": ".cfdp/packing"}, "expected a path outside '.cfdp'"),
        (DIFFERENCE, {"destination": "base.safetensors"}, "expected nothing at 'base.safetensors', found something"),
        (DIFFERENCE, {"destination": "jobs/1/model.safetensors"}, "expected a name outside jobs/"),
        (DIFFERENCE, {"destination": "../out"}, "expected a plain path inside the store"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_with_the_reason_and_the_store_stays_as_it_was(
    stocked, content, arguments, reason
):
    stocked.file("other.safetensors", NEW)
    stocked.file("new.pack", content)
    before = stocked.disk.list("files")
    assert reason in refusal(stocked, **arguments)
    stocked.run(1, lambda: False)
    assert stocked.disk.list("files") == before


@pytest.mark.parametrize(
    ("content", "base", "reason"),
    [
        (CHANGED, BASE, "expected a block with its checksum at octet"),
        (DIFFERENCE, TWIN, "base: expected SHA-256"),
    ],
    ids=["struck", "another base"],
)
def test_what_shows_only_when_it_is_read_leaves_nothing_and_is_told(sky, content, base, reason):
    sky.file("base.safetensors", base)
    sky.file("new.pack", content)
    before = sky.disk.list("files")
    unpack_on_board(sky, base="base.safetensors")
    (told,) = sky.told("packing_failed")
    assert reason in told["reason"]
    assert sky.disk.list("files") == before


def test_a_model_that_does_not_fit_is_refused_and_what_others_were_promised_is_not_taken(make_sky, tmp_path):
    disk = SimulatedDisk(tmp_path / "small", Streams(1), capacity_octets=(16 << 20) + 26 * len(NEW) // 10)
    sky = make_sky(disk=disk)
    sky.file("new.pack", packed(NEW))
    unpack_on_board(sky, destination="one.safetensors")
    assert refusal(sky, destination="two.safetensors").startswith("two.safetensors: expected room for")
    sky.command("file.delete", name="one.safetensors")
    sky.put(bytes(len(NEW)), "coming")
    sky.run(2, lambda: bool(sky.spacecraft._files.entity.transfers))
    assert "expected room for" in refusal(sky, destination="two.safetensors")


def test_the_room_of_one_that_is_at_hand_is_promised_to_no_file_that_comes(make_sky, tmp_path):
    disk = SimulatedDisk(tmp_path / "small", Streams(1), capacity_octets=46 << 20)
    sky = make_sky(disk=disk)
    sky.file("new.pack", packed(bytes(20 << 20)))
    assert sky.command("model.unpack", name="new.pack", destination="new", base="") == [("executed", "")]
    sky.put(bytes(15 << 20), "coming")
    assert sky.run(5, lambda: bool(sky.finished))
    assert sky.finished[0].condition is ConditionCode.FILESTORE_REJECTION
    assert sky.told("model_unpacked") == []
    assert sky.run(5, lambda: bool(sky.told("model_unpacked")))


def written_by(sky, seconds=5):
    """Let time pass until something of what comes of the one at hand lies in the store."""
    assert sky.run(seconds, lambda: bool(leftovers(sky)))


@pytest.mark.parametrize(
    ("word", "arguments", "replaced"),
    [
        ("model.pack", {"name": "new.safetensors", "destination": "down.pack"}, "new.safetensors"),
        ("model.unpack", {"name": "difference.pack", "destination": "made"}, "base.safetensors"),
        ("model.unpack", {"name": "layers.pack", "destination": "made"}, "base.safetensors"),
        ("model.unpack", {"name": "layers.pack", "destination": "made"}, "layers.pack"),
    ],
    ids=["packed", "base", "base of layers", "layers"],
)
def test_a_file_that_a_shorter_one_replaces_while_it_is_read_fails_and_is_told(stocked, word, arguments, replaced):
    stocked.file("new.safetensors", NEW)
    stocked.file("difference.pack", DIFFERENCE)
    stocked.file("layers.pack", LAYERS)
    assert stocked.command(word, **arguments, base="base.safetensors") == [("executed", "")]
    written_by(stocked)
    stocked.disk.remove(f"files/{replaced}")
    stocked.file(replaced, b"short")
    assert stocked.run(30, lambda: stocked.spacecraft._packer.next_deadline() is None)
    (told,) = stocked.told("packing_failed")
    assert f"of {replaced}, found" in told["reason"]
    assert leftovers(stocked) == []


def with_head(told, **changes):
    """Give a packed file with another head, as a packer that lies writes it."""
    head, begin = read_head(Octets(told))
    body = msgspec.msgpack.encode({**msgspec.structs.asdict(head), **changes})
    return struct.pack(">4sBII", MAGIC, VERSION, len(body), zlib.crc32(body)) + body + told[begin:]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"length_octets": -1}, "expected lengths of 0 or more"),
        ({"layers": [[0, bytes(32), 0.5]] * 256}, "expected at most 255 layers"),
        ({"layers": [[3, bytes(32), 1e300]]}, "expected 0 blocks or more and an error from 0 to 1"),
    ],
)
def test_a_head_that_cannot_be_is_refused_before_anything_is_written(stocked, changes, reason):
    stocked.file("new.pack", with_head(LAYERS, **changes))
    assert reason in refusal(stocked)


def test_a_model_that_becomes_longer_than_its_head_says_takes_no_room_from_others(stocked):
    stocked.file("new.pack", with_head(LAYERS, length_octets=700))
    unpack_on_board(stocked)
    (told,) = stocked.told("packing_failed")
    assert "expected 700 octets in all, found more" in told["reason"]
    assert leftovers(stocked) == []


class UnsureDisk(SimulatedDisk):
    """Renames, and then fails to say that the name is durable."""

    fails = False

    def fsync(self, path):
        if self.fails and path == "files":
            raise OSError(errno.EIO, "Input/output error")
        super().fsync(path)


def test_a_model_whose_name_could_not_be_made_durable_is_not_there(make_sky, tmp_path):
    sky = make_sky(disk=UnsureDisk(tmp_path / "unsure", Streams(1)))
    sky.file("new.pack", packed(NEW))
    before = sky.disk.list("files")
    assert sky.command("model.unpack", name="new.pack", destination="new.safetensors", base="") == [("executed", "")]
    sky.disk.fails = True
    assert sky.run(30, lambda: sky.spacecraft._packer.next_deadline() is None)
    (told,) = sky.told("packing_failed")
    assert "Input/output error" in told["reason"]
    assert sky.disk.list("files") == before


def test_a_base_that_is_gone_by_its_turn_is_passed_over(stocked):
    stocked.file("a.safetensors", BASE)
    stocked.file("new.pack", DIFFERENCE)
    assert stocked.command("model.unpack", name="new.pack", destination="new.safetensors", base="") == [
        ("executed", "")
    ]
    stocked.disk.remove("files/a.safetensors")
    assert stocked.run(30, lambda: bool(stocked.told("model_unpacked")))
    assert stocked.told("model_unpacked")[0]["base"] == "base.safetensors"


def test_a_base_of_layers_that_is_no_model_is_passed_over(stocked):
    stocked.file("a.safetensors", bytes(len(BASE)))
    # So little is said of the base that anything of its length may be it.
    stocked.file("new.pack", with_head(LAYERS, base_header_sha256=b""))
    unpack_on_board(stocked)
    assert stocked.told("model_approximated")[0]["base"] == "base.safetensors"


def test_a_file_that_cannot_be_read_is_no_base(make_sky, tmp_path):
    class WornDisk(SimulatedDisk):
        def read(self, path, offset_octets=0, length_octets=None):
            if path == "files/a.safetensors":
                raise OSError(errno.EIO, "Input/output error")
            return super().read(path, offset_octets, length_octets)

    sky = make_sky(disk=WornDisk(tmp_path / "worn", Streams(1)))
    sky.file("a.safetensors", BASE)
    sky.file("base.safetensors", BASE)
    sky.file("new.pack", DIFFERENCE)
    unpack_on_board(sky)
    assert sky.told("model_unpacked")[0]["base"] == "base.safetensors"


def test_a_file_that_came_and_is_gone_is_not_taken_for_one_on_its_way(stocked):
    transaction = stocked.put(LAYERS, "new.pack")
    # That it came is never heard, so the transaction stays open on board.
    stocked.loses = lambda direction, number: direction == "down"
    stocked.run(60, lambda: "files/new.pack" in stocked.disk.list("files"))
    stocked.disk.remove("files/new.pack")
    assert (transaction, "RECEIVER") in [(one, role.name) for one, role in stocked.spacecraft._files.entity.running]
    assert "expected a file at 'new.pack', found none" in refusal(stocked)


class NotingDisk(SimulatedDisk):
    """Notes how much of the model at hand was written at most without being synced."""

    unsynced_octets = most_octets = 0

    def append(self, path, data):
        super().append(path, data)
        if path == "files/.cfdp/packing":
            self.unsynced_octets += len(data)
            self.most_octets = max(self.most_octets, self.unsynced_octets)

    def fsync(self, path):
        super().fsync(path)
        if path == "files/.cfdp/packing":
            self.unsynced_octets = 0


def test_what_is_written_is_synced_by_and_by_so_that_no_sync_takes_long(make_sky, tmp_path):
    sky = make_sky(disk=NotingDisk(tmp_path / "noting", Streams(1)))
    sky.file("new.pack", packed(bytes(3 * SYNC_OCTETS)))
    unpack_on_board(sky, destination="new", seconds=60)
    assert SYNC_OCTETS <= sky.disk.most_octets < SYNC_OCTETS + BLOCK_OCTETS


@pytest.mark.parametrize(
    ("word", "base"),
    [("model.unpack", ""), ("model.unpack", "other.safetensors"), ("model.pack", "base.safetensors")],
    ids=["another base", "yet another", "packed instead"],
)
def test_what_differs_in_action_or_base_from_the_one_at_hand_is_another(stocked, word, base):
    stocked.file("other.safetensors", BASE)
    stocked.file("new.pack", DIFFERENCE)
    names = {"name": "new.pack", "destination": "new.safetensors"}
    assert stocked.command("model.unpack", **names, base="base.safetensors") == [("executed", "")]
    reason = "found new.pack on its way to new.safetensors, unpacked against base.safetensors"
    assert reason in refusal(stocked, word, **names, base=base)


def test_one_is_at_hand_at_a_time_and_the_same_asked_for_again_is_no_second_one(stocked):
    stocked.file("new.pack", DIFFERENCE)
    arguments = {"name": "new.pack", "destination": "new.safetensors", "base": ""}
    assert stocked.command("model.unpack", **arguments) == [("executed", "")]
    assert stocked.command("model.unpack", **arguments) == [("executed", "")]
    assert "expected nothing at hand, found new.pack on its way" in refusal(stocked, destination="b.safetensors")
    assert stocked.run(30, lambda: bool(stocked.told("model_unpacked")))
    stocked.run(1, lambda: False)
    assert len(stocked.told("model_unpacked")) == 1


def test_a_name_that_something_takes_meanwhile_is_not_written_over(stocked):
    stocked.file("new.pack", DIFFERENCE)
    stocked.command("model.unpack", name="new.pack", destination="new.safetensors", base="")
    stocked.file("new.safetensors", b"mine")
    assert stocked.run(30, lambda: bool(stocked.told("packing_failed")))
    assert stocked.disk.read("files/new.safetensors") == b"mine"
    assert leftovers(stocked) == []


def test_a_power_cut_at_each_disk_operation_leaves_the_whole_model_or_nothing(make_sky):
    operation, was_cut = 0, True
    while was_cut:
        operation += 1
        sky = make_sky(folder=f"{operation}", seed=operation)
        sky.file("base.safetensors", BASE)
        sky.file("new.pack", DIFFERENCE)
        sky.disk.cut_at(sky.disk.operations + operation)
        sky.command("model.unpack", name="new.pack", destination="new.safetensors", base="")
        sky.run(3, lambda: False)
        was_cut = sky.spacecraft._ledger.boot_count > 1
        sky.reboot()
        names = {path for path in sky.disk.list("files") if not path.startswith("files/.cfdp/")}
        assert leftovers(sky) == []
        if "files/new.safetensors" in names:
            assert sky.disk.read("files/new.safetensors") == NEW
        assert "files/new.safetensors" in names or was_cut
    assert operation > 6


def test_what_a_reset_leaves_is_removed_at_the_next_start_and_told(stocked):
    stocked.file("new.pack", DIFFERENCE)
    before = stocked.disk.list("files")
    stocked.command("model.unpack", name="new.pack", destination="new.safetensors", base="")
    assert stocked.run(5, lambda: bool(leftovers(stocked)))
    (part,) = leftovers(stocked)
    octets = stocked.disk.size(part)
    stocked.boot()
    stocked.collect()
    assert stocked.told("packing_forgotten") == [{"octets": octets}]
    assert stocked.disk.list("files") == before
    unpack_on_board(stocked)
    assert stocked.disk.read("files/new.safetensors") == NEW


def test_a_reset_before_the_first_octet_is_written_is_told_too(stocked):
    stocked.file("new.pack", DIFFERENCE)
    stocked.command("model.unpack", name="new.pack", destination="new.safetensors", base="")
    (part,) = leftovers(stocked)
    assert stocked.disk.size(part) == 0
    stocked.boot()
    stocked.collect()
    assert stocked.told("packing_forgotten") == [{"octets": 0}]
    assert leftovers(stocked) == []


def test_a_large_model_is_unpacked_in_the_memory_of_a_few_blocks(stocked):
    array = np.random.default_rng(3).normal(0, 0.02, (3 * SYNC_OCTETS // 8,)).astype("<f4")
    data = safetensors_file([("w", "F32", array)])
    stocked.file("large.pack", packed(data))
    stocked.command("model.unpack", name="large.pack", destination="large.safetensors", base="")
    tracemalloc.start()
    assert stocked.run(60, lambda: bool(stocked.told("model_unpacked")))
    _, peak_octets = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_octets < 10 * BLOCK_OCTETS < len(data)
    assert stocked.disk.read("files/large.safetensors") == data
