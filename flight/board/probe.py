"""Probes: where on this board one field of the readings comes from, and how to get at it."""

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# What a file of a sensor can hold at most. A longer one is no sensor, and would only keep everybody waiting.
VALUE_OCTETS_MAX = 64


@dataclass(frozen=True, slots=True)
class Probe:
    """One place where a field of the readings comes from."""

    field: str
    """Of `flight.sensors.Readings`."""
    source: str
    """What it is read from, for the log."""
    read: Callable[[], float]
    """Raises ``OSError`` or ``ValueError`` if it cannot be read now."""


def file_probe(field: str, path: Path, scale: float = 1.0, offset: float = 0.0) -> Probe:
    """Give a probe that reads a number from a file.

    Args:
        field: Which it is.
        path: Of the file.
        scale: The number is multiplied by this, and then
        offset: is added.
    """
    return Probe(field, str(path), lambda: number_of(path) * scale + offset)


def number_of(path: Path) -> float:
    """Give the number in a file.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds no number.
    """
    with path.open("rb") as file:
        octets = file.read(VALUE_OCTETS_MAX + 1)
    if len(octets) > VALUE_OCTETS_MAX:
        raise ValueError(f"{path}: expected a number of at most {VALUE_OCTETS_MAX} octets")
    return float(octets)


def text_of(path: Path) -> str:
    """Give the text in a file, empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(VALUE_OCTETS_MAX).decode(errors="replace").strip()
    except OSError:
        return ""


def highest(probes: Sequence[Probe]) -> Probe:
    """Give a probe of the highest of several of one field that can be read: of temperatures, the one that counts."""

    def read() -> float:
        found = []
        for probe in probes:
            with contextlib.suppress(OSError, ValueError):  # A zone that is switched off says nothing, for good.
                found.append(probe.read())
        if not found:
            raise OSError(f"nothing can be read of {_sources(probes)}")
        return max(found)

    return probes[0] if len(probes) == 1 else Probe(probes[0].field, _sources(probes), read)


def total(probes: Sequence[Probe]) -> Probe:
    """Give a probe of the sum of several of one field, which has to be whole."""
    if len(probes) == 1:
        return probes[0]
    return Probe(probes[0].field, _sources(probes), lambda: math.fsum(probe.read() for probe in probes))


def _sources(probes: Sequence[Probe]) -> str:
    return ", ".join(probe.source for probe in probes)
