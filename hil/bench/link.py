"""The emulated link of a bench: what it did, and how to cut it."""

from hil.bench.course import Course
from hil.channel.line import LineCounts
from hil.rig.wiring import Wiring

_DIRECTIONS = {"up": ("up",), "down": ("down",), "both": ("up", "down")}


class Link:
    """The link.

    Args:
        course: The run.
        wiring: What it goes over.
        profile: Name of the link profile.
    """

    def __init__(self, course: Course, wiring: Wiring, profile: str) -> None:
        self.wiring = wiring
        self.profile = profile
        self._course = course

    @property
    def up(self) -> LineCounts:
        """What the direction from the ground did: octets sent, delivered and lost, bits flipped."""
        return self._course.up.counts

    @property
    def down(self) -> LineCounts:
        """What the direction from the spacecraft did."""
        return self._course.down.counts

    def drop(self, seconds: float, direction: str = "both") -> None:
        """Let every octet be lost from now on for a time, in ``up``, ``down`` or ``both``; the test goes on at once."""
        for each in _DIRECTIONS[direction]:
            self._course.drop(each, seconds)
