"""Link URLs: which port to open, written in one line. Reading one opens nothing.

serial:/dev/ttyUSB0?baud=115200   a UART; also parity=none|even|odd, stop=1|2, flow=none|rtscts. A bare /dev/… is one
tcp:host:port                     connects to a peer
tcp-listen:host:port              waits for a peer, and for the next one when it leaves; port 0 takes a free one
udp:host:port?local=port          datagrams to and from one peer
pty:  or  pty:/path               makes a pseudo-terminal, and a symbolic link to it at /path
rfc2217://…  socket://…           whatever else pyserial opens, by its own rules; baud=… is taken out for it
"""

import importlib.util
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from ccsds.errors import MisuseError

EXPECTED = (
    "serial:DEVICE, tcp:HOST:PORT, tcp-listen:HOST:PORT, udp:HOST:PORT, pty:, or a pyserial URL such as rfc2217://"
)
BAUD_DEFAULT = 115_200

# The fastest UARTs on boards run at some 12 Mbaud; more is a slip of the keyboard.
BAUD_MAX = 20_000_000
PORT_NUMBER_MAX = 65_535


class Parity(Enum):
    """The parity bit of a UART."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


class FlowControl(Enum):
    """Whether a UART asks before it sends."""

    NONE = "none"
    RTSCTS = "rtscts"


@dataclass(frozen=True, kw_only=True)
class SerialUrl:
    """A serial device of this computer."""

    text: str
    device: str
    baud: int = BAUD_DEFAULT
    parity: Parity = Parity.NONE
    stop_bits: int = 1
    flow: FlowControl = FlowControl.NONE


@dataclass(frozen=True, kw_only=True)
class TcpUrl:
    """A peer to connect to."""

    text: str
    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class TcpListenUrl:
    """An address at which one peer at a time may connect."""

    text: str
    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class UdpUrl:
    """A peer that datagrams go to and come from."""

    text: str
    host: str
    port: int
    local_port: int = 0
    """Port number of this end; 0 takes a free one."""


@dataclass(frozen=True, kw_only=True)
class PtyUrl:
    """A pseudo-terminal to make."""

    text: str
    link: str | None = None
    """Where a symbolic link to it is kept as long as it lives."""


@dataclass(frozen=True, kw_only=True)
class PyserialUrl:
    """A URL that pyserial opens by its own rules."""

    text: str
    url: str
    """The URL as pyserial takes it."""
    baud: int = BAUD_DEFAULT


Url = SerialUrl | TcpUrl | TcpListenUrl | UdpUrl | PtyUrl | PyserialUrl


def parse_url(text: str) -> Url:
    """Read a link URL.

    Raises:
        MisuseError: In one line: the URL, what was expected, and what was found.
    """
    if "://" in text:
        return _parse_pyserial(text)
    if text.startswith("/"):
        return _parse_serial(text, text)
    scheme, colon, rest = text.partition(":")
    parsers = {
        "serial": _parse_serial,
        "tcp": _parse_tcp,
        "tcp-listen": _parse_tcp_listen,
        "udp": _parse_udp,
        "pty": _parse_pty,
    }
    if not colon or scheme not in parsers:
        raise MisuseError(f"link URL {text!r}: expected {EXPECTED}")
    return parsers[scheme](text, rest)


_Choice = TypeVar("_Choice", bound=Enum)


@dataclass(slots=True)
class _Options:
    """The options after the question mark, of which each may be taken once and none may be left."""

    text: str
    query: str
    values: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for option in filter(None, self.query.split("&")):
            name, _, value = option.partition("=")
            if name in self.values:
                raise MisuseError(f"link URL {self.text!r}: expected option {name} once, found it again")
            self.values[name] = value

    def take_number(self, name: str, default: int, low: int, high: int) -> int:
        value = self.values.pop(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise MisuseError(f"link URL {self.text!r}: expected {name} to be {low} to {high}, found {value!r}")
        return int(value)

    def take_choice(self, name: str, default: _Choice) -> _Choice:
        value = self.values.pop(name, default.value)
        for choice in type(default):
            if choice.value == value:
                return choice
        expected = ", ".join(choice.value for choice in type(default))
        raise MisuseError(f"link URL {self.text!r}: expected {name} to be one of {expected}, found {value!r}")

    def refuse_the_rest(self, known: str) -> None:
        for name in self.values:
            raise MisuseError(f"link URL {self.text!r}: expected {known}, found option {name!r}")


def _parse_serial(text: str, rest: str) -> SerialUrl:
    device, options = _split(text, rest)
    if not device.startswith("/"):
        raise MisuseError(f"link URL {text!r}: expected a device such as /dev/ttyUSB0, found {device!r}")
    url = SerialUrl(
        text=text,
        device=device,
        baud=options.take_number("baud", BAUD_DEFAULT, 1, BAUD_MAX),
        parity=options.take_choice("parity", Parity.NONE),
        stop_bits=options.take_number("stop", 1, 1, 2),
        flow=options.take_choice("flow", FlowControl.NONE),
    )
    options.refuse_the_rest("options baud, parity, stop and flow")
    return url


def _parse_tcp(text: str, rest: str) -> TcpUrl:
    address, options = _split(text, rest)
    options.refuse_the_rest("no options")
    host, port = _split_address(text, address, 1)
    return TcpUrl(text=text, host=host, port=port)


def _parse_tcp_listen(text: str, rest: str) -> TcpListenUrl:
    address, options = _split(text, rest)
    options.refuse_the_rest("no options")
    host, port = _split_address(text, address, 0)
    return TcpListenUrl(text=text, host=host, port=port)


def _parse_udp(text: str, rest: str) -> UdpUrl:
    address, options = _split(text, rest)
    host, port = _split_address(text, address, 1)
    url = UdpUrl(text=text, host=host, port=port, local_port=options.take_number("local", 0, 0, PORT_NUMBER_MAX))
    options.refuse_the_rest("option local")
    return url


def _parse_pty(text: str, rest: str) -> PtyUrl:
    link, options = _split(text, rest)
    options.refuse_the_rest("no options")
    return PtyUrl(text=text, link=link or None)


def _parse_pyserial(text: str) -> PyserialUrl:
    scheme, _, rest = text.partition("://")
    if not re.fullmatch(r"[a-z0-9]+", scheme) or not importlib.util.find_spec(f"serial.urlhandler.protocol_{scheme}"):
        raise MisuseError(f"link URL {text!r}: expected {EXPECTED}; pyserial knows no {scheme!r}")
    address, options = _split(text, rest)
    baud = options.take_number("baud", BAUD_DEFAULT, 1, BAUD_MAX)
    if scheme in ("rfc2217", "socket"):
        # pyserial finds a missing port number only when it opens, and cannot say so.
        _split_address(text, address.removesuffix("/"), 1)
    # What else there is belongs to pyserial, and goes to it untouched.
    others = [option for option in options.query.split("&") if option and not option.startswith("baud=")]
    url = f"{scheme}://{address}" + (f"?{'&'.join(others)}" if others else "")
    return PyserialUrl(text=text, url=url, baud=baud)


def _split(text: str, rest: str) -> tuple[str, _Options]:
    address, _, query = rest.partition("?")
    return address, _Options(text, query)


def _split_address(text: str, address: str, port_min: int) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+)):([0-9]{1,5})", address)
    if match is None or not port_min <= int(match[3]) <= PORT_NUMBER_MAX:
        raise MisuseError(
            f"link URL {text!r}: expected HOST:PORT with a port of {port_min} to {PORT_NUMBER_MAX}, found {address!r}"
        )
    host = match[1] or match[2]
    if match[2] and not all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", label) for label in host.removesuffix(".").split(".")):
        raise MisuseError(f"link URL {text!r}: expected a host name or an address, found {host!r}")
    return host, int(match[3])
