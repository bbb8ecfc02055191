"""``ground keys``: a new pair of key files, and the keys of a running station."""

import secrets
from pathlib import Path

import click
from rich.console import Console

from ccsds.errors import MisuseError
from ccsds.sdls.association import HeaderMask, Suite
from ccsds.sdls.key_file import GENERATIONS_DEFAULT, GENERATIONS_MAX, End, generate_keys
from ground import presentation
from ground.cli.options import json_option, plain_errors, socket_option, tell, to_json
from ground.client import Client
from mission.channels import PROTECTED_CHANNELS
from mission.profile_file import open_profile
from ports.key_directory import create_key_file

# COP-1 numbers a frame after it was protected, so on this link nobody can authenticate the whole of a header.
_MASKS = (HeaderMask.SETTLED_HEADER, HeaderMask.CHANNEL_ONLY)


@click.group()
def keys() -> None:
    """Make a pair of key files; show and change the keys of a running station."""


@keys.command("new")
@click.argument("ground_file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("spacecraft_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--suite",
    type=click.Choice([each.value for each in Suite]),
    default=Suite.AES_256_GCM.value,
    show_default=True,
    help="Encrypt and authenticate, or only authenticate.",
)
@click.option(
    "--generations",
    type=click.IntRange(2, GENERATIONS_MAX),
    default=GENERATIONS_DEFAULT,
    show_default=True,
    help="Keys of each channel: one in use, one to recover with, the others to change to.",
)
@click.option("--profile", default="serial", show_default=True, help="Of the link: whether commands go in segments.")
@click.option(
    "--mask",
    type=click.Choice([each.value for each in _MASKS]),
    default=HeaderMask.SETTLED_HEADER.value,
    show_default=True,
    help="What of a frame's header is authenticated: all that is not set after protection, or the least there may be.",
)
@json_option
def keys_new(
    ground_file: Path, spacecraft_file: Path, suite: str, generations: int, profile: str, mask: str, as_json: bool
) -> None:
    """Make a new pair: GROUND_FILE stays here, SPACECRAFT_FILE is moved to the board.

    Files that exist are never overwritten. Keep no copy of either.
    """
    with plain_errors():
        files = generate_keys(
            PROTECTED_CHANNELS,
            secrets.token_bytes,
            generations=generations,
            suite=Suite(suite),
            mask=HeaderMask(mask),
            segmented=open_profile(profile).segmented_channels,
        )
        create_key_file(ground_file, files[End.GROUND].encode())
        try:
            create_key_file(spacecraft_file, files[End.SPACECRAFT].encode())
        except (MisuseError, OSError):
            # Half a pair is of no use, and this half was used by nobody yet.
            ground_file.unlink()
            raise
    made = {"set_id": files[End.GROUND].set_id, "ground": str(ground_file), "spacecraft": str(spacecraft_file)}
    text = (
        f"keys {files[End.GROUND].set_id[:8]}: {ground_file} and {spacecraft_file}\n"
        f"move {spacecraft_file} to the board, keep no copy, then:\n"
        f"  flight --keys {spacecraft_file.name} --link ...     ground serve --keys {ground_file} --link ..."
    )
    tell(made, text, as_json=as_json)


@keys.command("list")
@json_option
@socket_option
def keys_list(as_json: bool, socket_path: str | Path) -> None:
    """Show the keys of the ground and how far their counters are."""
    with plain_errors(), Client.connect(socket_path) as client:
        known = client.keys()
    if as_json:
        click.echo(to_json(known))
    else:
        Console().print(presentation.keys_table(known))


@keys.command("activate")
@click.argument("spi", type=int)
@json_option
@socket_option
def keys_activate(spi: int, as_json: bool, socket_path: str | Path) -> None:
    """Take key SPI into use at the ground: send under it, or accept telemetry under it."""
    _operate_key("activate", spi, as_json, socket_path)


@keys.command("deactivate")
@click.argument("spi", type=int)
@json_option
@socket_option
def keys_deactivate(spi: int, as_json: bool, socket_path: str | Path) -> None:
    """Take key SPI out of use at the ground; it can be activated again."""
    _operate_key("deactivate", spi, as_json, socket_path)


@keys.command("destroy")
@click.argument("spi", type=int)
@json_option
@socket_option
def keys_destroy(spi: int, as_json: bool, socket_path: str | Path) -> None:
    """Erase key SPI at the ground, for ever; it must not be active."""
    _operate_key("destroy", spi, as_json, socket_path)


def _operate_key(operation: str, spi: int, as_json: bool, socket_path: str | Path) -> None:
    with plain_errors(), Client.connect(socket_path) as client:
        known = client.keys(operation, spi)
    row = next(each for each in known["keys"] if each["spi"] == spi)
    text = f"SPI {spi} ({row['link']} {row['virtual_channel']}): {row['state']}{', sends' * row['sends']}"
    tell(row, text, as_json=as_json)
