"""Numbers, spans, sizes and times as an operator reads them: short, and of equal width below each other."""

import html
import math
from enum import Enum
from typing import Any

from ground.presentation import utc

NS_PER_S = 1_000_000_000

# Longer text is cut in a cell; its whole is where the row is opened.
CELL_CHARACTERS_MAX = 160

NOTHING = "\u2013"
"""What is not known."""


def esc(value: Any) -> str:
    """Give anything as text that a page can hold."""
    return html.escape(str(value))


def number(value: float | None, digits: int = 4) -> str:
    """Give a number with so many significant digits; a whole one with all of its own, in groups of three."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}".replace(",", "\u202f")
    if abs(value) >= 10**digits:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.{digits}g}"


def quantity(value: float | None, unit: str, digits: int = 4) -> str:
    """Give a number with its unit; what is not known has none."""
    told = number(value, digits)
    return told if told == NOTHING else f"{told} {unit}"


def shown(value: Any) -> str:
    """Give a decoded value."""
    match value:
        case None:
            return NOTHING
        case Enum():
            return value.name
        case bool():
            return "yes" if value else "no"
        case bytes():
            return value.hex() or NOTHING
        case int() | float():
            return number(value)
        case dict():
            return ", ".join(f"{name} {shown(each)}" for name, each in value.items())
        case list() | tuple():
            return ", ".join(map(shown, value)) or NOTHING
    return str(value) or NOTHING


def cut(text: str, characters_max: int = CELL_CHARACTERS_MAX) -> str:
    """Give text in one line of a bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= characters_max else line[: characters_max - 1] + "…"


def octets(count: float | None) -> str:
    """Give a size."""
    if count is None:
        return NOTHING
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{int(count)} B"


def rate(bits_per_s: float | None) -> str:
    """Give a line's rate."""
    if bits_per_s is None:
        return NOTHING
    for unit, size in (("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if bits_per_s >= size:
            return f"{bits_per_s / size:.2f} {unit}"
    return f"{bits_per_s:.0f} bit/s"


def span(seconds: float | None) -> str:
    """Give a length of time."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    whole = int(abs(seconds))
    sign = "-" if seconds <= -1 else ""
    if whole >= 86_400:
        return f"{sign}{whole // 86_400}d {whole % 86_400 // 3600:02}h"
    if whole >= 3_600:
        return f"{sign}{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{sign}{whole // 60:02}:{whole % 60:02}"


def clock(unix_ns: int | None) -> str:
    """Give the time of day, in UTC."""
    return NOTHING if unix_ns is None else utc(unix_ns).rstrip("Z").replace("T", " ").split(" ")[-1][:8]


def date_clock(unix_ns: int | None) -> str:
    """Give date and time of day, in UTC."""
    return NOTHING if unix_ns is None else utc(unix_ns).rstrip("Z").replace("T", " ")[:19]
