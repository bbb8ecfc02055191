"""What kind of octets an input is, and the guess at it.

A guess is by evidence, the strongest first: frames that a deframer finds, then whole frames, packets and PDUs with
right checksums, then what merely looks like the beginning of one.
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from ccsds.cltu import START_SEQUENCE, CltuDeframer
from ccsds.errors import MisuseError, StarloopError
from ccsds.packet import IDLE_APID, SpacePacket, packet_length, split_packets
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.sync import ASM, TmDeframer
from ccsds.tc_frame import OVERHEAD_OCTETS, TcFrame
from ccsds.tm_frame import TmFrame
from mission.profiles import PROFILES, LinkProfile
from tools.decode.cfdp import pdu_length
from tools.decode.tc import frame_length

# A guess looks no further: some of the longest frames, or many CLTUs.
_GUESS_OCTETS_MAX = 1 << 17
_CFDP_VERSION = 1


class Form(Enum):
    """What an input is."""

    TM_STREAM = "tm-stream"
    """Octets of a downlink: ASM, randomized codeblocks."""
    TC_STREAM = "tc-stream"
    """Octets of an uplink: CLTUs and fill."""
    TM_FRAME = "tm-frame"
    """One or more of one length."""
    TC_FRAME = "tc-frame"
    """One or more, end to end."""
    PACKET = "packet"
    """One or more, end to end."""
    CFDP = "cfdp"
    """One or more PDUs, end to end."""


class Guess(NamedTuple):
    """What an input seems to be."""

    form: Form
    profile: LinkProfile


def guess_profile(data: bytes, profiles: list[LinkProfile]) -> LinkProfile:
    """Give the profile under which most frames of a downlink come out, the first one if none do."""
    return max(profiles, key=lambda profile: _count_tm_frames(data, profile))


def guess(data: bytes, profiles: list[LinkProfile]) -> Guess:
    """Tell what an input is.

    Args:
        data: The input.
        profiles: Those that may have coded it, one or more.

    Raises:
        MisuseError: It is nothing that is known.
    """
    profile = guess_profile(data, profiles)
    for form, is_it in (
        (Form.TM_STREAM, lambda: _count_tm_frames(data, profile) > 0),
        (Form.TC_STREAM, lambda: _has_right_cltu(data, profile)),
        (Form.TM_FRAME, lambda: is_tm_frame(data)),
        (Form.TC_FRAME, lambda: _decodes(TcFrame.decode, data)),
        (Form.PACKET, lambda: _is_right_packet(data)),
        (Form.CFDP, lambda: data[0] >> 5 == _CFDP_VERSION and pdu_length(data) <= len(data)),
        (Form.TM_STREAM, lambda: ASM in data[:_GUESS_OCTETS_MAX]),
        (Form.TC_STREAM, lambda: data.startswith(START_SEQUENCE)),
        (Form.TM_FRAME, lambda: not data[0] >> 6 and len(data) in {each.tm_frame_octets for each in profiles}),
        (Form.TC_FRAME, lambda: not data[0] & 0xCC and frame_length(data) == len(data) >= OVERHEAD_OCTETS),
        (Form.PACKET, lambda: not data[0] >> 5 and len(data) >= 6 and packet_length(data) <= len(data)),
    ):
        if is_it():
            return Guess(form, profile)
    raise MisuseError(
        f"expected a stream, a frame, packets or CFDP PDUs, found {len(data)} octets {data[:8].hex()} that are none of "
        "them as a whole: say what they are with --as"
    )


def distinct_profiles() -> list[LinkProfile]:
    """Give the shipped profiles, one for each way to code a downlink and an uplink."""
    seen: dict[object, LinkProfile] = {}
    for profile in PROFILES.values():
        seen.setdefault((profile.tm_coding, profile.tc_randomized), profile)
    return list(seen.values())


def _count_tm_frames(data: bytes, profile: LinkProfile) -> int:
    if len(data) < profile.tm_coding.cadu_octets:
        return 0
    deframer = TmDeframer(profile.tm_coding)
    deframer.receive(data[:_GUESS_OCTETS_MAX])
    return sum(is_tm_frame(found.frame) for found in deframer.take())


def _has_right_cltu(data: bytes, profile: LinkProfile) -> bool:
    deframer = CltuDeframer(randomized=profile.tc_randomized)
    deframer.receive(data[:_GUESS_OCTETS_MAX])
    return any(_decodes(TcFrame.decode, candidate) for candidate in deframer.take())


def is_tm_frame(data: bytes) -> bool:
    """Tell whether octets are exactly one right TM frame."""
    return len(data) > 1 and _decodes(lambda octets: TmFrame.decode(octets, bool(octets[1] & 1)), data)


def _is_right_packet(data: bytes) -> bool:
    """Tell whether packets fill it, and the first is as right as its header lets one tell."""
    try:
        first = SpacePacket.decode(next(iter(list(split_packets(data)))))
        if first.has_secondary_header and first.apid != IDLE_APID:
            (Telemetry if first.packet_type == 0 else Telecommand).decode(first.encode())
    except StarloopError:
        return False
    return True


def _decodes(decode: Callable[[bytes], object], data: bytes) -> bool:
    try:
        decode(data)
    except StarloopError:
        return False
    return True
