"""How closely a job is watched, as a recipe says it."""

from dataclasses import dataclass
from enum import StrEnum

from flight.jobs.settings import require


class GuardLevel(StrEnum):
    """How closely a job is watched; see `flight.jobs.guard.guarded_job`, and `flight.jobs.package.guarded_package`."""

    OFF = "off"
    STATE = "state"
    COMPUTE = "compute"
    REPLAY = "replay"
    DOUBLE = "double"


@dataclass(frozen=True, kw_only=True)
class GuardRecipe:
    """How closely the job is watched for what radiation does. It never changes the result."""

    level: GuardLevel
    replay_share: float
    """Share of the steps that level ``replay`` does twice."""
    snapshot_interval: int
    """Steps between two copies in memory: as many are done again at most when State is struck."""

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(self, "guard", replay_share=(0.0, 1.0), snapshot_interval=(1, 10_000))

    def is_due_twice(self, step: int, level: GuardLevel | None = None) -> bool:
        """Tell whether a step is done twice at a level; at the recipe's own, if none is said."""
        level = level or self.level
        if level is not GuardLevel.REPLAY:
            return level is GuardLevel.DOUBLE
        return int(step * self.replay_share) > int((step - 1) * self.replay_share)
