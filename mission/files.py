"""How files travel between the two ends: their CFDP entities, and what the MIB of each holds for a link profile.

Data only. A PDU is the whole data of a space packet with APID `mission.channels.Apid.CFDP` and no secondary header; its
length is chosen so that one file data PDU fills one frame. Files go down on `Downlink.FILES`, up on `Uplink.FILES`, and
what a receiver has to say of a file goes the other way on the same channel.

Source: CCSDS 727.0-B-5 8 (MIB); 133.0-B-2 (packet).
"""

from dataclasses import replace

from ccsds.cfdp.header import FIXED_OCTETS
from ccsds.cfdp.mib import NASA_CFS, YAMCS, Mib, RemoteConfig
from ccsds.cltu import cltu_octets
from ccsds.crc import CRC16_OCTETS
from ccsds.packet import HEADER_OCTETS
from ccsds.tc_frame import OVERHEAD_OCTETS
from mission.profiles import CfdpDialect, LinkProfile

FILES_DIRECTORY = "files"
"""Where the files of CFDP and ST[23] are in the spacecraft's store; nothing outside it can be named over the link."""

# A transaction is known by its source entity and its sequence number, which must not come again within the life of a
# spacecraft: four octets outlast it.
_OURS = RemoteConfig(entity=0, entity_octets=1, sequence_octets=4)
_DIALECTS = {CfdpDialect.STARLOOP: _OURS, CfdpDialect.NASA_CFS: NASA_CFS, CfdpDialect.YAMCS: YAMCS}

_OFFSET_OCTETS = 4

# DESIGN.md section 4: without a segment header, uplink segments are at most 900 octets.
_UPLINK_SEGMENT_OCTETS_MAX = 900
# Two names of the greatest length, and what is around them: Metadata may take several frames, file data takes one.
_METADATA_OCTETS_MAX = 600
# A NAK before its requests, without its header, and one request (727.0-B-5, 5.2.6).
_NAK_OVERHEAD_OCTETS = 9
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
    return min(longest, _UPLINK_SEGMENT_OCTETS_MAX + _header_octets(_DIALECTS[profile.cfdp]) + _OFFSET_OCTETS)


def downlink_useful_octets_s(profile: LinkProfile, security_octets: int) -> float:
    """Give what framing leaves of a second on the line for the octets of a file; see `downlink_pdu_octets`."""
    segment_octets = spacecraft_mib(profile, security_octets).remotes[0].segment_octets
    return profile.downlink_rate_bps / profile.bits_per_octet * segment_octets / profile.tm_coding.cadu_octets


def uplink_useful_octets_s(profile: LinkProfile, security_octets: int) -> float:
    """Give what framing leaves of a second on the line for the octets of a file; see `uplink_pdu_octets`."""
    pdu_octets = uplink_pdu_octets(profile, security_octets)
    line_octets = cltu_octets(pdu_octets + HEADER_OCTETS + security_octets + OVERHEAD_OCTETS)
    segment_octets = ground_mib(profile, security_octets).remotes[0].segment_octets
    return profile.uplink_rate_bps / profile.bits_per_octet * segment_octets / line_octets


def spacecraft_mib(profile: LinkProfile, security_octets: int) -> Mib:
    """Give what the entity on board is set to; see `downlink_pdu_octets` for the arguments."""
    pdu_octets = downlink_pdu_octets(profile, security_octets)
    remote = _remote(profile.ground_entity, profile, pdu_octets, max(pdu_octets, _METADATA_OCTETS_MAX))
    return Mib(entity=profile.spacecraft_entity, remotes=(remote,))


def ground_mib(profile: LinkProfile, security_octets: int) -> Mib:
    """Give what the station's entity is set to; see `uplink_pdu_octets` for the arguments."""
    pdu_octets = uplink_pdu_octets(profile, security_octets)
    # No packet spans TC frames: what does not fit in one is refused before it is begun.
    remote = _remote(profile.spacecraft_entity, profile, pdu_octets, pdu_octets)
    return Mib(entity=profile.ground_entity, remotes=(remote,))


def _remote(entity: int, profile: LinkProfile, pdu_octets: int, pdu_octets_max: int) -> RemoteConfig:
    """Give what is believed of a far end: what its kind takes, and of that no more than a frame does."""
    kind = _DIALECTS[profile.cfdp]
    header_octets = _header_octets(kind)
    segment_octets = pdu_octets - header_octets - _OFFSET_OCTETS
    requests = (pdu_octets - header_octets - _NAK_OVERHEAD_OCTETS) // _NAK_REQUEST_OCTETS
    if kind is not _OURS:
        segment_octets = min(segment_octets, kind.segment_octets)
        requests = min(requests, kind.nak_segments_max)
        pdu_octets_max = min(pdu_octets_max, kind.pdu_octets_max)
    return replace(
        kind,
        entity=entity,
        segment_octets=segment_octets,
        pdu_octets_max=pdu_octets_max,
        nak_segments_max=requests,
        round_trip_ns=profile.round_trip_ns,
        keep_alive_ns=profile.cfdp_keep_alive_ns,
    )


def _header_octets(kind: RemoteConfig) -> int:
    """Give the length of the header of a PDU, and of the CRC at its end if it has one."""
    crc_octets = CRC16_OCTETS if kind.has_crc else 0
    return FIXED_OCTETS + 2 * kind.entity_octets + kind.sequence_octets + crc_octets
