"""A FOP-1 for tests, brought where a test begins, and the frames and CLCWs that it gives and takes."""

from ccsds.clcw import Clcw
from ccsds.cop1.fop import (
    Confirmed,
    Directive,
    Fop,
    FopConfig,
    Initialised,
    Service,
    Transmitted,
)
from ccsds.tc_frame import TcFrame, TcFrameKind

CHANNEL = 3
T1_NS = 1_000
LIMIT = 3


def new_fop(limit: int = LIMIT, vs: int = 0, window: int = 1) -> Fop:
    config = FopConfig(
        spacecraft_id=0x2A, virtual_channel=CHANNEL, t1_initial_ns=T1_NS, transmission_limit=limit, window=window
    )
    fop = Fop(config)
    fop.contact(True, 0)
    fop.directive(Directive.SET_VS, 0, vs)
    assert fop.take_events() == [Confirmed(Directive.SET_VS, vs)]
    return fop


def active_fop(limit: int = LIMIT, vs: int = 0, window: int = 1) -> Fop:
    fop = new_fop(limit, vs, window)
    fop.directive(Directive.INITIATE_WITHOUT_CLCW, 0)
    assert fop.take_events() == [Initialised(Directive.INITIATE_WITHOUT_CLCW, vs)]
    return fop


def sending_fop(limit: int = LIMIT, vs: int = 0) -> Fop:
    """Give a FOP with a window of one, frame 7 on its way since time 0 and frame 8 in the Wait_Queue behind it."""
    fop = active_fop(limit, vs)
    fop.transfer(b"seven", Service.AD, 7, 0)
    fop.transfer(b"eight", Service.AD, 8, 0)
    assert fop.transmit(0) == ad(vs, b"seven")
    assert fop.take_events() == [Transmitted(7, Service.AD, 1)]
    return fop


def ad(sequence: int, data: bytes) -> TcFrame:
    return TcFrame(TcFrameKind.AD, 0x2A, CHANNEL, sequence, data)


def bc(command: bytes) -> TcFrame:
    return TcFrame(TcFrameKind.BC, 0x2A, CHANNEL, 0, command)


def clcw(report_value: int = 0, **flags: bool) -> Clcw:
    return Clcw(virtual_channel=CHANNEL, report_value=report_value, **flags)


def send(fop: Fop, *tags: int, now_ns: int = 0) -> list[int]:
    """Transfer and transmit frames, and give their numbers."""
    numbers = []
    for tag in tags:
        assert fop.is_ready(Service.AD)
        fop.transfer(bytes([tag]), Service.AD, tag, now_ns)
        frame = fop.transmit(now_ns)
        assert frame is not None
        numbers.append(frame.sequence)
    return numbers


def pull(fop: Fop, now_ns: int = 0) -> list[int]:
    """Take all that is there for the transmitter, and give the numbers."""
    numbers = []
    while (frame := fop.transmit(now_ns)) is not None:
        numbers.append(frame.sequence)
    return numbers
