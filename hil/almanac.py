"""The almanac of a mission: when contact comes and goes, and what an orbit brings, by the names of faults' instants.

The ground has one: it waits for an instant, tells the spacecraft of those that come (``schedule.set_orbit_events``),
and has commands released at them on board. There an orbit event is a number: that of its kind, and its place in time.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ccsds.errors import MisuseError
from hil.faults.instants import CONTACT_INSTANTS, ORBIT_INSTANTS
from hil.link.contact_plan import ContactPlan
from hil.orbit.outlook import Outlook
from hil.sky import sky_changes

NS_PER_S = 1_000_000_000

INSTANTS = (*CONTACT_INSTANTS, *ORBIT_INSTANTS)
"""Whatever an almanac can hold; their order is part of the numbers on board."""

EVENTS_A_KIND_MAX = 8_000
"""Numbers on board are of 16 bits and shared by eight kinds. The lowest orbit comes to a node 6,000 times in the
longest mission; contacts over several stations can be more."""

_WHEN = re.compile(rf"({'|'.join(INSTANTS)})(\d+)([+-].*)?")


def event_number(name: str, place: int) -> int:
    """Give the number by which an instant is known on board.

    Args:
        name: One of `INSTANTS`.
        place: Its place among those of its name, the first of the mission being 1.

    Raises:
        MisuseError: There is no number for one so late.
    """
    if place > EVENTS_A_KIND_MAX:
        raise MisuseError(
            f"expected at most {name}{EVENTS_A_KIND_MAX}, as far as numbers go on board, found {name}{place}"
        )
    return INSTANTS.index(name) * EVENTS_A_KIND_MAX + place


def is_instant(when: str) -> bool:
    """Tell whether a release time is reckoned from an instant by its place, such as ``eclipse_exit2+30s``."""
    return _WHEN.fullmatch(when) is not None


class Almanac:
    """What comes when.

    Args:
        plan: When there is contact.
        outlook: The orbit, if there is one.
        tai_offset_ns: On-board TAI at mission time zero.
        duration_s: Of the mission; what comes later is not in it. None if it has no end.
    """

    def __init__(
        self,
        plan: ContactPlan,
        outlook: Outlook | None = None,
        tai_offset_ns: int = 0,
        duration_s: float | None = None,
    ) -> None:
        self._tai_offset_ns = tai_offset_ns
        times: dict[str, list[int]] = {name: [] for name in INSTANTS}
        times["aos"] = [each.start_ns for each in plan.passes]
        times["los"] = [each.end_ns for each in plan.passes]
        for change in sky_changes(outlook) if outlook is not None else ():
            if change.instant:
                times[change.instant].append(change.time_ns)
        if duration_s is not None:
            end_ns = round(duration_s * NS_PER_S)
            times = {name: [each for each in times_ns if each <= end_ns] for name, times_ns in times.items()}
        self.times_ns: Mapping[str, Sequence[int]] = times
        """When each comes, by name, in mission time and in order."""

    def next_ns(self, name: str, now_ns: int) -> int | None:
        """Give when an instant comes next, after now; None if it comes no more."""
        times_ns = self.times_ns[name]
        place = bisect_right(times_ns, now_ns)
        return times_ns[place] if place < len(times_ns) else None

    def events(self, names: Sequence[str], from_ns: int, span_ns: int) -> list[dict[str, Any]]:
        """Give what comes within a span of time after another, in order, as rows of ``schedule.set_orbit_events``."""
        found = [
            (time_ns, event_number(name, place))
            for name in names
            for place, time_ns in enumerate(self.times_ns[name], start=1)
            if from_ns < time_ns <= from_ns + span_ns
        ]
        return [{"orbit_event": number, "time": self._tai_offset_ns + time_ns} for time_ns, number in sorted(found)]

    def densest(self, names: Sequence[str], span_ns: int) -> int:
        """Give how many events of some names come within a span of time at most."""
        times_ns = sorted(time_ns for name in names for time_ns in self.times_ns[name])
        return max((bisect_right(times_ns, each + span_ns) - at for at, each in enumerate(times_ns)), default=0)

    def on_board(self, when: str) -> str:
        """Give a release time as `ground.schedule_request.parse_time` takes it.

        Args:
            when: Such a time, or an instant of `INSTANTS` by its place, such as ``eclipse_exit2+30s``.

        Raises:
            MisuseError: There is no such instant in the mission, or no number for it.
        """
        match = _WHEN.fullmatch(when)
        if match is None:
            return when
        name, place, offset = match[1], int(match[2]), match[3] or ""
        count = len(self.times_ns[name])
        if not 1 <= place <= count:
            raise MisuseError(f"expected {name}1 to {name}{count}, which the mission has, found {name}{place}")
        return f"event{event_number(name, place)}{offset}"
