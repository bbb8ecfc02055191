"""What an archive keeps, by age and by size. Commands with their stages, transfers and alarms stay for ever.

Rollups stay too: they are small, and a plot of years needs nothing else. What was removed makes room for what comes;
the file itself grows no further, and shrinks only when it is rewritten.
"""

import math
import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

from ccsds.errors import MisuseError
from ccsds.time import tai_ns_from_unix
from ground.archive.rollups import CHUNK_NS

NS_PER_S = 1_000_000_000

# Of what there is, so much goes at a time until the file is small enough.
_SHARE = 16

# Each turn removes at least one chunk or one frame of what there is; a file too small even for commands ends here.
TURNS_MAX = 1_000


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is kept; None keeps all."""

    frames_s: float | None = None
    """Raw frames that came within so much time."""
    events_s: float | None = None
    telemetry_s: float | None = None
    """Reports that were made on board within so much time."""
    size_octets: int | None = None
    """The file's own need; over it the oldest frames go, then the oldest reports."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        for name, value in asdict(self).items():
            if value is not None and not (0 < value < math.inf):
                raise MisuseError(f"{name}: expected more than 0, found {value}")

    def plain(self) -> dict[str, Any]:
        """Give those parts that say something."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def remove(connection: sqlite3.Connection, rule: Rule, unix_ns: int) -> dict[str, int]:
    """Remove what a rule does not keep, in the transaction that is open, and give how much that was of each kind."""
    removed = {"frames": 0, "events": 0, "reports": 0}
    for kind, age_s in (("frames", rule.frames_s), ("events", rule.events_s)):
        if age_s is not None:
            oldest_ns = unix_ns - int(age_s * NS_PER_S)
            removed[kind] += connection.execute(f"DELETE FROM {kind} WHERE unix_ns < ?", (oldest_ns,)).rowcount
    if rule.telemetry_s is not None:
        oldest_ns = tai_ns_from_unix(unix_ns - int(rule.telemetry_s * NS_PER_S))
        removed["reports"] += _remove_reports(connection, oldest_ns // CHUNK_NS)
    for _ in range(TURNS_MAX):
        if rule.size_octets is None or _need_octets(connection) <= rule.size_octets:
            break
        before = dict(removed)
        (frames,) = connection.execute("SELECT count(*) FROM frames").fetchone()
        if frames:
            removed["frames"] += connection.execute(
                "DELETE FROM frames WHERE id IN (SELECT id FROM frames ORDER BY id LIMIT ?)", (1 + frames // _SHARE,)
            ).rowcount
        else:
            chunks = [chunk for (chunk,) in connection.execute("SELECT DISTINCT chunk FROM blocks ORDER BY chunk")]
            if chunks:
                removed["reports"] += _remove_reports(connection, chunks[len(chunks) // _SHARE] + 1)
        if removed == before:
            break
    return removed


def _remove_reports(connection: sqlite3.Connection, chunk: int) -> int:
    """Remove the reports of all chunks before one."""
    (count,) = connection.execute("SELECT coalesce(sum(count), 0) FROM blocks WHERE chunk < ?", (chunk,)).fetchone()
    connection.execute("DELETE FROM blocks WHERE chunk < ?", (chunk,))
    for (field,) in connection.execute("SELECT id FROM fields").fetchall():
        connection.execute("DELETE FROM columns WHERE field = ? AND chunk < ?", (field, chunk))
    connection.execute("DELETE FROM places WHERE tai_ns < ?", (chunk * CHUNK_NS,))
    return count + connection.execute("DELETE FROM packets WHERE tai_ns < ?", (chunk * CHUNK_NS,)).rowcount


def _need_octets(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return (pages - free) * size
