"""Files: ``ground put``, ``get``, ``ls``, ``rm``, ``mkdir``, ``mv``, ``transfers`` and ``transfer``.

Files travel by CFDP through any number of contacts; these commands only begin a transfer and watch it. What acts on
board does so by telecommand: ``ground get`` sends ``file.send``, and so on.
"""

import contextlib
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import click
from rich.console import Console

from ccsds.cfdp.codes import ChecksumType, TransmissionMode
from ccsds.errors import MisuseError, StarloopError
from ground import presentation
from ground.archive.history import History
from ground.cli.commands import arm_command, send_and_follow
from ground.cli.options import (
    FAILED_STATUS,
    INTERRUPTED_STATUS,
    Finite,
    json_option,
    plain_errors,
    socket_option,
    to_json,
)
from ground.cli.transfer_display import ENDS, TransferDisplay
from ground.client import Client, StationGoneError
from ground.client.client import ROWS_ASKED_MAX
from ground.events import FINAL, Stage
from ground.files import parse_transaction
from ground.transfer_options import PRIORITY_DEFAULT, TransferOptions, parse_request
from mission.definition import DICTIONARY
from mission.dictionary import Hazard

# A page of a list that was lost on its way is asked for again, so often.
LIST_TRIES_MAX = 4

# A report leaves with the verification of its command, or a frame or two after it.
REPORT_TIMEOUT_S = 5.0

_FINAL_NAMES = frozenset(stage.name for stage in FINAL)

_priority_option = click.option(
    "--priority",
    type=click.IntRange(0, 7),
    default=PRIORITY_DEFAULT,
    show_default=True,
    help="0 goes first; equals take turns.",
)
_class_option = click.option(
    "--class",
    "file_class",
    type=click.Choice(["1", "2"]),
    default="2",
    show_default=True,
    help="2 asks again for what is lost, 1 does not.",
)
_closure_option = click.option("--closure", is_flag=True, help="In class 1, ask for word of the end.")
_checksum_option = click.option(
    "--checksum",
    type=click.Choice([each.name.lower() for each in ChecksumType]),
    help="How the file is summed; else as the link profile has it.",
)
_then_option = click.option(
    "--then",
    "requests",
    multiple=True,
    metavar="'ACTION NAME [NAME]'",
    help="Have the receiver do this once the file is there: create-file, delete-file, rename-file, append-file, "
    "replace-file, create-directory, remove-directory, deny-file, deny-directory. May be given more than once; the "
    "first that fails ends it.",
)
_no_wait_option = click.option("--no-wait", is_flag=True, help="Return once it is begun.")
_timeout_option = click.option("--timeout", "timeout_s", type=Finite(min=0), help="Seconds to watch it.")


@click.command()
@click.argument("local", type=click.Path(path_type=Path))
@click.argument("remote", required=False)
@_priority_option
@_class_option
@_closure_option
@_checksum_option
@_then_option
@_no_wait_option
@_timeout_option
@json_option
@socket_option
def put(
    local: Path,
    remote: str | None,
    priority: int,
    file_class: str,
    closure: bool,
    checksum: str | None,
    requests: tuple[str, ...],
    no_wait: bool,
    timeout_s: float | None,
    as_json: bool,
    socket_path: str | Path,
) -> None:
    """Send the file LOCAL to the spacecraft, under the name REMOTE.

    A copy of it is sent, so LOCAL may change meanwhile. Ctrl-C ends the watching, not the transfer.
    """
    with plain_errors():
        options = TransferOptions(
            priority=priority,
            mode=TransmissionMode.ACKNOWLEDGED if file_class == "2" else TransmissionMode.UNACKNOWLEDGED,
            closure=True if closure else None,
            checksum=ChecksumType[checksum.upper()] if checksum else None,
            requests=tuple(parse_request(each) for each in requests),
        )
    with plain_errors(), Client.connect(socket_path) as client:
        state = client.subscribe()
        name = _named(remote, local.name)
        transaction = client.put_file(local, name, options)
        if no_wait:
            click.echo(to_json({"transaction": transaction}) if as_json else f"transfer {transaction}: begun")
            return
        with TransferDisplay(Console(), as_json, state["link"]) as display:
            if state["link"] != "UP":
                display.say("link DOWN: the file waits until the spacecraft is heard")
            end = _watch(client, display, transaction, timeout_s, lambda event: False)
    if end["type"] == "TransferFailed":
        sys.exit(FAILED_STATUS)


@click.command()
@click.argument("remote")
@click.argument("local", required=False, type=click.Path(path_type=Path))
@_priority_option
@_class_option
@_closure_option
@_checksum_option
@_then_option
@_no_wait_option
@_timeout_option
@json_option
@socket_option
def get(
    remote: str,
    local: Path | None,
    priority: int,
    file_class: str,
    closure: bool,
    checksum: str | None,
    requests: tuple[str, ...],
    no_wait: bool,
    timeout_s: float | None,
    as_json: bool,
    socket_path: str | Path,
) -> None:
    """Fetch the file REMOTE from the spacecraft; the station keeps it, and LOCAL is a copy.

    Ctrl-C ends the watching, not the transfer: the station has the file under its name once it is whole.
    """
    console = Console()
    with plain_errors():
        rows = [parse_request(each) for each in requests]
        if local is not None and not local.is_dir() and not local.absolute().parent.is_dir():
            raise MisuseError(f"{local}: expected a directory to put it in, found none at {local.absolute().parent}")
    with plain_errors(), Client.connect(socket_path) as client:
        state = client.subscribe()
        known = {each["transaction"] for each in client.transfers(ROWS_ASKED_MAX)}
        arguments = {"name": remote, "priority": priority}
        if file_class == "1":
            arguments["mode"] = "UNACKNOWLEDGED"
        if closure:
            arguments["closure"] = 1
        if checksum:
            arguments["checksum"] = checksum.upper()
        if rows:
            arguments["requests"] = [
                {"action": each.action.name, "first": each.first_name, "second": each.second_name} for each in rows
            ]
        command_id = client.send("file.send", arguments)
        if no_wait:
            click.echo(to_json({"command_id": command_id}) if as_json else f"file.send {command_id}: queued")
            return

        def is_ours(event: Mapping[str, Any]) -> bool:
            if event["type"] == "CommandStaged" and event["command_id"] == command_id:
                if event["stage"] in _FINAL_NAMES and event["stage"] != Stage.COMPLETED.name:
                    raise _NotDoneError(event)
            if event.get("direction") != "DOWN" or event["transaction"] in known:
                return False
            return (event["source_name"], event["destination_name"]) == (remote, remote)

        with TransferDisplay(console, as_json, state["link"]) as display:
            if state["link"] != "UP":
                display.say("link DOWN: the command waits until the spacecraft is heard")
            end = _watch(client, display, None, timeout_s, is_ours)
        if end["type"] == "TransferFailed":
            sys.exit(FAILED_STATUS)
        kept = client.files_directory() / remote
        if local is not None:
            target = local / kept.name if local.is_dir() else local
            shutil.copyfile(kept, target)
            kept = target
        if not as_json:
            console.print(str(kept), soft_wrap=True, highlight=False, markup=False)


@click.command()
@click.argument("directory", default="")
@json_option
@socket_option
def ls(directory: str, as_json: bool, socket_path: str | Path) -> None:
    """List what is in DIRECTORY of the spacecraft's files."""
    with plain_errors(), Client.connect(socket_path) as client:
        entries = _listed(client, directory.strip("/"))
    if as_json:
        click.echo(to_json(entries))
        return
    for entry in entries:
        is_directory = entry["kind"] == "DIRECTORY"
        size = "" if is_directory else presentation.octets_text(entry["size"])
        click.echo(f"{size:>12}  {entry['name']}{'/' if is_directory else ''}")


@click.command()
@click.argument("name")
@click.option("--directory", "-d", is_flag=True, help="Remove an empty directory.")
@json_option
@socket_option
def rm(name: str, directory: bool, as_json: bool, socket_path: str | Path) -> None:
    """Delete the file NAME on board."""
    _act("directory.remove" if directory else "file.delete", {"name": name.rstrip("/")}, as_json, socket_path)


@click.command()
@click.argument("name")
@json_option
@socket_option
def mkdir(name: str, as_json: bool, socket_path: str | Path) -> None:
    """Make the directory NAME on board."""
    _act("directory.make", {"name": name.rstrip("/")}, as_json, socket_path)


@click.command()
@click.argument("name")
@click.argument("destination")
@json_option
@socket_option
def mv(name: str, destination: str, as_json: bool, socket_path: str | Path) -> None:
    """Give the file NAME on board the name DESTINATION."""
    destination = _named(destination, PurePosixPath(name).name)
    _act("file.move", {"name": name, "destination": destination}, as_json, socket_path)


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
def transfers(limit: int, archive_path: Path | None, as_json: bool, socket_path: str | Path) -> None:
    """Show the latest transfers and how far they are."""
    with plain_errors():
        if archive_path is None:
            with Client.connect(socket_path) as client:
                known = client.transfers(limit)
        else:
            with contextlib.closing(History.open(archive_path)) as history:
                known = [asdict(each) for each in history.transfers(limit)]
    if as_json:
        click.echo(to_json(known))
    elif known:
        Console().print(presentation.transfers_table(known))
    else:
        click.echo("no file was on its way yet; send one with: ground put FILE")


@click.command()
@click.argument("action", type=click.Choice(["suspend", "resume", "cancel", "prompt", "watch"]))
@click.argument("transaction", metavar="TRANSFER")
@click.option(
    "--for",
    "response",
    type=click.Choice(["keep-alive", "nak"]),
    default="keep-alive",
    show_default=True,
    help="What a prompt wants: how far the receiver is, or what it misses.",
)
@json_option
@socket_option
def transfer(action: str, transaction: str, response: str, as_json: bool, socket_path: str | Path) -> None:
    """Act on TRANSFER, by the number that ``ground transfers`` shows.

    \b
    suspend  let it stand still, at the end that sends
    resume   let it go on
    cancel   end it at both ends
    prompt   have the end that sends ask the other one about it
    watch    show how far it is until it is over
    """  # noqa: D301  click takes the mark for text that it must not wrap
    with plain_errors():
        identity = parse_transaction(transaction)
        with Client.connect(socket_path) as client:
            state = client.subscribe()
        if action in ("suspend", "resume", "prompt") and identity.source != state["files"]["entity"]:
            # The sending end decides whether data flows; the station's own end only asks for what it misses.
            arguments: dict[str, Any] = {"source_entity": identity.source, "sequence": identity.sequence}
            if action == "prompt":
                arguments["response"] = response.upper().replace("-", "_")
            _act(f"transfer.{action}", arguments, as_json, socket_path)
            return
        with Client.connect(socket_path) as client:
            if action != "watch":
                client.act_on_transfer("prompt-nak" if (action, response) == ("prompt", "nak") else action, transaction)
                return
            state = client.subscribe()
            found = next(
                (each for each in client.transfers(ROWS_ASKED_MAX) if each["transaction"] == transaction), None
            )
            if found is None:
                raise MisuseError(f"expected a transfer that the station knows (ground transfers), found {transaction}")
            if found["outcome"] != "UNDER_WAY":
                click.echo(to_json(found) if as_json else presentation.transfer_state(found))
                sys.exit(FAILED_STATUS if found["outcome"] == "FAILED" else 0)
            with TransferDisplay(Console(), as_json, state["link"]) as display:
                end = _watch(client, display, transaction, None, lambda event: False)
    if end["type"] == "TransferFailed":
        sys.exit(FAILED_STATUS)


class _NotDoneError(StarloopError):
    """A command ended before it was done."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        super().__init__(presentation.stage_line(event).plain)


def _watch(
    client: Client,
    display: TransferDisplay,
    transaction: str | None,
    timeout_s: float | None,
    is_ours: Callable[[Mapping[str, Any]], bool],
) -> Mapping[str, Any]:
    """Show a transfer until it is over, and give the event of its end.

    Args:
        client: The station.
        display: Where it is shown.
        transaction: Which, or None: the first that `is_ours` tells.
        timeout_s: How long at most.
        is_ours: Looks at every event until the transfer is known.

    Raises:
        TimeoutError: It is not over in time.
    """
    try:
        for event in client.events(timeout_s):
            if transaction is None and is_ours(event):
                transaction = event["transaction"]
            if event["type"] == "LinkChanged":
                display.show(event)
            if transaction is None or event.get("transaction") != transaction or "direction" not in event:
                continue
            display.show(event)
            if event["type"] in ENDS:
                return event
    except KeyboardInterrupt:
        known = "the command is on its way" if transaction is None else f"transfer {transaction} goes on"
        display.say(f"{known}; see: ground transfers")
        sys.exit(INTERRUPTED_STATUS)
    except StationGoneError:
        if transaction is not None:
            display.say(f"transfer {transaction} goes on once a station serves again")
        raise
    known = "the transfer" if transaction is None else f"transfer {transaction}"
    raise TimeoutError(f"expected {known} to be over within {timeout_s:g} s, found it on its way still; it goes on")


def _listed(client: Client, directory: str) -> list[dict[str, Any]]:
    """Ask for a directory, page by page.

    Raises:
        _NotDoneError: The spacecraft refuses.
        TimeoutError: No answer came.
    """
    entries: list[dict[str, Any]] = []
    client.subscribe()
    for _ in range(LIST_TRIES_MAX):
        page = _page(client, directory, len(entries))
        while page is not None:
            entries += page["entries"]
            if len(entries) >= page["total"] or not page["entries"]:
                return entries
            page = _page(client, directory, len(entries))
    raise TimeoutError(f"expected a list of {directory or 'the files'}, found no report in {LIST_TRIES_MAX} tries")


def _page(client: Client, directory: str, first: int) -> dict[str, Any] | None:
    """Ask for one page; None if its report was lost on the way."""
    client.read_events()
    command_id = client.send("file.list", {"directory": directory, "first": first})
    final = client.wait(command_id)
    if final["stage"] != Stage.COMPLETED.name:
        raise _NotDoneError(final)
    for event in client.events(REPORT_TIMEOUT_S):
        if event["type"] == "ReportReceived" and event["name"] == "file_list":
            values = event["values"]
            if (values["directory"], values["first"]) == (directory, first):
                return values
    return None


def _act(name: str, arguments: Mapping[str, Any], as_json: bool, socket_path: str | Path) -> None:
    """Send a command, armed first if it is hazardous, and show how it ends."""
    command = DICTIONARY.command(name)
    with plain_errors(), Client.connect(socket_path) as client:
        if command.hazard is not Hazard.NONE:
            arm_command(client, command, as_json=as_json, only_end=True)
        final = send_and_follow(client, name, arguments, as_json=as_json, only_end=True)
    if final != Stage.COMPLETED.name:
        sys.exit(FAILED_STATUS)


def _named(given: str | None, own: str) -> str:
    """Give a name on board: as given, or the file's own, in the directory that is given with a slash at its end."""
    if given is None:
        return own
    return given + own if given.endswith("/") else given
