"""Why a telecommand is refused or fails: the failure codes of ST[01] reports. Data only.

Source: ECSS-E-ST-70-41C 6.1.4.3 (acceptance), 6.1.5 (execution); the standard leaves the codes to the mission.
"""

from enum import IntEnum


class FailureCode(IntEnum):
    """The 16-bit code of a failed verification report."""

    MALFORMED_PACKET = 1
    """The packet is not a PUS-C telecommand of this standard."""
    CHECKSUM = 2
    """The packet error control field is wrong."""
    UNKNOWN_APID = 3
    UNKNOWN_SERVICE = 4
    UNKNOWN_SUBTYPE = 5
    BAD_ARGUMENT = 6
    """An argument is missing, of another type, or out of its declared range."""
    REFUSED = 7
    """The arguments are well-formed, but what they ask for cannot be done now; the text says why."""
    STORE = 8
    """The store failed (full, or broken), so that nothing was done."""
    OUTCOME_UNKNOWN = 9
    """Whether it acted is not known: a reset fell into the execution of a command that must not be repeated, or the
    store failed in a way that leaves open whether its record is durable."""
    SOFTWARE_FAULT = 10
    """The flight software raised an error that nobody foresaw; nothing was done."""
    NOT_ARMED = 20
    """It can do harm, and no arm command let it through."""
    INHIBITED = 21
    """Commands of its message type are inhibited."""
    WRONG_MODE = 22
    """It is not accepted in the mode that the spacecraft is in."""
