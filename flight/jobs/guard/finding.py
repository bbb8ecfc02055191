"""What the guard finds: something that changed and should not have, or a result that does not come out twice."""

import msgspec

from ccsds.errors import StarloopError
from mission.jobs import Struck

# A stretch of vectors has dozens of names; what is told of a finding is read by people.
WHERE_CHARACTERS_MAX = 200


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding, mended."""

    struck: Struck
    where: str
    """Which part, by the names of State, or ``gradients``."""
    step: int
    """The step in which it was found."""
    redone_steps: int
    """Steps that were done again because of it; 0 if another worker does them."""
    tai_ns: int = 0
    """On-board time when its steps were asked for."""
    raised_to: str = ""
    """The level that the guard was raised to with it, empty if it was not."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.struck.name.lower()} struck in {self.where} at step {self.step}, {self.redone_steps} steps redone"
        )


class StruckError(StarloopError):
    """Something was struck; what followed from it must be undone."""

    def __init__(self, struck: Struck, where: str) -> None:
        super().__init__(f"{struck.name.lower()} struck in {where}")
        self.struck = struck
        self.where = where


class LostError(StarloopError):
    """Nothing in memory is left to go back to: a new worker goes on from the last checkpoint."""


class UnfitError(StarloopError):
    """The device gives wrong results again and again: it is not to be trusted with the job."""
