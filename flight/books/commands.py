"""The book of telecommands: which were dealt with, what they were answered with, and which began and never ended."""

from collections.abc import Iterator
from typing import Any

import msgspec

from flight.books.seal import SealedEntries

# DESIGN.md 10.3: a station repeats a command within minutes; 4,096 is more than a day of commanding at one a second
# through the passes of a low orbit, at about 200 octets each.
REMEMBERED_COMMANDS_MAX = 4_096


class Identity(msgspec.Struct, frozen=True, array_like=True):
    """Which telecommand this is: two that share it are the same one, sent again (DESIGN: no command acts twice)."""

    source_id: int
    apid: int
    sequence_count: int
    digest: bytes
    """First 16 octets of the SHA-256 of the whole packet."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One report that a telecommand was answered with."""

    service: int
    subtype: int
    data: bytes


class Executed(msgspec.Struct, frozen=True, tag=True):
    """A telecommand was dealt with, and answered so."""

    identity: Identity
    answers: tuple[Answer, ...]


class Begun(msgspec.Struct, frozen=True, tag=True):
    """A telecommand that must not be repeated is about to act."""

    identity: Identity
    request_id: bytes


class CommandBook:
    """What became of telecommands."""

    changes = (Executed, Begun)

    def __init__(self) -> None:
        self.executed: SealedEntries[Identity, tuple[Answer, ...]] = SealedEntries()
        """The reports they were answered with, oldest first."""
        self.begun: SealedEntries[Identity, bytes] = SealedEntries()
        """The request ids of those that began to act and were never answered, oldest first."""

    def apply(self, change: Executed | Begun) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case Executed(identity, answers):
                self.begun.pop(identity, None)
                self.executed[identity] = answers
                _forget_oldest(self.executed)
            case Begun(identity, request_id):
                self.begun[identity] = request_id
                _forget_oldest(self.begun)

    def snapshot(self) -> Iterator[tuple[Executed | Begun, ...]]:
        """See `flight.books.book.Book`."""
        for identity, request_id in self.begun.items():
            yield (Begun(identity, request_id),)
        for identity, answers in self.executed.items():
            yield (Executed(identity, answers),)


def _forget_oldest(commands: SealedEntries[Identity, Any]) -> None:
    while len(commands) > REMEMBERED_COMMANDS_MAX:
        del commands[next(iter(commands))]
