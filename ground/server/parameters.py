"""The latest value of every parameter, as a station heard it. What came before is in the archive."""

from dataclasses import dataclass
from typing import Any

from ground.alarms.events import DerivedComputed
from ground.archive.archive import DERIVED
from ground.events import HousekeepingReceived, plain

# Parameters of the dictionary and of structures that were defined in flight; beyond, the one heard longest ago goes.
PARAMETERS_MAX = 16_384


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one parameter."""

    name: str
    value: Any
    """In plain values: members of enumerations go by their names."""
    tai_ns: int
    """When it was sampled, by on-board time."""
    received_unix_ns: int
    """When it came."""
    generated_time_ns: int | None
    """When it was sampled, by the station's ``now_ns``; None if the clocks are not correlated."""
    structure: str
    """The housekeeping structure that brought it, or ``derived``."""


class LatestParameters:
    """Every parameter that was heard of."""

    def __init__(self) -> None:
        self._latest: dict[str, Sample] = {}

    def note(self, event: HousekeepingReceived | DerivedComputed, unix_ns: int) -> dict[str, Sample]:
        """Take in a report, and give what is newer in it than what was known."""
        newer: dict[str, Sample] = {}
        structure = event.name if isinstance(event, HousekeepingReceived) else DERIVED
        for name, value in event.values.items():
            known = self._latest.get(name)
            # What was stored on board comes late: it is history, not the present.
            if known is not None and event.tai_ns < known.tai_ns:
                continue
            shown = value if type(value) is int or type(value) is str else plain(value)
            newer[name] = Sample(name, shown, event.tai_ns, unix_ns, event.generated_ns, structure)
        self._latest.update(newer)
        while len(self._latest) > PARAMETERS_MAX:
            del self._latest[min(self._latest, key=lambda name: self._latest[name].received_unix_ns)]
        return newer

    def get(self, name: str) -> Sample | None:
        """Give the latest value of a parameter, if there is one."""
        return self._latest.get(name)

    def all(self) -> dict[str, Sample]:
        """Give all of them, by name."""
        return dict(sorted(self._latest.items()))
