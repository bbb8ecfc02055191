"""FOP-1: the sending end of COP-1, on one virtual channel; this version has one AD frame on its way at a time (K = 1).

What it does in which state is the table in `ccsds.cop1.fop_table`, what it tells is in `ccsds.cop1.fop_events`. It
never gives a frame out by itself: the owner pulls one when the transmitter is free. It never starts itself either:
after an `Alert` the AD service is down until the owner gives a directive. What to do then: an owner that does not know
where FARM-1 is gives `SET_VS` with the N(R) of the last CLCW and then `INITIATE_WITH_CLCW_CHECK`; after a lockout
`INITIATE_WITH_UNLOCK`, likewise after `SET_VS`; and `INITIATE_WITH_SET_VR` when both ends shall begin anew.

T1 counts contact time only, and out of contact no frame is given out.

Source: CCSDS 232.1-B-2 5.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from ccsds.clcw import Clcw
from ccsds.contact_timer import ContactTimer
from ccsds.cop1.fop_events import (
    Acknowledged,
    Alert,
    AlertReason,
    CommandTransmitted,
    Directive,
    DirectiveRejected,
    FopEvent,
    Initialised,
    Rejected,
    Service,
    Transmitted,
)
from ccsds.cop1.fop_table import TABLE, Action, FopState, Stimulus
from ccsds.errors import MisuseError
from ccsds.tc_frame import DATA_OCTETS_MAX, SPACECRAFT_ID_MAX, UNLOCK, VIRTUAL_CHANNEL_MAX, TcFrame, TcFrameKind, set_vr

# Frames that wait to be sent, for each service. Many times what a pass at the slowest rate can bring up; who has more
# keeps it, in an order of its own.
QUEUE_FRAMES_MAX = 256

_COUNTS = 256


_ALERTS = {
    Action.ALERT_SYNCH: AlertReason.SYNCH,
    Action.ALERT_CLCW: AlertReason.CLCW,
    Action.ALERT_NNR: AlertReason.NNR,
    Action.ALERT_LOCKOUT: AlertReason.LOCKOUT,
    Action.ALERT_LIMIT: AlertReason.LIMIT,
    Action.ALERT_T1: AlertReason.T1,
    Action.ALERT_TERMINATED: AlertReason.TERMINATED,
}
_WITH_VALUE = (Directive.INITIATE_WITH_SET_VR, Directive.SET_VS)


@dataclass(frozen=True, kw_only=True)
class FopConfig:
    """What FOP-1 of one virtual channel is set to."""

    spacecraft_id: int
    """0 to 1023, for its frames."""
    virtual_channel: int
    """0 to 63."""
    t1_initial_ns: int
    """How long to wait for an acknowledgement: a round trip, and both frames' time on the line."""
    transmission_limit: int = 3
    """How often a frame is sent before it is given up, 1 to 255."""

    def __post_init__(self) -> None:
        """Refuse what the standard has not.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        for name, value, lowest, highest in (
            ("spacecraft id", self.spacecraft_id, 0, SPACECRAFT_ID_MAX),
            ("virtual channel", self.virtual_channel, 0, VIRTUAL_CHANNEL_MAX),
            ("transmission limit", self.transmission_limit, 1, 255),
        ):
            if not lowest <= value <= highest:
                raise MisuseError(f"FOP-1: expected {name} {lowest} to {highest}, found {value}")
        if self.t1_initial_ns <= 0:
            raise MisuseError(f"FOP-1: expected t1_initial_ns above 0, found {self.t1_initial_ns}")


class _Request(NamedTuple):
    tag: int
    data: bytes


class Fop:
    """FOP-1 of one virtual channel. It begins out of contact, in S6, with V(S) = 0.

    Args:
        config: What it is set to.
    """

    def __init__(self, config: FopConfig) -> None:
        self._config = config
        self._state = FopState.INITIAL
        self._vs = 0
        self._nnr = 0
        self._is_up = False
        self._timer = ContactTimer()
        self._events: list[FopEvent] = []
        self._waiting: deque[_Request] = deque()
        self._expedited: deque[_Request] = deque()
        # The AD frame on its way, and the directive whose BC frame is; with what is to be sent of them still.
        self._sent: _Request | None = None
        self._directive = Directive.TERMINATE
        self._command = b""
        self._is_to_be_sent = False
        self._transmission_count = 0

    @property
    def state(self) -> FopState:
        """The state it is in."""
        return self._state

    @property
    def next_sequence(self) -> int:
        """V(S): the number that the next new AD frame has."""
        return self._vs

    @property
    def waiting_count(self) -> int:
        """How many AD frames are neither acknowledged nor given up."""
        return len(self._waiting) + (self._sent is not None)

    def transfer(self, data: bytes, service: Service, tag: int, now_ns: int) -> None:
        """Take data for one frame over, or say `Rejected` (E19 to E22).

        Args:
            data: Whole packets, 1 to 1017 octets.
            service: How to carry it. AD is rejected while the AD service is not up.
            tag: The owner's name for it in events.
            now_ns: The time.

        Raises:
            MisuseError: It does not fit into a frame.
        """
        if not 1 <= len(data) <= DATA_OCTETS_MAX:
            raise MisuseError(f"FOP-1: expected 1 to {DATA_OCTETS_MAX} octets of data, found {len(data)}")
        queue = self._waiting if service is Service.AD else self._expedited
        if service is Service.AD and self._state > FopState.RETRANSMIT_WITH_WAIT:
            self._events.append(Rejected(tag, f"the AD service is not up, S{self._state.value} {self._state.name}"))
        elif len(queue) >= QUEUE_FRAMES_MAX:
            self._events.append(Rejected(tag, f"expected up to {QUEUE_FRAMES_MAX} {service.name} frames waiting"))
        else:
            queue.append(_Request(tag, data))

    def directive(self, directive: Directive, now_ns: int, value: int | None = None) -> None:
        """Follow a directive (E23 to E35), or say `DirectiveRejected`: all but `TERMINATE` are for S6.

        Args:
            directive: Which.
            now_ns: The time.
            value: 0 to 255, for those that take one.

        Raises:
            MisuseError: A value is missing, out of range, or not wanted.
        """
        if (directive in _WITH_VALUE) != (value is not None) or not 0 <= (value or 0) < _COUNTS:
            expected = "a value of 0 to 255" if directive in _WITH_VALUE else "no value"
            raise MisuseError(f"FOP-1: {directive.value}: expected {expected}, found {value}")
        self._apply(Stimulus[directive.name], now_ns, directive, value or 0)

    def receive(self, clcw: Clcw, now_ns: int) -> None:
        """Take notice of a CLCW; those of other virtual channels are passed over (E1 to E14)."""
        if clcw.virtual_channel == self._config.virtual_channel:
            self._apply(self._classify(clcw), now_ns)

    def contact(self, up: bool, now_ns: int) -> None:
        """Take notice that the link came up or went down. T1 stands still while it is down."""
        self._timer.contact(up, now_ns)
        self._is_up = up

    def advance(self, now_ns: int) -> None:
        """Do what is due: T1 (E16, E17)."""
        if self._timer.expire(now_ns):
            is_at_limit = self._transmission_count >= self._config.transmission_limit
            self._apply(Stimulus.TIMER_AT_LIMIT if is_at_limit else Stimulus.TIMER, now_ns)

    def next_deadline(self) -> int | None:
        """Give when something is due, or None."""
        return self._timer.deadline()

    def transmit(self, now_ns: int) -> TcFrame | None:
        """Give the next frame for a transmitter that is free: BC first, then BD, then AD."""
        if not self._is_up:
            return None
        if self._state is FopState.INITIALISING_WITH_BC and self._is_to_be_sent:
            self._sending(now_ns)
            self._events.append(CommandTransmitted(self._directive, self._transmission_count))
            return self._frame(TcFrameKind.BC, 0, self._command)
        if self._expedited:
            request = self._expedited.popleft()
            self._events.append(Transmitted(request.tag, Service.BD, 1))
            return self._frame(TcFrameKind.BD, 0, request.data)
        if self._state not in (FopState.ACTIVE, FopState.RETRANSMIT_WITHOUT_WAIT):
            return None
        if self._sent is None and self._waiting:
            self._sent = self._waiting.popleft()
            self._vs = (self._vs + 1) % _COUNTS
            self._transmission_count = 0
            self._is_to_be_sent = True
        if self._sent is None or not self._is_to_be_sent:
            return None
        self._sending(now_ns)
        self._events.append(Transmitted(self._sent.tag, Service.AD, self._transmission_count))
        return self._frame(TcFrameKind.AD, self._nnr, self._sent.data)

    def take_events(self) -> list[FopEvent]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def _classify(self, clcw: Clcw) -> Stimulus:
        if clcw.lockout:
            return Stimulus.LOCKOUT
        if clcw.report_value == self._vs:
            if clcw.retransmit:
                return Stimulus.RETRANSMIT_AT_VS
            if clcw.wait:
                return Stimulus.WAIT_AT_VS
            return Stimulus.NOTHING_NEW if self._vs == self._nnr else Stimulus.ALL_ACKNOWLEDGED
        if clcw.report_value != self._nnr:
            return Stimulus.IMPOSSIBLE_NR
        if not clcw.retransmit:
            return Stimulus.WAIT_WITHOUT_RETRANSMIT if clcw.wait else Stimulus.NONE_ACKNOWLEDGED
        if self._config.transmission_limit == 1:
            return Stimulus.RETRANSMIT_WITHOUT_LIMIT
        if self._transmission_count < self._config.transmission_limit:
            return Stimulus.RETRANSMIT_WAIT if clcw.wait else Stimulus.RETRANSMIT
        return Stimulus.RETRANSMIT_WAIT_AT_LIMIT if clcw.wait else Stimulus.RETRANSMIT_AT_LIMIT

    def _apply(self, stimulus: Stimulus, now_ns: int, directive: Directive | None = None, value: int = 0) -> None:
        action, next_state = TABLE[self._state, stimulus]
        if directive is not None and self._state is FopState.INITIAL:
            self._directive = directive
        if action in _ALERTS:
            self._give_up(_ALERTS[action])
        match action:
            case Action.ACKNOWLEDGE:
                self._acknowledge()
            case Action.RETRANSMIT | Action.RETRANSMIT_COMMAND:
                # The timer starts when the frame leaves, for which the transmitter may not be free yet.
                self._timer.cancel()
                self._is_to_be_sent = True
            case Action.CONFIRM:
                self._initialise()
                self._events.append(Initialised(self._directive, self._vs))
            case Action.START_TIMER:
                self._initialise()
                self._timer.start(self._config.t1_initial_ns, now_ns)
            case Action.SEND_UNLOCK:
                self._initialise()
                self._command = UNLOCK
                self._is_to_be_sent = True
            case Action.SEND_SET_VR:
                self._vs = value
                self._initialise()
                self._command = set_vr(value)
                self._is_to_be_sent = True
            case Action.SET_VS:
                self._vs = self._nnr = value
            case Action.REJECT if directive is not None:
                self._events.append(DirectiveRejected(directive, self._state))
        self._state = next_state

    def _acknowledge(self) -> None:
        self._timer.cancel()
        self._nnr = self._vs
        self._is_to_be_sent = False
        if self._sent is not None:
            self._events.append(Acknowledged(self._sent.tag))
            self._sent = None

    def _give_up(self, reason: AlertReason) -> None:
        requests = [*([self._sent] if self._sent is not None else []), *self._waiting]
        self._initialise()
        self._events.append(Alert(reason, tuple(request.tag for request in requests)))

    def _initialise(self) -> None:
        """Forget every AD frame; the next one is V(S)."""
        self._timer.cancel()
        self._waiting.clear()
        self._sent = None
        self._is_to_be_sent = False
        self._transmission_count = 0
        self._nnr = self._vs

    def _sending(self, now_ns: int) -> None:
        self._is_to_be_sent = False
        self._transmission_count += 1
        self._timer.start(self._config.t1_initial_ns, now_ns)

    def _frame(self, kind: TcFrameKind, sequence: int, data: bytes) -> TcFrame:
        return TcFrame(kind, self._config.spacecraft_id, self._config.virtual_channel, sequence, data)
