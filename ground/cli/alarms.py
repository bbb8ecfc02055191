"""``ground alarms``: what stands out, and what an operator does about it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ground.cli.options import Finite, json_option, plain_errors, socket_option, to_json
from ground.client import Client
from ground.time_text import NS_PER_S

_STYLES = {"CRITICAL": "bold red", "WARNING": "yellow", "NORMAL": "none"}


@click.group(invoke_without_command=True)
@json_option
@socket_option
@click.pass_context
def alarms(context: click.Context, as_json: bool, socket_path: str | Path) -> None:
    """Show the alarms, the worst first; acknowledge or shelve one."""
    context.obj = socket_path
    if context.invoked_subcommand is not None:
        return
    with plain_errors(), Client.connect(socket_path) as client:
        found = client.alarms()
    if as_json:
        click.echo(to_json(found))
        return
    table = Table()
    for heading in ("parameter", "level", "state", "value", "since (UTC)", "by"):
        table.add_column(heading)
    for each in found:
        value = "" if each["value"] is None else f"{each['value']:.6g}"
        since = datetime.fromtimestamp((each["since_unix_ns"] or 0) // NS_PER_S, UTC)
        style = _STYLES[each["level"]]
        table.add_row(
            each["parameter"],
            each["level"],
            each["state"],
            value,
            f"{since:%Y-%m-%d %H:%M:%S}",
            each["actor"],
            style=style,
        )
    Console().print(table if found else "no alarms")


@alarms.command()
@click.argument("parameter")
@json_option
@click.pass_obj
def ack(socket_path: str | Path, parameter: str, as_json: bool) -> None:
    """Say that you know of an alarm."""
    _do(socket_path, lambda client: client.acknowledge_alarm(parameter), as_json=as_json)


@alarms.command()
@click.argument("parameter")
@click.option("--for", "minutes", default=60.0, show_default=True, type=Finite(min=0.01), help="Minutes.")
@json_option
@click.pass_obj
def shelve(socket_path: str | Path, parameter: str, minutes: float, as_json: bool) -> None:
    """Put an alarm away for a time; then it is back if its value is still beyond its limits."""
    _do(socket_path, lambda client: client.shelve_alarm(parameter, minutes * 60), as_json=as_json)


@alarms.command()
@click.argument("parameter")
@json_option
@click.pass_obj
def unshelve(socket_path: str | Path, parameter: str, as_json: bool) -> None:
    """Take an alarm off the shelf."""
    _do(socket_path, lambda client: client.unshelve_alarm(parameter), as_json=as_json)


@alarms.command()
@json_option
@click.pass_obj
def reload(socket_path: str | Path, as_json: bool) -> None:
    """Have the station read its file of limits and derived parameters again."""
    _do(socket_path, lambda client: client.reload_rules(), as_json=as_json)


def _do(socket_path: str | Path, act: Callable[[Client], None], *, as_json: bool) -> None:
    """Do something, and print for programs which alarms there are then."""
    with plain_errors(), Client.connect(socket_path) as client:
        act(client)
        if as_json:
            click.echo(to_json(client.alarms()))
