"""The CLTU: a TC frame on the line, between a start and a tail sequence, in codeblocks that mend a flipped bit each.

    EB90 | codeblocks of 7 octets + parity octet | C5 C5 C5 C5 C5 C5 C5 79

A codeblock is the BCH(63,56) code of g(x) = x^7 + x^6 + x^2 + 1, parity complemented, and a filler bit of 0. The last
codeblock is filled with 0x55; what that fill decodes to is of no meaning (other senders randomize it too), so a frame
must be cut by its own length. One CLTU carries one frame. The deframer works on octets that are aligned as they were
sent and starts anywhere. What it gives are candidates; it looks at their length and FECF only to know whether the
octets must be searched again.

Source: CCSDS 231.0-B-4 3 (BCH), 5 (CLTU), 6 (randomizer).
"""

import re
from collections import Counter
from enum import Enum

from ccsds.crc import crc16
from ccsds.errors import MisuseError
from ccsds.randomizer import tc_randomize
from ccsds.tc_frame import FRAME_OCTETS_MAX, OVERHEAD_OCTETS

START_SEQUENCE = b"\xeb\x90"
TAIL_SEQUENCE = b"\xc5\xc5\xc5\xc5\xc5\xc5\xc5\x79"
FILL_OCTET = 0x55

INFORMATION_OCTETS = 7
CODEBLOCK_OCTETS = 8

# The codeblocks of the longest frame: a CLTU carries one frame here.
CODEBLOCKS_MAX = -(-FRAME_OCTETS_MAX // INFORMATION_OCTETS)
# Reasons kept in words between two calls of `take_rejects`; noise makes one for every few hundred octets. The counts
# go on.
REJECTS_MAX = 64
# How far the search goes back behind a CLTU that ended without a tail. Each codeblock made by noise passes as one with
# even chances, so a start sequence made by noise seldom leads further than this; and octets made to look like start
# sequences everywhere cannot cost more than eight codeblocks for two octets.
RESCAN_OCTETS_MAX = 64

_GENERATOR = 0b1100_0101
_PARITY_ONES = 0x7F


class CltuRejection(Enum):
    """Why octets that followed a start sequence gave no candidate."""

    FIRST_CODEBLOCK = "expected a codeblock after the start sequence, found one with several wrong bits"
    EMPTY = "expected a codeblock after the start sequence, found the tail sequence"


def cltu_octets(frame_octets: int) -> int:
    """Give the length on the line of a frame of a length."""
    codeblocks = -(-frame_octets // INFORMATION_OCTETS)
    return len(START_SEQUENCE) + codeblocks * CODEBLOCK_OCTETS + len(TAIL_SEQUENCE)


def cltu_encode(frame: bytes, randomize: bool = False) -> bytes:
    """Put a frame on the line.

    Args:
        frame: A whole TC frame, 1 to 1024 octets.
        randomize: Whether the link's profile has the TC randomizer on.

    Raises:
        MisuseError: The frame has no octets, or more than a frame can have.
    """
    if not 1 <= len(frame) <= FRAME_OCTETS_MAX:
        raise MisuseError(f"CLTU: expected a frame of 1 to {FRAME_OCTETS_MAX} octets, found {len(frame)}")
    if randomize:
        frame = tc_randomize(frame)
    parts = [START_SEQUENCE]
    for position in range(0, len(frame), INFORMATION_OCTETS):
        information = frame[position : position + INFORMATION_OCTETS].ljust(INFORMATION_OCTETS, bytes([FILL_OCTET]))
        parts.append(information)
        parts.append(bytes([(_remainder(information) ^ _PARITY_ONES) << 1]))
    parts.append(TAIL_SEQUENCE)
    return b"".join(parts)


class CltuDeframer:
    """Finds CLTUs in octets of the line.

    A start sequence may have one wrong bit, a codeblock one, the tail one. What ends without a tail, or is as long as
    the longest frame, is given as well, since the tail may be what was hit. A start sequence made by noise, or one
    whose CLTU was cut off, does not hide the true one after it: unless what was read is a right frame, it is searched
    for. Nothing inside a right frame is looked at again, so that data which looks like a CLTU stays data.

    Args:
        randomized: Whether the link's profile has the TC randomizer on.
    """

    def __init__(self, randomized: bool = False) -> None:
        self._randomized = randomized
        # While searching: at most one octet that may be the first of a start sequence. Else: what followed the start
        # sequence, at most as long as the longest CLTU and what one call brought.
        self._buffer = bytearray()
        self._decoded: bytearray | None = None
        self._corrected = 0
        self._candidates: list[bytes] = []
        self._rejects: list[str] = []
        self.reject_counts: Counter[CltuRejection] = Counter()
        self.candidates_count = 0
        self.corrected_bits_count = 0
        """Bits mended in codeblocks of candidates."""

    def receive(self, data: bytes) -> None:
        """Take octets from the line, cut anywhere. Never raises."""
        self._buffer += data
        while self._find_start() and self._read_codeblocks():
            pass

    def take(self) -> list[bytes]:
        """Give the candidates since the last call: each a frame, if it is one, and its fill."""
        taken, self._candidates = self._candidates, []
        return taken

    def take_rejects(self) -> list[str]:
        """Give why octets were not used since the last call, at most `REJECTS_MAX` times."""
        taken, self._rejects = self._rejects, []
        return taken

    def _find_start(self) -> bool:
        if self._decoded is not None:
            return True
        match = _START.search(self._buffer)
        if match is None:
            del self._buffer[: -len(START_SEQUENCE) + 1]
            return False
        del self._buffer[: match.end()]
        self._decoded = bytearray()
        self._corrected = 0
        return True

    def _read_codeblocks(self) -> bool:
        """Go on with the CLTU that was begun; tell whether it ended and the search goes on."""
        decoded = self._decoded
        if decoded is None:
            return True
        position = len(decoded) // INFORMATION_OCTETS * CODEBLOCK_OCTETS
        while len(self._buffer) - position >= CODEBLOCK_OCTETS:
            codeblock = self._buffer[position : position + CODEBLOCK_OCTETS]
            position += CODEBLOCK_OCTETS
            # A tail with one wrong bit is no tail here, but never a codeblock either: it was chosen so.
            if codeblock == TAIL_SEQUENCE:
                self._end(decoded, position, has_tail=True)
                return True
            syndrome = _remainder(codeblock) ^ codeblock[7] >> 1 ^ _PARITY_ONES
            correction = _CORRECTIONS[syndrome]
            if correction is None or position > CODEBLOCKS_MAX * CODEBLOCK_OCTETS:
                self._end(decoded, position, has_tail=False)
                return True
            if syndrome:
                octet, bit = correction
                codeblock[octet] ^= bit
                self._corrected += 1
            decoded += codeblock[:INFORMATION_OCTETS]
        return False

    def _end(self, decoded: bytearray, position: int, has_tail: bool) -> None:
        """Give what was decoded, and leave in the buffer what is to be searched next.

        Args:
            decoded: The information octets of all codeblocks.
            position: How many octets were read, with those that ended it.
            has_tail: Whether these were a tail sequence, else a codeblock that cannot be mended.
        """
        self._decoded = None
        frame_octets = 0
        if decoded:
            self.corrected_bits_count += self._corrected
            frame_octets = self._give(self._derandomize(decoded))
        else:
            self._reject(CltuRejection.EMPTY if has_tail else CltuRejection.FIRST_CODEBLOCK)
        if frame_octets:
            position = -(-frame_octets // INFORMATION_OCTETS) * CODEBLOCK_OCTETS
        elif has_tail:
            self._give_hidden(decoded, position)
        else:
            position = max(0, position - RESCAN_OCTETS_MAX)
        del self._buffer[:position]

    def _give(self, candidate: bytes) -> int:
        self.candidates_count += 1
        self._candidates.append(candidate)
        return _right_frame_octets(candidate)

    def _give_hidden(self, decoded: bytearray, position: int) -> None:
        """Give the frame behind a true start sequence that was read as the end of a codeblock, if there is one."""
        for end in range(CODEBLOCK_OCTETS, position - CODEBLOCK_OCTETS, CODEBLOCK_OCTETS):
            if _START.match(self._buffer, end - len(START_SEQUENCE)):
                candidate = self._derandomize(decoded[end // CODEBLOCK_OCTETS * INFORMATION_OCTETS :])
                if _right_frame_octets(candidate):
                    self._give(candidate)
                    return

    def _derandomize(self, decoded: bytearray) -> bytes:
        return tc_randomize(bytes(decoded)) if self._randomized else bytes(decoded)

    def _reject(self, reason: CltuRejection) -> None:
        self.reject_counts[reason] += 1
        if len(self._rejects) < REJECTS_MAX:
            self._rejects.append(reason.value)


def _right_frame_octets(candidate: bytes) -> int:
    """Give the length of the frame that a candidate begins with, or 0 if its FECF is wrong."""
    length_octets = ((candidate[2] & 0b11) << 8 | candidate[3]) + 1
    is_right = OVERHEAD_OCTETS < length_octets <= len(candidate) and not crc16(candidate[:length_octets])
    return length_octets if is_right else 0


def _remainder(codeblock: bytes | bytearray) -> int:
    """Give the parity of the first seven octets, not complemented."""
    return (
        _T0[codeblock[0]]
        ^ _T1[codeblock[1]]
        ^ _T2[codeblock[2]]
        ^ _T3[codeblock[3]]
        ^ _T4[codeblock[4]]
        ^ _T5[codeblock[5]]
        ^ _T6[codeblock[6]]
    )


def _powers() -> list[int]:
    """Give x^0 to x^62 modulo the generator: the syndromes of one wrong bit, the last bit of parity first."""
    powers = [1]
    while len(powers) < 63:
        shifted = powers[-1] << 1
        powers.append(shifted ^ _GENERATOR if shifted & 0x80 else shifted)
    return powers


def _table(octet: int) -> bytes:
    """Give what each value of one octet adds to the remainder."""
    weights = [_POWERS[62 - 8 * octet - bit] for bit in range(8)]
    table = bytearray(256)
    for value in range(256):
        for bit, weight in enumerate(weights):
            if value & 0x80 >> bit:
                table[value] ^= weight
    return bytes(table)


def _corrections() -> list[tuple[int, int] | None]:
    """Give, for each syndrome, the octet and the mask of the one wrong bit, or None if there are more."""
    corrections: list[tuple[int, int] | None] = [None] * 128
    corrections[0] = (0, 0)
    for place in range(63):
        corrections[_POWERS[62 - place]] = (place // 8, 0x80 >> place % 8)
    return corrections


def _start_pattern() -> re.Pattern[bytes]:
    """Give the start sequence with up to one wrong bit."""
    first, second = START_SEQUENCE

    def near(octet: int) -> bytes:
        octets = (octet, *(octet ^ 1 << bit for bit in range(8)))
        return b"[" + b"".join(re.escape(bytes([value])) for value in octets) + b"]"

    exact = [re.escape(bytes([octet])) for octet in (first, second)]
    return re.compile(near(first) + exact[1] + b"|" + exact[0] + near(second), re.DOTALL)


_POWERS = _powers()
_T0, _T1, _T2, _T3, _T4, _T5, _T6 = (_table(octet) for octet in range(INFORMATION_OCTETS))
_CORRECTIONS = _corrections()
_START = _start_pattern()
