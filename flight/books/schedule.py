"""The book of the schedule: what is to be released when, what is enabled, and what became of what was due.

It keeps the activities in the order of their times as well, so that finding the next one costs nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from flight.autonomy.agenda import Agenda
from flight.books.seal import SealedEntries
from mission.schedule import FATES_MAX, Anchor, Fate, Late


class Activity(msgspec.Struct, frozen=True, array_like=True):
    """One telecommand, and when it is to be released."""

    key: int
    """Its request: source id, APID and sequence count, as `flight.services.schedule` packs them."""
    packet: bytes
    sub_schedule: int
    group: int
    """0 is none."""
    due_tai_ns: int | None
    """None as long as its anchor has not come, or has no time."""
    anchor: Anchor = Anchor.ABSOLUTE
    orbit_event: int = 0
    offset_ns: int = 0
    """From its anchor."""
    late: Late = Late.SKIP
    limit_ns: int = 0
    """How late it may be."""
    has_cause: bool = False
    """Whether something on board put it there: then its release has a cause on board too (`flight.autonomy.causes`)."""


class ActivitiesInserted(msgspec.Struct, frozen=True, tag=True):
    """Activities came into the schedule."""

    activities: tuple[Activity, ...]


class ActivitiesDeleted(msgspec.Struct, frozen=True, tag=True):
    """Activities were taken out of the schedule by command."""

    keys: tuple[int, ...]


class ActivitiesShifted(msgspec.Struct, frozen=True, tag=True):
    """Activities are to be released later, or earlier."""

    keys: tuple[int, ...]
    shift_ns: int


class ActivityBegun(msgspec.Struct, frozen=True, tag=True):
    """A telecommand of the schedule is about to act."""

    key: int


class ActivityEnded(msgspec.Struct, frozen=True, tag=True):
    """A telecommand of the schedule was released, and came to this."""

    key: int
    fate: Fate
    tai_ns: int


class ActivitiesSkipped(msgspec.Struct, frozen=True, tag=True):
    """Activities were due and were not released."""

    keys: tuple[int, ...]
    fate: Fate
    tai_ns: int


class ScheduleSwitched(msgspec.Struct, frozen=True, tag=True):
    """The schedule was enabled or disabled."""

    enabled: bool


class ScheduleReset(msgspec.Struct, frozen=True, tag=True):
    """The schedule was emptied and disabled."""


class SubSchedulesSwitched(msgspec.Struct, frozen=True, tag=True):
    """Sub-schedules were enabled or disabled."""

    numbers: tuple[int, ...]
    enabled: bool


class GroupsSwitched(msgspec.Struct, frozen=True, tag=True):
    """Groups were made, enabled or disabled."""

    numbers: tuple[int, ...]
    enabled: bool


class GroupsDeleted(msgspec.Struct, frozen=True, tag=True):
    """Groups are no more."""

    numbers: tuple[int, ...]


class OrbitEventsTimed(msgspec.Struct, frozen=True, tag=True):
    """The ground told when orbit events are; activities that hang on them move with them."""

    times: tuple[tuple[int, int], ...]
    """Number and TAI."""
    forgotten: tuple[int, ...] = ()
    """Events that are past, and that nothing hangs on."""


class AnchorPassed(msgspec.Struct, frozen=True, tag=True):
    """A pass began or ended: what waited for it has a time now."""

    anchor: Anchor
    tai_ns: int
    known_tai_ns: int
    """When it was certain; nothing can be due before."""


class FatesTold(msgspec.Struct, frozen=True, tag=True):
    """What became of earlier activities: how a compacted journal says it."""

    counts: dict[Fate, int]
    fates: tuple[tuple[int, Fate, int], ...]


ScheduleChange = (
    ActivitiesInserted
    | ActivitiesDeleted
    | ActivitiesShifted
    | ActivityBegun
    | ActivityEnded
    | ActivitiesSkipped
    | ScheduleSwitched
    | ScheduleReset
    | SubSchedulesSwitched
    | GroupsSwitched
    | GroupsDeleted
    | OrbitEventsTimed
    | AnchorPassed
    | FatesTold
)
"""What can become of the schedule."""

# Activities that one record of a compacted journal tells: the longest requests fill a quarter of what it may hold.
_TOLD_TOGETHER_MAX = 256


class ScheduleBook:
    """The schedule."""

    changes = (
        ActivitiesInserted,
        ActivitiesDeleted,
        ActivitiesShifted,
        ActivityBegun,
        ActivityEnded,
        ActivitiesSkipped,
        ScheduleSwitched,
        ScheduleReset,
        SubSchedulesSwitched,
        GroupsSwitched,
        GroupsDeleted,
        OrbitEventsTimed,
        AnchorPassed,
        FatesTold,
    )

    def __init__(self) -> None:
        self.activities: SealedEntries[int, Activity] = SealedEntries()
        """By key, in the order in which they were inserted."""
        self.agenda = Agenda()
        """The keys of those that have a time."""
        self.untimed: SealedEntries[int, Anchor] = SealedEntries()
        """The keys of those that have none yet, and what they wait for."""
        self.octets = 0
        """Length of all their requests."""
        self.begun: int | None = None
        """The key of the one that began to act and never ended."""
        self.is_enabled = False
        self.disabled_sub_schedules: set[int] = set()
        self.groups: dict[int, bool] = {}
        """By number, whether it is enabled."""
        self.orbit_events: dict[int, int] = {}
        """By number, TAI."""
        self.is_in_pass = False
        self.counts: Counter[Fate] = Counter()
        # By a number that goes up. Each commit would read all of them, were they not sealed.
        self._fates: SealedEntries[int, tuple[int, Fate, int]] = SealedEntries()
        self._fates_told = 0

    @property
    def fates(self) -> tuple[tuple[int, Fate, int], ...]:
        """Key, fate and TAI of those that were due last, at most `FATES_MAX`.

        Raises:
            StruckBookError: One is not what it was.
        """
        return tuple(self._fates.values())

    def waiting_for(self, anchor: Anchor) -> list[int]:
        """Give the keys of those that have no time until an anchor comes.

        Raises:
            StruckBookError: One is not what it was.
        """
        return [key for key, each in self.untimed.items() if each is anchor]

    def apply(self, change: ScheduleChange) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case ActivitiesInserted(activities):
                for activity in activities:
                    self._put(activity)
            case ActivitiesDeleted(keys):
                self._drop(keys)
            case ActivitiesShifted(keys, shift_ns):
                for key in keys:
                    self._shift(key, shift_ns)
            case ActivityBegun(key):
                self.begun = key if key in self.activities else None
            case ActivityEnded(key, fate, tai_ns):
                self._end((key,), fate, tai_ns)
            case ActivitiesSkipped(keys, fate, tai_ns):
                self._end(keys, fate, tai_ns)
            case OrbitEventsTimed(times, forgotten):
                self._time_events(times, forgotten)
            case AnchorPassed():
                self._pass_anchor(change)
            case FatesTold(counts, fates):
                self.counts.update(counts)
                self._tell_fates(fates)
            case _:
                self._switch(change)

    def snapshot(self) -> Iterator[tuple[ScheduleChange, ...]]:
        """See `flight.books.book.Book`."""
        if self.is_enabled:
            yield (ScheduleSwitched(True),)
        if self.disabled_sub_schedules:
            yield (SubSchedulesSwitched(tuple(sorted(self.disabled_sub_schedules)), False),)
        for enabled in (False, True):
            numbers = tuple(number for number, is_on in self.groups.items() if is_on is enabled)
            if numbers:
                yield (GroupsSwitched(numbers, enabled),)
        if self.orbit_events:
            yield (OrbitEventsTimed(tuple(self.orbit_events.items())),)
        if self.is_in_pass:
            yield (AnchorPassed(Anchor.AOS, 0, 0),)  # Before the activities: none of them waited for it.
        if self.counts:
            yield (FatesTold(dict(self.counts), self.fates),)
        activities = tuple(self.activities.values())
        for start in range(0, len(activities), _TOLD_TOGETHER_MAX):
            yield (ActivitiesInserted(activities[start : start + _TOLD_TOGETHER_MAX]),)
        if self.begun is not None:
            yield (ActivityBegun(self.begun),)

    def _switch(self, change: ScheduleChange) -> None:
        match change:
            case ScheduleSwitched(enabled):
                self.is_enabled = enabled
            case ScheduleReset():
                self._drop(tuple(self.activities))
                self.is_enabled = False
                self.disabled_sub_schedules.clear()
                self.groups.clear()
            case SubSchedulesSwitched(numbers, enabled):
                if enabled:
                    self.disabled_sub_schedules.difference_update(numbers)
                else:
                    self.disabled_sub_schedules.update(numbers)
            case GroupsSwitched(numbers, enabled):
                self.groups.update(dict.fromkeys(numbers, enabled))
            case GroupsDeleted(numbers):
                for number in numbers:
                    self.groups.pop(number, None)

    def _put(self, activity: Activity) -> None:
        before = self.activities.get(activity.key)
        self.octets += len(activity.packet) - (len(before.packet) if before is not None else 0)
        self.activities[activity.key] = activity
        if activity.due_tai_ns is None:
            self.agenda.drop(activity.key)
            self.untimed[activity.key] = activity.anchor
        else:
            self.agenda.put(activity.key, activity.due_tai_ns)
            self.untimed.pop(activity.key, None)

    def _drop(self, keys: Iterable[int]) -> None:
        for key in keys:
            activity = self.activities.pop(key, None)
            if activity is not None:
                self.octets -= len(activity.packet)
                self.agenda.drop(key)
                self.untimed.pop(key, None)
            if key == self.begun:
                self.begun = None

    def _end(self, keys: tuple[int, ...], fate: Fate, tai_ns: int) -> None:
        self._drop(keys)
        self.counts[fate] += len(keys)
        self._tell_fates((key, fate, tai_ns) for key in keys)

    def _tell_fates(self, fates: Iterable[tuple[int, Fate, int]]) -> None:
        for each in fates:
            self._fates_told += 1
            self._fates[self._fates_told] = each
            self._fates.pop(self._fates_told - FATES_MAX, None)

    def _shift(self, key: int, shift_ns: int) -> None:
        activity = self.activities.get(key)
        if activity is None:
            return
        due_tai_ns = None if activity.due_tai_ns is None else activity.due_tai_ns + shift_ns
        moved = {"due_tai_ns": due_tai_ns, "offset_ns": activity.offset_ns + shift_ns}
        self._put(msgspec.structs.replace(activity, **moved))

    def _time_events(self, times: tuple[tuple[int, int], ...], forgotten: tuple[int, ...]) -> None:
        for number in forgotten:
            self.orbit_events.pop(number, None)
        moved = dict(times)
        self.orbit_events.update(moved)
        for activity in tuple(self.activities.values()):
            if activity.anchor is Anchor.EVENT and activity.orbit_event in moved:
                due_tai_ns = moved[activity.orbit_event] + activity.offset_ns
                self._put(msgspec.structs.replace(activity, due_tai_ns=due_tai_ns))

    def _pass_anchor(self, passed: AnchorPassed) -> None:
        self.is_in_pass = passed.anchor is Anchor.AOS
        for key in self.waiting_for(passed.anchor):
            activity = self.activities[key]
            due_tai_ns = max(passed.tai_ns + activity.offset_ns, passed.known_tai_ns)
            self._put(msgspec.structs.replace(activity, due_tai_ns=due_tai_ns))
