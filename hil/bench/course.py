"""The shape of a run that is gone on with bit by bit: `hil.world.World` in virtual time, `hil.rig.rig.Rig` in real."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from hil.channel.line import Line
from hil.link.contact_plan import ContactPlan
from hil.run.evidence import Evidence


class Course(Protocol):
    """A run; nobody reads a clock but it."""

    now_ns: int
    """Time of the run, as it was at its latest turn."""
    evidence: Evidence

    @property
    def up(self) -> Line:
        """The direction from the ground."""
        ...

    @property
    def down(self) -> Line:
        """The direction from the spacecraft."""
        ...

    @property
    def files(self) -> Path:
        """The directory of the station's files."""
        ...

    def begin(self) -> None:
        """Start both ends."""
        ...

    def go_on(self, until_ns: int | None = None, is_enough: Callable[[], bool] | None = None) -> None:
        """Let time go on, to a time or until something has come about."""
        ...

    def finish(self) -> Evidence:
        """Take what is left to be told."""
        ...

    def close(self) -> None:
        """End both ends."""
        ...

    def send(self, name: str, arguments: Mapping[str, Any]) -> int:
        """Have the station send a command, and give its number."""
        ...

    def put_file(self, local: Path, remote: str) -> str:
        """Have the station send a file of this computer, and give the name of its transfer."""
        ...

    def drop(self, direction: str, duration_s: float) -> None:
        """Let every octet of one direction, ``up`` or ``down``, be lost for a time."""
        ...

    def follow(self, plan: ContactPlan) -> None:
        """Have contact by another plan from now on."""
        ...

    def kill_worker(self) -> None:
        """End the worker, as a kill from outside does."""
        ...

    def hang_worker(self) -> None:
        """Let the worker stand still until it is replaced."""
        ...

    def reboot(self, end: str, down_s: float) -> None:
        """Let the ``spacecraft`` or the ``station`` lose its power, and start it again later."""
        ...
