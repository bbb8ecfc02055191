"""Telemetry: any parameters plotted, several a plot, and tables of values with their limits."""

import asyncio
import sqlite3
from typing import Any

from nicegui import background_tasks, ui

from ccsds.errors import StarloopError
from ground.console.archived import read_points
from ground.console.figures import clock as time_of_day
from ground.console.figures import cut, esc, shown
from ground.console.parts.entry import Entry
from ground.console.parts.housekeeping import HousekeepingSwitch
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.plot import CURVES, Curve, Plot
from ground.console.parts.table import Row, table
from ground.console.screen import Screen

NS_PER_S = 1_000_000_000

SPANS = (("5 min", 300), ("15 min", 900), ("1 h", 3_600), ("6 h", 21_600), ("24 h", 86_400))
"""What a plot covers, in seconds."""

PLOTTED_MAX = CURVES

# So long a plot is read from the archive: memory holds an hour at most, and nothing of before the start.
ARCHIVED_SPAN_S_MIN = 3_600

# The archive is read again for a plot that is looked at; between, what comes live is added.
READ_AGAIN_S = 15.0

# A plot is drawn anew once a second.
PLOT_BEATS = 4

_FIRST = ("job_loss", "job_tokens_per_s", "battery_charge", "device_temperature", "uptime")


def build(screen: Screen) -> None:
    """Build the page."""
    with ui.element("div").classes("page telemetry"):
        _TelemetryPage(screen).build()


class _TelemetryPage:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._notes: dict[str, Any] = screen.notes.setdefault(
            "telemetry", {"names": None, "span_s": 300, "words": "", "structure": None}
        )
        self._beat = 0
        self._is_reading = False
        self._read: tuple[Any, float, dict[str, list[tuple[float, float | None]]]] = (None, 0.0, {})

    def build(self) -> None:
        names = Panel("Parameters", "tall")
        with names.tools:
            search = Entry("Search parameters", kind="search", hint="search  /", on_change=self._search)
            search.set(self._notes["words"])
        with names.body:
            self._names = Markup(on_pick=lambda key, _: self._toggle(key))
        plot = Panel("Plot")
        self._plot_note = plot.note
        with plot.tools:
            self._spans = Markup("chips", on_pick=lambda _, act: self._choose_span(act))
        with plot.body:
            self._plot = Plot(self._screen, over_time=True, left="")
        values = Panel("Values")
        self._values_note = values.note
        with values.tools:
            self._structures = Markup("chips", on_pick=lambda _, act: self._choose_structure(act))
        with values.body:
            self._housekeeping = HousekeepingSwitch(self._screen)
            self._values = Markup(on_pick=lambda key, _: self._toggle(key))
        self._screen.watch(plot.element, self._look)

    def _search(self, words: str) -> None:
        self._notes["words"] = words
        self._screen.look()

    def _toggle(self, name: str) -> None:
        names: list[str] = self._notes["names"] or []
        if name in names:
            names.remove(name)
        elif name in self._screen.feed.series.names:
            names.append(name)
            del names[:-PLOTTED_MAX]
        self._notes["names"] = names
        self._beat = 0
        self._screen.look()

    def _choose_span(self, act: str) -> None:
        self._notes["span_s"] = int(act)
        self._beat = 0
        self._screen.look()

    def _choose_structure(self, act: str) -> None:
        self._notes["structure"] = None if act == "all" else act
        self._screen.look()

    def _look(self) -> None:
        series = self._screen.feed.series
        if self._notes["names"] is None and series.names:
            self._notes["names"] = [name for name in _FIRST if name in series.names][:2] or series.names[:1]
        chosen: list[str] = self._notes["names"] or []
        self._names.show(self._list_of_names(chosen))
        self._spans.show(
            "".join(
                f'<button class="chip {"here" if seconds == self._notes["span_s"] else ""}" data-act="{seconds}">'
                f"{text}</button>"
                for text, seconds in SPANS
            )
        )
        structures = sorted({each.structure for each in series.latest.values()})
        self._structures.show(_structures(structures, self._notes["structure"]))
        self._housekeeping.look()
        self._values.show(self._table_of_values())
        if self._beat % PLOT_BEATS == 0:
            self._look_at_plot(chosen)
        self._beat += 1

    def _look_at_plot(self, chosen: list[str]) -> None:
        series, limits = self._screen.feed.series, self._screen.limits()
        now_s = self._screen.unix_ns() / NS_PER_S
        units: list[str] = []
        for name in chosen:
            unit = limits.declared(name).unit or "1"
            if unit not in units:
                units.append(unit)
        from_s = now_s - self._notes["span_s"]
        archived = self._archived(chosen, from_s, now_s)
        curves = []
        for color, name in enumerate(chosen):
            unit = limits.declared(name).unit or "1"
            points = archived.get(name, [])
            points = points + series.points(name, points[-1][0] + 1e-3 if points else from_s, now_s)
            axis = min(units.index(unit), 1)
            curves.append(Curve(name, points, color, axis, bands=limits.bands_of(name)))
        right = ", ".join(units[1:])
        self._plot.show(curves, left=units[0] if units else "", right=right, span=(from_s, now_s))
        self._plot_note.show(esc(", ".join(chosen)) if chosen else "choose parameters at the left")

    def _archived(self, chosen: list[str], from_s: float, now_s: float) -> dict[str, list[tuple[float, float | None]]]:
        """Give what was last read of the archive for this plot, and have it read again if that is some time ago."""
        if self._notes["span_s"] < ARCHIVED_SPAN_S_MIN or self._screen.replay is not None:
            return {}
        wanted = (tuple(chosen), self._notes["span_s"])
        read_for, read_s, points = self._read
        if (read_for != wanted or now_s - read_s > READ_AGAIN_S) and not self._is_reading and chosen:
            self._is_reading = True
            background_tasks.create(self._read_archive(wanted, from_s, now_s))
        return points if read_for == wanted else {}

    async def _read_archive(self, wanted: tuple[tuple[str, ...], int], from_s: float, now_s: float) -> None:
        latest = self._screen.feed.series.latest
        names = {name: f"{latest[name].structure}.{name}" for name in wanted[0] if name in latest}
        periods_ns = {path: latest[name].period_ns for name, path in names.items()}
        try:
            found = await asyncio.to_thread(read_points, self._screen.console.archive_path, periods_ns, from_s, now_s)
            self._read = (wanted, now_s, {name: found[path] for name, path in names.items()})
        except (StarloopError, sqlite3.Error):  # The head says what is wrong with the archive.
            self._read = (wanted, now_s, {})
        finally:
            self._is_reading = False
            self._beat = 0

    def _list_of_names(self, chosen: list[str]) -> str:
        words = self._notes["words"].lower().split()
        series, limits = self._screen.feed.series, self._screen.limits()
        rows, group = [], ""
        ordered = sorted(series.names, key=lambda name: (series.latest[name].structure, name))
        for name in ordered:
            about = limits.declared(name)
            structure = series.latest[name].structure
            if not all(word in f"{name} {about.description} {structure}".lower() for word in words):
                continue
            if structure != group:
                group = structure
                rows.append(Row((esc(group),), classes="group"))
            color = f"var(--curve-{chosen.index(name) + 1})" if name in chosen else "var(--line)"
            rows.append(
                Row(
                    (
                        f'<span title="{esc(about.description)}">'
                        f'<i class="swatch" style="background:{color}"></i>{esc(name)}</span>',
                    ),
                    name,
                    "here" if name in chosen else "",
                )
            )
        body = table((("", "mono name"),), rows, "No parameter was heard of yet.")
        return body.replace('<thead><tr><th class="mono name"></th></tr></thead>', "")

    def _table_of_values(self) -> str:
        series, now, limits = self._screen.feed.series, self._screen.unix_ns(), self._screen.limits()
        wanted = self._notes["structure"]
        rows, stale = [], 0
        for name, latest in sorted(series.latest.items(), key=lambda pair: (pair[1].structure, pair[0])):
            if wanted is not None and latest.structure != wanted:
                continue
            about = limits.declared(name)
            is_stale = latest.is_stale(now)
            stale += is_stale
            kind = limits.class_of(name, latest.value)
            shade = "stale" if is_stale else f"{kind}-text" if kind else ""
            rows.append(
                Row(
                    (
                        esc(name),
                        f'<span class="{shade}">{esc(cut(shown(latest.value), 40))}</span>',
                        f'<span class="unit">{esc(about.unit)}</span>',
                        limits.text_of(name),
                        f"{time_of_day(latest.unix_ns)}{' stale' if is_stale else ''}",
                        f'<span class="dim">{esc(about.description)}</span>',
                    ),
                    name,
                    "stale" if is_stale else "",
                )
            )
        count = len(rows)
        self._values_note.show(f"{count} values{f', {stale} stale' if stale else ''}")
        columns = (
            ("Parameter", "mono name"),
            ("Value", "num"),
            ("", "name"),
            ("Limits", "name mono"),
            ("Made, UTC", "time"),
            ("", "text"),
        )
        return table(columns, rows, "")


def _structures(names: list[str], chosen: str | None) -> str:
    here = chosen or "all"
    return "".join(
        f'<button class="chip {"here" if each == here else ""}" data-act="{esc(each)}">{esc(each)}</button>'
        for each in ["all", *names]
    )
