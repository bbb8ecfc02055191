"""Files over 4 GiB: their offsets are longer, and still one segment fills one frame."""

import contextlib

import msgspec
import pytest

from ccsds.cfdp.codes import Direction
from ccsds.cfdp.directives import FileData, Nak
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.records import PutRequest, SenderRecord, decode_record, encode_record
from ccsds.packet import HEADER_OCTETS
from ccsds.sdls.association import Link
from ccsds.sdls.key_file import End
from ccsds.sdls.security import Security
from ccsds.tm_packets import PacketAssembler
from flight.disk import RealDisk
from flight.filestore.files import JOURNAL_PATH, Files
from flight.journal import Journal
from flight.link.downlink_channel import DownlinkChannel, Packing
from flight.reporter import Reporter
from hil.ends.keys import lay_keys
from hil.streams import Streams
from mission.channels import GROUND_ENTITY, Downlink
from mission.definition import DICTIONARY
from mission.profiles import PROFILES
from ports.key_directory import opened_keys

SIZE = 5 << 30
LARGE = 1 << 32
FRAMES = 20
# Without segment metadata, and with an offset of eight octets in place of four.
OVERHEAD_OCTETS = 4 + 1 + 4 + 1 + 8


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("offset", [0, LARGE - 5000, SIZE // 2 + 7])
@pytest.mark.parametrize("is_protected", [True, False], ids=["keys", "none"])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_each_frame_going_down_holds_one_whole_segment(profile, is_protected, offset, tmp_path, stack):
    security = ground = None
    if is_protected:
        paths = lay_keys(tmp_path, Streams(3), profile)
        security, ground = (
            Security(stack.enter_context(opened_keys(paths[end], end))) for end in (End.SPACECRAFT, End.GROUND)
        )
    disk = RealDisk(tmp_path / "store")
    disk.pwrite("files/big", 0, b"")
    with (tmp_path / "store" / "files" / "big").open("r+b") as file:
        file.truncate(SIZE)
    files = Files(profile, security, disk, Reporter(DICTIONARY))
    files.boot(1, 0)
    files.entity.put(PutRequest(destination=GROUND_ENTITY, source_name="big", destination_name="big"), 0)
    # As after a reboot, when so much was sent before.
    (data,) = Journal(disk, JOURNAL_PATH).recover().records
    record = decode_record(data)
    assert isinstance(record, SenderRecord)
    begun = msgspec.structs.replace(record, progress_octets=offset, runs=((0, offset, 0),) if offset else ())
    Journal(disk, JOURNAL_PATH).replace([encode_record(begun)])
    files = Files(profile, security, disk, Reporter(DICTIONARY))
    files.boot(1, 0)
    files.contact(True, 0)
    channel = DownlinkChannel(Downlink.FILES, profile, security, files, Packing.WHOLE)

    def read(count):
        assembler, bodies = PacketAssembler(), []
        for number in range(count):
            frame = channel.frame(bytes(4), number, number)
            assert frame is not None
            if ground is not None:
                frame = ground.receiver.process_tm(frame).frame
            packets = list(assembler.receive(frame.data, frame.first_header_pointer, frame.vc_count))
            bodies.append([Pdu.decode(packet[HEADER_OCTETS:]).body for packet in packets if packet[1] == 0xFD])
        return bodies

    read(1)  # Metadata.
    found = read(FRAMES)
    assert all(len(bodies) == 1 and isinstance(bodies[0], FileData) for bodies in found)
    overhead_octets = security.overhead_octets(Link.TM, Downlink.FILES) if security else 0
    full = profile.tm_data_octets - overhead_octets - HEADER_OCTETS - OVERHEAD_OCTETS
    assert [len(body.data) for (body,) in found] == [full] * FRAMES
    assert [body.offset_octets for (body,) in found] == [offset + at * full for at in range(FRAMES)]
    # And so does what is sent again.
    header = msgspec.structs.replace(record.header, direction=Direction.TOWARD_SENDER)
    nak = Pdu(header, Nak(0, offset + 5 * full, ((offset, offset + 3 * full),))).encode()
    files.receive([bytes(HEADER_OCTETS) + nak], 10**9)
    again = read(3)
    assert [(body.offset_octets, len(body.data)) for (body,) in again] == [
        (offset + at * full, full) for at in range(3)
    ]
