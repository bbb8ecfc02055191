"""Where a station is: a local socket by its path, or an address of the web."""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ccsds.errors import MisuseError

_SOCKET_HOST = "station"
"""What a request to a local socket names as its host: there is none, and HTTP wants one."""


def default_socket_path() -> Path:
    """Give where a station listens unless told otherwise: the user's runtime directory, or else the cache."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return (Path(runtime) if runtime else Path.home() / ".cache") / "starloop" / "ground.sock"


def is_loopback(host: str) -> bool:
    """Tell whether only this computer reaches a host of this name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a station is."""

    socket_path: Path | None
    """None for one that is reached over the web."""
    scheme: str = "http"
    host: str = _SOCKET_HOST
    port: int | None = None

    @classmethod
    def of(cls, where: str | os.PathLike[str] | None) -> "Place":
        """Read where a station is: a path, ``http://host:port``, or None for the default socket.

        Raises:
            MisuseError: It is an address of another kind.
        """
        if where is None:
            return cls(socket_path=default_socket_path())
        text = os.fspath(where)
        if "://" not in text:
            return cls(socket_path=Path(text))
        expected = "expected a path, http://HOST:PORT or https://HOST:PORT"
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise MisuseError(f"{expected}, found {text!r}: {error}") from None
        if parts.scheme not in ("http", "https") or not host:
            raise MisuseError(f"{expected}, found {text!r}")
        return cls(socket_path=None, scheme=parts.scheme, host=host, port=port)

    @property
    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Before the path of a request."""
        return f"{self.scheme}://{self._authority}"

    @property
    def stream_url(self) -> str:
        """Before the path of a WebSocket."""
        return f"{'wss' if self.scheme == 'https' else 'ws'}://{self._authority}"

    @property
    def port_number(self) -> int:
        """The port, as given or as the scheme has it."""
        return self.port if self.port is not None else 443 if self.scheme == "https" else 80

    def __str__(self) -> str:
        return str(self.socket_path) if self.socket_path is not None else self.url
