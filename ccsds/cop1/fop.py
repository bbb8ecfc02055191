"""FOP-1: the sending end of COP-1, on one virtual channel: AD, BD and BC frames, a sliding window, and all directives.

What it does in which state is the table in `ccsds.cop1.fop_table`, what it tells is in `ccsds.cop1.fop_events`, what
it is set to in `ccsds.cop1.fop_config`. It never starts itself: after an `Alert` the AD service is down until the
owner gives a directive.

The lower procedures are a transmitter that pulls. A frame offered to it makes AD_Out_Flag, BC_Out_Flag or BD_Out_Flag
"not ready"; `Fop.transmit` takes it and is the accept response, `Fop.refuse` is the reject response. T1 starts when a
frame is taken, not when it is offered, so that a busy transmitter costs no transmission; it counts contact time only,
and out of contact no frame is given out.

Two things are stricter than the standard, neither of them visible on the line: N(R) that acknowledges a frame which
has not left is impossible (E13), and a frame that is unacknowledged in S1 or S2 is never without T1, even when T1
expired in S3, where E16 is ignored.

Source: CCSDS 232.1-B-2 5.
"""

from dataclasses import replace

from ccsds.clcw import Clcw
from ccsds.contact_timer import ContactTimer
from ccsds.cop1.fop_config import FopConfig
from ccsds.cop1.fop_events import (
    INITIATIONS,
    Acknowledged,
    Alert,
    AlertReason,
    CommandTransmitted,
    Confirmed,
    Directive,
    DirectiveRejected,
    FopEvent,
    Initialised,
    Rejected,
    Service,
    Suspended,
    Transmitted,
)
from ccsds.cop1.fop_frames import FopFrames, Request
from ccsds.cop1.fop_stimuli import Occasion, clcw_stimulus, directive_stimulus, timer_stimulus, transfer_stimulus
from ccsds.cop1.fop_table import TABLE, Action, FopState, Stimulus
from ccsds.errors import MisuseError
from ccsds.tc_frame import DATA_OCTETS_MAX, UNLOCK, TcFrame, TcFrameKind, set_vr

_SENDING = (FopState.ACTIVE, FopState.RETRANSMIT_WITHOUT_WAIT)
_ALERTS = {Action[f"ALERT_{reason.name}"]: reason for reason in AlertReason if reason is not AlertReason.PURGED}
_FIELDS = {
    Action.SET_WINDOW: "window",
    Action.SET_T1: "t1_initial_ns",
    Action.SET_TRANSMISSION_LIMIT: "transmission_limit",
    Action.SET_TIMEOUT_TYPE: "timeout_type",
}


class Fop:
    """FOP-1 of one virtual channel. It begins out of contact, in S6, with V(S) = 0.

    Args:
        config: What it is set to.
    """

    def __init__(self, config: FopConfig) -> None:
        self._config = config
        self._state = FopState.INITIAL
        self._suspended: FopState | None = None
        self._is_up = False
        self._timer = ContactTimer()
        self._is_timed = False
        self._frames = FopFrames(config)
        self._initiation = Directive.INITIATE_WITHOUT_CLCW
        self._events: list[FopEvent] = []

    @property
    def config(self) -> FopConfig:
        """What it is set to now."""
        return self._config

    @property
    def state(self) -> FopState:
        """The state it is in."""
        return self._state

    @property
    def suspended_state(self) -> FopState | None:
        """SS: the state that a suspended service would go on in, or None if it is not suspended."""
        return self._suspended

    @property
    def next_sequence(self) -> int:
        """V(S): the number that the next new AD frame has."""
        return self._frames.next_sequence

    @property
    def expected_acknowledgement(self) -> int:
        """NN(R): the number of the oldest unacknowledged AD frame, or V(S) if there is none."""
        return self._frames.expected_acknowledgement

    @property
    def waiting_count(self) -> int:
        """How many AD frames are neither acknowledged nor given up."""
        return self._frames.sent_count + (self._frames.wait is not None)

    def is_ready(self, service: Service) -> bool:
        """Tell whether data would go to the transmitter at once: who asks first is never rejected."""
        frames = self._frames
        if service is Service.BD:
            return frames.is_out_ready(TcFrameKind.BD)
        is_room = frames.wait is None and frames.sent_count < self._config.window
        is_next = frames.is_out_ready(TcFrameKind.AD) and not frames.is_retransmitting
        return self._state in _SENDING and is_room and is_next

    def transfer(self, data: bytes, service: Service, tag: int, now_ns: int) -> None:
        """Take data for one frame over, or say `Rejected` (E19 to E22).

        Args:
            data: Whole packets, 1 to 1017 octets.
            service: How to carry it. AD is rejected while the AD service is not up or a request waits already; BD
                while the last BD frame waits for the transmitter.
            tag: The owner's name for it in events.
            now_ns: The time.

        Raises:
            MisuseError: It does not fit into a frame.
        """
        if not 1 <= len(data) <= DATA_OCTETS_MAX:
            raise MisuseError(f"FOP-1: expected 1 to {DATA_OCTETS_MAX} octets of data, found {len(data)}")
        stimulus = transfer_stimulus(service, self._frames)
        self._apply(stimulus, Occasion(now_ns, request=Request(tag, data, service)))

    def directive(self, directive: Directive, now_ns: int, value: int | None = None) -> None:
        """Follow a directive (E23 to E40), or say `DirectiveRejected`.

        Args:
            directive: Which.
            now_ns: The time.
            value: For those that take one, in the range of `FopConfig.range_of`.

        Raises:
            MisuseError: A value is missing, out of range, or not wanted.
        """
        self._config.check(directive, value)
        stimulus = directive_stimulus(directive, self._frames, self._suspended)
        self._apply(stimulus, Occasion(now_ns, directive=directive, value=value or 0))

    def receive(self, clcw: Clcw, now_ns: int) -> None:
        """Take notice of a CLCW; those of other virtual channels are passed over (E1 to E14)."""
        if clcw.virtual_channel == self._config.virtual_channel:
            stimulus, acknowledged_count = clcw_stimulus(clcw, self._frames, self._config)
            self._apply(stimulus, Occasion(now_ns, acknowledged_count))

    def receive_invalid(self, now_ns: int) -> None:
        """Take notice of something that should have been a CLCW (E15). An owner may prefer only to count it."""
        self._apply(Stimulus.INVALID_CLCW, Occasion(now_ns))

    def contact(self, up: bool, now_ns: int) -> None:
        """Take notice that the link came up or went down. T1 stands still while it is down."""
        self._timer.contact(up, now_ns)
        self._is_up = up

    def advance(self, now_ns: int) -> None:
        """Do what is due: T1 (E16 to E18, E104)."""
        if self._timer.expire(now_ns):
            self._is_timed = False
            self._apply(timer_stimulus(self._frames, self._config), Occasion(now_ns))

    def next_deadline(self) -> int | None:
        """Give when something is due, or None."""
        return self._timer.deadline()

    def transmit(self, now_ns: int) -> TcFrame | None:
        """Give the next frame for a transmitter that is free: BC first, then BD, then AD (E41, E43, E45)."""
        kind = self._offered()
        if kind is None:
            return None
        sent = self._frames.offered(kind)
        sent.transmissions += 1
        if kind is TcFrameKind.BC:
            self._events.append(CommandTransmitted(self._initiation, sent.transmissions))
        else:
            self._events.append(Transmitted(sent.tag, Service[kind.name], sent.transmissions))
        if kind is not TcFrameKind.BD:
            self._start_timer(now_ns)
        self._apply(Stimulus[f"{kind.name}_ACCEPTED"], Occasion(now_ns))
        return sent.frame

    def refuse(self, now_ns: int) -> None:
        """Take notice that the transmitter cannot take what `transmit` would give next (E42, E44, E46)."""
        kind = self._offered()
        if kind is None:
            return
        if kind is TcFrameKind.BD:
            self._events.append(Rejected(self._frames.offered(kind).tag, AlertReason.LLIF.value))
            self._frames.set_out_ready(kind)
        self._apply(Stimulus[f"{kind.name}_REJECTED"], Occasion(now_ns))

    def take_events(self) -> list[FopEvent]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def _offered(self) -> TcFrameKind | None:
        """Give the kind of the most urgent frame that is offered. AD frames of a suspended service stay."""
        kinds = [TcFrameKind.BC, TcFrameKind.BD]
        if self._state is not FopState.INITIAL:
            kinds.append(TcFrameKind.AD)
        return next((each for each in kinds if self._is_up and not self._frames.is_out_ready(each)), None)

    def _apply(self, stimulus: Stimulus, occasion: Occasion) -> None:
        actions, next_state = TABLE[self._state, stimulus]
        for action in actions:
            self._do(action, occasion)
        self._state = next_state
        if next_state in _SENDING and self._frames.sent_count and not self._is_timed:
            self._frames.look_for_fdu(self._config.window)
            if self._frames.is_out_ready(TcFrameKind.AD):
                self._start_timer(occasion.now_ns)

    def _do(self, action: Action, occasion: Occasion) -> None:
        frames = self._frames
        match action:
            case Action.REMOVE_ACKNOWLEDGED:
                tags = frames.remove_acknowledged(occasion.acknowledged_count)
                self._events += [Acknowledged(tag) for tag in tags]
            case Action.LOOK_FOR_FDU:
                frames.look_for_fdu(self._config.window)
            case Action.LOOK_FOR_DIRECTIVE:
                frames.look_for_directive()
            case Action.INITIATE_AD_RETRANSMISSION | Action.INITIATE_BC_RETRANSMISSION:
                is_ad = action is Action.INITIATE_AD_RETRANSMISSION
                frames.initiate_retransmission(TcFrameKind.AD if is_ad else TcFrameKind.BC)
                # T1 starts when the first of them leaves, for which the transmitter may not be free yet.
                self._cancel_timer()
            case Action.START_TIMER:
                self._start_timer(occasion.now_ns)
            case Action.CANCEL_TIMER:
                self._cancel_timer()
            case Action.RELEASE_BC:
                frames.release_command()
            case Action.ADD_TO_WAIT_QUEUE:
                frames.wait = occasion.request
            case Action.TRANSMIT_BD if occasion.request is not None:
                frames.offer_expedited(occasion.request)
            case Action.TRANSMIT_UNLOCK:
                frames.offer_command(UNLOCK)
            case Action.TRANSMIT_SET_VR:
                frames.offer_command(set_vr(occasion.value))
            case Action.INITIALISE:
                self._initialise(occasion.directive)
            case Action.CONFIRM:
                self._confirm(occasion)
            case Action.REJECT:
                self._reject(occasion)
            case Action.SUSPEND:
                self._suspended = self._state
                self._events.append(Suspended(self._state))
            case Action.RESUME:
                self._suspended = None
                self._start_timer(occasion.now_ns)
            case Action.SET_VS:
                frames.number_anew(occasion.value)
            case Action.SET_WINDOW | Action.SET_T1 | Action.SET_TRANSMISSION_LIMIT | Action.SET_TIMEOUT_TYPE:
                self._config = replace(self._config, **{_FIELDS[action]: occasion.value})
            case Action.AD_OUT_READY | Action.BC_OUT_READY | Action.BD_OUT_READY:
                frames.set_out_ready(TcFrameKind[action.name[:2]])
            case _:
                self._cancel_timer()
                self._suspended = None
                self._events.append(Alert(_ALERTS[action], frames.purge()))

    def _initialise(self, directive: Directive | None) -> None:
        if directive is not None and directive in INITIATIONS:
            self._initiation = directive
        self._suspended = None
        tags = self._frames.purge()
        if tags:
            self._events.append(Alert(AlertReason.PURGED, tags))

    def _confirm(self, occasion: Occasion) -> None:
        directive = occasion.directive or self._initiation
        if directive in INITIATIONS:
            self._events.append(Initialised(directive, self.next_sequence))
        else:
            value = occasion.value if self._config.range_of(directive) else None
            self._events.append(Confirmed(directive, value))

    def _reject(self, occasion: Occasion) -> None:
        if occasion.directive is not None:
            self._events.append(DirectiveRejected(occasion.directive, self._state))
        elif occasion.request is not None:
            if occasion.request.service is Service.BD:
                reason = "expected BD_Out_Flag to be ready, found a BD frame that waits for the transmitter"
            elif self._frames.wait is not None:
                reason = "expected a free Wait_Queue, found AD data in it"
            else:
                reason = f"the AD service is not up, S{self._state.value} {self._state.name}"
            self._events.append(Rejected(occasion.request.tag, reason))

    def _start_timer(self, now_ns: int) -> None:
        self._is_timed = True
        self._timer.start(self._config.t1_initial_ns, now_ns)

    def _cancel_timer(self) -> None:
        self._is_timed = False
        self._timer.cancel()
