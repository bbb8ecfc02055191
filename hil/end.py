"""One end of the link as a thing that can lose its power: a core while it runs, silence while it is off.

What comes while it is off is lost, and it says nothing. When it is started again its core is built anew, from what the
end before had made durable and nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from ccsds.errors import MisuseError
from ports.drive import Core

CoreType = TypeVar("CoreType", bound=Core)


class End(ABC, Generic[CoreType]):
    """One end; `start` turns it on. It is driven as its core is."""

    name = ""
    """By which events and faults know it."""

    def __init__(self) -> None:
        self._core: CoreType | None = None
        self._has_contact = False

    @property
    def is_on(self) -> bool:
        """Whether it runs."""
        return self._core is not None

    @property
    def core(self) -> CoreType:
        """The core of an end that runs.

        Raises:
            MisuseError: It is off.
        """
        if self._core is None:
            raise MisuseError(f"expected the {self.name} to run, found it off")
        return self._core

    def start(self, now_ns: int) -> None:
        """Turn it on: its core knows what is on its disks, and time.

        Raises:
            MisuseError: It runs already.
        """
        if self._core is not None:
            raise MisuseError(f"expected the {self.name} to be off, found it running")
        self._core = self._build(now_ns)
        if self._has_contact:
            self._core.contact(True, now_ns)

    def cut_power(self) -> str:
        """Let it lose its power, and with it all that is not durable; give what is to be said of that.

        Its events are to be taken before.

        Raises:
            MisuseError: It is off.
        """
        if self._core is None:
            raise MisuseError(f"expected the {self.name} to run, found it off")
        self._core = None
        return self._lose()

    @abstractmethod
    def close(self) -> None:
        """End it in order, for the end of a run."""

    @abstractmethod
    def _build(self, now_ns: int) -> CoreType:
        """Make the core from what is durable."""

    @abstractmethod
    def _lose(self) -> str:
        """Lose what is not durable; the core is gone already."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """See `ports.drive.Core.receive`."""
        if self._core is not None:
            self._core.receive(data, now_ns)

    def advance(self, now_ns: int) -> None:
        """See `ports.drive.Core.advance`."""
        if self._core is not None:
            self._core.advance(now_ns)

    def next_deadline(self) -> int | None:
        """See `ports.drive.Core.next_deadline`."""
        return None if self._core is None else self._core.next_deadline()

    def transmit(self, now_ns: int) -> bytes | None:
        """See `ports.drive.Core.transmit`."""
        return None if self._core is None else self._core.transmit(now_ns)

    def contact(self, up: bool, now_ns: int) -> None:
        """See `ports.drive.Core.contact`; one that is off is told when it starts."""
        self._has_contact = up
        if self._core is not None:
            self._core.contact(up, now_ns)

    def take_events(self) -> Sequence[msgspec.Struct]:
        """See `ports.drive.Core.take_events`."""
        return () if self._core is None else self._core.take_events()
