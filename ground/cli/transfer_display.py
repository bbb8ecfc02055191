"""A transfer as it goes, for a person at a terminal: one line with a bar, the rate, and the time left in contact.

Rates are of contact time, which the station counts in its events: what is not heard takes no time from them.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ground import presentation
from ground.cli.options import to_json

# Of the latest rate in the mean that is shown: about the last five reports count.
_WEIGHT = 0.3

ENDS = ("TransferFinished", "TransferFailed")
"""The events with which a transfer is over."""


class Rate:
    """Octets a second of contact, from reports of how far a transfer is."""

    def __init__(self) -> None:
        self.octets_per_s: float | None = None
        self._before: tuple[int, int] | None = None

    def note(self, done_octets: int, contact_ns: int) -> None:
        """Take a report."""
        if self._before is not None:
            done, before_ns = self._before
            if contact_ns <= before_ns:
                return
            latest = (done_octets - done) * 1e9 / (contact_ns - before_ns)
            old = self.octets_per_s
            self.octets_per_s = latest if old is None else _WEIGHT * latest + (1 - _WEIGHT) * old
        self._before = done_octets, contact_ns


class TransferDisplay:
    """Shows one transfer: as a live line on a terminal, else a line an event, of text or of JSON.

    Args:
        console: Where.
        as_json: For programs.
        link: Name of the link's state at the start.
    """

    def __init__(self, console: Console, as_json: bool, link: str) -> None:
        self._console = console
        self._as_json = as_json
        self._link = link
        self._rate = Rate()
        self._task: TaskID | None = None
        self._latest: Mapping[str, Any] | None = None
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
            disable=as_json or not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Mapping[str, Any]) -> None:
        """Show an event of the transfer, or of the link."""
        kind = event["type"]
        if kind == "LinkChanged":
            self._link = event["state"]
        elif self._as_json:
            click.echo(to_json(event))
        elif kind in ENDS:
            self._progress.stop()
            self._console.print(presentation.event_line(event).plain.split(None, 1)[1], soft_wrap=True)
            return
        elif not self._console.is_terminal:
            click.echo(event["line"])
        if kind == "TransferProgressed":
            self._rate.note(event["done_octets"], event["contact_ns"])
            self._latest = event
        self._draw(event if kind.startswith("Transfer") else self._latest)

    def say(self, text: str) -> None:
        """Show a word about it, to persons."""
        if not self._as_json:
            self._progress.console.print(text, style="yellow", soft_wrap=True)

    def _draw(self, event: Mapping[str, Any] | None) -> None:
        if event is None or self._progress.disable:
            return
        done = self._latest["done_octets"] if self._latest is not None else 0
        size = event["size_octets"]
        if self._task is None:
            self._task = self._progress.add_task("", total=size, note="")
        self._progress.update(
            self._task,
            description=presentation.transfer_name(event),
            total=size,
            completed=done,
            note=self._note(event, done, size),
        )

    def _note(self, event: Mapping[str, Any], done: int, size: int | None) -> str:
        shown = presentation.octets_text(done) + ("" if size is None else f" of {presentation.octets_text(size)}")
        if event["type"] == "TransferSuspended":
            return f"{shown}, suspended"
        if self._link != "UP":
            return f"{shown}, link {self._link}: waits for contact"
        rate = self._rate.octets_per_s
        if size is not None and done >= size:
            return f"{shown}, {event.get('state', 'to be confirmed')}"
        if not rate or size is None:
            return shown
        left_s = round((size - done) / rate)
        return f"{shown}, {presentation.octets_text(rate)}/s, {left_s // 60}:{left_s % 60:02} of contact left"
