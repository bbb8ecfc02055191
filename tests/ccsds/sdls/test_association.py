"""Security associations: their bounds, and that frames of every profile have room for what they add."""

import pytest

from ccsds.errors import MisuseError
from ccsds.sdls.association import Link, SecurityAssociation, Suite
from ccsds.tc_frame import OVERHEAD_OCTETS
from mission.profiles import PROFILES


def test_protection_takes_thirty_octets_with_gcm_and_twenty_two_with_cmac():
    assert Suite.AES_256_GCM.overhead_octets == 2 + 12 + 16
    assert Suite.AES_256_CMAC.overhead_octets == 2 + 4 + 16


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
@pytest.mark.parametrize("suite", Suite)
def test_every_profile_has_room_for_it(profile, suite):
    assert profile.tm_data_octets - suite.overhead_octets >= 7
    # A CFDP segment of 900 octets with its headers still goes up in one frame.
    assert profile.tc_frame_octets_max - OVERHEAD_OCTETS - suite.overhead_octets >= 900 + 64


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spi", 0),
        ("spi", 65_535),
        ("virtual_channel", 64),
        ("virtual_channel", -1),
        ("segment_header_octets", 2),
        ("window_frames", 0),
        ("window_frames", 4_097),
    ],
)
def test_what_the_standard_has_not_is_refused(field, value):
    with pytest.raises(MisuseError, match="expected"):
        SecurityAssociation(**{"spi": 1, "link": Link.TC, "virtual_channel": 0, field: value})


def test_a_tm_channel_has_three_bits_and_no_segment_header():
    with pytest.raises(MisuseError, match="0 to 7"):
        SecurityAssociation(spi=1, link=Link.TM, virtual_channel=8)
    with pytest.raises(MisuseError, match="0 to 0"):
        SecurityAssociation(spi=1, link=Link.TM, virtual_channel=0, segment_header_octets=1)
