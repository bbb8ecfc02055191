"""``ground login`` and ``ground logout``: a session at a station of the web, for the other commands to use."""

import sys

import click

from ccsds.errors import MisuseError
from ground.cli.options import json_option, plain_errors, tell
from ground.client import Client
from ground.client.place import Place, is_loopback
from ground.client.sessions import log_in, log_out, remember, session_at


@click.command()
@click.argument("address")
@click.option("--name", required=True, help="Who you are there.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@json_option
def login(address: str, name: str, password_stdin: bool, as_json: bool) -> None:
    """Log in at ADDRESS (https://HOST:PORT); then give it to other commands as --socket.

    A certificate that was signed by none that this computer trusts is trusted if SSL_CERT_FILE names it.
    """
    with plain_errors():
        place = _web(address)
        if password_stdin:
            password = sys.stdin.readline().rstrip("\n")
        else:
            password = click.prompt("Password", hide_input=True)
        token = log_in(place, name, password)
        remember(place, token)
        with Client.connect(str(place), token=token) as client:
            who = client.who()
    tell(who, f"{who['name']}, {who['role']}; ground commands take --socket {place}", as_json=as_json)


@click.command()
@click.argument("address")
@json_option
def logout(address: str, as_json: bool) -> None:
    """End the session at ADDRESS."""
    with plain_errors():
        place = _web(address)
        token = session_at(place)
        if token is None:
            raise MisuseError(f"expected a session at {place}, found none")
        try:
            log_out(place, token)
        finally:
            remember(place, None)
    tell({"left": str(place)}, f"no session at {place} any more", as_json=as_json)


def _web(address: str) -> Place:
    place = Place.of(address)
    if place.socket_path is not None:
        raise MisuseError(f"expected https://HOST:PORT, found {address!r}; a local socket needs no log-in")
    if place.scheme == "http" and not is_loopback(place.host):
        raise MisuseError(f"expected https://HOST:PORT, found {address!r}: password and session would travel readable")
    return place
