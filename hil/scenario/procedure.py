"""What the ground does, step by step."""

from collections import Counter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ccsds.errors import MisuseError
from ground.schedule_request import parse_time
from hil.almanac import NS_PER_S, Almanac, event_number
from hil.scenario.table import Label, Seconds, Table
from mission.definition import DICTIONARY
from mission.dictionary import Command
from mission.schedule import INSERTED_MAX

STEP_KINDS = (
    "command",
    "wait_for_job",
    "wait_for_reply",
    "put_file",
    "wait_for_file",
    "wait_s",
    "wait_until_s",
    "wait_for_instant",
    "send_orbit_events",
)
"""What a step of the procedure can be."""

# A command that does not complete in so many attempts does not for a reason.
ATTEMPTS_MAX = 10


Instant = Literal[
    "aos",
    "los",
    "eclipse_entry",
    "eclipse_exit",
    "anomaly_entry",
    "anomaly_exit",
    "ascending_node",
    "descending_node",
]
"""Those of `hil.almanac.INSTANTS`."""


class OrbitEventsTable(Table, frozen=True, kw_only=True):
    """Orbit events that the ground tells the spacecraft of, by ``schedule.set_orbit_events``."""

    events: Annotated[list[Instant], Meta(min_length=1)]
    ahead_s: Annotated[float, Meta(gt=0, le=366 * 86_400)]
    """Those that come within this time from then on."""


class StepTable(Table, frozen=True, kw_only=True):
    """One step of the ground's procedure: something that is done, or awaited. Exactly one of `STEP_KINDS`."""

    command: str | None = None
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    wait_for_job: Annotated[int, Meta(ge=1)] | None = None
    wait_for_reply: Annotated[int, Meta(ge=1)] | None = None
    """A conversation: the end of the reply to its latest prompt is awaited."""
    put_file: str | None = None
    """A file of the station, which is sent up to the same name."""
    wait_for_file: str | None = None
    """The name under which a file comes down, or up; its transfer's end is awaited."""
    wait_s: Annotated[float, Meta(gt=0)] | None = None
    wait_until_s: Seconds | None = None
    """A mission time; one that is past is not waited for."""
    wait_for_instant: Instant | None = None
    """Contact that comes or goes, or an instant of the orbit: the next one is awaited."""
    send_orbit_events: OrbitEventsTable | None = None
    """The spacecraft is told when they come, and the end of that command is awaited."""
    release: str | None = None
    """When a command is released on board, which is then put into its schedule: an instant of the orbit by its place in
    the mission, such as ``eclipse_exit2+30s``, or ``aos+90s``, ``los``, or a UTC time."""
    may_fail: bool = False
    """Whether the procedure goes on if the command is refused, fails or is lost, or the file does not arrive."""
    attempts: Annotated[int, Meta(ge=1, le=ATTEMPTS_MAX)] = 1
    """How often a command is given until it completes: whoever hears that a reset fell into it gives it again."""
    waits: bool = True
    """Whether the end of a command is awaited before the next step begins."""
    label: Label | None = None

    @property
    def name(self) -> str:
        """By which dropouts refer to it: its label, or its command."""
        if self.label or self.command:
            return self.label or self.command or ""
        (kind, *_) = self.kinds()
        return "send_orbit_events" if kind == "send_orbit_events" else f"{kind} {getattr(self, kind)}"

    @property
    def is_command(self) -> bool:
        """Whether a command is given."""
        return self.command is not None or self.send_orbit_events is not None

    def kinds(self) -> list[str]:
        """Give which of `STEP_KINDS` it has."""
        return [kind for kind in STEP_KINDS if getattr(self, kind) is not None]


def check_procedure(procedure: list[StepTable], duration_s: float) -> None:
    """Refuse steps that are well-formed but make no sense.

    Args:
        procedure: Of a scenario.
        duration_s: Of its mission.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    for number, step in enumerate(procedure):
        key = f"procedure[{number}]"
        chosen = step.kinds()
        if len(chosen) != 1:
            found = " and ".join(chosen) or "none"
            raise MisuseError(f"{key}: expected one of {', '.join(STEP_KINDS)}, found {found}")
        if step.label is not None and step.label in [each.label for each in procedure[:number]]:
            raise MisuseError(f"{key}.label: expected each label once, found {step.label!r} again")
        if step.command is not None:
            try:
                command: Command = DICTIONARY.command(step.command)
                command.arguments.complete(step.arguments)
            except MisuseError as error:
                raise MisuseError(f"{key}: {error}") from None
        elif step.arguments:
            raise MisuseError(f"{key}.arguments: expected none beside `{chosen[0]}`")
        if step.wait_until_s is not None and step.wait_until_s > duration_s:
            raise MisuseError(
                f"{key}.wait_until_s: expected at most duration_s = {duration_s:g}, found {step.wait_until_s:g}"
            )
        if step.release is not None and step.command is None:
            raise MisuseError(f"{key}.release: expected it beside `command` alone, found `{chosen[0]}`")
        if not step.waits and not step.is_command:
            raise MisuseError(f"{key}.waits: expected it beside `command` alone, found `{chosen[0]}`")
        if step.attempts > 1 and not (step.is_command and step.waits):
            raise MisuseError(f"{key}.attempts: expected it beside a command that is waited for, found `{step.name}`")
        if step.may_fail and not step.is_command and step.put_file is None and step.wait_for_file is None:
            raise MisuseError(f"{key}.may_fail: expected it beside a command or a file, found `{chosen[0]}`")


def check_instants(procedure: list[StepTable], almanac: Almanac) -> None:
    """Refuse steps that hang on what does not come in the mission.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    waits: Counter[str] = Counter()
    for number, step in enumerate(procedure):
        key = f"procedure[{number}]"
        if step.wait_for_instant is not None:
            waits[step.wait_for_instant] += 1
            _check_wait(step.wait_for_instant, waits[step.wait_for_instant], almanac, f"{key}.wait_for_instant")
        if step.send_orbit_events is not None:
            _check_orbit_events(step.send_orbit_events, almanac, f"{key}.send_orbit_events")
        if step.release is not None:
            try:
                parse_time(almanac.on_board(step.release))
            except MisuseError as error:
                raise MisuseError(f"{key}.release: {error}") from None


def _check_wait(name: str, waits: int, almanac: Almanac, key: str) -> None:
    # One that is there as the mission begins has come, and each wait takes the next.
    count = sum(time_ns > 0 for time_ns in almanac.times_ns[name])
    if not count:
        raise MisuseError(f"{key}: expected one that the mission has, found {name}")
    if waits > count:
        raise MisuseError(f"{key}: expected at most {count} waits for {name}, as often as it comes, found one more")


def _check_orbit_events(table: OrbitEventsTable, almanac: Almanac, key: str) -> None:
    for name in table.events:
        if not almanac.times_ns[name]:
            raise MisuseError(f"{key}.events: expected events that the mission has, found {name}")
        try:
            event_number(name, len(almanac.times_ns[name]))
        except MisuseError as error:
            raise MisuseError(f"{key}.events: {error}") from None
    count = almanac.densest(table.events, round(table.ahead_s * NS_PER_S))
    if count > INSERTED_MAX:
        raise MisuseError(
            f"{key}.ahead_s: expected at most {INSERTED_MAX} events in it, as a command holds, found {count}"
        )
