"""ST[11] time-based scheduling: what is put into the schedule, moved, taken out, and reported of it.

A command is done whole or refused whole, with the position of the first fault. It releases nothing: that is the work of
`flight.autonomy.timeline`.

Source: ECSS-E-ST-70-41C 6.11 and 8.11.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ccsds.errors import MisuseError
from flight.acceptance import Acceptance, RefusedError
from flight.autonomy.causes import Causes
from flight.books.schedule import (
    ActivitiesDeleted,
    ActivitiesInserted,
    ActivitiesShifted,
    Activity,
    GroupsDeleted,
    GroupsSwitched,
    OrbitEventsTimed,
    ScheduleReset,
    ScheduleSwitched,
    SubSchedulesSwitched,
)
from flight.ledger import Ledger
from flight.parameters import Source
from flight.reporter import Reporter
from flight.services.service import Outcome
from mission.dictionary import Command
from mission.schedule import (
    ACTIVITIES_MAX,
    DETAIL_ROWS_MAX,
    FATE_ROWS_MAX,
    GROUPS_MAX,
    ORBIT_EVENTS_MAX,
    ORBIT_OFFSET_MS_MAX,
    SCHEDULE_OCTETS_MAX,
    SUB_SCHEDULES_MAX,
    SUMMARY_ROWS_MAX,
    Anchor,
    Fate,
    Late,
    Switch,
    Window,
)

_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000
# The greatest time that a report can tell; it is in the year 2542.
_TAI_NS_MAX = (1 << 64) - 1
_SKIPS = (Fate.SKIPPED_LATE, Fate.SKIPPED_DISABLED)

Handler = Callable[[Mapping[str, Any], int], Outcome]


class ScheduleService:
    """Keeps the schedule.

    Args:
        ledger: Where it is kept.
        reporter: Where reports go.
        acceptance: What a request in the schedule must pass.
        causes: The chain of causes at hand.
        tai_of: Gives on-board TAI for ``now_ns``.
    """

    number = 11

    def __init__(
        self,
        ledger: Ledger,
        reporter: Reporter,
        acceptance: Acceptance,
        causes: Causes,
        tai_of: Callable[[int], int],
    ) -> None:
        self._book = ledger.schedule
        self._reporter = reporter
        self._acceptance = acceptance
        self._causes = causes
        self._tai_of = tai_of
        self._handlers: dict[str, Handler] = {
            "schedule.enable": lambda *_: Outcome((ScheduleSwitched(True),)),
            "schedule.disable": lambda *_: Outcome((ScheduleSwitched(False),)),
            "schedule.reset": lambda *_: Outcome((ScheduleReset(),)),
            "schedule.insert": self._insert,
            "schedule.insert_relative": self._insert,
            "schedule.delete": lambda given, _: Outcome((ActivitiesDeleted(self._named(given)),)),
            "schedule.delete_filtered": lambda given, _: _on(ActivitiesDeleted, self._filtered(given)),
            "schedule.shift": lambda given, now_ns: self._shift(self._named(given), given, now_ns),
            "schedule.shift_filtered": lambda given, now_ns: self._shift(self._filtered(given), given, now_ns),
            "schedule.shift_all": lambda given, now_ns: self._shift(tuple(self._book.activities), given, now_ns),
            "schedule.detail": lambda given, _: self._detail(self._named(given), 0),
            "schedule.detail_filtered": lambda given, _: self._detail(self._filtered(given), given["position"]),
            "schedule.detail_all": lambda given, _: self._detail(tuple(self._book.activities), given["position"]),
            "schedule.summary": lambda given, _: self._summary(self._named(given), 0),
            "schedule.summary_filtered": lambda given, _: self._summary(self._filtered(given), given["position"]),
            "schedule.summary_all": lambda given, _: self._summary(tuple(self._book.activities), given["position"]),
            "schedule.report_sub_schedules": lambda *_: self._report_sub_schedules(),
            "schedule.enable_sub_schedules": lambda given, _: self._switch_sub_schedules(given, True),
            "schedule.disable_sub_schedules": lambda given, _: self._switch_sub_schedules(given, False),
            "schedule.create_groups": self._create_groups,
            "schedule.delete_groups": self._delete_groups,
            "schedule.enable_groups": lambda given, _: self._switch_groups(given, True),
            "schedule.disable_groups": lambda given, _: self._switch_groups(given, False),
            "schedule.report_groups": lambda *_: self._report_groups(),
            "schedule.set_orbit_events": self._set_orbit_events,
            "schedule.report_fates": lambda given, _: self._report_fates(given["position"]),
        }

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        return self._handlers[command.name](arguments, now_ns)

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of the schedule have their values from."""
        book = self._book

        def skipped() -> int:
            return sum(book.counts[fate] for fate in _SKIPS)

        def next_release(now_ns: int) -> int:
            first = book.agenda.first()
            return 0 if first is None else first[0]

        return {
            "schedule_enabled": lambda _: Switch(book.is_enabled),
            "activities_waiting": lambda _: len(book.activities),
            "activities_released": lambda _: book.counts.total() - skipped(),
            "activities_failed": lambda _: book.counts.total() - skipped() - book.counts[Fate.EXECUTED],
            "activities_skipped": lambda _: skipped(),
            "next_release": next_release,
        }

    def _insert(self, given: Mapping[str, Any], now_ns: int) -> Outcome:
        tai_ns = self._tai_of(now_ns)
        found: dict[int, Activity] = {}
        for position, row in enumerate(given["activities"]):
            try:
                activity = self._activity(given["sub_schedule"], row, tai_ns)
                if activity.key in found or activity.key in self._book.activities:
                    raise MisuseError(f"expected a request that is not in the schedule, found {describe(activity.key)}")
            except (MisuseError, RefusedError) as error:
                raise MisuseError(f"activities[{position}]: {error}") from None
            found[activity.key] = activity
        count = len(self._book.activities) + len(found)
        if count > ACTIVITIES_MAX:
            raise MisuseError(f"expected at most {ACTIVITIES_MAX} activities in the schedule, found {count}")
        octets = self._book.octets + sum(len(activity.packet) for activity in found.values())
        if octets > SCHEDULE_OCTETS_MAX:
            raise MisuseError(f"expected at most {SCHEDULE_OCTETS_MAX} octets of requests, found {octets}")
        return Outcome((ActivitiesInserted(tuple(found.values())),))

    def _activity(self, sub_schedule: int, row: Mapping[str, Any], tai_ns: int) -> Activity:
        telecommand = self._acceptance.read(row["request"])
        if row["group"] and row["group"] not in self._book.groups:
            raise MisuseError(f"expected a group that exists, found {row['group']}")
        anchor: Anchor = row.get("anchor", Anchor.ABSOLUTE)
        offset_ns = row.get("offset", 0) * _NS_PER_MS
        orbit_event = row.get("orbit_event", 0)
        late: Late = row.get("late", Late.SKIP)
        _check_anchor(anchor, row["release_time"], offset_ns, orbit_event)
        if late is Late.SKIP and row.get("limit", 0):
            raise MisuseError(f"expected a limit of 0 for an activity that is skipped, found {row['limit']} s")
        due_tai_ns = self._due(anchor, row["release_time"], offset_ns, orbit_event)
        _check_due(due_tai_ns, tai_ns)
        return Activity(
            key=key_of(telecommand.source_id, telecommand.apid, telecommand.sequence_count),
            packet=row["request"],
            sub_schedule=sub_schedule,
            group=row["group"],
            due_tai_ns=due_tai_ns,
            anchor=anchor,
            orbit_event=orbit_event,
            offset_ns=offset_ns,
            late=late,
            limit_ns=row.get("limit", 0) * _NS_PER_S,
            has_cause=self._causes.depth > 0,
        )

    def _due(self, anchor: Anchor, release_time: int, offset_ns: int, orbit_event: int) -> int | None:
        if anchor is Anchor.ABSOLUTE:
            return release_time + offset_ns
        if anchor is Anchor.EVENT and orbit_event in self._book.orbit_events:
            return self._book.orbit_events[orbit_event] + offset_ns
        return None

    def _shift(self, keys: tuple[int, ...], given: Mapping[str, Any], now_ns: int) -> Outcome:
        shift_ns = given["shift"] * _NS_PER_MS
        tai_ns = self._tai_of(now_ns)
        for position, key in enumerate(keys):
            activity = self._book.activities[key]
            try:
                if activity.due_tai_ns is not None:
                    _check_due(activity.due_tai_ns + shift_ns, tai_ns)
                else:
                    _check_offset(activity.anchor, activity.offset_ns + shift_ns)
            except MisuseError as error:
                raise MisuseError(f"requests[{position}], {describe(key)}: {error}") from None
        return Outcome((ActivitiesShifted(keys, shift_ns),) if keys else ())

    def _named(self, given: Mapping[str, Any]) -> tuple[int, ...]:
        keys = []
        for position, row in enumerate(given["requests"]):
            key = key_of(row["source_id"], row["apid"], row["sequence_count"])
            if key not in self._book.activities or key in keys:
                raise MisuseError(
                    f"requests[{position}]: expected an activity of the schedule, named once, found {describe(key)}"
                )
            keys.append(key)
        return tuple(keys)

    def _filtered(self, given: Mapping[str, Any]) -> tuple[int, ...]:
        low, high = _WINDOWS[given["window"]](given)
        if given["window"] is Window.FROM_TO and low > high:
            raise MisuseError(f"from_time: expected a time up to to_time {high}, found {low}")
        sub_schedules, groups = set(given["sub_schedules"]), set(given["groups"])
        return tuple(
            key
            for key, activity in self._book.activities.items()
            if (given["window"] is Window.ALL or low <= (activity.due_tai_ns or -1) <= high)
            and (not sub_schedules or activity.sub_schedule in sub_schedules)
            and (not groups or activity.group in groups)
        )

    def _switch_sub_schedules(self, given: Mapping[str, Any], enabled: bool) -> Outcome:
        numbers = tuple(given["sub_schedules"])
        disabled = self._book.disabled_sub_schedules.union(numbers)
        if not enabled and len(disabled) > SUB_SCHEDULES_MAX:
            raise MisuseError(f"expected at most {SUB_SCHEDULES_MAX} sub-schedules disabled, found {len(disabled)}")
        return Outcome((SubSchedulesSwitched(numbers, enabled),))

    def _create_groups(self, given: Mapping[str, Any], now_ns: int) -> Outcome:
        statuses: dict[int, bool] = {}
        for position, row in enumerate(given["groups"]):
            if row["group"] in self._book.groups or row["group"] in statuses:
                raise MisuseError(f"groups[{position}]: expected a group that is new, found {row['group']}")
            statuses[row["group"]] = row["status"] is Switch.ENABLED
        count = len(self._book.groups) + len(statuses)
        if count > GROUPS_MAX:
            raise MisuseError(f"expected at most {GROUPS_MAX} groups, found {count}")
        by_status = {on: tuple(number for number, status in statuses.items() if status is on) for on in (True, False)}
        return Outcome(tuple(GroupsSwitched(numbers, on) for on, numbers in by_status.items() if numbers))

    def _delete_groups(self, given: Mapping[str, Any], now_ns: int) -> Outcome:
        used = {activity.group for activity in self._book.activities.values()}
        for position, number in enumerate(self._known_groups(given)):
            if number in used:
                raise MisuseError(f"groups[{position}]: expected a group without activities, found {number}")
        return Outcome((GroupsDeleted(tuple(given["groups"])),))

    def _switch_groups(self, given: Mapping[str, Any], enabled: bool) -> Outcome:
        return Outcome((GroupsSwitched(tuple(self._known_groups(given)), enabled),))

    def _known_groups(self, given: Mapping[str, Any]) -> Sequence[int]:
        for position, number in enumerate(given["groups"]):
            if number not in self._book.groups:
                raise MisuseError(f"groups[{position}]: expected a group that exists, found {number}")
        return given["groups"]

    def _set_orbit_events(self, given: Mapping[str, Any], now_ns: int) -> Outcome:
        tai_ns = self._tai_of(now_ns)
        times: dict[int, int] = {}
        for position, row in enumerate(given["events"]):
            if row["orbit_event"] in times:
                raise MisuseError(f"events[{position}]: expected each event once, found {row['orbit_event']} again")
            try:
                _check_due(row["time"], tai_ns)
            except MisuseError as error:
                raise MisuseError(f"events[{position}]: {error}") from None
            times[row["orbit_event"]] = row["time"]
            self._check_moved(position, row["orbit_event"], row["time"], tai_ns)
        used = {activity.orbit_event for activity in self._book.activities.values() if activity.anchor is Anchor.EVENT}
        past = {number for number, time in self._book.orbit_events.items() if time < tai_ns}
        forgotten = tuple(sorted(past - used - times.keys()))
        count = len(self._book.orbit_events.keys() | times.keys()) - len(forgotten)
        if count > ORBIT_EVENTS_MAX:
            raise MisuseError(f"expected at most {ORBIT_EVENTS_MAX} orbit events, found {count}")
        return Outcome((OrbitEventsTimed(tuple(times.items()), forgotten),))

    def _check_moved(self, position: int, orbit_event: int, time_ns: int, tai_ns: int) -> None:
        """Refuse a time that would move an activity into the past."""
        for key, activity in self._book.activities.items():
            if activity.anchor is not Anchor.EVENT or activity.orbit_event != orbit_event or key == self._book.begun:
                continue
            try:
                _check_due(time_ns + activity.offset_ns, tai_ns)
            except MisuseError as error:
                raise MisuseError(f"events[{position}], {describe(key)}: {error}") from None

    def _in_order(self, keys: tuple[int, ...]) -> list[Activity]:
        """Give activities in order of time, those without one last."""
        activities = [self._book.activities[key] for key in keys]
        return sorted(activities, key=lambda each: _TAI_NS_MAX if each.due_tai_ns is None else each.due_tai_ns)

    def _summary(self, keys: tuple[int, ...], position: int) -> Outcome:
        return self._page("schedule_summary", self._in_order(keys), position, SUMMARY_ROWS_MAX, _summary_row)

    def _detail(self, keys: tuple[int, ...], position: int) -> Outcome:
        return self._page("schedule_detail", self._in_order(keys), position, DETAIL_ROWS_MAX, _detail_row)

    def _report_fates(self, position: int) -> Outcome:
        fates = list(reversed(self._book.fates))
        return self._page(
            "schedule_fates",
            fates,
            position,
            FATE_ROWS_MAX,
            lambda told: {**request_of(told[0]), "fate": told[1], "time": told[2]},
        )

    def _page(
        self, name: str, rows: Sequence[Any], position: int, rows_max: int, write: Callable[[Any], dict[str, Any]]
    ) -> Outcome:
        page = [write(row) for row in rows[position : position + rows_max]]
        values = {"total": len(rows), "position": position, "activities": page}
        return Outcome(answers=(self._reporter.encode(name, values),))

    def _report_sub_schedules(self) -> Outcome:
        disabled = self._book.disabled_sub_schedules
        numbers = sorted(disabled | {activity.sub_schedule for activity in self._book.activities.values()})
        rows = [{"sub_schedule": number, "status": Switch(number not in disabled)} for number in numbers[:255]]
        return Outcome(answers=(self._reporter.encode("schedule_sub_schedules", {"sub_schedules": rows}),))

    def _report_groups(self) -> Outcome:
        rows = [{"group": number, "status": Switch(enabled)} for number, enabled in sorted(self._book.groups.items())]
        return Outcome(answers=(self._reporter.encode("schedule_groups", {"groups": rows}),))


def key_of(source_id: int, apid: int, sequence_count: int) -> int:
    """Give the key of a request: 16 bits each of source id, APID and sequence count."""
    return source_id << 32 | apid << 16 | sequence_count


def request_of(key: int) -> dict[str, int]:
    """Give the request of a key, as the fields of a report."""
    return {"source_id": key >> 32, "apid": key >> 16 & 0xFFFF, "sequence_count": key & 0xFFFF}


def describe(key: int) -> str:
    """Give a key in words."""
    return "source {source_id}, APID {apid:#x}, count {sequence_count}".format(**request_of(key))


_WINDOWS: dict[Window, Callable[[Mapping[str, Any]], tuple[int, int]]] = {
    Window.ALL: lambda given: (0, _TAI_NS_MAX),
    Window.FROM_TO: lambda given: (given["from_time"], given["to_time"]),
    Window.FROM: lambda given: (given["from_time"], _TAI_NS_MAX),
    Window.TO: lambda given: (0, given["to_time"]),
}


def _on(change: type[ActivitiesDeleted], keys: tuple[int, ...]) -> Outcome:
    return Outcome((change(keys),) if keys else ())


def _check_anchor(anchor: Anchor, release_time: int, offset_ns: int, orbit_event: int) -> None:
    """Refuse what says two things, or half of one."""
    if (anchor is Anchor.EVENT) != bool(orbit_event):
        raise MisuseError(f"orbit_event: expected a number exactly for anchor EVENT, found {orbit_event}")
    if anchor is not Anchor.ABSOLUTE and release_time:
        raise MisuseError(f"release_time: expected 0 for anchor {anchor.name}, found {release_time}")
    _check_offset(anchor, offset_ns)


def _check_offset(anchor: Anchor, offset_ns: int) -> None:
    lowest_ms = 0 if anchor in (Anchor.AOS, Anchor.LOS) else -ORBIT_OFFSET_MS_MAX
    offset_ms = offset_ns // _NS_PER_MS
    if not lowest_ms <= offset_ms <= ORBIT_OFFSET_MS_MAX:
        raise MisuseError(
            f"offset: expected {lowest_ms} to {ORBIT_OFFSET_MS_MAX} ms from {anchor.name}, found {offset_ms}"
        )


def _check_due(due_tai_ns: int | None, tai_ns: int) -> None:
    if due_tai_ns is not None and not tai_ns < due_tai_ns <= _TAI_NS_MAX:
        raise MisuseError(f"expected a time after {tai_ns}, which it is now, found {due_tai_ns}")


def _summary_row(activity: Activity) -> dict[str, Any]:
    return {
        "sub_schedule": activity.sub_schedule,
        "group": activity.group,
        "release_time": activity.due_tai_ns or 0,
        **request_of(activity.key),
    }


def _detail_row(activity: Activity) -> dict[str, Any]:
    return {
        "sub_schedule": activity.sub_schedule,
        "group": activity.group,
        "release_time": activity.due_tai_ns or 0,
        "anchor": activity.anchor,
        "orbit_event": activity.orbit_event,
        "offset": activity.offset_ns // _NS_PER_MS,
        "late": activity.late,
        "limit": activity.limit_ns // _NS_PER_S,
        "request": activity.packet,
    }
