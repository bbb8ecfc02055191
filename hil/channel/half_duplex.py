"""Half-duplex: two directions that share the air, so that one may not start while the other is on it.

A direction is on the air from when its first octet leaves to when its last one has arrived; then both radios turn
round, and only then may the other start. One that has talked for `HalfDuplexConfig.talk_ns` makes a pause in which the
other gets in, if it has something to say. Nothing is lost: there is no collision, since nobody starts too early.
"""

from dataclasses import dataclass

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S


@dataclass(frozen=True, kw_only=True)
class HalfDuplexConfig:
    """How the two directions take turns.

    Raises:
        MisuseError: A time is out of range.
    """

    turn_round_ns: int
    """From when the last octet of one direction has arrived to when the first of the other may leave."""
    talk_ns: int = 2 * NS_PER_S
    """After which a direction lets the other have a turn. The default, an assumption, is two of the longest frames at
    9600 bit/s."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.turn_round_ns < 0 or self.talk_ns <= 0:
            raise MisuseError(
                "expected a turn-round of 0 ns or more and talks above 0 ns, "
                f"found {self.turn_round_ns} and {self.talk_ns}"
            )


class Air:
    """What two lines share.

    Args:
        config: How they take turns.
    """

    def __init__(self, config: HalfDuplexConfig) -> None:
        self._config = config
        self.speaker: str | None = None
        """Who let octets out last."""
        self._talk_start_ns = 0
        self._free_at_ns = 0
        # When the last octet of the speaker has arrived.
        self._clear_at_ns = 0

    def may_start_ns(self, line: str) -> int:
        """Give from when on a line may let octets out; those that follow its own without a gap are its own affair."""
        if self.speaker is None:
            return 0
        if self.speaker != line:
            return self._clear_at_ns + self._config.turn_round_ns
        if self._free_at_ns - self._talk_start_ns >= self._config.talk_ns:
            return self._pause_end_ns
        return self._free_at_ns

    def occupy(self, line: str, start_ns: int, free_at_ns: int, clear_at_ns: int) -> None:
        """Take note that a line lets octets out.

        Args:
            line: Which.
            start_ns: When the run of octets began.
            free_at_ns: When the last octet has left.
            clear_at_ns: When it has arrived.
        """
        if self.speaker != line or start_ns >= self._pause_end_ns:
            self._talk_start_ns = start_ns
        self.speaker = line
        self._free_at_ns = free_at_ns
        self._clear_at_ns = clear_at_ns

    @property
    def _pause_end_ns(self) -> int:
        """When the speaker may go on, if the other, who may be a turn-round earlier, did not start."""
        return self._clear_at_ns + 2 * max(self._config.turn_round_ns, 1)
