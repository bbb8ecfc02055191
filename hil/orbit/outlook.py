"""What lies ahead of a mission by its orbit: contacts, light and shadow, zones of radiation; and range in a contact.

All of it is known before the mission begins, and is looked up by time.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hil.orbit.earth import Floats
from hil.orbit.eclipse import shadow_spans, umbra_spans
from hil.orbit.satellite import Satellite
from hil.orbit.site import Site
from hil.orbit.spans import Span, find_spans
from hil.orbit.zones import Zone, zone_spans

NS_PER_S = 1_000_000_000
LIGHT_KM_S = 299_792.458

# Range is known each second of a contact, and straight between: its second derivative is v^2 / d = 0.18 km/s^2 at most,
# overhead at 325 km, so that the way is off by 0.18 / 8 km, which is 75 ns.
_LOOK_STEP_S = 1.0
# Half a turn of a low orbit is fifty times as long.
_NODE_STEP_S = 60.0


@dataclass(frozen=True, slots=True, order=True)
class SitePass:
    """A pass over one station."""

    span: Span
    site: Site


@dataclass(frozen=True, kw_only=True)
class Contact:
    """A time with at least one station in sight, and the best of them at each second."""

    span: Span
    times_s: Floats
    range_km: Floats
    elevation_deg: Floats
    """Of the station that sees it highest."""
    best: NDArray[np.intp]
    """Which station that is, by its place among the sites."""


class Outlook:
    """What lies ahead.

    Args:
        satellite: Who flies.
        sites: Who listens.
        duration_s: How long the mission is.
    """

    def __init__(self, satellite: Satellite, sites: Sequence[Site], duration_s: float) -> None:
        self.satellite = satellite
        self.sites = tuple(sites)
        self.duration_s = duration_s
        self._contact: tuple[int, Contact] | None = None

    @cached_property
    def passes(self) -> list[SitePass]:
        """The passes over all stations, in the order in which they begin."""
        found = (
            SitePass(span, site) for site in self.sites for span in site.passes(self.satellite, 0.0, self.duration_s)
        )
        return sorted(found, key=lambda each: (each.span, each.site.name))

    @cached_property
    def shadows(self) -> list[Span]:
        """When some or all of the Sun is hidden."""
        return shadow_spans(self.satellite, 0.0, self.duration_s)

    @cached_property
    def umbras(self) -> list[Span]:
        """When all of the Sun is hidden."""
        return umbra_spans(self.satellite, 0.0, self.duration_s)

    @cached_property
    def zones(self) -> dict[Zone, list[Span]]:
        """When it is in which zone of radiation."""
        return zone_spans(self.satellite, 0.0, self.duration_s)

    @cached_property
    def norths(self) -> list[Span]:
        """When it is north of the equator: from an ascending node to the descending one."""
        return find_spans(lambda times: self.satellite.teme_km(times)[0][:, 2], 0.0, self.duration_s, _NODE_STEP_S)

    @cached_property
    def contacts(self) -> list[Span]:
        """When any station sees it: passes that overlap are one."""
        merged: list[Span] = []
        for each in self.passes:
            if merged and each.span.start_s <= merged[-1].end_s:
                merged[-1] = Span(merged[-1].start_s, max(merged[-1].end_s, each.span.end_s))
            else:
                merged.append(each.span)
        return merged

    def contact(self, index: int) -> Contact:
        """Give one contact, by its place among `contacts`."""
        if self._contact is None or self._contact[0] != index:
            span = self.contacts[index]
            times_s = np.linspace(span.start_s, span.end_s, max(2, int(np.ceil(span.duration_s / _LOOK_STEP_S)) + 1))
            looks = [site.look(self.satellite, times_s) for site in self.sites]
            best = np.argmax([look.elevation_deg for look in looks], axis=0)
            along = np.arange(len(times_s))
            contact = Contact(
                span=span,
                times_s=times_s,
                range_km=np.array([look.range_km for look in looks])[best, along],
                elevation_deg=np.array([look.elevation_deg for look in looks])[best, along],
                best=best,
            )
            self._contact = (index, contact)
        return self._contact[1]

    def range_km(self, now_ns: int) -> float:
        """Give the distance to the station that sees it best; between contacts, that where the last one ended."""
        if not self.contacts:
            return self.satellite.altitude_km
        now_s = now_ns / NS_PER_S
        contact = self.contact(max(bisect_right(self.contacts, now_s, key=lambda span: span.start_s) - 1, 0))
        return float(np.interp(now_s, contact.times_s, contact.range_km))

    def light_time_ns(self, now_ns: int) -> int:
        """Give how long the way between the two takes."""
        return round(self.range_km(now_ns) / LIGHT_KM_S * NS_PER_S)


def covering(spans: Sequence[Span], now_s: float) -> tuple[Span | None, Span | None]:
    """Give the span that a time is in, and the one that comes next, from spans in order; None where there is none."""
    index = bisect_right(spans, now_s, key=lambda span: span.start_s)
    present = spans[index - 1] if index and now_s < spans[index - 1].end_s else None
    return present, spans[index] if index < len(spans) else None
