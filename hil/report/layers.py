"""The link layer by layer, from bits to files: what was configured, what happened, and at which end it was counted."""

import html
from collections.abc import Iterator
from typing import Any

from hil.channel.path_loss import bpsk_bit_error_rate, path_loss_change_db
from hil.orbit.outlook import LIGHT_KM_S
from hil.run.evidence import Evidence
from hil.scenario.link import DirectionTable
from hil.scenario.scenario import Scenario
from hil.sky import REFERENCE_RANGE_M
from mission.profiles import find_profile

_FARM = (
    ("_out_of_order", "frames out of order (FARM-1)"),
    ("_duplicate", "frames that came again"),
    ("_locked_out", "frames in lockout"),
)

_WORDS = (
    "Eb/N0: energy of a bit over noise density. BCH, RS: the codes of uplink and downlink (RS is Reed-Solomon). "
    "CLTU: a frame as it goes up. COP-1, FARM-1: repetition of lost command frames, and its end on board. SDLS: "
    "encryption and authentication of frames. CFDP: the file protocol, of which a PDU is a piece. Not reported: the "
    "housekeeping that would tell it was not asked for."
)

Row = tuple[str, str, str]
"""What is counted, up and down."""


def layers(scenario: Scenario, evidence: Evidence) -> str:
    """Give the tables."""
    groups = [
        ("link budget", list(_budget(scenario, evidence))),
        ("bits and octets", list(_octets(evidence))),
        ("frames", list(_frames(evidence))),
        ("COP-1", list(_cop1(evidence))),
        ("security (SDLS)", list(_security(evidence))),
        ("packets", list(_packets(evidence))),
        ("files (CFDP)", list(_files(evidence))),
    ]
    body = "".join(
        f"<tbody><tr class='layer'><th colspan='3'>{html.escape(name)}</th></tr>"
        + "".join(
            f"<tr><td>{html.escape(what)}</td><td class='number'>{html.escape(up)}</td>"
            f"<td class='number'>{html.escape(down)}</td></tr>"
            for what, up, down in rows
        )
        + "</tbody>"
        for name, rows in groups
        if rows
    )
    head = "<thead><tr><th></th><th class='number'>up</th><th class='number'>down</th></tr></thead>"
    return f"<table class='layers'>{head}{body}</table><p class='note'>{html.escape(_WORDS)}</p>"


def _budget(scenario: Scenario, evidence: Evidence) -> Iterator[Row]:
    link = scenario.link
    profile = find_profile(link.profile)
    yield "profile", link.profile, link.profile
    yield "rate", f"{profile.uplink_rate_bps:,} bit/s", f"{profile.downlink_rate_bps:,} bit/s"
    yield "fixed delay", f"{link.up.delay_s:g} s", f"{link.down.delay_s:g} s"
    if evidence.looks:
        ranges_km = [look.range_km for look in evidence.looks]
        for name, range_km in (("nearest", min(ranges_km)), ("farthest", max(ranges_km))):
            where = f"{name}, {range_km:,.0f} km"
            light_ms = f"{range_km / LIGHT_KM_S * 1e3:.2f} ms"
            yield f"{where}: light time", light_ms, light_ms
            yield f"{where}: Eb/N0; bit error rate", _at(link.up, range_km), _at(link.down, range_km)
    else:
        yield "bit error rate", f"{link.up.bit_error_rate:g}", f"{link.down.bit_error_rate:g}"
    if link.up.frame_loss or link.down.frame_loss:
        yield "share of frames lost", f"{link.up.frame_loss:g}", f"{link.down.frame_loss:g}"
    yield "frame", f"{profile.tc_frame_octets_max} octets at most", f"{profile.tm_frame_octets} octets"
    yield "code", "BCH(63,56)", f"RS(255,{255 - profile.parity_octets}), interleave {profile.interleave}"


def _at(direction: DirectionTable, range_km: float) -> str:
    """Give what noise a direction has at a range."""
    if direction.eb_n0_db is None:
        return f"not by range; {direction.bit_error_rate:g}"
    eb_n0_db = direction.eb_n0_db - path_loss_change_db(1e3 * range_km, REFERENCE_RANGE_M)
    return f"{eb_n0_db:.1f} dB; {bpsk_bit_error_rate(eb_n0_db):.1e}"


def _octets(evidence: Evidence) -> Iterator[Row]:
    up, down = (evidence.line_counts.get(direction, {}) for direction in ("up", "down"))
    for name in dict.fromkeys((*up, *down)):
        yield name.replace("_", " "), _number(up.get(name)), _number(down.get(name))
    rates = [
        f"{counts['bits_flipped'] / (8 * counts['octets_delivered']):.2g}" if counts.get("octets_delivered") else "-"
        for counts in (up, down)
    ]
    yield "bit error rate, measured", rates[0], rates[1]


def _frames(evidence: Evidence) -> Iterator[Row]:
    counts, counters = evidence.counts, evidence.station_state.get("counters", {})
    core, link = evidence.housekeeping.get("core", {}), evidence.housekeeping.get("link", {})
    yield "sent", _number(counts.get("station.FrameSent")), _number(counts.get("spacecraft.FrameSent"))
    accepted = core.get("frames_accepted")
    yield "received whole", _told(accepted), _number(counters.get("frames_received"))
    yield "rejected", _told(core.get("frames_rejected")), _number(counters.get("frames_rejected"))
    if link:
        yield "CLTUs that gave nothing whole", _told(link.get("cltus_rejected")), ""
    yield "missed, by their counter", _sum(link, "_missing"), _channels(evidence, "frames_missed")
    yield "symbols corrected by Reed-Solomon", "", _number(counters.get("symbols_corrected"))


def _cop1(evidence: Evidence) -> Iterator[Row]:
    link = evidence.housekeeping.get("link", {})
    yield "initialised", _number(evidence.counts.get("station.CopInitialised", 0)), ""
    yield "alerts", _number(evidence.counts.get("station.CopAlert", 0)), ""
    for ending, what in _FARM:
        if link:
            yield what, _sum(link, ending), ""


def _security(evidence: Evidence) -> Iterator[Row]:
    counts = evidence.station_state.get("security")
    if not counts:
        yield "keys", "none: every frame is believed", "none"
        return
    on_board = next((values for name, values in evidence.housekeeping.items() if name == "keys"), {})
    yield "frames protected", _number(counts.get("protected")), ""
    yield "frames accepted", _told(on_board.get("frames_authentic")), _number(counts.get("accepted"))
    yield "frames refused", _told(on_board.get("frames_refused")), _number(counts.get("refused"))
    for name, value in counts.items():
        if name.startswith("refused: ") and value:
            yield name, "", _number(value)


def _packets(evidence: Evidence) -> Iterator[Row]:
    counters, core = evidence.station_state.get("counters", {}), evidence.housekeeping.get("core", {})
    commands = evidence.commands.values()
    yield "telecommands; packets received", _number(len(commands)), _number(counters.get("packets_received"))
    yield (
        "sent more than once; missed",
        _number(sum(each["tries"] > 1 for each in commands)),
        _channels(evidence, "packets_missed"),
    )
    yield "executed, by housekeeping", _told(core.get("commands_executed")), ""
    yield "refused", _told(core.get("commands_refused")), _number(evidence.counts.get("station.PacketRejected", 0))
    yield "answered from the journal", _told(core.get("commands_repeated")), ""


def _files(evidence: Evidence) -> Iterator[Row]:
    up, down = (evidence.transfers.get(direction, {}) for direction in ("UP", "DOWN"))
    if not up and not down:
        return
    for name in ("started", "finished", "failed", "octets"):
        yield (
            {"octets": "octets of finished files"}.get(name, name),
            _number(up.get(name, 0)),
            _number(down.get(name, 0)),
        )
    refused = evidence.counts.get("station.PduRefused", 0)
    yield "PDUs refused", "", _number(refused)


def _channels(evidence: Evidence, name: str) -> str:
    channels = evidence.station_state.get("channels", {})
    return _number(sum(counts.get(name, 0) for counts in channels.values())) if channels else "-"


def _sum(values: dict[str, Any], ending: str) -> str:
    found = [value for name, value in values.items() if name.endswith(ending)]
    return _number(sum(found)) if found else "not reported"


def _told(value: int | None) -> str:
    """Give a count of the spacecraft, which the ground knows from housekeeping alone."""
    return "not reported" if value is None else f"{value:,}"


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
