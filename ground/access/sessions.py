"""Who has logged in: a session is begun at a log-in, always under a new name, and ends at a log-out or by time.

The name of a session is a secret of 256 bits; only its digest is kept, so that what a dump of memory or a log would
show opens nothing. What a browser held before it logged in is worth nothing after (session fixation), and what was
logged out is worth nothing ever again (replay). Time and chance are arguments.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from ground.access.principal import Door, Principal, Role

NS_PER_S = 1_000_000_000

# Somebody left; the chair is free for who comes by. An open console counts as use.
IDLE_NS_MAX = 30 * 60 * NS_PER_S

# A shift: after it, whoever sits there says who it is.
LIFE_NS_MAX = 12 * 3_600 * NS_PER_S

# A control room, some browsers each; beyond, the one used longest ago ends.
SESSIONS_MAX = 256

TOKEN_OCTETS = 32
"""Of chance in a session's name."""


@dataclass(slots=True)
class Session:
    """One log-in."""

    name: str
    role: Role
    begun_ns: int
    used_ns: int


class Sessions:
    """All sessions of a station."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, name: str, role: Role, token: str, now_ns: int) -> None:
        """Begin a session.

        Args:
            name: Who has logged in.
            role: What that person may do.
            token: Its name, `TOKEN_OCTETS` of chance drawn for it.
            now_ns: Now.
        """
        self._sessions[_digest(token)] = Session(name, role, now_ns, now_ns)
        while len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)

    def find(self, token: str, now_ns: int) -> Principal | None:
        """Give whose session this is, which counts as use; None if there is none, or it has ended."""
        digest = _digest(token)
        session = self._sessions.get(digest)
        if session is None:
            return None
        if now_ns >= session.begun_ns + LIFE_NS_MAX or now_ns >= session.used_ns + IDLE_NS_MAX:
            del self._sessions[digest]
            return None
        session.used_ns = now_ns
        self._sessions.move_to_end(digest)
        return Principal(name=session.name, role=session.role, door=Door.WEB)

    def end(self, token: str) -> None:
        """End a session; it may have ended already."""
        self._sessions.pop(_digest(token), None)

    def keep(self, roles: Mapping[str, Role]) -> None:
        """End the sessions of everybody who has not the role any more that the session was begun with."""
        for digest, each in list(self._sessions.items()):
            if roles.get(each.name) is not each.role:
                del self._sessions[digest]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
