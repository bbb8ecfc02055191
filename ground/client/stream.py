"""What a station says, as it says it: a WebSocket on a plain socket that blocks for as long as it is told to.

Its descriptor can be selected on. The WebSocket itself is the sans-IO one of `websockets`; this is the port it needs.
"""

import contextlib
import socket
import ssl
import time
from typing import Any

import msgspec
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from ground.client.errors import NoStationError, RefusalError, StationGoneError
from ground.client.place import Place

# A station opens a stream from memory.
OPEN_TIMEOUT_S = 30.0

# A snapshot of a station with many jobs is some hundred kilobytes.
MESSAGE_OCTETS_MAX = 64 << 20

_RECEIVE_OCTETS = 1 << 16


class Stream:
    """One stream of a station; `open` makes it.

    Args:
        connection: The socket, on which the WebSocket is open.
        protocol: The WebSocket.
    """

    def __init__(self, connection: socket.socket, protocol: ClientProtocol) -> None:
        self._socket = connection
        self._protocol = protocol
        self._parts: list[bytes] = []

    @classmethod
    def open(cls, place: Place, path: str, token: str | None = None) -> "Stream":
        """Open a stream.

        Args:
            place: Where the station is.
            path: Of the stream, with its query.
            token: Of a session, over the web.

        Raises:
            NoStationError: None is there.
            RefusalError: It does not let us in.
            StationGoneError: It goes away meanwhile.
        """
        connection = connect(place)
        protocol = ClientProtocol(parse_uri(place.stream_url + path), max_size=MESSAGE_OCTETS_MAX)
        request = protocol.connect()
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        stream = cls(connection, protocol)
        try:
            protocol.send_request(request)
            stream._flush()
            deadline_s = time.monotonic() + OPEN_TIMEOUT_S
            while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
                if not stream._read(deadline_s):
                    raise StationGoneError(f"expected a stream within {OPEN_TIMEOUT_S:g} s, found none")
            if protocol.handshake_exc is not None:
                raise _refusal(protocol.handshake_exc)
        except BaseException:
            connection.close()
            raise
        return stream

    def fileno(self) -> int:
        """Give the descriptor to select on."""
        return self._socket.fileno()

    def receive(self, deadline_s: float | None) -> list[dict[str, Any]] | None:
        """Give the messages that came, waiting for the first until a time of the monotonic clock; None if none came.

        Raises:
            StationGoneError: The station has gone away.
        """
        messages = self._messages()
        while not messages:
            if not self._read(deadline_s):
                return None
            messages = self._messages()
        return messages

    def close(self) -> None:
        """Let the station go on alone."""
        with contextlib.suppress(OSError, StationGoneError):
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(1000)
                self._flush()
        self._socket.close()

    def _messages(self) -> list[dict[str, Any]]:
        messages = []
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                continue
            match event.opcode:
                case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                    self._parts.append(bytes(event.data))
                    if event.fin:
                        messages.append(msgspec.json.decode(b"".join(self._parts)))
                        self._parts.clear()
                case Opcode.CLOSE if not messages:
                    raise self._gone()
        return messages

    def _gone(self) -> StationGoneError:
        close = self._protocol.close_rcvd
        reason = close.reason if close is not None and close.reason else "that it closed the stream"
        return StationGoneError(f"expected the station to be there, found {reason}")

    def _read(self, deadline_s: float | None) -> bool:
        """Take in what the station sent, waiting for it until a time; False if nothing came."""
        if self._protocol.state in (State.CLOSING, State.CLOSED):
            raise self._gone()
        # A time that has passed still takes what is there already, without waiting.
        left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        self._socket.settimeout(left_s)
        try:
            data = self._socket.recv(_RECEIVE_OCTETS)
        except (BlockingIOError, TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError as error:
            raise StationGoneError(f"expected the station to be there, found: {error.strerror or error}") from None
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        if self._protocol.parser_exc is not None and self._protocol.state is not State.CONNECTING:
            raise StationGoneError(f"expected a WebSocket of a station, found: {self._protocol.parser_exc}")
        self._flush()
        if not data and self._protocol.state is not State.CONNECTING:
            raise self._gone()
        return True

    def _flush(self) -> None:
        """Send what the WebSocket has to say: answers to pings, and its end."""
        for data in self._protocol.data_to_send():
            if data:
                try:
                    self._socket.settimeout(OPEN_TIMEOUT_S)
                    self._socket.sendall(data)
                except OSError as error:
                    if self._protocol.close_rcvd is None:
                        raise StationGoneError(
                            f"expected the station to be there, found: {error.strerror or error}"
                        ) from None


def connect(place: Place) -> socket.socket:
    """Open a connection to a station.

    Raises:
        NoStationError: None is there; the text says how to start one.
    """
    try:
        if place.socket_path is not None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(str(place.socket_path))
            except OSError:
                connection.close()
                raise
            return connection
        connection = socket.create_connection((place.host, place.port_number), OPEN_TIMEOUT_S)
        if place.scheme == "https":
            return ssl.create_default_context().wrap_socket(connection, server_hostname=place.host)
        return connection
    except ssl.SSLCertVerificationError as error:
        raise NoStationError(
            f"expected a certificate that this computer trusts at {place}, found: {error.verify_message};"
            " if it is your station's own, let SSL_CERT_FILE name it"
        ) from None
    except ssl.SSLError as error:
        raise NoStationError(f"expected HTTPS at {place}, found: {error.reason or error}") from None
    except OSError as error:
        raise no_station(place, error) from None


def no_station(place: Place, error: OSError) -> NoStationError:
    """Say that none is there, and how to start one."""
    return NoStationError(
        f"expected a running station at {place}, found none ({error.strerror or error});"
        " start one with: ground serve --link URL"
    )


def _refusal(error: Exception) -> Exception:
    if isinstance(error, InvalidStatus):
        body = error.response.body or b""
        with contextlib.suppress(msgspec.MsgspecError, KeyError, TypeError):
            return RefusalError(msgspec.json.decode(body)["error"])
        return RefusalError(f"expected a stream, found HTTP status {error.response.status_code}")
    if isinstance(error, InvalidHandshake):
        return StationGoneError(f"expected a WebSocket of a station, found: {error}")
    return StationGoneError(f"expected the station to be there, found: {error}")
