"""What the station knows of the packet stores on board: which packets came, which are missing, which there are no more.

It learns from playback, from live packets whose place in a store the spacecraft tells afterwards, and from the
summaries. A summary that tells of something that the ground has not confirmed is answered with one ``storage.confirm``:
what is here, and what is to be sent again. There is never more than one of them under way, and none without a summary,
which the spacecraft sends at bounded intervals and in contact only.

What is confirmed is given out first (`StoreNoted`), with the packets before it; so the archive has both before the
command leaves. What the spacecraft says is missing there is given out as `StoredPacketsGone`, once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ccsds.cfdp.intervals import IntervalSet
from ccsds.packet import SEQUENCE_COUNT_MAX
from ground.events import StationEvent, StoredPacketsGone, StoreNoted, StoreRestarted
from mission.storage import GAPS_MAX, Gone, StoreId

CONFIRM = "storage.confirm"

# Sequence counts of live packets that came, until their places are told: seconds later, a few hundred packets. Half of
# the counts, so that one that comes round is not taken for another.
LIVE_COUNTS_MAX = (SEQUENCE_COUNT_MAX + 1) // 2

# Gaps shown one by one; how many there are in all is told too.
GAPS_SHOWN_MAX = 16


@dataclass(slots=True)
class StoreKnown:
    """What is known of one store."""

    here: IntervalSet = field(default_factory=IntervalSet)
    """Numbers of the packets that came."""
    gone: dict[Gone, IntervalSet] = field(default_factory=lambda: {each: IntervalSet() for each in Gone})
    """Numbers that are not on board, and are not here."""
    confirmed: int = 0
    """Everything before this the spacecraft knows to be here, or gone."""
    next: int = 0
    """The number that the spacecraft gives next, by its last summary."""
    duplicates: int = 0

    @property
    def settled(self) -> IntervalSet:
        """Numbers that there is nothing more to be done about."""
        settled = self.here.copy()
        for intervals in self.gone.values():
            for start, end in intervals:
                settled.add(start, end)
        return settled


class StoreBook:
    """All stores.

    Args:
        noted: What was given out of each store in a `StoreNoted` before the station started anew, the last ones.
    """

    def __init__(self, noted: Iterable[StoreNoted] = ()) -> None:
        self._events: list[StationEvent] = []
        self._command_id: int | None = None
        self.recall(noted)

    def recall(self, noted: Iterable[StoreNoted]) -> None:
        """Know what was noted, and nothing that came since."""
        self._known = {store: StoreKnown() for store in StoreId}
        for event in noted:
            known = self._known[event.store]
            known.here = IntervalSet(event.here)
            known.gone = {Gone.OVERWRITTEN: IntervalSet(event.overwritten), Gone.LOST: IntervalSet(event.lost)}
            known.confirmed = event.confirmed
        # By sequence count, in the order of their coming. The count alone tells packets apart until a spacecraft starts
        # anew and counts from zero; then their CRCs differ.
        self._live_crcs: dict[int, int] = {}
        self._summary: dict[StoreId, Mapping[str, Any]] = {}

    def played_back(self, store: StoreId, number: int) -> bool:
        """Take note of a packet that was played back; tell whether it is new."""
        known = self._known[store]
        if known.here.has(number, number + 1):
            known.duplicates += 1
            return False
        self._take(known, number)
        return True

    def live(self, count: int, crc: int) -> None:
        """Take note of a packet that came live."""
        self._live_crcs.pop(count, None)
        self._live_crcs[count] = crc
        if len(self._live_crcs) > LIVE_COUNTS_MAX:
            del self._live_crcs[next(iter(self._live_crcs))]

    def placed(self, values: Mapping[str, Any]) -> None:
        """Take in where packets that left live are stored."""
        for row in values["packets"]:
            known = self._known[row["store"]]
            if self._live_crcs.get(row["count"]) == row["crc"]:
                self._take(known, row["sequence"])

    def missing(self, values: Mapping[str, Any], now_ns: int) -> None:
        """Take in what is not on board; what is not here either is given out, once."""
        store = values["store"]
        known = self._known[store]
        for row in values["ranges"]:
            for start, end in known.settled.gaps(row["first"], row["last"] + 1):
                known.gone[row["gone"]].add(start, end)
                self._events.append(
                    StoredPacketsGone(
                        time_ns=now_ns, store=store, first=start, last=end - 1, count=end - start, gone=row["gone"]
                    )
                )

    def summarised(self, values: Mapping[str, Any], now_ns: int) -> None:
        """Take in a summary; `next_confirmation` may have something to say then."""
        for row in values["stores"]:
            store = row["store"]
            known = self._known[store]
            if row["next"] < max(known.here.end, known.confirmed):
                # Its numbers only grow, unless the store itself is another one.
                self._known[store] = known = StoreKnown()
                self._events.append(StoreRestarted(time_ns=now_ns, store=store, next=row["next"]))
            known.next = row["next"]
            self._summary[store] = row

    def next_confirmation(self, now_ns: int) -> dict[str, Any] | None:
        """Give the arguments of the confirmation that is due, or None; `confirming` is to be called if it is sent."""
        if self._command_id is not None:
            return None
        for store in list(self._summary):
            row = self._summary.pop(store)
            if row["sent"] <= row["confirmed"]:
                continue
            known = self._known[store]
            end = row["sent"]
            gaps = known.settled.gaps(0, end, GAPS_MAX + 1)
            if len(gaps) > GAPS_MAX:
                end = gaps.pop()[0]
            known.confirmed = gaps[0][0] if gaps else end
            self._events.append(self._noted(store, now_ns))
            rows = [{"first": start, "last": gap_end - 1} for start, gap_end in gaps]
            return {"store": store, "end": end, "gaps": rows}
        return None

    def confirming(self, command_id: int) -> None:
        """Take note of the confirmation under way."""
        self._command_id = command_id

    def ended(self, command_id: int) -> None:
        """Take note that a command is over, whatever became of it."""
        if command_id == self._command_id:
            self._command_id = None

    def take_events(self) -> list[StationEvent]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def snapshot(self) -> dict[str, Any]:
        """Give what is known of each store, in plain values."""
        return {store.name.lower(): self._shown(store) for store in StoreId}

    def _shown(self, store: StoreId) -> dict[str, Any]:
        known = self._known[store]
        gaps = known.settled.gaps(0, max(known.next, known.here.end))
        return {
            "next": known.next,
            "here": known.here.octets,
            "newest": known.here.end - 1 if known.here.end else None,
            "confirmed": known.confirmed,
            "gaps": [[start, end - 1] for start, end in gaps[:GAPS_SHOWN_MAX]],
            "gaps_count": len(gaps),
            "missing": sum(end - start for start, end in gaps),
            **{gone.name.lower(): known.gone[gone].octets for gone in Gone},
            "duplicates": known.duplicates,
        }

    def _noted(self, store: StoreId, now_ns: int) -> StoreNoted:
        known = self._known[store]
        return StoreNoted(
            time_ns=now_ns,
            store=store,
            here=list(known.here),
            overwritten=list(known.gone[Gone.OVERWRITTEN]),
            lost=list(known.gone[Gone.LOST]),
            confirmed=known.confirmed,
        )

    def _take(self, known: StoreKnown, number: int) -> None:
        known.here.add(number, number + 1)
        for intervals in known.gone.values():
            intervals.remove(number, number + 1)
