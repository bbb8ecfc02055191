"""What a run in virtual time makes of its orbit: the plan of contacts, what the line does, and what is told of the sky.

Without an orbit the scenario lists its passes, if it has any, and nothing is told.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from hil.channel.path_loss import bit_error_rate_at
from hil.link.contact_plan import ContactPlan, Pass
from hil.orbit.outlook import Outlook
from hil.orbit.spans import Span
from hil.orbit.zones import Zone
from hil.scenario.link import PassTable

NS_PER_S = 1_000_000_000

# At which the signal-to-noise ratio of a link is stated.
REFERENCE_RANGE_M = 1e6

# How a contact is noted for the plots.
_LOOK_STEP_S = 10


class SkyChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The spacecraft came to where the sky is another, by its orbit."""

    time_ns: int
    kind: str
    """``pass``, ``eclipse``, ``umbra``, ``anomaly``, ``polar``, or ``north`` of the equator."""
    has_begun: bool
    """Whether it begins or ends."""
    text: str

    @property
    def instant(self) -> str:
        """The name by which faults know it (`hil.faults.instants.ORBIT_INSTANTS`), empty if there is none."""
        match self.kind:
            case "eclipse" | "anomaly":
                return f"{self.kind}_{'entry' if self.has_begun else 'exit'}"
            case "north":
                return "ascending_node" if self.has_begun else "descending_node"
            case _:
                return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkySpan:
    """A time in which something of the sky is so, for the plots."""

    kind: str
    """As in `SkyChanged`."""
    start_s: float
    end_s: float
    name: str = ""
    """Of the station of a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSample:
    """How a station sees the spacecraft, for the plots."""

    time_s: float
    station: str
    range_km: float
    elevation_deg: float


def contact_plan(outlook: Outlook | None, passes: Iterable[PassTable] = ()) -> ContactPlan:
    """Give the plan of contacts that follows from an orbit, or without one that which a scenario lists."""
    if outlook is None:
        return ContactPlan.of_tables(passes)
    return ContactPlan(Pass(_ns(span.start_s), _ns(span.end_s)) for span in outlook.contacts)


def light_time(outlook: Outlook, more_ns: int) -> Callable[[int], int]:
    """Give the delay of a line that follows the range.

    Args:
        outlook: The orbit.
        more_ns: What is added, such as by the network on the ground.
    """
    return lambda now_ns: outlook.light_time_ns(now_ns) + more_ns


def bit_error_rate(outlook: Outlook, eb_n0_db: float) -> Callable[[int], float]:
    """Give the bit error rate of a line that follows the range.

    Args:
        outlook: The orbit.
        eb_n0_db: Eb/N0 at `REFERENCE_RANGE_M`.
    """

    def rate(now_ns: int) -> float:
        range_m = outlook.range_km(now_ns) * 1_000
        return bit_error_rate_at(range_m, reference_range_m=REFERENCE_RANGE_M, reference_eb_n0_db=eb_n0_db)

    return rate


def sky_spans(outlook: Outlook) -> list[SkySpan]:
    """Give all that an orbit brings, in order of time."""
    kinds: dict[str, Sequence[Span]] = {
        "eclipse": outlook.shadows,
        "umbra": outlook.umbras,
        "anomaly": outlook.zones[Zone.ANOMALY],
        "polar": outlook.zones[Zone.POLAR],
        "north": outlook.norths,
    }
    spans = [
        SkySpan(kind=kind, start_s=span.start_s, end_s=span.end_s) for kind, found in kinds.items() for span in found
    ]
    spans += [
        SkySpan(kind="pass", start_s=each.span.start_s, end_s=each.span.end_s, name=each.site.name)
        for each in outlook.passes
    ]
    return sorted(spans, key=lambda span: (span.start_s, span.kind, span.name))


def sky_changes(outlook: Outlook) -> list[SkyChanged]:
    """Give when the sky changes, in order of time; what is so at the beginning has not begun."""
    words = {
        "pass": "a pass over {name}",
        "eclipse": "an eclipse, in penumbra",
        "umbra": "the umbra",
        "anomaly": "the South Atlantic Anomaly",
        "polar": "a polar cap",
        "north": "the northern half of the orbit",
    }
    changes: list[SkyChanged] = []
    for span in sky_spans(outlook):
        words_of_it = words[span.kind].format(name=span.name)
        for has_begun, at_s in ((True, span.start_s), (False, span.end_s)):
            if 0 < at_s < outlook.duration_s:
                text = f"{words_of_it} {'begins' if has_begun else 'ends'}"
                changes.append(SkyChanged(time_ns=_ns(at_s), kind=span.kind, has_begun=has_begun, text=text))
    return sorted(changes, key=lambda change: (change.time_ns, change.kind, change.text))


def look_samples(outlook: Outlook) -> Iterator[LookSample]:
    """Give how each pass was seen by its station, each ten seconds, for the plots."""
    for index in range(len(outlook.contacts)):
        contact = outlook.contact(index)
        for at in range(0, len(contact.times_s), _LOOK_STEP_S):
            yield LookSample(
                time_s=float(contact.times_s[at]),
                station=outlook.sites[int(contact.best[at])].name,
                range_km=float(contact.range_km[at]),
                elevation_deg=float(contact.elevation_deg[at]),
            )


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
