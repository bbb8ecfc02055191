"""A commit: the changes made together, as one journal record, so that either all of it happened or none."""

import msgspec

from ccsds.sdls.window import Receipt
from flight.books.boots import Booted, Crashed, Lived, Stopped
from flight.books.commands import Begun, Executed
from flight.books.events import EventSwitched
from flight.books.housekeeping import HousekeepingChange
from flight.books.inference import InferenceChange
from flight.books.jobs import JobChange
from flight.books.keys import KeySetLoaded
from flight.books.mode import ModeChanged
from flight.books.monitoring import MonitoringChange
from flight.books.parameters import SettingChanged
from flight.books.procedures import ProcedureChange
from flight.books.reactions import ReactionChange
from flight.books.safeguards import SafeguardChange
from flight.books.schedule import ScheduleChange
from flight.books.storage import StorageChange
from flight.books.time import TimeRecord

Change = (
    Executed
    | Begun
    | Booted
    | Lived
    | Stopped
    | Crashed
    | KeySetLoaded
    | Receipt
    | EventSwitched
    | HousekeepingChange
    | JobChange
    | InferenceChange
    | ScheduleChange
    | ProcedureChange
    | MonitoringChange
    | ReactionChange
    | StorageChange
    | SettingChanged
    | TimeRecord
    | ModeChanged
    | SafeguardChange
)
"""Everything that can change durably."""


class Commit(msgspec.Struct, frozen=True):
    """The changes made together, in order."""

    changes: tuple[Change, ...]

    def encode(self) -> bytes:
        """Write the commit as one journal record."""
        return _ENCODER.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "Commit":
        """Read a commit from a journal record.

        Raises:
            msgspec.DecodeError: The record is of another version.
        """
        return _DECODER.decode(data)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Commit)
