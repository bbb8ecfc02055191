"""The station of a run: its archive, its keys, and the core that is built from them each time it starts.

It keeps what `ground.serve` keeps, in the same order: what the core said is in the archive before anything more leaves,
telemetry is committed and what was received under keys is made durable each second. A station that lost its power takes
a new source identifier, as its archive has it, and gives up the commands that were on their way; files go on, from the
archive's journal and from a disk that forgets what was not synced, as the one of its keys does.

With an orbit it knows where the spacecraft is, and so the light time; nobody tells it what a network adds to that.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ccsds.deadline import earliest
from ccsds.sdls.key_store import KeyStore
from ccsds.sdls.security import Security
from ccsds.time import unix_ns_from_tai
from ground.archive.archive import STOPPED, Archive
from ground.archive.history import History
from ground.conversations import recall
from ground.events import FINAL, CommandStaged, Stage, StationEvent
from ground.files import FilesHome
from ground.station import Station
from ground.station_config import StationConfig
from hil.disk.simulated_disk import SimulatedDisk
from hil.ends.end import End
from hil.streams import Streams
from mission.profiles import LinkProfile

NS_PER_S = 1_000_000_000

# As in `ground.serve`.
COMMIT_INTERVAL_NS = NS_PER_S


class StationEnd(End[Station]):
    """The station.

    Args:
        profile: How the link is run.
        archive_path: Of its archive.
        files: Directory of its files.
        keys_path: Of its key file, or None: then it believes every frame.
        tai_offset_ns: TAI less virtual time.
        streams: Of the seed; source identifiers are drawn from ``station``.
        light_time: Gives the light time of one way as the orbit has it, or None without one.
    """

    name = "station"

    def __init__(
        self,
        profile: LinkProfile,
        archive_path: Path,
        files: Path,
        keys_path: Path | None,
        tai_offset_ns: int,
        streams: Streams,
        light_time: Callable[[int], int] | None = None,
    ) -> None:
        super().__init__()
        self._light_time = light_time
        self._profile = profile
        self._archive_path = archive_path
        self.disk = SimulatedDisk(files, streams.scoped("station"))
        self._key_name = keys_path.name if keys_path is not None else ""
        self._key_disk = SimulatedDisk(keys_path.parent, streams.scoped("station/keys")) if keys_path else None
        self._tai_offset_ns = tai_offset_ns
        self._streams = streams
        self._draws = 0
        self._now_ns = 0
        self._archive: Archive | None = None
        self._security: Security | None = None
        self._commit_ns: int | None = None
        # Commands on their way, by number: their latest stage, to be told when power is lost.
        self._open: dict[int, CommandStaged] = {}
        self._told: list[StationEvent] = []

    def command(self, name: str, arguments: Mapping[str, Any], now_ns: int) -> int:
        """Queue a command, and give its number; it is in the archive when this returns.

        Raises:
            MisuseError: See `Station.command`; or it is off.
        """
        self._now_ns = now_ns
        command_id = self.core.command(name, arguments, now_ns=now_ns)
        self._told += self._take()
        return command_id

    def put_file(self, name: str, destination: str, now_ns: int) -> str:
        """Begin to send a file, and give the name of its transfer.

        Raises:
            MisuseError: See `Station.put_file`; or it is off.
        """
        self._now_ns = now_ns
        transaction = self.core.put_file(name, destination, now_ns=now_ns)
        self._told += self._take()
        return str(transaction)

    def receive(self, data: bytes, now_ns: int) -> None:
        """See `ports.drive.Core.receive`."""
        if self.is_on and self._light_time is not None:
            self.core.onboard_time.set_light_time(self._light_time(now_ns))
        super().receive(data, now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due, and what the program around a station does regularly."""
        self._now_ns = now_ns
        super().advance(now_ns)
        if self._commit_ns is not None and now_ns >= self._commit_ns:
            self._commit()

    def next_deadline(self) -> int | None:
        """See `ports.drive.Core.next_deadline`."""
        deadlines = (super().next_deadline(), self._commit_ns)
        return earliest(deadlines)

    def take_events(self) -> Sequence[StationEvent]:
        """Give what happened since the last call; all of it is in the archive, and commands in it are durable."""
        if not self._may_tell and not self._told:
            return ()
        self._may_tell = False
        events = self._take()
        if self._told:
            events, self._told = [*self._told, *events], []
        return events

    def close(self) -> None:
        """See `hil.ends.end.End.close`."""
        if self._archive is not None:
            self._commit()
            self._archive.close()
            self._archive = None

    def _build(self, now_ns: int) -> Station:
        self._now_ns = now_ns
        self._security = None
        if self._key_disk is not None:
            self._security = Security(KeyStore.open(self._key_disk, self._key_name))
        self._archive = Archive.open(
            self._archive_path, draw_source_id=self._draw_source_id, unix_ns=self._unix_ns(), is_synced=False
        )
        if self._security is not None:
            self._archive.before_commit = self._security.remember
        identity = self._archive.identity
        config = StationConfig(
            profile=self._profile,
            source_id=identity.source_id,
            next_sequence_count=identity.next_sequence_count,
            next_command_id=identity.next_command_id,
        )
        self._told += [
            msgspec.structs.replace(event, time_ns=now_ns, stage=Stage.LOST, text=STOPPED)
            for event in self._open.values()
        ]
        self._open.clear()
        transfers = self._archive.transfers
        home = FilesHome(store=self.disk, journal=transfers, records=transfers.records())
        with contextlib.closing(History.open(self._archive_path)) as history:
            conversations = recall(history)
        station = Station(
            config,
            security=self._security,
            files=home,
            stores=self._archive.stores(),
            conversations=conversations,
        )
        station.onboard_time.set_utc(self._unix_ns(), now_ns)
        return station

    def _lose(self) -> str:
        if self._archive is not None:
            self._archive.abandon()
            self._archive = None
        self._commit_ns = None
        if self._key_disk is not None:
            self._key_disk.power_cut()
            self._key_disk.power_on()
        forgot = self.disk.power_cut()
        self.disk.power_on()
        return f"{forgot}; {len(self._open)} commands were on their way"

    def _commit(self) -> None:
        """Make durable which telemetry was received, then what it said."""
        self._commit_ns = None
        if self._archive is not None:
            self._archive.commit()

    def _take(self) -> Sequence[StationEvent]:
        """Take the events of the core, and keep them."""
        events = [] if self._core is None else self._core.take_events()
        if events and self._archive is not None:
            self._archive.record(events, self._unix_ns())
            self._commit_ns = self._commit_ns or self._now_ns + COMMIT_INTERVAL_NS
            for event in events:
                if isinstance(event, CommandStaged):
                    self._follow(event)
        return events

    def _follow(self, event: CommandStaged) -> None:
        if event.stage in FINAL:
            self._open.pop(event.command_id, None)
        else:
            self._open[event.command_id] = event

    def _unix_ns(self) -> int:
        return unix_ns_from_tai(self._now_ns + self._tai_offset_ns)

    def _draw_source_id(self) -> int:
        self._draws += 1
        return int(self._streams.block("station", self._draws - 1).integers(1, 1 << 16))
