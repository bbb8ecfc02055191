"""Model files on the ground: ``ground pack``, ``unpack`` and ``plan-transfer``. None of them needs a station."""

import contextlib
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from ccsds.errors import MisuseError
from ground.cli.options import Finite, json_option, plain_errors, to_json
from ground.file_source import FileSource, write_whole
from ground.presentation import octets_text
from ground.transfer_plan import plan_transfer
from mission.profile_file import open_profile
from mission.profiles import PROFILES
from packing.container import Kind, read_head
from packing.exact import pack as pack_exactly
from packing.exact import unpack as unpack_exactly
from packing.layers import LayeredModel, pack_layers

_base_option = click.option(
    "--base", "base_path", type=click.Path(path_type=Path), help="A model that the other end holds already."
)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("packed", type=click.Path(path_type=Path))
@_base_option
@click.option(
    "--layers", is_flag=True, help="The most important changes first; not exact, usable in part. Needs a base."
)
@json_option
def pack(model: Path, packed: Path, base_path: Path | None, layers: bool, as_json: bool) -> None:
    """Pack MODEL (safetensors) for a thin link into PACKED: whole, or as what changed since a base."""
    with plain_errors(), contextlib.ExitStack() as stack:
        source = stack.enter_context(FileSource(model))
        base = stack.enter_context(FileSource(base_path)) if base_path is not None else None
        if layers and base is None:
            raise MisuseError("--layers: expected --base as well")
        pieces = pack_layers(source, base) if layers and base is not None else pack_exactly(source, base)
        length_octets = write_whole(packed, pieces)
        ratio = length_octets / source.length_octets if source.length_octets else 1.0
        if as_json:
            click.echo(to_json({"octets": source.length_octets, "packed_octets": length_octets, "ratio": ratio}))
        else:
            click.echo(f"{packed}: {octets_text(length_octets)}, {ratio:.3f} of {octets_text(source.length_octets)}")


@click.command()
@click.argument("packed", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@_base_option
@json_option
def unpack(packed: Path, model: Path, base_path: Path | None, as_json: bool) -> None:
    """Unpack PACKED into MODEL, which is there once its SHA-256 is right.

    Of a file in layers that arrived in part, what is there is used, and it is said how far it got.
    """
    with plain_errors(), contextlib.ExitStack() as stack:
        source = stack.enter_context(FileSource(packed))
        base = stack.enter_context(FileSource(base_path)) if base_path is not None else None
        head, _ = read_head(source)
        told: dict[str, object]
        if head.kind is Kind.LAYERS:
            if base is None:
                raise MisuseError(f"packed file: expected --base with SHA-256 {head.base_sha256.hex()[:16]}")
            made = LayeredModel(source, base)
            octets = write_whole(model, made.pieces())
            told = {"octets": octets, "layers": made.layers, "layers_in_all": made.layers_in_all, "error": made.error}
            text = f"{made.layers} of {made.layers_in_all} layers, {made.error:.4f} of the change is left"
        else:
            octets = write_whole(model, unpack_exactly(source, base))
            told = {"octets": octets, "sha256": head.sha256.hex()}
            text = f"exact, SHA-256 {head.sha256.hex()[:16]}…"
        click.echo(to_json(told) if as_json else f"{model}: {octets_text(octets)}, {text}")


@click.command("plan-transfer")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--pass-minutes", default=7.0, show_default=True, type=Finite(min=0.1), help="Length of a pass.")
@click.option("--passes-a-day", default=4.0, show_default=True, type=Finite(min=0.01), help="How many.")
@click.option("--share", default=0.95, show_default=True, type=Finite(0, 1, min_open=True), help="Of it for this file.")
@click.option("--profile", "name", help="One link profile; all of them without it.")
@json_option
def plan_transfer_command(
    file: Path, pass_minutes: float, passes_a_day: float, share: float, name: str | None, as_json: bool
) -> None:
    """Say how many passes FILE takes over each link profile, up and down."""
    with plain_errors(), FileSource(file) as source:
        profiles = [open_profile(name)] if name is not None else list(PROFILES.values())
        plans = plan_transfer(
            source.length_octets, profiles, pass_s=pass_minutes * 60, passes_a_day=passes_a_day, share=share
        )
        if as_json:
            click.echo(to_json([msgspec.to_builtins(plan) for plan in plans]))
            return
        table = Table(title=f"{file.name}, {octets_text(source.length_octets)}", title_justify="left")
        for heading in ("profile", "way", "in a second", "in a pass", "contact", "passes", "days"):
            table.add_column(heading, justify="left" if heading in ("profile", "way") else "right")
        for plan in plans:
            table.add_row(
                plan.profile,
                plan.direction,
                octets_text(plan.useful_octets_s),
                octets_text(plan.octets_a_pass),
                _duration_text(plan.contact_s),
                f"{plan.passes:,}",
                f"{plan.days:,.1f}",
            )
        Console().print(table)


def _duration_text(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
