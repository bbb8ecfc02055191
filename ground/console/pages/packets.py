"""Frames and reports as they came, down to their bits."""

from typing import Any

from nicegui import ui

from ground.console.figures import clock as time_of_day
from ground.console.figures import cut, date_clock, esc, shown
from ground.console.packets import Frame, Report
from ground.console.parts.entry import Entry
from ground.console.parts.markup import Markup
from ground.console.parts.octets import Bits, dump, fields
from ground.console.parts.panel import Panel
from ground.console.parts.table import Row, facts, table
from ground.console.screen import Screen
from ground.console.source_data import source_data
from mission.channels import Downlink

ROWS_SHOWN_MAX = 200

KINDS = ("reports", "frames")

_TM_FRAME = (
    Bits("transfer frame version", 0, 2),
    Bits("spacecraft id", 2, 10),
    Bits("virtual channel", 12, 3),
    Bits("OCF flag", 15, 1),
    Bits("master channel count", 16, 8),
    Bits("virtual channel count", 24, 8),
    Bits("secondary header flag", 32, 1),
    Bits("synchronisation flag", 33, 1),
    Bits("packet order flag", 34, 1),
    Bits("segment length id", 35, 2),
    Bits("first header pointer", 37, 11),
)
"""CCSDS 132.0-B-3 4.1.2."""

_CLCW = (
    ("control word type", 1),
    ("CLCW version", 2),
    ("status", 3),
    ("COP in effect", 2),
    ("virtual channel", 6),
    ("spare", 2),
    ("no RF available", 1),
    ("no bit lock", 1),
    ("lockout", 1),
    ("wait", 1),
    ("retransmit", 1),
    ("FARM-B counter", 2),
    ("spare", 1),
    ("report value N(R)", 8),
)
"""CCSDS 232.0-B-4 4.2.1."""

_TELEMETRY = (
    Bits("packet version", 0, 3),
    Bits("packet type", 3, 1),
    Bits("secondary header flag", 4, 1),
    Bits("APID", 5, 11),
    Bits("sequence flags", 16, 2),
    Bits("sequence count", 18, 14),
    Bits("data length less one", 32, 16),
    Bits("PUS version", 48, 4),
    Bits("time reference status", 52, 4),
    Bits("service", 56, 8),
    Bits("subtype", 64, 8),
    Bits("message type counter", 72, 16),
    Bits("destination id", 88, 16),
    Bits("time, seconds of TAI", 104, 32),
    Bits("time, fraction", 136, 16),
)
"""CCSDS 133.0-B-2 4.1, ECSS-E-ST-70-41C 7.4.3."""

_FECF_BITS = 16
_CRC_BITS = 16
_OCF_BITS = 32


def build(screen: Screen) -> None:
    """Build the page."""
    notes: dict[str, Any] = screen.notes.setdefault(
        "packets", {"kind": "reports", "words": "", "number": None, "held": False, "field": None}
    )

    def chosen() -> Frame | Report | None:
        packets = screen.feed.packets
        found = packets.frames if notes["kind"] == "frames" else packets.reports
        return next((each for each in found if notes["number"] in (None, each.number)), None)

    def look() -> None:
        chips.show(
            "".join(
                f'<button class="chip {"here" if each == notes["kind"] else ""}" data-act="{each}">{each}</button>'
                for each in KINDS
            )
            + f'<button class="chip {"here" if notes["held"] else ""}" data-act="hold">hold</button>'
        )
        one = chosen()
        if not notes["held"]:
            listing.show(_listing(screen, notes, one))
        if one is None:
            details.show('<p class="empty">Nothing came yet.</p>')
        elif isinstance(one, Frame):
            details.show(_frame(one, notes["field"]))
        else:
            details.show(_report(one, notes["field"]))

    def choose(_: str, act: str) -> None:
        if act == "hold":
            notes["held"] = not notes["held"]
        elif act in KINDS:
            notes.update(kind=act, number=None, field=None)
        look()

    def search(words: str) -> None:
        notes["words"] = words
        look()

    def open_row(key: str, _: str) -> None:
        notes.update(number=int(key), field=None)
        look()

    def mark(key: str, _: str) -> None:
        notes["field"] = None if key == notes["field"] else key
        look()

    with ui.element("div").classes("page packets"):
        panel = Panel("Packets and frames")
        with panel.tools:
            chips = Markup("chips", on_pick=choose)
            Entry("Search packets", kind="search", hint="search  /", on_change=search).set(notes["words"])
        with panel.body:
            listing = Markup(on_pick=open_row)
        with Panel("Down to the bits").body:
            details = Markup(on_pick=mark)
        screen.watch(panel.element, look)


def _listing(screen: Screen, notes: dict[str, Any], one: Frame | Report | None) -> str:
    words = notes["words"].lower().split()
    rows: list[Row] = []
    packets = screen.feed.packets
    here = one.number if one is not None and notes["number"] is not None else None
    if notes["kind"] == "frames":
        for frame in packets.frames:
            name = _channel(frame.virtual_channel)
            if all(word in name for word in words):
                corrected = str(frame.corrected) if frame.corrected else ""
                cells = (
                    time_of_day(frame.unix_ns),
                    name,
                    str(len(frame.octets)),
                    corrected,
                    frame.octets[:12].hex(" "),
                )
                rows.append(Row(cells, str(frame.number), "here" if frame.number == here else ""))
            if len(rows) == ROWS_SHOWN_MAX:
                break
        columns = (
            ("UTC", "time"),
            ("Virtual channel", "name"),
            ("Octets", "num"),
            ("RS", "num"),
            ("", "text mono dim"),
        )
        return table(columns, rows, "no frame is like this")
    for report in packets.reports:
        if all(word in f"{report.kind} {report.name} {_channel(report.virtual_channel)}".lower() for word in words):
            said = " ".join(f"{name}={shown(value)}" for name, value in report.values.items())
            stored = ' <span class="faint">stored</span>' if report.is_stored else ""
            cells = (time_of_day(report.unix_ns), esc(report.kind), esc(report.name) + stored, esc(cut(said)))
            rows.append(Row(cells, str(report.number), "here" if report.number == here else ""))
        if len(rows) == ROWS_SHOWN_MAX:
            break
    columns = (("UTC", "time"), ("Type", "mono name"), ("Report", "name"), ("", "text dim"))
    return table(columns, rows, "no report is like this")


def _frame(frame: Frame, marked: str | None) -> str:
    bits = 8 * len(frame.octets)
    layout = list(_TM_FRAME)
    has_ocf = frame.octets[1] & 1
    data_end = bits - _FECF_BITS - (_OCF_BITS if has_ocf else 0)
    layout.append(Bits("data field", 48, data_end - 48))
    if has_ocf:
        at = data_end
        for name, length in _CLCW:
            layout.append(Bits(f"CLCW: {name}", at, length))
            at += length
    layout.append(Bits("FECF", bits - _FECF_BITS, _FECF_BITS))
    head = facts(
        [
            ("received", date_clock(frame.unix_ns)),
            ("virtual channel", _channel(frame.virtual_channel)),
            ("Reed-Solomon", f"{frame.corrected} symbols corrected"),
        ]
    )
    return _inspect(head, frame.octets, layout, marked)


def _report(report: Report, marked: str | None) -> str:
    head = facts(
        [
            ("received", date_clock(report.unix_ns)),
            ("report", f"{esc(report.kind)} {esc(report.name)} on virtual channel {report.virtual_channel}"),
            *((name, esc(shown(value))) for name, value in report.values.items()),
        ]
    )
    if not report.octets:
        return f'<div class="padded">{head}</div>'
    bits = 8 * len(report.octets)
    layout = [each for each in _TELEMETRY if each.first + each.length <= bits - _CRC_BITS]
    if bits - _CRC_BITS > 152:
        end = bits - _CRC_BITS
        layout += source_data(report.kind, report.name, report.octets[19 : end // 8])
    layout.append(Bits("CRC-16", bits - _CRC_BITS, _CRC_BITS))
    return _inspect(head, report.octets, layout, marked)


def _inspect(head: str, octets: bytes, layout: list[Bits], marked: str | None) -> str:
    chosen = next((each for each in layout if each.place == marked), None)
    octets_marked = range(0)
    if chosen is not None:
        octets_marked = range(chosen.first // 8, (chosen.first + chosen.length - 1) // 8 + 1)
    rows = [
        Row(
            (place, esc(name), f'<span class="bits">{esc(bits)}</span>', esc(value)),
            place,
            "here" if place == marked else "",
        )
        for place, name, bits, value in fields(octets, layout)
    ]
    columns = (("At", "time"), ("Field", "name"), ("Bits", "name"), ("Value", "mono"))
    return (
        f'<div class="padded">{head}</div>{table(columns, rows)}<div class="padded">{dump(octets, octets_marked)}</div>'
    )


def _channel(number: int) -> str:
    known = {each.value: each.name.lower() for each in Downlink}
    return f"{number} {known.get(number, '')}".rstrip()
