"""What a job may use of the time, as the engine is told: it decides when steps run, never how many or what they are."""

from dataclasses import dataclass

from ccsds.errors import MisuseError
from mission.jobs import PauseCause

FULL_PERMILLE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What jobs may use."""

    hold: PauseCause = PauseCause.NONE
    """What pauses them, if anything does."""
    duty_permille: int = FULL_PERMILLE
    """The share of the time in which the worker has something to do."""
    may_launch: bool = True
    """Whether a worker may be started now."""

    def __post_init__(self) -> None:
        """Refuse a pace at which a worker would rest for ever, or more than all the time; a hold stops it altogether.

        Raises:
            MisuseError: Saying what was expected and found.
        """
        if not 1 <= self.duty_permille <= FULL_PERMILLE:
            raise MisuseError(f"pace: expected a duty of 1 to {FULL_PERMILLE} permille, found {self.duty_permille}")

    def rest_ns(self, busy_ns: int) -> int:
        """Give how long the worker rests after it was busy for so long."""
        return busy_ns * (FULL_PERMILLE - self.duty_permille) // self.duty_permille


FULL = Pace()
"""All there is."""
