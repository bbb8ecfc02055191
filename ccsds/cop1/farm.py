"""FARM-1: the receiving end of COP-1, which lets AD frames through once and in order, on one virtual channel.

The whole of it is one table in the standard's own numbers. It never reads frames from octets (what is no valid frame
does not come here, or is E9), and never looks at their data but for control commands.

Source: CCSDS 232.1-B-2 6.
"""

from dataclasses import dataclass
from enum import Enum, Flag, IntEnum, auto

import msgspec

from ccsds.clcw import Clcw
from ccsds.errors import MisuseError
from ccsds.tc_frame import UNLOCK, VIRTUAL_CHANNEL_MAX, TcFrame, TcFrameKind, read_set_vr

_COUNTS = 256
_FARM_B_COUNTS = 4


class FarmState(IntEnum):
    """The states of table 6-1."""

    OPEN = 1
    WAIT = 2
    LOCKOUT = 3


class FarmEvent(IntEnum):
    """The events of table 6-1. Positive and negative are the halves of the window around V(R)."""

    EXPECTED_FRAME = 1
    """AD, N(S) = V(R), and a buffer is free."""
    EXPECTED_FRAME_NO_BUFFER = 2
    """AD, N(S) = V(R), and no buffer is free."""
    POSITIVE_FRAME = 3
    """AD, V(R) < N(S) < V(R) + PW: frames before it are missing."""
    NEGATIVE_FRAME = 4
    """AD, V(R) - NW <= N(S) < V(R): it was here before."""
    OUTSIDE_FRAME = 5
    """AD, N(S) in neither half."""
    BYPASS_FRAME = 6
    """BD."""
    UNLOCK_COMMAND = 7
    """BC Unlock."""
    SET_VR_COMMAND = 8
    """BC Set V(R)."""
    INVALID_FRAME = 9
    """A frame that is not for this virtual channel, or BC with an unknown command."""
    BUFFER_RELEASE = 10
    """The layer above has room again."""
    CLCW_REPORT = 11
    """A CLCW is due."""


class FarmOutcome(Enum):
    """What became of a frame."""

    DELIVERED = "delivered"
    """Its data goes to the layer above."""
    EXECUTED = "executed"
    """It was a control command."""
    DISCARDED = "discarded"
    """Set V(R) in lockout too, which FARM-1 counts but does not follow."""


class FarmVerdict(msgspec.Struct, frozen=True):
    """What became of a frame, and why."""

    outcome: FarmOutcome
    event: FarmEvent
    data: bytes | None = None
    """What is delivered, None if nothing is."""
    reason: str = ""
    """Why it was discarded, empty if it was not."""

    def __str__(self) -> str:
        return f"E{self.event.value} {self.outcome.value}" + (f": {self.reason}" if self.reason else "")


class Effect(Flag):
    """What a cell of the table does, besides going to a state."""

    NOTHING = 0
    ACCEPT = auto()
    DISCARD = auto()
    ADVANCE_VR = auto()
    LOAD_VR = auto()
    COUNT_B = auto()
    SET_RETRANSMIT = auto()
    CLEAR_RETRANSMIT = auto()
    SET_WAIT = auto()
    CLEAR_WAIT = auto()
    SET_LOCKOUT = auto()
    CLEAR_LOCKOUT = auto()


_S1, _S2, _S3 = FarmState
_E1, _E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10, _E11 = FarmEvent

TABLE: dict[tuple[FarmState, FarmEvent], tuple[Effect, FarmState]] = {
    (_S1, _E1): (Effect.ACCEPT | Effect.ADVANCE_VR | Effect.CLEAR_RETRANSMIT, _S1),
    # (S2, E1) cannot be: a buffer that becomes free is E10, which leaves S2 first.
    (_S3, _E1): (Effect.DISCARD, _S3),
    (_S1, _E2): (Effect.DISCARD | Effect.SET_RETRANSMIT | Effect.SET_WAIT, _S2),
    (_S2, _E2): (Effect.DISCARD, _S2),
    (_S3, _E2): (Effect.DISCARD, _S3),
    (_S1, _E3): (Effect.DISCARD | Effect.SET_RETRANSMIT, _S1),
    (_S2, _E3): (Effect.DISCARD, _S2),
    (_S3, _E3): (Effect.DISCARD, _S3),
    (_S1, _E4): (Effect.DISCARD, _S1),
    (_S2, _E4): (Effect.DISCARD, _S2),
    (_S3, _E4): (Effect.DISCARD, _S3),
    (_S1, _E5): (Effect.DISCARD | Effect.SET_LOCKOUT, _S3),
    (_S2, _E5): (Effect.DISCARD | Effect.SET_LOCKOUT, _S3),
    (_S3, _E5): (Effect.DISCARD, _S3),
    (_S1, _E6): (Effect.ACCEPT | Effect.COUNT_B, _S1),
    (_S2, _E6): (Effect.ACCEPT | Effect.COUNT_B, _S2),
    (_S3, _E6): (Effect.ACCEPT | Effect.COUNT_B, _S3),
    (_S1, _E7): (Effect.COUNT_B | Effect.CLEAR_RETRANSMIT, _S1),
    (_S2, _E7): (Effect.COUNT_B | Effect.CLEAR_RETRANSMIT | Effect.CLEAR_WAIT, _S1),
    (_S3, _E7): (Effect.COUNT_B | Effect.CLEAR_RETRANSMIT | Effect.CLEAR_WAIT | Effect.CLEAR_LOCKOUT, _S1),
    (_S1, _E8): (Effect.COUNT_B | Effect.CLEAR_RETRANSMIT | Effect.LOAD_VR, _S1),
    (_S2, _E8): (Effect.COUNT_B | Effect.CLEAR_RETRANSMIT | Effect.CLEAR_WAIT | Effect.LOAD_VR, _S1),
    (_S3, _E8): (Effect.COUNT_B, _S3),
    (_S1, _E9): (Effect.DISCARD, _S1),
    (_S2, _E9): (Effect.DISCARD, _S2),
    (_S3, _E9): (Effect.DISCARD, _S3),
    (_S1, _E10): (Effect.NOTHING, _S1),
    (_S2, _E10): (Effect.CLEAR_WAIT, _S1),
    (_S3, _E10): (Effect.CLEAR_WAIT, _S3),
    (_S1, _E11): (Effect.NOTHING, _S1),
    (_S2, _E11): (Effect.NOTHING, _S2),
    (_S3, _E11): (Effect.NOTHING, _S3),
}
"""Table 6-1: (state, event) -> (effect, next state)."""


_WHY = {
    FarmEvent.EXPECTED_FRAME_NO_BUFFER: ", for which there is no buffer",
    FarmEvent.POSITIVE_FRAME: ", before which frames are missing",
    FarmEvent.NEGATIVE_FRAME: ", which was here before",
    FarmEvent.OUTSIDE_FRAME: ", which is outside the window",
}


@dataclass(frozen=True, kw_only=True)
class FarmConfig:
    """What FARM-1 of one virtual channel is set to."""

    virtual_channel: int
    """0 to 63."""
    window: int = 32
    """W, even, 2 to 254; the positive and the negative half are W / 2 each (6.1.8.2)."""

    def __post_init__(self) -> None:
        """Refuse what the standard has not.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        if not 0 <= self.virtual_channel <= VIRTUAL_CHANNEL_MAX:
            raise MisuseError(
                f"FARM-1: expected virtual channel 0 to {VIRTUAL_CHANNEL_MAX}, found {self.virtual_channel}"
            )
        if not 2 <= self.window <= 254 or self.window % 2:
            raise MisuseError(f"FARM-1: expected an even window of 2 to 254, found {self.window}")


class Farm:
    """FARM-1 of one virtual channel. It begins open, waiting for frame 0.

    Args:
        config: What it is set to.
    """

    def __init__(self, config: FarmConfig) -> None:
        self._config = config
        self._state = FarmState.OPEN
        self._vr = 0
        self._farm_b = 0
        self._lockout = False
        self._wait = False
        self._retransmit = False
        self._has_buffer = True

    @property
    def state(self) -> FarmState:
        """The state it is in."""
        return self._state

    @property
    def expected_sequence(self) -> int:
        """V(R): the number of the AD frame that it waits for."""
        return self._vr

    def receive(self, frame: TcFrame) -> FarmVerdict:
        """Judge one valid frame."""
        event, loaded_vr = self._classify(frame)
        state, expected = self._state, self._vr
        effect = self._apply(event, loaded_vr)
        if Effect.ACCEPT in effect:
            return FarmVerdict(FarmOutcome.DELIVERED, event, data=frame.data)
        if Effect.DISCARD not in effect and effect != Effect.COUNT_B:
            return FarmVerdict(FarmOutcome.EXECUTED, event)
        where = "" if state is FarmState.OPEN else f"in {state.name.lower()}, "
        if frame.kind is TcFrameKind.AD and event is not FarmEvent.INVALID_FRAME:
            wanted = f"AD frame {expected}, found {frame.sequence}{_WHY.get(event, '')}"
        else:
            wanted = (
                f"a command that can be followed on virtual channel {self._config.virtual_channel}, "
                f"found {frame.kind.name} on {frame.virtual_channel} with {frame.data[:4].hex()}"
            )
        return FarmVerdict(FarmOutcome.DISCARDED, event, reason=f"E{event.value}: {where}expected {wanted}")

    def hold_buffer(self) -> None:
        """Take notice that the layer above has no room for another AD frame; for an owner that queues what comes."""
        self._has_buffer = False

    def release_buffer(self) -> None:
        """Take notice that the layer above has room again (E10)."""
        self._has_buffer = True
        self._apply(FarmEvent.BUFFER_RELEASE)

    def clcw(self) -> Clcw:
        """Give the report for the ground (E11). What the radio knows (RF, bit lock) is for its owner to add."""
        self._apply(FarmEvent.CLCW_REPORT)
        return Clcw(
            virtual_channel=self._config.virtual_channel,
            report_value=self._vr,
            lockout=self._lockout,
            wait=self._wait,
            retransmit=self._retransmit,
            farm_b_counter=self._farm_b,
        )

    def _classify(self, frame: TcFrame) -> tuple[FarmEvent, int]:
        """Give the event that a frame is, and the V(R) that it sets, if it does."""
        if frame.virtual_channel != self._config.virtual_channel:
            return FarmEvent.INVALID_FRAME, self._vr
        match frame.kind:
            case TcFrameKind.AD:
                return self._classify_sequence(frame.sequence), self._vr
            case TcFrameKind.BD:
                return FarmEvent.BYPASS_FRAME, self._vr
            case TcFrameKind.BC:
                loaded_vr = read_set_vr(frame.data)
                if loaded_vr is not None:
                    return FarmEvent.SET_VR_COMMAND, loaded_vr
                return (FarmEvent.UNLOCK_COMMAND if frame.data == UNLOCK else FarmEvent.INVALID_FRAME), self._vr

    def _classify_sequence(self, sequence: int) -> FarmEvent:
        half = self._config.window // 2
        ahead = (sequence - self._vr) % _COUNTS
        if ahead == 0:
            return FarmEvent.EXPECTED_FRAME if self._has_buffer else FarmEvent.EXPECTED_FRAME_NO_BUFFER
        if ahead < half:
            return FarmEvent.POSITIVE_FRAME
        if _COUNTS - ahead <= half:
            return FarmEvent.NEGATIVE_FRAME
        return FarmEvent.OUTSIDE_FRAME

    def _apply(self, event: FarmEvent, loaded_vr: int = 0) -> Effect:
        effect, self._state = TABLE[self._state, event]
        if Effect.ADVANCE_VR in effect:
            self._vr = (self._vr + 1) % _COUNTS
        if Effect.LOAD_VR in effect:
            self._vr = loaded_vr
        if Effect.COUNT_B in effect:
            self._farm_b = (self._farm_b + 1) % _FARM_B_COUNTS
        self._retransmit = _flag(self._retransmit, effect, Effect.SET_RETRANSMIT, Effect.CLEAR_RETRANSMIT)
        self._wait = _flag(self._wait, effect, Effect.SET_WAIT, Effect.CLEAR_WAIT)
        self._lockout = _flag(self._lockout, effect, Effect.SET_LOCKOUT, Effect.CLEAR_LOCKOUT)
        return effect


def _flag(before: bool, effect: Effect, set_by: Effect, cleared_by: Effect) -> bool:
    return (before or set_by in effect) and cleared_by not in effect
