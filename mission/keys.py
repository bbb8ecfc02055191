"""The words of link security that both ends share, as numbers on the wire. Data only; the meaning is in `ccsds.sdls`.

Members have the names of their twins there, by which each end finds them.
"""

from enum import IntEnum


class KeyCondition(IntEnum):
    """The state of a key: `ccsds.sdls.key_state.KeyState`."""

    PREACTIVE = 1
    ACTIVE = 2
    DEACTIVATED = 3
    SPENT = 4
    DESTROYED = 5


class KeyDirection(IntEnum):
    """The direction that a key protects: `ccsds.sdls.association.Link`."""

    TC = 1
    TM = 2


class KeyStanding(IntEnum):
    """What a key store turned out to be at the start: `ccsds.sdls.key_store.Standing`."""

    NO_KEYS = 0
    """The flight software was started without keys."""
    FRESH = 1
    RESUMED = 2
    RESTORED = 3


class Refusal(IntEnum):
    """Why a frame was refused: `ccsds.sdls.receiver.Reason`."""

    CONTROL_COMMAND = 1
    TOO_SHORT = 2
    UNKNOWN_SPI = 3
    WRONG_CHANNEL = 4
    KEY_NOT_ACTIVE = 5
    BAD_POINTER = 6
    COUNTER_OUT_OF_RANGE = 7
    BAD_MAC = 8
    REPLAYED = 9
    BEHIND_WINDOW = 10
    AHEAD_OF_WINDOW = 11
