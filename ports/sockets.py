"""Ports on sockets: a TCP peer to connect to, one to wait for, and UDP datagrams."""

import contextlib
import socket

from ports.errors import PortLostError
from ports.url import TcpListenUrl, TcpUrl, UdpUrl

# What one look takes at most; more is taken at the next.
READ_OCTETS_MAX = 1 << 16

# The longest payload of a UDP datagram over IPv4.
DATAGRAM_OCTETS_MAX = 65_507

# A peer farther away than this is not there.
CONNECT_TIMEOUT_S = 5.0

# A peer whose computer vanished is found out after some 20 seconds, not after the two hours of the system's default.
KEEP_ALIVE_S = 10
KEEP_ALIVE_INTERVAL_S = 5
KEEP_ALIVE_TRIES = 2


class TcpPort:
    """A connection to a peer.

    Raises:
        PortLostError: Nobody takes the call.
    """

    is_up = True

    def __init__(self, url: TcpUrl) -> None:
        self.name = url.text
        try:
            peer = socket.create_connection((url.host, url.port), CONNECT_TIMEOUT_S)
        except OSError as error:
            raise PortLostError(_reason(error)) from error
        self._peer = _Peer(peer)

    def fileno(self) -> int | None:
        """See `ports.port.Port.fileno`."""
        return self._peer.socket.fileno()

    def read(self) -> bytes:
        """See `ports.port.Port.read`."""
        return self._peer.read()

    def write(self, data: bytes) -> int:
        """See `ports.port.Port.write`."""
        return self._peer.write(data)

    def close(self) -> None:
        """See `ports.port.Port.close`."""
        self._peer.socket.close()


class TcpListenPort:
    """An address where one peer at a time is served; the next one waits until it has left.

    Raises:
        PortLostError: The address is in use, or is none of this computer's.
    """

    def __init__(self, url: TcpListenUrl) -> None:
        try:
            family, _, _, _, address = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)[0]
            self._listener = socket.create_server(address[:2], family=family, backlog=1)
        except OSError as error:
            raise PortLostError(_reason(error)) from error
        self._listener.setblocking(False)
        self._peer: _Peer | None = None
        self._left: _Peer | None = None
        self.port = self._listener.getsockname()[1]
        host = f"[{url.host}]" if ":" in url.host else url.host
        self.name = f"tcp-listen:{host}:{self.port}"

    @property
    def is_up(self) -> bool:
        """See `ports.port.Port.is_up`."""
        return self._peer is not None

    def fileno(self) -> int | None:
        """See `ports.port.Port.fileno`."""
        return (self._listener if self._peer is None else self._peer.socket).fileno()

    def read(self) -> bytes:
        """See `ports.port.Port.read`."""
        self._close_left()
        if self._peer is None:
            try:
                peer, _ = self._listener.accept()
            except (BlockingIOError, ConnectionError):
                return b""
            except OSError as error:
                raise PortLostError(_reason(error)) from error
            self._peer = _Peer(peer)
        try:
            return self._peer.read()
        except PortLostError:
            self._dismiss()
            return b""

    def write(self, data: bytes) -> int:
        """See `ports.port.Port.write`."""
        if self._peer is None:
            return 0
        try:
            return self._peer.write(data)
        except PortLostError:
            self._dismiss()
            return 0

    def close(self) -> None:
        """See `ports.port.Port.close`."""
        self._dismiss()
        self._close_left()
        self._listener.close()

    def _dismiss(self) -> None:
        """Say goodbye to the peer, but keep the descriptor for as long as somebody may watch it."""
        if self._peer is not None:
            # A connection that was reset is down already.
            with contextlib.suppress(OSError):
                self._peer.socket.shutdown(socket.SHUT_RDWR)
            self._peer, self._left = None, self._peer

    def _close_left(self) -> None:
        if self._left is not None:
            self._left.socket.close()
            self._left = None


class UdpPort:
    """Datagrams to and from one peer; what anybody else sends is not taken. Whether the peer is there, it cannot know.

    Raises:
        PortLostError: The local port is in use, or there is no way to the peer.
    """

    is_up = True

    def __init__(self, url: UdpUrl) -> None:
        try:
            family, kind, _, _, address = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind)
        except OSError as error:
            raise PortLostError(_reason(error)) from error
        try:
            self._socket.bind(("", url.local_port))
            self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise PortLostError(_reason(error)) from error
        self._socket.setblocking(False)
        self.local_port = self._socket.getsockname()[1]
        host = f"[{url.host}]" if ":" in url.host else url.host
        self.name = f"udp:{host}:{url.port}?local={self.local_port}"

    def fileno(self) -> int | None:
        """See `ports.port.Port.fileno`."""
        return self._socket.fileno()

    def read(self) -> bytes:
        """See `ports.port.Port.read`."""
        datagrams: list[bytes] = []
        length_octets = 0
        while length_octets < READ_OCTETS_MAX:
            try:
                datagrams.append(self._socket.recv(READ_OCTETS_MAX))
            except BlockingIOError:
                break
            except ConnectionError:
                # Somebody told that nobody listens there; whoever sends datagrams does not mind.
                continue
            except OSError as error:
                raise PortLostError(_reason(error)) from error
            # An empty datagram counts too, so that a stream of them cannot hold this loop.
            length_octets += max(len(datagrams[-1]), 1)
        return b"".join(datagrams)

    def write(self, data: bytes) -> int:
        """See `ports.port.Port.write`. Each call is one datagram, if it is not too long for one."""
        datagram = data[:DATAGRAM_OCTETS_MAX]
        try:
            return self._socket.send(datagram)
        except BlockingIOError:
            return 0
        except ConnectionError:
            # As in `read`; the datagram is gone, as it would be on a line that nobody listens to.
            return len(datagram)
        except OSError as error:
            raise PortLostError(_reason(error)) from error

    def close(self) -> None:
        """See `ports.port.Port.close`."""
        self._socket.close()


class _Peer:
    """A connected TCP peer."""

    def __init__(self, peer: socket.socket) -> None:
        self.socket = peer
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("TCP_KEEPIDLE", KEEP_ALIVE_S),
            ("TCP_KEEPINTVL", KEEP_ALIVE_INTERVAL_S),
            ("TCP_KEEPCNT", KEEP_ALIVE_TRIES),
        ):
            if hasattr(socket, option):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

    def read(self) -> bytes:
        try:
            data = self.socket.recv(READ_OCTETS_MAX)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortLostError(_reason(error)) from error
        if not data:
            raise PortLostError("the peer has left")
        return data

    def write(self, data: bytes) -> int:
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise PortLostError(_reason(error)) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
