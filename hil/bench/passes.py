"""The passes of a bench: when spacecraft and station can hear each other."""

from collections.abc import Iterable

from hil.bench.course import Course
from hil.bench.waiting import WAIT_S, Clock
from hil.link.contact_plan import ContactPlan, Pass

NS_PER_S = 1_000_000_000


class Passes:
    """The pass schedule. Until one is set there is contact all the time, or as ``link.passes`` of the set-up has it.

    Args:
        course: The run.
        clock: Lets time go on.
        plan: What it begins with.
    """

    def __init__(self, course: Course, clock: Clock, plan: ContactPlan) -> None:
        self.plan = plan
        self._course = course
        self._clock = clock

    def set(self, passes: Iterable[tuple[float, float]]) -> None:
        """Have contact in these passes, and outside of them none.

        Args:
            passes: (seconds from now on, length in seconds) of each.

        Raises:
            MisuseError: One is none, or there is no contact now.
        """
        now_ns = self._course.now_ns
        plan = ContactPlan(
            Pass(now_ns + round(start_s * NS_PER_S), now_ns + round((start_s + length_s) * NS_PER_S))
            for start_s, length_s in passes
        )
        self._course.follow(plan)
        self.plan = plan

    @property
    def is_up(self) -> bool:
        """Whether there is contact now."""
        return self.plan.is_up(self._course.now_ns)

    def wait_for_aos(self, timeout_s: float = 86_400.0) -> None:
        """Wait until a pass has begun; at once in the middle of one."""
        __tracebackhide__ = True
        self._clock.wait_until(lambda: self.is_up, timeout_s=timeout_s, expected="a pass", found=self._next)

    def wait_for_los(self, timeout_s: float = WAIT_S * 10) -> None:
        """Wait until the pass is over; at once outside of one."""
        __tracebackhide__ = True
        self._clock.wait_until(lambda: not self.is_up, timeout_s=timeout_s, expected="a pass to end", found=self._next)

    def _next(self) -> str:
        change_ns = self.plan.next_change_ns(self._course.now_ns)
        return "no change to come" if change_ns is None else f"the next change at {change_ns / NS_PER_S:.1f} s"
