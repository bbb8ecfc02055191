"""The past of a station for who looks: names, samples and plots by on-board time, read beside the writer."""

from typing import TYPE_CHECKING, Any

from ground.access.principal import Principal, Role
from ground.archive.history import History
from ground.archive.retention import Rule
from ground.server.reading import read_archive

if TYPE_CHECKING:
    from ground.serve import StationService


class Archiving:
    """What can be asked of the archive of one station.

    Args:
        host: The station in service.
    """

    def __init__(self, host: "StationService") -> None:
        self._host = host

    async def names(self) -> list[str]:
        """Give all names of numbers, each with its report: ``governor.battery_charge``."""
        return await read_archive(self._host.config.archive_path, lambda history: history.samples.names())

    async def plot(self, name: str, start_tai_ns: int, end_tai_ns: int, points: int) -> dict[str, Any]:
        """Give at most so many points, each with the lowest and the highest of what is in it.

        Raises:
            MisuseError: There is no time between them, or too much is asked for.
            MalformedError: The archive is damaged.
        """

        def read(history: History) -> dict[str, Any]:
            found = history.samples.plot(name, start_tai_ns, end_tai_ns, points)
            return {
                "name": name,
                "width_ns": found.width_ns,
                "tai_ns": found.times_ns.tolist(),
                "count": found.count.tolist(),
                "minimum": found.minimum.tolist(),
                "maximum": found.maximum.tolist(),
                "mean": found.mean.tolist(),
            }

        return await read_archive(self._host.config.archive_path, read)

    def retain(self, by: Principal, rule: Rule) -> dict[str, int]:
        """Remove what a rule does not keep, and give how much that was; never commands.

        Raises:
            DeniedError: Who asks may not.
            sqlite3.Error: The disk failed.
        """
        by.require(Role.APPROVER, "retain")
        self._host.note_action(by, "archive retain", rule.plain())
        return self._host.retain(rule)
