"""A station in service: its link, its archive, its files, its audit, and the doors through which it is used.

What the station says is in the archive before anything more leaves and before anybody hears of it. What can be asked is
in `ground.server.operations`, how it is asked in `ground.server`. It understands no telemetry: the station does.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import secrets
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ccsds.errors import MalformedError, MisuseError
from ccsds.sdls.key_file import End
from ccsds.sdls.key_store import Standing
from ccsds.sdls.security import Security
from ground import outbox
from ground.access.audit import Audit
from ground.access.gate import SocketGate, WebGate
from ground.access.guard import Guard
from ground.access.principal import Principal
from ground.access.sessions import TOKEN_OCTETS
from ground.access.users import Users
from ground.alarms.events import AlarmChanged
from ground.alarms.rules import default_rules
from ground.alarms.rules_file import read_rules
from ground.alarms.watch import Watch
from ground.archive.history import History
from ground.archive.retention import Rule
from ground.conversations import ConversationBook, recall
from ground.events import ArchiveFailed, ArchiveRegained, CommandIssued, PortReported, StationEvent
from ground.file_store import DirectoryStore
from ground.files import FilesHome
from ground.pass_plan import PassPlan, read_pass_plan
from ground.recorder import Recorder
from ground.serve_config import ServeConfig
from ground.server.app import make_app
from ground.server.doors import Doors, load_certificate
from ground.server.operations import Operations
from ground.server.procedures import Procedures
from ground.station import Station
from ground.station_config import StationConfig
from ground.transfer_events import (
    TransferDirection,
    TransferFailed,
    TransferFinished,
)
from mission.definition import DICTIONARY
from ports.drive import PortDown, PortUp, drive
from ports.key_directory import opened_keys
from ports.url import parse_url

# Telemetry waits this long for its commit, and is lost with the power then; commands never wait.
COMMIT_INTERVAL_S = 1.0

# What a rule of retention removes in an hour is a thousandth of what a month's archive holds.
RETAIN_INTERVAL_S = 3600.0


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
        self.plan = PassPlan() if config.passes_path is None else read_pass_plan(config.passes_path)
        self._say = say
        self._guard = Guard(None if config.users_path is None else Users(config.users_path), _draw_token)
        self.operations = Operations(self, self._guard)
        self._stopped = asyncio.Event()
        self._wake = asyncio.Event()
        self.started_unix_ns = time.time_ns()
        self.port_text = ""
        """What was last said of the link's port."""
        self.rules_trouble = ""
        """What is wrong with the file of rules, while the ones before are in force."""
        self._keys_trouble = ""
        self.recorder = Recorder(config.archive_path, _draw_source_id, say, lambda event: self._broadcast([event]))

    async def run(self) -> None:
        """Serve until stopped.

        Raises:
            MisuseError: The link URL, the archive, the keys or the socket cannot be used.
            MalformedError: The key file is damaged.
            OSError: The key file cannot be read, or its directory not written.
        """
        parse_url(self.config.link)
        self._check_web()
        with contextlib.ExitStack() as stack:
            self.security = None
            if self.config.keys_path is not None:
                store = stack.enter_context(opened_keys(self.config.keys_path, End.GROUND))
                self.security = Security(store)
            await self._run()

    async def _run(self) -> None:
        config = self.config
        self.recorder.open()
        archive = self.recorder.archive
        archive.before_commit = self._remember
        try:
            self.files = DirectoryStore(config.files_directory)
            identity = archive.identity
            self.station = Station(
                StationConfig(
                    profile=config.profile,
                    source_id=identity.source_id,
                    next_sequence_count=identity.next_sequence_count,
                    next_command_id=identity.next_command_id,
                ),
                security=self.security,
                files=FilesHome(store=self.files, journal=archive.transfers, records=archive.transfers.records()),
                stores=archive.stores(),
                conversations=self._recall(),
            )
            self.recorder.when_lost = lambda: self.station.recall_stores(self.recorder.stores())
            self.station.onboard_time.set_light_time(config.light_time_ns)
            self.watch = Watch(default_rules(DICTIONARY), self._alarms_told())
            try:
                self.load_rules()
            except MisuseError as error:
                self._say(f"rules: {error}; the dictionary's own are in force")
            outbox.clear(self.files.root, kept=[each["source_name"] for each in self.station.transfers()])
            self._audit = Audit.open(config.audit_path)
            try:
                if config.retention is not None:
                    self._retain_told(config.retention)
                doors = Doors(self._application(), config.socket_path, config.web, self._say)
                doors.open()
                try:
                    await self._serve(doors)
                finally:
                    doors.close()
            finally:
                self._audit.close()
        finally:
            self._remember()
            self.recorder.close()

    def _recall(self) -> ConversationBook:
        """Give the conversations that the archive holds; those that cannot be read are no reason not to serve."""
        try:
            with contextlib.closing(History.open(self.config.archive_path)) as history:
                return recall(history)
        except (MalformedError, sqlite3.Error) as error:
            self._say(f"conversations: expected an archive that can be read, found: {error}; they begin anew")
            return ConversationBook()

    async def _serve(self, doors: Doors) -> None:
        config = self.config
        await doors.start()
        self._say(f"station {self.station.config.source_id} serves {config.link}, profile {config.profile.name}")
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
        if config.retention is not None:
            tasks.add(asyncio.create_task(self._retain_regularly(config.retention)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # Nothing is heard from now on: what came of files is made durable.
            self.station.contact(False, time.monotonic_ns())
            self.take(self.station.take_events())
            doors.shut()
            await self.operations.procedures.end()
            self.operations.subscriptions.end()
            await doors.stop()
        for task in done:
            task.result()

    async def _commit_regularly(self) -> None:
        while True:
            # What sets the computer's clock does so in small steps; the correlation itself is with the monotonic one.
            self.station.onboard_time.set_utc(time.time_ns(), time.monotonic_ns())
            await asyncio.sleep(COMMIT_INTERVAL_S)
            self.watch.advance(time.monotonic_ns())
            self.take(self.watch.take_events())
            self.recorder.commit()

    async def _retain_regularly(self, rule: Rule) -> None:
        while True:
            await asyncio.sleep(RETAIN_INTERVAL_S)
            self._retain_told(rule)

    def _retain_told(self, rule: Rule) -> None:
        try:
            removed = self.retain(rule)
        except sqlite3.Error as error:
            self.recorder.fail(error)
            return
        if any(removed.values()):
            told = ", ".join(f"{count} {kind}" for kind, count in removed.items())
            self._say(f"archive: {told} removed, as --keep-... says")

    def retain(self, rule: Rule) -> dict[str, int]:
        """Remove from the archive what a rule does not keep.

        Raises:
            sqlite3.Error: The disk failed.
        """
        return self.recorder.retain(rule)

    def load_rules(self) -> None:
        """Read the file of rules, and watch by it from now on; alarms stand where they stood.

        Raises:
            MisuseError: It is wrong, with line and reason; the rules before stay in force.
        """
        path = self.config.rules_path
        if path is None:
            return
        try:
            rules = read_rules(path, DICTIONARY)
        except MisuseError as error:
            self.rules_trouble = str(error)
            raise
        self.rules_trouble = ""
        self.watch = Watch(rules, self._alarms_told())

    def _alarms_told(self) -> list[AlarmChanged]:
        return self.recorder.archive.alarms(time.monotonic_ns(), time.time_ns())

    def _check_web(self) -> None:
        """Refuse an address that anybody reaches and nobody has to log in at.

        Raises:
            MisuseError: It is one, or its certificate or its users cannot be used.
            MalformedError: The file of users is none.
        """
        web, users_path = self.config.web, self.config.users_path
        if users_path is not None and not Users(users_path).all():
            raise MisuseError(f"users {users_path}: expected at least one, found none; ground users add NAME")
        if web is None:
            return
        load_certificate(web)
        if not web.is_loopback and users_path is None:
            raise MisuseError(
                f"web {web}: expected --users FILE where other computers come in, found none; ground users add NAME"
            )
        if not web.is_loopback and web.certificate is None:
            self._say(f"web {web}: passwords and commands travel readable; give --tls-certificate and --tls-key")

    def _remember(self) -> None:
        """Make durable which telemetry was received, before the archive does the same with what it said."""
        if self.security is None:
            return
        trouble = ""
        try:
            self.security.remember()
        except OSError as error:
            trouble = str(error)
        if trouble != self._keys_trouble:
            self._keys_trouble = trouble
            self._say(
                f"keys: what was received could not be made durable: {trouble}"
                if trouble
                else "keys: what was received is made durable again"
            )

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
        told: list[StationEvent] = []
        for each in events:
            if isinstance(each, PortUp | PortDown):
                self.port_text = str(each)
                told.append(PortReported(time_ns=now_ns, text=str(each)))
            else:
                told.append(each)
        self.take(told)

    def take(self, events: Iterable[StationEvent]) -> None:
        """Keep events, then tell them to those who listen."""
        events = list(events)
        self.watch.take(events)
        events += self.watch.take_events()
        if not events:
            return
        trouble = self.recorder.keep(events)
        for event in events:
            if isinstance(event, TransferFinished | TransferFailed) and event.direction is TransferDirection.UP:
                outbox.remove(self.files.root, event.source_name)
        self._broadcast(events)
        issued = [event.command_id for event in events if isinstance(event, CommandIssued)]
        if trouble is not None and issued:
            # What the station itself wanted to send, and may not before it is durable.
            for command_id in issued:
                self._withdraw(command_id, trouble)
            self.take(self.station.take_events())

    def _broadcast(self, events: Iterable[StationEvent]) -> None:
        events = list(events)
        for event in events:
            self.operations.commanding.observe(event)
            self.operations.stacks.observe(event)
            if isinstance(event, ArchiveFailed | ArchiveRegained | PortReported):
                self._say(str(event))
        self.operations.subscriptions.tell(events, time.time_ns())

    def issue(self, command_id: int) -> None:
        """Make a command durable before the transmitter can pull it, or take it back.

        Raises:
            sqlite3.Error: The archive failed; the command is taken back.
        """
        events = self.station.take_events()
        try:
            self.recorder.record(events)
        except sqlite3.Error as error:
            self._withdraw(command_id, str(error))
            self._broadcast(events)
            self.recorder.fail(error)
            self.take(self.station.take_events())
            raise
        self._broadcast(events)
        self.wake()

    def note_action(self, by: Principal, action: str, details: Mapping[str, Any]) -> None:
        """Keep what somebody does; it is durable at return.

        Raises:
            OSError: The disk does not take it: then it is not to be done.
        """
        self._audit.write(
            time.time_ns(), who=by.name, role=by.role.name, door=by.door.value, action=action, details=details
        )

    def wake(self) -> None:
        """Have the link look at the station, which was given something to do."""
        self._wake.set()

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    def _withdraw(self, command_id: int, reason: str) -> None:
        self.station.withdraw(command_id, f"the archive failed: {reason}", time.monotonic_ns())

    def _application(self) -> Callable[[str], Any]:
        """Give what makes the application for each door: one application behind both gates."""
        guard = self._guard
        self.operations.procedures = Procedures(
            self.config.procedures_path, self.config.socket_path, guard, self.note_action
        )
        app = make_app(self.operations, guard)
        if self.config.web is not None and self.config.has_console and _has_console():
            importlib.import_module("ground.console.mount").mount(
                app, self.operations, self.config.archive_path, self.plan
            )
        own = () if self.config.web is None else (self.config.web.host, *self.config.web_names)
        gates = {"socket": SocketGate(app, guard), "web": WebGate(app, guard, own)}
        return gates.__getitem__


def _has_console() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("nicegui", "ground.console"))


def _draw_token() -> str:
    return secrets.token_urlsafe(TOKEN_OCTETS)


def _draw_source_id() -> int:
    return 1 + secrets.randbelow(0xFFFF)
