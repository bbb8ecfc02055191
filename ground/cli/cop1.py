"""``ground cop1``: COP-1 as it is, and directives to FOP-1."""

from pathlib import Path

import click

from ground.cli.options import json_option, plain_errors, socket_option, to_json
from ground.client import Client
from ground.cop1_words import WORDS, directive_of, status_text


@click.command()
@click.argument("word", type=click.Choice(WORDS), default="status")
@click.argument("value", type=float, required=False)
@click.option("--no-check", is_flag=True, help="initiate: do not wait for a CLCW.")
@click.option("--unlock", is_flag=True, help="initiate: send Unlock to FARM-1 first.")
@click.option("--set-vr", type=click.IntRange(0, 255), help="initiate: send Set V(R) with this number first.")
@json_option
@socket_option
def cop1(
    word: str,
    value: float | None,
    no_check: bool,
    unlock: bool,
    set_vr: int | None,
    as_json: bool,
    socket_path: str | Path,
) -> None:
    """Show COP-1, or give FOP-1 a directive.

    \b
    status           what FOP-1 is set to, and what FARM-1 last said
    initiate         bring the AD service up; it must be down
    terminate        take it down, and keep it down until it is initiated
    resume           go on where it was suspended
    set-vs N         the number of the next AD frame; the service must be down
    window K         how many AD frames may be on their way
    t1 SECONDS       how long to wait for an acknowledgement
    limit N          how often a frame is sent before it is given up
    timeout-type N   at the last expiry of T1: 0 gives up, 1 suspends
    """  # noqa: D301  click takes the mark for text that it must not wrap
    with plain_errors():
        directive, number = directive_of(word, value, no_check=no_check, unlock=unlock, set_vr=set_vr)
        with Client.connect(socket_path) as client:
            status = client.cop1(directive, number)
    click.echo(to_json(status) if as_json else status_text(status))
