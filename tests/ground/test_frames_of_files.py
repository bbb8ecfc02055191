"""What a station says of files, as frames: each fits, whatever the file and the profile, and none waits for ever."""

from dataclasses import replace

import pytest

from ccsds.cfdp.directives import FileData, Metadata
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.pdu import Pdu
from ccsds.packet import HEADER_OCTETS
from ground.files import Files, FilesHome
from ground.transfer_events import PduRefused
from mission.profiles import PROFILES

SIZE = 5 << 30


class Hollow(MemoryStore):
    """A store with one file of 5 GiB, all zeros, of which nothing is kept."""

    def size(self, path):
        return SIZE

    def is_directory(self, path):
        return False

    def version(self, path):
        return b"5 GiB"

    def read(self, path, offset_octets=0, length_octets=None):
        end = min(SIZE, offset_octets + (SIZE if length_octets is None else length_octets))
        return bytes(max(0, end - offset_octets))


class Records(list):
    """A journal in memory."""

    def replace(self, payloads):
        self[:] = payloads


NARROW = replace(PROFILES["serial"], name="narrow", tc_frame_octets_max=80)


def frames_of(files, count):
    """Give so many frames, fewer if there are no more, and the PDU in each."""
    found = []
    for now_ns in range(count):
        frame = files.next_frame(now_ns)
        if frame is None:
            break
        found.append((frame, Pdu.decode(frame.data[HEADER_OCTETS:]).body))
    return found


@pytest.mark.parametrize("profile", [*PROFILES.values(), NARROW], ids=lambda profile: profile.name)
def test_each_segment_of_a_file_over_4_gib_fits_its_frame(profile):
    files = Files(profile, None, FilesHome(store=Hollow()))
    files.contact(True, 0)
    files.put("big", "big", now_ns=0)
    found = frames_of(files, 40)
    assert [type(body) for _, body in found] == [Metadata] + [FileData] * 39
    lengths = {len(frame.encode()) for frame, _ in found[1:]}
    assert len(lengths) == 1
    assert max(lengths) <= profile.tc_frame_octets_max
    small = Files(profile, None, FilesHome(store=MemoryStore()))
    small._entity.store.pwrite("small", 0, bytes(9000))
    small.contact(True, 0)
    small.put("small", "small", now_ns=0)
    # As long as in a file whose offsets are shorter.
    assert lengths == {len(frame.encode()) for frame, _ in frames_of(small, 5)[1:]}


def test_a_pdu_that_no_frame_can_carry_any_more_is_told_and_keeps_no_other_waiting():
    store, journal = MemoryStore(), Records()
    for name in ("a" * 200, "b"):
        store.pwrite(name, 0, bytes(30))
    files = Files(PROFILES["serial"], None, FilesHome(store=store, journal=journal))
    for name in ("a" * 200, "b"):
        files.put(name, name, now_ns=0)
    # The station comes back with a profile whose frames are too short for what was promised under the other.
    files = Files(NARROW, None, FilesHome(store=store, journal=journal, records=list(journal)))
    files.contact(True, 0)
    found = frames_of(files, 40)
    names = [body.source_name for _, body in found if isinstance(body, Metadata)]
    assert names == ["b"]
    assert all(len(frame.encode()) <= NARROW.tc_frame_octets_max for frame, _ in found)
    (refused,) = [event for event in files.take_events() if isinstance(event, PduRefused)]
    assert "it is not sent: expected a packet of at most 73 octets for a frame, found 4" in refused.reason
