"""Models packed and unpacked on board: over the link, through power cuts, with little room, and what is refused."""

import hashlib
import tracemalloc

import numpy as np
import pytest

from ccsds.cfdp.codes import ConditionCode
from flight.filestore.packer import SYNC_OCTETS
from hil.disk.simulated_disk import SimulatedDisk
from hil.streams import Streams
from packing.container import BLOCK_OCTETS
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
