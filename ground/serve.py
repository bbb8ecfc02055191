"""A station in service: its link, its archive, its files, and the local socket through which programs use it.

What the station says is in the archive before anything more leaves and before anybody hears of it. What programs may
ask is in `ground.requests`, how they ask in `ground.socket_server`. It understands no telemetry: the station does.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccsds.sdls.key_file import End
from ccsds.sdls.key_store import Standing
from ccsds.sdls.security import Security
from ground import outbox
from ground.archive.archive import Archive
from ground.events import (
    ArchiveFailed,
    FrameReceived,
    PortReported,
    StationEvent,
    encode_json,
    plain,
)
from ground.file_store import DirectoryStore
from ground.files import FilesHome
from ground.requests import answer
from ground.socket_server import SocketServer
from ground.station import Station
from ground.station_config import StationConfig
from ground.transfer_events import (
    TransferDirection,
    TransferFailed,
    TransferFinished,
)
from mission.profiles import LinkProfile
from ports.drive import PortDown, PortUp, drive
from ports.key_directory import opened_keys
from ports.url import parse_url

# Telemetry waits this long for its commit, and is lost with the power then; commands never wait.
COMMIT_INTERVAL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """What one station in service needs."""

    link: str
    """Link URL."""
    profile: LinkProfile
    archive_path: Path
    socket_path: Path
    keys_path: Path | None = None
    """Key file of the ground, or None on a bench: then every frame is believed, and commands travel clear."""
    files_path: Path | None = None
    """Directory of files that came and go, or None: beside the archive."""

    @property
    def files_directory(self) -> Path:
        """Where files are."""
        return self.files_path or self.archive_path.with_name(self.archive_path.name + ".files")


def default_archive_path() -> Path:
    """Give where the archive is unless told otherwise: the user's data directory."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "starloop" / "ground.sqlite"


def run(config: ServeConfig, *, say: Callable[[str], None]) -> None:
    """Serve until a client or a signal stops it: the program of ``ground serve``.

    Raises:
        MisuseError: The link URL, the archive or the socket cannot be used.
    """

    async def main() -> None:
        service = StationService(config, say)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, service.stop)
        await service.run()

    asyncio.run(main())


class StationService:
    """A station with its link, archive and socket, on the running event loop.

    Args:
        config: What it needs.
        say: Takes lines for the operator.
    """

    station: Station
    files: DirectoryStore
    security: Security | None

    def __init__(self, config: ServeConfig, say: Callable[[str], None]) -> None:
        self.config = config
        self._say = say
        self._server = SocketServer(config.socket_path, lambda line, connection: answer(self, line, connection))
        self._stopped = asyncio.Event()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Serve until stopped.

        Raises:
            MisuseError: The link URL, the archive, the keys or the socket cannot be used.
            MalformedError: The key file is damaged.
            OSError: The key file cannot be read, or its directory not written.
        """
        parse_url(self.config.link)
        with contextlib.ExitStack() as stack:
            self.security = None
            if self.config.keys_path is not None:
                store = stack.enter_context(opened_keys(self.config.keys_path, End.GROUND))
                self.security = Security(store)
            await self._run()

    async def _run(self) -> None:
        config = self.config
        self._archive = Archive.open(config.archive_path, draw_source_id=_draw_source_id, unix_ns=time.time_ns())
        self._archive.before_commit = self._remember
        try:
            self.files = DirectoryStore(config.files_directory)
            identity = self._archive.identity
            self.station = Station(
                StationConfig(
                    profile=config.profile,
                    source_id=identity.source_id,
                    next_sequence_count=identity.next_sequence_count,
                    next_command_id=identity.next_command_id,
                ),
                security=self.security,
                files=FilesHome(
                    store=self.files, journal=self._archive.transfers, records=self._archive.transfers.records()
                ),
                stores=self._archive.stores(),
            )
            outbox.clear(self.files.root, kept=[each["source_name"] for each in self.station.transfers()])
            self._server.open()
            try:
                await self._serve()
            finally:
                self._server.close()
        finally:
            self._remember()
            with contextlib.suppress(sqlite3.Error):
                self._archive.close()

    async def _serve(self) -> None:
        config = self.config
        await self._server.start()
        self._say(f"station {self._archive.identity.source_id} serves {config.link}, profile {config.profile.name}")
        self._say(self._protection())
        self._say(f"archive {config.archive_path}, files {self.files.root}, socket {config.socket_path}")
        tasks = {
            asyncio.create_task(
                drive(
                    self.station,
                    config.link,
                    rate_bps=config.profile.uplink_rate_bps,
                    bits_per_octet=config.profile.bits_per_octet,
                    on_events=self._take_from_drive,
                    wake=self._wake,
                )
            ),
            asyncio.create_task(self._commit_regularly()),
            asyncio.create_task(self._stopped.wait()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # Nothing is heard from now on: what came of files is made durable.
            self.station.contact(False, time.monotonic_ns())
            self.take(self.station.take_events())
            await self._server.stop()
        for task in done:
            task.result()

    async def _commit_regularly(self) -> None:
        while True:
            # What sets the computer's clock does so in small steps; the correlation itself is with the monotonic one.
            self.station.onboard_time.set_utc(time.time_ns(), time.monotonic_ns())
            await asyncio.sleep(COMMIT_INTERVAL_S)
            try:
                self._archive.commit()
            except sqlite3.Error as error:
                self._broadcast([_archive_failed(error)])

    def _remember(self) -> None:
        """Make durable which telemetry was received, before the archive does the same with what it said."""
        if self.security is None:
            return
        try:
            self.security.remember()
        except OSError as error:
            self._say(f"keys: what was received could not be made durable: {error}")

    def _protection(self) -> str:
        """Say how the link is protected, and what the key store turned out to be."""
        if self.security is None:
            return "insecure: every frame is believed, and commands travel clear"
        text = f"keys {self.security.set_id[:8]}, {self.security.standing.value}"
        if self.security.standing is Standing.RESTORED:
            text += ": command keys that were used are spent; activate the spare of each channel (ground keys list)"
        return text

    def _take_from_drive(self, events: Iterable[StationEvent | PortUp | PortDown]) -> None:
        now_ns = time.monotonic_ns()
        self.take(
            PortReported(time_ns=now_ns, text=str(each)) if isinstance(each, PortUp | PortDown) else each
            for each in events
        )

    def take(self, events: Iterable[StationEvent]) -> None:
        """Keep events, then tell them to those who listen."""
        events = list(events)
        if not events:
            return
        try:
            self._archive.record(events, time.time_ns())
        except sqlite3.Error as error:
            events.append(_archive_failed(error))
        for event in events:
            if isinstance(event, TransferFinished | TransferFailed) and event.direction is TransferDirection.UP:
                outbox.remove(self.files.root, event.source_name)
        self._broadcast(events)

    def _broadcast(self, events: Iterable[StationEvent]) -> None:
        listeners = self._server.listeners
        for event in events:
            # Raw frames are in the archive; here they would only be noise.
            if isinstance(event, FrameReceived):
                continue
            if isinstance(event, ArchiveFailed | PortReported):
                self._say(str(event))
            line = encode_json({"event": {**plain(event), "line": str(event)}}) + b"\n"
            for listener in listeners:
                listener.put(line)

    def issue(self, command_id: int) -> dict[str, Any]:
        """Make a command durable before the transmitter can pull it, or take it back."""
        events = self.station.take_events()
        try:
            self._archive.record(events, time.time_ns())
        except sqlite3.Error as error:
            self.station.withdraw(command_id, f"the archive failed: {error}", time.monotonic_ns())
            self._broadcast([*events, _archive_failed(error)])
            self.take(self.station.take_events())
            raise
        self._broadcast(events)
        self.wake()
        return {"command_id": command_id}

    def wake(self) -> None:
        """Have the link look at the station, which was given something to do."""
        self._wake.set()

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()


def _archive_failed(error: Exception) -> ArchiveFailed:
    return ArchiveFailed(time_ns=time.monotonic_ns(), reason=str(error))


def _draw_source_id() -> int:
    return 1 + secrets.randbelow(0xFFFF)
