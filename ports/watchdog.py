"""The watchdog outside the program: Linux's ``/dev/watchdog``, or systemd's. It resets what does not feed it in time.

Closed in order, either lets go; a program that ends without closing it, or hangs, is reset. Sources: Linux
``Documentation/watchdog/watchdog-api.rst``; ``sd_notify(3)``, ``sd_watchdog_enabled(3)``.
"""

import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Mapping
from typing import Protocol

from ccsds.errors import MisuseError

NS_PER_S = 1_000_000_000

# Three chances to feed within the device's patience, so that one late turn resets nothing.
FEEDINGS = 3

# A board is reset this long after it hangs: longer than the start of Python and the reading of a journal.
DEVICE_TIMEOUT_S = 60

# <linux/watchdog.h>: _IOR('W', 2, int), _IOWR('W', 6, int), WDIOF_CARDRESET.
WDIOC_GETBOOTSTATUS = 0x80045702
WDIOC_SETTIMEOUT = 0xC0045706
WDIOF_CARDRESET = 0x0020
_MAGIC_CLOSE = b"V"


class WatchdogPort(Protocol):
    """What is fed."""

    period_ns: int
    """How often it wants to be fed."""
    was_bitten: bool
    """Whether it says that it brought this start about."""

    def feed(self) -> None:
        """Say that all is well."""
        ...

    def close(self) -> None:
        """Let go of it in order, so that it does not bite."""
        ...


class DeviceWatchdog:
    """The watchdog of the board.

    Args:
        path: Its device.

    Raises:
        MisuseError: It is no watchdog, or another program has it.
    """

    def __init__(self, path: str) -> None:
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise MisuseError(f"--watchdog {path}: expected a watchdog that is free, found {error.strerror}") from None
        try:
            timeout_s = self._ioctl(WDIOC_SETTIMEOUT, DEVICE_TIMEOUT_S)
            self.was_bitten = bool(self._ioctl(WDIOC_GETBOOTSTATUS, 0) & WDIOF_CARDRESET)
        except OSError as error:
            os.close(self._descriptor)
            raise MisuseError(f"--watchdog {path}: expected a watchdog, found {error.strerror}") from None
        # The driver tells the timeout that it can do, which may be another.
        self.period_ns = timeout_s * NS_PER_S // FEEDINGS

    def feed(self) -> None:
        """See `WatchdogPort.feed`."""
        os.write(self._descriptor, b"\0")

    def close(self) -> None:
        """See `WatchdogPort.close`."""
        os.write(self._descriptor, _MAGIC_CLOSE)
        os.close(self._descriptor)

    def _ioctl(self, request: int, value: int) -> int:
        answer = fcntl.ioctl(self._descriptor, request, struct.pack("i", value))
        return struct.unpack("i", answer)[0]


class SystemdWatchdog:
    """The watchdog of the service that systemd runs this program as (``WatchdogSec=``).

    Args:
        environment: Of this program, as systemd has made it.

    Raises:
        MisuseError: It has none.
    """

    was_bitten = False

    def __init__(self, environment: Mapping[str, str]) -> None:
        path, period = environment.get("NOTIFY_SOCKET", ""), environment.get("WATCHDOG_USEC", "")
        if not path or not period.isdecimal() or not int(period):
            raise MisuseError("--watchdog systemd: expected a service with WatchdogSec= and NotifyAccess=, found none")
        self._address = f"\0{path[1:]}" if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.period_ns = int(period) * 1_000 // FEEDINGS
        self._say(b"READY=1")

    def feed(self) -> None:
        """See `WatchdogPort.feed`."""
        self._say(b"WATCHDOG=1")

    def close(self) -> None:
        """See `WatchdogPort.close`."""
        self._say(b"STOPPING=1")
        self._socket.close()

    def _say(self, words: bytes) -> None:
        # A manager that does not listen will restart the service by itself; nothing better can be done from here.
        with contextlib.suppress(OSError):
            self._socket.sendto(words, self._address)


def open_watchdog(name: str, environment: Mapping[str, str]) -> WatchdogPort | None:
    """Open the watchdog of a name: ``none``, ``systemd``, or the path of a device.

    Raises:
        MisuseError: It is not there.
    """
    match name:
        case "none":
            return None
        case "systemd":
            return SystemdWatchdog(environment)
        case _:
            return DeviceWatchdog(name)
