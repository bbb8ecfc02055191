"""``ground time``: the on-board clock against the station's."""

from pathlib import Path

import click
from rich.console import Console

from ground import presentation
from ground.cli.options import json_option, plain_errors, socket_option, to_json
from ground.client import Client


@click.command()
@json_option
@socket_option
def time(as_json: bool, socket_path: str | Path) -> None:
    """Show on-board time beside UTC: offset, drift, light time, and how well each is known.

    It takes time reports: ``ground send time.report_rate exponent=0``. To set the clock right:
    ``ground send time.adjust offset=...`` with the offset shown, its sign turned.
    """
    with plain_errors(), Client.connect(socket_path) as client:
        known = client.state()["onboard_time"]
    if as_json:
        click.echo(to_json(known))
    else:
        Console().print(presentation.time_table(known))
