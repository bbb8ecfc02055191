"""Spells: spans of time that come again and again, both their lengths and the gaps between them drawn exponentially.

They are the bad state of a chain of two states in continuous time. Which spans they are depends on the seed and the two
means alone: not on what is on the line, nor on who asks. At 0 ns there is none.
"""

import numpy as np

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S
from hil.streams import Streams

MEAN_NS_MAX = 31 * 86_400 * NS_PER_S
"""The longest mean of a spell or a gap: beyond a month, a list of dropouts says it better."""

# Spells drawn together.
_BATCH = 64

# No length reaches 27 times its mean in any mission; a batch of such lengths still fits into 63 bits.
_LENGTH_NS_MAX = 27 * MEAN_NS_MAX


class Spells:
    """The spells of one effect.

    Args:
        streams: Where its draws come from.
        name: The stream that it uses.
        gap_ns: The mean from the end of one to the beginning of the next.
        length_ns: The mean length.
    """

    def __init__(self, streams: Streams, name: str, gap_ns: float, length_ns: float) -> None:
        self._streams = streams
        self._name = name
        self._means_ns = (gap_ns, length_ns)
        self._batch = -1
        self._origin_ns = 0
        # Spells that are drawn and not over, as (number, start, end).
        self._waiting: list[tuple[int, int, int]] = []

    def between(self, start_ns: int, end_ns: int) -> list[tuple[int, int, int]]:
        """Give the spells of which any part lies in a span of time: number, start and end of each.

        Args:
            start_ns: Never before that of the call before.
            end_ns: The end of the span.
        """
        waiting = self._waiting
        while waiting and waiting[0][2] <= start_ns:
            waiting.pop(0)
        while self._origin_ns < end_ns:
            self._draw(start_ns)
        return [spell for spell in waiting if spell[1] < end_ns and spell[2] > start_ns]

    def _draw(self, start_ns: int) -> None:
        self._batch += 1
        lengths = self._streams.block(self._name, self._batch).standard_exponential((_BATCH, 2)) * self._means_ns
        edges_ns = self._origin_ns + np.cumsum(np.clip(lengths, 1, _LENGTH_NS_MAX).astype(np.int64).ravel())
        starts_ns, ends_ns = edges_ns[::2], edges_ns[1::2]
        self._origin_ns = int(edges_ns[-1])
        for index in range(int(np.searchsorted(ends_ns, start_ns, side="right")), _BATCH):
            self._waiting.append((self._batch * _BATCH + index, int(starts_ns[index]), int(ends_ns[index])))


def check_spells(gap_ns: float, length_ns: float, what: str) -> None:
    """Refuse means that cannot be.

    Raises:
        MisuseError: One is not above 0, or beyond `MEAN_NS_MAX`.
    """
    for mean_ns in (gap_ns, length_ns):
        if not 0 < mean_ns <= MEAN_NS_MAX:
            raise MisuseError(f"{what}: expected mean times above 0 and up to {MEAN_NS_MAX} ns, found {mean_ns:g} ns")
