"""``ground users``: the people who may come in at a station's web address."""

import sys
from pathlib import Path

import click

from ccsds.errors import MisuseError
from ground.access.principal import Role
from ground.access.users import User, Users
from ground.cli.options import json_option, plain_errors, tell, to_json

_ROLES = [role.name.lower() for role in Role if role is not Role.NOBODY]

_file_option = click.option(
    "--users",
    "users_path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file of the people; the station reads it with `ground serve --users`.",
)


@click.group()
def users() -> None:
    """Say who may come in at a station's web address, and what they may do there."""


@users.command()
@click.argument("name")
@click.option("--role", type=click.Choice(_ROLES), default="viewer", show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@json_option
@_file_option
def add(name: str, role: str, password_stdin: bool, as_json: bool, users_path: Path) -> None:
    """Add the person NAME, or change that person's role and password."""
    with plain_errors():
        if password_stdin:
            password = sys.stdin.readline().rstrip("\n")
        else:
            password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        Users(users_path).put(User.make(name, Role[role.upper()], password))
    tell({name: role}, f"{name} is a {role} of the stations that use {users_path}", as_json=as_json)


@users.command()
@click.argument("name")
@json_option
@_file_option
def remove(name: str, as_json: bool, users_path: Path) -> None:
    """Take the person NAME out; sessions of that person end."""
    with plain_errors():
        Users(users_path).remove(name)
    tell({"removed": name}, f"{name} is out of {users_path}", as_json=as_json)


@users.command(name="list")
@json_option
@_file_option
def list_users(as_json: bool, users_path: Path) -> None:
    """Show everybody, and what they may do."""
    with plain_errors():
        if not users_path.exists():
            raise MisuseError(f"expected a file of users at {users_path}, found none")
        known = {each.name: each.role.lower() for each in Users(users_path).all().values()}
    if as_json:
        click.echo(to_json(known))
    else:
        for name, role in known.items():
            click.echo(f"{name:<32} {role}")
