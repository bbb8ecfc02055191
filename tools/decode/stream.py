"""Frames out of the octets of a line, with where in the stream each octet of a frame stood.

The deframers of ``ccsds`` find the frames but do not tell all their places. They are fed in pieces so small that each
brings one frame at most; then the frame is coded again and laid over the stream where it must have been. What differs
is what was corrected.

Source: CCSDS 131.0-B-5 9 (ASM), 231.0-B-4 5 (CLTU).
"""

from collections.abc import Callable, Iterator

from ccsds.cltu import (
    CODEBLOCK_OCTETS,
    FILL_OCTET,
    INFORMATION_OCTETS,
    RESCAN_OCTETS_MAX,
    START_SEQUENCE,
    TAIL_SEQUENCE,
    CltuDeframer,
    cltu_encode,
)
from ccsds.sync import ASM, FrameLockLost, FrameRejected, FrameSynchronized, TmDeframer, TmEncoder
from ccsds.tc_frame import FRAME_OCTETS_MAX
from mission.profiles import LinkProfile
from tools.decode.node import Kind, Node
from tools.decode.octets import Octets

# Less than a CADU less what a frame may overlap a corrected one: at most one frame ends within a piece.
_PIECE_OCTETS = 64
# A marker may have won or lost an octet.
_SLIPS = (0, -1, 1)


def read_tm_stream(data: bytes, profile: LinkProfile, read: Callable[[Octets], Node]) -> Iterator[Node]:
    """Give the frames of a downlink, and what stands between them.

    Args:
        data: All octets of the line.
        profile: How they are coded.
        read: Makes a node of a frame.
    """
    config = profile.tm_coding
    deframer, encoder = TmDeframer(config), TmEncoder(config)
    due, end = 0, 0
    reasons: list[str] = []
    for at in range(0, len(data), _PIECE_OCTETS):
        deframer.receive(data[at : at + _PIECE_OCTETS])
        start: int | None = None
        for event in deframer.take_events():
            match event:
                case FrameSynchronized():
                    start = event.offset_octets
                case FrameRejected():
                    reasons.append(str(event))
                    due += config.cadu_octets if event.offset_octets == due else 0
                case FrameLockLost():
                    reasons.append(str(event))
        for found in deframer.take():
            cadu = encoder.encode(found.frame)
            start, wrong = _lay(data, cadu, [(due if start is None else start) + slip for slip in _SLIPS])
            if start > end:
                yield _gap(data, end, start, "octets that gave no frame", reasons)
            first = start + len(ASM)
            node = read(Octets(found.frame, range(first, first + len(found.frame))))
            if found.corrected_symbols:
                node.meaning += f", {found.corrected_symbols} symbols corrected"
            if wrong and not found.corrected_symbols:
                node.meaning += f", sync marker with {wrong} wrong octets"
            yield node
            reasons = []
            due = end = start + len(cadu)
            start = None
    if end < len(data):
        yield _gap(data, end, len(data), "octets that gave no frame", reasons)


def read_tc_stream(data: bytes, profile: LinkProfile, read: Callable[[Octets], Node]) -> Iterator[Node]:
    """Give the frames of an uplink, and what stands between them.

    Args:
        data: All octets of the line.
        profile: Whether it is randomized.
        read: Makes a node of a frame and its fill.
    """
    deframer = CltuDeframer(randomized=profile.tc_randomized)
    end = 0
    reasons: list[str] = []
    for at in range(len(data)):
        deframer.receive(data[at : at + 1])
        reasons += deframer.take_rejects()
        for candidate in deframer.take():
            start, length, wrong = _lay_cltu(data, candidate, at + 1, profile.tc_randomized)
            if start > end:
                yield _gap(data, end, start, "octets between CLTUs", reasons)
            first = start + len(START_SEQUENCE)
            places = [
                first + octet // INFORMATION_OCTETS * CODEBLOCK_OCTETS + octet % INFORMATION_OCTETS
                for octet in range(len(candidate))
            ]
            node = read(Octets(candidate, places))
            if wrong:
                node.meaning += f", {wrong} octets of the CLTU corrected"
            yield node
            reasons = []
            end = max(end, start + length)
    if end < len(data):
        reasons += deframer.take_rejects()
        yield _gap(data, end, len(data), "octets between CLTUs", reasons)


def _lay(data: bytes, coded: bytes, starts: list[int]) -> tuple[int, int]:
    """Give the start at which coded octets differ in the fewest octets from the stream, and in how many."""
    wrong = {start: _differences(data, coded, start) for start in starts if start >= 0}
    start = min(wrong, key=lambda each: wrong[each])
    return start, wrong[start]


def _lay_cltu(data: bytes, candidate: bytes, seen: int, randomized: bool) -> tuple[int, int, int]:
    """Find the CLTU that a candidate came from, which ended with the last octet seen or a little before.

    Returns:
        Its start, its length with the tail if it has one, and how many octets of it were corrected.
    """
    # The longest candidates have a codeblock more than a frame can fill; their beginning tells the place as well.
    coded = cltu_encode(candidate[:FRAME_OCTETS_MAX], randomized)
    body = coded[: -len(TAIL_SEQUENCE)]
    latest = seen - len(START_SEQUENCE) - len(candidate) // INFORMATION_OCTETS * CODEBLOCK_OCTETS - CODEBLOCK_OCTETS
    start, wrong = _lay(data, body, [latest - back for back in range(RESCAN_OCTETS_MAX + 1)] + [max(0, latest)])
    end = start + len(START_SEQUENCE) + len(candidate) // INFORMATION_OCTETS * CODEBLOCK_OCTETS
    has_tail = _differences(data, TAIL_SEQUENCE, end) <= 1
    return start, end - start + (len(TAIL_SEQUENCE) if has_tail else 0), wrong


def _differences(data: bytes, coded: bytes, start: int) -> int:
    there = data[start : start + len(coded)]
    if there == coded:
        return 0
    return sum(a != b for a, b in zip(there, coded, strict=False)) + len(coded) - len(there)


def _gap(data: bytes, start: int, end: int, name: str, reasons: list[str]) -> Node:
    octets = Octets(data[start:end], range(start, end))
    if not octets.data.strip(bytes([FILL_OCTET])):
        return Node(name, octets, Kind.GAP, meaning=f"{len(octets)} octets of fill 55", label="fill of the line")
    node = Node(name, octets, Kind.GAP, value=len(octets), label="stretch that is no frame")
    node.problem = reasons[0] if reasons else f"no frame in these {len(octets)} octets"
    if len(reasons) > 1:
        node.problem += f" (and {len(reasons) - 1} more reasons)"
    return node
