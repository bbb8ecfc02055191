"""What an operator does at a station, as a program says it: commands that are seen to their end, values, files, jobs.

Each call waits until what it asked for is verified on board, within a deadline, and raises if it is not; the words
come from the dictionary (`ground.client.spacecraft`)::

    with Operator.connect() as sc:
        sc.test.connection()
        job = sc.jobs.submit(recipe="tiny")
        job.wait(within_s=600)

A deadline is wall time (``within_s``) or time on board (``until_tai_ns``), which is what counts where time is virtual.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from ccsds.cop1.fop import Service
from ccsds.errors import StarloopError
from ground.client.client import Client
from ground.client.spacecraft import Spacecraft
from ground.client.work import Files, Jobs

Found = TypeVar("Found")

# Time enough for a command, its tries and its answer on the slowest profile; a pass may have to come first.
COMMAND_WITHIN_S = 120.0

# How often a condition is looked at when nothing happens.
LOOK_S = 0.5

# Events that nobody has waited for yet; the oldest are forgotten.
EVENTS_KEPT_MAX = 10_000

# Lists of a directory or a schedule are asked for again when the report was lost.
REPORT_TRIES_MAX = 3


class CommandFailedError(StarloopError):
    """A command ended before it was done; the text has the spacecraft's reason."""


class DeadlineError(StarloopError):
    """Something did not come about in time."""


class CheckFailedError(StarloopError):
    """What was expected is not so."""


class Operator(Spacecraft):
    """One program at a station.

    Args:
        client: Its hold on the station.
        tell: Takes what is done, as kind and text; for a transcript.
    """

    def __init__(self, client: Client, tell: Callable[[str, str], None] = lambda kind, text: None) -> None:
        self.client = client
        self._tell = tell
        super().__init__(self._command)
        self._heard: list[dict[str, Any]] = []
        self.jobs = Jobs(self)
        self.files = Files(self)
        client.subscribe()

    @classmethod
    def connect(cls, where: str | os.PathLike[str] | None = None, *, token: str | None = None) -> Self:
        """Connect to the station at a socket or an address, or at the default socket.

        Raises:
            NoStationError: None is there.
        """
        return cls(Client.connect(where, token=token))

    # Commands.

    def send(self, name: str, /, *, via: Service = Service.AD, **arguments: Any) -> int:
        """Send a command and wait for nothing; give its number."""
        command_id = self.client.send(name, arguments, service=via)
        self._tell("sent", f"{name} {command_id}")
        return command_id

    def verify(self, command_id: int, *, within_s: float = COMMAND_WITHIN_S) -> dict[str, Any]:
        """Wait until a command has been done.

        Raises:
            CommandFailedError: It was refused, failed, or got no answer.
            DeadlineError: It has not ended in time.
        """
        try:
            final = self.client.wait(command_id, within_s)
        except TimeoutError as error:
            raise DeadlineError(str(error)) from None
        text = f"{final['name']} {command_id}: {final['stage']} {final['text']}".rstrip()
        if final["stage"] != "COMPLETED":
            raise CommandFailedError(text)
        self._tell("verified", text)
        return final

    def arm(self, name: str, *, within_s: float = COMMAND_WITHIN_S) -> None:
        """Arm a hazardous command for one use.

        Raises:
            RefusalError: It needs no arming, or a second person.
            CommandFailedError: The spacecraft does not arm it.
        """
        self.verify(self.client.arm(name), within_s=within_s)

    # What is known.

    @property
    def tai_ns(self) -> int | None:
        """Time on board, TAI since 1958: by the correlated clocks, else of the latest housekeeping; None before any."""
        correlated = self.client.state()["onboard_time"]["onboard_tai_ns"]
        if correlated is not None:
            return correlated
        return max((each["tai_ns"] for each in self.client.parameters().values()), default=None)

    def value(self, name: str) -> Any:
        """Give the latest value of a parameter; None if it was never heard."""
        return self.client.parameters().get(name, {}).get("value")

    def wait_for(
        self,
        condition: Callable[[], Found],
        *,
        within_s: float | None = None,
        until_tai_ns: int | None = None,
        what: str = "",
    ) -> Found:
        """Wait until a condition gives something true, and give that.

        Args:
            condition: Looked at now, after each thing that happens, and twice a second.
            within_s: How long at most, in wall time.
            until_tai_ns: Until when at most, by time on board.
            what: What is waited for, in words, for who reads the transcript.

        Raises:
            DeadlineError: It did not come about in time.
        """
        what = what or getattr(condition, "__name__", "condition")
        deadline_s = None if within_s is None else time.monotonic() + within_s
        while not (found := condition()):
            if deadline_s is not None and time.monotonic() >= deadline_s:
                raise DeadlineError(f"expected {what} within {within_s:g} s, found none")
            if until_tai_ns is not None and (now_ns := self.tai_ns) is not None and now_ns >= until_tai_ns:
                raise DeadlineError(f"expected {what} until {until_tai_ns} ns on board, found none at {now_ns}")
            left_s = LOOK_S if deadline_s is None else max(0.0, min(LOOK_S, deadline_s - time.monotonic()))
            self._listen(left_s)
        self._tell("came", what)
        return found

    def wait_for_event(
        self, name: str, /, *others: str, within_s: float | None = None, until_tai_ns: int | None = None, **values: Any
    ) -> dict[str, Any]:
        """Wait for an event of the spacecraft, with these values, that comes after the last one waited for.

        Args:
            name: Of the event.
            others: Names of events that will do as well.
            within_s: How long at most, in wall time.
            until_tai_ns: Until when at most, by time on board.
            values: What it is to say.

        Raises:
            DeadlineError: It did not come in time.
        """

        def is_it(event: Mapping[str, Any]) -> bool:
            if event["type"] != "EventReported" or event["name"] not in (name, *others):
                return False
            return all(event["values"].get(key) == value for key, value in values.items())

        return self.wait_for_heard(is_it, within_s=within_s, until_tai_ns=until_tai_ns, what=f"event {name}")

    def wait_for_heard(
        self,
        is_wanted: Callable[[Mapping[str, Any]], bool],
        *,
        within_s: float | None = None,
        until_tai_ns: int | None = None,
        what: str,
    ) -> dict[str, Any]:
        """Wait for an event of the station that comes after the last one waited for.

        Args:
            is_wanted: Tells whether an event, in plain values, is the one.
            within_s: How long at most, in wall time.
            until_tai_ns: Until when at most, by time on board.
            what: What is waited for, in words, for who reads the transcript.

        Raises:
            DeadlineError: It did not come in time.
        """
        found = self.wait_for(
            lambda: self._next_heard(is_wanted), within_s=within_s, until_tai_ns=until_tai_ns, what=what
        )
        return found or {}

    def issued(self, command_id: int) -> dict[str, Any]:
        """Give the `ground.events.CommandIssued` of a command that was sent just now; what was heard before is over.

        Raises:
            DeadlineError: The station did not tell it.
        """
        deadline_s = time.monotonic() + COMMAND_WITHIN_S
        while time.monotonic() < deadline_s:
            found = self._next_heard(
                lambda event: event["type"] == "CommandIssued" and event["command_id"] == command_id
            )
            if found is not None:
                return found
            self._listen(LOOK_S)
        raise DeadlineError(f"expected the station to tell of command {command_id}, found nothing")

    def wait_for_contact(self, *, within_s: float | None = None) -> None:
        """Wait until the spacecraft is heard.

        Raises:
            DeadlineError: It was not in time.
        """
        self.wait_for(lambda: self.client.state()["link"] == "UP", within_s=within_s, what="contact")

    def report(self, send: Callable[[], Any], name: str, *, within_s: float = COMMAND_WITHIN_S) -> dict[str, Any]:
        """Ask for a report and give its values; it is asked for again when it was lost on the way.

        Args:
            send: Asks for it.
            name: Of the report.
            within_s: How long it may take behind the command that asks for it.

        Raises:
            DeadlineError: It did not come.
        """
        for _ in range(REPORT_TRIES_MAX):
            self._listen(0.0)
            self._heard.clear()
            send()
            deadline_s = time.monotonic() + within_s / REPORT_TRIES_MAX
            while time.monotonic() < deadline_s:
                for event in self._heard:
                    if event["type"] == "ReportReceived" and event["name"] == name:
                        return event["values"]
                self._listen(LOOK_S)
        raise DeadlineError(f"expected the report {name}, found none in {REPORT_TRIES_MAX} tries")

    # For whoever reads along.

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Mark what is done in the block as one step of a procedure."""
        self._tell("step", title)
        try:
            yield
        except BaseException as error:
            self._tell("step failed", f"{title}: {error}")
            raise
        self._tell("step done", title)

    def say(self, text: str) -> None:
        """Put a line into the transcript."""
        self._tell("said", text)

    def check(self, is_so: bool, text: str) -> None:
        """Put into the transcript that something is as it should be.

        Raises:
            CheckFailedError: It is not.
        """
        if not is_so:
            raise CheckFailedError(text)
        self._tell("checked", text)

    def close(self) -> None:
        """Let the station go on alone."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _command(self, name: str, arguments: Mapping[str, Any], via: Service) -> dict[str, Any]:
        return self.verify(self.send(name, via=via, **arguments))

    def _next_heard(self, is_wanted: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any] | None:
        """Give the next event that is wanted, and forget those before it."""
        while self._heard:
            event = self._heard.pop(0)
            if is_wanted(event):
                return event
        return None

    def _listen(self, timeout_s: float) -> None:
        """Take in what happens, until something has or a time is over."""
        self._heard += self.client.next_events(timeout_s)
        del self._heard[:-EVENTS_KEPT_MAX]
