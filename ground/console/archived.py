"""Plots of long spans, read from the archive: what a browser asks for is older than what is kept in memory."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from ccsds.errors import MisuseError
from ccsds.time import tai_ns_from_unix, unix_ns_from_tai
from ground.archive.history import History
from ground.console.series import PERIODS_MISSED

NS_PER_S = 1_000_000_000

POINTS_MAX = 600
"""Of one line: as many as a wide screen has room for, each with its lowest and its highest value."""


def read_points(
    path: Path, periods_ns: Mapping[str, int | None], from_s: float, to_s: float
) -> dict[str, list[tuple[float, float | None]]]:
    """Read numbers over a span of Unix time; it may be called on another thread.

    Args:
        path: Of the archive.
        periods_ns: Between two samples of each number, ``structure.parameter``, or None where that is not known.
        from_s: The first time.
        to_s: The last.

    Returns:
        The points of each; a value of None breaks the line.

    Raises:
        MisuseError: There is no archive.
        MalformedError: It is damaged.
        sqlite3.Error: It cannot be read.
    """
    start_ns = tai_ns_from_unix(round(from_s * NS_PER_S))
    end_ns = tai_ns_from_unix(round(to_s * NS_PER_S))
    found: dict[str, list[tuple[float, float | None]]] = {}
    with contextlib.closing(History.open(path)) as history:
        for name, period_ns in periods_ns.items():
            try:
                plot = history.samples.plot(name, start_ns, end_ns, POINTS_MAX)
            except MisuseError:  # It was never in the archive.
                found[name] = []
                continue
            gap_ns = None if period_ns is None else PERIODS_MISSED * period_ns + NS_PER_S + 2 * plot.width_ns
            points: list[tuple[float, float | None]] = []
            previous_ns: int | None = None
            for time_ns, low, high in zip(
                plot.times_ns.tolist(), plot.minimum.tolist(), plot.maximum.tolist(), strict=True
            ):
                at_s = unix_ns_from_tai(time_ns + plot.width_ns // 2) / NS_PER_S
                if previous_ns is not None and gap_ns is not None and time_ns - previous_ns > gap_ns:
                    points.append((unix_ns_from_tai((previous_ns + time_ns) // 2) / NS_PER_S, None))
                points += [(at_s, low)] if low == high else [(at_s, low), (at_s, high)]
                previous_ns = time_ns
            found[name] = points
    return found
