"""``ground send``, ``commands`` and ``jobs``: telecommands, what became of them, and the jobs that they began."""

import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.text import Text

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ground import presentation
from ground.archive.history import History
from ground.cli.job_display import follow_job
from ground.cli.options import FAILED_STATUS, Finite, json_option, plain_errors, socket_option, to_json
from ground.client import Client
from ground.events import FINAL, Stage, plain
from mission.channels import Downlink
from mission.definition import DICTIONARY
from mission.dictionary import Command, Hazard

_FINAL_NAMES = frozenset(stage.name for stage in FINAL)


class _SendCommand(click.Command):
    """A command whose ``NAME --help`` tells about the telecommand of that name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = [each for each in args if each in DICTIONARY.commands]
        if named and ctx.help_option_names and any(each in ctx.help_option_names for each in args):
            Console().print(presentation.command_help(DICTIONARY.commands[named[0]]))
            ctx.exit()
        return super().parse_args(ctx, args)


def _complete_name(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [
        CompletionItem(name, help=command.description)
        for name, command in sorted(DICTIONARY.commands.items())
        if name.startswith(incomplete)
    ]


@click.command(cls=_SendCommand)
@click.argument("name", required=False, shell_complete=_complete_name)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--list", "list_them", is_flag=True, help="List all commands; with NAME, tell all about that one.")
@click.option("--arm", "is_armed", is_flag=True, help="Arm a hazardous command first, and send it once that is done.")
@click.option("--bd", is_flag=True, help="Bypass COP-1's sequence, for recovery.")
@click.option("--no-wait", is_flag=True, help="Return once the station has it in its archive.")
@click.option("--timeout", "timeout_s", type=Finite(min=0), help="Seconds to wait for its end.")
@json_option
@socket_option
def send(
    name: str | None,
    arguments: tuple[str, ...],
    list_them: bool,
    is_armed: bool,
    bd: bool,
    no_wait: bool,
    timeout_s: float | None,
    as_json: bool,
    socket_path: str | Path,
) -> None:
    """Send the command NAME and print each verification stage as it comes.

    ``ground send NAME --help`` tells about one command.
    """
    console = Console()
    with plain_errors():
        if list_them or name is None:
            if name is None and not list_them:
                raise MisuseError("expected the name of a command, found none; ground send --list shows all")
            named = None if name is None else DICTIONARY.command(name)
            console.print(presentation.command_list(DICTIONARY) if named is None else presentation.command_help(named))
            return
        command = DICTIONARY.command(name)
        values = command.arguments.parse(pairs(arguments))
        with Client.connect(socket_path) as client:
            service = Service.BD if bd else Service.AD
            if is_armed:
                arm_command(client, command, service=service, timeout_s=timeout_s, as_json=as_json)
            if no_wait:
                command_id = client.send(name, values, service=service)
                click.echo(to_json({"command_id": command_id}) if as_json else f"{name} {command_id}: queued")
                return
            final = send_and_follow(client, name, values, service=service, timeout_s=timeout_s, as_json=as_json)
    if final != Stage.COMPLETED.name:
        sys.exit(FAILED_STATUS)


@click.command()
@click.argument("name", shell_complete=_complete_name)
@click.option("--timeout", "timeout_s", type=Finite(min=0), help="Seconds to wait for its end.")
@json_option
@socket_option
def arm(name: str, timeout_s: float | None, as_json: bool, socket_path: str | Path) -> None:
    """Arm the hazardous command NAME on board, for one use within two minutes."""
    with plain_errors(), Client.connect(socket_path) as client:
        arm_command(client, DICTIONARY.command(name), service=Service.AD, timeout_s=timeout_s, as_json=as_json)


@click.command()
@click.argument("job_id", type=click.IntRange(min=1), required=False)
@click.option("--wait", is_flag=True, help="With JOB_ID, show how far it is until it has ended.")
@json_option
@socket_option
def jobs(job_id: int | None, wait: bool, as_json: bool, socket_path: str | Path) -> None:
    """Show the jobs on board, as far as they were heard of; with JOB_ID, all that is known of that one.

    What is known comes from telemetry; ``ground send job.report job_id=N`` asks for it.
    """
    with plain_errors():
        if wait and job_id is None:
            raise MisuseError("--wait: expected the number of a job, found none")
        with Client.connect(socket_path) as client:
            if wait and job_id is not None:
                follow_job(client, job_id, Console(), as_json=as_json)
            known = client.jobs()
        if job_id is not None and str(job_id) not in known:
            heard = ", ".join(known) or "none"
            raise MisuseError(f"expected a job that was heard of ({heard}), found {job_id}")
    if as_json:
        click.echo(to_json(known if job_id is None else known[str(job_id)]))
    elif job_id is not None:
        Console().print(presentation.job_details(job_id, known[str(job_id)]))
    elif known:
        Console().print(presentation.JobsTable(known))
    else:
        click.echo("no job was heard of yet; submit one with: ground send job.submit job_id=1 ...")


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
@click.option(
    "--archive",
    "archive_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read this archive instead of asking the station.",
)
@json_option
@socket_option
def commands(limit: int, archive_path: Path | None, as_json: bool, socket_path: str | Path) -> None:
    """Show the latest commands with all their stages, from the archive."""
    with plain_errors():
        known = _commands(limit, archive_path, socket_path)
    if as_json:
        click.echo(to_json(known))
    else:
        Console().print(presentation.commands_history(known), soft_wrap=True)


def _commands(limit: int, archive_path: Path | None, socket_path: str | Path) -> list[dict[str, Any]]:
    if archive_path is None:
        with Client.connect(socket_path) as client:
            return client.commands(limit)
    with contextlib.closing(History.open(archive_path)) as history:
        return [plain(asdict(each)) for each in history.commands(limit)]


def arm_command(
    client: Client,
    command: Command,
    *,
    service: Service = Service.AD,
    timeout_s: float | None = None,
    as_json: bool = False,
    only_end: bool = False,
) -> None:
    """Have the spacecraft let one command of a kind through; end the program if it does not."""
    if command.hazard is Hazard.NONE:
        raise MisuseError(f"{command.name}: expected a hazardous command to arm, found one that needs no arming")
    arguments = {"service": command.service, "subtype": command.subtype}
    final = send_and_follow(
        client, "command.arm", arguments, service=service, timeout_s=timeout_s, as_json=as_json, only_end=only_end
    )
    if final != Stage.COMPLETED.name:
        sys.exit(FAILED_STATUS)


def send_and_follow(
    client: Client,
    name: str,
    arguments: Mapping[str, Any],
    *,
    service: Service = Service.AD,
    timeout_s: float | None = None,
    as_json: bool = False,
    only_end: bool = False,
) -> str:
    """Send a command, print every stage of it until it ends, or only the last, and give that.

    With the stages come the live reports of its service: what it asked for, if it asked for something.

    Raises:
        TimeoutError: It has not ended in time.
    """
    console = Console()
    state = client.subscribe()
    command_id = client.send(name, arguments, service=service)
    if state.get("link", "UP") != "UP" and not as_json:
        until = "it is sent blind" if service is Service.BD else "the command waits until the spacecraft is heard"
        console.print(f"link DOWN: {until}", style="yellow")
    number = DICTIONARY.command(name).service
    for event in client.events(timeout_s):
        if _answers(event, number) and not only_end:
            _show(console, event, presentation.report_lines, as_json=as_json)
        if event["type"] != "CommandStaged" or event["command_id"] != command_id:
            continue
        is_end = event["stage"] in _FINAL_NAMES
        if as_json or is_end or not only_end:
            _show(console, event, presentation.stage_line, as_json=as_json)
        if is_end:
            return event["stage"]
    raise TimeoutError(f"expected command {command_id} to end within {timeout_s:g} s, found it on its way still")


def _answers(event: Mapping[str, Any], service: int) -> bool:
    """Tell whether an event is a live report of a service."""
    is_report = event["type"] == "ReportReceived"
    return is_report and event["service"] == service and event["virtual_channel"] == Downlink.LIVE


def _show(
    console: Console, event: Mapping[str, Any], look: Callable[[Mapping[str, Any]], Text], *, as_json: bool
) -> None:
    if as_json:
        click.echo(to_json(event))
    else:
        console.print(look(event), soft_wrap=True)


def pairs(arguments: tuple[str, ...]) -> dict[str, str]:
    """Read what was typed as key=value.

    Raises:
        MisuseError: It is something else, or a key comes twice.
    """
    pairs: dict[str, str] = {}
    for each in arguments:
        name, equals, text = each.partition("=")
        if not equals:
            raise MisuseError(f"expected arguments as key=value, found {each!r}")
        if name in pairs:
            raise MisuseError(f"{name}: expected one value, found two")
        pairs[name] = text
    return pairs
