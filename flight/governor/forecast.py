"""The forecast: how much compute there may be until the next sunrise, so that a reserve is left in the battery then.

Compute in the light comes first, since what goes through the battery is worth less and a full battery takes nothing;
what the light cannot spend is spread over the eclipse. Pure arithmetic of what is known; it keeps nothing.

    sunset:  what is left is the reserve and what an eclipse takes with jobs held; compute in the light takes the rest.
    sunrise: what is left is the reserve; compute in the eclipse takes the rest.
"""

import math
from dataclasses import dataclass

from flight.jobs.pace import FULL_PERMILLE

# A rest of light or of eclipse shorter than this is planned as if it were as long: a rest of energy does not start a
# worker for the last seconds before sunrise.
LIGHT_S_MIN = 60.0
ECLIPSE_S_MIN = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is known of the time until the next sunrise; powers in watts, energies in joules."""

    charge_j: float
    capacity_j: float
    reserve_j: float
    """What is to be left at sunrise."""
    solar_w: float
    """What comes in while in the light."""
    held_w: float
    """What is drawn while jobs are held."""
    base_w: float
    """What is drawn while a worker is there and has nothing to do."""
    compute_w: float
    """What compute draws above that at full duty."""
    light_s: float
    """Light that is left before the eclipse; 0 while in it."""
    eclipse_s: float
    """Eclipse that is left, or of the one to come."""
    orbit_light_s: float
    """Light of a whole orbit, 0 if it is not known."""
    orbit_eclipse_s: float
    """Eclipse of a whole orbit, 0 if it is not known."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it is known."""
        return all(math.isfinite(getattr(self, name)) for name in self.__slots__) and self.compute_w > 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span of time and the duty in it, as shares of full."""

    span_s: float
    duty: float
    energy_j: float
    """What goes into compute in it; less than all of it at this duty, if a deadline is in it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What may be spent."""

    light: Stretch
    eclipse: Stretch
    orbit_duty: float
    """The duty that every orbit after that can bear, 0 to 1."""
    budget_j: float
    """What may go into compute until sunrise."""
    sunrise_j: float
    """What is in the battery at sunrise, if all of it is spent as planned; below 0 it is empty before."""

    @property
    def duty_permille(self) -> float:
        """The duty for now."""
        return (self.light if self.light.span_s else self.eclipse).duty * FULL_PERMILLE

    def busy_after_s(self, busy_s: float) -> float:
        """Give when so much busy time is had, in seconds from now; infinity if never."""
        elapsed_s = 0.0
        for stretch in (self.light, self.eclipse):
            had_s = stretch.span_s * stretch.duty
            if had_s >= busy_s:
                return elapsed_s + (busy_s / stretch.duty if busy_s else 0.0)
            busy_s -= had_s
            elapsed_s += stretch.span_s
        return elapsed_s + busy_s / self.orbit_duty if self.orbit_duty else math.inf


def forecast(outlook: Outlook, deadline_in_s: float = math.inf) -> Forecast:
    """Plan compute until the next sunrise.

    Args:
        outlook: What is known; all of it (`Outlook.is_whole`).
        deadline_in_s: When the job has to be done. What a stretch may spend is spent before, not spread beyond.
    """
    compute_w = outlook.compute_w
    # What cannot be in the battery at sunset cannot be asked for: then it is to be full.
    sunset_j = min(outlook.reserve_j + outlook.held_w * outlook.eclipse_s, outlook.capacity_j)
    in_light_j = outlook.charge_j + (outlook.solar_w - outlook.base_w) * outlook.light_s - sunset_j
    light_in_s = min(deadline_in_s, outlook.light_s)
    light = _spread(in_light_j, compute_w, outlook.light_s, light_in_s, LIGHT_S_MIN)
    at_sunset_j = outlook.charge_j - light.energy_j
    if outlook.light_s:
        gained_w = outlook.solar_w - (outlook.base_w if light.duty else outlook.held_w)
        at_sunset_j = min(at_sunset_j + gained_w * outlook.light_s, outlook.capacity_j)
    in_eclipse_j = at_sunset_j - outlook.base_w * outlook.eclipse_s - outlook.reserve_j
    dark_in_s = min(deadline_in_s - outlook.light_s, outlook.eclipse_s)
    dark = _spread(in_eclipse_j, compute_w, outlook.eclipse_s, dark_in_s, ECLIPSE_S_MIN)
    in_eclipse_w = outlook.base_w if dark.duty else outlook.held_w
    spent_j = light.energy_j + dark.energy_j
    ahead_s, orbit_s = outlook.light_s + outlook.eclipse_s, outlook.orbit_light_s + outlook.orbit_eclipse_s
    left_j = outlook.solar_w * outlook.orbit_light_s - outlook.base_w * orbit_s
    if not outlook.orbit_light_s or not outlook.orbit_eclipse_s:  # Not known yet: it goes on as until sunrise.
        left_j, orbit_s = spent_j, max(ahead_s, LIGHT_S_MIN)
    return Forecast(
        light=light,
        eclipse=dark,
        orbit_duty=min(max(left_j / (compute_w * orbit_s), 0.0), 1.0),
        budget_j=spent_j,
        sunrise_j=at_sunset_j - in_eclipse_w * outlook.eclipse_s - dark.energy_j,
    )


def _spread(budget_j: float, compute_w: float, span_s: float, wanted_s: float, least_s: float) -> Stretch:
    """Spread what may be spent over a span, or over what of it is before a deadline (none of it, if that is past)."""
    over_s = max(wanted_s if wanted_s > 0 else span_s, least_s)
    duty = min(max(budget_j / (compute_w * over_s), 0.0), 1.0)
    return Stretch(span_s, duty, min(max(budget_j, 0.0), duty * compute_w * span_s))
