"""When the spacecraft and the station can hear each other: the passes of a scenario, in order.

It knows times and nothing else. Without passes there is one contact for all time.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ccsds.errors import MisuseError
from hil.scenario.link import PassTable

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, order=True)
class Pass:
    """A span of time with contact.

    Raises:
        MisuseError: It has no length.
    """

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        """Refuse a pass that is none."""
        if self.end_ns <= self.start_ns:
            raise MisuseError(f"expected a pass that ends after it began, found {self.start_ns} to {self.end_ns} ns")


class ContactPlan:
    """The passes of a run.

    Args:
        passes: In any order; those that touch or overlap are one.
    """

    def __init__(self, passes: Iterable[Pass] = ()) -> None:
        merged: list[Pass] = []
        for each in sorted(passes):
            if merged and each.start_ns <= merged[-1].end_ns:
                merged[-1] = Pass(merged[-1].start_ns, max(merged[-1].end_ns, each.end_ns))
            else:
                merged.append(each)
        self.passes = tuple(merged)
        # The times at which contact comes and goes, in turn.
        self._changes = [time_ns for each in merged for time_ns in (each.start_ns, each.end_ns)]

    @classmethod
    def of_tables(cls, tables: Iterable[PassTable]) -> Self:
        """Give the plan that a scenario lists."""
        return cls(
            Pass(round(start_s * NS_PER_S), round((start_s + table.duration_s) * NS_PER_S))
            for table in tables
            for start_s in table.starts_s()
        )

    def is_up(self, now_ns: int) -> bool:
        """Tell whether there is contact: from the first nanosecond of a pass up to its last."""
        return not self._changes or bisect_right(self._changes, now_ns) % 2 == 1

    def next_change_ns(self, now_ns: int) -> int | None:
        """Give when contact comes or goes next, after now; None if it stays so."""
        position = bisect_right(self._changes, now_ns)
        return self._changes[position] if position < len(self._changes) else None
