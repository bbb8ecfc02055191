"""Profiles for the CFDP of others: what leaves the spacecraft keeps to what they take, and files cross both ways.

The far end is cfdp-py, set as NASA's CF application is, or as Yamcs is: modular checksum, short PDUs.
"""

import random
from dataclasses import replace

import pytest
from spacepackets.cfdp import ChecksumType as PeerChecksumType

from ccsds.cfdp.codes import ChecksumType
from ccsds.cfdp.directives import FileData, Metadata, Nak
from ccsds.cfdp.pdu import Pdu
from ccsds.packet import HEADER_OCTETS
from mission.profiles import CfdpDialect, find_profile
from tools.bench.cfdp_peer import PeerEnd, VirtualClock

# cfdp-py calls a deprecated part of spacepackets.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CONTENT = random.Random(5).randbytes(40_000)
BOARD, STATION = 24, 23

# What each takes: octets of a PDU, requests in a NAK, octets of a file in a PDU.
LIMITS = {CfdpDialect.NASA_CFS: (512, 58, 440), CfdpDialect.YAMCS: (1024, 256, 512)}


class Peer(PeerEnd):
    """cfdp-py in the place of the station's entity, with all that the spacecraft sent to it."""

    def __init__(self, clock, packet_octets):
        super().__init__(
            STATION,
            BOARD,
            clock,
            segment_octets=packet_octets - 72,
            packet_octets=packet_octets,
            checksum_type=PeerChecksumType.MODULAR,
        )
        self.heard = []
        self.running = []

    def contact(self, up, now_ns):
        pass

    def take_events(self):
        return []

    def receive(self, pdu, now_ns):
        self.heard.append(pdu)
        super().receive(pdu, now_ns)


@pytest.fixture(params=list(LIMITS), ids=lambda dialect: dialect.value)
def sky(request, make_sky):
    """A spacecraft that speaks to cfdp-py."""
    # Frames of a thousand octets, so that it is not they that keep PDUs short.
    profile = replace(find_profile("sband"), cfdp=request.param, spacecraft_entity=BOARD, ground_entity=STATION)
    with VirtualClock() as clock:
        sky = make_sky(profile, with_keys=True)
        sky.limits = LIMITS[request.param]
        sky.ground = Peer(clock, sky.limits[0])
        yield sky


def bodies(sky):
    return [Pdu.decode(pdu).body for pdu in sky.ground.heard]


def test_a_file_goes_down_with_what_the_other_takes_and_no_more(sky, tmp_path):
    chance = random.Random(3)
    sky.loses = lambda direction, number: direction == "down" and number > 30 and chance.random() < 0.05
    sky.file("out", CONTENT)
    # The peer takes the name as a path of this computer.
    target = str(tmp_path / "copy")
    assert sky.command("file.send", name="out", destination=target) == [("executed", "")]
    assert sky.run(120, lambda: sky.ground.is_complete and sky.is_quiet)
    assert (tmp_path / "copy").read_bytes() == CONTENT
    octets_max, *_ = sky.limits
    assert max(len(pdu) for pdu in sky.ground.heard) <= octets_max
    metadata = next(body for body in bodies(sky) if isinstance(body, Metadata))
    assert metadata.checksum_type == ChecksumType.MODULAR
    headers = {(Pdu.decode(pdu).header.source, Pdu.decode(pdu).header.is_large) for pdu in sky.ground.heard}
    assert headers == {(BOARD, False)}
    longest = max(len(body.data) for body in bodies(sky) if isinstance(body, FileData))
    assert longest == sky.limits[2]


def test_a_file_goes_up_though_one_frame_in_ten_is_lost(sky, tmp_path):
    chance = random.Random(3)
    sky.loses = lambda direction, number: direction == "up" and number > 2 and chance.random() < 0.1
    (tmp_path / "source").write_bytes(CONTENT)
    sky.ground.put(tmp_path / "source", "in")
    assert sky.run(300, lambda: sky.ground.is_complete and sky.is_quiet)
    assert sky.disk.read("files/in") == CONTENT
    naks = [body for body in bodies(sky) if isinstance(body, Nak)]
    assert naks
    assert max(len(nak.requests) for nak in naks) <= sky.limits[1]


def test_a_file_with_more_gaps_than_one_nak_may_list_is_asked_for_in_several(sky, tmp_path):
    # Every second segment is lost, up to the last ones: some fifty gaps of CF's, some forty of the other's.
    sky.loses = lambda direction, number: direction == "up" and 1 < number < 160 and number % 2 == 0
    content = CONTENT * 2
    (tmp_path / "source").write_bytes(content)
    sky.ground.put(tmp_path / "source", "in")
    assert sky.run(300, lambda: sky.ground.is_complete and sky.is_quiet)
    assert sky.disk.read("files/in") == content
    requests = [len(body.requests) for body in bodies(sky) if isinstance(body, Nak)]
    assert max(requests) <= sky.limits[1]
    assert max(len(pdu) for pdu in sky.ground.heard) <= sky.limits[0]


def test_a_file_too_large_for_the_other_is_refused_before_it_is_begun(sky):
    sky.disk.pwrite("files/out", 0, b"")
    with (sky.folder / "store" / "files" / "out").open("r+b") as file:
        file.truncate(5 << 30)
    ((outcome, text),) = sky.command("file.send", name="out", destination="copy")
    assert outcome == "refused"
    assert "expected at most 4294967295 octets for this far end, found 5368709120" in text
    assert not any(pdu[HEADER_OCTETS:] for pdu in sky.ground.heard)
