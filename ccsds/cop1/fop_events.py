"""What passes between FOP-1 and its owner: services and directives one way, events the other. It holds no behaviour.

Source: CCSDS 232.1-B-2 3 (services and directives), 5.2 (actions that notify).
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
    TERMINATE = "terminate AD"
    RESUME = "resume AD"
    """Go on where the service was suspended."""
    SET_VS = "set V(S)"
    """Takes a value: the number of the next AD frame."""
    SET_WINDOW = "set window"
    """Takes a value: K, how many AD frames may be on their way."""
    SET_T1 = "set T1"
    """Takes a value: T1_Initial in nanoseconds, from the next start of the timer on."""
    SET_TRANSMISSION_LIMIT = "set transmission limit"
    """Takes a value: how often a frame is sent before it is given up."""
    SET_TIMEOUT_TYPE = "set timeout type"
    """Takes a value: 0 gives the service up at the last expiry of T1, 1 suspends it."""


INITIATIONS = frozenset(
    {
        Directive.INITIATE_WITHOUT_CLCW,
        Directive.INITIATE_WITH_CLCW_CHECK,
        Directive.INITIATE_WITH_UNLOCK,
        Directive.INITIATE_WITH_SET_VR,
    }
)
"""Directives that bring the AD service up."""


class AlertReason(Enum):
    """Why the AD service went down."""

    SYNCH = "FARM-1 asks for frames that were not sent"
    CLCW = "FARM-1 says wait without asking for a retransmission"
    NNR = "N(R) goes backwards, or acknowledges a frame that was never sent"
    LOCKOUT = "FARM-1 is in lockout"
    LIMIT = "a retransmission is asked for, and the limit allows none"
    T1 = "no acknowledgement came after the last transmission allowed"
    LLIF = "the transmitter refused a frame"
    TERMINATED = "the owner terminated it"
    PURGED = "it was suspended, and then begun anew or terminated"


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


class Confirmed(FopEvent, frozen=True, tag=True):
    """A directive that does not initiate the service was followed."""

    directive: Directive
    value: int | None
    """What it set, None if it sets nothing."""

    def __str__(self) -> str:
        return f"{self.directive.value}: done" + ("" if self.value is None else f", {self.value}")


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
    """What was given up, oldest first. Those that were transmitted may have been accepted on board all the same."""

    def __str__(self) -> str:
        return f"AD service down, {self.reason.value}; {len(self.tags)} frames given up"


class Suspended(FopEvent, frozen=True, tag=True):
    """T1 expired for the last time, and the timeout type is 1: all stands still until it is resumed or begun anew."""

    state: FopState
    """Where it would go on."""

    def __str__(self) -> str:
        return f"AD service suspended in state S{self.state.value} {self.state.name}"
