"""What goes wrong, and when."""

from typing import Annotated, Literal

from msgspec import Meta

from ccsds.errors import MisuseError
from hil.faults.flip import Spread
from hil.faults.part import Part
from hil.scenario.table import Seconds, Table

WORKER_FAULTS = ("kill_worker", "hang_worker", "slow_worker", "starve_worker", "flip")
"""What befalls a worker."""
IN_WORKER_FAULTS = ("starve_worker", "flip")
"""What of it happens inside the process."""


class FaultTable(Table, frozen=True, kw_only=True):
    """Something that goes wrong: what befalls a worker at a step, or an end that loses its power at a time."""

    kind: Literal[
        "kill_worker", "hang_worker", "slow_worker", "starve_worker", "flip", "reboot_spacecraft", "reboot_station"
    ]
    job_step: Annotated[int, Meta(ge=0)] | None = None
    """What befalls a worker does so once telemetry has told of this step."""
    factor: Annotated[float, Meta(gt=1, le=1e6)] | None = None
    """So many times as long a slow worker takes for everything, until it is replaced."""
    part: Part | None = None
    """What of the job's memory is struck; drawn, if it is not said."""
    spread: Spread | None = None
    """How far apart the bits that flip lie at most, in octets; drawn, if it is not said."""
    at_s: Seconds | None = None
    """When an end loses its power."""
    down_s: Annotated[float, Meta(gt=0)] = 30.0
    """How long it is off."""


def check_faults(faults: list[FaultTable]) -> None:
    """Refuse faults that are well-formed but make no sense.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    for number, fault in enumerate(faults):
        wanted, other = ("job_step", "at_s") if fault.kind in WORKER_FAULTS else ("at_s", "job_step")
        if getattr(fault, wanted) is None or getattr(fault, other) is not None:
            raise MisuseError(f"faults[{number}]: expected `{wanted}` and no `{other}` for {fault.kind}")
        if (fault.factor is not None) != (fault.kind == "slow_worker"):
            raise MisuseError(f"faults[{number}].factor: expected one for slow_worker, and for nothing else")
        if fault.kind != "flip" and (fault.part is not None or fault.spread is not None):
            raise MisuseError(f"faults[{number}]: expected `part` and `spread` for flip alone, found {fault.kind}")
