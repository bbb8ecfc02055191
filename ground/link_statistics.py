"""What came down on each virtual channel, and what did not: frames, gaps, repetitions, corrections, packets.

Counts only, since the station started; what each loss was is told by events as it happens. Frames are counted missing
by their virtual channel counts, packets by the sequence counts of their APID on that channel, so that the two can be
compared: a packet missing where no frame was never left the spacecraft.
"""

from collections import Counter
from typing import Any

from ccsds.packet import SEQUENCE_COUNT_MAX

# Applications that are followed on all channels together; a mission has a handful, and forged ones need no row.
APPLICATIONS_MAX = 64

_SEQUENCE_COUNTS = SEQUENCE_COUNT_MAX + 1

_CHANNEL_COUNTS = (
    "frames",
    "frames_missed",
    "gaps",
    "duplicates",
    "refused",
    "symbols_corrected",
    "packets",
    "packets_missed",
    "packet_gaps",
    "sequences_set_back",
)


class LinkStatistics:
    """The counts of one station's downlink."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, str]] = Counter()
        self._last_frames: dict[int, bytes] = {}
        self._next_sequence: dict[tuple[int, int], int] = {}

    def frame(self, virtual_channel: int, octets: bytes, corrected: int) -> bool:
        """Count a frame that is whole.

        Args:
            virtual_channel: Its own.
            octets: All of it.
            corrected: Symbols that Reed-Solomon corrected in it.

        Returns:
            Whether it is the last frame of its channel once more, octet by octet.
        """
        self._add(virtual_channel, "frames")
        self._add(virtual_channel, "symbols_corrected", corrected)
        is_repeated = self._last_frames.get(virtual_channel) == octets
        self._last_frames[virtual_channel] = octets
        if is_repeated:
            self._add(virtual_channel, "duplicates")
        return is_repeated

    def refused(self, virtual_channel: int) -> None:
        """Count a frame that link security refused."""
        self._add(virtual_channel, "refused")

    def gap(self, virtual_channel: int, frames_missed: int) -> None:
        """Count a jump of the virtual channel count."""
        self._add(virtual_channel, "gaps")
        self._add(virtual_channel, "frames_missed", frames_missed)

    def packet(self, virtual_channel: int, apid: int, sequence_count: int) -> int:
        """Count a packet; give how many of its application were missed before it.

        Only the first half of the counts lies ahead: a spacecraft that began anew counts from zero.
        """
        self._add(virtual_channel, "packets")
        key = virtual_channel, apid
        expected = self._next_sequence.get(key)
        if expected is None and len(self._next_sequence) >= APPLICATIONS_MAX:
            return 0
        self._next_sequence[key] = (sequence_count + 1) % _SEQUENCE_COUNTS
        missed = 0 if expected is None else (sequence_count - expected) % _SEQUENCE_COUNTS
        if missed >= _SEQUENCE_COUNTS // 2:
            self._add(virtual_channel, "sequences_set_back")
            return 0
        if missed:
            self._add(virtual_channel, "packet_gaps")
            self._add(virtual_channel, "packets_missed", missed)
        return missed

    def snapshot(self) -> dict[str, Any]:
        """Give the counts of each virtual channel on which something came, in plain values."""
        channels = sorted({virtual_channel for virtual_channel, _ in self._counts})
        return {str(each): {name: self._counts[each, name] for name in _CHANNEL_COUNTS} for each in channels}

    def _add(self, virtual_channel: int, name: str, number: int = 1) -> None:
        self._counts[virtual_channel, name] += number
