"""What goes wrong, and when: one table a fault, with one trigger.

Which options a kind has is a table too (`OPTIONS`), so that one that would do nothing is an error.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from msgspec import Meta

from ccsds.errors import MisuseError
from hil.faults.flip import Spread
from hil.faults.instants import CHECKPOINT_BEGUN, CONTACT_INSTANTS, ORBIT_INSTANTS
from hil.faults.part import Part
from hil.scenario.table import Label, Seconds, Table
from mission.definition import DICTIONARY

WORKER_FAULTS = ("kill_worker", "hang_worker", "slow_worker", "starve_worker", "flip")
"""What befalls a worker."""
IN_WORKER_FAULTS = ("starve_worker", "flip")
"""What of it happens inside the process."""

TRIGGERS = ("at_s", "job_step", "pass_number", "event", "per_hour")
"""What can bring a fault about; each has exactly one."""

Kind = Literal[
    "kill_worker",
    "hang_worker",
    "slow_worker",
    "starve_worker",
    "flip",
    "reboot_spacecraft",
    "reboot_station",
    "reset_spacecraft",
    "flip_store",
    "flip_books",
    "fill_disk",
    "wear_disk",
    "truncate_checkpoint",
    "corrupt_checkpoint",
    "jump_clock",
    "drift_clock",
    "pull_cable",
]

BookName = Literal[
    "boots",
    "mode",
    "safeguards",
    "time",
    "keys",
    "parameters",
    "events",
    "housekeeping",
    "jobs",
    "inference",
    "schedule",
    "procedures",
    "monitoring",
    "reactions",
    "storage",
    "commands",
]
"""The books of `flight.ledger`, by their names there."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "slow_worker": ("factor",),
    "flip": ("part", "spread"),
    "reboot_spacecraft": ("down_s", "disk_operation"),
    "reboot_station": ("down_s",),
    "flip_store": ("path", "spread"),
    "flip_books": ("book",),
    "fill_disk": ("down_s",),
    "wear_disk": ("down_s",),
    "truncate_checkpoint": ("job_id",),
    "corrupt_checkpoint": ("job_id", "spread"),
    "jump_clock": ("jump_s",),
    "drift_clock": ("drift_ppm",),
    "pull_cable": ("down_s",),
}
"""What else can be said of a kind; of the others, nothing."""

REQUIRED = {"slow_worker": "factor", "jump_clock": "jump_s", "drift_clock": "drift_ppm"}
"""What must be said."""

_OPTIONS = sorted({option for options in OPTIONS.values() for option in options})

# Of what a year's rain of particles on an unshielded board comes to, far more than any campaign can hold.
PER_HOUR_MAX = 1e5


class FaultTable(Table, frozen=True, kw_only=True):
    """Something that goes wrong, brought about by exactly one of `TRIGGERS`."""

    kind: Kind
    at_s: Seconds | None = None
    """At this mission time."""
    job_step: Annotated[int, Meta(ge=0)] | None = None
    """Once telemetry has told of this step of a job."""
    pass_number: Annotated[int, Meta(ge=1)] | None = None
    """When this pass begins, the first being 1."""
    event: Label | None = None
    """When the spacecraft announces this event, or at this instant of contact, of the orbit or of a checkpoint."""
    count: Annotated[int, Meta(ge=1)] | None = None
    """When it comes for this time, 1 being the first; the first, if it is not said."""
    offset_s: Seconds | None = None
    """So long after the pass began, or the event came."""
    per_hour: Annotated[float, Meta(gt=0, le=PER_HOUR_MAX)] | None = None
    """By chance, this often in the mean: a Poisson process."""
    from_s: Seconds | None = None
    """When chance begins; at the beginning, if it is not said."""
    until_s: Seconds | None = None
    """When chance ends, or what waits for an event, a step or a disk operation comes no more; never, if not said."""
    factor: Annotated[float, Meta(gt=1, le=1e6)] | None = None
    """So many times as long a slow worker takes for everything, until it is replaced."""
    part: Part | None = None
    """What of the job's memory is struck; drawn, if it is not said."""
    spread: Spread | None = None
    """How far apart the bits that flip lie at most, in octets; drawn, if it is not said."""
    down_s: Annotated[float, Meta(gt=0)] | None = None
    """How long an end is off, a disk full or worn, or a cable out; `DOWN_S`, if it is not said."""
    disk_operation: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    """Power goes in the middle of this disk operation from then on, and not at once."""
    path: str | None = None
    """A file of the store, or a directory of which one file is struck; any file, if it is not said."""
    book: BookName | None = None
    """Which book of the flight software is struck in its memory; one that holds something, if it is not said."""
    job_id: Annotated[int, Meta(ge=1)] | None = None
    """Whose checkpoint; of the job that runs, if it is not said."""
    jump_s: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None
    """By how much the on-board clock is put forward, or back."""
    drift_ppm: Annotated[float, Meta(ge=-1e5, le=1e5)] | None = None
    """By how much the computer's clock runs fast from then on, in parts of a million."""

    def triggers(self) -> list[str]:
        """Give which of `TRIGGERS` it has."""
        return [name for name in TRIGGERS if getattr(self, name) is not None]


DOWN_S = 30.0


def check_faults(faults: list[FaultTable], *, duration_s: float, passes_s: Sequence[float], has_orbit: bool) -> None:
    """Refuse faults that are well-formed but make no sense.

    Args:
        faults: Of a scenario.
        duration_s: Of its mission.
        passes_s: When its passes begin; none if contact is there all the time.
        has_orbit: Whether it has an orbit, by which instants come.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    for number, fault in enumerate(faults):
        key = f"faults[{number}]"
        _check_trigger(fault, key)
        _check_options(fault, key)
        for name in ("at_s", "from_s", "until_s"):
            value = getattr(fault, name)
            if value is not None and value > duration_s:
                raise MisuseError(f"{key}.{name}: expected at most duration_s = {duration_s:g}, found {value:g}")
        if fault.pass_number is not None and fault.pass_number > len(passes_s):
            raise MisuseError(f"{key}.pass_number: expected one of {len(passes_s)} passes, found {fault.pass_number}")
        if fault.pass_number is not None:
            time_s = passes_s[fault.pass_number - 1] + (fault.offset_s or 0.0)
            if time_s > duration_s:
                raise MisuseError(f"{key}.offset_s: expected a time by duration_s = {duration_s:g}, found {time_s:g}")
        if fault.event in ORBIT_INSTANTS and not has_orbit:
            raise MisuseError(f"{key}.event: expected an orbit in the scenario for {fault.event}, found none")


def _check_trigger(fault: FaultTable, key: str) -> None:
    triggers = fault.triggers()
    if len(triggers) != 1:
        found = " and ".join(triggers) or "none"
        raise MisuseError(f"{key}: expected one of {', '.join(TRIGGERS)}, found {found}")
    (trigger,) = triggers
    belonging = {"count": ("event",), "offset_s": ("event", "pass_number"), "from_s": ("per_hour",)}
    belonging["until_s"] = ("per_hour", "event", "job_step")
    for name, owners in belonging.items():
        waits = name == "until_s" and fault.disk_operation is not None
        if getattr(fault, name) is not None and trigger not in owners and not waits:
            raise MisuseError(f"{key}.{name}: expected it beside {' or '.join(owners)} alone, found {trigger}")
    if (fault.from_s or 0.0) >= (fault.until_s if fault.until_s is not None else float("inf")):
        raise MisuseError(f"{key}.until_s: expected above from_s = {fault.from_s or 0:g}, found {fault.until_s:g}")
    known = {*DICTIONARY.events, *CONTACT_INSTANTS, *ORBIT_INSTANTS, CHECKPOINT_BEGUN}
    if fault.event is not None and fault.event not in known:
        instants = ", ".join((*CONTACT_INSTANTS, *ORBIT_INSTANTS, CHECKPOINT_BEGUN))
        raise MisuseError(f"{key}.event: expected an event of the dictionary or {instants}, found {fault.event!r}")


def _check_options(fault: FaultTable, key: str) -> None:
    options = OPTIONS.get(fault.kind, ())
    for name in _OPTIONS:
        if getattr(fault, name) is not None and name not in options:
            kinds = ", ".join(kind for kind in get_args(Kind) if name in OPTIONS.get(kind, ()))
            raise MisuseError(f"{key}.{name}: expected it for {kinds} alone, found {fault.kind}")
    required = REQUIRED.get(fault.kind)
    if required is not None and getattr(fault, required) is None:
        raise MisuseError(f"{key}.{required}: expected one for {fault.kind}, found none")
