"""A job as it goes on: one bar on a terminal, a line of JSON for each report where programs read."""

from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ground.cli.options import to_json
from ground.client import Client

ENDED = frozenset({"DONE", "FAILED", "CANCELLED"})


def follow_job(client: Client, job_id: int, console: Console, *, as_json: bool) -> str:
    """Show how far a job is until it has ended, and give its last state.

    Raises:
        StationGoneError: The station has gone away.
    """
    client.subscribe()
    known = client.jobs().get(str(job_id), {})
    state = known.get("state") or "not heard of"
    if not known and not as_json:
        click.echo(f"job {job_id} was not heard of yet; it is waited for", err=True)
    columns = (
        TextColumn("job {task.fields[job_id]} {task.fields[state]}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=as_json or not console.is_terminal) as progress:
        bar = progress.add_task("job", total=1, job_id=job_id, state=state, loss="")
        if known.get("progress"):
            _show(progress, bar, known["progress"])
        while state not in ENDED:
            for event in client.next_events(1.0):
                values = event.get("values") or {}
                if values.get("job_id") != job_id:
                    continue
                if as_json:
                    click.echo(to_json(event))
                state = _state_of(event, values, state)
                progress.update(bar, state=state)
                if event.get("name") == "job_progress":
                    _show(progress, bar, values)
    return state


def _state_of(event: Mapping[str, Any], values: Mapping[str, Any], state: str) -> str:
    match event.get("name"):
        case "job_changed":
            return values["after"]
        case "job_report":
            return values["state"]
    return state


def _show(progress: Progress, bar: Any, values: Mapping[str, Any]) -> None:
    loss = values.get("loss")
    progress.update(
        bar,
        completed=values["step"],
        total=values["steps"],
        loss="" if loss is None else f"loss {loss:.4f}",
    )
