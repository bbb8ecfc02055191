"""A time line of contacts as SVG: a row for each station, what is expected outlined, what was heard filled in."""

from collections.abc import Iterable
from dataclasses import dataclass

from ground.console.contacts import Contact
from ground.console.figures import clock, esc
from ground.pass_plan import ExpectedPass

WIDE = 1200
NARROW = 290
"""Widths in units of its own; text keeps its size where the time line is as wide on the screen."""

LABEL = 90
ROW = 22

# A tick at least so far from the next, so that the times below them stay apart.
_TICK_WIDTH_MIN = 70

_MINUTE_NS = 60_000_000_000
_TICKS_MIN = (5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440)
"""Between two ticks: what is round on a clock."""

# A dozen stations fit a laptop; more would be too many lines to read anyway.
STATIONS_MAX = 16


@dataclass(frozen=True, slots=True)
class Strip:
    """The span that is shown, in Unix time."""

    from_ns: int
    to_ns: int
    now_ns: int
    width: int = WIDE

    def draw(self, expected: Iterable[ExpectedPass], contacts: Iterable[Contact]) -> str:
        """Give the time line."""
        passes = list(expected)
        stations = sorted({each.station for each in passes})[:STATIONS_MAX]
        height = ROW * (len(stations) + 1) + 24
        parts = [
            f'<svg class="strip" viewBox="0 0 {self.width} {height}" role="img" aria-label="time line of contacts">'
        ]
        for at_ns in self._ticks():
            x = self._x(at_ns)
            anchor = "end" if x > self.width - _TICK_WIDTH_MIN // 4 else "middle"
            parts.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 18}"/>')
            parts.append(f'<text x="{x:.1f}" y="{height - 5}" text-anchor="{anchor}">{clock(at_ns)[:5]}</text>')
        for row, station in enumerate(stations):
            y = ROW * row
            parts.append(f'<text x="0" y="{y + 14}">{esc(station[:16])}</text>')
            for each in passes:
                if each.station == station:
                    title = f"{station}, {clock(each.begin_unix_ns)} to {clock(each.end_unix_ns)}"
                    parts.append(self._box("pass", each.begin_unix_ns, each.end_unix_ns, y + 3, ROW - 7, title))
        y = ROW * len(stations)
        parts.append(f'<text x="0" y="{y + 14}">heard</text>')
        for contact in contacts:
            end_ns = contact.end_unix_ns or self.now_ns
            parts.append(self._box("heard", contact.begin_unix_ns, end_ns, y + 5, ROW - 11, str(contact)))
        x = self._x(self.now_ns)
        parts.append(f'<line class="now" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 18}"/></svg>')
        return "".join(parts)

    def _ticks(self) -> range:
        room = (self.width - LABEL) // _TICK_WIDTH_MIN
        wanted_ns = (self.to_ns - self.from_ns) // room
        step_ns = next((each * _MINUTE_NS for each in _TICKS_MIN if each * _MINUTE_NS >= wanted_ns), wanted_ns)
        return range(-(-self.from_ns // step_ns) * step_ns, self.to_ns + 1, step_ns)

    def _box(self, kind: str, begin_ns: int, end_ns: int, y: int, height: int, title: str) -> str:
        left, right = self._x(begin_ns), self._x(end_ns)
        if right < LABEL or left > self.width:
            return ""
        left = max(left, LABEL)
        width = max(min(right, self.width) - left, 1.5)
        return (
            f'<rect class="{kind}" x="{left:.1f}" y="{y}" width="{width:.1f}" height="{height}" rx="1">'
            f"<title>{esc(title)}</title></rect>"
        )

    def _x(self, at_ns: int) -> float:
        return LABEL + (self.width - LABEL) * (at_ns - self.from_ns) / (self.to_ns - self.from_ns)
