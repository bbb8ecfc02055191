"""``ground stack``: commands of a file, sent one after another by the station."""

import sys
from typing import IO

import click
from rich.console import Console

from ground import presentation
from ground.cli.options import FAILED_STATUS, json_option, plain_errors, socket_option, to_json
from ground.client import Client

# So often it is asked how far the stack is.
LOOK_S = 0.2


@click.command()
@click.argument("file", type=click.File())
@click.option("--no-wait", is_flag=True, help="Start it, and leave it to the station.")
@json_option
@socket_option
def stack(file: IO[str], no_wait: bool, as_json: bool, socket_path: str) -> None:
    """Send the commands of FILE (- for standard input), one a line: NAME KEY=VALUE...

    Each is sent once the one before has completed; what fails stops it. All are checked before the first is sent. Empty
    lines and those that begin with # count for nothing. Ctrl-C has nothing more sent.
    """
    with plain_errors(), Client.connect(socket_path) as client:
        lines = [line.strip() for line in file if line.strip() and not line.lstrip().startswith("#")]
        client.subscribe()
        stack_id = client.stacks.start(lines)
        if no_wait:
            click.echo(to_json({"stack_id": stack_id}) if as_json else f"stack {stack_id}: under way")
            return
        try:
            told = _follow(client, stack_id, as_json=as_json)
        except KeyboardInterrupt:
            client.stacks.stop(stack_id)
            told = client.stacks.get(stack_id)
    if as_json:
        click.echo(to_json(told))
    else:
        click.echo(f"stack {stack_id}: {told['verdict']} {told['reason']}".rstrip())
    if told["verdict"] != "DONE":
        sys.exit(FAILED_STATUS)


def _follow(client: Client, stack_id: int, *, as_json: bool) -> dict:
    console = Console()
    while True:
        # What is told of a command came after the station knew that it belongs to the stack.
        events = list(client.events(LOOK_S))
        told = client.stacks.get(stack_id)
        for event in events:
            if event["type"] == "CommandStaged" and event["command_id"] in told["sent"] and not as_json:
                console.print(presentation.stage_line(event), soft_wrap=True)
        if told["verdict"] != "RUNNING":
            return told
