"""How files travel between the two ends: their CFDP entities, and what the MIB of each holds for a link profile.

Data only. A PDU is the whole data of a space packet with APID `mission.channels.Apid.CFDP` and no secondary header; its
length is chosen so that one file data PDU fills one frame. Files go down on `Downlink.FILES`, up on `Uplink.FILES`, and
what a receiver has to say of a file goes the other way on the same channel.

Source: CCSDS 727.0-B-5 8 (MIB); 133.0-B-2 (packet).
"""

from ccsds.cfdp.header import FIXED_OCTETS
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cltu import cltu_octets
from ccsds.packet import HEADER_OCTETS
from ccsds.tc_frame import OVERHEAD_OCTETS
from mission.profiles import LinkProfile

SPACECRAFT_ENTITY = 42
"""The CFDP entity on board."""
GROUND_ENTITY = 1
"""The CFDP entity of the station."""

FILES_DIRECTORY = "files"
"""Where the files of CFDP and ST[23] are in the spacecraft's store; nothing outside it can be named over the link."""

# A transaction is known by its source entity and its sequence number, which must not come again within the life of a
# spacecraft: four octets outlast it.
_ENTITY_OCTETS = 1
_SEQUENCE_OCTETS = 4
_OFFSET_OCTETS = 4
_DATA_PDU_OVERHEAD_OCTETS = FIXED_OCTETS + 2 * _ENTITY_OCTETS + _SEQUENCE_OCTETS + _OFFSET_OCTETS

# DESIGN.md section 4: without a segment header, uplink segments are at most 900 octets.
_UPLINK_SEGMENT_OCTETS_MAX = 900
# Two names of the greatest length, and what is around them: Metadata may take several frames, file data takes one.
_METADATA_OCTETS_MAX = 600
# A NAK before its requests, with its header, and one request (727.0-B-5, 5.2.6).
_NAK_OVERHEAD_OCTETS = FIXED_OCTETS + 2 * _ENTITY_OCTETS + _SEQUENCE_OCTETS + 9
_NAK_REQUEST_OCTETS = 8


def downlink_pdu_octets(profile: LinkProfile, security_octets: int) -> int:
    """Give the longest PDU that goes down in one frame.

    Args:
        profile: How the link is run.
        security_octets: What link security takes from the data field of a frame of `Downlink.FILES`.
    """
    return profile.tm_data_octets - security_octets - HEADER_OCTETS


def uplink_pdu_octets(profile: LinkProfile, security_octets: int) -> int:
    """Give the longest PDU that goes up in one frame.

    Args:
        profile: How the link is run.
        security_octets: What link security takes from the data field of a frame of `Uplink.FILES`.
    """
    longest = profile.tc_frame_octets_max - OVERHEAD_OCTETS - security_octets - HEADER_OCTETS
    return min(longest, _UPLINK_SEGMENT_OCTETS_MAX + _DATA_PDU_OVERHEAD_OCTETS)


def downlink_useful_octets_s(profile: LinkProfile, security_octets: int) -> float:
    """Give what framing leaves of a second on the line for the octets of a file; see `downlink_pdu_octets`."""
    segment_octets = downlink_pdu_octets(profile, security_octets) - _DATA_PDU_OVERHEAD_OCTETS
    return profile.downlink_rate_bps / profile.bits_per_octet * segment_octets / profile.tm_coding.cadu_octets


def uplink_useful_octets_s(profile: LinkProfile, security_octets: int) -> float:
    """Give what framing leaves of a second on the line for the octets of a file; see `uplink_pdu_octets`."""
    pdu_octets = uplink_pdu_octets(profile, security_octets)
    line_octets = cltu_octets(pdu_octets + HEADER_OCTETS + security_octets + OVERHEAD_OCTETS)
    segment_octets = pdu_octets - _DATA_PDU_OVERHEAD_OCTETS
    return profile.uplink_rate_bps / profile.bits_per_octet * segment_octets / line_octets


def spacecraft_mib(profile: LinkProfile, security_octets: int) -> Mib:
    """Give what the entity on board is set to; see `downlink_pdu_octets` for the arguments."""
    pdu_octets = downlink_pdu_octets(profile, security_octets)
    remote = _remote(GROUND_ENTITY, profile, pdu_octets, max(pdu_octets, _METADATA_OCTETS_MAX))
    return Mib(entity=SPACECRAFT_ENTITY, remotes=(remote,))


def ground_mib(profile: LinkProfile, security_octets: int) -> Mib:
    """Give what the station's entity is set to; see `uplink_pdu_octets` for the arguments."""
    pdu_octets = uplink_pdu_octets(profile, security_octets)
    # No packet spans TC frames: what does not fit in one is refused before it is begun.
    remote = _remote(SPACECRAFT_ENTITY, profile, pdu_octets, pdu_octets)
    return Mib(entity=GROUND_ENTITY, remotes=(remote,))


def _remote(entity: int, profile: LinkProfile, pdu_octets: int, pdu_octets_max: int) -> RemoteConfig:
    return RemoteConfig(
        entity=entity,
        entity_octets=_ENTITY_OCTETS,
        sequence_octets=_SEQUENCE_OCTETS,
        segment_octets=pdu_octets - _DATA_PDU_OVERHEAD_OCTETS,
        pdu_octets_max=pdu_octets_max,
        nak_segments_max=(pdu_octets - _NAK_OVERHEAD_OCTETS) // _NAK_REQUEST_OCTETS,
        round_trip_ns=profile.round_trip_ns,
    )
