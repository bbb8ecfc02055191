"""All alarms of a station: what their samples come to, and what operators do about them. No clock, no I/O.

An alarm that was never beyond its limit and was never put on the shelf is not listed. Operators name it by its
parameter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ccsds.errors import MisuseError
from ground.alarms.events import AlarmChanged
from ground.alarms.life_cycle import AlarmState, Level, Trigger, follow
from ground.alarms.limits import Judge, Limit
from ground.events import StationEvent
from mission.modes import Mode

NS_PER_S = 1_000_000_000

SHELF_NS_MAX = 30 * 86_400 * NS_PER_S
"""An alarm that nobody wants for longer needs another limit."""


@dataclass(slots=True)
class _Alarm:
    """One alarm."""

    judge: Judge
    state: AlarmState = AlarmState.NORMAL
    value: float | None = None
    since_ns: int | None = None
    """When it last moved."""
    until_ns: int | None = None
    actor: str = ""


class Alarms:
    """The alarms of a station.

    Args:
        limits: Of each parameter, the first that holds counts.
    """

    def __init__(self, limits: Mapping[str, tuple[Limit, ...]]) -> None:
        self._alarms = {name: _Alarm(Judge(each)) for name, each in limits.items()}
        self._events: list[StationEvent] = []

    @property
    def parameters(self) -> frozenset[str]:
        """Those that have limits."""
        return frozenset(self._alarms)

    def sample(self, parameter: str, value: float, mode: Mode | None, now_ns: int) -> None:
        """Take in a sample of a parameter; of one without limits nothing follows."""
        alarm = self._alarms.get(parameter)
        if alarm is None:
            return
        before = alarm.judge.level
        level = alarm.judge.take(value, mode)
        alarm.value = value
        if level == before:
            return
        trigger = _trigger(before, level)
        if alarm.state is AlarmState.SHELVED or trigger is None:
            self._tell(parameter, alarm, now_ns)
            return
        self._move(parameter, alarm, trigger, "", now_ns)

    def acknowledge(self, parameter: str, actor: str, now_ns: int) -> None:
        """Take note that an operator knows.

        Raises:
            MisuseError: There is no such alarm, or nothing to acknowledge.
        """
        self._move(parameter, self._alarm(parameter), Trigger.ACKNOWLEDGE, actor, now_ns)

    def shelve(self, parameter: str, until_ns: int, actor: str, now_ns: int) -> None:
        """Put an alarm away until a time of the station's clock; then it is what its value has come to.

        Raises:
            MisuseError: There is no such alarm, or the time is past or too far.
        """
        alarm = self._alarm(parameter)
        if not now_ns < until_ns <= now_ns + SHELF_NS_MAX:
            raise MisuseError(
                f"shelve {parameter}: expected a time within {SHELF_NS_MAX // NS_PER_S} s, "
                f"found {(until_ns - now_ns) / NS_PER_S:g} s from now"
            )
        alarm.until_ns = until_ns
        self._move(parameter, alarm, Trigger.SHELVE, actor, now_ns)

    def unshelve(self, parameter: str, actor: str, now_ns: int) -> None:
        """Take an alarm off the shelf.

        Raises:
            MisuseError: There is no such alarm, or it is not on the shelf.
        """
        alarm = self._alarm(parameter)
        is_within = alarm.judge.level is Level.NORMAL
        trigger = Trigger.UNSHELVE_WITHIN if is_within else Trigger.UNSHELVE_BEYOND
        self._move(parameter, alarm, trigger, actor, now_ns)

    def advance(self, now_ns: int) -> None:
        """Take off the shelf what is due."""
        for parameter, alarm in self._alarms.items():
            if alarm.state is AlarmState.SHELVED and alarm.until_ns is not None and now_ns >= alarm.until_ns:
                self.unshelve(parameter, "", now_ns)

    def next_deadline(self) -> int | None:
        """Give when something is due next."""
        return min((each.until_ns for each in self._alarms.values() if each.until_ns is not None), default=None)

    def restore(self, told: Iterable[AlarmChanged]) -> None:
        """Go on from what was told last of each alarm before the station started anew, in times of its clock now.

        What has no limits any more is left out. The level is believed until samples say otherwise.
        """
        for event in told:
            alarm = self._alarms.get(event.parameter)
            if alarm is not None:
                alarm.state, alarm.value, alarm.actor = event.state, event.value, event.actor
                alarm.since_ns, alarm.until_ns = event.time_ns, event.until_ns
                alarm.judge.level = event.level

    def take_events(self) -> list[StationEvent]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def snapshot(self) -> list[dict[str, Any]]:
        """Give those alarms that are anything but normal, the worst first, in plain values."""
        shown = [
            {
                "parameter": name,
                "state": alarm.state.name,
                "level": alarm.judge.level.name,
                "value": alarm.value,
                "since_ns": alarm.since_ns,
                "until_ns": alarm.until_ns,
                "actor": alarm.actor,
            }
            for name, alarm in self._alarms.items()
            if alarm.state is not AlarmState.NORMAL
        ]
        return sorted(shown, key=lambda each: (-Level[each["level"]], each["since_ns"] or 0))

    def _alarm(self, parameter: str) -> _Alarm:
        if parameter not in self._alarms:
            raise MisuseError(f"unknown alarm {parameter!r}: expected a parameter that has limits")
        return self._alarms[parameter]

    def _move(self, parameter: str, alarm: _Alarm, trigger: Trigger, actor: str, now_ns: int) -> None:
        alarm.state = follow(alarm.state, trigger)
        alarm.since_ns, alarm.actor = now_ns, actor
        if alarm.state is not AlarmState.SHELVED:
            alarm.until_ns = None
        self._tell(parameter, alarm, now_ns)

    def _tell(self, parameter: str, alarm: _Alarm, now_ns: int) -> None:
        self._events.append(
            AlarmChanged(
                time_ns=now_ns,
                parameter=parameter,
                state=alarm.state,
                level=alarm.judge.level,
                value=alarm.value,
                actor=alarm.actor,
                until_ns=alarm.until_ns,
            )
        )


def _trigger(before: Level, after: Level) -> Trigger | None:
    """Give what a change of level is to the alarm; one that only eases is told, and moves nothing."""
    if after is Level.NORMAL:
        return Trigger.RETURN
    if before is Level.NORMAL:
        return Trigger.RAISE
    return Trigger.WORSEN if after > before else None
