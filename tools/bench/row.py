"""One line of a bench's result, as it stands in build/bench.json."""

from dataclasses import asdict, dataclass
from typing import Any


class NotHereError(Exception):
    """What a bench needs is not on this machine."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure, beside its peer's if it has one."""

    group: str
    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    """``value`` over ``peer_value``, measured in pairs where the bench runs them in turn."""
    target: str = ""
    """What was to be reached, in words: ``>= 60 MB/s``, ``ratio >= 5``."""
    ok: bool = True


def plain(row: Row) -> dict[str, Any]:
    """Give a row as JSON holds it."""
    return asdict(row)
