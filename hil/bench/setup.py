"""What a bench is made of: the wiring, the link profile, the seed, and the tables of a scenario file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ccsds.errors import MisuseError
from hil.rig.wiring import Wiring
from hil.scenario.scenario import Scenario, build_scenario

TABLES = ("spacecraft", "station", "link", "orbit", "stations")
"""What of a scenario file a test may say before it begins; what happens then, it does itself."""

# A test that waits for more has other trouble; virtual time ends here.
DURATION_S_MAX = 10 * 365 * 86_400.0
# With an orbit, whose passes are reckoned before anything starts.
ORBIT_DURATION_S_MAX = 7 * 86_400.0


@dataclass(frozen=True, kw_only=True)
class BenchSetup:
    """One bench.

    Raises:
        MisuseError: A table is unknown or wrong; one line with the key and what was expected.
    """

    wiring: Wiring = field(default_factory=Wiring)
    profile: str = "serial"
    seed: int = 1
    tables: Mapping[str, Any] = field(default_factory=dict)
    """As in a scenario file: `TABLES`."""

    def __post_init__(self) -> None:
        """Refuse what no bench can be."""
        strange = [name for name in self.tables if name not in TABLES]
        if strange:
            raise MisuseError(f"hil_setup: expected tables {', '.join(TABLES)}, found {strange[0]!r}")
        self.scenario()

    def scenario(self) -> Scenario:
        """Give the scenario, in which nobody does anything by itself."""
        link = {"profile": self.profile, **self.tables.get("link", {})}
        duration_s = ORBIT_DURATION_S_MAX if "orbit" in self.tables else DURATION_S_MAX
        tables = {"name": "bench", "duration_s": duration_s, "procedure": [], **self.tables, "link": link}
        return build_scenario(tables, "hil_setup")
