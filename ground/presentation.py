"""How a terminal shows the station: tables and lines of rich, made from plain snapshots and events.

It asks nothing and opens nothing: what it shows is handed to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ccsds.time import unix_ns_from_tai
from ground.events import show
from ground.file_names import shown_name
from mission.channels import Downlink, Uplink
from mission.dictionary import Command, Dictionary, Hazard
from mission.fields import REQUIRED, describe
from mission.link import UplinkCount
from mission.words.link import LINK_STRUCTURE, UPLINK_COUNTS

_STYLE_OF_STAGE = {
    "QUEUED": "dim",
    "RELEASED": "cyan",
    "DELIVERED": "cyan",
    "ACCEPTED": "blue",
    "STARTED": "blue",
    "PROGRESSED": "blue",
    "COMPLETED": "green",
    "REFUSED": "bold red",
    "FAILED": "bold red",
    "LOST": "bold yellow",
}
_STYLE_OF_SEVERITY = {"INFORMATIVE": "none", "LOW": "yellow", "MEDIUM": "bold yellow", "HIGH": "bold red"}
_TROUBLES = frozenset(
    (
        "FrameRejected FramesMissed PacketsMissed PacketRejected CopAlert ArchiveFailed TransferFailed PduRefused "
        "FilesHeld"
    ).split()
)
_ARROWS = {"UP": "↑", "DOWN": "↓"}
_STYLE_OF_OUTCOME = {"FINISHED": "green", "FAILED": "bold red"}
_BARS = "▁▂▃▄▅▆▇█"

# What fits beside the other panels of a terminal.
TRANSFERS_SHOWN_MAX = 8

_JOB_HEADERS = ("job", "state", "recipe", "corpus", "step", "loss", "valid.", "tokens/s", "ETA", "curve")
# Wider than any table.
_WIDTH_MAX = 1_000

# A plot in one cell of a table.
SPARK_CHARACTERS = 24


def event_line(event: Mapping[str, Any]) -> Text:
    """Give one event as one coloured line."""
    style = _STYLE_OF_STAGE.get(event.get("stage", ""), "none")
    style = _STYLE_OF_SEVERITY.get(event.get("severity", ""), style)
    if event["type"] in _TROUBLES:
        style = "yellow"
    if event["type"] == "DictionaryDiffers":
        style = "bold red"
    return Text(f"{event['time_ns'] / 1e9:12.3f}  {event['line']}", style=style)


def stage_line(event: Mapping[str, Any]) -> Text:
    """Give one stage of a command as one coloured line."""
    attempt = f" (try {event['attempt']})" if event["attempt"] > 1 else ""
    line = Text(f"{event['name']} {event['command_id']}: ")
    line.append(event["stage"], style=_STYLE_OF_STAGE[event["stage"]])
    line.append(attempt + (f": {event['text']}" if event["text"] else ""))
    return line


def report_lines(event: Mapping[str, Any]) -> Text:
    """Give a report with a line for each of its values, each row of a list, and each entry of a mapping."""
    lines = [event["name"] + (":" if event["values"] else "")]
    for name, value in event["values"].items():
        if isinstance(value, Mapping):
            lines += [f"  {name}.{key} {_shown(each)}" for key, each in value.items()]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            rows = (" ".join(f"{key}={_shown(each)}" for key, each in row.items()) for row in value)
            lines += [f"  {name}[{position}] {row}" for position, row in enumerate(rows)]
        else:
            lines.append(f"  {name} {_shown(value)}")
    return Text("\n".join(lines))


def command_list(dictionary: Dictionary) -> Table:
    """Give all commands of the dictionary."""
    table = _table("command", "arguments", "what it does")
    for _, command in sorted(dictionary.commands.items()):
        arguments = " ".join(
            field.name if field.default is REQUIRED else f"[{field.name}]" for field in command.arguments.fields
        )
        table.add_row(Text(command.name), Text(arguments), Text(command.description))
    return table


def command_help(command: Command) -> Group:
    """Give one command of the dictionary with all its arguments."""
    table = _table("argument", "type", "allowed", "default", "meaning")
    for field in command.arguments.fields:
        default = "required" if field.default is REQUIRED else repr(field.default)
        row = (field.name, describe(field.type), field.range, default, field.description)
        table.add_row(*(Text(cell) for cell in row))
    hazard = (
        []
        if command.hazard is Hazard.NONE
        else [Text(f"Hazard: {command.hazard.value}. Send it with --arm.", style="bold yellow")]
    )
    head = Text(f"{command.name} [{command.service},{command.subtype}]: {command.description}")
    return Group(head, *hazard, *([table] if command.arguments.fields else [Text("It takes no arguments.")]))


class JobsTable:
    """All jobs with how far they are; what a narrow terminal has no room for is left out, the curves first.

    Args:
        jobs: By number, as a snapshot has them.
    """

    def __init__(self, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        self._rows = [_job_cells(job_id, job) for job_id, job in jobs.items()]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give what fits."""
        headers = list(_JOB_HEADERS)
        for left_out in (None, "curve", "corpus", "tokens/s", "valid."):
            headers = [header for header in headers if header != left_out]
            table = _table(*headers)
            for row in self._rows:
                table.add_row(*(Text(row[header]) for header in headers))
            if Measurement.get(console, options.update(max_width=_WIDTH_MAX), table).maximum <= options.max_width:
                break
        yield table


def _job_cells(job_id: str, job: Mapping[str, Any]) -> dict[str, str]:
    report = job["report"] or {}
    progress = job["progress"] or {}
    latest = max(report, progress, key=lambda each: each.get("step") or -1)
    cells = (
        job_id,
        job["state"] or "-",
        report.get("recipe") or "-",
        report.get("corpus") or "-",
        f"{latest.get('step', 0)}/{latest.get('steps', 0)}",
        _number(latest.get("loss"), ".4f"),
        _number(latest.get("validation_loss"), ".4f"),
        _number(progress.get("tokens_per_s"), ",.0f"),
        _number(progress.get("eta"), ",.0f", " s"),
        spark([loss for _, loss in job["losses"] if loss is not None]),
    )
    return dict(zip(_JOB_HEADERS, cells, strict=True))


def job_details(job_id: int, job: Mapping[str, Any]) -> Group:
    """Give all that is known of one job: its report, its loss as it fell, and what its model wrote."""
    table = _table("what", "value")
    for name, value in {**(job["progress"] or {}), **(job["report"] or {})}.items():
        table.add_row(Text(name), Text(show(value) if isinstance(value, float) else str(value)))
    curve = spark([loss for _, loss in job["losses"] if loss is not None])
    parts: list[RenderableType] = [Text(f"job {job_id} {job['state'] or ''}", style="bold"), table]
    parts += [Text(f"loss {curve}")] if curve else []
    parts += [Text("\nwhat its model wrote", style="bold"), Text(job["sample"])] if job["sample"] else []
    return Group(*parts)


def transfers_table(transfers: Iterable[Mapping[str, Any]]) -> Table:
    """Give transfers, of the archive or of a snapshot, with how far they are."""
    transfers = list(transfers)
    # A snapshot does not know when they began; the archive does.
    ends = ["began"] if any("started_unix_ns" in each for each in transfers) else []
    table = _table("transfer", "", "file", "size", "done", "state", *ends)
    for column in table.columns[:2] + table.columns[3:5] + table.columns[6:]:
        column.no_wrap = True
    for transfer in transfers:
        size, done = transfer["size_octets"], transfer["done_octets"]
        outcome = transfer.get("outcome", "UNDER_WAY")
        share = "-" if not size else f"{100 * done / size:.0f} %"
        began = transfer.get("started_unix_ns")
        table.add_row(
            Text(transfer["transaction"]),
            Text(_ARROWS[transfer["direction"]]),
            Text(transfer_name(transfer)),
            Text("-" if size is None else octets_text(size)),
            Text(share),
            Text(transfer_state(transfer), style=_STYLE_OF_OUTCOME.get(outcome, "none")),
            *([] if began is None else [Text(utc(began)[5:16].replace("T", " "))]),
        )
    return table


def transfer_name(transfer: Mapping[str, Any]) -> str:
    """Give the file of a transfer as a person knows it: both names, if they are not the same."""
    source, destination = shown_name(transfer["source_name"]), transfer["destination_name"]
    if not destination:
        return "not known yet"
    return destination if source == destination else f"{source} → {destination}"


def transfer_state(transfer: Mapping[str, Any]) -> str:
    """Give where a transfer is, and why if it failed."""
    outcome = transfer.get("outcome", "UNDER_WAY")
    if outcome == "FAILED":
        return f"failed: {transfer['text'] or transfer['condition'].lower().replace('_', ' ')}"
    if outcome == "FINISHED":
        return f"finished in {(transfer['ended_unix_ns'] - transfer['started_unix_ns']) / 1e9:,.1f} s"
    return "suspended" if transfer.get("is_suspended") else transfer.get("state", "waits for the station")


def octets_text(octets: float) -> str:
    """Give a number of octets as a person reads it."""
    if octets < 1e3:
        return f"{octets:.0f} B"
    prefix, scale = next((each for each in (("k", 1e3), ("M", 1e6)) if octets < 1e3 * each[1]), ("G", 1e9))
    return f"{octets / scale:.1f} {prefix}B"


def time_table(known: Mapping[str, Any]) -> Group:
    """Give the two clocks, and how well the station knows the one on board."""
    table = _table("what", "value")
    rows = [
        ("UTC", "-" if known["unix_ns"] is None else utc(known["unix_ns"])),
        (
            "on board",
            "-" if known["onboard_tai_ns"] is None else f"{utc(unix_ns_from_tai(known['onboard_tai_ns']))} as UTC",
        ),
        ("on board is fast by", _scaled(known["offset_ns"], 1e9, "+.6f", " s")),
        ("known to", _scaled(known["error_ns"], 1e3, ",.1f", " us")),
        ("drift", _scaled(known["drift_ppm"], 1, "+.3f", " ppm")),
        ("drift known to", _scaled(known["drift_error_ppm"], 1, ".3f", " ppm")),
        ("spread of samples", _scaled(known["spread_ns"], 1e3, ",.1f", " us")),
        ("last residual", _scaled(known["residual_ns"], 1e3, "+,.1f", " us")),
        ("samples", f"{known['samples']} in segment {known['segments']}, {known['outliers']} left out"),
        ("light time", f"{_scaled(known['light_ns'], 1e6, '.3f', ' ms')} ({known['light_source']})"),
        ("leap seconds", known["leap_seconds_date"]),
    ]
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    parts: list[RenderableType] = [table]
    if known["onboard_tai_ns"] is None:
        parts.append(Text("no time report came yet; ask for them with: ground send time.report_rate exponent=0"))
    if known["leap_seconds_valid"] is False:
        parts.append(Text("the table of leap seconds is out of date: look for a newer bulletin", style="yellow"))
    return Group(*parts)


def keys_table(known: Mapping[str, Any]) -> Group:
    """Give the keys of the ground, and what became of the frames."""
    table = _table("SPI", "channel", "suite", "state", "sends", "sent below", "highest accepted")
    for row in known["keys"]:
        cells = (
            str(row["spi"]),
            f"{row['link']} {row['virtual_channel']}",
            row["suite"],
            row["state"],
            "yes" if row["sends"] else "",
            str(row["reserved"] or "-"),
            str(row["highest"]) if row["highest"] >= 0 else "-",
        )
        table.add_row(*(Text(cell) for cell in cells))
    counts = ", ".join(f"{count} {name}" for name, count in known["counts"].items())
    return Group(Text(f"keys {known['set_id'][:8]}, {known['standing']}; frames: {counts}"), table)


def commands_history(commands: Iterable[Mapping[str, Any]]) -> Group:
    """Give commands of the archive, each with the stages that it came to."""
    lines = []
    for command in commands:
        start_ns = command["unix_ns"]
        given = " ".join(f"{name}={value}" for name, value in command["arguments"].items())
        line = Text(f"{utc(start_ns)}  {command['command_id']}  ", style="dim")
        line.append(f"{command['name']} {given}".rstrip(), style="bold not dim")
        line.append(f"  count {command['sequence_count']}  {command['service']}")
        lines.append(line)
        for stage in command["stages"]:
            attempt = f" (try {stage['attempt']})" if stage["attempt"] > 1 else ""
            line = Text(f"{(stage['unix_ns'] - start_ns) / 1e9:+12.3f} s  ")
            line.append(stage["stage"], style=_STYLE_OF_STAGE[stage["stage"]])
            line.append(attempt + (f": {stage['text']}" if stage["text"] else ""))
            lines.append(line)
    return Group(*lines) if lines else Group(Text("no command was sent yet"))


def link_table(state: Mapping[str, Any]) -> Group:
    """Give what came and what was lost on each virtual channel, of both directions."""
    down = _table("down", *(name.replace("_", " ") for name in next(iter(state["channels"].values()), {})))
    for number, counts in state["channels"].items():
        down.add_row(*map(Text, (_name_of(Downlink, number), *(f"{count:,}" for count in counts.values()))))
    up = _table("up", *(count.name.lower().replace("_", " ") for count in UplinkCount))
    reported = state["housekeeping"].get(str(LINK_STRUCTURE))
    if reported is None:
        asked = f"no report of the uplink yet: ground send housekeeping.enable structures={LINK_STRUCTURE}"
        return Group(down, Text(asked, style="dim"))
    for channel in Uplink:
        values = (reported["values"][UPLINK_COUNTS[channel, count].name] for count in UplinkCount)
        up.add_row(*map(Text, (f"{channel.value} {channel.name.lower()}", *(f"{value:,}" for value in values))))
    return Group(down, Text(""), up)


def stores_table(known: Mapping[str, Any]) -> Table:
    """Give what is known of the packet stores on board."""
    table = _table("store", "next", "here", "newest", "confirmed", "overwritten", "lost or unused", "missing", "gaps")
    for name, store in known.items():
        gaps = ", ".join(f"{first}-{last}" for first, last in store["gaps"])
        if store["gaps_count"] > len(store["gaps"]):
            gaps += f", ... ({store['gaps_count']})"
        newest = "-" if store["newest"] is None else f"{store['newest']:,}"
        counts = (f"{store[each]:,}" for each in ("confirmed", "overwritten", "lost", "missing"))
        table.add_row(*map(Text, (name, f"{store['next']:,}", f"{store['here']:,}", newest, *counts, gaps or "-")))
    return table


def watch_screen(
    state: Mapping[str, Any], events: Sequence[Mapping[str, Any]], downlink_octets_per_s: float
) -> RenderableType:
    """Give the whole live display."""
    counters = state["counters"]
    link = Text()
    link.append(state["link"], style="bold green" if state["link"] == "UP" else "bold red")
    cop = state["cop"]
    link.append(f"  contact {'yes' if state['contact'] else 'no'}  COP-1 {cop}  profile {state['profile']}\n")
    missed = sum(channel["frames_missed"] for channel in state["channels"].values())
    frames = counters.get("frames_received", 0)
    loss = 100 * missed / (missed + frames) if missed + frames else 0.0
    link.append(
        f"{downlink_octets_per_s * 8 / 1e3:,.1f} kbit/s down  {frames} frames  {missed} missed ({loss:.2f} %)  "
        f"{counters.get('frames_rejected', 0)} rejected  {counters.get('symbols_corrected', 0)} symbols corrected"
    )
    structures = []
    for structure in state["housekeeping"].values():
        grid = Table.grid(padding=(0, 2))
        grid.add_row(Text(structure["name"], style="bold"))
        for name, value in structure["values"].items():
            grid.add_row(Text(f"  {name}"), Text(_shown(value)))
        structures.append(grid)
    for trouble in (state.get("archive_trouble"), not state["contact"] and state.get("port")):
        if trouble:
            link.append(f"\n{trouble}", style="bold red")
    parts: list[RenderableType] = [Panel(link, title="link", title_align="left")]
    if state["jobs"]:
        parts.append(Panel(JobsTable(state["jobs"]), title="jobs", title_align="left"))
    if state["files"]["transfers"]:
        transfers = transfers_table(state["files"]["transfers"][:TRANSFERS_SHOWN_MAX])
        parts.append(Panel(transfers, title="files", title_align="left"))
    lines = [event_line(event) for event in events]
    parts.append(Panel(Group(*lines) if lines else Text("none yet"), title="events", title_align="left"))
    # The longest comes last: a terminal shows as much of it as it has room for.
    if structures:
        parts.append(Panel(Columns(structures, padding=(0, 4)), title="housekeeping", title_align="left"))
    return Group(*parts)


def spark(values: Sequence[float]) -> str:
    """Draw values as one line of bars, at most `SPARK_CHARACTERS` of them."""
    if not values:
        return ""
    count = min(len(values), SPARK_CHARACTERS)
    picked = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    low, high = min(picked), max(picked)
    span = (high - low) or 1.0
    return "".join(_BARS[round((value - low) / span * (len(_BARS) - 1))] for value in picked)


def utc(unix_ns: int) -> str:
    """Give a time for a person, to the second."""
    return datetime.fromtimestamp(unix_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _name_of(channels: type[IntEnum], number: str) -> str:
    known = {str(each.value): each.name.lower() for each in channels}
    return f"{number} {known.get(number, 'unknown')}"


def _table(*headers: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for header in headers:
        # What a row is about is in its first column, and broken it cannot be read.
        table.add_column(header, overflow="fold", no_wrap=header == headers[0])
    return table


def _scaled(value: float | None, scale: float, form: str, unit: str) -> str:
    return "-" if value is None else f"{value / scale:{form}}{unit}"


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.6g}"
    return str(value)
