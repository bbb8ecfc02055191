"""The TM coding chain of CCSDS 131.0-B-5: a transfer frame to a channel access data unit (CADU), and a stream back.

Down: frame -> Reed-Solomon -> randomize the codeblock -> attached sync marker (ASM). Up: find the marker, take the
randomizer off, correct. It never looks into a frame: the frame's own error control (FECF) belongs to ``tm_frame``.

The deframer lives on octets that start anywhere, and Reed-Solomon is its judge: a start is a guess until the codeblock
behind it decodes. Guesses, taken in the order of the stream, are the places where the marker stands, give or take a
few bits, and while in lock the place where the next frame is due (the flywheel). A guess that fails costs one octet:
the search goes on one octet after it, so a frame that begins within a broken one is still found. So is one that begins
within a corrected one, whose lost octets Reed-Solomon may have made up from the head of the next. Where markers stand
close together, as noise never has them, only so many are tried. No decision looks further than the octets it needs, so
it makes no difference how the stream is cut up.

A Reed-Solomon code is cyclic: without a randomizer, a codeblock out of step by a few octets is "corrected" to another
frame, and a dead line is a stream of good frames. The same holds where the randomizer's sequence is itself a
codeblock, as the 255-bit one is for interleave 1. There the flywheel wants to see most of a marker, and a codeblock
that lost or won an octet near an end may still come out as a frame that only the FECF can tell from a true one.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

import msgspec
import numpy as np

from ccsds.errors import MalformedError, MisuseError
from ccsds.randomizer import TmRandomizer, tm_sequence
from ccsds.reed_solomon import Octets, ReedSolomon

ASM: Final = bytes.fromhex("1acffc1d")
"""The attached sync marker; it is neither randomized nor part of the codeblock (131.0-B-5 section 9)."""

# With 8 wrong bits of 32 one random place in 300 is a marker; more would decode noise without end.
MARKER_ERRORS_MAX: Final = 8
# A flywheel that turns longer than this many frames is no longer in step with any clock on board.
FLYWHEEL_FRAMES_MAX: Final = 64
# Received data are worked off in pieces of this size, so that the buffer stays this small, plus one CADU.
PIECE_OCTETS_MAX: Final = 65_536
# Frames wait for ``take``; 18 MB of the longest usual ones is far more than one read from any port brings.
FRAMES_MAX: Final = 16_384
# Guesses that may fail in a row; by chance one place in 800,000 looks like a marker, so only an adversary writes more.
GUESSES_MAX: Final = 16
# After that, this many more may fail in 13 CADUs of stream. A failed guess costs a third of a millisecond, so a stream
# of nothing but markers is worked off at hundreds of kilobytes a second instead of ten. 13 has no common measure with a
# CADU, so no phase of the frames is passed over for ever.
GUESSES_EARNED: Final = (40, 13)
# Events wait for ``take_events``; beyond this they are only counted, for a line of noise makes them without end.
EVENTS_MAX: Final = 4_096

_ASM_NUMBER: Final = int.from_bytes(ASM, "big")
_ASM_LESS_ONE: Final = frozenset(ASM[:i] + ASM[i + 1 :] for i in range(len(ASM)))


@dataclass(frozen=True, kw_only=True)
class TmCodingConfig:
    """What both ends of a TM link must choose alike, and how patient its receiver is."""

    frame_length_octets: int = 1115
    """Every frame's length: a multiple of the interleave; below (255 - parity) * interleave there is virtual fill."""
    interleave: int = 5
    """Reed-Solomon codewords of a codeblock: 1 to 5 or 8."""
    parity: int = 32
    """Reed-Solomon parity octets of a codeword: 32 corrects 16 octets, 16 corrects 8."""
    dual_basis: bool = True
    """Berlekamp's dual basis, as the standard has it; False is the conventional one."""
    randomizer: TmRandomizer = TmRandomizer.PERIOD_255
    """The sequence that whitens the codeblock."""
    marker_errors_search_max: int = 3
    """Wrong bits that a marker may have anywhere in the stream."""
    marker_errors_lock_max: int = 6
    """Wrong bits that a marker may have where it is due, if Reed-Solomon cannot tell a frame that is out of step."""
    flywheel_frames_max: int = 4
    """Due frames that may fail in a row before lock is lost."""

    def __post_init__(self) -> None:
        """Refuse what cannot be coded.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        longest = self.reed_solomon().data_octets_max
        if not 0 < self.frame_length_octets <= longest or self.frame_length_octets % self.interleave:
            raise MisuseError(
                f"TM coding: expected frame_length_octets a multiple of {self.interleave} up to {longest}, "
                f"found {self.frame_length_octets}"
            )
        if not 0 <= self.marker_errors_search_max <= self.marker_errors_lock_max <= MARKER_ERRORS_MAX:
            raise MisuseError(
                "TM coding: expected 0 <= marker_errors_search_max <= marker_errors_lock_max <= "
                f"{MARKER_ERRORS_MAX}, found {self.marker_errors_search_max} and {self.marker_errors_lock_max}"
            )
        if not 0 <= self.flywheel_frames_max <= FLYWHEEL_FRAMES_MAX:
            raise MisuseError(
                f"TM coding: expected flywheel_frames_max 0 to {FLYWHEEL_FRAMES_MAX}, found {self.flywheel_frames_max}"
            )

    @property
    def codeblock_octets(self) -> int:
        """Length of frame and parity."""
        return self.frame_length_octets + self.parity * self.interleave

    @property
    def cadu_octets(self) -> int:
        """Length of a frame on the line: marker, frame and parity."""
        return len(ASM) + self.codeblock_octets

    def reed_solomon(self) -> ReedSolomon:
        """Make the code that this configuration names."""
        return ReedSolomon(parity=self.parity, interleave=self.interleave, dual_basis=self.dual_basis)


class TmEncoder:
    """Makes CADUs of frames."""

    def __init__(self, config: TmCodingConfig) -> None:
        self.config = config
        self._code = config.reed_solomon()
        sequence = tm_sequence(config.randomizer, config.codeblock_octets)
        self._sequence = np.concatenate([np.zeros(len(ASM), np.uint8), sequence])

    def encode(self, frame: bytes) -> bytes:
        """Give the CADU of a frame.

        Raises:
            MisuseError: The frame has not the configured length.
        """
        if len(frame) != self.config.frame_length_octets:
            raise MisuseError(f"expected a TM frame of {self.config.frame_length_octets} octets, found {len(frame)}")
        plain = b"".join((ASM, frame, self._code.parity(frame)))
        return np.bitwise_xor(np.frombuffer(plain, np.uint8), self._sequence).tobytes()


class DeframedFrame(NamedTuple):
    """A frame that Reed-Solomon found good or made good."""

    frame: bytes
    corrected_symbols: int


class RejectReason(Enum):
    """Why a frame that began, or was due, is not among the frames."""

    UNCORRECTABLE = "more wrong symbols than Reed-Solomon corrects"
    MARKER_MISSING = "no sync marker where one was due"


class FrameRejected(msgspec.Struct, frozen=True, tag=True):
    """A place of the stream where a frame began, or was due, did not give one."""

    offset_octets: int
    """Place of the marker in the stream, counted from the first octet received."""
    reason: RejectReason
    detail: str

    def __str__(self) -> str:
        return f"frame at octet {self.offset_octets} rejected, {self.reason.value}: {self.detail}"


class FrameSynchronized(msgspec.Struct, frozen=True, tag=True):
    """A good frame began where none was due: the deframer is in lock, by a new step."""

    offset_octets: int
    skipped_octets: int
    """Octets since the last good frame; below 0 where the line lost some of that frame's."""

    def __str__(self) -> str:
        return f"in lock at octet {self.offset_octets}, {self.skipped_octets} octets after the last good frame"


class FrameLockLost(msgspec.Struct, frozen=True, tag=True):
    """So many due frames failed in a row that no further one is expected."""

    offset_octets: int
    missed_frames: int

    def __str__(self) -> str:
        return f"lock lost at octet {self.offset_octets}: {self.missed_frames} frames in a row failed"


class FrameDropped(msgspec.Struct, frozen=True, tag=True):
    """A good frame was dropped since too many waited to be taken."""

    offset_octets: int

    def __str__(self) -> str:
        return f"frame at octet {self.offset_octets} dropped: {FRAMES_MAX} frames wait to be taken"


DeframerEvent = FrameRejected | FrameSynchronized | FrameLockLost | FrameDropped


class DeframerCounts(msgspec.Struct):
    """What a deframer has seen since it was made."""

    octets: int = 0
    frames: int = 0
    corrected_symbols: int = 0
    uncorrectable: int = 0
    markers_missing: int = 0
    locks_gained: int = 0
    locks_lost: int = 0
    skipped_octets: int = 0
    frames_dropped: int = 0
    markers_skipped: int = 0
    """Places that looked like a marker and were not tried, since too many had failed before them."""
    events_dropped: int = 0


class TmDeframer:
    """Finds the frames in a stream of octets; never raises, whatever the octets."""

    def __init__(self, config: TmCodingConfig) -> None:
        self.config = config
        self.counts = DeframerCounts()
        self._code = config.reed_solomon()
        self._codeblock_octets, self._cadu_octets = config.codeblock_octets, config.cadu_octets
        self._sequence = tm_sequence(config.randomizer, self._codeblock_octets)
        self._steps_ambiguous = _passes_as_codeblock(self._code, self._sequence.tobytes())
        # Half of this can be wrong in a corrected codeblock, and some lost octets are replaced by chance with the
        # right ones; further back no frame begins within a corrected one.
        self._overlap_octets_max = config.parity * config.interleave
        self._frames: list[DeframedFrame] = []
        self._events: list[DeframerEvent] = []
        # Places are counted from the first octet of the stream. The buffer begins at the cursor's last place, which
        # is below every place that is not decided yet.
        self._buffer = bytearray()
        self._origin = 0
        self._cursor = 0
        self._scanned = 0
        self._markers: deque[int] = deque()
        self._due: int | None = None
        self._missed = 0
        self._last_end = 0
        earned, cadus = GUESSES_EARNED
        self._guess_octets = self._cadu_octets * cadus // earned
        # Until here in the stream the guesses that failed are paid for, each with so many octets.
        self._paid = 0

    @property
    def in_lock(self) -> bool:
        """Whether it knows where the next frame is due."""
        return self._due is not None

    @property
    def buffered_octets(self) -> int:
        """Octets that wait for more: never more than a CADU and one octet."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Take octets of the stream, as many as there are."""
        self.counts.octets += len(data)
        for start in range(0, len(data), PIECE_OCTETS_MAX):
            self._buffer += data[start : start + PIECE_OCTETS_MAX]
            while self._decide_due() or self._decide():
                pass
            del self._buffer[: self._cursor - self._origin]
            self._origin = self._cursor

    def take(self) -> list[DeframedFrame]:
        """Give the frames found since the last call, in order."""
        frames, self._frames = self._frames, []
        return frames

    def take_events(self) -> list[DeframerEvent]:
        """Give what happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def _decide_due(self) -> bool:
        """Accept the frame that is due, if all is as it should be: the short way of ``_decide``, with its outcome."""
        start = self._cursor
        place = start - self._origin
        if (
            start != self._due
            or len(self._buffer) < place + self._cadu_octets
            or not self._buffer.startswith(ASM, place)
        ):
            return False
        body = start + len(ASM)
        try:
            frame, corrected_symbols = self._code.decode(self._derandomize(body))
        except MalformedError as error:
            self._reject(start, str(error))
        else:
            self._accept(start, body, DeframedFrame(frame, corrected_symbols))
        return True

    def _decide(self) -> bool:
        """Decide on the earliest open start, unless there is none or it needs more octets."""
        start = self._next_start()
        if start is None:
            return False
        bodies = self._bodies(start)
        end = self._origin + len(self._buffer)
        if bodies is None or any(body + self._codeblock_octets > end for body in bodies):
            return False
        best: tuple[int, DeframedFrame] | None = None
        detail = ""
        for body in bodies:
            try:
                found = DeframedFrame(*self._code.decode(self._derandomize(body)))
            except MalformedError as error:
                detail = str(error)
                continue
            if best is None or found.corrected_symbols < best[1].corrected_symbols:
                best = body, found
        if best is None:
            self._reject(start, detail)
        else:
            self._accept(start, *best)
        return True

    def _next_start(self) -> int | None:
        if self._due is not None and self._cursor == self._due:
            return self._due
        self._scan()
        while self._markers and (self._markers[0] < self._cursor or self._is_spent(self._markers[0])):
            self.counts.markers_skipped += self._markers[0] >= self._cursor
            self._markers.popleft()
        starts = [*([self._markers[0]] if self._markers else []), *([] if self._due is None else [self._due])]
        # What was scanned and holds no marker is decided, and need not be kept.
        self._cursor = max(self._cursor, min([self._scanned, *starts]))
        return min(starts, default=None)

    def _is_spent(self, start: int) -> bool:
        """Tell whether so many guesses failed shortly before a start, which is next, that it is not tried."""
        is_next = self._due is None or start < self._due
        return is_next and self._paid - start >= GUESSES_MAX * self._guess_octets

    def _bodies(self, start: int) -> list[int] | None:
        """Give the places where a codeblock may begin if a frame begins at a start; None if more octets must tell."""
        place = start - self._origin
        if len(self._buffer) < place + len(ASM) + 1:
            return None
        plain = start + len(ASM)
        if self._buffer.startswith(ASM, place) or start != self._due:
            return [plain]
        # A frame is due and its marker is hit. It may also have lost an octet, or won one between its own.
        seen = bytes(self._buffer[place : place + len(ASM) + 1])
        bodies = []
        if seen[: len(ASM)] != ASM and seen[: len(ASM) - 1] in _ASM_LESS_ONE:
            bodies.append(plain - 1)
        if not self._steps_ambiguous or _wrong_bits(seen) <= self.config.marker_errors_lock_max:
            bodies.append(plain)
        if any(seen[:i] + seen[i + 1 :] == ASM for i in range(1, len(ASM))):
            bodies.append(plain + 1)
        return bodies

    def _derandomize(self, body: int) -> Octets:
        # A view of the buffer would keep it from being cut; the xor leaves none.
        received = np.frombuffer(self._buffer, np.uint8, self._codeblock_octets, body - self._origin)
        return np.bitwise_xor(received, self._sequence)

    def _accept(self, start: int, body: int, found: DeframedFrame) -> None:
        if start != self._due:
            self.counts.locks_gained += self._due is None
            self._report(FrameSynchronized(offset_octets=start, skipped_octets=start - self._last_end))
        if start > self._last_end:
            self.counts.skipped_octets += start - self._last_end
        self.counts.frames += 1
        if len(self._frames) < FRAMES_MAX:
            self._frames.append(found)
        else:
            self.counts.frames_dropped += 1
            self._report(FrameDropped(offset_octets=start))
        self._missed = 0
        self._due = self._last_end = self._cursor = body + self._codeblock_octets
        if found.corrected_symbols:
            self.counts.corrected_symbols += found.corrected_symbols
            self._cursor -= self._overlap_octets_max

    def _reject(self, start: int, detail: str) -> None:
        place = start - self._origin
        marker = bytes(self._buffer[place : place + len(ASM)])
        if _wrong_bits(marker) <= self.config.marker_errors_search_max:
            self.counts.uncorrectable += 1
            self._report(FrameRejected(start, RejectReason.UNCORRECTABLE, detail))
        else:
            self.counts.markers_missing += 1
            detail = f"expected {ASM.hex()}, found {marker.hex()}"
            self._report(FrameRejected(start, RejectReason.MARKER_MISSING, detail))
        self._cursor = start + 1
        if start != self._due:
            self._paid = max(self._paid, start) + self._guess_octets
            return
        self._missed += 1
        if self._missed <= self.config.flywheel_frames_max:
            self._due = start + self._cadu_octets
            return
        self._due = None
        self.counts.locks_lost += 1
        self._report(FrameLockLost(offset_octets=start, missed_frames=self._missed))

    def _scan(self) -> None:
        """Note every place with a marker that was not looked at yet, each place once."""
        first = max(self._scanned, self._cursor)
        octets = np.frombuffer(memoryview(self._buffer)[first - self._origin :], np.uint8).astype(np.uint32)
        if len(octets) < len(ASM):
            return
        words = octets[:-3] << 24 | octets[1:-2] << 16 | octets[2:-1] << 8 | octets[3:]
        wrong_bits = np.bitwise_count(words ^ np.uint32(_ASM_NUMBER))
        places = np.flatnonzero(wrong_bits <= self.config.marker_errors_search_max)
        self._markers.extend((places + first).tolist())
        self._scanned = first + len(words)

    def _report(self, event: DeframerEvent) -> None:
        if len(self._events) < EVENTS_MAX:
            self._events.append(event)
        else:
            self.counts.events_dropped += 1


def _wrong_bits(marker: bytes | bytearray) -> int:
    return (int.from_bytes(marker[: len(ASM)], "big") ^ _ASM_NUMBER).bit_count()


def _passes_as_codeblock(code: ReedSolomon, sequence: bytes) -> bool:
    """Tell whether a sequence passes as a codeblock, so that it hides no slip from Reed-Solomon."""
    try:
        code.decode(sequence)
    except MalformedError:
        return False
    return True
