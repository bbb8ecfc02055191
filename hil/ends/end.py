"""One end of the link as a thing that can lose its power: a core while it runs, silence while it is off.

What comes while it is off is lost, and it says nothing. When it is started again its core is built anew, from what the
end before had made durable and nothing else.

A core is asked only for what may have changed: when it has a deadline, and whether it has something to transmit, stays
as it is until it was called. So a fast link costs no more turns than it has frames, and a core that does something
without having said that it is due is found out.
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
        self._deadline_ns: int | None = None
        self._is_stirred = False
        self._may_tell = False
        self.is_fed = True
        """Whether there is power for it."""
        self.may_transmit = False
        """Whether it may have something to say, once the line is free."""

    @property
    def is_on(self) -> bool:
        """Whether it runs."""
        return self._core is not None

    @property
    def core(self) -> CoreType:
        """The core of an end that runs, to be called.

        Raises:
            MisuseError: It is off.
        """
        if self._core is None:
            raise MisuseError(f"expected the {self.name} to run, found it off")
        self._stir()
        return self._core

    def start(self, now_ns: int) -> None:
        """Turn it on: its core knows what is on its disks, and time.

        Raises:
            MisuseError: It runs already.
        """
        if self._core is not None:
            raise MisuseError(f"expected the {self.name} to be off, found it running")
        self._core = self._build(now_ns)
        self._stir()
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
        self._stir()
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
            self._stir()
            self._core.receive(data, now_ns)

    def advance(self, now_ns: int) -> None:
        """See `ports.drive.Core.advance`; only if something is due, or may be since the core was called."""
        is_due = self._deadline_ns is not None and self._deadline_ns <= now_ns
        if self._core is not None and (is_due or self._is_stirred):
            self._stir()
            self._core.advance(now_ns)

    def next_deadline(self) -> int | None:
        """See `ports.drive.Core.next_deadline`."""
        if self._is_stirred:
            self._is_stirred = False
            self._deadline_ns = None if self._core is None else self._core.next_deadline()
        return self._deadline_ns

    def transmit(self, now_ns: int) -> bytes | None:
        """See `ports.drive.Core.transmit`."""
        if self._core is None or not self.may_transmit:
            return None
        octets = self._core.transmit(now_ns)
        self._stir()
        self.may_transmit = octets is not None
        return octets

    def contact(self, up: bool, now_ns: int) -> None:
        """See `ports.drive.Core.contact`; one that is off is told when it starts."""
        self._has_contact = up
        if self._core is not None:
            self._stir()
            self._core.contact(up, now_ns)

    def take_events(self) -> Sequence[msgspec.Struct]:
        """See `ports.drive.Core.take_events`; one that was not called since the last time has none."""
        if not self._may_tell:
            return ()
        self._may_tell = False
        return self._take()

    def _take(self) -> Sequence[msgspec.Struct]:
        """Take the events of the core."""
        return () if self._core is None else self._core.take_events()

    def _stir(self) -> None:
        """Note that the core was called, so that its answers may be others than before."""
        self._is_stirred = True
        self._may_tell = True
        self.may_transmit = True
