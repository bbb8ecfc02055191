"""ST[15] on-board storage and retrieval: what the ground may ask of the packet stores.

Source: ECSS-E-ST-70-41C 6.15 and 8.15.
"""

from collections.abc import Mapping
from typing import Any

from ccsds.cfdp.intervals import IntervalSet
from ccsds.errors import MisuseError
from flight.books.storage import StoreConfirmed, StoreSwitched
from flight.services.service import Outcome
from flight.storage.packet_stores import PacketStores
from flight.storage.playback import Playback
from mission.dictionary import Command
from mission.storage import StoreId


class StorageService:
    """Does what the ground asks.

    Args:
        stores: What is stored.
        playback: What is sent of it.
    """

    number = 15

    def __init__(self, stores: PacketStores, playback: Playback) -> None:
        self._stores = stores
        self._playback = playback

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        match command.name:
            case "storage.enable":
                return self._switch(arguments["stores"], is_storing=True)
            case "storage.disable":
                return self._switch(arguments["stores"], is_storing=False)
            case "storage.resume":
                return self._switch(arguments["stores"], is_playing=True)
            case "storage.suspend":
                return self._switch(arguments["stores"], is_playing=False)
            case "storage.confirm":
                return self._confirm(arguments)
            case "storage.confirm_time":
                return self._confirm_time(arguments["store"], arguments["end"])
            case "storage.summary":
                # Not as an answer, which could be repeated much later, when it is not true any more.
                return Outcome(afterwards=lambda _: self._playback.tell())
            case "storage.abort":
                return Outcome(afterwards=lambda _: self._playback.abort(arguments["stores"]))
            case "storage.delete":
                self._stores[arguments["store"]].delete_before(arguments["end"])
                return Outcome()
            case "storage.open_from":
                return Outcome(afterwards=lambda _: self._playback.open_from(arguments["store"], arguments["start"]))
            case "storage.retrieve_time":
                start, end = arguments["start"], arguments["end"]
                numbers = self._stores[arguments["store"]].numbers_between(start, end)
                return self._retrieve(arguments, "start", "end", numbers, (start, end))
            case _:
                first, last = arguments["first"], arguments["last"]
                numbers = IntervalSet(self._stores[arguments["store"]].held.within(first, last + 1))
                return self._retrieve(arguments, "first", "last", numbers, (0, 1 << 64))

    def _retrieve(
        self, arguments: Mapping[str, Any], low: str, high: str, numbers: IntervalSet, times: tuple[int, int]
    ) -> Outcome:
        if arguments[high] < arguments[low]:
            raise MisuseError(f"{high}: expected {arguments[low]} or more, as {low}, found {arguments[high]}")
        if not len(numbers):
            kept = self._stores[arguments["store"]]
            held = f"{kept.first} to {kept.next - 1}" if len(kept.held) else "none"
            raise MisuseError(
                f"expected stored packets (on board are {held}), "
                f"found none from {low} {arguments[low]} to {high} {arguments[high]}"
            )
        if self._playback.is_busy:
            raise MisuseError("expected fewer retrievals under way, found as many as there may be; wait, or abort them")
        return Outcome(afterwards=lambda _: self._playback.retrieve(arguments["store"], numbers, *times))

    def _confirm(self, arguments: Mapping[str, Any]) -> Outcome:
        store, end = arguments["store"], arguments["end"]
        if end > self._stores[store].next:
            raise MisuseError(f"end: expected at most {self._stores[store].next}, the next number, found {end}")
        gaps: list[tuple[int, int]] = []
        for position, each in enumerate(arguments["gaps"]):
            if not each["first"] <= each["last"] < end:
                raise MisuseError(
                    f"gaps[{position}]: expected first up to last and below {end}, "
                    f"found {each['first']} to {each['last']}"
                )
            gaps.append((each["first"], each["last"] + 1))
        return Outcome(
            changes=(StoreConfirmed(store, end, tuple(gaps)),),
            afterwards=lambda now_ns: self._playback.confirmed(store, gaps, now_ns),
        )

    def _confirm_time(self, store: StoreId, end_tai_ns: int) -> Outcome:
        """Confirm all up to a time; what was said of later packets stays."""
        kept = self._stores[store]
        end = kept.numbers_between(0, end_tai_ns).end
        if not end:
            raise MisuseError(f"end: expected a time at or after which something is stored, found {end_tai_ns}")
        word = kept.state.last_word or StoreConfirmed(store, 0, ())
        gaps = tuple((max(start, end), gap_end) for start, gap_end in word.gaps if gap_end > end)
        return Outcome(
            changes=(StoreConfirmed(store, max(end, word.end), gaps),),
            afterwards=lambda now_ns: self._playback.confirmed(store, gaps, now_ns),
        )

    def _switch(self, stores: list[int], *, is_storing: bool | None = None, is_playing: bool | None = None) -> Outcome:
        changes: list[StoreSwitched] = []
        for number in dict.fromkeys(stores):
            state = self._stores[StoreId(number)].state
            changes.append(
                StoreSwitched(
                    number,
                    state.is_storing if is_storing is None else is_storing,
                    state.is_playing if is_playing is None else is_playing,
                )
            )
        return Outcome(changes=tuple(changes))
