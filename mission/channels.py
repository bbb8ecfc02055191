"""Addresses both ends agree on: spacecraft identifier, application identifiers, virtual channels.

Data only. Source: CCSDS 133.0-B-2 4.1.3.3 (APID), 132.0-B-3 4.1.2 (TM virtual channels), 232.0-B-4 4.1.2 (TC).
"""

from enum import IntEnum

from ccsds.pus.time_report import TIME_APID
from ccsds.sdls.association import Link

SPACECRAFT_ID = 0x2A
"""The ten-bit spacecraft identifier in every TC and TM frame of this mission."""


SPACECRAFT_ENTITY = 42
"""The CFDP entity on board, unless a link profile says otherwise."""
GROUND_ENTITY = 1
"""The CFDP entity of the station, unless a link profile says otherwise."""
ENTITY_MAX = 255
"""Telecommands name an entity in one octet."""


class Apid(IntEnum):
    """Application process identifiers on board (eleven bits)."""

    TIME = TIME_APID
    """Time reports, in packets without a secondary header (ECSS-E-ST-70-41C 8.9.2.2)."""
    CORE = 0x42
    """The core flight software: test, housekeeping, events, jobs."""
    CFDP = 0x7FD
    """CFDP, in packets without a secondary header (133.0-B-2; the SANA registry reserves the number)."""
    # 0x7FF (2047) is reserved for idle packets.


class Downlink(IntEnum):
    """Virtual channels from the spacecraft to the ground (three bits)."""

    LIVE = 0
    """Verification, events, housekeeping and job reports, as they happen."""
    PLAYBACK = 1
    """Stored telemetry."""
    FILES = 2
    """CFDP."""
    # 3 to 6 are free.
    IDLE = 7
    """Frames that carry only idle data and the CLCW: without keys, or if none can be protected."""


class Uplink(IntEnum):
    """Virtual channels from the ground to the spacecraft (six bits)."""

    COMMANDS = 0
    """Telecommands: AD, and BD for recovery."""
    FILES = 1
    """CFDP, BD."""


PROTECTED_CHANNELS = (
    *((Link.TC, channel) for channel in Uplink),
    *((Link.TM, channel) for channel in Downlink if channel is not Downlink.IDLE),
)
"""The channels that have keys, in the order in which a key file numbers them. Idle frames travel clear."""


class OnBoardSource(IntEnum):
    """Who asks, in telecommands that are released on board (16 bits of source id)."""

    SCHEDULE = 0xFF0B
    """A request made for the schedule, ST[11], by `ground schedule add`; the spacecraft only releases it."""
    REACTIONS = 0xFF13
    """A request made for a reaction, ST[19], by `ground react`; the spacecraft only releases it."""
    PROCEDURES = 0xFF15
    """A stored procedure, ST[21]."""
