"""``ground archive`` and ``ground replay``: what was, from the file itself; no station need be in service."""

import contextlib
import dataclasses
import secrets
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ccsds.errors import MisuseError
from ccsds.time import tai_ns_from_unix, unix_ns_from_tai
from ground.archive.archive import Archive
from ground.archive.export import FORMATS, export
from ground.archive.history import History, packet_record
from ground.archive.replay import Replay
from ground.archive.reports import TIME_MAX_NS
from ground.archive.retention import Rule
from ground.archive.samples import Plot
from ground.archive.verify import verify
from ground.cli.options import FAILED_STATUS, Finite, default_archive_path, json_option, plain_errors, tell, to_json
from ground.events import plain, show
from ground.time_text import NS_PER_S, unix_ns_of
from mission.definition import DICTIONARY

archive_option = click.option(
    "--archive",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=default_archive_path,
    show_default="the user's data directory",
    help="SQLite file of the station.",
)
from_option = click.option("--from", "start", help="UTC, such as 2027-03-01T12:00:00; else from the beginning.")
to_option = click.option("--to", "end", help="UTC; else to the end.")

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "y": 31_557_600}
_UNITS_OCTETS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@click.group()
def archive() -> None:
    """Look at what was: numbers, reports, exports; is the archive sound, what is kept."""


@archive.command()
@click.argument("name", required=False)
@from_option
@to_option
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many lines at most.")
@json_option
@archive_option
def query(name: str | None, start: str | None, end: str | None, limit: int, as_json: bool, path: Path) -> None:
    """Show a number over a time (lowest and highest of each span), the latest of a report, or all names there are."""
    with plain_errors(), _whole(path), contextlib.closing(History.open(path)) as history:
        reports, numbers = history.reports.names(), history.samples.names()
        span_ns = _span(history, start, end)
        if name is None:
            known = {"reports": reports, "numbers": numbers}
            text = "\n".join([*reports, *numbers]) or "no report is in this archive yet"
            click.echo(to_json(known) if as_json else text)
        elif name in reports:
            found = history.reports.latest(limit, before_ns=span_ns[1], name=name)
            records = [packet_record(each) for each in found if each.tai_ns >= span_ns[0]]
            if as_json:
                click.echo(to_json([plain(dataclasses.asdict(each)) for each in records]))
            for record in records if not as_json else ():
                values = " ".join(f"{field}={show(value)}" for field, value in record.values.items())
                click.echo(f"{_utc(record.tai_ns)}  {values}")
        elif any(name in (each, each.rpartition(".")[2]) for each in numbers):
            plot = history.samples.plot(name, *span_ns, limit)
            click.echo(to_json(_rows(plot))) if as_json else Console().print(_table(name, plot))
        else:
            raise MisuseError(f"expected a report or a number of this archive, found {name!r}; ground archive query")


@archive.command(name="export")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--format", "form", type=click.Choice(FORMATS), help="Else by the ending of OUT; raw for any other.")
@click.option("--name", help="Of one report; else all of them.")
@from_option
@to_option
@json_option
@archive_option
def export_command(
    out: Path, form: str | None, name: str | None, start: str | None, end: str | None, as_json: bool, path: Path
) -> None:
    """Write reports into a file: CSV, the packets as they came, or Parquet (with pyarrow)."""
    with plain_errors(), _whole(path), contextlib.closing(History.open(path)) as history:
        by_name = {".csv": "csv", ".parquet": "parquet"}.get(out.suffix, "raw")
        count = export(history, out, form or by_name, *_span(history, start, end), name)
    tell({"reports": count, "path": str(out)}, f"{count} reports written to {out}", as_json=as_json)


@archive.command(name="verify")
@json_option
@archive_option
def verify_command(as_json: bool, path: Path) -> None:
    """Check the archive: its pages, blocks, columns and rollups, the audit beside it; and tell what never came."""
    with plain_errors():
        found = verify(path)
    if as_json:
        click.echo(to_json(dataclasses.asdict(found)))
    else:
        for each in (*found.faults, *found.gaps):
            click.echo(str(each))
        click.echo(
            f"{found.blocks} blocks of {found.reports} reports, {found.waiting} reports that wait for one, "
            f"{found.frames} frames, {found.acts} records of audit: "
            f"faults: {len(found.faults)}, gaps: {len(found.gaps)}"
        )
    if found.faults:
        sys.exit(FAILED_STATUS)


@archive.command()
@click.option("--frames", help="Keep raw frames of so long: 30d.")
@click.option("--events", help="Keep events of so long.")
@click.option("--telemetry", help="Keep reports of so long; their rollups stay.")
@click.option("--size", help="Keep so much: 10GB. The oldest frames go first, then the oldest reports.")
@click.option("--shrink", is_flag=True, help="Rewrite the file afterwards, so that it is as small as what it holds.")
@json_option
@archive_option
def retain(
    frames: str | None,
    events: str | None,
    telemetry: str | None,
    size: str | None,
    shrink: bool,
    as_json: bool,
    path: Path,
) -> None:
    """Remove what is not to be kept; commands and the audit always are. The station must not be in service."""
    with plain_errors(), _whole(path):
        rule = read_rule(frames, events, telemetry, size)
        if not path.is_file():
            raise MisuseError(f"expected an archive of a station at {path}, found no file")
        archive = Archive.open(path, draw_source_id=_draw_identity, unix_ns=time.time_ns())
        try:
            removed = archive.retain(rule, time.time_ns())
            if shrink:
                archive.shrink()
        finally:
            archive.close()
    text = ", ".join(f"{count} {kind}" for kind, count in removed.items()) + " removed"
    tell(removed, text, as_json=as_json)


@click.command()
@from_option
@to_option
@click.option("--speed", default=10.0, show_default=True, type=Finite(min=0), help="0: as fast as it goes.")
@json_option
@archive_option
def replay(start: str | None, end: str | None, speed: float, as_json: bool, path: Path) -> None:
    """Tell again what the spacecraft and the station told, at any speed, and then how things stood at the end."""
    with plain_errors(), _whole(path), contextlib.closing(History.open(path)) as history:
        start_ns, end_ns = (unix_ns_from_tai(each) for each in _span(history, start, end))
        told = Replay(history, DICTIONARY, start_ns, end_ns)
        if start is None and told.next_unix_ns is not None:
            start_ns = told.next_unix_ns
        began_s = time.monotonic()
        while (due_ns := told.next_unix_ns) is not None:
            if speed:
                time.sleep(max(0.0, began_s + (due_ns - start_ns) / NS_PER_S / speed - time.monotonic()))
            for unix_ns, event in told.advance(due_ns):
                utc = _utc(tai_ns_from_unix(unix_ns))
                click.echo(to_json({"unix_ns": unix_ns, **event}) if as_json else f"{utc}  {event['line']}")
        if as_json:
            click.echo(to_json({"snapshot": told.snapshot()}))
        else:
            jobs = told.snapshot()["jobs"]
            click.echo(
                f"{len(told.snapshot()['housekeeping'])} housekeeping reports, {len(jobs)} jobs known at the end"
            )


def read_rule(frames: str | None, events: str | None, telemetry: str | None, size: str | None) -> Rule:
    """Read a rule of retention as it is typed: 30d, 5y, 20GB.

    Raises:
        MisuseError: One of them is no such amount.
    """
    octets = _amount("size", size, _UNITS_OCTETS)
    return Rule(
        frames_s=_amount("frames", frames, _UNITS_S),
        events_s=_amount("events", events, _UNITS_S),
        telemetry_s=_amount("telemetry", telemetry, _UNITS_S),
        size_octets=None if octets is None else int(octets),
    )


@contextlib.contextmanager
def _whole(path: Path) -> Any:
    """Say of a damaged archive what is to be done."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise MisuseError(f"{path}: {error}; ground archive verify tells where") from None


def _span(history: History, start: str | None, end: str | None) -> tuple[int, int]:
    """Give the on-board times between which to look: those given, or those of the first and the last report."""
    first = next(history.reports.between(), None) if start is None else None
    last = history.reports.latest(1) if end is None else []
    start_ns = tai_ns_from_unix(unix_ns_of(start)) if start is not None else first.tai_ns if first else 0
    end_ns = tai_ns_from_unix(unix_ns_of(end)) if end is not None else last[0].tai_ns + 1 if last else TIME_MAX_NS
    if start_ns >= end_ns:
        raise MisuseError("expected --from before --to, with reports between them; found none")
    return start_ns, end_ns


def _amount(name: str, text: str | None, units: dict[str, int]) -> float | None:
    if text is None:
        return None
    for unit, factor in units.items():
        if text.endswith(unit) and text[: -len(unit)].replace(".", "", 1).isdigit():
            return float(text[: -len(unit)]) * factor
    raise MisuseError(f"{name}: expected a number and one of {', '.join(units)}, found {text!r}")


def _draw_identity() -> int:
    """Draw a source identifier, for an archive whose station was killed."""
    return 1 + secrets.randbelow(0xFFFF)


def _rows(plot: Plot) -> list[dict[str, Any]]:
    columns = (plot.times_ns, plot.count, plot.minimum, plot.maximum, plot.mean)
    names = ("tai_ns", "count", "minimum", "maximum", "mean")
    return [dict(zip(names, row, strict=True)) for row in zip(*(each.tolist() for each in columns), strict=True)]


def _table(name: str, plot: Plot) -> Table:
    table = Table(title=name, title_justify="left")
    for heading in ("UTC", "samples", "lowest", "highest", "mean"):
        table.add_column(heading, justify="left" if heading == "UTC" else "right")
    for row in _rows(plot):
        values = (f"{row[each]:.6g}" for each in ("minimum", "maximum", "mean"))
        table.add_row(_utc(row["tai_ns"]), str(row["count"]), *values)
    return table


def _utc(tai_ns: int) -> str:
    unix_ns = unix_ns_from_tai(tai_ns)
    return f"{datetime.fromtimestamp(unix_ns // NS_PER_S, UTC):%Y-%m-%dT%H:%M:%S}Z"
