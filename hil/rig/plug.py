"""A plug: one end of an emulated link in real time, the port of a URL, opened again when it is lost.

What becomes of the port is an event, never an exception: a serial device that vanishes is waited for. A plug can be
pulled: its port is closed, which the program or board at its other end sees as far as that kind of port shows it (a
pseudo-terminal hangs up and its path is gone, a TCP peer leaves, a UART merely falls silent), and opened when it is put
back. A port that was handed over open can fall silent only, and its loss is its owner's to deal with.
"""

from typing import Any

from ports.drive import RETRY_NS_MAX, RETRY_NS_MIN, PortDown, PortUp
from ports.errors import PortLostError
from ports.port import Port, open_port
from ports.url import TcpListenUrl, Url, parse_url


class Plug:
    """One end.

    Args:
        port: A link URL, whose port is opened here and opened again when it is lost; or an open port, which stays its
            owner's.

    Raises:
        MisuseError: The URL is wrong.
    """

    def __init__(self, port: str | Url | Port) -> None:
        self._url = parse_url(port) if isinstance(port, str) else port if isinstance(port, Url) else None
        self._port: Port | None = None if isinstance(port, str | Url) else port
        self._is_pulled = False
        self._is_up = False
        self._retry_at_ns = 0
        self._retry_ns = RETRY_NS_MIN
        self._told_down: PortDown | None = None
        self._events: list[Any] = []

    @property
    def name(self) -> str:
        """What it is: the URL of its port, with every free choice made while it is open."""
        if self._port is not None:
            return self._port.name
        return self._url.text if self._url is not None else ""

    @property
    def is_up(self) -> bool:
        """Whether octets can pass, as far as the port can know."""
        return self._port is not None and not self._is_pulled and self._port.is_up

    @property
    def is_open(self) -> bool:
        """Whether there is a port now."""
        return self._port is not None and not self._is_pulled

    def fileno(self) -> int | None:
        """Give the descriptor that becomes readable when there is something to read; None if only looking tells."""
        return self._port.fileno() if self._port is not None and not self._is_pulled else None

    def advance(self, now_ns: int) -> None:
        """Open the port if that is due. It may wait some seconds for a network."""
        if self._port is None and self._url is not None and not self._is_pulled and now_ns >= self._retry_at_ns:
            try:
                self._port = open_port(self._url)
                if isinstance(self._url, TcpListenUrl):
                    # A free number is taken once: the peer knows it by then.
                    self._url = parse_url(self._port.name)
            except PortLostError as error:
                self._lose(error, now_ns)
        if self._port is not None:
            self._look()

    def next_deadline(self) -> int | None:
        """When `advance` has something to do."""
        return self._retry_at_ns if self._port is None and self._url is not None and not self._is_pulled else None

    def read(self, now_ns: int) -> bytes:
        """Take what has come; nothing while there is no port.

        Raises:
            PortLostError: The open port that was handed over is lost.
        """
        if self._port is None:
            return b""
        try:
            data = self._port.read()
        except PortLostError as error:
            self._lose(error, now_ns)
            return b""
        self._look()
        return b"" if self._is_pulled else data

    def write(self, data: bytes, now_ns: int) -> int:
        """Put octets out; give how many were taken, none while there is no port.

        Raises:
            PortLostError: The open port that was handed over is lost.
        """
        if not data or not self.is_up:
            return 0
        assert self._port is not None
        try:
            return self._port.write(data)
        except PortLostError as error:
            self._lose(error, now_ns)
            return 0

    def pull(self) -> None:
        """Let the other end find nobody there, as far as the port can show it."""
        self._is_pulled = True
        self._is_up = False
        if self._port is not None and self._url is not None:
            self._port.close()
            self._port = None
        self._tell_down(PortDown(self._name_down(), "the cable is pulled"))

    def replug(self, now_ns: int) -> None:
        """Be there again."""
        self._is_pulled = False
        self._retry_at_ns = now_ns
        self._retry_ns = RETRY_NS_MIN
        self.advance(now_ns)

    def close(self) -> None:
        """Let go of the port, if it was opened here."""
        if self._port is not None and self._url is not None:
            self._port.close()
            self._port = None

    def take_events(self) -> list[Any]:
        """Give `PortUp` and `PortDown` since the last call."""
        events, self._events = self._events, []
        return events

    def _look(self) -> None:
        """Take note of whether the other end is there."""
        is_up = self.is_up
        if is_up and not self._is_up:
            self._told_down = None
            self._retry_ns = RETRY_NS_MIN
            self._events.append(PortUp(self.name))
        elif not is_up and not self._is_pulled:
            self._tell_down(PortDown(self._name_down(), "nobody is at the other end"))
        self._is_up = is_up

    def _lose(self, error: PortLostError, now_ns: int) -> None:
        if self._url is None:
            raise error
        if self._port is not None:
            self._port.close()
            self._port = None
        self._is_up = False
        self._retry_at_ns = now_ns + self._retry_ns
        self._retry_ns = min(2 * self._retry_ns, RETRY_NS_MAX)
        self._tell_down(PortDown(self._name_down(), str(error)))

    def _name_down(self) -> str:
        return self._url.text if self._url is not None else self.name

    def _tell_down(self, event: PortDown) -> None:
        """Tell that the port is down, once for each reason in a row."""
        if event != self._told_down:
            self._told_down = event
            self._events.append(event)
