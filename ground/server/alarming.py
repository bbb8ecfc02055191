"""Alarms and what they go by: what stands, and what operators do about it. See `ground.alarms`."""

import time
from typing import TYPE_CHECKING, Any

from ground.access.principal import Principal, Role
from ground.alarms.rules import Rules

if TYPE_CHECKING:
    from ground.serve import StationService

NS_PER_S = 1_000_000_000


class Alarming:
    """What can be asked of the alarms of one station.

    Args:
        host: The station in service.
    """

    def __init__(self, host: "StationService") -> None:
        self._host = host

    def all(self) -> list[dict[str, Any]]:
        """Give the alarms that are anything but normal, the worst first."""
        now_ns, unix_ns = time.monotonic_ns(), time.time_ns()

        def unix(at_ns: int | None) -> int | None:
            return None if at_ns is None else unix_ns + at_ns - now_ns

        return [
            {
                **{name: value for name, value in each.items() if not name.endswith("_ns")},
                "since_unix_ns": unix(each["since_ns"]),
                "until_unix_ns": unix(each["until_ns"]),
            }
            for each in self._host.watch.snapshot()["alarms"]
        ]

    def rules(self) -> Rules:
        """Give what is watched: the dictionary's limits, and those of the station's own file."""
        return self._host.watch.rules

    def reports(self) -> dict[str, dict[str, Any]]:
        """Give when each housekeeping report came last, and whether it is stale."""
        now_ns = time.monotonic_ns()
        return {
            name: {"age_s": (now_ns - each["came_ns"]) / NS_PER_S, "is_stale": each["is_stale"]}
            for name, each in self._host.watch.snapshot()["reports"].items()
        }

    def acknowledge(self, by: Principal, parameter: str) -> None:
        """Take note that somebody knows.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: There is no such alarm, or nothing to acknowledge.
        """
        by.require(Role.COMMANDER, "acknowledge")
        self._host.note_action(by, "alarm acknowledge", {"parameter": parameter})
        self._host.watch.alarms.acknowledge(parameter, by.name, time.monotonic_ns())
        self._host.take([])

    def shelve(self, by: Principal, parameter: str, for_s: float) -> None:
        """Put an alarm away for a time.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: There is no such alarm, or the time is none or too long.
        """
        by.require(Role.COMMANDER, "shelve")
        self._host.note_action(by, "alarm shelve", {"parameter": parameter, "for_s": for_s})
        now_ns = time.monotonic_ns()
        self._host.watch.alarms.shelve(parameter, now_ns + int(for_s * NS_PER_S), by.name, now_ns)
        self._host.take([])

    def unshelve(self, by: Principal, parameter: str) -> None:
        """Take an alarm off the shelf.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: There is no such alarm, or it is not on the shelf.
        """
        by.require(Role.COMMANDER, "unshelve")
        self._host.note_action(by, "alarm unshelve", {"parameter": parameter})
        self._host.watch.alarms.unshelve(parameter, by.name, time.monotonic_ns())
        self._host.take([])

    def reload(self, by: Principal) -> None:
        """Read the file of rules again.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: It is wrong, with file, line and reason; the rules before stay in force.
        """
        by.require(Role.COMMANDER, "rules")
        self._host.note_action(by, "rules reload", {})
        self._host.load_rules()
