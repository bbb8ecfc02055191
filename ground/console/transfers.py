"""Files on their way: how far each is, how fast it goes in contact, and in which pass it will be whole."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ground.archive.history import TransferRecord
from ground.events import StationEvent
from ground.pass_plan import PassPlan
from ground.transfer_events import (
    TransferDirection,
    TransferEvent,
    TransferFailed,
    TransferFinished,
    TransferProgressed,
    TransferResumed,
    TransferSuspended,
)

NS_PER_S = 1_000_000_000

# What a page lists; what is older is in the archive.
TRANSFERS_MAX = 200

# The rate is taken over so many reports of progress: of one a second, the latest half minute.
_PROGRESS_KEPT = 30


@dataclass(slots=True)
class Transfer:
    """One file."""

    name: str
    """Its CFDP transaction."""
    direction: TransferDirection
    source: str = ""
    destination: str = ""
    size_octets: int | None = None
    done_octets: int = 0
    begun_unix_ns: int = 0
    ended_unix_ns: int | None = None
    outcome: str = "under way"
    text: str = ""
    is_suspended: bool = False
    progress: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_PROGRESS_KEPT))
    """Contact time and octets done."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.outcome != "under way"

    @property
    def rate_octets_per_s(self) -> float | None:
        """How fast it goes in contact, if that is known."""
        if len(self.progress) < 2:
            return None
        (first_ns, first), (last_ns, last) = self.progress[0], self.progress[-1]
        return (last - first) * NS_PER_S / (last_ns - first_ns) if last_ns > first_ns else None

    @property
    def left_s(self) -> float | None:
        """Contact time until it is whole, if that is known."""
        rate = self.rate_octets_per_s
        if self.size_octets is None or not rate or self.is_over or self.is_suspended:
            return None
        return max(self.size_octets - self.done_octets, 0) / rate

    def whole_at_unix_ns(self, plan: PassPlan, unix_ns: int, *, is_up: bool) -> int | None:
        """Give when it will be whole, over the passes of a plan; without one, if contact goes on as it is."""
        left_s = self.left_s
        if left_s is None:
            return None
        left_ns = round(left_s * NS_PER_S)
        if not plan.passes:
            return unix_ns + left_ns if is_up else None
        for each in plan.passes:
            from_ns = max(each.begin_unix_ns, unix_ns)
            length_ns = each.end_unix_ns - from_ns
            if length_ns >= left_ns:
                return from_ns + left_ns
            left_ns -= max(length_ns, 0)
        return None


class Transfers:
    """The latest files."""

    def __init__(self) -> None:
        self._transfers: OrderedDict[str, Transfer] = OrderedDict()
        self.revision = 0

    def __iter__(self) -> Iterator[Transfer]:
        """Give all of them, newest first."""
        return iter(reversed(self._transfers.values()))

    def restore(self, records: Iterable[TransferRecord]) -> None:
        """Take in what the archive holds, oldest first."""
        for each in records:
            self._transfers[each.transaction] = Transfer(
                each.transaction,
                TransferDirection[each.direction],
                each.source_name,
                each.destination_name,
                each.size_octets,
                each.done_octets,
                each.started_unix_ns,
                each.ended_unix_ns,
                each.outcome.lower().replace("_", " "),
                each.text,
            )

    def note(self, event: StationEvent, unix_ns: int) -> None:
        """Take in what the station says of files."""
        if not isinstance(event, TransferEvent):
            return
        self.revision += 1
        transfer = self._transfers.setdefault(
            event.transaction, Transfer(event.transaction, event.direction, begun_unix_ns=unix_ns)
        )
        while len(self._transfers) > TRANSFERS_MAX:
            self._transfers.popitem(last=False)
        transfer.source = event.source_name or transfer.source
        transfer.destination = event.destination_name or transfer.destination
        transfer.size_octets = event.size_octets if event.size_octets is not None else transfer.size_octets
        match event:
            case TransferProgressed():
                transfer.done_octets = event.done_octets
                if transfer.progress and event.done_octets < transfer.progress[-1][1]:
                    transfer.progress.clear()
                transfer.progress.append((event.contact_ns, event.done_octets))
            case TransferSuspended():
                transfer.is_suspended = True
                transfer.text = event.text
            case TransferResumed():
                transfer.is_suspended = False
                transfer.text = ""
                transfer.progress.clear()
            case TransferFinished():
                transfer.outcome, transfer.ended_unix_ns, transfer.text = "finished", unix_ns, ""
                transfer.done_octets = transfer.size_octets or transfer.done_octets
            case TransferFailed():
                transfer.outcome, transfer.ended_unix_ns, transfer.text = "failed", unix_ns, event.text
