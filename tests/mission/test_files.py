"""How files travel: a file data PDU fills a frame, and fits it."""

import pytest

from ccsds.cfdp.codes import Direction, TransmissionMode
from ccsds.cfdp.directives import FileData
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.pdu import Pdu
from ccsds.packet import HEADER_OCTETS
from ccsds.tc_frame import OVERHEAD_OCTETS
from mission.files import ground_mib, spacecraft_mib
from mission.profiles import PROFILES

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
