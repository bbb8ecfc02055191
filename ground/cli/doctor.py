"""``ground doctor`` and ``ground completion``: what of this computer a station has to go by, and a shell that helps.

It looks and changes nothing. What is missing is said with what it is for and how to get it.
"""

import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import click
import msgspec
from click.shell_completion import get_completion_class
from rich.console import Console
from rich.table import Table
from serial.tools import list_ports

from ccsds.time import LEAP_SECONDS_DATE, LEAP_SECONDS_VALID_UNTIL_UNIX_NS
from ground.cli.options import FAILED_STATUS, default_archive_path, json_option, plain_errors, socket_option, to_json
from ground.client import Client, NoStationError
from ground.file_store import RESERVE_OCTETS

PYTHON_MIN = (3, 11)

# What each is for, and how it is got.
_PACKAGES = {
    "fastapi": "the station's API",
    "uvicorn": "the station's API",
    "websockets": "the station's stream",
    "torch": "training on board, where flight runs here too",
    "nicegui": "the console: pip install 'starloop[console]'",
    "pyarrow": "export to Parquet: pip install pyarrow",
    "transformers": "Hugging Face models on board: pip install 'starloop[llm]'",
    "matplotlib": "plots of hil: pip install 'starloop[hil]'",
}
_NEEDED = frozenset({"fastapi", "uvicorn", "websockets"})

_ACCELERATORS = {"/dev/nvidia0": "NVIDIA GPU", "/dev/kfd": "AMD GPU", "/dev/nvhost-gpu": "Jetson GPU"}

COMMAND_TIMEOUT_S = 5.0


class Finding(Enum):
    """How something is."""

    GOOD = "good"
    MISSING = "missing"
    """Something can be done without it."""
    BAD = "bad"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    what: str
    finding: Finding
    text: str


@click.command()
@click.option("--web", default="127.0.0.1:8180", show_default=True, help="Where the console would be.")
@click.option("--keys", "keys_path", type=click.Path(path_type=Path, dir_okay=False), help="Key file to look at.")
@json_option
@socket_option
def doctor(web: str, keys_path: Path | None, as_json: bool, socket_path: str | Path) -> None:
    """Look whether this computer has what a station needs: packages, ports, keys, accelerators, clock, disk."""
    with plain_errors():
        looks = [
            _python(),
            *_packages(),
            _serial_ports(),
            _station(socket_path),
            _web(web),
            _keys(keys_path),
            _accelerators(),
            *_clock(),
            _disk(default_archive_path()),
        ]
    if as_json:
        click.echo(to_json([{**msgspec.structs.asdict(each), "finding": each.finding.value} for each in looks]))
    else:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("what", "", "found"):
            table.add_column(heading)
        styles = {Finding.GOOD: "green", Finding.MISSING: "yellow", Finding.BAD: "red"}
        for each in looks:
            table.add_row(each.what, f"[{styles[each.finding]}]{each.finding.value}[/]", each.text)
        Console().print(table)
    if any(each.finding is Finding.BAD for each in looks):
        sys.exit(FAILED_STATUS)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands: eval "$(ground completion bash)"."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "ground", "_GROUND_COMPLETE").source())


def _python() -> Look:
    found = ".".join(map(str, sys.version_info[:3]))
    finding = Finding.GOOD if sys.version_info >= PYTHON_MIN else Finding.BAD
    return Look(what="Python", finding=finding, text=f"{found}, expected 3.11 or later")


def _packages() -> Iterator[Look]:
    for name, use in _PACKAGES.items():
        try:
            yield Look(what=name, finding=Finding.GOOD, text=f"{importlib.metadata.version(name)}, {use.split(':')[0]}")
        except importlib.metadata.PackageNotFoundError:
            yield Look(what=name, finding=Finding.BAD if name in _NEEDED else Finding.MISSING, text=use)


def _serial_ports() -> Look:
    ports = sorted(port.device for port in list_ports.comports())
    if not ports:
        return Look(what="serial ports", finding=Finding.MISSING, text="none; tcp: and udp: links need none")
    closed = [port for port in ports if not os.access(port, os.R_OK | os.W_OK)]
    if closed:
        text = f"{', '.join(closed)}: not for this user; join the group that owns it (dialout, uucp)"
        return Look(what="serial ports", finding=Finding.BAD, text=text)
    return Look(what="serial ports", finding=Finding.GOOD, text=", ".join(ports))


def _station(socket_path: str | Path) -> Look:
    try:
        with Client.connect(socket_path) as client:
            state = client.state()
    except NoStationError:
        return Look(what="station", finding=Finding.MISSING, text=f"none serves at {socket_path}")
    trouble = f", archive: {state['archive_trouble']}" if state["archive_trouble"] else ""
    return Look(
        what="station",
        finding=Finding.BAD if trouble else Finding.GOOD,
        text=f"serves {state['link_url']}, link {state['link']}, {state['port'] or 'no port yet'}{trouble}",
    )


def _web(web: str) -> Look:
    host, _, port = web.rpartition(":")
    if not port.isdecimal():
        return Look(what="web port", finding=Finding.BAD, text=f"expected HOST:PORT, found {web!r}")
    try:
        with socket.create_server((host.strip("[]"), int(port))):
            return Look(what="web port", finding=Finding.GOOD, text=f"{web} is free")
    except (OSError, OverflowError) as error:
        return Look(what="web port", finding=Finding.MISSING, text=f"{web}: {error}; a station may serve there")


def _keys(keys_path: Path | None) -> Look:
    if keys_path is None:
        return Look(what="keys", finding=Finding.MISSING, text="none given; make some: ground keys new")
    if not keys_path.is_file():
        return Look(what="keys", finding=Finding.BAD, text=f"{keys_path}: no such file")
    if keys_path.stat().st_mode & 0o077:
        return Look(what="keys", finding=Finding.BAD, text=f"{keys_path}: others can read it; chmod 600")
    return Look(what="keys", finding=Finding.GOOD, text=f"{keys_path}, for this user alone")


def _accelerators() -> Look:
    found = [name for path, name in _ACCELERATORS.items() if Path(path).exists()]
    if not found:
        return Look(what="accelerators", finding=Finding.MISSING, text="none; jobs that run here use the CPU")
    return Look(what="accelerators", finding=Finding.GOOD, text=", ".join(found))


def _clock() -> Iterator[Look]:
    now_ns = time.time_ns()
    if now_ns < LEAP_SECONDS_VALID_UNTIL_UNIX_NS:
        yield Look(what="leap seconds", finding=Finding.GOOD, text=f"known as of {LEAP_SECONDS_DATE}")
    else:
        text = f"known as of {LEAP_SECONDS_DATE}, and not for today; update starloop"
        yield Look(what="leap seconds", finding=Finding.BAD, text=text)
    program = shutil.which("timedatectl")
    said = ""
    if program is not None:
        command = [program, "show", "--property=NTPSynchronized", "--value"]
        try:
            said = subprocess.run(
                command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            said = ""
    match said.strip():
        case "yes":
            yield Look(what="clock", finding=Finding.GOOD, text="kept by the network")
        case "no":
            text = "not kept by the network: on-board times are only as good as it"
            yield Look(what="clock", finding=Finding.BAD, text=text)
        case _:
            yield Look(what="clock", finding=Finding.MISSING, text="it is not known whether the network keeps it")


def _disk(archive_path: Path) -> Look:
    place = archive_path.parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    is_writable = os.access(place, os.W_OK)
    if not is_writable or free < 2 * RESERVE_OCTETS:
        return Look(
            what="disk", finding=Finding.BAD, text=f"{place}: {free / 1e9:.1f} GB free, writable: {is_writable}"
        )
    return Look(what="disk", finding=Finding.GOOD, text=f"{free / 1e9:.1f} GB free at {place}")
