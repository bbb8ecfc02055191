"""One watched quantity: its levels, what it lets jobs do, and at what duty. More is always better, as it counts it.

Charge and the duty of the forecast are watched as they are, temperatures by their negative. To hold back is immediate;
to let go takes the next level and a least time, so that slow changes cannot make it go to and fro.
"""

from dataclasses import dataclass

from flight.governor.allowance import Trigger, follow
from flight.jobs.pace import FULL_PERMILLE
from mission.governor import Allowance

# Duty changes in steps, so that a drift of the last digit changes nothing.
DUTY_STEP_PERMILLE = 10


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of a quantity, from the worst up, in order by construction.

    Args:
        hold: Jobs are held at this and below.
        throttle: Jobs are throttled below this.
        hysteresis: By so much more they go on, or run free; above 0.
    """

    hold: float
    throttle: float
    hysteresis: float

    @property
    def resume(self) -> float:
        """Jobs that were held go on from here, throttled."""
        return self.hold + self.hysteresis

    @property
    def scarce(self) -> float:
        """Below this jobs are throttled: never short of where they go on."""
        return max(self.throttle, self.resume)

    @property
    def free(self) -> float:
        """Jobs that were throttled run free from here."""
        return self.scarce + self.hysteresis

    def place(self, value: float) -> Trigger:
        """Give where a value is among them."""
        if value <= self.hold:
            return Trigger.SPENT
        if value < self.resume:
            return Trigger.LOW
        if value < self.scarce:
            return Trigger.SCARCE
        return Trigger.FAIR if value < self.free else Trigger.AMPLE

    def share(self, value: float) -> float:
        """Give how far up from the hold level to running free a value is: 0 to 1."""
        return min(max((value - self.hold) / (self.free - self.hold), 0.0), 1.0)


class Watch:
    """One quantity. It starts by holding jobs until the first value says otherwise."""

    def __init__(self) -> None:
        self.allowance = Allowance.HOLD
        self.duty_permille = 0
        """Above 0 only while jobs may run."""
        self._since_ns: int | None = None

    def see(self, trigger: Trigger, duty_permille: float, dwell_ns: int, now_ns: int) -> None:
        """Take note of where the quantity is now.

        Args:
            trigger: Its place.
            duty_permille: What it would let jobs do while they are throttled, 1 at least.
            dwell_ns: The least time before less is held back again.
            now_ns: When.
        """
        after = follow(self.allowance, trigger)
        eases = after < self.allowance
        if after is not self.allowance and not (eases and self._dwells(dwell_ns, now_ns)):
            self.allowance, self._since_ns, self.duty_permille = after, now_ns, 0
        match self.allowance:
            case Allowance.HOLD:
                self.duty_permille = 0
            case Allowance.RUN:
                self.duty_permille = FULL_PERMILLE
            case Allowance.THROTTLE:
                self.duty_permille = _stepped(self.duty_permille, duty_permille)

    def _dwells(self, dwell_ns: int, now_ns: int) -> bool:
        return self._since_ns is not None and now_ns - self._since_ns < dwell_ns


def _stepped(before_permille: int, wanted_permille: float) -> int:
    """Bring a duty to a whole step that is not above it; one single step up takes half a step more than it."""
    wanted = int(wanted_permille)
    down = wanted // DUTY_STEP_PERMILLE * DUTY_STEP_PERMILLE
    if 0 < before_permille == down - DUTY_STEP_PERMILLE and wanted < down + DUTY_STEP_PERMILLE // 2:
        return before_permille
    return min(max(down, min(wanted, DUTY_STEP_PERMILLE), 1), FULL_PERMILLE)
