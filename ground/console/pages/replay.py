"""Replay: what was, from the archive, through the same pages, at any speed."""

import asyncio
import sqlite3

from nicegui import ui

from ccsds.errors import StarloopError
from ground.console import clock
from ground.console.figures import date_clock, number, span
from ground.console.parts.entry import Button, Entry
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.said import Said
from ground.console.parts.strip import Strip
from ground.console.replay import SPEEDS, read_replay
from ground.console.screen import Screen
from ground.time_text import unix_ns_of

NS_PER_S = 1_000_000_000

HOUR_NS = 3_600 * NS_PER_S

# Steps in which the line below the replay is divided for a jump.
_STEPS = 100


def build(screen: Screen) -> None:
    """Build the page."""
    with ui.element("div").classes("page replay"):
        _ReplayPage(screen).build()


class _ReplayPage:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        now_ns = clock.unix_ns()
        self._notes = screen.notes.setdefault(
            "replay", {"from": date_clock(now_ns - HOUR_NS), "to": date_clock(now_ns)}
        )

    def build(self) -> None:
        choice = Panel("What is replayed", padded=True)
        with choice.body, ui.element("div").classes("stack"):
            with ui.element("div").classes("row"):
                Markup("dim").show("From")
                self._from = self._time("from", "Beginning, UTC")
                Markup("dim").show("to")
                self._to = self._time("to", "End, UTC")
                Button("Last hour", self._last_hour)
                Button("Replay", self._start, kind="main")
                self._leave = Button("Leave", self._end)
            self._said = Said()
            self._read = Markup("dim")
        course = Panel("Course", padded=True)
        with course.tools:
            self._pause = Button("Pause", self._toggle)
            self._speeds = Markup("chips", on_pick=lambda _, act: self._go_at(int(act)))
        with course.body, ui.element("div").classes("stack"):
            self._figures = Markup()
            self._line = Markup(on_pick=lambda key, _: self._seek(int(key)))
            self._strip = Markup()
        self._screen.watch(choice.element, self._look)

    def _time(self, which: str, label: str) -> Entry:
        entry = Entry(label, value=self._notes[which], on_change=lambda text: self._notes.update({which: text}))
        entry.classes("mono").style("width: 13rem")
        return entry

    def _last_hour(self) -> None:
        now_ns = clock.unix_ns()
        self._from.set(date_clock(now_ns - HOUR_NS))
        self._to.set(date_clock(now_ns))
        self._notes.update({"from": self._from.value, "to": self._to.value})

    async def _start(self) -> None:
        self._said.hush()
        path = self._screen.console.archive_path
        try:
            from_ns, to_ns = (unix_ns_of(self._notes[which]) for which in ("from", "to"))
            self._read.show("reading the archive")
            replay = await asyncio.to_thread(read_replay, path, from_ns, to_ns)
        except (StarloopError, sqlite3.Error) as error:
            self._said.tell(str(error), "alarm")
            self._read.show("")
            return
        self._read.show(f"{number(len(replay))} records were read")
        self._screen.replay = replay
        self._screen.look()

    def _end(self) -> None:
        self._screen.replay = None
        self._screen.look()

    def _toggle(self) -> None:
        if self._screen.replay is not None:
            self._screen.replay.is_paused = not self._screen.replay.is_paused
            self._screen.look()

    def _go_at(self, speed: int) -> None:
        if self._screen.replay is not None:
            self._screen.replay.speed = speed
            self._screen.look()

    def _seek(self, step: int) -> None:
        replay = self._screen.replay
        if replay is not None:
            replay.seek(replay.from_unix_ns + (replay.to_unix_ns - replay.from_unix_ns) * step // _STEPS)
            self._screen.look()

    def _look(self) -> None:
        replay = self._screen.replay
        self._leave.allow(replay is not None)
        self._pause.allow(replay is not None and not replay.is_over)
        if replay is None:
            self._pause.rename("Pause")
            self._speeds.show("")
            self._line.show("")
            self._strip.show("")
            self._figures.show(
                '<p class="dim">Choose a span and replay it: every page then shows what was, and nothing can be sent'
                " until the replay is left. Others at this station go on seeing what is.</p>"
            )
            return
        self._pause.rename("Go on" if replay.is_paused else "Pause")
        self._speeds.show(
            "".join(
                f'<button class="chip {"here" if each == replay.speed else ""}" data-act="{each}">{each}x</button>'
                for each in SPEEDS
            )
        )
        length_ns = replay.to_unix_ns - replay.from_unix_ns
        done_ns = replay.unix_ns - replay.from_unix_ns
        self._figures.show(
            f'<p class="mono">{date_clock(replay.unix_ns)} UTC <span class="dim">'
            f"{span(done_ns / NS_PER_S)} of {span(length_ns / NS_PER_S)}</span></p>"
        )
        here = _STEPS * done_ns // length_ns
        ticks = "".join(
            f'<i data-key="{step}" class="{"done" if step < here else ""}" title="go there"></i>'
            for step in range(_STEPS)
        )
        self._line.show(f'<div class="seek">{ticks}</div>')
        strip = Strip(replay.from_unix_ns, replay.to_unix_ns, replay.unix_ns)
        expected = self._screen.console.plan.between(replay.from_unix_ns, replay.to_unix_ns)
        self._strip.show(strip.draw(expected, replay.feed.contacts))
