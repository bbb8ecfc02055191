"""Framing errors: a UART's receiver misreads a start or a stop bit, and what it then makes of the octets.

A character at 8N1 is a start bit of 0, eight data bits, the lowest first, and a stop bit of 1; a receiver waits for an
edge from 1 to 0, then samples nine bits. A stop bit read as 0 is a framing error: the octet is there, but suspect, and
what becomes of it is its driver's choice. A start bit that is missed is worse: the receiver takes the next edge for
one, reads octets that were never sent from the bits of those that were, and gets back into step only by chance or in a
pause.

Which bits are misread is decided by the octet's offset alone. An octet that is read out of step arrives with the octet
in which its stop bit lies; one that a pause cuts short is lost.
"""

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum

import msgspec

from ccsds.errors import MisuseError
from hil.channel.burst import Burst
from hil.channel.channel import Channel, Effect
from hil.channel.noise import BLOCK_OCTETS, draw_positions
from hil.channel.tally import Tally, in_span
from hil.streams import Streams

UART_BITS_PER_OCTET = 10
"""Start bit, eight data bits, stop bit."""


class FramingPolicy(Enum):
    """What a driver makes of an octet whose stop bit was 0."""

    NULL = "null"
    """It reads as 0x00, as a POSIX terminal has it with neither IGNPAR nor PARMRK set (termios)."""
    DISCARD = "discard"
    """It is left out, as with IGNPAR."""
    KEEP = "keep"
    """It reads as it was received, as in a driver that does not look at the flag."""


@dataclass(frozen=True, kw_only=True)
class FramingConfig:
    """How often a receiver misreads what frames an octet.

    Raises:
        MisuseError: A rate is out of range, or both are 0.
    """

    stop_error_rate: float = 0.0
    """Probability for each octet that its stop bit is read as 0."""
    start_error_rate: float = 0.0
    """Probability for each octet that its start bit is missed."""
    policy: FramingPolicy = FramingPolicy.NULL

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        rates = (self.stop_error_rate, self.start_error_rate)
        if not all(0 <= rate <= 0.5 for rate in rates) or not any(rates):
            raise MisuseError(
                f"expected rates of framing errors of 0 to 0.5 and one of them above 0, found {rates[0]} and {rates[1]}"
            )


class OctetsMisframed(msgspec.Struct, frozen=True, tag=True):
    """A receiver misread start and stop bits."""

    line: str
    offset: int
    """Offset of the first octet concerned."""
    start_ns: int
    """Start of the span of time."""
    stop_errors: int = 0
    """Stop bits misread."""
    start_errors: int = 0
    """Start bits missed."""
    lost: int = 0
    """Octets that never came out."""
    altered: int = 0
    """Octets that came out as others."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: {self.stop_errors} stop bits were misread and {self.start_errors} start bits missed; "
            f"{self.lost} octets were lost and {self.altered} altered from offset {self.offset} on, "
            f"{in_span(self.start_ns)}"
        )


class Framing(Effect):
    """Misread start and stop bits.

    Args:
        inner: The channel that it wraps, of a line with `UART_BITS_PER_OCTET`.
        config: How often, and what comes of it.
        streams: Where its draws come from; it uses the streams ``framing/…``.
        line: The line's name in events.
    """

    def __init__(self, inner: Channel, config: FramingConfig, streams: Streams, line: str) -> None:
        super().__init__(inner)
        self._config = config
        self._streams = streams
        self._tally = Tally(OctetsMisframed, line, self._add_event)
        self._block = -1
        self._stop_errors: frozenset[int] = frozenset()
        self._start_errors: frozenset[int] = frozenset()
        self._errors: list[int] = []
        self._receiver = Receiver()
        # What comes next if nothing is missing, and when.
        self._next_offset = 0
        self._next_ns = 0

    @property
    def octets_lost(self) -> int:
        """Octets that never came out."""
        return self._tally.totals["lost"]

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = [part for burst in self._inner.receive(now_ns) for part in self._read(burst)]
        self._tally.advance(now_ns)
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._tally.close()
        super().finish()

    def _read(self, burst: Burst) -> list[Burst]:
        bit_ns = burst.pace.duration_ns(1) // UART_BITS_PER_OCTET
        if burst.offset != self._next_offset or burst.start_ns - self._next_ns > bit_ns:
            # The line was at rest, or octets are missing: whatever was begun is over.
            self._receiver = Receiver()
        self._next_offset = burst.offset + len(burst.data)
        self._next_ns = burst.end_ns
        read: list[Burst] = []
        start = index = 0
        while index < len(burst.data):
            if self._receiver.is_in_step:
                index = self._next_error(burst, index)
                if index == len(burst.data):
                    break
            if index > start:
                read.append(burst.part(start, index))
            read += self._read_octet(burst.part(index, index + 1))
            start = index = index + 1
        if start < len(burst.data):
            read.append(burst.part(start, len(burst.data)))
        return read

    def _next_error(self, burst: Burst, index: int) -> int:
        """Give the index of the first octet from one on at which something is misread, or the burst's length."""
        end = burst.offset + len(burst.data)
        offset = burst.offset + index
        while offset < end:
            self._draw(offset // BLOCK_OCTETS)
            ahead = bisect_left(self._errors, offset)
            if ahead < len(self._errors):
                return min(self._errors[ahead], end) - burst.offset
            offset = (offset // BLOCK_OCTETS + 1) * BLOCK_OCTETS
        return len(burst.data)

    def _read_octet(self, octet: Burst) -> list[Burst]:
        """Give what the receiver makes of an octet on the line: one or none."""
        self._draw(octet.offset // BLOCK_OCTETS)
        stop_error, start_error = octet.offset in self._stop_errors, octet.offset in self._start_errors
        received = self._receiver.take(octet.data[0], misses_start=start_error, misreads_stop=stop_error)
        value = None
        if received is not None:
            value = received.value
            if not received.has_stop:
                match self._config.policy:
                    case FramingPolicy.NULL:
                        value = 0
                    case FramingPolicy.DISCARD:
                        value = None
        self._tally.note(
            octet.end_ns,
            octet.offset,
            stop_errors=int(stop_error),
            start_errors=int(start_error),
            lost=int(value is None),
            altered=int(value is not None and value != octet.data[0]),
        )
        return [] if value is None else [octet.altered(bytes([value]))]

    def _draw(self, block: int) -> None:
        if block == self._block:
            return
        self._block = block
        self._stop_errors = self._positions("framing/stop", block, self._config.stop_error_rate)
        self._start_errors = self._positions("framing/start", block, self._config.start_error_rate)
        self._errors = sorted(self._stop_errors | self._start_errors)

    def _positions(self, name: str, block: int, rate: float) -> frozenset[int]:
        if rate == 0:
            return frozenset()
        positions = draw_positions(self._streams.block(name, block), rate, BLOCK_OCTETS)
        return frozenset((positions + block * BLOCK_OCTETS).tolist())


@dataclass(frozen=True, slots=True)
class Received:
    """What a receiver took for an octet."""

    value: int
    has_stop: bool
    """Whether a stop bit followed."""


class Receiver:
    """The receiver of a UART, bit by bit; it begins in step, on a line at rest."""

    def __init__(self) -> None:
        self._was_high = True
        # Data and stop bits sampled of the character that is being read, None while an edge is waited for.
        self._samples: list[int] | None = None

    @property
    def is_in_step(self) -> bool:
        """Whether the next bit is taken for a start bit if it is one."""
        return self._samples is None and self._was_high

    def take(self, octet: int, *, misses_start: bool, misreads_stop: bool) -> Received | None:
        """Read the ten bits of one octet; give what was completed by them, at most one."""
        received = None
        was_in_step = self.is_in_step and not misses_start
        bits = [int(misses_start), *(octet >> index & 1 for index in range(8)), 1]
        if was_in_step and misreads_stop:
            # Only the sample is wrong: the line itself is high, and the next edge is found.
            return Received(octet, False)
        for bit in bits:
            if self._samples is None:
                if self._was_high and not bit:
                    self._samples = []
                self._was_high = bool(bit)
            elif len(self._samples) < 8:
                self._samples.append(bit)
            else:
                value = sum(sample << index for index, sample in enumerate(self._samples))
                received = Received(value, bool(bit))
                self._samples = None
                self._was_high = bool(bit)
        return received
