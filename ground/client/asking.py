"""Asking a station something: HTTP requests on one connection that is kept, over the local socket or the web."""

import contextlib
import http.client
import time
from collections.abc import Iterable, Mapping

import msgspec

from ground.client.errors import RefusalError, StationGoneError
from ground.client.place import Place
from ground.client.stream import connect

# The station answers from memory, or after one commit to its archive.
REPLY_TIMEOUT_S = 30.0

# A connection that was idle for longer is not used again: a station closes those of the web after half a minute.
IDLE_S_MAX = 20.0


class _Connection(http.client.HTTPConnection):
    """HTTP on whatever leads to the place."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.host, place.port_number, timeout=REPLY_TIMEOUT_S)
        self._place = place

    def connect(self) -> None:
        self.sock = connect(self._place)
        self.sock.settimeout(REPLY_TIMEOUT_S)


class Asker:
    """Requests to one station.

    Args:
        place: Where it is.
        token: Of a session, over the web.
    """

    def __init__(self, place: Place, token: str | None = None) -> None:
        self._connection = _Connection(place)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._used_s = 0.0

    def request(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None) -> bytes:
        """Ask, and give the answer.

        Args:
            method: Of HTTP.
            path: With its query.
            body: JSON, or a file piece by piece.

        Raises:
            NoStationError: None is there.
            RefusalError: The station refused.
            StationGoneError: It has gone away, or does not answer.
        """
        if time.monotonic() - self._used_s > IDLE_S_MAX:
            self._connection.close()
        headers: Mapping[str, str] = self._headers
        if isinstance(body, bytes):
            headers = {**headers, "Content-Type": "application/json"}
        try:
            # A station that refuses a file need not take all of it; its answer is there all the same.
            with contextlib.suppress(BrokenPipeError):
                self._connection.request(method, path, body, headers, encode_chunked=not isinstance(body, bytes))
            answer = self._connection.getresponse()
            content = answer.read()
        except TimeoutError:
            self._connection.close()
            raise StationGoneError(f"expected an answer within {REPLY_TIMEOUT_S:g} s, found none") from None
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise StationGoneError(f"expected the station to take a request, found: {error}") from None
        self._used_s = time.monotonic()
        check_answer(answer.status, content)
        return content

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


def check_answer(status: int, content: bytes) -> None:
    """Turn an answer that is none into an error.

    Raises:
        RefusalError: The station refused.
    """
    if 200 <= status < 300:
        return
    try:
        text = msgspec.json.decode(content)["error"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        text = f"expected an answer of a station, found HTTP status {status}"
    raise RefusalError(text)
