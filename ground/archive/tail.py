"""The reports that came last: they wait for a commit, then in rows, until there are enough of them to rest in blocks.

It is a part of the archive's writer and shares its transactions. It knows what was played back before.
"""

import sqlite3
from collections import Counter
from typing import Any

import msgspec

from ground.archive.blocks import Blocks, Report, content_of
from ground.archive.columns import numbers_of
from ground.events import StoredAt

# So many reports wait in rows until they are put to rest in blocks: some minutes to hours of live telemetry. More would
# be slow to read, fewer would make blocks too small to compress. What comes in such a number at once needs no rows.
TAIL_REPORTS_MAX = 4_096


class Tail:
    """The last reports of an archive.

    Args:
        connection: To the archive, in a transaction whenever something is changed.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._blocks = Blocks(connection)
        self.waiting: list[Report] = []
        """For a commit."""
        # Of the first ones of those: so many. Only what is played back asks for it.
        self._identities: Counter[tuple[int, bytes]] = Counter()
        self._counted = 0
        self._rows = 0
        self.look_again()

    def settle(self) -> None:
        """Nothing waits any more: it was committed, or rolled back."""
        self.waiting.clear()
        self._identities.clear()
        self._counted = 0

    def look_again(self) -> None:
        """Forget what was remembered of the tables: they were rolled back, or some of them removed."""
        self._blocks.forget()
        (self._rows,) = self._connection.execute("SELECT count(*) FROM packets").fetchone()

    def has_stored(self, name: str, tai_ns: int, identity: bytes, at: StoredAt) -> bool:
        """Tell whether a stored packet is here: it was played back before, or came live, which is noted with it then.

        Each that came live stands for one stored packet, so that two that say the same are two.
        """
        key = (tai_ns, identity)
        place = (int(at.store), at.sequence)
        rows = self._connection.execute("SELECT store, sequence FROM places WHERE tai_ns = ? AND identity = ?", key)
        places = rows.fetchall()
        if place in places:
            return True
        self._connection.execute(
            "INSERT INTO places (tai_ns, identity, store, sequence) VALUES (?,?,?,?)", (*key, *place)
        )
        return self._count(name, *key) > len(places)

    def place(self) -> None:
        """Put what waits for a commit into rows, or a flood into blocks at once; rows go to rest when they are many."""
        if not self.waiting:
            return
        if len(self.waiting) >= TAIL_REPORTS_MAX:
            self._blocks.add(self.waiting)
            return
        self._connection.executemany(
            "INSERT INTO packets (unix_ns, tai_ns, virtual_channel, service, subtype, name, content, identity, octets,"
            " generated_unix_ns, numbers) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            [_row(each) for each in self.waiting],
        )
        self._rows += len(self.waiting)
        if self._rows >= TAIL_REPORTS_MAX:
            self._rest()

    def _rest(self) -> None:
        rows = self._connection.execute(
            "SELECT id, unix_ns, tai_ns, virtual_channel, service, subtype, name, content, identity, octets,"
            " generated_unix_ns, numbers FROM packets ORDER BY id LIMIT ?",
            (2 * TAIL_REPORTS_MAX,),
        ).fetchall()
        self._blocks.add(Report(*row[1:-1], values=_numbers_in(row)) for row in rows)
        self._connection.execute("DELETE FROM packets WHERE id <= ?", (rows[-1][0],))
        self._rows -= len(rows)

    def _count(self, name: str, tai_ns: int, identity: bytes) -> int:
        """Tell how many reports of a name, time and identity are here."""
        for report in self.waiting[self._counted :]:
            self._identities[report.tai_ns, report.identity] += 1
        self._counted = len(self.waiting)
        (rows,) = self._connection.execute(
            "SELECT count(*) FROM packets WHERE name = ? AND tai_ns = ? AND identity = ?", (name, tai_ns, identity)
        ).fetchone()
        return self._identities[tai_ns, identity] + rows + self._blocks.count(name, tai_ns, identity)


def _row(report: Report) -> tuple[Any, ...]:
    numbers = msgspec.msgpack.encode(numbers_of(report.values))
    return (
        report.unix_ns,
        report.tai_ns,
        report.virtual_channel,
        report.service,
        report.subtype,
        report.name,
        content_of(report),
        report.identity,
        report.octets,
        report.generated_unix_ns,
        numbers,
    )


def _numbers_in(row: tuple[Any, ...]) -> dict[str, int | float]:
    """Give the numbers of a report in a row; before they were kept apart, they are in its JSON."""
    return msgspec.msgpack.decode(row[-1]) or numbers_of(msgspec.json.decode(row[7]))
