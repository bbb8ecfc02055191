"""``ground run``: a procedure, with a live transcript and a report."""

import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.text import Text

from ground.cli.commands import pairs
from ground.cli.options import FAILED_STATUS, json_option, plain_errors, socket_option, to_json
from ground.client import Client
from ground.client.procedure import Line, Procedure, lent_token

_STYLES = {"step": "bold", "step failed": "red", "failed": "red", "done": "green", "verified": "green", "sent": "dim"}


@click.command(name="run")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--report", "report_path", type=click.Path(path_type=Path, dir_okay=False), help="Write a report there.")
@json_option
@socket_option
def run_procedure(
    path: Path, arguments: tuple[str, ...], report_path: Path | None, as_json: bool, socket_path: str | Path
) -> None:
    """Run the procedure PATH, a Python file with a function of the name run.

    What it takes beside ``sc`` is given as KEY=VALUE. Exit status 1 if it does not come to its end.
    """
    console = Console(highlight=False)

    def tell(line: Line) -> None:
        if as_json:
            click.echo(to_json(msgspec.structs.asdict(line)))
        else:
            console.print(Text(str(line), style=_STYLES.get(line.kind, "")), soft_wrap=True)

    with plain_errors():
        procedure = Procedure.load(path)
        values = procedure.arguments(pairs(arguments))
        with Client.connect(socket_path, token=lent_token()) as client:
            report = procedure.run(client, values, tell)
        if report_path is not None:
            report_path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    if as_json:
        click.echo(to_json({"verdict": report.verdict, "reason": report.reason}))
    if not report.is_done:
        sys.exit(FAILED_STATUS)
