"""The book of safeguards: which commands are inhibited, and how long no command has come."""

from collections.abc import Iterator

import msgspec


class CommandInhibited(msgspec.Struct, frozen=True, tag=True):
    """A message type is refused from now on."""

    service: int
    subtype: int
    """0 for all of the service."""


class CommandReleased(msgspec.Struct, frozen=True, tag=True):
    """A message type is no longer refused."""

    service: int
    subtype: int


class SilenceLimitSet(msgspec.Struct, frozen=True, tag=True):
    """How long no command may come."""

    seconds: int


class SilenceMarked(msgspec.Struct, frozen=True, tag=True):
    """For how long no command has come."""

    seconds: int


SafeguardChange = CommandInhibited | CommandReleased | SilenceLimitSet | SilenceMarked
"""What can become of the safeguards."""


class SafeguardBook:
    """Inhibits and silence."""

    changes = (CommandInhibited, CommandReleased, SilenceLimitSet, SilenceMarked)

    def __init__(self) -> None:
        self.inhibited: dict[tuple[int, int], None] = {}
        """Message types in the order in which they were inhibited."""
        self.silence_limit_s: int | None = None
        """None while nobody has set it."""
        self.silent_s = 0

    def apply(self, change: SafeguardChange) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case CommandInhibited(service, subtype):
                self.inhibited[service, subtype] = None
            case CommandReleased(service, subtype):
                self.inhibited.pop((service, subtype), None)
            case SilenceLimitSet(seconds):
                self.silence_limit_s = seconds
            case SilenceMarked(seconds):
                self.silent_s = seconds

    def snapshot(self) -> Iterator[tuple[SafeguardChange, ...]]:
        """See `flight.books.book.Book`."""
        for service, subtype in self.inhibited:
            yield (CommandInhibited(service, subtype),)
        if self.silence_limit_s is not None:
            yield (SilenceLimitSet(self.silence_limit_s),)
        if self.silent_s:
            yield (SilenceMarked(self.silent_s),)
