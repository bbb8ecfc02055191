"""A station under steady telemetry with five listeners: processor time, memory, and whether it grows.

The station is the shipped program, on a TCP link; what feeds it makes real frames of housekeeping reports, each with
its own values. Listeners ask for every event and every parameter, five times a second, as pages of the console do.
Processor time is the process's own, so that a busy machine does not count; memory is what is resident, once warm and at
the end.
"""

import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from ccsds.pus.telemetry import Telemetry
from ccsds.sync import TmEncoder
from ccsds.tm_frame import TmFrame
from ccsds.tm_packets import TmFramer
from ground.client import Client, NoStationError
from ground.client.place import Place
from ground.client.stream import Stream
from mission.channels import SPACECRAFT_ID, Apid, Downlink
from mission.definition import DICTIONARY
from mission.field_types import Enumerated, Float
from mission.fields import FieldType
from mission.profiles import PROFILES, LinkProfile
from tools.bench.row import Row

PARAMETERS_PER_S = 1_000
LISTENERS = 5
SHORT_S = 60.0
LONG_S = 600.0
WARM_S = 15.0

_STRUCTURE = 24
_SERVICE, _SUBTYPE = 3, 25
_CORE_SHARE_MAX = 0.30
_MEMORY_MB_MAX = 300
_GROWTH_MB_MAX = 10
_START_WAIT_S = 120.0
_STREAM = "/api/stream?events=*&parameters=*&period_s=0.2"


def run() -> list[Row]:
    """Measure for a minute."""
    return _measure(SHORT_S)


def campaign() -> list[Row]:
    """Measure for ten minutes."""
    return _measure(LONG_S)


class Feeder(threading.Thread):
    """A spacecraft that says housekeeping and nothing else, at a steady rate.

    Args:
        profile: How the link is run.
    """

    def __init__(self, profile: LinkProfile) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._encoder = TmEncoder(profile.tm_coding)
        self._framer = TmFramer(profile.tm_data_octets)
        self._structure = DICTIONARY.structures[_STRUCTURE]
        self._count = 0
        self.reports = 0
        self.is_over = False

    @property
    def parameters_each(self) -> int:
        """Parameters in one report."""
        return len(self._structure.parameters)

    def run(self) -> None:
        """Feed whoever connects, until it is over."""
        line, _ = self._listener.accept()
        interval_s = self.parameters_each / PARAMETERS_PER_S
        due_s = time.monotonic()
        with line, contextlib.suppress(OSError):
            while not self.is_over:
                line.sendall(self._frames())
                due_s += interval_s
                time.sleep(max(0.0, due_s - time.monotonic()))

    def _frames(self) -> bytes:
        values = {each.name: self._value(each.shape.type) for each in self._structure.parameters}
        data = bytes([_STRUCTURE]) + self._structure.layout.encode(values)
        packet = Telemetry(
            Apid.CORE,
            self.reports % (1 << 14),
            _SERVICE,
            _SUBTYPE,
            0,
            0,
            time.time_ns() + 378_691_237_000_000_000,
            data,
        )
        self._framer.put(packet.encode())
        self.reports += 1
        octets = b""
        while (content := self._framer.take(flush=True)) is not None:
            pointer, data = content
            frame = TmFrame(SPACECRAFT_ID, Downlink.LIVE, self._count, self._count, pointer, data, bytes(4))
            self._count = (self._count + 1) % 256
            octets += self._encoder.encode(frame.encode())
        return octets

    def _value(self, kind: FieldType) -> Any:
        """Give a value that changes from report to report, where the type allows."""
        match kind:
            case Float():
                return self.reports % 97 + 0.5
            case Enumerated(members):
                return list(members)[self.reports % len(members)]
        return self.reports % 97


class Listener(threading.Thread):
    """One screen: it takes what comes.

    Args:
        place: Where the station is.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(daemon=True)
        self._stream = Stream.open(place, _STREAM)
        self.messages = 0
        self.reports = 0
        self.updates = 0
        self.is_over = False

    def run(self) -> None:
        """Listen until it is over."""
        while not self.is_over:
            for message in self._stream.receive(time.monotonic() + 1) or ():
                self.messages += 1
                self.updates += "parameters" in message
                events = message.get("events", ())
                self.reports += sum(event["type"] == "HousekeepingReceived" for event in events)
        self._stream.close()


def _measure(duration_s: float) -> list[Row]:
    profile = PROFILES["sband"]
    feeder = Feeder(profile)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        path = Path(folder) / "s"
        command = [
            sys.executable, "-m", "ground", "serve", "--link", f"tcp:127.0.0.1:{feeder.port}", "--profile", "sband",
            "--insecure", "--web", "none", "--archive", f"{folder}/archive.sqlite", "--socket", str(path),
        ]  # fmt: skip
        station = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        stack.callback(station.wait)
        stack.callback(station.terminate)
        _wait_for(path)
        feeder.start()
        place = Place.of(path)
        listeners = [Listener(place) for _ in range(LISTENERS)]
        for listener in listeners:
            listener.start()
        time.sleep(WARM_S)
        process = psutil.Process(station.pid)
        before, reports = process.cpu_times(), feeder.reports
        heard = [listener.reports for listener in listeners]
        updates = [listener.updates for listener in listeners]
        started_s = time.monotonic()
        # What is bounded and remembered fills up at first; from half the time on, nothing may grow any more.
        time.sleep(duration_s / 2)
        warm_mb = process.memory_info().rss / 1e6
        time.sleep(duration_s / 2)
        elapsed_s = time.monotonic() - started_s
        after, end_mb = process.cpu_times(), process.memory_info().rss / 1e6
        fed = (feeder.reports - reports) * feeder.parameters_each / elapsed_s
        heard = [listener.reports - before for listener, before in zip(listeners, heard, strict=True)]
        updates = [(listener.updates - before) / elapsed_s for listener, before in zip(listeners, updates, strict=True)]
        for listener in listeners:
            listener.is_over = True
        for listener in listeners:
            listener.join()
        feeder.is_over = True
    share = (after.user + after.system - before.user - before.system) / elapsed_s
    least = min(heard) * feeder.parameters_each / elapsed_s
    text = f"{duration_s:g} s, {LISTENERS} listeners"
    return [
        Row(
            group="station",
            name=f"processor time of the station, {fed:.0f} parameters/s for {text}",
            value=100 * share,
            unit="% of a core",
            target=f"< {100 * _CORE_SHARE_MAX:g} %, every listener hears all",
            ok=share < _CORE_SHARE_MAX and least > 0.97 * fed and fed > 0.97 * PARAMETERS_PER_S,
        ),
        Row(
            group="station",
            name=f"its memory at the end, {text}",
            value=end_mb,
            unit="MB",
            target=f"< {_MEMORY_MB_MAX} MB",
            ok=end_mb < _MEMORY_MB_MAX,
        ),
        Row(
            group="station",
            name=f"its growth in the second half of that, {text}",
            value=end_mb - warm_mb,
            unit="MB",
            target=f"< {_GROWTH_MB_MAX} MB",
            ok=end_mb - warm_mb < _GROWTH_MB_MAX,
        ),
        Row(
            group="station",
            name=f"updates of parameters that a screen gets, {text}",
            value=max(updates),
            unit="1/s",
            target="<= 5 a second",
            ok=0 < max(updates) <= 5.05,
        ),
    ]


def _wait_for(path: Path) -> None:
    deadline_s = time.monotonic() + _START_WAIT_S
    while time.monotonic() < deadline_s:
        try:
            Client.connect(path).close()
            return
        except NoStationError:
            time.sleep(0.1)
    raise TimeoutError(f"expected a station within {_START_WAIT_S:g} s, found none")
