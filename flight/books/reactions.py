"""The book of reactions: which event is answered with which telecommand."""

from collections.abc import Iterator

import msgspec

from mission.schedule import Fate

Key = tuple[int, int]
"""Number of the event, and of what it is about; 0 for anything."""


class Reaction(msgspec.Struct, frozen=True, array_like=True):
    """One event-action definition."""

    event: int
    about: int
    packet: bytes
    """The telecommand, whole."""

    @property
    def key(self) -> Key:
        """By which it is known."""
        return self.event, self.about


class ReactionsAdded(msgspec.Struct, frozen=True, tag=True):
    """Reactions were added, disabled."""

    reactions: tuple[Reaction, ...]


class ReactionsDeleted(msgspec.Struct, frozen=True, tag=True):
    """Reactions are no more."""

    keys: tuple[Key, ...]


class ReactionsSwitched(msgspec.Struct, frozen=True, tag=True):
    """Reactions were enabled or disabled, by command or by the bound against loops."""

    keys: tuple[Key, ...]
    enabled: bool


class ReactingSwitched(msgspec.Struct, frozen=True, tag=True):
    """All reacting was enabled or disabled."""

    enabled: bool


class ReactionBegun(msgspec.Struct, frozen=True, tag=True):
    """The telecommand of a reaction is about to act."""

    key: Key


class ReactionEnded(msgspec.Struct, frozen=True, tag=True):
    """The telecommand of a reaction has come to this."""

    key: Key
    fate: Fate


class ReactionsCounted(msgspec.Struct, frozen=True, tag=True):
    """How many there were: how a compacted journal says it."""

    released: int
    failed: int


ReactionChange = (
    ReactionsAdded
    | ReactionsDeleted
    | ReactionsSwitched
    | ReactingSwitched
    | ReactionBegun
    | ReactionEnded
    | ReactionsCounted
)
"""What can become of reactions."""


class ReactionBook:
    """The reactions."""

    changes = (
        ReactionsAdded,
        ReactionsDeleted,
        ReactionsSwitched,
        ReactingSwitched,
        ReactionBegun,
        ReactionEnded,
        ReactionsCounted,
    )

    def __init__(self) -> None:
        self.reactions: dict[Key, Reaction] = {}
        self.enabled: set[Key] = set()
        self.is_enabled = True
        self.begun: Key | None = None
        """The one whose telecommand began to act and never ended."""
        self.released_count = 0
        self.failed_count = 0

    def apply(self, change: ReactionChange) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case ReactionsAdded(reactions):
                self.reactions.update({each.key: each for each in reactions})
            case ReactionsDeleted(keys):
                for key in keys:
                    self.reactions.pop(key, None)
                self.enabled.difference_update(keys)
                self.begun = None if self.begun in keys else self.begun
            case ReactionsSwitched(keys, enabled):
                if enabled:
                    self.enabled.update(keys)
                else:
                    self.enabled.difference_update(keys)
            case ReactingSwitched(enabled):
                self.is_enabled = enabled
            case ReactionBegun(key):
                self.begun = key if key in self.reactions else None
            case ReactionEnded(key, fate):
                self.begun = None
                self.released_count += 1
                self.failed_count += fate is not Fate.EXECUTED
            case ReactionsCounted(released, failed):
                self.released_count, self.failed_count = released, failed

    def snapshot(self) -> Iterator[tuple[ReactionChange, ...]]:
        """See `flight.books.book.Book`."""
        for reaction in self.reactions.values():
            yield (ReactionsAdded((reaction,)),)
        if self.enabled:
            yield (ReactionsSwitched(tuple(sorted(self.enabled)), True),)
        if not self.is_enabled:
            yield (ReactingSwitched(False),)
        if self.released_count:
            yield (ReactionsCounted(self.released_count, self.failed_count),)
        if self.begun is not None:
            yield (ReactionBegun(self.begun),)
