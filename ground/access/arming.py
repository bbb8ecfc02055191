"""Hazardous commands that a single user has armed: each for one use, and not for long. Time is an argument.

Who is alone at a station cannot ask a second person. That user says the command's name once more, which sends the
spacecraft its own `command.arm`; the station lets the command through until `ARMED_NS` after that arrived.
"""

from dataclasses import dataclass

from ccsds.errors import MisuseError
from ground.access.principal import HazardError
from mission.dictionary import Command, Hazard

NS_PER_S = 1_000_000_000

# Long enough to look at the arguments once more and press a key; who is called away finds it disarmed.
ARMED_NS = 30 * NS_PER_S


@dataclass(slots=True)
class _Armed:
    command_id: int
    """Of the `command.arm`."""
    until_ns: int | None = None
    """None while the spacecraft has not answered: a pass may be hours away."""


class Arming:
    """What is armed, by the command's name."""

    def __init__(self) -> None:
        self._armed: dict[str, _Armed] = {}

    def arm(self, command: Command, command_id: int) -> None:
        """Arm a command for one use.

        Args:
            command: Which.
            command_id: Of the `command.arm` that tells the spacecraft.
        """
        if command.hazard is not Hazard.NONE:
            self._armed[command.name] = _Armed(command_id)

    def ended(self, command_id: int, is_done: bool, now_ns: int) -> None:
        """Take note of how a command ended: from now on what it armed holds for `ARMED_NS`, or not at all."""
        for name, armed in list(self._armed.items()):
            if armed.command_id == command_id:
                if is_done:
                    armed.until_ns = now_ns + ARMED_NS
                else:
                    del self._armed[name]

    def take(self, command: Command, now_ns: int) -> None:
        """Use up what was armed.

        Raises:
            HazardError: It is not armed, or not any more.
        """
        armed = self._armed.pop(command.name, None)
        if armed is None:
            raise HazardError(f"{command.name} {command.hazard.value}: expected it to be armed first, found it is not")
        if armed.until_ns is not None and now_ns >= armed.until_ns:
            raise HazardError(
                f"{command.name} {command.hazard.value}: expected it within {ARMED_NS // NS_PER_S} s of its arming,"
                " found it later; arm it again"
            )

    def armed(self, now_ns: int) -> dict[str, float | None]:
        """Give what is armed, with the seconds that are left; None while the spacecraft has not answered."""
        return {
            name: None if armed.until_ns is None else (armed.until_ns - now_ns) / NS_PER_S
            for name, armed in self._armed.items()
            if armed.until_ns is None or armed.until_ns > now_ns
        }


def check_typed_name(command: Command, typed_name: str | None) -> None:
    """Refuse to arm what the user has not named.

    Raises:
        MisuseError: The name is another one, or the command needs no arming.
    """
    if command.hazard is Hazard.NONE:
        raise MisuseError(f"{command.name}: expected a hazardous command to arm, found one that needs no arming")
    if typed_name != command.name:
        raise MisuseError(f"typed_name: expected {command.name!r} to be typed, found {typed_name!r}")
