"""What passes between FOP-1 and its owner: services and directives one way, events the other. It holds no behaviour.

Source: CCSDS 232.1-B-2 3 (services), 5.2 (alerts).
"""

from enum import Enum

import msgspec

from ccsds.cop1.fop_table import FopState


class Service(Enum):
    """How data is carried."""

    AD = "sequence-controlled"
    """In order, once, and acknowledged."""
    BD = "expedited"
    """Sent once, past whatever state COP-1 is in."""


class Directive(Enum):
    """What the owner may tell FOP-1 to do."""

    INITIATE_WITHOUT_CLCW = "initiate AD without CLCW check"
    INITIATE_WITH_CLCW_CHECK = "initiate AD with CLCW check"
    INITIATE_WITH_UNLOCK = "initiate AD with Unlock"
    INITIATE_WITH_SET_VR = "initiate AD with Set V(R)"
    """Takes a value: the V(R) and V(S) that both ends begin with."""
    SET_VS = "set V(S)"
    """Takes a value: the number of the next AD frame."""
    TERMINATE = "terminate AD"


class AlertReason(Enum):
    """Why the AD service went down."""

    SYNCH = "FARM-1 asks for frames that were not sent"
    CLCW = "FARM-1 says wait without asking for a retransmission"
    NNR = "N(R) is not between the oldest unacknowledged frame and the next"
    LOCKOUT = "FARM-1 is in lockout"
    LIMIT = "a retransmission is asked for, and the limit allows none"
    T1 = "no acknowledgement came after the last transmission allowed"
    TERMINATED = "the owner terminated it"


class FopEvent(msgspec.Struct, frozen=True, tag=True):
    """Something the owner should know."""


class Transmitted(FopEvent, frozen=True, tag=True):
    """A frame was given to the transmitter."""

    tag: int
    """The owner's name for it."""
    service: Service
    transmission: int
    """1 the first time."""

    def __str__(self) -> str:
        return f"{self.service.name} frame {self.tag} transmitted ({self.transmission})"


class Acknowledged(FopEvent, frozen=True, tag=True):
    """An AD frame was accepted by FARM-1."""

    tag: int

    def __str__(self) -> str:
        return f"AD frame {self.tag} acknowledged"


class Rejected(FopEvent, frozen=True, tag=True):
    """Data was not taken over; nothing of it was sent."""

    tag: int
    reason: str

    def __str__(self) -> str:
        return f"frame {self.tag} rejected: {self.reason}"


class Initialised(FopEvent, frozen=True, tag=True):
    """The AD service is up."""

    directive: Directive
    sequence: int
    """V(S)."""

    def __str__(self) -> str:
        return f"AD service up after: {self.directive.value}; the next frame is {self.sequence}"


class CommandTransmitted(FopEvent, frozen=True, tag=True):
    """A control command (BC frame) was given to the transmitter."""

    directive: Directive
    transmission: int

    def __str__(self) -> str:
        return f"{self.directive.value}: BC frame transmitted ({self.transmission})"


class DirectiveRejected(FopEvent, frozen=True, tag=True):
    """A directive cannot be followed in this state."""

    directive: Directive
    state: FopState

    def __str__(self) -> str:
        return f"{self.directive.value}: rejected in state S{self.state.value} {self.state.name}"


class Alert(FopEvent, frozen=True, tag=True):
    """The AD service went down."""

    reason: AlertReason
    tags: tuple[int, ...]
    """What was given up, oldest first. The first of them may have been accepted on board all the same."""

    def __str__(self) -> str:
        return f"AD service down, {self.reason.value}; {len(self.tags)} frames given up"
