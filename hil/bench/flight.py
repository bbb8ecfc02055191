"""The spacecraft of a bench, as one who stands beside it: its power, and the process that does its jobs."""

from pathlib import Path

from hil.bench.course import Course
from hil.bench.waiting import NotSeenError
from hil.rig.wiring import Power


class NotHereError(NotSeenError):
    """What a test wants to do cannot be done on this wiring; such a test is skipped."""


class Flight:
    """The spacecraft.

    Args:
        course: The run.
        store: Its store on this computer, or None if it is on a board.
        power: The board's switch, if there is a board and a switch.
    """

    def __init__(self, course: Course, store: Path | None, power: Power | None) -> None:
        self.store = store
        """The directory of its store, or None if that is on a board."""
        self._course = course
        self._power = power

    @property
    def is_board(self) -> bool:
        """Whether it is a real board."""
        return self.store is None

    def kill_worker(self) -> None:
        """Kill the process that does a job, as a bug or the kernel would.

        Raises:
            MisuseError: There is none.
            NotHereError: It is on a board.
        """
        __tracebackhide__ = True
        self._require_here("kill its worker")
        self._course.kill_worker()

    def hang_worker(self) -> None:
        """Let the process that does a job stand still until it is replaced; see `kill_worker`."""
        __tracebackhide__ = True
        self._require_here("hang its worker")
        self._course.hang_worker()

    def reboot(self, down_s: float = 5.0) -> None:
        """Let it lose its power, and start it again after a time; the test goes on at once.

        Raises:
            NotHereError: It is a board without a switch.
        """
        __tracebackhide__ = True
        if self._power is None:
            self._require_here("cut its power (override the fixture hil_power)")
        self._course.reboot("spacecraft", down_s)

    def _require_here(self, what: str) -> None:
        __tracebackhide__ = True
        if self.is_board:
            raise NotHereError(f"expected flight software on this computer to {what}, found a board")
