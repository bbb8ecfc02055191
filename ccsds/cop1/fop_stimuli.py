"""Which event of table 5-1 something is: a CLCW, an expiry of T1, a request, a directive. It changes nothing.

Source: CCSDS 232.1-B-2 5.3.2, table 5-1 (the event conditions).
"""

from typing import NamedTuple

from ccsds.clcw import Clcw
from ccsds.cop1.fop_config import FopConfig
from ccsds.cop1.fop_events import Directive, Service
from ccsds.cop1.fop_frames import COUNTS, FopFrames, Request
from ccsds.cop1.fop_table import FopState, Stimulus
from ccsds.tc_frame import TcFrameKind

_RESUMES = {
    None: Stimulus.RESUME_NOT_SUSPENDED,
    FopState.ACTIVE: Stimulus.RESUME_ACTIVE,
    FopState.RETRANSMIT_WITHOUT_WAIT: Stimulus.RESUME_RETRANSMIT_WITHOUT_WAIT,
    FopState.RETRANSMIT_WITH_WAIT: Stimulus.RESUME_RETRANSMIT_WITH_WAIT,
    FopState.INITIALISING_WITHOUT_BC: Stimulus.RESUME_INITIALISING,
}


class Occasion(NamedTuple):
    """What comes with an event."""

    now_ns: int
    acknowledged_count: int = 0
    request: Request | None = None
    directive: Directive | None = None
    value: int = 0


def clcw_stimulus(clcw: Clcw, frames: FopFrames, config: FopConfig) -> tuple[Stimulus, int]:
    """Give the event that a CLCW is (E1 to E14, E101 to E103), and how many frames it acknowledges."""
    count = (clcw.report_value - frames.expected_acknowledgement) % COUNTS
    if clcw.lockout:
        return Stimulus.LOCKOUT, 0
    if count > frames.transmitted_count:
        return Stimulus.IMPOSSIBLE_NR, 0
    if count == frames.sent_count:
        if clcw.retransmit:
            return Stimulus.RETRANSMIT_AT_VS, count
        if clcw.wait:
            return Stimulus.WAIT_AT_VS, count
        return (Stimulus.ALL_ACKNOWLEDGED if count else Stimulus.NOTHING_NEW), count
    if not clcw.retransmit:
        if clcw.wait:
            return Stimulus.WAIT_WITHOUT_RETRANSMIT, count
        return (Stimulus.SOME_ACKNOWLEDGED if count else Stimulus.NONE_ACKNOWLEDGED), count
    if config.transmission_limit == 1:
        return (Stimulus.LIMIT_ONE_SOME_ACKNOWLEDGED if count else Stimulus.LIMIT_ONE_NONE_ACKNOWLEDGED), count
    name = "RETRANSMIT_WAIT" if clcw.wait else "RETRANSMIT"
    if count:
        return Stimulus[name + "_SOME_ACKNOWLEDGED"], count
    return Stimulus[name + ("_AT_LIMIT" if _is_at_limit(frames, config) else "")], count


def timer_stimulus(frames: FopFrames, config: FopConfig) -> Stimulus:
    """Give the event that an expiry of T1 is (E16 to E18, E104)."""
    name = "TIMER_AT_LIMIT" if _is_at_limit(frames, config) else "TIMER"
    return Stimulus[name + ("_TYPE_ONE" if config.timeout_type else "")]


def transfer_stimulus(service: Service, frames: FopFrames) -> Stimulus:
    """Give the event that a request to transfer is (E19 to E22)."""
    if service is Service.AD:
        return Stimulus.TRANSFER_AD if frames.wait is None else Stimulus.TRANSFER_AD_NOT_READY
    return Stimulus.TRANSFER_BD if frames.is_out_ready(TcFrameKind.BD) else Stimulus.TRANSFER_BD_NOT_READY


def directive_stimulus(directive: Directive, frames: FopFrames, suspended: FopState | None) -> Stimulus:
    """Give the event that a directive is (E23 to E40)."""
    match directive:
        case Directive.RESUME:
            return _RESUMES[suspended]
        case Directive.SET_VS if suspended is not None:
            return Stimulus.INVALID_DIRECTIVE
        case Directive.INITIATE_WITH_UNLOCK | Directive.INITIATE_WITH_SET_VR:
            is_ready = frames.is_out_ready(TcFrameKind.BC)
            return Stimulus[directive.name + ("" if is_ready else "_NOT_READY")]
        case _:
            return Stimulus[directive.name]


def _is_at_limit(frames: FopFrames, config: FopConfig) -> bool:
    return frames.transmission_count >= config.transmission_limit
