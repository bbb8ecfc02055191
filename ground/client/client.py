"""A program's hold on a running station: send commands, wait for their ends, follow events, ask for the state.

It uses the station's API (`ground.server`), over the local socket of ``ground serve`` or over the web, and blocks;
`Client.fileno` and `Client.read_events` let an event loop use it too. It decodes nothing itself: events are the plain
dictionaries that `ground.events.plain` makes, each with its kind under ``type``, and with its one-line text under
``line``.
"""

import os
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import msgspec

from ccsds.cop1.fop import Directive, Service
from ccsds.errors import MisuseError
from ground.client.asking import REPLY_TIMEOUT_S, Asker
from ground.client.errors import StationGoneError
from ground.client.place import Place
from ground.client.sessions import session_at
from ground.client.stacks import Stacks
from ground.client.stream import Stream
from ground.events import FINAL, plain
from ground.files import DEFAULT_OPTIONS
from ground.transfer_options import TransferOptions

# A program that reads no events while it waits for something else keeps these, and loses the oldest beyond.
EVENTS_KEPT_MAX = 65_536

# Stages are remembered so that `wait` may be called after the command ended.
COMMANDS_REMEMBERED_MAX = 1_024

# Of the latest commands, transfers or events in one answer.
ROWS_ASKED_MAX = 1_000

# Of a file that is sent at a time.
UPLOAD_OCTETS = 1 << 20

FINAL_NAMES = frozenset(stage.name for stage in FINAL)

# Each event as it comes: a program is no screen.
STREAM_PATH = "/api/stream?period_s=0"


class Client:
    """One program's hold on a station; `connect` makes it.

    Args:
        place: Where the station is.
        token: Of a session, over the web.
    """

    def __init__(self, place: Place, token: str | None = None) -> None:
        self._place = place
        self._token = token
        self._asker = Asker(place, token)
        self.stacks = Stacks(self._ask)
        self._stream: Stream | None = None
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT_MAX)
        self._staged: OrderedDict[int, dict[str, Any]] = OrderedDict()

    @classmethod
    def connect(cls, where: str | os.PathLike[str] | None = None, *, token: str | None = None) -> Self:
        """Connect to the station at a socket or an address, or at the default socket.

        Args:
            where: Path of the socket, or ``https://host:port``.
            token: Of a session, for a station with users; that of `ground login`, if it is not said.

        Raises:
            NoStationError: None is there; the text says how to start one.
            RefusalError: It does not let us in.
        """
        client = cls(Place.of(where), token or session_at(Place.of(where)))
        try:
            client.who()
        except BaseException:
            client.close()
            raise
        return client

    def who(self) -> dict[str, str]:
        """Give who we are to the station: name, role and door."""
        return self._ask("GET", "/api/me")

    def send(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        service: Service = Service.AD,
        typed_name: str | None = None,
    ) -> int:
        """Have the station send a command; it is in the archive when this returns.

        Args:
            name: Of the dictionary.
            arguments: By name; what is left out takes its default.
            service: AD, or BD past the sequence.
            typed_name: Over the web, with ``command.arm``: the name of the command to be armed.

        Returns:
            The number that the command goes by.

        Raises:
            RefusalError: The dictionary has no such command, it does not take these arguments, or it is hazardous and
                neither armed nor approved.
            StationGoneError: The station has gone away.
        """
        self.subscribe()
        body = {"name": name, "arguments": plain(arguments or {}), "service": service.name, "typed_name": typed_name}
        return self._ask("POST", "/api/commands", body)["command_id"]

    def telecommand(self, service_type: int, subtype: int, data: bytes, *, service: Service = Service.AD) -> int:
        """Have the station send a telecommand that the dictionary does not hold; see `send`."""
        self.subscribe()
        body = {"service_type": service_type, "subtype": subtype, "data": data.hex(), "service": service.name}
        return self._ask("POST", "/api/telecommands", body)["command_id"]

    def arm(self, name: str, *, service: Service = Service.AD) -> int:
        """Arm a hazardous command for one use, and give the number of the command that tells the spacecraft.

        Raises:
            RefusalError: It needs no arming, or a second person's approval.
        """
        self.subscribe()
        body = {"name": name, "typed_name": name, "service": service.name}
        return self._ask("POST", "/api/arming", body)["command_id"]

    def ask_approval(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, service: Service = Service.AD
    ) -> dict[str, Any]:
        """Ask a second person for a hazardous command, and give how that stands.

        Raises:
            RefusalError: It is not hazardous, or its arguments are wrong.
        """
        body = {"name": name, "arguments": plain(arguments or {}), "service": service.name}
        return self._ask("POST", "/api/approvals", body)

    def approvals(self) -> list[dict[str, Any]]:
        """Give the commands that wait for a second person, and the latest that did."""
        return self._ask("GET", "/api/approvals")

    def decide(self, approval_id: int, *, approve: bool) -> dict[str, Any]:
        """Let a command go that another person asked for, or refuse it.

        Raises:
            RefusalError: We may not, or it does not wait any more.
        """
        return self._ask("POST", f"/api/approvals/{approval_id}/{'approve' if approve else 'refuse'}")

    def wait(self, command_id: int, timeout_s: float | None = None) -> dict[str, Any]:
        """Wait until a command has ended.

        Returns:
            Its last `ground.events.CommandStaged`, or what the archive has of it, in plain values.

        Raises:
            TimeoutError: It has not ended in time.
            RefusalError: The station knows no such command.
            StationGoneError: The station has gone away.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        self.subscribe()
        if command_id not in self._staged:
            self._note(staged(self._ask("GET", f"/api/commands/{command_id}")))
        while self._staged[command_id]["stage"] not in FINAL_NAMES:
            if not self._receive(deadline_s):
                stage = self._staged[command_id]["stage"]
                raise TimeoutError(f"expected command {command_id} to end within {timeout_s} s, found it {stage}")
        return self._staged[command_id]

    def subscribe(self) -> dict[str, Any]:
        """Have the station send its events from now on; once is enough.

        Returns:
            Its state when the events begin; empty if they had begun before.
        """
        if self._stream is not None:
            return {}
        stream = Stream.open(self._place, STREAM_PATH, self._token)
        deadline_s = time.monotonic() + REPLY_TIMEOUT_S
        try:
            messages = stream.receive(deadline_s)
            if messages is None:
                raise StationGoneError(f"expected the station's state within {REPLY_TIMEOUT_S:g} s, found none")
        except StationGoneError:
            stream.close()
            raise
        self._stream = stream
        for message in messages[1:]:
            self._take(message)
        return messages[0]["snapshot"]

    def events(self, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Give events as they come, for a time if one is given.

        Raises:
            StationGoneError: The station has gone away.
        """
        self.subscribe()
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            while self._events:
                yield self._events.popleft()
            if deadline_s is not None and time.monotonic() >= deadline_s:
                return
            self._receive(deadline_s)

    def read_events(self) -> list[dict[str, Any]]:
        """Give the events that have come, without waiting.

        Raises:
            StationGoneError: The station has gone away.
        """
        self.subscribe()
        while self._receive(time.monotonic()):
            pass
        events = list(self._events)
        self._events.clear()
        return events

    def next_events(self, timeout_s: float) -> list[dict[str, Any]]:
        """Give the events that have come, waiting for the first for a time.

        Raises:
            StationGoneError: The station has gone away.
        """
        self.subscribe()
        if not self._events:
            self._receive(time.monotonic() + timeout_s)
        return self.read_events()

    def state(self) -> dict[str, Any]:
        """Give the station's state: link, counters, housekeeping, jobs and commands."""
        return self._ask("GET", "/api/state")

    def jobs(self) -> dict[str, Any]:
        """Give the jobs that the station heard of, by their numbers."""
        return self._ask("GET", "/api/jobs")

    def parameters(self) -> dict[str, dict[str, Any]]:
        """Give the latest value of every parameter that was heard of, by name."""
        return self._ask("GET", "/api/parameters")

    def alarms(self) -> list[dict[str, Any]]:
        """Give the alarms that are anything but normal, the worst first."""
        return self._ask("GET", "/api/alarms")

    def acknowledge_alarm(self, parameter: str) -> None:
        """Say that we know of an alarm.

        Raises:
            RefusalError: There is none, or nothing to acknowledge.
        """
        self._ask("POST", f"/api/alarms/{quote(parameter, safe='')}/acknowledge", {})

    def shelve_alarm(self, parameter: str, for_s: float) -> None:
        """Put an alarm away for a time.

        Raises:
            RefusalError: There is none, or the time is too long.
        """
        self._ask("POST", f"/api/alarms/{quote(parameter, safe='')}/shelve", {"for_s": for_s})

    def unshelve_alarm(self, parameter: str) -> None:
        """Take an alarm off the shelf.

        Raises:
            RefusalError: It is not on it.
        """
        self._ask("POST", f"/api/alarms/{quote(parameter, safe='')}/unshelve", {})

    def reload_rules(self) -> None:
        """Have the station read its file of limits and derived parameters again.

        Raises:
            RefusalError: The file is wrong, with line and reason; the rules before stay in force.
        """
        self._ask("POST", "/api/rules/reload", {})

    def passes(self, from_unix_ns: int | None = None, span_s: float | None = None) -> list[dict[str, Any]]:
        """Give the passes that are expected in a span of time, the next week if nothing is said."""
        given = {"from_unix_ns": from_unix_ns, "span_s": span_s}
        query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
        return self._ask("GET", f"/api/passes?{query}")

    def conversations(self) -> dict[str, list[dict[str, Any]]]:
        """Give the conversations with the model on board that were heard of, by their numbers."""
        return self._ask("GET", "/api/conversations")

    def prompt(self, conversation: int, text: str, **choices: Any) -> dict[str, int]:
        """Say something to the model on board, and give the numbers of the command and of the turn.

        Args:
            conversation: Its number.
            text: What is said.
            choices: How it replies, as ``chat.prompt`` has it, and the turn if it is not the next.

        Raises:
            RefusalError: We may not, or an argument is not as the dictionary has it.
        """
        body = {"text": text, **plain(choices)}
        return self._ask("POST", f"/api/conversations/{conversation}/prompts", body)

    def stop_reply(self, conversation: int) -> int:
        """Have the model end its reply, and give the number of the command.

        Raises:
            RefusalError: We may not, or it is no number of a conversation.
        """
        return self._ask("POST", f"/api/conversations/{conversation}/stop", {})["command_id"]

    def archived_names(self) -> list[str]:
        """Give all names of numbers in the archive, each with the report it is in."""
        return self._ask("GET", "/api/archive/names")

    def plot(self, name: str, start_tai_ns: int, end_tai_ns: int, points: int = 1_000) -> dict[str, Any]:
        """Give a number over a span of on-board time, with the lowest and the highest of each point.

        Raises:
            RefusalError: There is no time between them, or too many points are asked for.
        """
        where = f"start_tai_ns={start_tai_ns}&end_tai_ns={end_tai_ns}&points={points}"
        return self._ask("GET", f"/api/archive/plot?name={quote(name, safe='')}&{where}")

    def retain(self, rule: Mapping[str, float]) -> dict[str, int]:
        """Have the station remove from its archive what a rule does not keep (`ground.archive.retention.Rule`).

        Raises:
            RefusalError: We may not, or the rule says nothing sensible.
        """
        return self._ask("POST", "/api/archive/retain", dict(rule))

    def commands(self, limit: int = 20) -> list[dict[str, Any]]:
        """Give the latest commands with their stages, from the archive."""
        return self._ask("GET", f"/api/commands?limit={limit}")

    def past_events(self, limit: int = 100) -> list[dict[str, Any]]:
        """Give the latest events of station and spacecraft, from the archive."""
        return self._ask("GET", f"/api/events?limit={limit}")

    def put_file(
        self,
        local: str | os.PathLike[str],
        remote: str,
        options: TransferOptions = DEFAULT_OPTIONS,
    ) -> str:
        """Have the station send a copy of a file, which it takes here and now; it is in its journal when this returns.

        Args:
            local: The file.
            remote: Its name on board.
            options: What else is said of it: priority, class, closure, checksum, requests.

        Returns:
            The transfer's name, as in events.

        Raises:
            MisuseError: There is no such file here.
            OSError: It cannot be read.
            RefusalError: The station does not take it.
        """
        source = Path(local)
        if not source.is_file():
            raise MisuseError(f"expected a file at {source}, found {'a directory' if source.is_dir() else 'none'}")
        self.subscribe()
        name = quote(source.name, safe="")
        uploaded = msgspec.json.decode(self._asker.request("PUT", f"/api/uploads/{name}", _chunks(source)))
        body = {
            "source_name": uploaded["source_name"],
            "destination_name": remote,
            "options": msgspec.to_builtins(options),
        }
        return self._ask("POST", "/api/transfers", body)["transaction"]

    def files_directory(self) -> Path:
        """Give where the station keeps files: what came is there under its name once it is whole."""
        return Path(self._ask("GET", "/api/files")["root"])

    def fetch_file(self, name: str) -> bytes:
        """Give the content of a file of the station.

        Raises:
            RefusalError: There is none of that name.
        """
        return self._asker.request("GET", f"/api/files/{quote(name)}")

    def transfers(self, limit: int = 20) -> list[dict[str, Any]]:
        """Give the latest transfers; those that are under way with how far they are."""
        return self._ask("GET", f"/api/transfers?limit={limit}")

    def act_on_transfer(self, action: str, transaction: str) -> None:
        """Suspend, resume, cancel or ask about a transfer at the station's end.

        Raises:
            RefusalError: There is no such action, or the transfer is not under way.
        """
        self._ask("POST", f"/api/transfers/{quote(transaction, safe='')}/{quote(action, safe='')}")

    def cop1(self, directive: Directive | None = None, value: int | None = None) -> dict[str, Any]:
        """Have the station give FOP-1 a directive, if one is given.

        Returns:
            What FOP-1 is set to and where it is afterwards, and what FARM-1 last said.

        Raises:
            RefusalError: FOP-1 rejects it, or its value is missing, out of range, or not wanted.
        """
        if directive is None:
            return self._ask("GET", "/api/cop1")
        return self._ask("POST", "/api/cop1", {"directive": directive.name, "value": value})

    def keys(self, operation: str | None = None, spi: int | None = None) -> dict[str, Any]:
        """Give the keys of the ground, after an operation on one of them if one is given.

        Args:
            operation: ``activate``, ``deactivate`` or ``destroy``.
            spi: Whose key.

        Returns:
            The key set, what its store turned out to be, frames counted by what became of them, and each key.

        Raises:
            RefusalError: The station has no keys, or the operation is not allowed.
        """
        if operation is None:
            return self._ask("GET", "/api/keys")
        return self._ask("POST", "/api/keys", {"action": operation, "spi": spi})

    def audit(self, limit: int = 100) -> list[dict[str, Any]]:
        """Give the latest of what was done at the station."""
        return self._ask("GET", f"/api/audit?limit={limit}")

    def stop(self) -> None:
        """Have the station stop."""
        self._ask("POST", "/api/stop")

    def fileno(self) -> int:
        """Give the descriptor to select on; then `read_events`."""
        self.subscribe()
        assert self._stream is not None
        return self._stream.fileno()

    def close(self) -> None:
        """Let the station go on alone."""
        if self._stream is not None:
            self._stream.close()
        self._asker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the station for something, and give its answer in plain values, if there is one."""
        answer = self._asker.request(method, path, None if body is None else msgspec.json.encode(body))
        return msgspec.json.decode(answer) if answer else None

    def _receive(self, deadline_s: float | None) -> bool:
        """Take in what the station sent, waiting for it until a time; False if nothing came."""
        assert self._stream is not None
        messages = self._stream.receive(deadline_s)
        for message in messages or ():
            self._take(message)
        return messages is not None

    def _take(self, message: Mapping[str, Any]) -> None:
        for event in message.get("events", ()):
            self._note(event)
            self._events.append(event)

    def _note(self, event: dict[str, Any]) -> None:
        if event["type"] == "CommandStaged":
            self._staged[event["command_id"]] = event
            self._staged.move_to_end(event["command_id"])
            if len(self._staged) > COMMANDS_REMEMBERED_MAX:
                self._staged.popitem(last=False)


def staged(command: Mapping[str, Any]) -> dict[str, Any]:
    """Give a command of the archive in the form of its latest `ground.events.CommandStaged`."""
    names = ("command_id", "name", "sequence_count", "stage", "attempt", "text")
    return {"type": "CommandStaged", **{name: command[name] for name in names}}


def _chunks(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        while chunk := file.read(UPLOAD_OCTETS):
            yield chunk
