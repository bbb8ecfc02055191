"""A drawing of values over mission time, as SVG that stands in a page and takes its colours from the page's style.

Its classes are of the style sheet, so one drawing is right in the light, in the dark and on paper.
"""

import html
import math
from collections.abc import Iterable, Sequence

from hil.report.scale import Scale, clock, shown, time_ticks, value_ticks

WIDTH = 1_080
LEFT, RIGHT, TOP, BOTTOM = 66, 16, 24, 34

# A line has a point for each pixel and its neighbours; more would make the page heavy and look the same.
POINTS_MAX = 2_000

# More of a kind than a wide screen has columns cannot be told apart.
MARKS_MAX = 1_500

Point = tuple[float, float]


class Chart:
    """One drawing.

    Args:
        title: What it shows, for who cannot see it.
        end_s: Mission time at its right end.
        values: All values that it is to hold, from which its axis is made.
        unit: Of the values.
        height: In pixels.
        is_log: Whether the axis is logarithmic; then only values above 0 are drawn.
        from_zero: Whether the axis begins at 0.
    """

    def __init__(
        self,
        title: str,
        *,
        end_s: float,
        values: Iterable[float],
        unit: str,
        height: int = 280,
        is_log: bool = False,
        from_zero: bool = False,
    ) -> None:
        self._title = title
        self._height = height
        self._unit = unit
        self._is_log = is_log
        self._end_s = max(end_s, 1.0)
        self._x = Scale(0.0, self._end_s, LEFT, WIDTH - RIGHT)
        self._y = Scale(*_bounds(values, is_log=is_log, from_zero=from_zero), height - BOTTOM, TOP, is_log)
        self._back: list[str] = []
        self._front: list[str] = []
        self._legend: dict[str, str] = {}

    def line(self, points: Sequence[Point], style: str, name: str, *, with_dots: bool = False) -> None:
        """Draw values over time, joined."""
        points = [point for point in points if math.isfinite(point[1]) and not (self._is_log and point[1] <= 0)]
        if not points:
            return
        places = " ".join(f"{self._x(seconds):g},{self._y(value):g}" for seconds, value in thinned(points))
        self._front.append(f"<polyline class='line {style}' points='{places}'/>")
        if with_dots:
            self._front += [
                f"<circle class='dot {style}' cx='{self._x(seconds):g}' cy='{self._y(value):g}' r='3.2'>"
                f"<title>{html.escape(f'{name}: {value:.4g} {self._unit} at {clock(seconds)}')}</title></circle>"
                for seconds, value in points[:MARKS_MAX]
            ]
        self._legend[name] = f"line {style}"

    def level(self, value: float, style: str, name: str) -> None:
        """Draw a value that is the same all the time."""
        y = self._y(value)
        self._back.append(f"<line class='level {style}' x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{y:g}' y2='{y:g}'/>")
        self._legend[name] = f"level {style}"

    def bands(self, spans: Iterable[tuple[float, float, str]], style: str, name: str) -> None:
        """Shade spans of time; each has a text of its own."""
        for start_s, end_s, text in list(spans)[:MARKS_MAX]:
            x, width = self._x(start_s), max(self._x(end_s) - self._x(start_s), 1.0)
            self._back.append(
                f"<rect class='band {style}' x='{x:g}' y='{TOP}' width='{width:g}' "
                f"height='{self._height - TOP - BOTTOM}'><title>{html.escape(text)}</title></rect>"
            )
            self._legend[name] = f"band {style}"

    def marks(self, moments: Iterable[tuple[float, str]], style: str, name: str) -> None:
        """Draw moments as lines from top to bottom; each has a text of its own."""
        for seconds, text in list(moments)[:MARKS_MAX]:
            x = self._x(seconds)
            self._back.append(
                f"<line class='mark {style}' x1='{x:g}' x2='{x:g}' y1='{TOP}' y2='{self._height - BOTTOM}'>"
                f"<title>{html.escape(f'{clock(seconds)}: {text}')}</title></line>"
            )
            self._legend[name] = f"mark {style}"

    def svg(self) -> str:
        """Give the drawing with its legend."""
        parts = [*self._axes(), *self._back, *self._front]
        keys = "".join(
            f"<span><svg class='key' viewBox='0 0 22 10'>{_key(style)}</svg>{html.escape(name)}</span>"
            for name, style in self._legend.items()
        )
        title = html.escape(self._title, quote=True)
        return (
            f"<figure><div class='legend'>{keys}</div>"
            f"<svg class='chart' viewBox='0 0 {WIDTH} {self._height}' role='img' aria-label='{title}'>"
            f"{''.join(parts)}</svg></figure>"
        )

    def _axes(self) -> list[str]:
        ticks = _decades(self._y.low, self._y.high) if self._is_log else value_ticks(self._y.low, self._y.high)
        parts = []
        for value in ticks:
            y = self._y(value)
            parts.append(f"<line class='grid' x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{y:g}' y2='{y:g}'/>")
            parts.append(f"<text class='tick' x='{LEFT - 8}' y='{y + 4:g}' text-anchor='end'>{shown(value)}</text>")
        parts.append(
            f"<text class='unit' x='{LEFT - 8}' y='{TOP - 12}' text-anchor='end'>{html.escape(self._unit)}</text>"
        )
        return parts + time_axis(self._end_s, self._x, self._height - BOTTOM)


def time_axis(end_s: float, x: Scale, y: float) -> list[str]:
    """Draw the axis of mission time, at a height."""
    ticks, call = time_ticks(end_s)
    parts = [f"<line class='axis' x1='{x.start:g}' x2='{x.end:g}' y1='{y:g}' y2='{y:g}'/>"]
    for seconds in ticks:
        parts.append(f"<line class='axis' x1='{x(seconds):g}' x2='{x(seconds):g}' y1='{y:g}' y2='{y + 4:g}'/>")
        parts.append(
            f"<text class='tick' x='{x(seconds):g}' y='{y + 18:g}' text-anchor='middle'>{call(seconds)}</text>"
        )
    return parts


def thinned(points: Sequence[Point]) -> list[Point]:
    """Give points that look the same: of each bucket of time the lowest and the highest, in their order."""
    if len(points) <= POINTS_MAX:
        return list(points)
    size = math.ceil(len(points) / (POINTS_MAX // 2))
    kept: list[Point] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        low, high = min(bucket, key=lambda point: point[1]), max(bucket, key=lambda point: point[1])
        kept += sorted({low, high})
    return kept


def _bounds(values: Iterable[float], *, is_log: bool, from_zero: bool) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)] or [1.0]
    low, high = min(finite), max(finite)
    if is_log:
        return low / 1.3, max(high * 1.3, low * 10)
    low = 0.0 if from_zero else low
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low if from_zero else low - room, high + room


def _decades(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


def _key(style: str) -> str:
    kind = style.partition(" ")[0]
    if kind == "band":
        return f"<rect class='{style}' x='1' y='0' width='20' height='10'/>"
    if kind == "mark":
        return f"<line class='{style}' x1='11' x2='11' y1='0' y2='10'/>"
    return f"<line class='{style}' x1='0' x2='22' y1='5' y2='5'/>"
