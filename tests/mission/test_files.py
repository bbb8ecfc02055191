"""How files travel: a file data PDU fills a frame, and fits it."""

from dataclasses import replace

import pytest

from ccsds.cfdp.codes import ChecksumType, Direction, TransmissionMode
from ccsds.cfdp.directives import FileData
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.mib import SMALL_FILE_OCTETS_MAX
from ccsds.cfdp.pdu import Pdu
from ccsds.packet import HEADER_OCTETS
from ccsds.tc_frame import OVERHEAD_OCTETS
from mission.files import downlink_pdu_octets, ground_mib, spacecraft_mib, uplink_pdu_octets
from mission.profiles import PROFILES, CfdpDialect

SECURITY_OCTETS = 34


def packet_octets(mib):
    """Give the length of the packet that brings a full segment, as it is encoded."""
    (remote,) = mib.remotes
    header = PduHeader(
        Direction.TOWARD_RECEIVER,
        TransmissionMode.ACKNOWLEDGED,
        mib.entity,
        7,
        remote.entity,
        remote.has_crc,
        False,
        remote.entity_octets,
        remote.sequence_octets,
    )
    return HEADER_OCTETS + len(Pdu(header, FileData(0, bytes(remote.segment_octets))).encode())


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_a_full_segment_fills_a_tm_frame_to_its_last_octet(profile):
    mib = spacecraft_mib(profile, SECURITY_OCTETS)
    assert packet_octets(mib) == profile.tm_data_octets - SECURITY_OCTETS


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_a_full_segment_fits_a_tc_frame(profile):
    mib = ground_mib(profile, SECURITY_OCTETS)
    assert packet_octets(mib) <= profile.tc_frame_octets_max - OVERHEAD_OCTETS - SECURITY_OCTETS
    assert mib.remotes[0].segment_octets == 900


@pytest.mark.parametrize(
    ("dialect", "pdu_octets", "requests", "segment_octets", "id_octets"),
    [(CfdpDialect.NASA_CFS, 512, 58, 440, 1), (CfdpDialect.YAMCS, 1024, None, 512, 2)],
)
@pytest.mark.parametrize("name", ["uhf", "sband"])
def test_what_is_sent_to_others_keeps_to_what_they_take_and_to_the_frame(
    name, dialect, pdu_octets, requests, segment_octets, id_octets
):
    profile = replace(PROFILES[name], cfdp=dialect, spacecraft_entity=24, ground_entity=23)
    for mib, far, frame_octets in (
        (spacecraft_mib(profile, SECURITY_OCTETS), 23, downlink_pdu_octets(profile, SECURITY_OCTETS)),
        (ground_mib(profile, SECURITY_OCTETS), 24, uplink_pdu_octets(profile, SECURITY_OCTETS)),
    ):
        (remote,) = mib.remotes
        assert remote.entity == far
        assert remote.checksum_type is ChecksumType.MODULAR
        assert remote.file_octets_max == SMALL_FILE_OCTETS_MAX
        assert (remote.entity_octets, remote.sequence_octets, remote.has_crc) == (id_octets, 4, False)
        overhead_octets = 4 + 2 * id_octets + 4 + 4
        assert remote.segment_octets == min(segment_octets, frame_octets - overhead_octets)
        assert remote.pdu_octets_max <= pdu_octets
        fitting = (frame_octets - (overhead_octets - 4) - 9) // 8
        assert remote.nak_segments_max == min(requests or 256, fitting)
        # At the ground no packet spans frames; on board Metadata may.
        assert far == 23 or remote.pdu_octets_max <= frame_octets
