"""The truth of a line: what became of each octet that was sent, as a list of edits by offset, and its words.

The words of some octets are such as ``octets 0-99; lost 10-12 40; altered 7^80 9^01; inserted 5+ff``: octets 10 to 12
and 40 never arrived, octet 7 arrived with its highest bit inverted, and after octet 5 came an octet 0xff that was never
sent (or was, and came twice). Offsets are decimal, octets hexadecimal. All that is not listed arrived as it was sent.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ccsds.errors import MalformedError

_RANGE = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?")
_ALTERED = re.compile(r"(\d{1,18})\^([0-9a-f]{2})")
_INSERTED = re.compile(r"(\d{1,18})\+((?:[0-9a-f]{2})+)")


@dataclass(slots=True)
class Truth:
    """What became of octets."""

    lost: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of offsets that never arrived, each from its first up to the one after its last, in order."""
    altered: dict[int, int] = field(default_factory=dict)
    """For each offset that arrived as another octet, which bits were inverted."""
    inserted: dict[int, bytes] = field(default_factory=dict)
    """For each offset after which octets came that were not sent there, those."""

    def lose(self, start: int, stop: int) -> None:
        """Add a range that never arrived, after all those before."""
        if self.lost and self.lost[-1][1] == start:
            start = self.lost.pop()[0]
        self.lost.append((start, stop))

    def insert(self, offset: int, data: bytes) -> None:
        """Add octets that came after one."""
        self.inserted[offset] = self.inserted.get(offset, b"") + data

    def add(self, other: "Truth") -> None:
        """Add what became of later octets."""
        for start, stop in other.lost:
            self.lose(start, stop)
        self.altered |= other.altered
        for offset, data in other.inserted.items():
            self.insert(offset, data)

    @property
    def octets_lost(self) -> int:
        """Octets that never arrived."""
        return sum(stop - start for start, stop in self.lost)

    @property
    def octets_inserted(self) -> int:
        """Octets that came and were not sent there."""
        return sum(map(len, self.inserted.values()))

    def words(self, start: int, stop: int) -> str:
        """Say it of the octets from ``start`` up to ``stop``, none of them if these are equal."""
        parts = [f"octets {_range(start, stop)}"] if stop > start else []
        if self.lost:
            parts.append("lost " + " ".join(_range(*each) for each in self.lost))
        if self.altered:
            parts.append("altered " + " ".join(f"{offset}^{mask:02x}" for offset, mask in self.altered.items()))
        if self.inserted:
            parts.append("inserted " + " ".join(f"{offset}+{data.hex()}" for offset, data in self.inserted.items()))
        return "; ".join(parts)

    @classmethod
    def parse(cls, words: str) -> "Truth":
        """Read what `words` says.

        Raises:
            MalformedError: It is said otherwise.
        """
        truth = cls()
        for part in filter(None, words.split("; ")):
            kind, _, rest = part.partition(" ")
            for item in rest.split(" "):
                match kind:
                    case "octets":
                        _match(_RANGE, item)
                    case "lost":
                        first, last = _match(_RANGE, item)
                        truth.lose(int(first), int(last or first) + 1)
                    case "altered":
                        offset, mask = _match(_ALTERED, item)
                        truth.altered[int(offset)] = int(mask, 16)
                    case "inserted":
                        offset, data = _match(_INSERTED, item)
                        truth.insert(int(offset), bytes.fromhex(data))
                    case _:
                        raise MalformedError(f"expected octets, lost, altered or inserted, found {part[:40]!r}")
        return truth


def join_truths(truths: Iterable[Truth]) -> Truth:
    """Give one truth of many, in order."""
    whole = Truth()
    for truth in truths:
        whole.add(truth)
    return whole


def _range(start: int, stop: int) -> str:
    return str(start) if stop == start + 1 else f"{start}-{stop - 1}"


def _match(pattern: re.Pattern[str], item: str) -> tuple[str, ...]:
    found = pattern.fullmatch(item)
    if found is None:
        raise MalformedError(f"expected the truth of octets, such as 10-12, 7^80 or 5+ff, found {item[:40]!r}")
    return found.groups()
