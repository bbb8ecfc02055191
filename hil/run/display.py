"""What a person sees while a scenario runs: each command with its stages, the loss as it falls, and a closing table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from hil.run.run import Result
from hil.scenario.scenario import Scenario

NS_PER_S = 1_000_000_000

# A line of loss each time this many steps were made, so that a thousand steps are twenty lines.
LINES_OF_LOSS = 20

_STAGE_COLOURS = {"COMPLETED": "green", "REFUSED": "red", "FAILED": "red", "LOST": "red"}
_EVENT_COLOURS = {"worker_lost": "red", "job_resumed": "cyan", "command_repeated": "yellow", "job_changed": "cyan"}


class Display:
    """Shows the events of a run on a terminal, or in a log where there is none.

    Args:
        console: Where to.
        scenario: What runs.
    """

    def __init__(self, console: Console, scenario: Scenario) -> None:
        self._console = console
        self._scenario = scenario
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._next_step = 0
        # A run has some hundreds at most.
        self._automatic: set[int] = set()

    def __enter__(self) -> "Display":
        self._progress.start()
        self._task = self._progress.add_task("waiting for the job", total=None, completed=0)
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def watch(self, source: str, event: Mapping[str, Any]) -> None:
        """Show one event, if it is worth a line."""
        match event:
            case {"type": "CommandIssued", "is_automatic": True}:
                self._automatic.add(event["command_id"])
            case {"type": "CommandStaged", "command_id": command_id} if command_id in self._automatic:
                pass  # The station's own household; the report has them.
            case {"type": "CommandStaged", "stage": stage}:
                colour = _STAGE_COLOURS.get(stage, "white")
                tries = f" (try {event['attempt']})" if event["attempt"] > 1 else ""
                text = f": {event['text']}" if event["text"] else ""
                self._line(event, f"{event['name']:22} [{colour}]{stage.lower()}[/]{tries}{text}")
            case {"type": "ReportReceived", "name": "job_progress", "values": values}:
                self._show_progress(event, values)
            case {"type": "EventReported", "name": name, "text": text} if source == "station":
                self._line(event, f"[{_EVENT_COLOURS.get(name, 'dim')}]on board: {text}[/]")
            case {"type": "CopAlert", "reason": reason}:
                self._line(event, f"[yellow]COP-1 alert: {reason}[/]")
            case {"type": "OctetsLost", "text": text}:
                self._line(event, f"[magenta]link {text}[/]")
            case {"type": "FaultStruck", "text": text}:
                self._line(event, f"[red]fault: {text}[/]")

    def _show_progress(self, event: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        step, steps, loss = values["step"], values["steps"], values["loss"]
        shown = "" if loss is None else f"loss {loss:.3f}"
        if self._task is not None:
            self._progress.update(self._task, description=f"training {shown}", completed=step, total=steps)
        if step >= self._next_step and loss is not None:
            self._next_step = step + max(steps // LINES_OF_LOSS, 1)
            validation = values["validation_loss"]
            validated = "" if validation is None else f"  validation {validation:.3f}"
            rate = f"{values['tokens_per_s'] or 0:,.0f} tokens/s"
            self._line(
                event, f"step {step}/{steps}  loss {loss:.3f}{validated}  {rate}  {values['eta'] or 0:.0f} s left"
            )

    def _line(self, event: Mapping[str, Any], text: str) -> None:
        self._progress.console.print(f"[dim]{event['time_ns'] / NS_PER_S:8.2f} s[/]  {text}")


def show_result(console: Console, result: Result, folder: Path) -> None:
    """Print the closing table of a run."""
    for job_id, sample in result.evidence.samples.items():
        console.print(f"\n[bold]What the model of job {job_id} wrote[/]")
        console.print(sample.strip(), style="italic", markup=False)
    table = Table(title="\nWhat was expected, and what was found", title_style="bold", title_justify="left")
    table.add_column("")
    table.add_column("check")
    table.add_column("found")
    for check in result.checks:
        table.add_row("[green]✓[/]" if check.ok else "[red]✗[/]", check.name, check.evidence)
    console.print(table)
    verdict = "[bold green]PASS[/]" if result.is_pass else "[bold red]FAIL[/]"
    console.print(
        f"{verdict}  {result.mission_s:.1f} s of mission in {result.wall_s:.1f} s; report: {folder / 'report.html'}"
    )
