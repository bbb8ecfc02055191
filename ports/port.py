"""A port: a way for octets out of the process and into it, that never waits. `open_port` opens the one of a URL.

A port knows nothing of frames, rates or time; `ports.drive` paces it and opens it again when it is lost.
"""

from typing import Protocol

from ccsds.errors import MisuseError
from ports.pseudo_terminal import PtyPort
from ports.serial_line import PolledSerialPort, SerialPort
from ports.sockets import TcpListenPort, TcpPort, UdpPort
from ports.url import PtyUrl, PyserialUrl, SerialUrl, TcpListenUrl, TcpUrl, UdpUrl, Url, parse_url


class Port(Protocol):
    """An open port."""

    @property
    def name(self) -> str:
        """What it is, as a URL with every free choice made: the path of a pseudo-terminal, the number of a socket."""
        ...

    @property
    def is_up(self) -> bool:
        """Whether the other end is there, as far as this kind of port can know."""
        ...

    def fileno(self) -> int | None:
        """Give the descriptor that becomes readable when `read` has something to do; None if only looking tells.

        It may change with every call of `read` or `write`. One that was given stays open until the next `read` or
        `close`, so that whoever watches it can first stop watching.
        """
        ...

    def read(self) -> bytes:
        """Take what has come, which may be nothing.

        Raises:
            PortLostError: The device or the other end is gone, and only opening the port again can bring it back.
        """
        ...

    def write(self, data: bytes) -> int:
        """Put octets out; give how many were taken, which may be none.

        Raises:
            PortLostError: As for `read`.
        """
        ...

    def close(self) -> None:
        """Let go of it; closing twice is harmless."""
        ...


def open_port(url: str | Url) -> Port:
    """Open the port of a URL. It may wait some seconds for a network; no port waits once it is open.

    Raises:
        MisuseError: The URL is wrong.
        PortLostError: The device, the address or the peer is not there now.
    """
    url = parse_url(url) if isinstance(url, str) else url
    match url:
        case SerialUrl():
            return SerialPort(url)
        case PyserialUrl():
            return PolledSerialPort(url)
        case TcpUrl():
            return TcpPort(url)
        case TcpListenUrl():
            return TcpListenPort(url)
        case UdpUrl():
            return UdpPort(url)
        case PtyUrl():
            return PtyPort(url)
    raise MisuseError(f"expected a link URL, found {url!r}")
