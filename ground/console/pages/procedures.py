"""Procedures: plain Python files with steps, run by the station for whoever asks, with a live transcript."""

from typing import Any

from nicegui import ui

from ccsds.errors import MisuseError
from ground.console.figures import NOTHING, esc
from ground.console.parts.entry import Button, Entry
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.said import Said
from ground.console.parts.states import state
from ground.console.parts.table import Row, facts, table
from ground.console.screen import Screen

LINES_SHOWN_MAX = 400

_STATE_OF = {"RUNNING": "RUNNING", "DONE": "DONE", "FAILED": "FAILED", "STOPPED": "CANCELLED"}


def build(screen: Screen) -> None:
    """Build the page."""
    with ui.element("div").classes("page procedures"):
        _ProceduresPage(screen).build()


class _ProceduresPage:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._notes: dict[str, Any] = screen.notes.setdefault("procedures", {"name": "", "run": None})
        self._told = 0

    def build(self) -> None:
        with ui.element("div").classes("stack"):
            files = Panel("Procedures", "grow")
            with files.body:
                self._names = Markup(on_pick=lambda key, _: self._choose(key))
            start = Panel("Run", padded=True)
            self._chosen = start.note
            with start.body, ui.element("div").classes("stack"):
                self._arguments = Entry("Arguments", hint="name=value, by spaces", on_done=lambda _: self._run())
                self._arguments.classes("mono")
                with ui.element("div").classes("row"):
                    self._start = Button("Run", self._run, kind="main")
                self._said = Said()
            runs = Panel("Runs", "grow")
            with runs.body:
                self._runs = Markup(on_pick=lambda key, _: self._open(int(key)))
        transcript = Panel("Transcript")
        self._note = transcript.note
        with transcript.tools:
            self._stop = Button("Stop", self._interrupt, kind="danger")
        with transcript.body:
            transcript.body.props["id"] = "transcript"
            self._facts = Markup()
            self._lines = Markup()
        self._screen.watch(transcript.element, self._look)

    def _choose(self, name: str) -> None:
        self._notes["name"] = name
        self._screen.look()

    def _open(self, run_id: int) -> None:
        self._notes["run"] = run_id
        self._screen.look()

    def _run(self) -> None:
        procedures, name = self._screen.console.operations.procedures, self._notes["name"]

        def act() -> int:
            texts: dict[str, str] = {}
            for each in self._arguments.value.split():
                key, equals, text = each.partition("=")
                if not equals:
                    raise MisuseError(f"expected arguments as name=value, found {each!r}")
                texts[key] = text
            return procedures.start(self._screen.person, name, texts)

        run_id = self._screen.attempt(self._said, act)
        if run_id is not None:
            self._open(run_id)

    def _interrupt(self) -> None:
        procedures, run_id = self._screen.console.operations.procedures, self._notes["run"]
        if run_id is not None:
            self._screen.attempt(self._said, lambda: procedures.stop(self._screen.person, run_id))

    def _look(self) -> None:
        procedures = self._screen.console.operations.procedures
        names = procedures.names()
        if self._notes["name"] not in names:
            self._notes["name"] = names[0] if names else ""
        rows = [Row((esc(name),), name, "here" if name == self._notes["name"] else "") for name in names]
        empty = "None. Start the station with a directory of them: ground serve --procedures DIRECTORY."
        self._names.show(table((("File", "mono"),), rows, empty))
        self._chosen.show(esc(self._notes["name"]))
        self._start.allow(bool(names))
        runs = procedures.all()
        if self._notes["run"] is None and runs:
            self._notes["run"] = runs[0]["run_id"]
        self._runs.show(
            table(
                (("", "num"), ("Procedure", "mono text"), ("By", "name"), ("", "name")),
                [
                    Row(
                        (
                            str(each["run_id"]),
                            esc(each["name"]),
                            esc(each["started_by"]),
                            state(_STATE_OF.get(each["verdict"]), each["verdict"].lower()),
                        ),
                        str(each["run_id"]),
                        "here" if each["run_id"] == self._notes["run"] else "",
                    )
                    for each in runs
                ],
                "Nothing was run yet.",
            )
        )
        self._show_run(next((each for each in runs if each["run_id"] == self._notes["run"]), None))

    def _show_run(self, run: dict[str, Any] | None) -> None:
        self._stop.allow(run is not None and run["verdict"] == "RUNNING")
        if run is None:
            self._note.show("")
            self._facts.show("")
            self._lines.show('<p class="empty">What a procedure does is told here as it does it.</p>')
            return
        self._note.show(f"{esc(run['name'])} {state(_STATE_OF.get(run['verdict']), run['verdict'].lower())}")
        given = " ".join(f"{name}={value}" for name, value in run["arguments"].items())
        pairs = [("arguments", esc(given) or "none")]
        if run["reason"]:
            kind = "alarm-text" if run["verdict"] == "FAILED" else ""
            pairs.append(("ended with", f'<span class="{kind}">{esc(run["reason"])}</span>'))
        self._facts.show(f'<div class="padded">{facts(pairs)}</div>')
        lines = run["lines"]
        rows = [
            Row(
                (
                    NOTHING if line["elapsed_s"] is None else f"{line['elapsed_s']:.2f} s",
                    f'<span class="state {"alarm" if line["kind"] == "failed" else "idle"}">{esc(line["kind"])}</span>',
                    esc(line["text"]),
                )
            )
            for line in lines[-LINES_SHOWN_MAX:]
        ]
        self._lines.show(table((("After", "num"), ("", "name"), ("", "")), rows, "It has not said anything yet."))
        if len(lines) != self._told:
            self._told = len(lines)
            ui.run_javascript("{const e = document.getElementById('transcript'); if (e) e.scrollTop = e.scrollHeight;}")
