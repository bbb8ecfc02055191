"""``ground chat``, ``conversations`` and ``model``: what is said to the model on board, what it replied, and its care.

A prompt is a command, and goes up in the next contact like any other; a reply is telemetry, and comes as it is written
or, if contact was lost meanwhile, in the next pass. ``chat`` waits for either as long as it is let.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ccsds.errors import MisuseError
from ground.cli.commands import arm_command, send_and_follow
from ground.cli.options import FAILED_STATUS, Finite, json_option, plain_errors, socket_option, to_json
from ground.client import Client
from ground.client.packing import FAILURES, is_end_of_packing
from ground.conversations import GAP, PROMPT, ConversationBook
from ground.events import FINAL, Stage
from mission.definition import DICTIONARY
from mission.schedule import Switch

_FINAL_NAMES = frozenset(stage.name for stage in FINAL)


@click.command()
@click.argument("text", required=False)
@click.option("--conversation", "-c", type=click.IntRange(min=1), help="Its number; the latest one without it.")
@click.option("--new", "is_new", is_flag=True, help="Begin a conversation.")
@click.option("--temperature", type=Finite(0, 10), help="0 takes the likeliest token each time.")
@click.option("--top-k", type=click.IntRange(min=0), help="Only among the k likeliest tokens; 0 for all.")
@click.option("--top-p", type=Finite(0, 1), help="Only among the likeliest that make up p.")
@click.option("--seed", type=click.IntRange(min=0), help="Of every random choice in the reply.")
@click.option("--tokens", "tokens_max", type=click.IntRange(min=1), help="The most of a reply.")
@click.option("--telemetry", "is_told", is_flag=True, help="Tell the model what the spacecraft is like.")
@click.option("--no-wait", is_flag=True, help="Return once the prompt is on board.")
@click.option("--timeout", "timeout_s", type=Finite(min=0), help="Seconds to wait for a reply.")
@json_option
@socket_option
def chat(
    text: str | None,
    conversation: int | None,
    is_new: bool,
    is_told: bool,
    no_wait: bool,
    timeout_s: float | None,
    as_json: bool,
    socket_path: str | Path,
    **sampling: Any,
) -> None:
    """Say TEXT to the model on board, and print its reply as it comes; without TEXT, each line of standard input."""
    given = {name: value for name, value in sampling.items() if value is not None}
    given |= {"telemetry": Switch.ENABLED} if is_told else {}
    with plain_errors(), Client.connect(socket_path) as client:
        if is_new and conversation is not None:
            raise MisuseError("--new: expected no --conversation beside it")
        if text is not None and not text.strip():
            raise MisuseError("expected something to say, found nothing; without TEXT it is read from standard input")
        book = _Told(client)
        number = conversation or book.latest() + is_new or 1
        for said in [text] if text is not None else sys.stdin:
            if said.strip():
                _say(client, book, number, said.rstrip("\n"), given, no_wait, timeout_s, as_json)


@click.command()
@click.argument("conversation", required=False, type=click.IntRange(min=1))
@json_option
@socket_option
def conversations(conversation: int | None, as_json: bool, socket_path: str | Path) -> None:
    """Show the conversations that the station knows, or one of them."""
    with plain_errors(), Client.connect(socket_path) as client:
        known = client.state()["conversations"]
        if conversation is not None:
            if str(conversation) not in known:
                raise MisuseError(f"expected a conversation that was heard of ({', '.join(known) or 'none'})")
            known = {str(conversation): known[str(conversation)]}
    if as_json:
        click.echo(to_json(known))
        return
    console = Console()
    for number, turns in known.items():
        console.print(f"conversation {number}", style="bold")
        for turn in turns:
            console.print(f"{turn['turn']}> {turn['prompt'] or '(of another station)'}", style="cyan", markup=False)
            console.print(turn["reply"], markup=False, highlight=False)
            console.print(_end_line(turn["end"]), style="dim", markup=False)


@click.group()
def model() -> None:
    """Look after the models on board; `ground pack` makes what travels a thin link."""


def _model_command(name: str, word: str, text: str) -> None:
    """Make a command of the group that sends one without arguments."""

    def run(as_json: bool, socket_path: str | Path) -> None:
        with plain_errors(), Client.connect(socket_path) as client:
            _send(client, word, {}, as_json)

    model.command(name=name, help=text)(json_option(socket_option(run)))


_model_command("list", "model.list", "List the models in the store on board, and why one cannot be served.")
_model_command("report", "model.report", "Report what the slots hold, and which is served.")
_model_command("check", "model.check", "Ask the model that is served its canary now, and digest its weights.")
_model_command("roll-back", "model.roll_back", "Serve the model of the other slot again, or end a trial.")


@model.command()
@click.argument("name")
@click.option("--sha256", default="", help="Of the model; of a directory, of the list that sha256sum prints.")
@click.option("--canary", default="", help="What it is asked from time to time.")
@click.option("--answer", default="", help="How its answer to the canary begins.")
@json_option
@socket_option
def activate(name: str, sha256: str, canary: str, answer: str, as_json: bool, socket_path: str | Path) -> None:
    """Have the model NAME of the store loaded, and served if it answers as it should."""
    with plain_errors(), Client.connect(socket_path) as client:
        arguments = {"name": name, "sha256": sha256, "canary": canary, "answer": answer}
        _send(client, "model.activate", arguments, as_json)


@model.command()
@click.argument("name")
@json_option
@socket_option
def verify(name: str, as_json: bool, socket_path: str | Path) -> None:
    """Have the spacecraft tell the length and the SHA-256 of a file of a model."""
    with plain_errors(), Client.connect(socket_path) as client:
        command_id = client.send("file.attributes", {"name": name})
        # The report comes once the digest is computed: after the end of the command, or before it is known here.
        for event in client.events():
            match event:
                case {"type": "CommandStaged", "command_id": number, "stage": stage} if (
                    number == command_id and stage in _FINAL_NAMES and stage != Stage.COMPLETED.name
                ):
                    click.echo(f"ground: {stage}: {event['text']}", err=True)
                    sys.exit(FAILED_STATUS)
                case {"type": "ReportReceived", "name": "file_attributes", "values": values} if values["name"] == name:
                    told = values["failure"] or f"{values['size']} octets {values['sha256']}"
                    click.echo(to_json(values) if as_json else f"{name}: {told}")
                    return


def _packing_command(verb: str, text: str) -> None:
    """Make a command of the group that has a model packed or unpacked on board, and waits for the end of it."""

    def run(
        name: str, destination: str, base: str, timeout_s: float | None, as_json: bool, socket_path: str | Path
    ) -> None:
        with plain_errors(), Client.connect(socket_path) as client:
            arguments = {"name": name, "destination": destination, "base": base}
            command_id = client.send(f"model.{verb}", arguments)
            asked_ns: int | None = None
            for event in client.events(timeout_s):
                match event:
                    case {"type": "CommandIssued", "command_id": number} if number == command_id:
                        asked_ns = event["time_ns"]
                    case {"type": "CommandStaged", "command_id": number, "stage": stage} if (
                        number == command_id and stage in _FINAL_NAMES and stage != Stage.COMPLETED.name
                    ):
                        click.echo(f"ground: {stage}: {event['text']}", err=True)
                        sys.exit(FAILED_STATUS)
                    case {"type": "EventReported", "name": ended, "values": values} if (
                        asked_ns is not None and is_end_of_packing(event, name, destination, asked_ns)
                    ):
                        click.echo(to_json({"end": ended, **values}) if as_json else event["text"])
                        sys.exit(FAILED_STATUS if ended in FAILURES else 0)
            raise TimeoutError(f"expected {destination} within {timeout_s:g} s: it is not done, or was not heard of")

    run = click.option("--timeout", "timeout_s", type=Finite(min=0), help="Seconds to wait for its end.")(run)
    run = click.option("--base", default="", help="A model of the store that the other end holds, too.")(run)
    run = click.argument("name")(click.argument("destination")(json_option(socket_option(run))))
    model.command(name=verb, help=text)(run)


_packing_command("pack", "Have NAME of the store packed for a thin link as DESTINATION there.")
_packing_command(
    "unpack",
    "Have a model made, as DESTINATION, of the packed file NAME of the store. Of a file in layers that is on its way "
    "up what came is used.",
)


@model.command()
@click.argument("local", type=click.Path(path_type=Path, exists=True))
@click.argument("name")
@json_option
@socket_option
def upload(local: Path, name: str, as_json: bool, socket_path: str | Path) -> None:
    """Send a model, a file or a directory of files, to NAME in the store on board."""
    with plain_errors(), Client.connect(socket_path) as client:
        files = sorted(path for path in local.iterdir() if path.is_file()) if local.is_dir() else [local]
        for path in files:
            remote = f"{name}/{path.name}" if local.is_dir() else name
            transaction = client.put_file(path, remote)
            click.echo(to_json({"transaction": transaction, "name": remote}) if as_json else f"{transaction} {remote}")


@model.command()
@click.argument("conversation", type=click.IntRange(min=1))
@json_option
@socket_option
def forget(conversation: int, as_json: bool, socket_path: str | Path) -> None:
    """Have the spacecraft forget a conversation."""
    with plain_errors(), Client.connect(socket_path) as client:
        arm_command(client, DICTIONARY.command("chat.forget"), as_json=as_json, only_end=True)
        _send(client, "chat.forget", {"conversation": conversation}, as_json)


class _Told:
    """What the station knows of conversations, and what it hears of them from now on."""

    def __init__(self, client: Client) -> None:
        client.subscribe()
        self._known: dict[str, list[dict[str, Any]]] = client.state()["conversations"]
        self._heard = ConversationBook()

    def latest(self) -> int:
        """Give the number of the latest conversation, 0 if there is none."""
        return max(map(int, self._known), default=0)

    def next_turn(self, conversation: int) -> int:
        """Give the number of the next turn of a conversation."""
        before = max((turn["turn"] for turn in self._known.get(str(conversation), [])), default=0)
        return max(before, self._heard.last_turn(conversation)) + 1

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in an event of the station."""
        match event:
            case {"type": "CommandIssued", "name": name, "arguments": arguments}:
                self._heard.prompted(name, arguments)
            case {"type": "ReportReceived", "name": name, "values": values, "tai_ns": tai_ns}:
                self._heard.note(name, values, tai_ns)

    def reply(self, conversation: int, turn: int) -> dict[str, Any] | None:
        """Give what came of a reply."""
        return self._heard.reply(conversation, turn)


def _say(
    client: Client,
    book: _Told,
    conversation: int,
    text: str,
    sampling: Mapping[str, Any],
    no_wait: bool,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    """Give a prompt, and print what comes of it."""
    turn = book.next_turn(conversation)
    command_id = client.send(PROMPT, {"conversation": conversation, "turn": turn, "text": text, **sampling})
    printed, attempt, is_on_board = "", 0, False
    for event in client.events(timeout_s):
        book.hear(event)
        if event["type"] == "CommandStaged" and event["command_id"] == command_id:
            if event["stage"] not in _FINAL_NAMES:
                continue
            if event["stage"] != Stage.COMPLETED.name:
                click.echo(f"ground: {event['stage']}: {event['text']}", err=True)
                sys.exit(FAILED_STATUS)
            is_on_board = True
            if no_wait:
                click.echo(to_json({"conversation": conversation, "turn": turn}) if as_json else f"turn {turn} waits")
                return
        reply = book.reply(conversation, turn)
        if reply is None or as_json:
            if reply is not None and reply["end"] is not None and reply["is_whole"]:
                click.echo(to_json(reply))
                return
            continue
        if reply["attempt"] != attempt:
            if printed:
                click.echo("\n(begun anew)")
            printed, attempt = "", reply["attempt"]
        so_far = reply["reply"].split(GAP)[0]
        click.echo(so_far[len(printed) :], nl=False)
        printed = so_far
        if reply["end"] is not None and reply["is_whole"]:
            click.echo()
            click.echo(f"({_end_line(reply['end'])})", err=True)
            return
    where = "its reply is not whole" if is_on_board else "it is not on board"
    raise TimeoutError(f"expected the reply to turn {turn} within {timeout_s:g} s: {where}")


def _send(client: Client, name: str, arguments: Mapping[str, Any], as_json: bool) -> None:
    if send_and_follow(client, name, arguments, as_json=as_json) != Stage.COMPLETED.name:
        sys.exit(FAILED_STATUS)


def _end_line(end: Mapping[str, Any] | None) -> str:
    if end is None:
        return "not whole yet"
    rate = end["tokens_per_s"]
    return f"{end['end']} {end['reason']}".strip() + f", {end['tokens']} tokens" + (f", {rate:.1f}/s" if rate else "")
