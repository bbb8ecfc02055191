"""Serial ports: a device of this computer, and whatever else pyserial opens by a URL.

pyserial sets the line (raw, rate, parity, lock); octets of a device are read and written on its descriptor directly,
because pyserial's own `write` spins when a line is full and its `read` tells an unplugged device from a silent one only
in part.
"""

import errno
import os
import select

import serial

from ccsds.errors import MisuseError
from ports.errors import PortLostError
from ports.url import FlowControl, Parity, PyserialUrl, SerialUrl

# What one look takes at most: at the fastest UART half a second's worth.
READ_OCTETS_MAX = 1 << 16

# How long a write through pyserial may take before the line counts as gone: far above what a frame takes.
WRITE_TIMEOUT_S = 5.0

_PARITY = {Parity.NONE: serial.PARITY_NONE, Parity.EVEN: serial.PARITY_EVEN, Parity.ODD: serial.PARITY_ODD}
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class SerialPort:
    """A UART, or anything that looks like one under /dev.

    Raises:
        PortLostError: It is not there, is in use, or may not be opened.
        MisuseError: It cannot be set as the URL says.
    """

    def __init__(self, url: SerialUrl) -> None:
        self.name = url.text
        try:
            self._serial = serial.Serial(
                url.device,
                url.baud,
                parity=_PARITY[url.parity],
                stopbits=url.stop_bits,
                rtscts=url.flow is FlowControl.RTSCTS,
                timeout=0,
                exclusive=True,
            )
        except ValueError as error:
            raise MisuseError(f"link URL {url.text!r}: {error}") from error
        except OSError as error:
            raise PortLostError(_reason(error)) from error
        self._descriptor = self._serial.fileno()
        self._poll = select.poll()
        self._poll.register(self._descriptor, 0)

    @property
    def is_up(self) -> bool:
        """See `ports.port.Port.is_up`."""
        return self._serial.is_open

    def fileno(self) -> int | None:
        """See `ports.port.Port.fileno`."""
        return self._descriptor

    def read(self) -> bytes:
        """See `ports.port.Port.read`."""
        try:
            data = os.read(self._descriptor, READ_OCTETS_MAX)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortLostError(f"the device is gone ({_reason(error)})") from error
        # A silent line and a vanished device both read as nothing.
        if not data and any(event & _GONE for _, event in self._poll.poll(0)):
            raise PortLostError("the device is gone")
        return data

    def write(self, data: bytes) -> int:
        """See `ports.port.Port.write`."""
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise PortLostError(f"the device is gone ({_reason(error)})") from error

    def close(self) -> None:
        """See `ports.port.Port.close`."""
        self._serial.close()


class PolledSerialPort:
    """A port that pyserial opens by a URL. It has no descriptor to wait on.

    Raises:
        PortLostError: It is not there.
        MisuseError: pyserial does not take the URL.
    """

    def __init__(self, url: PyserialUrl) -> None:
        self.name = url.text
        try:
            self._serial = serial.serial_for_url(url.url, url.baud, timeout=0, write_timeout=WRITE_TIMEOUT_S)
        except (ValueError, KeyError) as error:
            raise MisuseError(f"link URL {url.text!r}: pyserial does not take it: {error}") from error
        except OSError as error:
            # pyserial has one error for a URL that is wrong and for a port that is not there.
            if "expected a string in the form" in str(error):
                raise MisuseError(f"link URL {url.text!r}: pyserial {error}") from error
            raise PortLostError(_reason(error)) from error

    @property
    def is_up(self) -> bool:
        """See `ports.port.Port.is_up`."""
        return self._serial.is_open

    def fileno(self) -> int | None:
        """See `ports.port.Port.fileno`."""
        return None

    def read(self) -> bytes:
        """See `ports.port.Port.read`."""
        try:
            return self._serial.read(READ_OCTETS_MAX)
        except OSError as error:
            raise PortLostError(_reason(error)) from error

    def write(self, data: bytes) -> int:
        """See `ports.port.Port.write`."""
        try:
            return self._serial.write(data) or 0
        except OSError as error:
            raise PortLostError(_reason(error)) from error

    def close(self) -> None:
        """See `ports.port.Port.close`."""
        self._serial.close()


def _reason(error: OSError) -> str:
    """Give the reason in the system's short words: pyserial wraps them in text that repeats the name."""
    if error.errno == errno.EAGAIN:
        return "another program has it open"
    return os.strerror(error.errno) if error.errno else str(error)
