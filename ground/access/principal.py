"""Who asks something of a station, and what that person or program may do.

It decides by role alone, and checks nothing else: how it is known who asks is a matter of the doors
(`ground.access.gate`).
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

from ccsds.errors import StarloopError


class Role(IntEnum):
    """What somebody may do; each role may do what those before it may."""

    NOBODY = 0
    """Log in."""
    VIEWER = 1
    """Look at everything but secrets."""
    COMMANDER = 2
    """Command the spacecraft, move files, run procedures; ask for hazardous commands."""
    APPROVER = 3
    """Let a hazardous command go that another person asked for; keys and the end of the station."""


class Door(Enum):
    """Which way somebody came in."""

    SOCKET = "socket"
    """The local socket, which the system lets this user alone open."""
    WEB = "web"
    """HTTP over TCP, which anybody can reach who reaches the address."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """One person or program."""

    name: str
    role: Role
    door: Door

    def require(self, role: Role, what: str) -> None:
        """Refuse who may not.

        Args:
            role: The least that is needed.
            what: What is asked for, in words.

        Raises:
            DeniedError: The role is not enough.
        """
        if self.role < role:
            raise DeniedError(
                f"{what}: expected the role {role.name.lower()}, found {self.name} with {self.role.name.lower()}"
            )


class DeniedError(StarloopError):
    """Who asks may not have it."""


class UnknownPersonError(StarloopError):
    """It is not known who asks: there is no session, or it has ended."""


class HazardError(StarloopError):
    """A hazardous command is not armed, or not approved; the text says what is to be done."""


class TooManyError(StarloopError):
    """Somebody asks too often.

    Args:
        text: What for.
        retry_after_s: When asking again may help.
    """

    def __init__(self, text: str, retry_after_s: float) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


LOCAL_USER = Principal(name="local", role=Role.APPROVER, door=Door.SOCKET)
"""Who opens the local socket: the user who runs the station, and could take its keys and its archive anyway."""
