"""The life of a key, and the keys of one end: which are accepted, and which one sends.

A key ring never changes: an operation gives another one, so that its owner can make it durable first. It knows no key
octets. The states are those of the extended procedures, and one more for a sending key whose counter is not known.

Source: CCSDS 355.1-B-1 3.2 (key management), 355.0-B-2 4.2.2 (security associations).
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Self

import msgspec

from ccsds.errors import MisuseError
from ccsds.sdls.association import Link, SecurityAssociation

# Accepted at the same time on one channel: the one in use, the one it is being changed for, and a spare for recovery.
ACTIVE_KEYS_MAX = 3


class KeyState(Enum):
    """The states of a key at one end."""

    PREACTIVE = "preactive"
    """It was never used; nothing under it is accepted."""
    ACTIVE = "active"
    """What comes under it is accepted; of the active ones of a channel, the one activated last sends."""
    DEACTIVATED = "deactivated"
    """It is not used, and can be taken up again where it was left: its counter goes on."""
    SPENT = "spent"
    """The store was restored, so that its counter is not known: it can never send again."""
    DESTROYED = "destroyed"
    """Its octets are gone."""


class KeyOperation(Enum):
    """What is done to a key."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    DESTROY = "destroy"
    RESTORE = "restore"
    """The store of this end is a copy or a backup. Only sending keys take part."""


_PREACTIVE, _ACTIVE, _DEACTIVATED, _SPENT, _DESTROYED = KeyState
_ACTIVATE, _DEACTIVATE, _DESTROY, _RESTORE = KeyOperation

TABLE: dict[tuple[KeyState, KeyOperation], KeyState] = {
    (_PREACTIVE, _ACTIVATE): _ACTIVE,
    (_PREACTIVE, _DESTROY): _DESTROYED,
    (_PREACTIVE, _RESTORE): _PREACTIVE,
    # An operation repeated after a crash changes nothing.
    (_ACTIVE, _ACTIVATE): _ACTIVE,
    (_ACTIVE, _DEACTIVATE): _DEACTIVATED,
    # (ACTIVE, DESTROY) is refused: a key is deactivated first, so that its guard has been passed.
    (_ACTIVE, _RESTORE): _SPENT,
    # The way back of a rotation.
    (_DEACTIVATED, _ACTIVATE): _ACTIVE,
    (_DEACTIVATED, _DEACTIVATE): _DEACTIVATED,
    (_DEACTIVATED, _DESTROY): _DESTROYED,
    (_DEACTIVATED, _RESTORE): _SPENT,
    (_SPENT, _DESTROY): _DESTROYED,
    (_SPENT, _RESTORE): _SPENT,
    (_DESTROYED, _DESTROY): _DESTROYED,
    (_DESTROYED, _RESTORE): _DESTROYED,
}
"""(state, operation) -> next state. What is not in it is refused."""


class KeyRecord(msgspec.Struct, frozen=True):
    """What must be remembered of one key."""

    spi: int
    state: KeyState
    activation: int = 0
    """The higher, the later it was activated; 0 is never."""
    reserved: int = 0
    """Counters below this may have been used to send."""


class KeyMoved(msgspec.Struct, frozen=True, tag=True):
    """A key changed its state."""

    spi: int
    before: KeyState
    after: KeyState

    def __str__(self) -> str:
        return f"key of SPI {self.spi}: {self.before.value} -> {self.after.value}"


class KeyRing:
    """The keys of one end.

    Args:
        associations: What each SPI stands for.
        records: What is remembered of each; those without a record are `KeyState.PREACTIVE`.
        sending: The direction in which this end sends.
    """

    def __init__(
        self, associations: Mapping[int, SecurityAssociation], records: Iterable[KeyRecord], sending: Link
    ) -> None:
        self._associations = associations
        self._sending = sending
        known = {record.spi: record for record in records}
        self._records = {spi: known.get(spi, KeyRecord(spi, KeyState.PREACTIVE)) for spi in associations}
        self._active: dict[tuple[Link, int], list[int]] = {}
        for record in sorted(self._records.values(), key=lambda record: -record.activation):
            if record.state is KeyState.ACTIVE:
                self._active.setdefault(associations[record.spi].channel, []).append(record.spi)

    @property
    def records(self) -> tuple[KeyRecord, ...]:
        """What must be remembered."""
        return tuple(self._records.values())

    def record(self, spi: int) -> KeyRecord:
        """Give what is remembered of a key.

        Raises:
            MisuseError: There is no such SPI.
        """
        if spi not in self._records:
            raise MisuseError(f"expected an SPI of this key file, found {spi}")
        return self._records[spi]

    def is_active(self, spi: int) -> bool:
        """Whether frames under an SPI are accepted."""
        record = self._records.get(spi)
        return record is not None and record.state is KeyState.ACTIVE

    def active(self, channel: tuple[Link, int]) -> list[int]:
        """Give the active SPIs of a channel, the one activated last first: that one sends."""
        return self._active.get(channel, [])

    def after(self, spi: int, operation: KeyOperation, is_proven: Callable[[int], bool]) -> Self:
        """Give the ring as it is after an operation on one key.

        Args:
            spi: Whose key.
            operation: What is done.
            is_proven: Whether a frame was ever accepted under an SPI. The last proven key of a receiving channel is
                not given up: the other end may be unable to use any other.

        Raises:
            MisuseError: The state of the key, or that of the others of its channel, does not allow it.
        """
        record = self.record(spi)
        if (record.state, operation) not in TABLE:
            raise MisuseError(f"SPI {spi}: expected a key that one can {operation.value}, found {record.state.value}")
        if operation is KeyOperation.DEACTIVATE and record.state is KeyState.ACTIVE:
            self._guard(spi, is_proven)
        activation = record.activation
        if operation is KeyOperation.ACTIVATE and record.state is not KeyState.ACTIVE:
            active = self.active(self._associations[spi].channel)
            if len(active) >= ACTIVE_KEYS_MAX:
                raise MisuseError(f"SPI {spi}: expected fewer than {ACTIVE_KEYS_MAX} active keys, found {active}")
            activation = 1 + max(each.activation for each in self._records.values())
        state = TABLE[record.state, operation]
        return self._with(KeyRecord(spi, state, activation, record.reserved))

    def restored(self) -> Self:
        """Give the ring of a store that is a copy or a backup: no key that was used to send can send again."""
        ring = self
        for spi, record in self._records.items():
            if self._associations[spi].link is self._sending:
                state = TABLE[record.state, KeyOperation.RESTORE]
                ring = ring._with(KeyRecord(spi, state, record.activation, record.reserved))
        return ring

    def reserving(self, spi: int, reserved: int) -> Self:
        """Give the ring with counters below a limit set aside to send with."""
        record = self.record(spi)
        return self._with(KeyRecord(spi, record.state, record.activation, max(record.reserved, reserved)))

    def _guard(self, spi: int, is_proven: Callable[[int], bool]) -> None:
        channel = self._associations[spi].channel
        others = [each for each in self.active(channel) if each != spi]
        link, virtual_channel = channel
        if link is not self._sending:
            others = [each for each in others if is_proven(each)]
        if not others:
            raise MisuseError(
                f"SPI {spi}: expected another active key of {link.value} channel {virtual_channel}"
                f"{'' if link is self._sending else ' under which a frame has come'}, found none"
            )

    def _with(self, record: KeyRecord) -> Self:
        records = {**self._records, record.spi: record}
        return type(self)(self._associations, records.values(), self._sending)
