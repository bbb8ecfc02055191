"""Slips: octets that are dropped, come twice, or come from nowhere, as a driver, an adapter or a bit slip makes them.

What happens to an octet is decided by its offset alone. An octet that is put in arrives with the one before it. One
that is put in after one that is dropped takes its place.
"""

from dataclasses import dataclass

import msgspec
import numpy as np

from ccsds.errors import MisuseError
from hil.channel.burst import Burst
from hil.channel.channel import Channel, Effect
from hil.channel.noise import BLOCK_OCTETS, draw_positions
from hil.channel.tally import Tally, in_span
from hil.streams import Streams


@dataclass(frozen=True, kw_only=True)
class SlipConfig:
    """Probabilities, each for one octet.

    Raises:
        MisuseError: One is out of range, or all are 0.
    """

    drop_rate: float = 0.0
    """That it never arrives."""
    duplicate_rate: float = 0.0
    """That it arrives twice."""
    insert_rate: float = 0.0
    """That an octet drawn at random arrives after it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        rates = (self.drop_rate, self.duplicate_rate, self.insert_rate)
        if not all(0 <= rate <= 0.5 for rate in rates) or not any(rates):
            raise MisuseError(
                "expected rates of 0 to 0.5 to drop, duplicate and insert octets, and one of them above 0, "
                f"found {self.drop_rate}, {self.duplicate_rate} and {self.insert_rate}"
            )


class OctetsSlipped(msgspec.Struct, frozen=True, tag=True):
    """Octets of a line were dropped, duplicated or inserted."""

    line: str
    offset: int
    """Offset of the first octet concerned."""
    start_ns: int
    """Start of the span of time."""
    dropped: int = 0
    duplicated: int = 0
    inserted: int = 0

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: {self.dropped} octets were dropped, {self.duplicated} came twice and {self.inserted} from "
            f"nowhere, from offset {self.offset} on, {in_span(self.start_ns)}"
        )


class Slips(Effect):
    """Octets too few or too many.

    Args:
        inner: The channel that it wraps.
        config: How often.
        streams: Where its draws come from; it uses the streams ``slips/…``.
        line: The line's name in events.
    """

    def __init__(self, inner: Channel, config: SlipConfig, streams: Streams, line: str) -> None:
        super().__init__(inner)
        self._rates = {"drop": config.drop_rate, "duplicate": config.duplicate_rate, "insert": config.insert_rate}
        self._streams = streams
        self._tally = Tally(OctetsSlipped, line, self._add_event)
        self._block = -1
        self._fates: dict[int, _Fate] = {}

    @property
    def octets_lost(self) -> int:
        """Octets dropped."""
        return self._tally.totals["dropped"]

    @property
    def octets_inserted(self) -> int:
        """Octets too many."""
        return self._tally.totals["duplicated"] + self._tally.totals["inserted"]

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = [part for burst in self._inner.receive(now_ns) for part in self._slip(burst)]
        self._tally.advance(now_ns)
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._tally.close()
        super().finish()

    def _slip(self, burst: Burst) -> list[Burst]:
        length = len(burst.data)
        slipped: list[Burst] = []
        start = 0
        for block in range(burst.offset // BLOCK_OCTETS, (burst.offset + length - 1) // BLOCK_OCTETS + 1):
            for offset, fate in self._fates_of(block).items():
                index = offset - burst.offset
                if not 0 <= index < length:
                    continue
                octet = burst.part(index, index + 1)
                if index > start:
                    slipped.append(burst.part(start, index))
                start = index + 1
                if not fate.is_dropped:
                    slipped.append(octet)
                if fate.is_duplicated and not fate.is_dropped:
                    slipped.append(octet)
                if fate.inserted is not None:
                    slipped.append(octet.altered(bytes([fate.inserted])))
                self._tally.note(
                    octet.end_ns,
                    offset,
                    dropped=int(fate.is_dropped),
                    duplicated=int(fate.is_duplicated and not fate.is_dropped),
                    inserted=int(fate.inserted is not None),
                )
        if start < length:
            slipped.append(burst.part(start, length))
        return slipped

    def _fates_of(self, block: int) -> "dict[int, _Fate]":
        """Give what happens to the octets of a block to which something does, in order."""
        if block != self._block:
            self._block = block
            hit: dict[str, set[int]] = {}
            values: dict[int, int] = {}
            for kind, rate in self._rates.items():
                positions = np.zeros(0, dtype=np.int64)
                if rate > 0:
                    generator = self._streams.block(f"slips/{kind}", block)
                    positions = draw_positions(generator, rate, BLOCK_OCTETS)
                    if kind == "insert":
                        octets = generator.integers(0, 256, len(positions))
                        values = dict(zip(positions.tolist(), octets.tolist(), strict=True))
                hit[kind] = set(positions.tolist())
            first = block * BLOCK_OCTETS
            self._fates = {
                first + index: _Fate(index in hit["drop"], index in hit["duplicate"], values.get(index))
                for index in sorted(set().union(*hit.values()))
            }
        return self._fates


@dataclass(frozen=True, slots=True)
class _Fate:
    is_dropped: bool
    is_duplicated: bool
    inserted: int | None
