"""The recipe of a package: how far it goes and what the spacecraft grants it. It holds nothing of what it computes."""

from dataclasses import dataclass

from ccsds.errors import MisuseError
from flight.jobs.guard_recipe import GuardLevel, GuardRecipe
from flight.jobs.settings import NamedSettings, make, require

KIND = "package"


@dataclass(frozen=True, kw_only=True)
class PackageTraining:
    """How far it goes, and how often what is done, in steps of the package."""

    steps: int
    evaluation_interval: int
    checkpoint_interval: int
    """Steps that are lost at most when the worker is."""

    def __post_init__(self) -> None:
        """Refuse what never ends or never comes.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        whole = (1, 10_000_000)
        require(self, "training", steps=whole, evaluation_interval=whole, checkpoint_interval=whole)


@dataclass(frozen=True, kw_only=True)
class PackageExecution:
    """What the arithmetic runs on, as far as it changes the result."""

    threads: int
    inexact: bool
    """Whether it may go on from a checkpoint of another exactness key, which may change the result; it is told."""

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(self, "execution", threads=(1, 256))


@dataclass(frozen=True, kw_only=True)
class PackageGrant:
    """The most that a package may ask for; see `mission.packages.Needs`."""

    memory_mib: int
    cpu_s: int
    open_files: int
    file_mib: int

    def __post_init__(self) -> None:
        """Refuse what no process could live with.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(
            self,
            "package",
            memory_mib=(256, 1 << 20),
            cpu_s=(10, 10_000_000),
            open_files=(64, 65_536),
            file_mib=(1, 1 << 20),
        )


@dataclass(frozen=True, kw_only=True)
class PackageRecipe(NamedSettings):
    """A recipe of kind ``package``."""

    name: str
    kind: str
    training: PackageTraining
    execution: PackageExecution
    guard: GuardRecipe
    package: PackageGrant

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        if self.guard.level is GuardLevel.COMPUTE:
            raise MisuseError(
                "guard.level: expected off, state, replay or double, since nobody sees the sums of a package, found "
                "compute"
            )


def make_package_recipe(settings: object) -> PackageRecipe:
    """Make one of a table that states every setting.

    Raises:
        MisuseError: Naming the setting, what was expected and what was found.
    """
    return make(PackageRecipe, settings)
