"""The shipped profiles: what each of them must be for its own code to hold."""

from dataclasses import replace

import pytest

from ccsds.errors import MalformedError, MisuseError
from ccsds.randomizer import tm_sequence
from ccsds.sdls.association import Link
from mission.channels import Uplink
from mission.profiles import PROFILES, find_profile

SERIAL = find_profile("serial")


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_no_profile_whitens_with_a_sequence_that_reed_solomon_takes_for_a_frame(profile):
    coding = profile.tm_coding
    with pytest.raises(MalformedError, match="wrong symbols"):
        coding.reed_solomon().decode(tm_sequence(profile.tm_randomizer, coding.codeblock_octets))


def test_no_shipped_profile_has_segment_headers_and_one_that_has_names_its_channel():
    assert [profile.segmented_channels for profile in PROFILES.values()] == [()] * len(PROFILES)
    assert replace(SERIAL, tc_map=0).segmented_channels == ((Link.TC, Uplink.COMMANDS),)


@pytest.mark.parametrize("number", [-1, 64])
def test_a_map_that_no_segment_header_can_name_is_refused(number):
    with pytest.raises(MisuseError, match=f"expected a MAP of 0 to 63, found {number}"):
        replace(SERIAL, tc_map=number)
