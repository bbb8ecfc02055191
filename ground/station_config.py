"""What one station is: its profile, its name on the link, and how patient it is."""

from dataclasses import dataclass

from ccsds.errors import MisuseError
from ccsds.packet import SEQUENCE_COUNT_MAX
from ground.tracker import TrackerConfig
from mission.profiles import LinkProfile

TRIES_MAX_DEFAULT = 4
"""Four tries that are all cut have a chance of one in a million where one in thirty frames is lost."""


@dataclass(frozen=True, kw_only=True)
class StationConfig:
    """What one station is."""

    profile: LinkProfile
    source_id: int
    """In its telecommands, 0 to 65535; no two stations, nor a station and its restored copy, share one."""
    next_sequence_count: int = 0
    """Of its first telecommand, 0 to 16383."""
    next_command_id: int = 1
    """The number its first command goes by."""
    response_timeout_ns: int | None = None
    """Contact time without a report until a command is sent again; None takes `default_response_timeout_ns`."""
    tries_max: int = TRIES_MAX_DEFAULT
    """How often a command is sent without any report about it before it counts as lost."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        if not 0 <= self.source_id < 1 << 16:
            raise MisuseError(f"expected source_id 0 to 65535, found {self.source_id}")
        if not 0 <= self.next_sequence_count <= SEQUENCE_COUNT_MAX:
            raise MisuseError(
                f"expected next_sequence_count 0 to {SEQUENCE_COUNT_MAX}, found {self.next_sequence_count}"
            )
        if self.next_command_id < 1:
            raise MisuseError(f"expected next_command_id of 1 or more, found {self.next_command_id}")

    @property
    def tracker(self) -> TrackerConfig:
        """How patient the tracker is."""
        timeout_ns = self.response_timeout_ns
        return TrackerConfig(
            response_timeout_ns=default_response_timeout_ns(self.profile) if timeout_ns is None else timeout_ns,
            tries_max=self.tries_max,
        )


def default_response_timeout_ns(profile: LinkProfile) -> int:
    """Give how long a report may take, in contact time, once its command was sent.

    It is T1, which has a round trip and both frames' time on the line, and as much again for the report's own wait
    behind other telemetry.
    """
    return 2 * profile.t1_initial_ns
