"""What was, from the archive, told again in its order and at a chosen speed, into a picture of its own.

Reports take their place by when they were made on board, events and commands by when they were told. It holds no clock:
who drives it says how much time went by.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ccsds.errors import MisuseError
from ccsds.time import tai_ns_from_unix
from ground.archive.history import CommandRecord, History, packet_record
from ground.console.feed import Feed
from ground.events import LinkState

NS_PER_S = 1_000_000_000

# What one replay holds in memory: an hour of fifty reports a second. A longer one is told in parts.
RECORDS_MAX = 200_000

COMMANDS_MAX = 20_000

SPEEDS = (1, 10, 60, 600)
"""Times as fast as it was."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that is told at its time."""

    unix_ns: int
    tell: Callable[[Feed], None]


class Replay:
    """One replay.

    Args:
        told: What is told, in order of time.
        from_unix_ns: When it begins.
        to_unix_ns: When it ends.
    """

    def __init__(self, told: list[Told], from_unix_ns: int, to_unix_ns: int) -> None:
        self._told = told
        self.from_unix_ns, self.to_unix_ns = from_unix_ns, to_unix_ns
        self.speed = SPEEDS[1]
        self.is_paused = False
        self._begin()

    @property
    def is_over(self) -> bool:
        """Whether all was told."""
        return self.unix_ns >= self.to_unix_ns

    @property
    def link(self) -> LinkState:
        """Whether the spacecraft was heard then."""
        return LinkState.DOWN if self.feed.contacts.current is None else LinkState.UP

    def advance(self, elapsed_ns: int) -> None:
        """Go on by so much of the time of whoever looks."""
        if not self.is_paused:
            self._go_to(self.unix_ns + elapsed_ns * self.speed)

    def seek(self, unix_ns: int) -> None:
        """Go to a time; what was before it has been told then."""
        if unix_ns < self.unix_ns:
            self._begin()
        self._go_to(unix_ns)

    def _begin(self) -> None:
        self.feed = Feed()
        self.unix_ns = self.from_unix_ns
        self._next = 0

    def _go_to(self, unix_ns: int) -> None:
        self.unix_ns = min(max(unix_ns, self.unix_ns), self.to_unix_ns)
        while self._next < len(self._told) and self._told[self._next].unix_ns <= self.unix_ns:
            self._told[self._next].tell(self.feed)
            self._next += 1

    def __len__(self) -> int:
        return len(self._told)


def read_replay(path: Path, from_unix_ns: int, to_unix_ns: int) -> Replay:
    """Read what was between two times from an archive; it may be called on another thread.

    Raises:
        MisuseError: The times are no span, there is too much or nothing between them, or there is no archive.
        MalformedError: The archive is damaged.
        sqlite3.Error: It cannot be read.
    """
    if to_unix_ns <= from_unix_ns:
        raise MisuseError("replay: expected an end after the beginning, found another")
    history = History.open(path)
    try:
        told = sorted(_told(history, from_unix_ns, to_unix_ns), key=lambda each: each.unix_ns)
    finally:
        history.close()
    if not told:
        raise MisuseError("replay: expected something in the archive between these times, found nothing")
    return Replay(told, from_unix_ns, to_unix_ns)


def _told(history: History, from_unix_ns: int, to_unix_ns: int) -> Iterator[Told]:
    start_ns, end_ns = tai_ns_from_unix(from_unix_ns), tai_ns_from_unix(to_unix_ns)
    for number, report in enumerate(history.reports.between(start_ns, end_ns)):
        if number >= RECORDS_MAX:
            raise MisuseError(f"replay: expected at most {RECORDS_MAX} reports between these times, found more")
        record = packet_record(report)
        made_ns = from_unix_ns + record.tai_ns - start_ns
        yield Told(made_ns, lambda feed, record=record, made_ns=made_ns: feed.recall_report(record, made_ns))
    for event in history.events(RECORDS_MAX, start_ns=from_unix_ns, end_ns=to_unix_ns):
        yield Told(event.unix_ns, lambda feed, event=event: feed.recall_event(event))
    for command in history.commands(COMMANDS_MAX):
        yield from recalled_command(command, from_unix_ns, to_unix_ns)


def recalled_command(command: CommandRecord, from_unix_ns: int, to_unix_ns: int) -> Iterator[Told]:
    """Give what is to be told of a command between two times: that it was given, and each stage."""
    if not from_unix_ns <= command.unix_ns < to_unix_ns:
        return
    yield Told(command.unix_ns, lambda feed: feed.recall_command(command, None))
    for stage in command.stages:
        if stage.unix_ns < to_unix_ns:
            yield Told(stage.unix_ns, lambda feed, stage=stage: feed.recall_command(command, stage))
