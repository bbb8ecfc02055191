"""The words of slots that both ends share: what there are slots for, and how a slot is brought into use. Data only."""

from enum import IntEnum


class SlotKind(IntEnum):
    """What there are two slots for."""

    CONFIGURATION = 1
    SOFTWARE = 2


class Slot(IntEnum):
    """Where something lies."""

    BUILT_IN = 0
    """In no slot: what the spacecraft was built with."""
    A = 1
    B = 2


class Phase(IntEnum):
    """Whether what is in use is settled."""

    SETTLED = 0
    """The good slot is in use."""
    READY = 1
    """At the next start the other slot is tried."""
    TRYING = 2
    """The other slot is tried: it is in use, or was when the flight software ended."""
