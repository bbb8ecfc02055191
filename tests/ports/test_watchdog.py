"""The watchdog's ports: what is said to systemd and to a device, and what is refused."""

import fcntl
import os
import socket
import struct

import pytest

from ccsds.errors import MisuseError
from ports.watchdog import (
    DEVICE_TIMEOUT_S,
    FEEDINGS,
    WDIOC_GETBOOTSTATUS,
    WDIOC_SETTIMEOUT,
    WDIOF_CARDRESET,
    open_watchdog,
)


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_hears_that_it_is_ready_well_and_stopping(tmp_path, is_abstract):
    path = f"@starloop-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{path[1:]}" if is_abstract else path)
        watchdog = open_watchdog("systemd", {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "60000000"})
        watchdog.feed()
        watchdog.close()
        assert [manager.recv(64) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    assert watchdog.period_ns == 60 * 10**9 // FEEDINGS


def test_a_manager_that_is_gone_disturbs_nobody(tmp_path):
    watchdog = open_watchdog("systemd", {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "1000000"})
    watchdog.feed()
    watchdog.close()


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": "/x"}, {"WATCHDOG_USEC": "5"}, {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}],
)
def test_a_program_that_systemd_does_not_watch_says_so(environment):
    with pytest.raises(MisuseError, match="expected a service with WatchdogSec="):
        open_watchdog("systemd", environment)


@pytest.mark.parametrize("boot_status", [0, WDIOF_CARDRESET])
def test_a_device_is_set_fed_and_closed_with_the_letter_that_lets_go(tmp_path, monkeypatch, boot_status):
    asked = []

    def ioctl(descriptor, request, data):
        asked.append((request, struct.unpack("i", data)[0]))
        # This driver cannot do more than half a minute.
        return struct.pack("i", {WDIOC_SETTIMEOUT: 30, WDIOC_GETBOOTSTATUS: boot_status}[request])

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    device = tmp_path / "watchdog"
    device.touch()
    watchdog = open_watchdog(str(device), {})
    watchdog.feed()
    watchdog.feed()
    watchdog.close()
    assert device.read_bytes() == b"\0\0V"
    assert asked[0] == (WDIOC_SETTIMEOUT, DEVICE_TIMEOUT_S)
    assert watchdog.period_ns == 30 * 10**9 // FEEDINGS
    assert watchdog.was_bitten == bool(boot_status)


def test_what_is_no_watchdog_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path / "file", "ioctl")):
        with pytest.raises(MisuseError, match=rf"--watchdog .*{reason}"):
            open_watchdog(str(path), {})
    assert (tmp_path / "file").read_bytes() == b""


def test_none_is_none():
    assert open_watchdog("none", {}) is None
