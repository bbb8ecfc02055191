"""A line: one direction of a link with all its effects, and the record of what it did.

Octets pass, from the transmitter on: rate, delay and jitter; on the way into the receiver dropouts, fades, a pulled
cable, noise in bursts and bit errors; in a UART's receiver breaks, framing errors and overruns of its FIFO; in its
driver slips. What is not configured is not there. Equal seeds and equal octets at equal times give equal arrivals,
however the calls were cut, and what one effect draws does not depend on what others are there. A line knows nothing of
frames.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from ccsds.errors import MisuseError
from hil.channel.bit_errors import BitErrors
from hil.channel.breaks import BreakConfig, Breaks
from hil.channel.burst import Pace
from hil.channel.cable import Cable
from hil.channel.capture import Capture, CaptureFile
from hil.channel.channel import Effect
from hil.channel.delay import Delay
from hil.channel.dropouts import Dropout, Dropouts
from hil.channel.fades import FadeConfig, Fades
from hil.channel.framing import UART_BITS_PER_OCTET, Framing, FramingConfig
from hil.channel.gilbert_elliott import GilbertElliott, GilbertElliottConfig
from hil.channel.half_duplex import Air
from hil.channel.jitter import Jitter, JitterConfig
from hil.channel.outlet import Outlet
from hil.channel.overruns import FifoConfig, Overruns
from hil.channel.rate import Rate
from hil.channel.replay import Replay
from hil.channel.slips import SlipConfig, Slips
from hil.channel.truth import Truth
from hil.streams import Streams


@dataclass(frozen=True, kw_only=True)
class LineConfig:
    """What one direction of a link does to octets."""

    name: str
    """By which events and random streams know it, such as ``up`` and ``down``."""
    rate_bps: int
    """Bits a second on the line, start and stop bits included where there are any."""
    bits_per_octet: int = 8
    """Bits that one octet takes on the line: 8 on a radio, 10 on a UART at 8N1."""
    delay_ns: int | Callable[[int], int] = 0
    """Time from leaving to arriving; or what gives it for a time of sending, in nanoseconds both."""
    bit_error_rate: float | Callable[[int], float] = 0.0
    """Probability that a bit that arrives is inverted, 0 to 0.5; or what gives it for a time of arrival."""
    jitter: JitterConfig | None = None
    """Additional delay, by offset."""
    fades: FadeConfig | None = None
    """Bursts of octets that never arrive."""
    bursts: GilbertElliottConfig | None = None
    """Times in which the bit error rate is another."""
    dropouts: tuple[Dropout, ...] = ()
    """Spans, by time of arrival, in which nothing arrives; more may be added to the running line."""
    cable_pulls: tuple[Dropout, ...] = ()
    """Spans in which the cable is pulled."""
    framing: FramingConfig | None = None
    """Start and stop bits that a UART's receiver misreads."""
    breaks: BreakConfig | None = None
    """Times in which a UART's line is held at 0."""
    fifo: FifoConfig | None = None
    """What a UART's receiver holds while its processor is busy."""
    slips: SlipConfig | None = None
    """Octets that are dropped, duplicated or put in."""
    replay: Truth | None = None
    """What a capture says became of the octets, to be done to them again."""

    def __post_init__(self) -> None:
        """Refuse what no line can be.

        Raises:
            MisuseError: Naming the line, the field, what was expected and what was found.
        """
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise MisuseError(f"expected a line's name of lower-case letters, digits and _, found {self.name!r}")
        for field in ("rate_bps", "bits_per_octet"):
            if getattr(self, field) <= 0:
                raise MisuseError(f"line {self.name}: expected {field} above 0, found {getattr(self, field)}")
        if isinstance(self.delay_ns, int) and self.delay_ns < 0:
            raise MisuseError(f"line {self.name}: expected delay_ns of 0 or more, found {self.delay_ns}")
        if not callable(self.bit_error_rate) and not 0 <= self.bit_error_rate <= 0.5:
            raise MisuseError(f"line {self.name}: expected bit_error_rate of 0 to 0.5, found {self.bit_error_rate}")

        uses_uart = self.framing is not None or self.breaks is not None or self.fifo is not None
        if uses_uart and self.bits_per_octet != UART_BITS_PER_OCTET:
            raise MisuseError(
                f"line {self.name}: expected {UART_BITS_PER_OCTET} bits an octet for framing, breaks and a FIFO, which "
                f"only a UART has, found {self.bits_per_octet}"
            )


class LineCounts(msgspec.Struct, frozen=True):
    """What a line has done up to now."""

    octets_sent: int
    octets_delivered: int
    octets_lost: int
    """By all effects together."""
    fades: int
    """Fades that took something."""
    octets_faded: int
    bits_flipped: int
    """Bits inverted as noise, among the octets that reached the receiver."""
    octets_inserted: int = 0
    """Octets delivered that were never sent, or were before."""

    @property
    def octets_in_flight(self) -> int:
        """Octets that have neither arrived nor been lost."""
        return self.octets_sent + self.octets_inserted - self.octets_delivered - self.octets_lost


class Line:
    """One direction of a link.

    Args:
        config: What it does to octets.
        streams: The campaign's random streams; a line draws only from those scoped by its name.
        air: What it shares with the other direction, if the two take turns.
        capture: Where what passes is captured.
    """

    def __init__(
        self, config: LineConfig, streams: Streams, air: Air | None = None, capture: CaptureFile | None = None
    ) -> None:
        self.config = config
        self._air = air
        self._outlet = Outlet()
        self._dropouts = Dropouts(self._outlet, config.dropouts, config.name)
        scoped = streams.scoped(f"channel/{config.name}")
        self._fades = Fades(self._dropouts, config.fades, scoped, config.name)
        self._effects: list[Effect] = [self._dropouts, self._fades]
        if config.cable_pulls:
            self._effects.append(Cable(self._effects[-1], config.cable_pulls, config.name))
        if config.bursts is not None:
            self._effects.append(GilbertElliott(self._effects[-1], config.bursts, scoped, config.name))
        self._effects.append(BitErrors(self._effects[-1], config.bit_error_rate, scoped, config.name))
        if config.breaks is not None:
            self._effects.append(Breaks(self._effects[-1], config.breaks, scoped, config.name))
        if config.framing is not None:
            self._effects.append(Framing(self._effects[-1], config.framing, scoped, config.name))
        if config.fifo is not None:
            self._effects.append(Overruns(self._effects[-1], config.fifo, scoped, config.name))
        if config.slips is not None:
            self._effects.append(Slips(self._effects[-1], config.slips, scoped, config.name))
        if config.replay is not None:
            self._effects.append(Replay(self._effects[-1], config.replay, config.name))
        if config.jitter is not None:
            self._effects.append(Jitter(self._effects[-1], config.jitter, scoped))
        self._delay = Delay(self._effects[-1], config.delay_ns)
        outermost = self._delay if capture is None else Capture(self._delay, capture, config.name)
        self._rate = Rate(outermost, Pace(config.rate_bps, config.bits_per_octet))
        self._sent_digest = hashlib.sha256()
        self._octets_delivered = 0
        self._now_ns = 0

    @property
    def free_at_ns(self) -> int:
        """When the transmitter may let out more: it has let out all it was given, and the air is its own."""
        if self._air is None:
            return self._rate.free_at_ns
        return max(self._rate.free_at_ns, self._air.may_start_ns(self.config.name))

    @property
    def counts(self) -> LineCounts:
        """What it has done up to now."""
        return LineCounts(
            octets_sent=self._rate.octets_sent,
            octets_delivered=self._octets_delivered,
            octets_lost=sum(effect.octets_lost for effect in self._effects),
            fades=self._fades.fades,
            octets_faded=self._fades.octets_lost,
            bits_flipped=sum(effect.bits_flipped for effect in self._effects),
            octets_inserted=sum(effect.octets_inserted for effect in self._effects),
        )

    @property
    def sent_sha256(self) -> bytes:
        """SHA-256 of all octets sent up to now, as they were before the line altered them."""
        return self._sent_digest.digest()

    def transmit_ready(self, now_ns: int) -> bool:
        """Tell whether the transmitter is free for the next frame."""
        return now_ns >= self.free_at_ns

    def send(self, data: bytes, now_ns: int) -> None:
        """Let octets out, at once or after those that are still leaving.

        Raises:
            MisuseError: Time went back, or too much would wait (`hil.channel.rate.WAITING_OCTETS_MAX`).
        """
        self._go_on_to(now_ns)
        if self._air is None:
            self._rate.send(data, now_ns)
        elif data:
            self._take_turn(self._air, data, now_ns)
        self._sent_digest.update(data)

    def receive(self, now_ns: int) -> bytes:
        """Take the octets that have arrived by now.

        Raises:
            MisuseError: Time went back.
        """
        self._go_on_to(now_ns)
        data = b"".join(burst.data for burst in self._rate.receive(now_ns))
        self._octets_delivered += len(data)
        return data

    def next_deadline(self) -> int | None:
        """When the next octets sent together will have arrived, those included that will turn out lost."""
        # No effect changes when octets arrive once they are on their way, so the innermost channel knows.
        return self._outlet.next_deadline()

    def drop(self, start_ns: int, duration_ns: int) -> None:
        """Let nothing arrive in a span of time, octets that are on their way included.

        Raises:
            MisuseError: The span has no length, or begins before what has been received already.
        """
        self._dropouts.drop(Dropout(start_ns, duration_ns))

    def take_events(self) -> list[msgspec.Struct]:
        """Take what it has altered, added up by span.

        Losses by time come once the dropout is over or the cable is back, all others each 10 s.
        """
        return self._rate.take_events()

    def finish(self) -> None:
        """Make ready to be told also what was still being added up; for the end of a run."""
        self._rate.finish()

    def _take_turn(self, air: Air, data: bytes, now_ns: int) -> None:
        """Let octets out when the air is this line's; what follows its own without a gap goes on."""
        name = self.config.name
        goes_on = air.speaker == name and now_ns <= self._rate.free_at_ns
        start_ns = now_ns if goes_on else max(now_ns, self._rate.free_at_ns, air.may_start_ns(name))
        self._rate.send(data, start_ns)
        free_at_ns = self._rate.free_at_ns
        air.occupy(name, self._rate.run_start_ns, free_at_ns, free_at_ns + self._delay.at(free_at_ns))

    def _go_on_to(self, now_ns: int) -> None:
        if now_ns < self._now_ns:
            raise MisuseError(f"line {self.config.name}: expected a time of {self._now_ns} ns or later, found {now_ns}")
        self._now_ns = now_ns
