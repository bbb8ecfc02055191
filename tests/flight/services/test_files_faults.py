"""Files when things go wrong: bad input, power cuts, a store that fails, frames played again, a damaged journal."""

import errno
import random

import pytest

from ccsds.cfdp.codes import ConditionCode, Direction, TransmissionMode
from ccsds.cfdp.directives import Eof, FileData, Metadata, Nak
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.tlv import FilestoreAction, FilestoreRequest
from ccsds.packet import PacketType, SpacePacket
from ccsds.pus.telecommand import Telecommand
from flight.disk import RealDisk
from flight.filestore.files import RESERVE_OCTETS, SEQUENCES_PER_BOOT
from flight.journal import Journal
from flight.link.receipts import INTERVAL_NS, RESERVED_FRAMES_MAX
from hil.disk.simulated_disk import SimulatedDisk
from hil.streams import Streams
from mission.channels import GROUND_ENTITY, SPACECRAFT_ENTITY, Apid, Uplink

CONTENT = random.Random(4).randbytes(60_000)
CLASS_1 = TransmissionMode.UNACKNOWLEDGED
NOT_KNOWN = 77


def pdu(body, sequence=900, mode=TransmissionMode.ACKNOWLEDGED, **ids):
    """Give a PDU as a ground that means harm could send it."""
    ends = {"source": GROUND_ENTITY, "destination": SPACECRAFT_ENTITY}
    direction = Direction.TOWARD_RECEIVER
    if isinstance(body, Nak):
        ends = {"source": SPACECRAFT_ENTITY, "destination": GROUND_ENTITY}
        direction = Direction.TOWARD_SENDER
    ends |= ids
    header = PduHeader(
        direction, mode, ends["source"], sequence, ends["destination"], entity_octets=1, sequence_octets=4
    )
    return Pdu(header, body).encode()


def contents(disk):
    return {
        path: disk.read(path)
        for path in disk.list()
        if "journal" not in path and not path.startswith(("files/.cfdp", "stores/", "boots"))
    }


@pytest.mark.parametrize("seed", range(12))
def test_power_cuts_of_the_spacecraft_in_the_middle_cost_no_file_in_either_direction(make_sky, seed):
    chance = random.Random(seed)
    sky = make_sky(with_keys=seed % 2 == 1, seed=seed)
    sky.loses = lambda direction, number: chance.random() < 0.03
    sky.file("out", CONTENT)
    sky.command("file.send", name="out")
    sky.put(CONTENT[::-1], "in")
    for _ in range(3):
        sky.disk.cut_at(sky.disk.operations + chance.randint(1, 12))
        sky.run(chance.uniform(0.1, 3))
    assert sky.run(300)
    assert sky.spacecraft._ledger.boot_count > 1
    assert sky.store.read("out") == CONTENT
    assert sky.disk.read("files/in") == CONTENT[::-1]
    assert {event.condition for event in sky.finished} == {ConditionCode.NO_ERROR}
    assert not any(path.endswith(".part") for path in sky.disk.list())


@pytest.mark.parametrize("with_keys", [False, True], ids=["clear", "protected"])
def test_a_power_cut_at_each_disk_operation_of_a_file_with_a_request_loses_nothing_and_repeats_nothing(
    make_sky, with_keys
):
    """What is appended twice would show."""
    options = (FilestoreRequest(FilestoreAction.APPEND_FILE, "log", "in"),)
    operation, was_cut = 0, True
    while was_cut:
        operation += 1
        sky = make_sky(with_keys=with_keys, folder=f"{operation}", seed=operation)
        sky.file("log", b"one ")
        sky.disk.cut_at(sky.disk.operations + operation)
        sky.put(b"two", "in", options=options)
        assert sky.run(120)
        assert (sky.disk.read("files/log"), sky.disk.read("files/in")) == (b"one two", b"two")
        was_cut = sky.spacecraft._ledger.boot_count > 1
        sky.reboot()
        assert sky.disk.read("files/log") == b"one two"
    assert operation > 8


def test_frames_of_files_that_are_played_again_after_a_reboot_do_nothing(make_sky):
    """An append that acted a second time would show."""
    sky = make_sky(with_keys=True)
    sky.file("log", b"one ")
    sky.put(b"two", "in", options=(FilestoreRequest(FilestoreAction.APPEND_FILE, "log", "in"),))
    assert sky.run()
    for _ in range(2):
        # The board has forgotten every transaction, so that nothing but the receipts is in the way.
        if "cfdp.journal" in sky.disk.list():
            sky.disk.remove("cfdp.journal")
        sky.reboot()
        before = contents(sky.disk)
        for frame in list(sky.sent):
            sky.up(b"", frame=frame)
        sky.collect()
        assert contents(sky.disk) == before
        assert sky.parameter("pdus_received") == 0
    assert before["files/log"] == b"one two"


@pytest.mark.parametrize("seed", range(6))
def test_no_frame_is_taken_twice_whenever_power_goes(make_sky, seed):
    chance = random.Random(seed)
    sky = make_sky(with_keys=True, seed=seed)
    sky.put(CONTENT, "in")
    taken = []

    def watch():
        files = sky.spacecraft._files
        receive = files.receive
        files.receive = lambda packets, now_ns: (taken.append(sky.sending.data), receive(packets, now_ns))

    watch()
    for _ in range(5):
        sky.disk.cut_at(sky.disk.operations + chance.randint(1, 40))
        boots = sky.spacecraft._ledger.boot_count
        sky.run(20, lambda boots=boots: sky.spacecraft._ledger.boot_count > boots or not sky.ground.running)
        sky.reboot()
        watch()
        for frame in list(sky.sent):
            sky.up(b"", frame=frame)
    assert len(set(taken)) == len(taken) > 3
    assert sky.run(300)
    assert sky.disk.read("files/in") == CONTENT


def test_receipts_of_many_frames_take_few_syncs_and_a_quiet_second_makes_them_exact(make_sky):
    sky = make_sky(with_keys=True)
    commits = []
    commit = sky.spacecraft._ledger.commit
    sky.spacecraft._ledger.commit = lambda *changes: (commits.append(changes), commit(*changes))[1]
    for number in range(2000):
        sky.now_ns = number * 3_000_000
        sky.send_pdu(pdu(Nak(0, 1)))
    assert sky.parameter("pdus_received") == 2000
    assert len(commits) < 20
    assert sky.spacecraft.next_deadline() <= sky.now_ns + INTERVAL_NS
    sky.now_ns += INTERVAL_NS
    sky.spacecraft.advance(sky.now_ns)
    sky.reboot()
    # Nothing is reserved any more: the very next frame is taken.
    sky.send_pdu(pdu(Nak(0, 1)))
    assert sky.parameter("pdus_received") == 1


def test_a_reboot_in_a_burst_costs_no_more_frames_than_were_reserved(make_sky):
    sky = make_sky(with_keys=True)
    for number in range(1000):
        sky.now_ns = number * 3_000_000
        sky.send_pdu(pdu(Nak(0, 1)))
    sky.reboot()
    refused = 0
    while not sky.parameter("pdus_received"):
        refused += 1
        sky.send_pdu(pdu(Nak(0, 1)))
    assert 1 < refused <= RESERVED_FRAMES_MAX + 1


@pytest.mark.parametrize("with_keys", [False, True], ids=["clear", "protected"])
def test_telecommands_on_the_channel_of_files_and_pdus_on_that_of_commands_are_refused_and_counted(make_sky, with_keys):
    sky = make_sky(with_keys=with_keys)
    sky.up(Telecommand(Apid.CORE, 1, 17, 1, 9).encode(), Uplink.FILES)
    packet = SpacePacket(
        PacketType.TELECOMMAND, Apid.CFDP, 0, pdu(Metadata(1, "a", "b", 2)), has_secondary_header=False
    )
    sky.up(packet.encode(), Uplink.COMMANDS)
    sky.collect()
    assert sky.answered == []
    assert sky.parameter("packets_misplaced") == 2
    assert sky.parameter("pdus_received") == 0
    assert sky.rejected == [
        "expected CFDP on virtual channel 1, found APID 0x42",
        "expected telecommands on virtual channel 0, found APID 0x7fd",
    ]


@pytest.mark.parametrize(
    ("packet_type", "has_secondary_header"), [(PacketType.TELEMETRY, False), (PacketType.TELECOMMAND, True)]
)
def test_a_packet_that_no_ground_sends_around_a_pdu_is_refused(sky, packet_type, has_secondary_header):
    content = pdu(Metadata(1, "a", "b", 2))
    sky.up(SpacePacket(packet_type, Apid.CFDP, 0, content, has_secondary_header=has_secondary_header).encode())
    assert sky.parameter("pdus_received") == 0
    sky.collect()
    (reason,) = sky.rejected
    assert "without a secondary header" in reason


BAD_DESTINATIONS = [
    "../journal",
    "/etc/passwd",
    "a/../../journal",
    ".cfdp/1-1.part",
    "link",
    "way/secret",
    "dir",
    "a\0b",
]


@pytest.mark.parametrize("name", BAD_DESTINATIONS, ids=[repr(name) for name in BAD_DESTINATIONS])
def test_a_file_with_a_bad_name_is_refused_told_and_written_nowhere(sky, name):
    sky.disk.append("secret", b"of the spacecraft")
    sky.file("dir/x", b"1")
    (sky.disk.root / "files/link").symlink_to(sky.disk.root / "secret")
    (sky.disk.root / "files/way").symlink_to(sky.disk.root)
    sky.put(CONTENT, "good")
    sky.run(1)
    before = contents(sky.disk)
    outside = {path.name for path in sky.disk.root.parent.iterdir()}
    for directive in (Metadata(5, "a", name, 2), FileData(0, b"12345"), Eof(ConditionCode.NO_ERROR, 0, 5)):
        sky.send_pdu(pdu(directive))
    sky.run(5, lambda: sky.told("transfer_failed"))
    (failed,) = sky.told("transfer_failed")
    assert (failed["condition"], failed["sequence"]) == ("FILESTORE_REJECTION", 900)
    assert failed["reason"]
    assert contents(sky.disk) == before
    assert {path.name for path in sky.disk.root.parent.iterdir()} == outside
    assert sky.run(60, lambda: sky.finished)
    assert sky.disk.read("files/good") == CONTENT


@pytest.mark.parametrize(
    "action", [FilestoreAction.CREATE_FILE, FilestoreAction.DELETE_FILE, FilestoreAction.RENAME_FILE]
)
@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "link", "way/secret"])
def test_a_filestore_request_reaches_nothing_outside_the_store(sky, action, name):
    sky.disk.append("secret", b"of the spacecraft")
    sky.file("good", b"1")
    (sky.disk.root / "files/link").symlink_to(sky.disk.root / "secret")
    (sky.disk.root / "files/way").symlink_to(sky.disk.root)
    before = contents(sky.disk)
    second = "taken" if action is FilestoreAction.RENAME_FILE else ""
    sky.put(b"", "empty", options=(FilestoreRequest(action, name, second),))
    assert sky.run()
    assert contents(sky.disk) == {**before, "files/empty": b""}


LIES = {
    "foreign source": (pdu(FileData(0, b"x"), source=NOT_KNOWN), "FOREIGN_ENTITY"),
    "foreign destination": (pdu(FileData(0, b"x"), destination=NOT_KNOWN), "FOREIGN_ENTITY"),
    "too short for its length": (pdu(FileData(0, b"x" * 50))[:-1], "MALFORMED"),
    "too long for its length": (pdu(FileData(0, b"x" * 50)) + b"x", "MALFORMED"),
    "no PDU": (b"\xff" * 30, "MALFORMED"),
    "one octet": (b"\x20", "MALFORMED"),
    "NAK of nothing": (pdu(Nak(0, 1)), "UNKNOWN_TRANSACTION"),
    "beyond the file": (pdu(FileData(1 << 30, b"x"), sequence=1), "BEYOND_FILE"),
    "other octets": (pdu(FileData(100, b"other octets"), sequence=1), "CONTRADICTION"),
    "other mode": (pdu(FileData(0, b"x"), sequence=1, mode=CLASS_1), "CONTRADICTION"),
    "another size": (pdu(Metadata(9, "a", "b", 2), sequence=1), "CONTRADICTION"),
}


@pytest.mark.parametrize("case", LIES)
def test_a_pdu_that_lies_is_refused_counted_and_told_and_the_transfer_under_way_goes_on(sky, case):
    octets, refusal = LIES[case]
    sky.put(CONTENT, "good")
    assert not sky.run(1)
    before = contents(sky.disk)
    for _ in range(50):
        sky.send_pdu(octets)
    sky.collect()
    (told,) = sky.told("pdus_refused")
    assert (told["more"], told["refusal"]) == (1, refusal)
    assert told["reason"].startswith("expected") or "expected" in told["reason"]
    assert sky.parameter("pdus_refused") == sky.parameter(f"pdus_{refusal.lower()}") == 50
    assert contents(sky.disk) == before
    # The other 49 are told of together.
    sky.run(12, lambda: False)
    assert [values["more"] for values in sky.told("pdus_refused")] == [1, 49]
    assert sky.run(60, lambda: sky.finished)
    assert sky.disk.read("files/good") == CONTENT


def test_a_file_larger_than_the_store_has_room_for_is_refused(make_sky, tmp_path):
    disk = SimulatedDisk(tmp_path / "small", Streams(1), capacity_octets=RESERVE_OCTETS + 40_000)
    sky = make_sky(disk=disk)
    sky.put(CONTENT, "large")
    assert sky.run()
    (failed,) = sky.told("transfer_failed")
    assert failed["condition"] == "FILESTORE_REJECTION"
    assert "octets" in failed["reason"]
    assert contents(sky.disk) == {}
    sky.put(CONTENT[:20_000], "small")
    assert sky.run()
    assert sky.disk.read("files/small") == CONTENT[:20_000]


def test_file_data_without_end_never_takes_the_room_that_is_kept_back(make_sky, tmp_path):
    disk = SimulatedDisk(tmp_path / "small", Streams(1), capacity_octets=RESERVE_OCTETS + 200_000)
    sky = make_sky(disk=disk)
    for number in range(400):
        sky.send_pdu(pdu(FileData(number * 900, bytes(900))))
    assert disk.free_octets() >= RESERVE_OCTETS
    assert sky.command("test.connection") == [("executed", "")]


class FailingDisk(RealDisk):
    """A disk that takes nothing more for paths that begin so."""

    failing = ()

    def append(self, path, data):
        self.check(path)
        super().append(path, data)

    def pwrite(self, path, offset_octets, data):
        self.check(path)
        super().pwrite(path, offset_octets, data)

    def fsync(self, path):
        self.check(path)
        super().fsync(path)

    def check(self, path):
        if path.startswith(self.failing):
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("with_keys", [False, True], ids=["clear", "protected"])
def test_a_store_that_fails_raises_nothing_and_files_go_on_once_it_works(make_sky, tmp_path, with_keys):
    disk = FailingDisk(tmp_path / "disk")
    sky = make_sky(disk=disk, with_keys=with_keys)
    sky.file("out", CONTENT)
    sky.command("file.send", name="out")
    sky.put(CONTENT, "in")
    sky.run(2)
    disk.failing = ("",)
    sky.run(5)
    ((outcome, text),) = sky.command("file.send", name="out")
    assert (outcome, "No space left" in text) == ("failed", True)
    assert len(sky.told("store_failed")) < 10
    # A spacecraft without a ledger does not start; without the journal of transfers it does.
    disk.failing = ("cfdp.journal", "files")
    sky.boot()
    sky.run(30)
    ((outcome, text),) = sky.command("file.send", name="out")
    assert (outcome, text) == ("refused", "expected a store that transfers can be remembered in, found one that fails")
    disk.failing = ()
    sky.run(60)
    sky.put(CONTENT, "again")
    assert sky.run(120, lambda: "files/again" in disk.list())
    assert disk.read("files/again") == CONTENT
    sky.command("file.send", name="out", destination="later")
    assert sky.run(120, lambda: "later" in sky.store.list())
    assert sky.store.read("later") == CONTENT


@pytest.mark.parametrize("damage", ["torn", "flipped", "foreign", "other far end", "a name outside"])
def test_a_damaged_journal_of_transfers_costs_what_is_damaged_and_never_the_boot(sky, damage):
    sky.file("out", CONTENT)
    sky.file("small", b"1")
    sky.command("file.send", name="small")
    assert sky.run()
    sky.command("file.send", name="out")
    sky.run(1)
    journal = Journal(sky.disk, "cfdp.journal")
    records = list(journal.recover().records)
    match damage:
        case "torn":
            sky.disk.append("cfdp.journal", b"LJR1\x00\x00")
        case "flipped":
            last = sky.disk.size("cfdp.journal") - 1
            sky.disk.pwrite("cfdp.journal", last, bytes([sky.disk.read("cfdp.journal", last)[0] ^ 1]))
        case "foreign":
            journal.append(b"what no CFDP wrote")
        case "other far end":
            journal.append(records[0].replace(b"\xabdestination\x01", b"\xabdestination\x02"))
        case "a name outside":
            assert b"\xabsource_name\xa3out" in records[-1]
            journal.append(records[-1].replace(b"\xabsource_name\xa3out", b"\xabsource_name\xa3../"))
    sky.disk.fsync("cfdp.journal")
    sky.reboot()
    sky.run(2)
    assert len(sky.told("transfers_forgotten")) == 1
    assert sky.run(120, lambda: not sky.spacecraft._files.entity.running)
    sky.file("new", b"2")
    sky.command("file.send", name="new")
    sky.run(20, lambda: "new" in sky.store.list())
    assert sky.store.read("new") == b"2"
    accepted = [values["sequence"] for name, values in sky.reports if name == "transfer_accepted"]
    assert len(set(accepted)) == 3
    assert accepted[-1] == SEQUENCES_PER_BOOT
    # What was mended stays so.
    sky.announced.clear()
    sky.reboot()
    sky.run(1)
    assert sky.told("transfers_forgotten") == []
