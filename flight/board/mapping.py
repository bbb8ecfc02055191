"""A file in which the operator says where the board's readings are: TOML, a table a field of `flight.sensors.Readings`.

    [solar_w]
    path = "/run/eps/solar_power_mw"
    scale = 0.001

    [radiator_c]
    path = "/sys/bus/iio/devices/iio:device0/in_temp_input"
    scale = 0.001
    offset = -1.5

Each is a file with one number, read at every look: of the kernel, or of a program that talks to the board's bus.
"""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from flight.board.probe import Probe, file_probe
from flight.sensors import Readings

_FIELDS = tuple(each.name for each in fields(Readings) if each.name != "taken_ns")
_KEYS = {"path": str, "scale": float | int, "offset": float | int}


def read_mapping(path: Path) -> list[Probe]:
    """Give the probes that a file names.

    Raises:
        MisuseError: It cannot be read, is no TOML, or says what cannot be.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MisuseError(f"--sensors {path}: expected none, auto or a file, found {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MisuseError(f"--sensors {path}: expected TOML, found {error}") from None
    return [_probe(path, name, table) for name, table in tables.items()]


def _probe(path: Path, name: str, table: Any) -> Probe:
    place = f"--sensors {path}: {name}"
    if name not in _FIELDS:
        raise MisuseError(f"{place}: expected one of {', '.join(_FIELDS)}")
    if not isinstance(table, dict) or "path" not in table:
        raise MisuseError(f"{place}: expected a table with a path")
    for key, value in table.items():
        if key not in _KEYS:
            raise MisuseError(f"{place}.{key}: expected one of {', '.join(_KEYS)}")
        if isinstance(value, bool) or not isinstance(value, _KEYS[key]):
            raise MisuseError(f"{place}.{key}: expected a {'text' if key == 'path' else 'number'}, found {value!r}")
    return file_probe(name, Path(table["path"]), float(table.get("scale", 1)), float(table.get("offset", 0)))
