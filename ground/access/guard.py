"""Whom a station lets in: its users, who of them has logged in, and how often anybody may ask. Time is an argument.

A station without users is for the one person in front of it: its web address is a loopback one, and whoever reaches it
is that person. One with users knows nobody until they log in, wherever they come from.
"""

from collections.abc import Callable

from ccsds.errors import MalformedError
from ground.access.principal import Door, Principal, Role, UnknownPersonError
from ground.access.rates import ACTIONS, LOGINS, REQUESTS, Limiter
from ground.access.sessions import Sessions
from ground.access.users import Users

ALONE = Principal(name="operator", role=Role.APPROVER, door=Door.WEB)
"""Who comes in by a loopback address where the station has no users."""


class Guard:
    """Who guards the web's way in.

    Args:
        users: The people of the station, or None: then whoever comes is let in.
        draw_token: Gives a session's name, of chance.
    """

    def __init__(self, users: Users | None, draw_token: Callable[[], str]) -> None:
        self._users = users
        self._stamp: tuple[int, int] | None = None
        self._roles: dict[str, Role] = {}
        self._draw_token = draw_token
        self._sessions = Sessions()
        self._lent: dict[str, Principal] = {}
        self._logins = Limiter(LOGINS)
        self._requests = Limiter(REQUESTS)
        self._actions = Limiter(ACTIONS)

    @property
    def has_users(self) -> bool:
        """Whether people have to log in."""
        return self._users is not None

    def find(self, token: str | None, now_ns: int) -> Principal | None:
        """Give who asks; None if that is not known."""
        if self._users is None:
            return ALONE
        self._follow_users(self._users)
        return None if token is None else self._sessions.find(token, now_ns)

    def _follow_users(self, users: Users) -> None:
        """End the sessions of who was taken out, or has another role now."""
        stamp = users.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._roles = {name: Role[each.role] for name, each in users.all().items()}
        except MalformedError:
            self._roles = {}  # Who may come in is not known any more: nobody.
        self._sessions.keep(self._roles)

    def is_as_before(self, principal: Principal) -> bool:
        """Tell whether somebody who was let in before would be let in now, with the same role or a higher one."""
        if self._users is None or principal.door is not Door.WEB:
            return True
        self._follow_users(self._users)
        role = self._roles.get(principal.name)
        return role is not None and role >= principal.role

    def count(self, address: str, is_action: bool, now_ns: int) -> None:
        """Take note of a request.

        Raises:
            TooManyError: There were too many from there.
        """
        self._requests.take(address, now_ns)
        if is_action:
            self._actions.take(address, now_ns)

    def count_login(self, address: str, name: str, now_ns: int) -> None:
        """Take note of a try to log in, before it is looked at.

        Raises:
            TooManyError: There were too many from there, or for this name.
        """
        self._logins.take(f"address {address}", now_ns)
        self._logins.take(f"name {name}", now_ns)

    def check_password(self, name: str, password: str) -> Role:
        """Give the role of who has this name and password; it takes a tenth of a second, so not on the event loop.

        Raises:
            MalformedError: The file of users is none.
            UnknownPersonError: Nobody has both, or the station has no users.
        """
        role = None if self._users is None else self._users.check(name, password)
        if role is None:
            raise UnknownPersonError("log-in: expected the name and the password of a user, found another")
        return role

    def log_in(self, name: str, role: Role, before: str | None, now_ns: int) -> str:
        """Begin a session and give its name.

        Args:
            name: Who.
            role: As `check_password` gave it.
            before: The session that the browser named, which ends whoever's it is.
            now_ns: Now.
        """
        if before is not None:
            self._sessions.end(before)
        token = self._draw_token()
        self._sessions.begin(name, role, token, now_ns)
        return token

    def lend(self, principal: Principal) -> str:
        """Begin a session for a program that the station starts for somebody, with that person's powers."""
        token = self._draw_token()
        self._lent[token] = principal
        return token

    def take_back(self, token: str) -> None:
        """End the session of a program that has ended."""
        self._lent.pop(token, None)

    def lent_to(self, token: str) -> Principal | None:
        """Give for whom a program works that comes by the local socket with a session.

        None if it has none of ours, or that person has a lesser role now, or none. A higher one is not lent with it.
        """
        person = self._lent.get(token)
        return person if person is not None and self.is_as_before(person) else None

    def log_out(self, token: str) -> None:
        """End a session."""
        self._sessions.end(token)
